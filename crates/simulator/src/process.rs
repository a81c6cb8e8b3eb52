//! A simulated process: the lanes and the membership of one node, and its disk's delay.

use crate::clocks::Instant;
use crate::invariants::Invariants;
use crate::network::{ProcessNumber, Site};
use protocol::{
    Address, ClusterId, Configuration, Incarnation, Lane, LaneOptions, Membership, MembershipEvent,
    MembershipMessage, MembershipOptions, MembershipOutput, Message, NodeId, Operation, Outcome,
    Output, PeerState, PersistNumber, RegisterName, Tag, Ticket, Time,
};
use std::collections::{BTreeSet, VecDeque};
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
    membership: Membership,
    /// Whether what is to be made durable is so at once, as with memory only.
    instant_disk: bool,
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
    Message(Message),
    Membership {
        from: NodeId,
        message: MembershipMessage,
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
    Send(Message),
    SendMembership {
        to: NodeId,
        message: MembershipMessage,
    },
    Answer {
        ticket: Ticket,
        outcome: Outcome,
    },
    /// Make everything of this lane durable up to the number.
    Persist {
        lane: usize,
        number: PersistNumber,
    },
    /// For the first time somebody calls this tag settled.
    CalledSettled {
        name: RegisterName,
        tag: Tag,
    },
    Entered(Arc<Configuration>),
    PeerState {
        peer: NodeId,
        state: PeerState,
    },
    Event(MembershipEvent),
}

/// One lane, and what it wants done but may not be done yet.
#[derive(Debug)]
struct Shard {
    lane: Lane,
    durable: PersistNumber,
    held: VecDeque<(PersistNumber, Effect)>,
}

impl Process {
    pub(crate) fn new(
        number: ProcessNumber,
        site: Site,
        lanes: impl Iterator<Item = LaneOptions>,
        membership: Membership,
        incarnation: Incarnation,
        instant_disk: bool,
    ) -> Self {
        let shard = |options| Shard {
            lane: Lane::new(options),
            durable: PersistNumber::NONE,
            held: VecDeque::new(),
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
            membership,
            instant_disk,
            effects: VecDeque::new(),
        }
    }

    /// Processes one input, with all that follows from it inside of the process.
    pub(crate) fn handle(&mut self, now: Time, input: Input, invariants: &mut Invariants) {
        match input {
            Input::Request {
                ticket,
                operation,
                timeout,
            } => {
                let lane = operation.name().slot().lane(self.shards.len());
                self.shards[lane]
                    .lane
                    .handle_request(now, ticket, operation, now + timeout);
            }
            Input::Message(message) => {
                let for_another = message.to != self.incarnation.node;
                if let Some(lane) = message.body.lane(self.shards.len()) {
                    self.shards[lane].lane.handle_message(now, message);
                }
                if for_another {
                    self.expect_silence(invariants);
                }
            }
            Input::Membership { from, message } => {
                self.membership.handle_message(now, from, message)
            }
            Input::LinkUp { address, peer } => self.membership.handle_link_up(now, &address, peer),
            Input::LinkDown { address } => self.membership.handle_link_down(now, &address),
            Input::Durable { lane, number } => {
                let shard = &mut self.shards[lane];
                shard.durable = shard.durable.max(number);
                shard.lane.handle_persisted(now, number);
            }
            Input::Timeout => {
                for shard in &mut self.shards {
                    shard.lane.handle_timeout(now);
                }
                self.membership.handle_timeout(now);
            }
        }
        while self.drain_lanes(now, invariants) || self.drain_membership(now, invariants) {}
        self.release();
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
        lanes.map(|(time, _)| time).chain(membership).min()
    }

    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    pub(crate) fn is_member(&self) -> bool {
        self.configuration()
            .is_some_and(|configuration| configuration.contains(self.incarnation.node))
    }

    pub(crate) fn configuration(&self) -> Option<&Arc<Configuration>> {
        self.membership.configuration()
    }

    pub(crate) fn operations_running(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lane.operations_running())
            .sum()
    }

    /// Takes out what the lanes want done. Returns whether there was anything.
    fn drain_lanes(&mut self, now: Time, invariants: &mut Invariants) -> bool {
        let mut any = false;
        for (lane, shard) in self.shards.iter_mut().enumerate() {
            let mut confirmed = None;
            while let Some(output) = shard.lane.poll_output() {
                any = true;
                match output {
                    Output::Send { message, after } => {
                        if let Some((name, tag)) = invariants.sent(&message) {
                            shard
                                .held
                                .push_back((after, Effect::CalledSettled { name, tag }));
                        }
                        shard.held.push_back((after, Effect::Send(message)));
                    }
                    Output::Answer { ticket, outcome } => {
                        self.effects.push_back(Effect::Answer { ticket, outcome });
                    }
                    Output::Persist {
                        number,
                        name,
                        record,
                    } => {
                        invariants.shown(&name, &record);
                        invariants.holds(self.number, &name, record.tag);
                        if self.instant_disk {
                            confirmed = Some(number);
                        } else {
                            self.effects.push_back(Effect::Persist { lane, number });
                        }
                    }
                    Output::Configuration(configuration) => {
                        self.membership.handle_configuration(now, configuration);
                    }
                }
            }
            if let Some(number) = confirmed {
                shard.durable = number;
                shard.lane.handle_persisted(now, number);
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
                    self.effects
                        .push_back(Effect::SendMembership { to, message });
                }
                MembershipOutput::Configuration(configuration) => {
                    invariants.entered(self.number, configuration.cluster());
                    for shard in &mut self.shards {
                        shard.lane.handle_configuration(now, configuration.clone());
                    }
                    self.effects.push_back(Effect::Entered(configuration));
                }
                MembershipOutput::PeerState { peer, state } => {
                    for shard in &mut self.shards {
                        shard.lane.handle_peer(now, peer, state);
                    }
                    self.effects.push_back(Effect::PeerState { peer, state });
                }
                MembershipOutput::Event(event) => self.effects.push_back(Effect::Event(event)),
            }
        }
        any
    }

    /// Lets go, in order, of what rests on nothing that is not durable yet.
    fn release(&mut self) {
        for shard in &mut self.shards {
            while let Some((after, _)) = shard.held.front()
                && *after <= shard.durable
            {
                self.effects
                    .extend(shard.held.pop_front().map(|(_, effect)| effect));
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

/// What every process is told of its node when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) incarnation: Incarnation,
    /// The addresses of all nodes, its own among them.
    pub(crate) addresses: Vec<Address>,
    /// The cluster that it may found.
    pub(crate) cluster: ClusterId,
}

impl Identity {
    pub(crate) fn membership(&self, now: Time) -> Membership {
        let options =
            MembershipOptions::new(self.incarnation, self.addresses.clone(), self.cluster);
        Membership::new(now, options).expect("the options are the defaults")
    }
}
