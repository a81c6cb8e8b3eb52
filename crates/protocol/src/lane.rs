//! The door to the protocol: [`Lane`].

use crate::configuration::{Configuration, Epoch};
use crate::coordinator::OwnVote;
use crate::forward::Forwards;
use crate::membership::PeerState;
use crate::message::{Answer, Body, Message, RequestId};
use crate::node::{Incarnation, NodeId};
use crate::operation::Operation;
use crate::output::{Output, PersistNumber, Ticket};
use crate::peers::Peers;
use crate::record::Record;
use crate::replica::Replica;
use crate::running::{Operations, Origin};
use crate::slot::{RegisterName, Slot};
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::time::Duration;

/// The protocol state of the registers whose slots fall to it: its replica's records, the
/// operations that it coordinates, and its view of the configuration and of the peers.
///
/// A node runs one or more lanes side by side; they share nothing. After each call of a
/// `handle_*` method the caller takes all that [`Lane::poll_output`] gives and does it, in that
/// order; see the crate's documentation for the loop.
///
/// A lane never blocks. What it holds is bounded by the records it was given, by
/// [`LaneOptions::operations_max`], and by a few words for each process that ever sent it a
/// message: a low-water mark must not be forgotten, or a late request could be executed again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lane {
    pub(crate) options: LaneOptions,
    /// The configuration whose epoch this lane has entered. Once entered, no request of an older
    /// epoch is served: check, application and acknowledgement are one call.
    pub(crate) configuration: Option<Arc<Configuration>>,
    pub(crate) replica: Replica,
    pub(crate) operations: Operations,
    /// The greatest sequence number ever issued here for each slot, so that two writes through
    /// this node never get the same tag.
    pub(crate) issued: BTreeMap<Slot, u64>,
    pub(crate) forwards: Forwards,
    pub(crate) peers: Peers,
    pub(crate) persisted: PersistNumber,
    pub(crate) own_votes: VecDeque<OwnVote>,
    pub(crate) outputs: VecDeque<Output>,
}

impl Lane {
    /// A lane without records, in no cluster yet.
    ///
    /// # Panics
    /// If messages would be sent again without any wait, that is for ever at one instant.
    pub fn new(options: LaneOptions) -> Self {
        assert!(
            !options.resend_first.is_zero() && !options.resend_max.is_zero(),
            "a message is sent again after some time"
        );
        Self {
            operations: Operations::new(options.lane),
            options,
            configuration: None,
            replica: Replica::default(),
            issued: BTreeMap::new(),
            forwards: Forwards::default(),
            peers: Peers::default(),
            persisted: PersistNumber::NONE,
            own_votes: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A client asks for an operation. Exactly one [`Output::Answer`] with this ticket follows,
    /// by the first [`Lane::handle_timeout`] at or after the deadline at the latest.
    pub fn handle_request(
        &mut self,
        now: Time,
        ticket: Ticket,
        operation: Operation,
        deadline: Time,
    ) {
        self.start(now, Origin::Client(ticket), operation, deadline);
    }

    /// A message arrived. Whoever delivers it vouches for [`Message::from`].
    ///
    /// Messages may be lost, repeated, late and out of order; one that is for another node, of
    /// another epoch, or about something that has ended changes nothing.
    pub fn handle_message(&mut self, now: Time, message: Message) {
        let Message {
            from,
            to,
            epoch,
            low_water,
            body,
        } = message;
        if to != self.options.incarnation.node {
            return;
        }
        self.peers.note_low_water(from, low_water);
        self.forwards.forget_ended(from, low_water);
        match body {
            Body::Query {
                counter,
                name,
                want,
            } => {
                let request = RequestId {
                    origin: from,
                    counter,
                };
                if self.admit(request, epoch) {
                    let (answer, after) = self.replica.query(&name, want);
                    let body = Body::QueryReply { request, answer };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::Update {
                counter,
                name,
                record,
            } => {
                let request = RequestId {
                    origin: from,
                    counter,
                };
                if self.admit(request, epoch) {
                    let (tag, after) = self.update_replica(&name, &record);
                    let body = Body::UpdateReply { request, tag };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::Settled { name, tag } => {
                if epoch == self.epoch() {
                    self.replica.settle(&name, tag);
                }
            }
            Body::QueryReply { request, answer } => {
                if self.is_mine(request) && epoch == self.epoch() {
                    self.take_answer(from.node, request.counter, answer);
                }
            }
            Body::UpdateReply { request, tag } => {
                if self.is_mine(request) && epoch == self.epoch() {
                    let settled = false;
                    let answer = Answer::Tag { tag, settled };
                    self.take_answer(from.node, request.counter, answer);
                }
            }
            Body::StaleEpoch {
                configuration,
                request,
            } => {
                if self.is_mine(request) {
                    self.learn(configuration);
                }
            }
            Body::Configuration { configuration } => self.learn(configuration),
            Body::ConfigurationRequest { .. } => {
                if let Some(configuration) = self.configuration.clone() {
                    let epoch = configuration.epoch();
                    let body = Body::Configuration { configuration };
                    self.send(from.node, epoch, body, PersistNumber::NONE);
                }
            }
            Body::Forward {
                counter,
                operation,
                time_left,
            } => {
                if !self.peers.has_ended(from, counter) {
                    self.take_forward(now, from, counter, operation, time_left);
                }
            }
            Body::ForwardReply { request, outcome } => {
                if self.is_mine(request) {
                    self.take_forward_reply(now, from.node, request.counter, outcome);
                }
            }
        }
    }

    /// The failure detector says this of a peer. It decides whom to ask first, and whom to ask
    /// again at once; never what is true.
    pub fn handle_peer(&mut self, now: Time, peer: NodeId, state: PeerState) {
        let former = self.peers.note_state(peer, state);
        if state == PeerState::Alive && former != PeerState::Alive {
            self.peer_is_back(now, peer);
        }
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(PlantedFault::TrustDetector) {
            self.carry_on_all();
        }
    }

    /// The node enters a decided configuration; it tells all its lanes. An epoch that is not
    /// newer changes nothing.
    pub fn handle_configuration(&mut self, now: Time, configuration: Arc<Configuration>) {
        if configuration.epoch() > self.epoch() {
            self.configuration = Some(configuration);
            self.start_all_over(now);
        }
    }

    /// Everything up to `number` is durable.
    ///
    /// # Panics
    /// If that was never asked for.
    pub fn handle_persisted(&mut self, _now: Time, number: PersistNumber) {
        assert!(
            number <= self.replica.persist_last(),
            "only what was asked for can have been made durable"
        );
        self.persisted = self.persisted.max(number);
        self.cast_own_votes();
    }

    /// Time has passed: what is due is done.
    pub fn handle_timeout(&mut self, now: Time) {
        self.run_timers(now);
    }

    /// When [`Lane::handle_timeout`] is to be called next, and why. Any call may change it.
    pub fn next_timeout(&self) -> Option<(Time, LaneTimer)> {
        let next = self.operations.next_timer();
        next.map(|(time, timer, _)| (time, timer))
    }

    /// The next thing to be done, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The epoch this lane has entered.
    pub fn epoch(&self) -> Epoch {
        let configuration = self.configuration.as_ref();
        configuration.map_or(Epoch::NONE, |configuration| configuration.epoch())
    }

    /// How many operations run here.
    pub fn operations_running(&self) -> usize {
        self.operations.len()
    }

    /// How many registers this lane's replica holds, tombstones included.
    pub fn registers(&self) -> usize {
        self.replica.registers()
    }

    /// The record that this lane's replica holds of a register: for inspection; a read that is to
    /// be believed is an operation.
    pub fn record(&self, name: &RegisterName) -> Option<&Record> {
        self.replica.record(name)
    }

    pub(crate) fn is_member(&self) -> bool {
        let own = self.options.incarnation.node;
        let configuration = self.configuration.as_ref();
        configuration.is_some_and(|configuration| configuration.contains(own))
    }

    pub(crate) fn send(&mut self, to: NodeId, epoch: Epoch, body: Body, after: PersistNumber) {
        let message = Message {
            from: self.options.incarnation,
            to,
            epoch,
            low_water: self.operations.low_water(),
            body,
        };
        self.outputs.push_back(Output::Send { message, after });
    }

    /// Whether a coordinator's request may be served: it counts the quorums of this very epoch,
    /// this node is one of those it counts, and somebody still waits for it. Tells the
    /// coordinator, or asks it, if the epochs differ.
    fn admit(&mut self, request: RequestId, epoch: Epoch) -> bool {
        let RequestId {
            origin: from,
            counter,
        } = request;
        let own_epoch = self.epoch();
        if epoch > own_epoch {
            let body = Body::ConfigurationRequest { request };
            self.send(from.node, own_epoch, body, PersistNumber::NONE);
        } else if let Some(configuration) = self.configuration.clone()
            && epoch < own_epoch
        {
            let body = Body::StaleEpoch {
                request,
                configuration,
            };
            self.send(from.node, own_epoch, body, PersistNumber::NONE);
        }
        let configuration = self.configuration.as_ref();
        // Members alone coordinate. A process of another cluster can be in an epoch of this number.
        let is_one_of_us = configuration.is_some_and(|known| known.contains(from.node));
        epoch == own_epoch
            && is_one_of_us
            && self.is_member()
            && !self.peers.has_ended(from, counter)
    }

    /// Whether a reply answers a request of this very incarnation.
    fn is_mine(&self, request: RequestId) -> bool {
        request.origin == self.options.incarnation
    }

    fn learn(&mut self, configuration: Arc<Configuration>) {
        if configuration.epoch() > self.epoch() {
            self.outputs.push_back(Output::Configuration(configuration));
        }
    }
}

/// What a lane is told once, when it is made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LaneOptions {
    /// The node it is a lane of.
    pub incarnation: Incarnation,
    /// Its number among the node's lanes.
    pub lane: u16,
    /// The most operations that may run at once; one more is refused.
    pub operations_max: usize,
    /// How long a coordinator waits before it first sends a message again; more than nothing.
    /// Each further wait is twice as long as the one before.
    pub resend_first: Duration,
    /// The longest it waits before it sends a message again.
    pub resend_max: Duration,
    /// A fault put back on purpose.
    #[cfg(feature = "planted-faults")]
    pub planted: Option<PlantedFault>,
}

impl LaneOptions {
    /// The defaults, for a lane of this node.
    pub fn new(incarnation: Incarnation, lane: u16) -> Self {
        Self {
            incarnation,
            lane,
            operations_max: 4096,
            resend_first: Duration::from_millis(50),
            resend_max: Duration::from_secs(1),
            #[cfg(feature = "planted-faults")]
            planted: None,
        }
    }
}

/// A fault that a test puts back, to show that it would be found.
#[cfg(feature = "planted-faults")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlantedFault {
    /// The original's rule: a read returns the greatest tag among the peers believed alive, at
    /// once; a write is done when those believed alive have it.
    TrustDetector,
    /// Every quorum is one node too small.
    QuorumTooSmall,
    /// A read returns the greatest tag it saw without making sure that a quorum holds it.
    NoWriteBack,
}

/// Why a lane wants to be called at a certain time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LaneTimer {
    /// An operation reaches its deadline.
    Deadline,
    /// Replies are late, and their requests are sent again.
    Resend,
}
