//! Tombstones are dropped once nobody can need them any more: [`Collecting`].
//!
//! A delete must outlive whatever could bring back what it deleted: replicas that lack it, messages
//! on their way, operations that began before it. So it is dropped in *rounds*, each of some
//! tombstones of one slot, each driven by one replica of it, in one epoch that is not joint:
//!
//! ```text
//!   collector                               replicas, its own among them
//!     | -- Confirm: these tombstones ---------> |   take them, raise the slots' floors to them, and
//!     | <-- these are all that I hold --------- |   remember the versions of what is held
//!     |          when all replicas have         |
//!     |                                     members, its own among them
//!     | -- Mark ------------------------------> |   no longer serve those who have left
//!     | <-- the number of my next operation --- |   and with each message: my low-water mark
//!     |   when all marks have reached those     |
//!     |                                     replicas
//!     | -- Compare: the marks ----------------> |   refuse what is below the marks
//!     | <-- what I had below the floor -------- |
//!     |   when that is the same everywhere      |
//!     | -- Forget: these ---------------------> |   raise the base, drop those that did not change
//! ```
//!
//! When a tombstone is dropped anywhere, then (1) all replicas have held it, with nothing older and
//! nothing that may have been chosen on top of it, and (2) all have a floor above its seq,
//! which they tell whoever asks for a register of which they hold no record. (3) Whatever began
//! before that has ended: the mark of a coordinator counts an operation from its first beginning,
//! whatever numbers it drew since. So what is under way began later: it was shown the tombstone, or
//! what stands above it, or a floor by which it makes a greater tag. (4) A message of what has ended
//! is refused: in this epoch, by its number, wherever the tombstone was dropped, and in later ones
//! by its epoch. So is a `Confirm`, which brings tombstones. (5) Those who have left have no mark; no member serves them any more. (6) A promise
//! made later changes what is held, so what is held is kept.

use crate::ballot::Accepted;
use crate::configuration::{ClusterId, Epoch};
use crate::lane::Lane;
use crate::membership::PeerState;
use crate::message::{Body, Counter, RequestId};
use crate::node::{Incarnation, NodeId};
use crate::output::{Output, PersistNumber};
use crate::record::Record;
use crate::replica::Versions;
use crate::slot::{Group, RegisterName, Slot};
use crate::tag::Tag;
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// How far a lane is in dropping tombstones, as collector and as replica.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Collecting {
    /// When it goes on, if there are tombstones.
    next: Option<Time>,
    /// The tombstone that it looked at last; it goes on after it.
    after: Option<RegisterName>,
    /// How often it came to the end of them.
    sweeps: u64,
    round: Option<Round>,
    /// What this replica has confirmed in this epoch: of each collector's lane the latest round.
    confirmed: BTreeMap<(NodeId, u16), Confirmed>,
    /// When the epoch was entered.
    entered_at: Time,
    /// How many tombstones this replica has dropped.
    pub(crate) dropped: u64,
}

/// Some tombstones that are to be dropped.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Round {
    counter: Counter,
    slot: Slot,
    group: Group,
    tombstones: Vec<(RegisterName, Record)>,
    /// Which of them are confirmed by all that have answered: a bit for each.
    held: u64,
    phase: Phase,
    /// What must be durable here before the own part of the phase counts.
    own_after: PersistNumber,
    ask_again_at: Time,
    deadline: Time,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// The replicas that have confirmed.
    Confirming(Vec<NodeId>),
    /// The members that have told the number of their next operation.
    Marking(BTreeMap<NodeId, (Incarnation, Counter)>),
    /// The marks of the members, and which replicas have, or had, records of the same registers
    /// below the floor.
    Comparing {
        marks: Vec<(Incarnation, Counter)>,
        digest: u128,
        compared: Vec<NodeId>,
    },
}

/// What a replica has confirmed to a collector in one round.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Confirmed {
    request: RequestId,
    held: u64,
    slot: Slot,
    /// The least sequence number above those of the tombstones.
    floor: u64,
    /// What was held then. It is dropped only if it has not changed since. Empty once the round has
    /// ended: a message of it that comes again begins nothing anew.
    versions: Vec<(RegisterName, Versions)>,
}

/// How many tombstones one round drops at most: a bit for each.
pub(crate) const TOMBSTONES_MAX: usize = 64;

/// A slot of more registers is left alone: to compare it would take long.
const SLOT_REGISTERS_MAX: usize = 4096;

/// How long a round waits for the replicas to confirm: as long as it does, it holds up those of
/// others.
const CONFIRM_MAX: Duration = Duration::from_secs(10);

/// How long it may take from then on. The longest operations hold it up.
const ROUND_MAX: Duration = Duration::from_secs(120);

/// How many times some tombstones of one slot are looked at, at most, before the lane goes on with
/// other things.
const SLOTS_PER_LOOK: usize = 16;

/// How many intervals it waits when it has come to the end of the tombstones.
const PAUSE_INTERVALS: u32 = 16;

/// A replica that is not the first alive one looks at what that one left only now and then.
const SWEEPS_OF_OTHERS: u64 = 16;

impl Lane {
    /// When [`Lane::collect`] is to be called.
    pub(crate) fn collect_timeout(&self) -> Option<Time> {
        let round = self.collecting.round.as_ref();
        round
            .map(|round| round.ask_again_at)
            .or(self.collecting.next)
    }

    /// The number of a round whose tombstones may still be on their way to be taken. Another round
    /// may drop a newer tombstone meanwhile: that waits, and what comes later is refused.
    pub(crate) fn collect_low_water(&self) -> Option<Counter> {
        let round = self.collecting.round.as_ref();
        let confirming = round.filter(|round| matches!(round.phase, Phase::Confirming(_)));
        confirming.map(|round| round.counter)
    }

    /// How many tombstones this lane's replica holds.
    pub fn tombstones(&self) -> usize {
        self.replica.tombstones()
    }

    /// How many tombstones this lane has dropped.
    pub fn tombstones_dropped(&self) -> u64 {
        self.collecting.dropped
    }

    /// Tombstones are held: they will be looked at.
    pub(crate) fn expect_to_collect(&mut self, now: Time) {
        let Some(interval) = self.options.collect_interval else {
            return;
        };
        if self.collecting.next.is_none() && self.replica.tombstones() > 0 {
            self.collecting.next = Some(now + interval);
        }
    }

    /// Another epoch began: what was confirmed in the former one counts no more.
    pub(crate) fn start_collecting_over(&mut self, now: Time) {
        self.collecting.round = None;
        self.collecting.confirmed.clear();
        self.collecting.entered_at = now;
        self.replica.unwatch_all();
    }

    /// The node has restarted: what its disk kept of [`Output::Floor`] and [`Output::Marks`]. Call it
    /// once, before [`Lane::restore`].
    ///
    /// # Panics
    /// If the lane is in use already.
    pub fn restore_floors(
        &mut self,
        floors: impl IntoIterator<Item = (Slot, (u64, u64))>,
        marks: impl IntoIterator<Item = (Incarnation, Counter)>,
    ) {
        assert!(
            self.configuration.is_none() && self.replica.persist_last() == PersistNumber::NONE,
            "a lane is restored before anything else"
        );
        for (slot, floor) in floors {
            self.replica.restore_floor(slot, floor);
        }
        for (from, mark) in marks {
            self.peers.note_boot(from);
            self.peers.note_low_water(from, mark);
        }
    }

    /// Goes on with the round that runs, or begins one.
    pub(crate) fn collect(&mut self, now: Time) {
        if let Some(round) = &mut self.collecting.round {
            if round.deadline <= now {
                self.collecting.round = None;
            } else if round.ask_again_at <= now {
                round.ask_again_at = now + self.options.resend_max;
                self.ask_round();
                self.carry_on_round(now);
            }
        }
        if self.collecting.next.is_none_or(|next| next > now) {
            return self.expect_to_collect(now);
        }
        self.collecting.next = None;
        self.expect_to_collect(now);
        if self.collecting.round.is_none() && self.may_collect(now) {
            self.begin_round(now);
        }
    }

    /// Whether a round has a chance: it needs every member. Those who left are given some time to
    /// end what they began, since they are not served afterwards.
    fn may_collect(&self, now: Time) -> bool {
        let own = self.options.incarnation.node;
        let Some(configuration) = &self.configuration else {
            return false;
        };
        let wait = self.options.collect_after_change;
        configuration.is_at_rest()
            && configuration.contains(own)
            && (!self.peers.serves_left() || now.since(self.collecting.entered_at) >= wait)
            && (configuration.members())
                .iter()
                .all(|member| member.id == own || self.peers.state(member.id) == PeerState::Alive)
    }

    fn begin_round(&mut self, now: Time) {
        let Some((slot, group, names)) = self.next_of_round(now) else {
            return;
        };
        let record = |name: RegisterName| {
            let record = self.replica.record(&name)?.clone();
            Some((name, record))
        };
        let tombstones: Vec<_> = names.into_iter().filter_map(record).collect();
        let counter = self.operations.draw();
        self.collecting.round = Some(Round {
            counter,
            slot,
            group,
            held: !0,
            tombstones: tombstones.clone(),
            phase: Phase::Confirming(Vec::new()),
            own_after: PersistNumber::NONE,
            ask_again_at: now + self.options.resend_first,
            deadline: now + CONFIRM_MAX,
        });
        let request = self.own_request(counter);
        let confirmed = self.confirm(request, group, &tombstones);
        let (Some((held, after)), Some(round)) = (confirmed, &mut self.collecting.round) else {
            self.collecting.round = None;
            return;
        };
        round.own_after = after;
        self.ask_round();
        let own = self.options.incarnation.node;
        self.take_confirmation(now, own, request, held);
    }

    /// The next tombstones, all of one slot, that this lane is to see to. It looks at some slots in a
    /// call, so that those that others see to cost no more than a look.
    fn next_of_round(&mut self, now: Time) -> Option<(Slot, Group, Vec<RegisterName>)> {
        for _ in 0..SLOTS_PER_LOOK {
            let after = self.collecting.after.take();
            let mut names = self.replica.tombstones_after(after.as_ref());
            let Some(first) = names.next().cloned() else {
                self.collecting.sweeps += 1;
                // What is left could not be dropped, and to try that again at once is in vain.
                let pause = self.options.collect_interval? * PAUSE_INTERVALS;
                self.collecting.next = Some(now + pause);
                return None;
            };
            let slot = first.slot();
            let of_slot = names.take_while(|name| name.slot() == slot);
            let names = [first].into_iter().chain(of_slot.cloned());
            let names: Vec<RegisterName> = names.take(TOMBSTONES_MAX).collect();
            self.collecting.after = names.last().cloned();
            let is_mine = match self.sweep_rank(&names[0]) {
                Some(0) => true,
                Some(_) => self.collecting.sweeps % SWEEPS_OF_OTHERS == SWEEPS_OF_OTHERS - 1,
                None => false,
            };
            let is_large = self.replica.cells_in(slot) > SLOT_REGISTERS_MAX;
            if let Some(group) = slot.group()
                && is_mine
                && !is_large
                && !self.copying.is_lacking(group)
            {
                return Some((slot, group, names));
            }
        }
        None
    }

    fn own_request(&self, counter: Counter) -> RequestId {
        RequestId {
            origin: self.options.incarnation,
            counter,
        }
    }

    /// Asks those who have not answered what the round asks of them.
    fn ask_round(&mut self) {
        let own = self.options.incarnation.node;
        let (Some(round), Some(configuration)) = (&self.collecting.round, &self.configuration)
        else {
            return;
        };
        let (counter, group) = (round.counter, round.group);
        let (asked, body): (Vec<NodeId>, Body) = match &round.phase {
            Phase::Confirming(confirmed) => {
                let replicas = configuration.group_quorums(group).replicas();
                let tombstones = round.tombstones.clone();
                (
                    replicas.filter(|node| !confirmed.contains(node)).collect(),
                    Body::Confirm {
                        counter,
                        group,
                        tombstones,
                    },
                )
            }
            Phase::Marking(marks) => {
                let members = configuration.members().iter().map(|member| member.id);
                (
                    (members.filter(|node| !self.has_passed(marks, *node))).collect(),
                    Body::Mark { counter, group },
                )
            }
            Phase::Comparing {
                marks, compared, ..
            } => {
                let replicas = configuration.group_quorums(group).replicas();
                let marks = marks.clone();
                (
                    replicas.filter(|node| !compared.contains(node)).collect(),
                    Body::Compare {
                        counter,
                        group,
                        marks,
                    },
                )
            }
        };
        for node in asked {
            if node != own {
                self.send(node, self.epoch(), body.clone(), PersistNumber::NONE);
            }
        }
    }

    /// A replica's own part: it takes the tombstones and raises the floors of their slots. Returns
    /// which of them are all that it holds of their registers, and what that rests on; `None` if it
    /// is not to say anything.
    pub(crate) fn confirm(
        &mut self,
        request: RequestId,
        group: Group,
        tombstones: &[(RegisterName, Record)],
    ) -> Option<(u64, PersistNumber)> {
        let own = self.options.incarnation.node;
        let configuration = self.configuration.as_ref()?;
        let slot = tombstones.first()?.0.slot();
        let of_slot = |(name, record): &(RegisterName, Record)| {
            let is_tombstone = record.content.is_none() && !record.tag.is_zero();
            let can_be_passed = record.tag.seq < Tag::SEQ_MAX;
            name.slot() == slot && is_tombstone && can_be_passed
        };
        if self.options.collect_interval.is_none()
            || !configuration.is_at_rest()
            || !configuration.contains(request.origin.node)
            || !configuration.group_quorums(group).contains(own)
            || self.copying.is_lacking(group)
            || tombstones.len() > TOMBSTONES_MAX
            || slot.group() != Some(group)
            || !tombstones.iter().all(of_slot)
        {
            return None;
        }
        let collector = (request.origin.node, request.counter.lane());
        match self.collecting.confirmed.get(&collector) {
            // Late: nothing that has happened since may be taken for what was there then.
            Some(latest) if is_before(request, latest.request) => return None,
            Some(latest) if latest.request == request => {
                return (!latest.versions.is_empty())
                    .then_some((latest.held, self.replica.persist_last()));
            }
            _ => {}
        }
        let seqs = tombstones.iter().map(|(_, record)| record.tag.seq + 1);
        let floor = seqs.max().unwrap_or_default();
        if self.raises_floors() {
            self.raise_floor(slot, (floor, 0));
        }
        let (mut held, mut versions) = (0, Vec::new());
        for (bit, (name, record)) in tombstones.iter().enumerate() {
            self.update_replica(request.origin.node, name, record);
            let (cell, _) = self.replica.cell(name);
            let is_superseded = |step: &Accepted| step.tag <= record.tag;
            if cell.record.tag == record.tag && cell.accepted.as_deref().is_none_or(is_superseded) {
                held |= 1 << bit;
            }
            versions.push((name.clone(), cell.versions()));
        }
        let confirmed = Confirmed {
            request,
            held,
            slot,
            floor,
            versions,
        };
        self.collecting.confirmed.insert(collector, confirmed);
        self.replica.watch(collector, slot, floor);
        Some((held, self.replica.persist_last()))
    }

    fn raises_floors(&self) -> bool {
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(crate::PlantedFault::DropWithoutFloor) {
            return false;
        }
        true
    }

    fn raise_floor(&mut self, slot: Slot, to: (u64, u64)) {
        if let Some(number) = self.replica.raise_floor(slot, to) {
            if !self.options.has_disk {
                return self.note_persisted(number);
            }
            let (floor, base) = self.replica.floor(slot);
            self.outputs.push_back(Output::Floor {
                number,
                slot,
                floor,
                base,
            });
        }
    }

    /// A source of a group has these floors for its slots.
    pub(crate) fn take_floors(&mut self, group: Group, floors: &[(u64, u64)]) {
        for (slot, &floor) in group.slots().zip(floors) {
            self.raise_floor(slot, floor);
        }
    }

    /// A replica has confirmed tombstones of the round that runs here.
    pub(crate) fn take_confirmation(
        &mut self,
        now: Time,
        from: NodeId,
        request: RequestId,
        held: u64,
    ) {
        let (Some(round), Some(configuration)) = (&mut self.collecting.round, &self.configuration)
        else {
            return;
        };
        let Phase::Confirming(confirmed) = &mut round.phase else {
            return;
        };
        let replicas = configuration.group_quorums(round.group);
        if request.counter != round.counter || confirmed.contains(&from) || !replicas.contains(from)
        {
            return;
        }
        confirmed.push(from);
        round.held &= held;
        self.carry_on_round(now);
    }

    /// Goes on to the next phase of the round, if all have answered that are to.
    pub(crate) fn carry_on_round(&mut self, now: Time) {
        if self.collecting.round.is_none() {
            return;
        }
        let own = self.options.incarnation;
        self.peers.note_low_water(own, self.low_water());
        let (Some(round), Some(configuration)) = (&self.collecting.round, &self.configuration)
        else {
            return;
        };
        let replicas = configuration.group_quorums(round.group);
        let is_all = |answered: &[NodeId]| replicas.replicas().all(|node| answered.contains(&node));
        let is_durable = round.own_after <= self.persisted;
        match &round.phase {
            Phase::Confirming(confirmed) if is_all(confirmed) && is_durable => {
                self.begin_marking(now);
            }
            Phase::Marking(marks) => {
                let mut members = configuration.members().iter();
                if members.all(|member| self.has_passed(marks, member.id)) {
                    let marks = marks.values().copied().collect();
                    self.begin_comparing(now, marks);
                }
            }
            Phase::Comparing { compared, .. } if is_all(compared) && is_durable => self.end_round(),
            Phase::Confirming(_) | Phase::Comparing { .. } => {}
        }
    }

    /// Whether a member has told its mark, and all that it had begun before that has ended.
    fn has_passed(&self, marks: &BTreeMap<NodeId, (Incarnation, Counter)>, node: NodeId) -> bool {
        let told = marks.get(&node);
        told.is_some_and(|(from, mark)| self.peers.has_reached(*from, *mark))
    }

    /// All replicas hold the tombstones. What has begun before that is to end.
    fn begin_marking(&mut self, now: Time) {
        let Some(round) = &mut self.collecting.round else {
            return;
        };
        let tombstones = round.tombstones.len();
        round.held &= u64::MAX >> (TOMBSTONES_MAX - tombstones);
        if round.held == 0 {
            self.collecting.round = None;
            return;
        }
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(crate::PlantedFault::DropWithoutMarks) {
            return self.end_round();
        }
        round.phase = Phase::Marking(BTreeMap::new());
        round.deadline = now + ROUND_MAX;
        round.ask_again_at = now + self.options.resend_first;
        let counter = round.counter;
        self.ask_round();
        let request = self.own_request(counter);
        let (own, mark) = (self.options.incarnation, self.operations.next());
        self.peers.revoke_left();
        self.take_mark(now, own, request, mark);
    }

    /// A member tells the number of its next operation, and has told its low-water mark.
    pub(crate) fn take_mark(
        &mut self,
        now: Time,
        from: Incarnation,
        request: RequestId,
        mark: Counter,
    ) {
        let (Some(round), Some(configuration)) = (&mut self.collecting.round, &self.configuration)
        else {
            return;
        };
        let Phase::Marking(marks) = &mut round.phase else {
            return;
        };
        if request.counter != round.counter || !configuration.contains(from.node) {
            return;
        }
        let told = *marks.entry(from.node).or_insert((from, mark));
        if told.0 != from {
            // It has restarted since: its operations are others.
            marks.insert(from.node, (from, mark));
        }
        self.carry_on_round(now);
    }

    /// All that began before has ended, and its messages are refused where this is heard: what
    /// replicas hold below the floor, or held meanwhile, is all that is ever there.
    fn begin_comparing(&mut self, now: Time, marks: Vec<(Incarnation, Counter)>) {
        let own = self.options.incarnation.node;
        let Some(counter) = self.collecting.round.as_ref().map(|round| round.counter) else {
            return;
        };
        let request = self.own_request(counter);
        let Some((digest, after)) = self.compare(now, request, &marks) else {
            self.collecting.round = None;
            return;
        };
        if let Some(round) = &mut self.collecting.round {
            round.own_after = after;
            round.ask_again_at = now + self.options.resend_first;
            round.phase = Phase::Comparing {
                marks,
                digest,
                compared: Vec::new(),
            };
        }
        self.ask_round();
        self.take_comparison(now, own, request, digest);
    }

    /// A replica's own part: it serves nothing below the marks any more, and tells which registers
    /// have, or had since it confirmed, records below the floor. Returns that and what it rests on.
    pub(crate) fn compare(
        &mut self,
        now: Time,
        request: RequestId,
        marks: &[(Incarnation, Counter)],
    ) -> Option<(u128, PersistNumber)> {
        let collector = (request.origin.node, request.counter.lane());
        let confirmed = self.collecting.confirmed.get(&collector)?;
        if confirmed.request != request || confirmed.versions.is_empty() {
            return None;
        }
        let (below, passed) = self.replica.watched(collector)?;
        for (from, mark) in marks {
            if self.peers.note_low_water(*from, *mark) {
                self.handle_incarnation(now, *from);
            }
        }
        let number = self.replica.next_persist();
        if self.options.has_disk {
            let marks = marks.to_vec();
            self.outputs.push_back(Output::Marks { number, marks });
        } else {
            self.note_persisted(number);
        }
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(crate::PlantedFault::DropByWhatIsLeft) {
            return Some((below, number));
        }
        Some((below.wrapping_add(passed), number))
    }

    /// A replica has told what it has below the floor. If two differ the round has failed.
    pub(crate) fn take_comparison(
        &mut self,
        now: Time,
        from: NodeId,
        request: RequestId,
        told: u128,
    ) {
        let (Some(round), Some(configuration)) = (&mut self.collecting.round, &self.configuration)
        else {
            return;
        };
        let Phase::Comparing {
            digest, compared, ..
        } = &mut round.phase
        else {
            return;
        };
        let replicas = configuration.group_quorums(round.group);
        if request.counter != round.counter || !replicas.contains(from) {
            return;
        }
        if told != *digest {
            self.collecting.round = None;
            return;
        }
        if !compared.contains(&from) {
            compared.push(from);
        }
        self.carry_on_round(now);
    }

    /// The tombstones are dropped.
    fn end_round(&mut self) {
        let own = self.options.incarnation.node;
        let (Some(round), Some(configuration)) =
            (self.collecting.round.take(), self.configuration.clone())
        else {
            return;
        };
        let Round {
            counter,
            group,
            held,
            ..
        } = round;
        for node in configuration.group_quorums(group).replicas() {
            if node != own {
                let body = Body::Forget {
                    counter,
                    group,
                    held,
                };
                self.send(node, self.epoch(), body, PersistNumber::NONE);
            }
        }
        self.forget(self.own_request(counter), held);
    }

    /// A replica's own part: it drops what has not changed since it confirmed it.
    pub(crate) fn forget(&mut self, request: RequestId, held: u64) {
        let collector = (request.origin.node, request.counter.lane());
        let Some(confirmed) = self.collecting.confirmed.get_mut(&collector) else {
            return;
        };
        if confirmed.request != request {
            return;
        }
        let versions = core::mem::take(&mut confirmed.versions);
        let (held, slot, floor) = (held & confirmed.held, confirmed.slot, confirmed.floor);
        if versions.is_empty() {
            return;
        }
        self.replica.unwatch(collector);
        if self.raises_floors() {
            self.raise_floor(slot, (floor, floor));
        }
        let mut names = Vec::new();
        for (bit, (name, versions)) in versions.into_iter().enumerate() {
            let is_same = self.replica.cell(&name).0.versions() == versions;
            if held & (1 << bit) != 0 && is_same {
                self.replica.forget(&name);
                names.push(name);
            }
        }
        if names.is_empty() {
            return;
        }
        self.collecting.dropped += names.len() as u64;
        let number = self.replica.next_persist();
        if !self.options.has_disk {
            return self.note_persisted(number);
        }
        self.outputs.push_back(Output::Forget { number, names });
    }

    /// Whether what one member asks of another in a round counts: both are in this epoch.
    pub(crate) fn is_of_round(&self, from: NodeId, at: (ClusterId, Epoch)) -> bool {
        let configuration = self.configuration.as_ref();
        at == self.era() && configuration.is_some_and(|entered| entered.contains(from))
    }
}

fn is_before(request: RequestId, latest: RequestId) -> bool {
    (request.origin.boot, request.counter) < (latest.origin.boot, latest.counter)
}
