//! A running node: [`Node`].

mod batch;
mod cluster;
mod disk;
mod inbox;
mod leaving;
mod listing;
mod placement;
mod recovering;
mod refusals;
mod registers;
mod viewing;

pub(crate) use batch::Batch;
pub(crate) use leaving::NotLeft;
pub(crate) use listing::{NamesPage, NotListed};
pub(crate) use placement::Placement;
pub(super) use recovering::told_of_recovery;

use super::alarm::Alarm;
use super::clock::Clock;
use super::lane_shell::{LaneShell, World};
use super::limits::Limits;
use super::news::NewsBox;
use super::settings::Settings;
use crate::disk::{Disk, Durability};
use crate::metrics::Metrics;
use crate::peer::{Links, PeerSettings};
use cluster::Cluster;
use inbox::NodeInbox;
use parking_lot::Mutex;
use protocol::{
    Address, Incarnation, Lane, LaneOptions, Membership, Message, NodeId, Operation, Outcome,
    Refusal, Time, UnixMillis,
};
use refusals::Refusals;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tracing::error;

/// A running node: its lanes, its membership, its links to the others. Cheap to clone.
///
/// Locks are taken in this order: the membership's, then one lane's, then an outbox's or that of
/// the [`NewsBox`], where lanes leave what they have to tell the membership.
#[derive(Clone)]
pub(crate) struct Node(Arc<Inner>);

struct Inner {
    incarnation: Incarnation,
    advertise: Address,
    clock: Clock,
    lanes: Vec<LaneShell>,
    news: NewsBox,
    cluster: Mutex<Cluster>,
    membership_alarm: Alarm,
    links: Links,
    /// Where it keeps what it promises, if not in memory alone.
    disk: Option<Disk>,
    metrics: Metrics,
    limits: Limits,
    durability: Durability,
    refusals: Refusals,
    /// Why this process can serve no longer, if it cannot.
    ended: watch::Sender<Option<Ended>>,
    /// Operations whose clients wait, and how many may.
    operations_running: AtomicUsize,
    operations_max: usize,
    /// Room for the groups that may be listed at once.
    listings: Semaphore,
}

/// Why a process can serve no longer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// Another process has taken its place.
    Replaced {
        /// The other process.
        by: NodeId,
        /// Where it is reached.
        address: Address,
    },
    /// Its disk has failed, for this reason.
    DiskFailed(String),
}

impl Node {
    /// A node that is about to start, with these lanes: it dials nobody yet.
    pub(crate) fn new(
        settings: &Settings,
        incarnation: Incarnation,
        lanes: Vec<LaneShell>,
        disk: Option<Disk>,
        membership: Membership,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new_cyclic(|inner| Inner {
            incarnation,
            advertise: settings.advertise.clone(),
            clock: Clock::start(),
            lanes,
            news: NewsBox::default(),
            cluster: Mutex::new(Cluster::new(membership)),
            membership_alarm: Alarm::default(),
            links: Links::new(
                incarnation,
                disk.as_ref().map(Disk::recovered),
                PeerSettings {
                    password: settings.password.clone(),
                    ..PeerSettings::default()
                },
                Arc::new(NodeInbox(inner.clone())),
            ),
            disk,
            metrics,
            limits: settings.into(),
            durability: settings.durability(),
            refusals: Refusals::default(),
            ended: watch::Sender::new(None),
            operations_running: AtomicUsize::new(0),
            operations_max: settings.operations_max,
            listings: Semaphore::new(listing::GROUPS_MAX),
        }))
    }

    /// Its connections to the others.
    pub(crate) fn links(&self) -> &Links {
        &self.0.links
    }

    /// What the wall clock shows.
    pub(crate) fn wall_clock(&self) -> UnixMillis {
        self.0.clock.wall()
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
                node.membership_timeout();
            }
        });
        // The first call arms the alarm and says whom to dial.
        self.membership_timeout();
    }

    /// Waits until no operation runs here any more, those for other nodes included.
    pub(crate) async fn drain(&self) {
        let running = |lane: &LaneShell| lane.operations_running() > 0;
        while self.0.lanes.iter().any(running) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    /// Ends when this process can serve no longer, and says why.
    pub(crate) async fn ended(&self) -> Ended {
        let mut ended = self.0.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        let ended = ended.expect("the node, which holds the sender, lives");
        ended.clone().expect("waited for")
    }

    fn world(&self) -> World<'_> {
        World {
            clock: self.0.clock,
            links: &self.0.links,
            disk: self.0.disk.as_ref(),
            news: &self.0.news,
        }
    }

    fn call_lane(&self, index: usize, call: impl FnOnce(&mut Lane, Time)) {
        if self.0.lanes[index].call(&self.world(), call) {
            self.call_membership(|_, _| {});
        }
    }

    /// Hands each lane its own of a batch of messages, all of them under one lock.
    fn handle_messages(&self, messages: &mut Vec<Message>) {
        let lanes = self.0.lanes.len();
        let mut by_lane: Vec<Vec<Message>> = Vec::new();
        by_lane.resize_with(lanes, Vec::new);
        self.refuse_to_keep(messages);
        for message in messages.drain(..) {
            if let Some(lane) = message.body.lane(lanes) {
                by_lane[lane].push(message);
            }
        }
        let mut is_news = false;
        for (index, messages) in by_lane.into_iter().enumerate() {
            if !messages.is_empty() {
                is_news |= self.0.lanes[index].call(&self.world(), |lane, now| {
                    for message in messages {
                        lane.handle_message(now, message);
                    }
                });
            }
        }
        if is_news {
            self.call_membership(|_, _| {});
        }
    }

    /// Has a lane carry out an operation.
    async fn run(&self, operation: Operation, timeout: Duration) -> Outcome {
        let inner = &*self.0;
        let is_write = operation.is_write();
        let lane = operation.name().slot().lane(inner.lanes.len());
        let deadline = inner.clock.now() + timeout;
        let (mut outcome, is_news) = inner.lanes[lane].request(&self.world(), operation, deadline);
        if is_news {
            self.call_membership(|_, _| {});
        }
        let answered = tokio::time::timeout(timeout + ANSWER_GRACE, &mut outcome).await;
        let answered = match answered {
            Ok(answered) => answered.ok(),
            // When a process that was frozen wakes, all its timers are overdue at once, and this
            // one may be looked at before the lane's own.
            Err(_) => {
                self.call_lane(lane, Lane::handle_timeout);
                outcome.try_recv().ok()
            }
        };
        match answered {
            Some(outcome) => outcome,
            // The lane answers at the deadline at the latest. Should it ever fail to, the client
            // still gets an answer, and the log says that there is a fault.
            None => {
                error!("an operation had no outcome {ANSWER_GRACE:?} after its deadline");
                match is_write {
                    true => Outcome::Unknown,
                    false => Outcome::Refused(Refusal::NoQuorum),
                }
            }
        }
    }
}

/// What each lane is told. Together they copy no faster than the node may, and take no more
/// memory.
pub(super) fn lane_options(
    settings: &Settings,
    incarnation: Incarnation,
) -> impl Iterator<Item = LaneOptions> {
    let lanes = u16::try_from(settings.lanes).expect("at most Settings::LANES_CEILING lanes");
    let copy_bytes_per_second_max = (settings.copy_bytes_per_second_max)
        .map(|bytes_per_second| (bytes_per_second / u64::from(lanes.max(1))).max(1));
    // Registers are spread over the lanes by hash, so that each takes about the same.
    let memory_bytes_max = (settings.memory_bytes_max).map(|bytes| bytes / u64::from(lanes.max(1)));
    (0..lanes).map(move |lane| LaneOptions {
        operations_max: settings.operations_max,
        content_bytes_max: settings.value_bytes_max,
        memory_bytes_max,
        has_disk: settings.disk.is_some(),
        hedge: Some(settings.resend_first / 2),
        collect_interval: Some(COLLECT_INTERVAL),
        repair_interval: settings.repair_interval,
        resend_first: settings.resend_first,
        resend_max: settings.resend_max,
        copy_bytes_per_second_max,
        lanes,
        ..LaneOptions::new(incarnation, lane)
    })
}

/// How often each lane begins to drop tombstones, up to 64 of one slot at a time: so often that they
/// do not pile up for long, and so seldom that a million of them does not slow others.
const COLLECT_INTERVAL: Duration = Duration::from_millis(20);

/// How often a node that stops looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(5);

/// How long after its deadline an operation may be answered.
const ANSWER_GRACE: Duration = Duration::from_secs(2);
