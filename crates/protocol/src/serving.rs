//! A lane as replica: what it does for coordinators, and for the one on its own node.

use crate::ballot::{Accepted, Ballot};
use crate::configuration::Configuration;
use crate::invariants::{expect_held, expect_one_record, expect_one_step};
use crate::lane::Lane;
use crate::message::{Bounds, Promise};
use crate::node::NodeId;
use crate::output::{Output, PersistNumber};
use crate::record::Record;
use crate::replica::Updated;
use crate::slot::RegisterName;
use crate::tag::Tag;
use alloc::sync::Arc;

impl Lane {
    /// Applies a record that `by` gives to the own replica, and has it made durable if it was taken.
    /// Returns the tag that is held now, and what must be durable before that is said.
    pub(crate) fn update_replica(
        &mut self,
        by: NodeId,
        name: &RegisterName,
        record: &Record,
    ) -> (Tag, PersistNumber) {
        let updated = self.take_record(by, name, record);
        if updated.taken {
            self.learn_if_reserved(name, record);
        }
        (updated.tag, updated.after)
    }

    /// Applies a record that `by` gives to the own replica, and has it made durable if it was taken.
    pub(crate) fn take_record(
        &mut self,
        by: NodeId,
        name: &RegisterName,
        record: &Record,
    ) -> Updated {
        self.see_record(by, name, record);
        let updated = self.replica.update(name, record);
        if updated.taken {
            self.persist(name, updated.after);
        } else if updated.tag == record.tag {
            expect_one_record(by, name, &self.replica.cell(name).0.record, record);
        }
        expect_held(name, record.tag, updated.tag);
        updated
    }

    /// Promises a ballot or refuses it, and has a new promise made durable. Returns the answer, and
    /// what must be durable before it is given.
    pub(crate) fn promise(
        &mut self,
        name: &RegisterName,
        ballot: Ballot,
    ) -> (Promise, PersistNumber) {
        let (promised, after, is_news) = self.replica.promise(name, ballot);
        if is_news {
            self.persist(name, after);
        }
        if promised > ballot {
            return (Promise::Refused { promised }, after);
        }
        let (cell, _) = self.replica.cell(name);
        let promise = Promise::Promised {
            record: cell.record.clone(),
            accepted: cell.accepted.clone(),
        };
        (promise, after)
    }

    /// Accepts a step of `by` or refuses it, and has what is newly accepted made durable. Returns
    /// the ballot that was promised instead, if it refuses, and what must be durable before that is
    /// said.
    pub(crate) fn accept(
        &mut self,
        by: NodeId,
        name: &RegisterName,
        step: &Accepted,
    ) -> (Option<Ballot>, PersistNumber) {
        let (is_accepted, after, is_news) = self.replica.accept(name, step);
        if is_news {
            self.persist(name, after);
        }
        let (cell, _) = self.replica.cell(name);
        if !is_news && let Some(known) = &cell.accepted {
            expect_one_step(by, name, known, step);
        }
        ((!is_accepted).then_some(cell.promised), after)
    }

    /// What a new record of the register has to keep to, as far as the own replica is concerned.
    pub(crate) fn bounds(&self, name: &RegisterName) -> Bounds {
        self.replica.bounds(name, self.options.memory_bytes_max)
    }

    /// Has what is kept of a register made durable.
    pub(crate) fn persist(&mut self, name: &RegisterName, number: PersistNumber) {
        if !self.options.has_disk {
            return self.note_persisted(number);
        }
        let (cell, _) = self.replica.cell(name);
        self.outputs.push_back(Output::Persist {
            number,
            name: name.clone(),
            cell: cell.clone(),
        });
    }

    /// An update is sent only of what was chosen: one of the reserved register is a configuration
    /// that was decided.
    fn learn_if_reserved(&mut self, name: &RegisterName, record: &Record) {
        if name.is_reserved()
            && let Some(content) = &record.content
            && let Ok(configuration) = Configuration::decode(content)
            && configuration.tag() == record.tag
        {
            self.learn(Arc::new(configuration));
        }
    }
}
