//! The door to the protocol: [`Lane`].

mod epochs;
mod messages;
mod options;

use crate::asking::OwnVote;
use crate::collecting::Collecting;
use crate::configuration::Configuration;
use crate::copying::Copying;
use crate::forward::Forwards;
use crate::listing::Listings;
use crate::membership::PeerState;
use crate::modify::Turns;
use crate::node::{Incarnation, NodeId};
use crate::operation::Operation;
use crate::output::{Output, PersistNumber, Ticket};
use crate::peers::Peers;
use crate::record::{Record, UnixMillis};
use crate::repairing::Repairing;
use crate::replica::Replica;
use crate::running::{Operations, Origin};
use crate::seen::Seen;
use crate::slot::{RegisterName, Slot};
use crate::sweeping::Sweeping;
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
#[cfg(feature = "planted-faults")]
pub use options::PlantedFault;
pub use options::{LaneOptions, LaneTimer};

/// The protocol state of the registers whose slots fall to it: its replica's records, the
/// operations that it coordinates, and its view of the configuration and of the peers.
///
/// A node runs one or more lanes side by side; they share nothing. After each call of a
/// `handle_*` method the caller takes all that [`Lane::poll_output`] gives and does it, in that
/// order; see the crate's documentation for the loop.
///
/// A lane never blocks. What it holds is bounded by the records it was given, by
/// [`LaneOptions::operations_max`] and [`LaneOptions::listings_max`], and by a few words for each process that ever sent it a
/// message: a low-water mark must not be forgotten, or a late request could be executed again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lane {
    pub(crate) options: LaneOptions,
    /// The configuration whose epoch this lane has entered. Once entered, no request of an older
    /// epoch is served: check, application and acknowledgement are one call.
    pub(crate) configuration: Option<Arc<Configuration>>,
    pub(crate) replica: Replica,
    pub(crate) operations: Operations,
    pub(crate) listings: Listings,
    /// The greatest sequence number ever issued here for each slot, so that two writes through
    /// this node never get the same tag.
    pub(crate) issued: BTreeMap<Slot, u64>,
    /// The greatest round of a ballot ever issued here, so that no ballot is issued twice.
    pub(crate) round_issued: u64,
    pub(crate) turns: Turns,
    pub(crate) forwards: Forwards,
    pub(crate) peers: Peers,
    pub(crate) copying: Copying,
    pub(crate) persisted: PersistNumber,
    pub(crate) own_votes: VecDeque<OwnVote>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) seen: Seen,
    pub(crate) sweeping: Sweeping,
    pub(crate) collecting: Collecting,
    pub(crate) repairing: Repairing,
    /// What the wall clock showed last.
    pub(crate) wall: UnixMillis,
}

impl Lane {
    /// A lane without records, in no cluster yet.
    ///
    /// # Panics
    /// If messages would be sent again without any wait, that is for ever at one instant; or if the
    /// node has no lane of this number.
    pub fn new(options: LaneOptions) -> Self {
        assert!(
            !options.resend_first.is_zero() && !options.resend_max.is_zero(),
            "a message is sent again after some time"
        );
        assert!(
            options.lane < options.lanes,
            "a lane is one of the node's lanes"
        );
        Self {
            operations: Operations::new(options.lane),
            copying: Copying::new(&options),
            options,
            listings: Listings::default(),
            configuration: None,
            replica: Replica::default(),
            issued: BTreeMap::new(),
            round_issued: 0,
            turns: Turns::default(),
            forwards: Forwards::default(),
            peers: Peers::default(),
            persisted: PersistNumber::NONE,
            own_votes: VecDeque::new(),
            outputs: VecDeque::new(),
            seen: Seen::default(),
            sweeping: Sweeping::default(),
            collecting: Collecting::default(),
            repairing: Repairing::default(),
            wall: UnixMillis::default(),
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
        self.expect_to_sweep(now);
        self.expect_to_collect(now);
        self.expect_to_repair(now);
    }

    /// The wall clock shows this. It says which registers have expired, and nothing else; it may
    /// jump, and differ between nodes. A lane that is never told finds nothing expired.
    pub fn note_wall_clock(&mut self, wall: UnixMillis) {
        self.wall = wall;
    }

    /// Connections reach this incarnation of a peer now. What a former one was to change for this
    /// node may have happened or not, and this one cannot say.
    pub fn handle_incarnation(&mut self, now: Time, peer: Incarnation) {
        if self.peers.note_boot(peer) {
            self.give_up_forwards_to(now, peer.node, Some(peer.boot));
        }
    }

    /// The failure detector says this of a peer. It decides whom to ask first, and whom to ask
    /// again at once; never what is true.
    pub fn handle_peer(&mut self, now: Time, peer: NodeId, state: PeerState) {
        let former = self.peers.note_state(peer, state);
        if state == PeerState::Alive && former != PeerState::Alive {
            self.ask_again(now, peer);
            self.ask_listings_again(peer);
            self.copying_peer_is_back(now, peer);
        }
        if state == PeerState::Down {
            self.give_up_forwards_to(now, peer, None);
        }
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(PlantedFault::TrustDetector) {
            self.carry_on_all(now);
        }
    }

    /// Everything up to `number` is durable.
    ///
    /// # Panics
    /// If that was never asked for.
    pub fn handle_persisted(&mut self, now: Time, number: PersistNumber) {
        assert!(
            number <= self.replica.persist_last(),
            "only what was asked for can have been made durable"
        );
        self.note_persisted(number);
        self.cast_own_votes(now);
        self.cast_own_listings(now);
        self.copying_persisted(now);
        self.expect_to_sweep(now);
        self.carry_on_round(now);
        self.expect_to_collect(now);
    }

    pub(crate) fn note_persisted(&mut self, number: PersistNumber) {
        self.persisted = self.persisted.max(number);
    }

    /// Time has passed: what is due is done.
    pub fn handle_timeout(&mut self, now: Time) {
        self.run_timers(now);
        self.run_listings(now);
        self.run_copying(now);
        self.sweep(now);
        self.collect(now);
        self.repair(now);
    }

    /// When [`Lane::handle_timeout`] is to be called next, and why. Any call may change it.
    pub fn next_timeout(&self) -> Option<(Time, LaneTimer)> {
        let operation = self.operations.next_timer();
        let operation = operation.map(|(time, timer, _)| (time, timer));
        let listing = self.listings_timeout();
        let copying = self.copying_timeout().map(|time| (time, LaneTimer::Copy));
        let sweep = self.sweep_timeout().map(|time| (time, LaneTimer::Sweep));
        let collect = self.collect_timeout();
        let collect = collect.map(|time| (time, LaneTimer::Collect));
        let repair = self.repair_timeout().map(|time| (time, LaneTimer::Repair));
        let timers = operation.into_iter().chain(listing).chain(copying);
        timers.chain(sweep).chain(collect).chain(repair).min()
    }

    /// The next thing to be done, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many operations run here.
    pub fn operations_running(&self) -> usize {
        self.operations.len()
    }

    /// How many registers this lane's replica holds, tombstones included.
    pub fn registers(&self) -> usize {
        self.replica.totals().registers
    }

    /// A digest of all that the replica keeps: of its registers' names, tags, promises, and steps.
    ///
    /// It is the sum of those of the cells ([`Cell::digest`](crate::Cell::digest)) that were kept
    /// up to the last [`Output::Persist`] or
    /// [`Output::Drop`]: cells that a disk gives back after that have the same
    /// sum, or it has lost or altered something. The digests of a node's lanes may be added up.
    pub fn kept_digest(&self) -> u128 {
        self.replica.digest()
    }

    /// The record that this lane's replica holds of a register: for inspection; a read that is to
    /// be believed is an operation.
    pub fn record(&self, name: &RegisterName) -> Option<&Record> {
        self.replica.record(name)
    }
}
