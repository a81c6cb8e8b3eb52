//! Leaving the cluster before the process ends: [`Node::leave`].

use super::Node;
use protocol::{ChangeRefusal, ChangeRequest, Epoch, Standing};
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// How a node that wanted to leave its cluster has not, or may not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NotLeft {
    /// The time was up before the cluster agreed to let it go.
    NotBegun {
        /// How long it tried.
        after: Duration,
        /// Why not, as it was told last.
        refusal: Option<ChangeRefusal>,
    },
    /// The time was up while others copied what it holds.
    NotDone {
        /// How long it tried.
        after: Duration,
    },
    /// It is out, and the time was up before a majority of the others was known to know.
    NotConfirmed {
        /// How long it tried.
        after: Duration,
    },
    /// It was told again to stop, and so it did.
    ToldAgain,
}

impl fmt::Display for NotLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let NotLeft::NotConfirmed { after } = self {
            return write!(
                f,
                "this node was removed from the cluster and stopped, but within {} ms no majority \
                 of the other members was known to go on without it; if operations fail there, \
                 see that the members reach each other",
                after.as_millis()
            );
        }
        f.write_str("this node stopped without having left the cluster: ")?;
        match self {
            NotLeft::NotBegun { after, refusal } => {
                write!(
                    f,
                    "its removal could not begin within {} ms",
                    after.as_millis()
                )?;
                if let Some(refusal) = refusal {
                    write!(f, " ({refusal})")?;
                }
            }
            NotLeft::NotDone { after } => write!(
                f,
                "its removal began, and was not done within {} ms; it may yet be, or be given up",
                after.as_millis()
            )?,
            NotLeft::NotConfirmed { .. } | NotLeft::ToldAgain => {
                f.write_str("it was told again to stop")?;
            }
        }
        f.write_str(
            "; the others go on without it as after a crash; if `shardedmemory members list` still \
             shows it, take it out with `shardedmemory members remove`",
        )
    }
}

/// How far a member is in leaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It is the only member: nobody is there to whom it could leave anything.
    Alone,
    /// It is a member, and would stay one.
    Member,
    /// The change that removes it is under way.
    Changing,
    /// It is out.
    Out {
        /// Whether a majority of the others is known to have entered the configuration without
        /// it.
        is_confirmed: bool,
    },
}

impl Stage {
    /// What it means that the time is up.
    fn not_left(self, after: Duration, refusal: Option<ChangeRefusal>) -> NotLeft {
        match self {
            Stage::Out { .. } => NotLeft::NotConfirmed { after },
            Stage::Changing => NotLeft::NotDone { after },
            Stage::Member | Stage::Alone => NotLeft::NotBegun { after, refusal },
        }
    }
}

impl Node {
    /// Has the cluster remove this node, and waits until it has, and until a majority of the
    /// remaining members has entered the configuration without it. Meanwhile it serves as ever.
    /// One that is no member, or the only one, has nobody to leave anything to.
    ///
    /// # Errors
    /// [`NotLeft`], if that takes longer than `within`.
    pub(crate) async fn leave(&self, within: Duration) -> Result<(), NotLeft> {
        let end = Instant::now() + within;
        if !self.is_member() {
            return Ok(());
        }
        // The change that removes it, once it is asked for and has begun.
        let mut change = None;
        // Why the cluster did not let it go, as it was told last.
        let mut refusal = None;
        loop {
            let stage = self.stage(change);
            let is_late = Instant::now() >= end;
            match stage {
                Stage::Alone => {
                    warn!("this node is the only member: what it holds goes with it");
                    return Ok(());
                }
                Stage::Out { is_confirmed: true } => {
                    info!("this node has left the cluster");
                    return Ok(());
                }
                _ if is_late => return Err(stage.not_left(within, refusal)),
                Stage::Out { .. } | Stage::Changing => pause(end, LEAVE_POLL).await,
                Stage::Member => {
                    if let Some(change) = change.take() {
                        warn!("the change of epoch {change} was given up; asking again to leave");
                    }
                    match self.ask_to_be_removed(end).await {
                        Some(Ok(epoch)) => {
                            info!("leaving: others copy what this node holds, in epoch {epoch}");
                            change = Some(epoch);
                        }
                        Some(Err(why)) => {
                            if refusal.as_ref() != Some(&why) {
                                info!("cannot leave yet, and will ask again: {why}");
                            }
                            refusal = Some(why);
                            pause(end, LEAVE_RETRY).await;
                        }
                        None => {}
                    }
                }
            }
        }
    }

    /// Asks for the change that removes this node; `None` if there is no answer in time.
    async fn ask_to_be_removed(&self, end: Instant) -> Option<Result<Epoch, ChangeRefusal>> {
        let member = self.0.incarnation.node;
        let asking = self.change_members(ChangeRequest::Remove { member });
        let left = end.saturating_duration_since(Instant::now());
        timeout(left, asking).await.ok()
    }

    fn is_member(&self) -> bool {
        self.0.cluster.lock().membership.standing() == Standing::Member
    }

    /// How far it is, if it waits for the change of that epoch.
    fn stage(&self, change: Option<Epoch>) -> Stage {
        let me = self.0.incarnation.node;
        let cluster = self.0.cluster.lock();
        let configuration = cluster.membership.configuration();
        let configuration =
            configuration.expect("a member knows of its cluster, and forgets never");
        if !configuration.contains(me) {
            let is_confirmed = cluster.entered_by_majority >= configuration.epoch();
            return Stage::Out { is_confirmed };
        }
        let is_leaving = !configuration.contains_after(me);
        let is_to_come = change.is_some_and(|change| configuration.epoch() < change);
        match configuration.members() {
            [_] => Stage::Alone,
            _ if is_leaving || is_to_come => Stage::Changing,
            _ => Stage::Member,
        }
    }
}

async fn pause(end: Instant, pause: Duration) {
    sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
}

/// How often a node that leaves looks how far it is.
const LEAVE_POLL: Duration = Duration::from_millis(50);

/// How long a node that could not leave waits before it asks again.
const LEAVE_RETRY: Duration = Duration::from_millis(500);
