//! A running node: it starts, serves, and stops.

mod alarm;
mod board;
mod broken;
mod change_log;
mod clock;
pub(crate) mod cursor;
mod lane_shell;
mod limits;
mod listener;
mod news;
mod node;
mod opening;
mod password;
mod settings;
mod shares;
mod silent;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use board::Place;
pub(crate) use change_log::ChangeNote;
pub(crate) use limits::Limits;
pub(crate) use node::{Batch, NamesPage, Node, NotLeft, NotListed, Placement};
pub(crate) use password::{Password, Proof};
pub(crate) use settings::{DiskSettings, Settings, SettingsError};
pub(crate) use shares::slots;
pub(crate) use view::{ClusterView, DiskView, MemberStanding, MemberView, Standing};

use crate::disk::DiskError;
use crate::peer;
use broken::end_when_broken;
use listener::Doorman;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use node::Ended;
#[cfg(test)]
use opening::start;
use protocol::{Address, MembershipOptionsError, NodeId};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Why a node could not start, or did not end as it was meant to.
#[derive(Debug)]
pub(crate) enum RunError {
    /// It could not listen at this address.
    Listen(SocketAddr, io::Error),
    /// Its data directory cannot be used, or can be used no longer.
    Disk(DiskError),
    /// The settings make no membership.
    Membership(MembershipOptionsError),
    /// Another process has taken its place, so it stopped.
    Replaced {
        /// The other process.
        by: NodeId,
        /// Where it is reached.
        address: Address,
    },
    /// It was to leave the cluster before it stopped, and has not, or may not have.
    NotLeft(NotLeft),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            RunError::Disk(error) => error.fmt(f),
            RunError::Membership(error) => write!(f, "cannot be part of a cluster: {error}"),
            RunError::Replaced { by, address } => write!(
                f,
                "node {by} at {address} has taken the place of this process, which held nothing \
                 that counts any more and has stopped; the cluster goes on without it, and it \
                 need not be started again"
            ),
            RunError::NotLeft(not_left) => not_left.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs a node until it is told to stop; then it leaves the cluster if it is to, accepts nothing
/// new, finishes what runs, and returns.
///
/// Each call of `told_to_stop` ends when the node is told to stop once more. Whatever it does
/// then before it ends, the next time cuts it short.
///
/// # Errors
/// [`RunError`], if it could not start, was replaced by another process, or did not leave in time
/// though it was to.
pub(crate) async fn run(
    settings: Settings,
    told_to_stop: impl AsyncFnMut(),
) -> Result<(), RunError> {
    end_when_broken();
    raise_open_files_limit(settings.connections_max);
    let mut listeners = Vec::new();
    for &address in &settings.listen {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.map_err(|error| RunError::Listen(address, error))?);
    }
    serve(&settings, listeners, told_to_stop).await
}

async fn serve(
    settings: &Settings,
    listeners: Vec<TcpListener>,
    mut told_to_stop: impl AsyncFnMut(),
) -> Result<(), RunError> {
    let stopping = CancellationToken::new();
    let node = opening::start_anywhere(settings).await?;
    let doorman = Doorman::new(settings, node.clone(), stopping.clone());
    for listener in listeners {
        tokio::spawn(doorman.clone().accept(listener));
    }

    let until_stopped = async {
        told_to_stop().await;
        match settings.leave_on_stop {
            true => leave(&node, settings.leave_timeout, &mut told_to_stop).await,
            false => Ok(()),
        }
    };
    let ended = tokio::select! {
        ended = until_stopped => ended.map_err(RunError::NotLeft),
        ended = node.ended() => Err(match ended {
            Ended::Replaced { by, address } => RunError::Replaced { by, address },
            Ended::DiskFailed(why) => RunError::Disk(settings.disk_failed(why)),
        }),
    };
    info!("stopping: accepting nothing new, finishing what runs");
    stopping.cancel();
    let finish = async {
        doorman.drain().await;
        node.drain().await;
    };
    let is_finished = tokio::select! {
        finished = tokio::time::timeout(settings.shutdown_timeout, finish) => finished.is_ok(),
        () = told_to_stop() => false,
    };
    node.close_disk(settings.shutdown_timeout).await;
    if is_finished {
        info!("stopped");
    } else {
        warn!(
            "stopped with {} connections still open: what ran on them is unknown to their clients",
            doorman.clients()
        );
    }
    node.links().shut_down();
    ended
}

/// Has the node leave its cluster, unless it is told again to stop meanwhile.
async fn leave(
    node: &Node,
    within: Duration,
    told_to_stop: &mut impl AsyncFnMut(),
) -> Result<(), NotLeft> {
    info!(
        "told to stop: leaving the cluster first, for which it has {} ms; told again, it stops \
         without that",
        within.as_millis()
    );
    tokio::select! {
        left = node.leave(within) => left,
        () = told_to_stop() => Err(NotLeft::ToldAgain),
    }
}

/// A connection is an open file, and many systems allow a process 1,024 of them unless it asks for
/// more.
fn raise_open_files_limit(connections_max: usize) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let wanted = connections_max as u64 + OTHER_FILES;
    let limit = wanted.clamp(soft.min(hard), hard);
    if limit > soft
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, limit, hard)
    {
        warn!("cannot raise the limit of open files from {soft} to {limit}: {error}");
    }
    if limit < wanted {
        warn!(
            "the system allows this process {limit} open files, which is too few for \
             {connections_max} connections; raise it (ulimit -n), or lower --connections-max"
        );
    }
}

/// Open files that are no clients' connections: peers, connections at their first byte, others.
const OTHER_FILES: u64 = 4096 + 512;

// What a client may write must reach the other nodes.
const _: () = assert!(Settings::VALUE_BYTES_CEILING <= peer::VALUE_BYTES_MAX);
