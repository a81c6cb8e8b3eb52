//! A running node: [`Node`].

use super::alarm::Alarm;
use super::clock::Clock;
use super::lane_shell::{LaneShell, World};
use super::limits::Limits;
use super::settings::Settings;
use super::view::{ClusterView, MemberView, Standing};
use crate::http::Registers;
use crate::metrics::{Metrics, OperationKind, PeerFigures, ReceivedFigures, Traffic};
use crate::peer::{Inbox, LinkFigures, Links, PeerSettings};
use parking_lot::Mutex;
use protocol::{
    Address, Configuration, Incarnation, Lane, LaneOptions, Membership, MembershipEvent,
    MembershipMessage, MembershipOutput, Message, NodeId, Operation, Outcome, PeerState, Refusal,
    Slot, Time,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// A running node: its lanes, its membership, its links to the others. Cheap to clone.
///
/// Locks are taken in this order: the membership's, then one lane's, then an outbox's.
#[derive(Clone)]
pub(crate) struct Node(Arc<Inner>);

struct Inner {
    incarnation: Incarnation,
    advertise: Address,
    clock: Clock,
    lanes: Vec<LaneShell>,
    membership: Mutex<Membership>,
    membership_alarm: Alarm,
    links: Links,
    metrics: Metrics,
    limits: Limits,
    /// Whether no quorum can ever be had again. Then operations are refused at once: their
    /// clients would wait for nothing.
    quorum_lost: AtomicBool,
    /// Operations whose clients wait, and how many may.
    operations_running: AtomicUsize,
    operations_max: usize,
}

impl Node {
    /// A node that is about to start: it knows of no cluster, and dials nobody yet.
    pub(crate) fn new(
        settings: &Settings,
        incarnation: Incarnation,
        membership: Membership,
        metrics: Metrics,
    ) -> Self {
        let lanes = (0..settings.lanes).map(|lane| {
            let lane = u16::try_from(lane).expect("at most Settings::LANES_CEILING lanes");
            LaneShell::new(LaneOptions {
                operations_max: settings.operations_max,
                resend_first: settings.resend_first,
                resend_max: settings.resend_max,
                ..LaneOptions::new(incarnation, lane)
            })
        });
        Self(Arc::new_cyclic(|inner| Inner {
            incarnation,
            advertise: settings.advertise.clone(),
            clock: Clock::start(),
            lanes: lanes.collect(),
            membership: Mutex::new(membership),
            membership_alarm: Alarm::default(),
            links: Links::new(
                incarnation,
                PeerSettings::default(),
                Arc::new(NodeInbox(inner.clone())),
            ),
            metrics,
            limits: settings.into(),
            quorum_lost: AtomicBool::new(false),
            operations_running: AtomicUsize::new(0),
            operations_max: settings.operations_max,
        }))
    }

    /// Its connections to the others.
    pub(crate) fn links(&self) -> &Links {
        &self.0.links
    }

    /// Starts the tasks that serve the node's timers. They end with the runtime.
    pub(crate) fn start_timers(&self) {
        for index in 0..self.0.lanes.len() {
            let node = self.clone();
            tokio::spawn(async move {
                loop {
                    node.0.lanes[index].timeout(node.0.clock).await;
                    node.call_lane(index, Lane::handle_timeout);
                }
            });
        }
        let node = self.clone();
        tokio::spawn(async move {
            loop {
                node.0.membership_alarm.ring(node.0.clock).await;
                node.call_membership(Membership::handle_timeout);
            }
        });
        // The first call arms the alarm and says whom to dial.
        self.call_membership(Membership::handle_timeout);
    }

    /// Waits until no operation runs here any more, those for other nodes included.
    pub(crate) async fn drain(&self) {
        let running = |lane: &LaneShell| lane.inspect(Lane::operations_running) > 0;
        while self.0.lanes.iter().any(running) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    fn world(&self) -> World<'_> {
        World {
            clock: self.0.clock,
            links: &self.0.links,
        }
    }

    fn call_lane(&self, index: usize, call: impl FnOnce(&mut Lane, Time)) {
        let learned = self.0.lanes[index].call(&self.world(), call);
        if let Some(configuration) = learned {
            self.call_membership(|membership, now| {
                membership.handle_configuration(now, configuration);
            });
        }
    }

    /// Calls the membership and does what it wants done, all under its lock, so that the lanes
    /// hear of one thing after the other in the order in which they happened.
    fn call_membership(&self, call: impl FnOnce(&mut Membership, Time)) {
        let mut membership = self.0.membership.lock();
        call(&mut membership, self.0.clock.now());
        while let Some(output) = membership.poll_output() {
            match output {
                MembershipOutput::Send { to, message } => {
                    self.0.links.send_membership(to, message);
                }
                MembershipOutput::Configuration(configuration) => {
                    self.0.links.set_cluster(configuration.cluster());
                    self.tell_lanes(|lane, now| {
                        lane.handle_configuration(now, configuration.clone());
                    });
                }
                MembershipOutput::PeerState { peer, state } => {
                    self.log_peer(&membership, peer, state);
                    self.tell_lanes(|lane, now| lane.handle_peer(now, peer, state));
                }
                MembershipOutput::Event(event) => log_event(&event),
            }
        }
        let quorum_lost = membership.quorum_lost();
        self.0.quorum_lost.store(quorum_lost, Ordering::Relaxed);
        self.0.links.ensure(membership.dial());
        let next = membership.next_timeout();
        self.0.membership_alarm.set(next.map(|(at, _)| at));
    }

    fn tell_lanes(&self, call: impl Fn(&mut Lane, Time)) {
        for lane in &self.0.lanes {
            // What a lane learns here the membership, whose lock is held, has just told it.
            let _ = lane.call(&self.world(), &call);
        }
    }

    fn log_peer(&self, membership: &Membership, peer: NodeId, state: PeerState) {
        let configuration = membership.configuration();
        let member = configuration.and_then(|configuration| configuration.member(peer));
        let address = member.map(|member| member.address.clone());
        let address = address.or_else(|| {
            membership
                .dial()
                .find(|address| membership.met(address) == Some(peer))
        });
        let address = address
            .as_ref()
            .map_or("an unknown address", Address::as_str);
        match state {
            PeerState::Alive => info!("node {peer} at {address} is alive"),
            PeerState::Suspect => info!("node {peer} at {address} is suspect: it does not answer"),
            PeerState::Down => warn!("node {peer} at {address} is down: it has not answered"),
        }
    }

    /// Hands each lane its own of a batch of messages, all of them under one lock.
    fn handle_messages(&self, messages: &mut Vec<Message>) {
        let lanes = self.0.lanes.len();
        let mut by_lane: Vec<Vec<Message>> = Vec::new();
        by_lane.resize_with(lanes, Vec::new);
        for message in messages.drain(..) {
            if let Some(lane) = message.body.lane(lanes) {
                by_lane[lane].push(message);
            }
        }
        for (index, messages) in by_lane.into_iter().enumerate() {
            if !messages.is_empty() {
                self.call_lane(index, |lane, now| {
                    for message in messages {
                        lane.handle_message(now, message);
                    }
                });
            }
        }
    }
}

/// What arrives from other nodes. The links, which a node owns, own this; so it must not own the
/// node.
struct NodeInbox(Weak<Inner>);

impl NodeInbox {
    fn with_node(&self, call: impl FnOnce(Node)) {
        if let Some(inner) = self.0.upgrade() {
            call(Node(inner));
        }
    }
}

impl Inbox for NodeInbox {
    fn messages(&self, _from: Incarnation, messages: &mut Vec<Message>) {
        self.with_node(|node| node.handle_messages(messages));
    }

    fn membership(&self, from: NodeId, message: MembershipMessage) {
        self.with_node(|node| {
            node.call_membership(|membership, now| membership.handle_message(now, from, message));
        });
    }

    fn link_up(&self, address: &Address, peer: Incarnation) {
        self.with_node(|node| {
            node.call_membership(|membership, now| membership.handle_link_up(now, address, peer));
        });
    }

    fn link_down(&self, address: &Address) {
        self.with_node(|node| {
            node.call_membership(|membership, now| membership.handle_link_down(now, address));
        });
    }
}

/// What an operator need not act upon is information; the rest is a warning.
fn log_event(event: &MembershipEvent) {
    match event {
        MembershipEvent::Founded { .. }
        | MembershipEvent::Joined { .. }
        | MembershipEvent::Changed { .. } => info!("{event}"),
        MembershipEvent::QuorumLost { .. } => error!("{event}"),
        _ => warn!("{event}"),
    }
}

/// Counts one operation for as long as its client waits, however that ends.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What clients ask.
impl Registers for Node {
    async fn execute(&self, operation: Operation, timeout: Duration) -> Outcome {
        let inner = &*self.0;
        let started = Instant::now();
        let kind = OperationKind::of(&operation);
        let running = Running(&inner.operations_running);
        let outcome = if running.0.fetch_add(1, Ordering::Relaxed) >= inner.operations_max {
            Outcome::Refused(Refusal::Busy)
        } else if inner.quorum_lost.load(Ordering::Relaxed) {
            Outcome::Refused(Refusal::NoQuorum)
        } else {
            self.run(operation, timeout).await
        };
        inner.metrics.observe(kind, &outcome, started.elapsed());
        outcome
    }

    fn view(&self) -> ClusterView {
        let inner = &*self.0;
        let membership = inner.membership.lock();
        let configuration = membership.configuration().map(|known| &**known);
        let own = inner.incarnation.node;
        let members: Vec<MemberView> = configuration
            .iter()
            .flat_map(|configuration| configuration.members())
            .map(|member| MemberView {
                id: member.id,
                address: member.address.clone(),
                state: match member.id == own {
                    true => PeerState::Alive,
                    false => membership.peer_state(member.id),
                },
                lost: membership.is_lost(member.id),
            })
            .collect();
        let alive = |node| {
            let member = members.iter().find(|member| member.id == node);
            member.is_some_and(|member| member.state == PeerState::Alive)
        };
        let quorum = configuration
            .is_some_and(|configuration| configuration.quorums(Slot::of(b"")).is_quorum(alive));
        ClusterView {
            node: inner.incarnation,
            address: inner.advertise.clone(),
            standing: match membership.standing() {
                protocol::Standing::Fresh => Standing::Fresh,
                protocol::Standing::Member => Standing::Member,
                protocol::Standing::Outsider => Standing::Outsider,
            },
            cluster: configuration.map(Configuration::cluster),
            epoch: configuration.map_or(protocol::Epoch::NONE, Configuration::epoch),
            quorum,
            quorum_lost: membership.quorum_lost(),
            awaited: membership.awaited(),
            members,
            registers: inner
                .lanes
                .iter()
                .map(|lane| lane.inspect(Lane::registers))
                .sum(),
            operations_running: inner.operations_running.load(Ordering::Relaxed),
        }
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn traffic(&self) -> Traffic {
        let received = self.0.links.incoming_figures();
        Traffic {
            sent: self.0.links.figures().iter().map(sent_to).collect(),
            undeliverable_messages: self.0.links.undeliverable(),
            received: ReceivedFigures {
                received_bytes: received.bytes,
                received_messages: received.messages + received.membership_messages,
                received_frames: received.frames,
            },
        }
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl Node {
    async fn run(&self, operation: Operation, timeout: Duration) -> Outcome {
        let inner = &*self.0;
        let is_write = operation.is_write();
        let lane = operation.name().slot().lane(inner.lanes.len());
        let deadline = inner.clock.now() + timeout;
        let outcome = inner.lanes[lane].request(&self.world(), operation, deadline);
        // The lane answers at the deadline at the latest. Should it ever fail to, the client
        // still gets an answer, and the log says that there is a fault.
        match tokio::time::timeout(timeout + ANSWER_GRACE, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => {
                error!("an operation had no outcome {ANSWER_GRACE:?} after its deadline");
                match is_write {
                    true => Outcome::Unknown,
                    false => Outcome::Refused(Refusal::NoQuorum),
                }
            }
        }
    }
}

fn sent_to(figures: &LinkFigures) -> PeerFigures {
    PeerFigures {
        address: figures.address.to_string(),
        sent_bytes: figures.bytes,
        sent_messages: figures.messages + figures.membership_messages,
        sent_frames: figures.frames,
        dropped_messages: figures.dropped,
    }
}

/// How often a node that stops looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(5);

/// How long after its deadline an operation may be answered.
const ANSWER_GRACE: Duration = Duration::from_secs(2);
