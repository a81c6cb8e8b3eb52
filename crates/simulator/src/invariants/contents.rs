//! That nothing has two contents: no tag, and no step under one ballot. [`Contents`].

use super::lineage::Generation;
use protocol::{Accepted, Ballot, Record, RegisterName, Tag};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The one content of each tag and of each proposed step.
#[derive(Debug, Default)]
pub(super) struct Contents {
    records: HashMap<(Generation, RegisterName, Tag), Record>,
    /// Steps that were proposed. Under another ballot the same tag may have another content, as
    /// long as it is not chosen.
    steps: HashMap<(Generation, RegisterName, Ballot, Tag), Accepted>,
}

impl Contents {
    /// A record stands somewhere. Says whether nobody has seen one of its tag before.
    ///
    /// # Errors
    /// If that one was another.
    pub(super) fn stands(
        &mut self,
        generation: Generation,
        name: &RegisterName,
        record: &Record,
    ) -> Result<bool, String> {
        match self.records.entry((generation, name.clone(), record.tag)) {
            Entry::Vacant(vacant) => {
                vacant.insert(record.clone());
                Ok(true)
            }
            Entry::Occupied(known) if agree(name, known.get(), record) => Ok(false),
            Entry::Occupied(known) => Err(format!(
                "one tag of {name} has two contents: {:?} and {record:?}",
                known.get()
            )),
        }
    }

    /// The record of a tag, if it stood anywhere: in this generation or, if it is what a recovery
    /// left, in a former one.
    pub(super) fn record(
        &self,
        generation: Generation,
        name: &RegisterName,
        tag: Tag,
    ) -> Option<&Record> {
        let mut generations = (0..=generation.number).rev().map(|number| Generation {
            number,
            ..generation
        });
        generations.find_map(|generation| self.records.get(&(generation, name.clone(), tag)))
    }

    /// A step was proposed, or accepted.
    ///
    /// # Errors
    /// If another one was, of the same tag and under the same ballot.
    pub(super) fn proposed(
        &mut self,
        generation: Generation,
        name: &RegisterName,
        step: &Accepted,
    ) -> Result<(), String> {
        let (ballot, tag) = step.rank();
        let known = self.steps.entry((generation, name.clone(), ballot, tag));
        let known = known.or_insert_with(|| step.clone());
        match known == step {
            true => Ok(()),
            false => Err(format!(
                "one step of {name} has two contents: {known:?} and {step:?}"
            )),
        }
    }

    /// The step that was proposed under this ballot with this tag.
    pub(super) fn step(
        &self,
        generation: Generation,
        name: &RegisterName,
        (ballot, tag): (Ballot, Tag),
    ) -> Option<&Accepted> {
        self.steps.get(&(generation, name.clone(), ballot, tag))
    }
}

/// Whether two records of one tag may be. Of the reserved register they may differ in the step
/// that made them, since a node that enters a configuration does not know which one that was.
fn agree(name: &RegisterName, one: &Record, other: &Record) -> bool {
    let same_content = one.content == other.content && one.expiry == other.expiry;
    match name.is_reserved() {
        true => same_content,
        false => one.agrees_with(other),
    }
}
