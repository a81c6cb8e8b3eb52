//! Waiting for the end of a change of members: [`Waiting`].

use super::change::{Change, Goal};
use super::progress::Progress;
use super::voices::Voices;
use crate::cli::client::{ChangeView, MemberView, MembersView, State};
use crate::cli::failure::{Exit, Failure};
use crate::cli::figures::{bytes, counted};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A change that has begun and whose end is waited for.
pub(super) struct Waiting<'a> {
    change: &'a Change,
    goal: &'a Goal,
    /// The epoch in which it is under way.
    epoch: u64,
    began: Instant,
    /// The last view in which it was under way, or the one before it.
    last: MembersView,
}

/// How a change looks in a view of the members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sight {
    /// The node that tells has not heard of it yet.
    NotYet,
    /// It is under way.
    UnderWay,
    /// It is done.
    Done,
    /// It was given up.
    GivenUp,
    /// It has ended, others have followed, and the members are not what it was to make of them.
    Overtaken,
}

/// How often the members are asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// For how long a node may tell of nothing new before another one is asked: it may be cut off.
const PATIENCE_WITH_ONE: Duration = Duration::from_secs(3);

/// For how long no node may answer.
const PATIENCE_WITHOUT_ANSWER: Duration = Duration::from_secs(30);

/// For how long no node may tell of anything new. It is well above the time after which a change
/// that makes no progress is given up by default.
const PATIENCE_WITH_ALL: Duration = Duration::from_secs(120);

impl<'a> Waiting<'a> {
    /// Begins to wait.
    pub(super) fn new(change: &'a Change, goal: &'a Goal, epoch: u64, before: MembersView) -> Self {
        Self {
            change,
            goal,
            epoch,
            began: Instant::now(),
            last: before,
        }
    }

    /// Waits until the change has ended, and shows how far it is. Returns the members afterwards,
    /// as a node wrote them and as they are understood, and what there is to say.
    ///
    /// # Errors
    /// If it was given up, or if nobody can be asked how it ended.
    pub(super) async fn until_ended(
        mut self,
        voices: &mut Voices,
    ) -> Result<(Value, MembersView, String), Failure> {
        let mut progress = Progress::begin(self.change.to_string());
        // When anyone last answered, when something new was last heard, and since when the node
        // that is asked has told of nothing new.
        let (mut answered, mut moved, mut heard) = (self.began, self.began, self.began);
        loop {
            if let Ok((written, view)) = voices.view().await {
                answered = Instant::now();
                match self.sight(&view) {
                    Sight::Done => {
                        let told = self.done(&view);
                        return Ok((written, view, told));
                    }
                    Sight::GivenUp => return Err(self.given_up(&view)),
                    Sight::Overtaken => return Err(self.overtaken()),
                    Sight::NotYet => {}
                    Sight::UnderWay => {
                        if let Some(change) = &view.change {
                            progress.show_change(change);
                        }
                        if amount(&self.last) < amount(&view) {
                            moved = Instant::now();
                            heard = moved;
                        }
                        if amount(&self.last) <= amount(&view) {
                            self.last = view;
                        }
                    }
                }
            }
            if answered.elapsed() > PATIENCE_WITHOUT_ANSWER {
                return Err(self.silence("no node has answered", answered.elapsed()));
            }
            if moved.elapsed() > PATIENCE_WITH_ALL {
                return Err(self.silence("no node has told of anything new", moved.elapsed()));
            }
            if heard.elapsed() > PATIENCE_WITH_ONE {
                voices.turn();
                heard = Instant::now();
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn sight(&self, view: &MembersView) -> Sight {
        let under_way = view.change.as_ref().map(|change| change.epoch);
        if view.epoch < self.epoch {
            Sight::NotYet
        } else if under_way == Some(self.epoch) || view.epoch == self.epoch {
            Sight::UnderWay
        } else if self.goal.is_met(view) {
            Sight::Done
        } else if view.epoch == self.epoch + 1 {
            Sight::GivenUp
        } else {
            Sight::Overtaken
        }
    }

    fn done(&self, after: &MembersView) -> String {
        let mut text = format!(
            "done: {}, in epoch {} after {:.1} s",
            self.change.done(),
            after.epoch,
            self.began.elapsed().as_secs_f64()
        );
        if let Some(change) = &self.last.change
            && change.registers > 0
            && *self.change != Change::Abort
        {
            text.push_str(&format!(
                "; at least {} with {} were copied",
                counted(change.registers, "register", "registers"),
                bytes(change.bytes)
            ));
        }
        text
    }

    fn given_up(&self, after: &MembersView) -> Failure {
        let failure = Failure::failed(format!("{}{}", self.change.undone(), self.why(after)));
        match self.change {
            Change::Abort => failure.hint("'shardedmemory members list' shows the members"),
            Change::Recover { .. } => failure
                .hint("'shardedmemory recover' shows what can be done with those who are left"),
            _ => failure.hint(
                "see that those who come and those who stay run and reach each other \
                 ('shardedmemory status'), then try again",
            ),
        }
    }

    /// What can be seen of why it was given up.
    fn why(&self, after: &MembersView) -> String {
        let Some(change) = &self.last.change else {
            return String::new();
        };
        let silent: Vec<String> = (self.last.members.iter())
            .map(|member| after.member(&member.id).unwrap_or(member))
            .filter(|member| member.state != State::Alive)
            .map(|member| sight_of(member, change))
            .collect();
        let stalled = Duration::from_millis(change.stalled_for_ms);
        match silent.as_slice() {
            [] if stalled < STALL => "; nothing held it up, so somebody gave it up".to_owned(),
            [] => format!("; nothing had moved for {} s", stalled.as_secs()),
            silent => format!("; {}", silent.join(", ")),
        }
    }

    fn overtaken(&self) -> Failure {
        let message = format!(
            "{} has ended, and other changes followed on it: it is unknown whether it was done and \
             undone, or given up",
            self.change
        );
        Failure::new(Exit::Unknown, message)
            .hint("'shardedmemory members list' shows who the members are now")
    }

    fn silence(&self, what: &str, since: Duration) -> Failure {
        let message = format!(
            "{} has begun in epoch {}, and {what} for {} s; it goes on, or is given up, without \
             this command",
            self.change,
            self.epoch,
            since.as_secs()
        );
        let hint = match self.change {
            Change::Recover { .. } => {
                "'shardedmemory status' shows which nodes are up, and 'shardedmemory members list' \
                 how far it is: every node that is left is needed; if one more is lost for good, \
                 recover again"
            }
            _ => {
                "'shardedmemory status' shows which nodes are up; 'shardedmemory members list' \
                 shows how far it is, 'members abort' gives it up"
            }
        };
        Failure::new(Exit::Unknown, message).hint(hint)
    }
}

/// From when on a change counts as held up.
const STALL: Duration = Duration::from_secs(5);

/// How far a change is: the epoch, then what was copied in it.
fn amount(view: &MembersView) -> (u64, u64, u64, u64) {
    let copied = view.change.as_ref();
    let copied = copied.map(|change| (change.groups_copied, change.registers, change.bytes));
    let (groups, registers, bytes) = copied.unwrap_or_default();
    (view.epoch, groups, registers, bytes)
}

/// A member that does not answer, and what it was to be.
fn sight_of(member: &MemberView, change: &ChangeView) -> String {
    let MemberView { address, state, .. } = member;
    if change.joining.contains(&member.id) {
        format!("{address}, which was to come, is {state}")
    } else if change.leaving.contains(&member.id) {
        format!("{address}, which was to go, is {state}")
    } else {
        format!("{address} is {state}")
    }
}
