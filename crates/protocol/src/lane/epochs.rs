//! The epochs of a lane: which one it is in, entering the next, and proposing it.

use super::Lane;
use crate::change::{Change, Condition};
use crate::configuration::{ClusterId, Configuration, Epoch};
use crate::invariants::{expect_one_configuration, expect_quorums_to_meet};
use crate::message::{Body, Counter};
use crate::operation::{Operation, Outcome, Refusal};
use crate::output::{Output, PersistNumber, Ticket};
use crate::replica::Cell;
use crate::running::Origin;
use crate::slot::{RegisterName, Slot};
use crate::time::Time;
use alloc::sync::Arc;

impl Lane {
    /// The node has restarted, under its former id with a greater boot, with what its disk kept:
    /// the configuration that it had entered last, and cells of this lane. Call it once, before
    /// anything else. What the others completed meanwhile is copied from them in the background.
    ///
    /// All that this node ever said in a message must be among it: then it counts in quorums as if
    /// it had been away, and nothing else. The node restores its
    /// [`Membership`](crate::Membership) with the same configuration.
    ///
    /// # Panics
    /// If the lane is in use already.
    pub fn restore(
        &mut self,
        now: Time,
        configuration: Arc<Configuration>,
        cells: impl IntoIterator<Item = (RegisterName, Cell)>,
    ) {
        assert!(
            self.configuration.is_none()
                && self.operations.next() == Counter::first(self.options.lane),
            "a lane is restored before anything else"
        );
        for (name, cell) in cells {
            self.replica.restore(&name, cell);
        }
        let own = self.options.incarnation.node;
        self.peers.note_members(own, None, &configuration);
        self.start_collecting_over(now);
        self.configuration = Some(configuration.clone());
        if self.has_reserved_register() {
            self.hold_configuration(&configuration);
        }
        self.copying.note_was_away();
        self.start_copying(now);
        self.expect_to_repair(now);
    }

    /// The node enters a decided configuration; it tells all its lanes. An epoch that is not
    /// newer changes nothing.
    pub fn handle_configuration(&mut self, now: Time, configuration: Arc<Configuration>) {
        if configuration.epoch() <= self.epoch() {
            if let Some(known) = &self.configuration {
                expect_one_configuration(known, &configuration);
            }
            return;
        }
        let former = self.configuration.clone();
        let former = former.as_deref();
        // Only from one epoch to the next do quorums meet, and not those of a forced group.
        let follows = former.is_none_or(|former| {
            former.cluster() == configuration.cluster()
                && former.epoch().next() == configuration.epoch()
        });
        if follows && let Some(former) = former {
            expect_quorums_to_meet(former, &configuration);
        }
        if !follows || !configuration.forced().is_empty() {
            self.seen.forget();
        }
        self.configuration = Some(configuration.clone());
        let own = self.options.incarnation.node;
        let was_away = !follows || former.is_some_and(|former| !former.contains(own));
        self.peers.note_members(own, former, &configuration);
        self.start_collecting_over(now);
        self.start_repairing_over();
        self.drop_leftovers(former);
        if self.has_reserved_register() {
            self.hold_configuration(&configuration);
        }
        self.start_all_over(now, was_away, |slot| {
            !follows || configuration.is_forced(slot)
        });
        self.start_listings_over(now);
        self.start_copying(now);
        // Those that this replica could not serve need not wait until they send again.
        for request in self.peers.take_passed() {
            let epoch = configuration.epoch();
            let body = Body::Entered { request };
            self.send(request.origin.node, epoch, body, PersistNumber::NONE);
        }
    }

    /// The reserved register holds the configuration, whichever way a replica came to enter it.
    fn hold_configuration(&mut self, configuration: &Configuration) {
        let (own, name) = (self.options.incarnation.node, RegisterName::CONFIGURATION);
        let record = configuration.record();
        self.take_record(own, &name, &record);
        self.replica.settle(&name, record.tag);
    }

    fn has_reserved_register(&self) -> bool {
        Slot::RESERVED.lane(self.options.lanes.into()) == usize::from(self.options.lane)
    }

    /// The node wants this configuration to follow on the one of epoch `base`, which this lane is
    /// in: a read-modify-write of the reserved register. Exactly one [`Output::Answer`] with this
    /// ticket follows, as after [`Lane::handle_request`].
    ///
    /// It ends as [`Outcome::Modified`] if this configuration was decided; as
    /// [`Outcome::Unchanged`] or [`Outcome::Refused`] if this call did not decide it and never will;
    /// and as [`Outcome::Unknown`] otherwise: then the configuration that stands in the end tells.
    ///
    /// # Panics
    /// If this is not the first lane, which holds the reserved register; or if the configuration is
    /// not of the epoch after `base`.
    pub fn handle_proposal(
        &mut self,
        now: Time,
        ticket: Ticket,
        base: Epoch,
        next: &Configuration,
        deadline: Time,
    ) {
        assert!(self.has_reserved_register(), "the first lane proposes");
        assert_eq!(next.epoch(), base.next(), "epochs follow one on another");
        let origin = Origin::Client(ticket);
        let Some(tag) = self
            .configuration
            .as_ref()
            .filter(|configuration| configuration.epoch() == base)
            .map(|configuration| configuration.tag())
        else {
            // Another one was decided in the meantime.
            return self.tell(origin, true, Outcome::Refused(Refusal::NoQuorum));
        };
        if !self.is_member() {
            return self.tell(origin, true, Outcome::Refused(Refusal::NoMember));
        }
        let change = Change::set_if(Condition::Tag(tag), Some(next.encode()));
        let name = RegisterName::CONFIGURATION;
        self.start(now, origin, Operation::Modify { name, change }, deadline);
    }

    /// A majority of the members of the configuration of this epoch has entered it: what this
    /// node holds of groups that are not its own any more is needed by nobody, and is dropped.
    pub fn handle_entered_by_majority(&mut self, _now: Time, epoch: Epoch) {
        self.drop_left_groups(epoch);
    }

    /// The epoch this lane has entered.
    pub fn epoch(&self) -> Epoch {
        let configuration = self.configuration.as_ref();
        configuration.map_or(Epoch::NONE, |configuration| configuration.epoch())
    }

    /// The cluster whose configuration this lane has entered.
    pub fn cluster(&self) -> ClusterId {
        let configuration = self.configuration.as_ref();
        configuration.map_or(ClusterId::NONE, |configuration| configuration.cluster())
    }

    /// Where this lane is: an epoch says nothing beyond its cluster.
    pub(crate) fn era(&self) -> (ClusterId, Epoch) {
        (self.cluster(), self.epoch())
    }

    /// Whether this node is a member in the configuration that the lane has entered.
    pub(crate) fn is_member(&self) -> bool {
        let own = self.options.incarnation.node;
        let configuration = self.configuration.as_ref();
        configuration.is_some_and(|configuration| configuration.contains(own))
    }

    /// Another node told of a configuration that was decided.
    pub(crate) fn learn(&mut self, configuration: Arc<Configuration>) {
        if configuration.epoch() > self.epoch() {
            self.outputs.push_back(Output::Configuration(configuration));
        }
    }
}
