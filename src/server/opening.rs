//! How a node starts: with what its data directory holds, or with nothing.

use super::lane_shell::LaneShell;
use super::node::{Node, lane_options};
use super::{DiskSettings, RunError, Settings};
use crate::disk::{self, Disk, DiskError, Durability, Kept, Opened, Opening, Unstarted};
use crate::metrics::{Build, Metrics};
use protocol::{
    Boot, ClusterId, Configuration, Incarnation, Join, Membership, MembershipOptions, NodeId, Slot,
    Time,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tracing::{info, warn};

impl Settings {
    /// The disk failed while the node ran.
    pub(super) fn disk_failed(&self, why: String) -> DiskError {
        let path = self.disk.as_ref().map(|disk| disk.directory.clone());
        DiskError::Failed {
            path: path.unwrap_or_default(),
            why,
        }
    }
}

/// Starts a node without holding up others while its data directory is read.
pub(super) async fn start_anywhere(settings: &Settings) -> Result<Node, RunError> {
    if settings.disk.is_none() {
        return start(settings);
    }
    let settings = settings.clone();
    let started = tokio::task::spawn_blocking(move || start(&settings)).await;
    started.expect("a panic ends the process")
}

/// Makes a node, with what its data directory holds if it has one, and starts its tasks. Without
/// any memory it is a new node.
///
/// # Errors
/// [`RunError::Disk`], [`RunError::Membership`].
///
/// # Panics
/// Outside of a tokio runtime.
pub(super) fn start(settings: &Settings) -> Result<Node, RunError> {
    let Begun {
        incarnation,
        configuration,
        lanes,
        disk,
    } = match &settings.disk {
        Some(disk) => Begun::on_disk(settings, disk).map_err(RunError::Disk)?,
        None => Begun::in_memory(settings),
    };
    let options = membership_options(settings, incarnation);
    let membership = match configuration {
        Some(configuration) => Membership::restored(Time::default(), options, configuration),
        None => Membership::new(Time::default(), options),
    };
    let metrics = Metrics::new(Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: crate::COMMIT,
    });
    let (disk, unstarted) = disk.unzip();
    let membership = membership.map_err(RunError::Membership)?;
    let node = Node::new(settings, incarnation, lanes, disk, membership, metrics);
    if let Some(unstarted) = unstarted {
        let events = Arc::new(node.disk_events());
        let started = node.disk().map(|disk| disk.start(unstarted, events));
        let started = started.unwrap_or(Ok(()));
        started.map_err(|error| RunError::Disk(settings.disk_failed(error.to_string())))?;
    }
    say(settings, incarnation);
    node.start_timers();
    Ok(node)
}

/// What a node begins with.
struct Begun {
    incarnation: Incarnation,
    /// The configuration that it had entered last, if it knows of a cluster.
    configuration: Option<Arc<Configuration>>,
    lanes: Vec<LaneShell>,
    disk: Option<(Disk, Unstarted)>,
}

impl Begun {
    fn in_memory(settings: &Settings) -> Self {
        let incarnation = Incarnation {
            node: NodeId::new(rand::random_range(1..=u64::MAX)),
            boot: Boot::FIRST,
        };
        Self {
            incarnation,
            configuration: None,
            lanes: lane_options(settings, incarnation)
                .map(LaneShell::new)
                .collect(),
            disk: None,
        }
    }

    fn on_disk(settings: &Settings, disk: &DiskSettings) -> Result<Self, DiskError> {
        let began = Instant::now();
        let path = &disk.directory;
        let mut opened = disk::open(path, disk.durability, disk.accept_loss)?;
        let incarnation = opened.incarnation;
        let kept = opened.kept.take();
        if let Some(kept) = &kept {
            check_address(settings, disk, incarnation, kept)?;
        }
        let registers = kept.as_ref().map_or(0, |kept| kept.cells.len());
        let configuration = kept.as_ref().map(|kept| Arc::clone(&kept.configuration));
        let lanes = lanes(settings, incarnation, kept);
        let digests = lanes.iter().map(LaneShell::kept_digest).collect();
        say_how(disk, &opened, registers, began);
        Ok(Self {
            incarnation,
            configuration,
            lanes,
            disk: Some(opened.into_disk(digests)),
        })
    }
}

/// The lanes, each with its own registers.
fn lanes(settings: &Settings, incarnation: Incarnation, kept: Option<Kept>) -> Vec<LaneShell> {
    let options = lane_options(settings, incarnation);
    let Some(kept) = kept else {
        return options.map(LaneShell::new).collect();
    };
    let cells = by_lane(settings, kept.cells, |(name, _)| name.slot());
    let floors = by_lane(settings, kept.floors, |(slot, _)| *slot);
    let lanes = options.zip(cells).zip(floors);
    let lane = |((options, cells), floors)| {
        let configuration = Arc::clone(&kept.configuration);
        let marks = kept.marks.clone();
        LaneShell::restored(
            options,
            Time::default(),
            configuration,
            cells,
            floors,
            marks,
        )
    };
    lanes.map(lane).collect()
}

fn by_lane<T>(settings: &Settings, all: Vec<T>, slot: impl Fn(&T) -> Slot) -> Vec<Vec<T>> {
    let mut by_lane: Vec<Vec<T>> = Vec::new();
    by_lane.resize_with(settings.lanes, Vec::new);
    for each in all {
        by_lane[slot(&each).lane(settings.lanes)].push(each);
    }
    by_lane
}

/// A directory that was put under another node would make it two nodes in one place.
fn check_address(
    settings: &Settings,
    disk: &DiskSettings,
    incarnation: Incarnation,
    kept: &Kept,
) -> Result<(), DiskError> {
    match kept.configuration.member(incarnation.node) {
        Some(own) if own.address != settings.advertise => Err(DiskError::OtherAddress {
            path: disk.directory.clone(),
            kept: own.address.clone(),
            told: settings.advertise.clone(),
        }),
        _ => Ok(()),
    }
}

fn say_how(disk: &DiskSettings, opened: &Opened, registers: usize, began: Instant) {
    let path = disk.directory.display();
    match opened.opening {
        Opening::Fresh => info!("{path} is a new data directory"),
        Opening::GoesOn => info!(
            "goes on as node {} with {registers} registers from {path}, read in {} ms, and fetches \
             from the others what it missed",
            opened.incarnation,
            began.elapsed().as_millis()
        ),
        Opening::WasRemoved => warn!(
            "the node that {path} belongs to is no member any more: this process comes as a new \
             node, and what the directory holds is dropped once it is let in"
        ),
        Opening::LostMemory => warn!(
            "the machine went down before everything in {path} was synced, so that node has lost \
             what it promised last: this process comes as a new node, which copies everything from \
             the others once it is let in; until then the directory is left as it is; if a \
             majority of the members went down like this, start them with --accept-loss: they go \
             on with what their disks have, and what was acknowledged within the last moments may \
             be missing"
        ),
    }
}

fn say(settings: &Settings, incarnation: Incarnation) {
    let registers = match &settings.disk {
        None => "in memory: they survive the loss of any minority of the nodes, and no more".into(),
        Some(disk) => {
            let path = disk.directory.display();
            match disk.durability {
                Durability::Interval => format!(
                    "on disk in {path}, synced each 100 ms: they survive any end of processes, and \
                     power cuts of any minority of the nodes"
                ),
                _ => format!(
                    "on disk in {path}, synced before they are acknowledged: they survive the end \
                     of all nodes, and the loss of the disks of any minority"
                ),
            }
        }
    };
    info!(
        "node {} listens on {}; its registers are {registers}",
        incarnation.node,
        listed(&settings.listen)
    );
    if let ([only], None) = (settings.peers.as_slice(), &settings.disk) {
        warn!(
            "--peers names {only} alone: this node is a cluster by itself, and its registers are \
             gone when it ends; to run several, give each of them the list of all, or give it a \
             --data-dir"
        );
    }
}

fn membership_options(settings: &Settings, incarnation: Incarnation) -> MembershipOptions {
    let join = (!settings.join.is_empty()).then(|| Join {
        seeds: settings.join.clone(),
        weight: settings.weight,
    });
    MembershipOptions {
        replication: settings.replication,
        join,
        replace_after: settings.replace_after,
        abort_after: settings.change_stalled_after,
        ping_interval: settings.ping_interval,
        ping_timeout: settings.pong_timeout,
        down_after: settings.down_after,
        founding_wait: settings.founding_wait,
        ..MembershipOptions::new(
            incarnation,
            settings.advertise.clone(),
            settings.peers.clone(),
            ClusterId(rand::random_range(1..=u64::MAX)),
        )
    }
}

fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    addresses.join(", ")
}
