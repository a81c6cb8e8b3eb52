//! A simulated process: the lanes and the membership of one node, and its disk's delay.

use crate::clocks::Instant;
use crate::disk::{Batch, Disk, Stored};
use crate::hurdle::Hurdle;
use crate::invariants::{Era, Invariants, Settled};
use crate::listing::ListedReads;
use crate::network::{ProcessNumber, Site};
use crate::plan::Machines;
use crate::planted::Planted;
use protocol::{
    Address, Body, Cell, ChangeRefusal, ChangeRequest, ClusterId, Configuration, Decision, Epoch,
    Group, Incarnation, Join, Lane, LaneOptions, Membership, MembershipEvent, MembershipMessage,
    MembershipOptions, MembershipOutput, Message, NodeId, Operation, Outcome, Output, PeerState,
    PersistNumber, RegisterName, Seat, Standing, Tag, Ticket, Time, UnixMillis,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// One process from its start to its death. Its memory is all it has.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) number: ProcessNumber,
    pub(crate) site: Site,
    pub(crate) incarnation: Incarnation,
    pub(crate) state: State,
    /// What waits to be processed while it is frozen.
    pub(crate) inbox: VecDeque<Input>,
    /// The sites that it is trying to connect to.
    pub(crate) dialling: BTreeSet<Site>,
    pub(crate) timer: Option<Alarm>,
    /// When it last went on after it was frozen, or its clock jumped.
    pub(crate) undisturbed_since: Instant,
    shards: Vec<Shard>,
    listed_reads: ListedReads,
    membership: Membership,
    /// The epochs on which the next configuration is being decided, by the tickets of these
    /// proposals.
    proposals: BTreeMap<Ticket, Epoch>,
    proposals_made: u64,
    hurdle: Hurdle,
    planted: Option<Planted>,
    /// The epoch in which another node has answered for this one, while that is passed on.
    answered_in: Option<Era>,
    /// The registers and bytes that the membership was last told were copied in this epoch.
    copied: (u64, u64),
    /// The seat that it has, or had when it was last a member: not one that was only on its way in.
    seat: Option<Seat>,
    /// How many registers it has copied in all.
    pub(crate) registers_copied: u64,
    /// Whether what is to be made durable is so at once, as with memory only.
    instant_disk: bool,
    /// Whether it has a disk, and what that holds once it has entered a configuration.
    has_disk: bool,
    pub(crate) disk: Option<Disk>,
    /// What is to be written in one go.
    batch: Batch,
    /// The configuration that was entered in this call, if its disk has yet to have it.
    entered: Option<Arc<Configuration>>,
    effects: VecDeque<Effect>,
}

/// Whether a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Frozen,
    Dead,
}

/// A timer that was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Alarm {
    /// The instant for which it was set.
    pub(crate) due: Instant,
    /// The instant at which it goes off, which may be somewhat late.
    pub(crate) rings: Instant,
}

/// What can come to a process.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Request {
        ticket: Ticket,
        operation: Operation,
        timeout: Duration,
    },
    /// An operator asks for a change of members.
    Change {
        ticket: Ticket,
        request: ChangeRequest,
    },
    Message(Box<Message>),
    Membership {
        from: NodeId,
        message: Box<MembershipMessage>,
    },
    LinkUp {
        address: Address,
        peer: Incarnation,
    },
    LinkDown {
        address: Address,
    },
    Durable {
        lane: usize,
        number: PersistNumber,
    },
    Timeout,
}

/// What a process wants done.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Send(Box<Message>),
    SendMembership {
        to: NodeId,
        message: Box<MembershipMessage>,
    },
    Answer {
        ticket: Ticket,
        outcome: Outcome,
        /// Where the lane was then that had it done.
        era: Era,
    },
    /// Make everything of this lane durable up to the number.
    Persist {
        lane: usize,
        number: PersistNumber,
    },
    /// For the first time somebody calls this tag settled.
    CalledSettled(Settled),
    Entered {
        configuration: Arc<Configuration>,
        /// Whether nobody has entered it before.
        is_first: bool,
    },
    /// One of the lanes has copied a group.
    Copied {
        epoch: Epoch,
        group: Group,
    },
    ChangeAnswer {
        ticket: Ticket,
        answer: Result<Epoch, ChangeRefusal>,
    },
    PeerState {
        peer: NodeId,
        state: PeerState,
    },
    Event(MembershipEvent),
    /// Its place is another's: it stops serving.
    Stop {
        by: NodeId,
        address: Address,
    },
}

/// One lane, and what it wants done but may not be done yet.
#[derive(Debug)]
struct Shard {
    lane: Lane,
    durable: PersistNumber,
    persist_last: PersistNumber,
    held: VecDeque<(PersistNumber, Effect)>,
    /// What it keeps of steps, until that is durable.
    unsure: VecDeque<(PersistNumber, (NodeId, Era, RegisterName, Cell))>,
}

impl Shard {
    fn note_durable(&mut self, now: Time, number: PersistNumber, invariants: &mut Invariants) {
        self.durable = self.durable.max(number);
        while let Some((_, kept)) = self
            .unsure
            .pop_front_if(|(number, _)| *number <= self.durable)
        {
            let (node, era, name, cell) = kept;
            invariants.has_durably(node, era, &name, &cell);
        }
        self.lane.handle_persisted(now, number);
    }
}

impl Process {
    pub(crate) fn new(
        number: ProcessNumber,
        site: Site,
        lanes: impl Iterator<Item = LaneOptions>,
        membership: Membership,
        incarnation: Incarnation,
        machines: &Machines,
    ) -> Self {
        let shard = |options| Shard {
            lane: Lane::new(options),
            durable: PersistNumber::NONE,
            persist_last: PersistNumber::NONE,
            held: VecDeque::new(),
            unsure: VecDeque::new(),
        };
        Self {
            number,
            site,
            incarnation,
            state: State::Running,
            inbox: VecDeque::new(),
            dialling: BTreeSet::new(),
            timer: None,
            undisturbed_since: Instant::START,
            shards: lanes.map(shard).collect(),
            listed_reads: ListedReads::default(),
            membership,
            proposals: BTreeMap::new(),
            proposals_made: 0,
            hurdle: Hurdle::new(machines.planted.and_then(Planted::of_protocol)),
            planted: machines.planted,
            answered_in: None,
            copied: (0, 0),
            seat: None,
            registers_copied: 0,
            instant_disk: machines.disk_delay_max.is_zero(),
            has_disk: machines.have_disks,
            disk: None,
            batch: Batch::default(),
            entered: None,
            effects: VecDeque::new(),
        }
    }

    /// It goes on with what its disk kept, before anything comes to it.
    pub(crate) fn restore(&mut self, now: Time, stored: Stored) {
        let lanes = self.shards.len();
        for (index, shard) in self.shards.iter_mut().enumerate() {
            let cells = stored.cells.iter();
            let own = cells.filter(|(name, _)| name.slot().lane(lanes) == index);
            let own = own.map(|(name, cell)| (name.clone(), cell.clone()));
            let floors = stored.floors.iter();
            let floors = floors.filter(|(slot, _)| slot.lane(lanes) == index);
            let floors = floors.map(|(slot, floor)| (*slot, *floor));
            let marks = stored.marks.iter().map(|(&(node, _), &(boot, mark))| {
                let from = Incarnation { node, boot };
                (from, mark)
            });
            shard.lane.restore_floors(floors, marks);
            (shard.lane).restore(now, stored.configuration.clone(), own);
        }
        self.disk = Some(Disk::holding(stored));
    }

    /// Processes one input, with all that follows from it inside of the process.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        wall: UnixMillis,
        input: Input,
        invariants: &mut Invariants,
    ) {
        for shard in &mut self.shards {
            shard.lane.note_wall_clock(wall);
        }
        match input {
            Input::Request {
                ticket,
                operation,
                timeout,
            } => {
                let lane = operation.name().slot().lane(self.shards.len());
                let lane = &mut self.shards[lane].lane;
                let deadline = now + timeout;
                match self.membership.standing() {
                    Standing::Member => {
                        (self.listed_reads).handle_request(lane, now, ticket, operation, deadline)
                    }
                    _ => lane.handle_request(now, ticket, operation, deadline),
                }
            }
            Input::Change { ticket, request } => {
                self.membership.handle_change_request(now, ticket, request);
            }
            Input::Message(message) => self.take_message(now, *message, invariants),
            Input::Membership { from, message } => {
                self.membership.handle_message(now, from, *message)
            }
            Input::LinkUp { address, peer } => {
                for shard in &mut self.shards {
                    shard.lane.handle_incarnation(now, peer);
                }
                self.membership.handle_link_up(now, &address, peer);
            }
            Input::LinkDown { address } => self.membership.handle_link_down(now, &address),
            Input::Durable { lane, number } => {
                let shard = &mut self.shards[lane];
                if let Some(disk) = &mut self.disk {
                    disk.sync_to(lane, number);
                }
                shard.note_durable(now, number, invariants);
            }
            Input::Timeout => {
                while let Some(mut message) = self.hurdle.take_due(now) {
                    if let Some(lane) = message.body.lane(self.shards.len()) {
                        message.epoch = self.shards[lane].lane.epoch();
                        self.shards[lane].lane.handle_message(now, message);
                    }
                }
                for shard in &mut self.shards {
                    shard.lane.handle_timeout(now);
                }
                self.membership.handle_timeout(now);
            }
        }
        loop {
            while self.drain_lanes(now, invariants) || self.drain_membership(now, invariants) {}
            if !self.write_to_disk(now, invariants) {
                break;
            }
        }
        self.answered_in = None;
        self.note_copied();
        self.release(invariants);
    }

    fn take_message(&mut self, now: Time, message: Message, invariants: &mut Invariants) {
        let for_another = message.to != self.incarnation.node;
        let Some(lane) = message.body.lane(self.shards.len()) else {
            return;
        };
        if let Body::ForwardReply { request, .. } = &message.body {
            let told_in = invariants.told_in(message.from, *request);
            self.answered_in = Some(told_in.unwrap_or((message.cluster, message.epoch)));
        }
        let lane = &mut self.shards[lane].lane;
        if let Some(message) = self.hurdle.check(now, message, lane.epoch()) {
            lane.handle_message(now, message);
        }
        if for_another {
            self.expect_silence(invariants);
        }
    }

    /// What is to be done next, until nothing is.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        let lanes = self
            .shards
            .iter()
            .filter_map(|shard| shard.lane.next_timeout());
        let membership = self.membership.next_timeout().map(|(time, _)| time);
        let own = membership.into_iter().chain(self.hurdle.due());
        lanes.map(|(time, _)| time).chain(own).min()
    }

    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Whether it was a member, and was removed: then it does not ask to be let in again.
    pub(crate) fn was_let_go(&self) -> bool {
        let standing = self.membership.standing();
        self.seat.is_some() && standing == Standing::Outsider
    }

    /// Whether another one has its seat: it is to stop.
    pub(crate) fn was_replaced(&self) -> bool {
        let members = self
            .configuration()
            .into_iter()
            .flat_map(|known| known.members_after());
        let mut members = members.filter(|member| Some(member.seat) == self.seat);
        members.any(|member| member.id != self.incarnation.node)
    }

    pub(crate) fn configuration(&self) -> Option<&Arc<Configuration>> {
        self.membership.configuration()
    }

    /// The cluster and the epoch that it is in, if it knows any.
    pub(crate) fn era(&self) -> Option<Era> {
        let configuration = self.configuration()?;
        Some((configuration.cluster(), configuration.epoch()))
    }

    /// How many operations run in the lane that has most of them.
    pub(crate) fn operations_running_max(&self) -> usize {
        let lanes = self.shards.iter().map(|shard| &shard.lane);
        lanes.map(Lane::operations_running).max().unwrap_or(0)
    }

    /// Whether its lanes have copied all that they have to.
    pub(crate) fn is_whole(&self) -> bool {
        let mut progress = self.shards.iter().map(|shard| shard.lane.copy_progress());
        progress.all(|progress| progress.groups_copied == progress.groups)
    }

    /// Takes out what the lanes want done. Returns whether there was anything.
    fn drain_lanes(&mut self, now: Time, invariants: &mut Invariants) -> bool {
        let mut any = false;
        for (lane, shard) in self.shards.iter_mut().enumerate() {
            let mut persisted = None;
            while let Some(output) = shard.lane.poll_output() {
                any = true;
                match output {
                    Output::Send { mut message, after } => {
                        self.hurdle.disguise(&mut message);
                        if let Some(planted) = self.planted {
                            let known = self.membership.configuration();
                            let own = self.incarnation.node;
                            planted.distort(&mut message, own, known.map(|known| &**known));
                        }
                        if let Some(settled) = invariants.sent(&message, shard.lane.epoch()) {
                            let called = Effect::CalledSettled(settled);
                            shard.held.push_back((after, called));
                        }
                        shard
                            .held
                            .push_back((after, Effect::Send(Box::new(message))));
                    }
                    Output::Answer { ticket, outcome } => match self.proposals.remove(&ticket) {
                        Some(base) => {
                            let decision = decision(&outcome);
                            self.membership.handle_decision(now, base, decision);
                        }
                        None => self.effects.push_back(Effect::Answer {
                            ticket,
                            outcome,
                            era: self
                                .answered_in
                                .unwrap_or((shard.lane.cluster(), shard.lane.epoch())),
                        }),
                    },
                    Output::Persist { number, name, cell } => {
                        let era = (shard.lane.cluster(), shard.lane.epoch());
                        let node = self.incarnation.node;
                        invariants.keeps(self.number, era, &name, &cell);
                        if cell.accepted.is_some() {
                            let kept = (node, era, name.clone(), cell.clone());
                            shard.unsure.push_back((number, kept));
                        }
                        if self.has_disk {
                            self.batch.put(lane, number, name, cell);
                        }
                        persisted = Some(number);
                    }
                    Output::Floor {
                        number,
                        slot,
                        floor,
                        base,
                    } => {
                        if self.has_disk {
                            self.batch.raise_floor(lane, number, slot, (floor, base));
                        }
                        persisted = Some(number);
                    }
                    Output::Marks { number, marks } => {
                        if self.has_disk {
                            self.batch.mark(lane, number, marks);
                        }
                        persisted = Some(number);
                    }
                    Output::Forget { number, names } => {
                        let era = (shard.lane.cluster(), shard.lane.epoch());
                        invariants.forgot(self.number, era, &names);
                        if self.has_disk {
                            self.batch.forget(lane, number, names);
                        }
                        persisted = Some(number);
                    }
                    Output::Drop { number, group } => {
                        invariants.dropped(self.number, shard.lane.epoch(), group);
                        if self.has_disk {
                            self.batch.drop_group(lane, number, group);
                        }
                        persisted = Some(number);
                    }
                    Output::Configuration(configuration) => {
                        self.membership.handle_configuration(now, configuration);
                    }
                    Output::Listed { ticket, outcome } => {
                        let lane = &mut shard.lane;
                        let reads = &mut self.listed_reads;
                        let told = reads.ended(lane, now, ticket, outcome, invariants);
                        let era = (shard.lane.cluster(), shard.lane.epoch());
                        self.effects.extend(told.map(|outcome| Effect::Answer {
                            ticket,
                            outcome,
                            era,
                        }));
                    }
                    Output::Copied { epoch, group } => {
                        let era = (shard.lane.cluster(), epoch);
                        invariants.copied(self.number, era, group);
                        self.membership.handle_copied(now, epoch, group);
                        self.effects.push_back(Effect::Copied { epoch, group });
                    }
                }
            }
            if let Some(number) = persisted {
                shard.persist_last = number;
            }
            let is_trusted = self.planted == Some(Planted::SyncLeftOut);
            match persisted {
                Some(number) if self.instant_disk || is_trusted => {
                    if !self.instant_disk {
                        self.effects.push_back(Effect::Persist { lane, number });
                    }
                    shard.note_durable(now, number, invariants);
                }
                Some(number) => self.effects.push_back(Effect::Persist { lane, number }),
                None => {}
            }
        }
        any
    }

    /// Takes out what the membership wants done. Returns whether there was anything.
    fn drain_membership(&mut self, now: Time, invariants: &mut Invariants) -> bool {
        let mut any = false;
        while let Some(output) = self.membership.poll_output() {
            any = true;
            match output {
                MembershipOutput::Send { to, message } => {
                    let message = Box::new(message);
                    self.effects
                        .push_back(Effect::SendMembership { to, message });
                }
                MembershipOutput::Configuration(configuration) => {
                    let node = self.incarnation.node;
                    let is_first = invariants.entered(self.number, node, &configuration);
                    let mut before = configuration.members_before().iter();
                    let own = before.find(|member| member.id == node);
                    self.seat = own.map(|member| member.seat).or(self.seat);
                    self.entered = Some(configuration.clone());
                    for shard in &mut self.shards {
                        shard.lane.handle_configuration(now, configuration.clone());
                    }
                    self.effects.push_back(Effect::Entered {
                        configuration,
                        is_first,
                    });
                }
                MembershipOutput::PeerState { peer, state } => {
                    for shard in &mut self.shards {
                        shard.lane.handle_peer(now, peer, state);
                    }
                    self.effects.push_back(Effect::PeerState { peer, state });
                }
                MembershipOutput::Event(event) => self.effects.push_back(Effect::Event(event)),
                MembershipOutput::Decide { base, next } => self.propose(now, base, &next),
                MembershipOutput::EnteredByMajority(epoch) => {
                    for shard in &mut self.shards {
                        shard.lane.handle_entered_by_majority(now, epoch);
                    }
                }
                MembershipOutput::ChangeAnswer { ticket, answer } => {
                    self.effects
                        .push_back(Effect::ChangeAnswer { ticket, answer });
                }
                MembershipOutput::Stop { by, address } => {
                    self.effects.push_back(Effect::Stop { by, address });
                }
            }
        }
        any
    }

    /// How many registers its lanes took from others, of which they had missed something.
    pub(crate) fn registers_repaired(&self) -> u64 {
        let shards = self.shards.iter();
        let repaired = shards.map(|shard| shard.lane.repair_progress().registers);
        repaired.sum()
    }

    /// The tag of what it holds of a register.
    pub(crate) fn held_tag(&self, name: &RegisterName) -> Option<Tag> {
        let shards = &self.shards;
        let lane = &shards[name.slot().lane(shards.len())].lane;
        lane.record(name).map(|record| record.tag)
    }

    /// How many tombstones its lanes have dropped.
    pub(crate) fn tombstones_dropped(&self) -> u64 {
        let dropped = self
            .shards
            .iter()
            .map(|shard| shard.lane.tombstones_dropped());
        dropped.sum()
    }

    /// Has the first lane decide what follows on the epoch `base`.
    fn propose(&mut self, now: Time, base: Epoch, next: &Configuration) {
        // Clients' tickets are counted up from one.
        self.proposals_made += 1;
        let ticket = Ticket(u64::MAX - self.proposals_made);
        self.proposals.insert(ticket, base);
        let deadline = now + PROPOSAL_TIMEOUT;
        let first = &mut self.shards[0].lane;
        first.handle_proposal(now, ticket, base, next, deadline);
    }

    /// Tells the membership how much the lanes have copied.
    fn note_copied(&mut self) {
        let progress = self.shards.iter().map(|shard| shard.lane.copy_progress());
        let copied = progress.fold((0, 0), |(registers, bytes), progress| {
            (registers + progress.registers, bytes + progress.bytes)
        });
        if copied != self.copied {
            // In a new epoch it counts from nothing.
            let former = if copied.0 < self.copied.0 {
                0
            } else {
                self.copied.0
            };
            self.registers_copied += copied.0 - former;
            self.copied = copied;
            self.membership.note_copied(copied.0, copied.1);
        }
    }

    /// Writes what the call has brought. A configuration is durable before anything is said in it:
    /// for that everything is waited for, and what the lanes say to that may have to be written in
    /// turn. Says whether they may have something to say.
    fn write_to_disk(&mut self, now: Time, invariants: &mut Invariants) -> bool {
        let entered = self.entered.take();
        if !self.has_disk {
            return false;
        }
        if let Some(configuration) = &entered {
            self.disk
                .get_or_insert_with(|| Disk::new(configuration.clone()));
            self.batch.enter(configuration.clone());
        }
        let Some(disk) = &mut self.disk else {
            return false;
        };
        disk.write(std::mem::take(&mut self.batch));
        if entered.is_some() {
            disk.sync_all();
            for shard in &mut self.shards {
                shard.note_durable(now, shard.persist_last, invariants);
            }
            return true;
        }
        if self.instant_disk {
            disk.sync_all();
        }
        false
    }

    /// Lets go, in order, of what rests on nothing that is not durable yet.
    fn release(&mut self, invariants: &mut Invariants) {
        for shard in &mut self.shards {
            while let Some((_, effect)) =
                (shard.held).pop_front_if(|(after, _)| *after <= shard.durable)
            {
                if let Effect::Send(message) = &effect {
                    invariants.leaves(message);
                }
                self.effects.push_back(effect);
            }
        }
    }

    fn expect_silence(&mut self, invariants: &mut Invariants) {
        let outputs = self
            .shards
            .iter_mut()
            .filter_map(|shard| shard.lane.poll_output());
        if let Some(output) = outputs.into_iter().next() {
            let own = self.incarnation.node;
            invariants.fail(format!(
                "{own} did something for a message to another process: {output:?}"
            ));
        }
    }
}

/// How long a node tries to have the next configuration decided before it looks again at which one
/// stands.
const PROPOSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What became of a proposal, by how its read-modify-write ended.
fn decision(outcome: &Outcome) -> Decision {
    match outcome {
        Outcome::Modified { .. } => Decision::Decided,
        Outcome::Unchanged { .. } | Outcome::Refused(_) => Decision::Refused,
        Outcome::Unknown => Decision::Unknown,
        Outcome::Read { .. } | Outcome::Written { .. } => {
            unreachable!("a read-modify-write ends as one")
        }
    }
}

/// What every process is told of its node when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) incarnation: Incarnation,
    pub(crate) advertise: Address,
    /// The addresses of all nodes that found the cluster; or, if it is none of them, of those where
    /// it looks for the cluster.
    pub(crate) list: Vec<Address>,
    /// If it is none of them: the weight that it asks for.
    pub(crate) joins_with: Option<u32>,
    /// The cluster that it may found.
    pub(crate) cluster: ClusterId,
}

impl Identity {
    /// The membership of its process; `entered` is the configuration that its disk holds, if any.
    pub(crate) fn membership(
        &self,
        now: Time,
        machines: &Machines,
        entered: Option<Arc<Configuration>>,
    ) -> Membership {
        let options = MembershipOptions {
            replication: machines.replication,
            abort_after: machines.abort_after,
            carry_on_after: machines.carry_on_after,
            progress_interval: machines.progress_interval,
            replace_after: machines.replace_after,
            join: self.joins_with.map(|weight| Join {
                seeds: self.list.clone(),
                weight,
            }),
            ..MembershipOptions::new(
                self.incarnation,
                self.advertise.clone(),
                self.list.clone(),
                self.cluster,
            )
        };
        let membership = match entered {
            Some(entered) => Membership::restored(now, options, entered),
            None => Membership::new(now, options),
        };
        membership.expect("the options are within their bounds")
    }
}
