//! Bringing a change that is under way to its end.
//!
//! Whoever began it may be gone, so any member of C carries it on. They take turns: the first of
//! those that are alive, by id, at once, the next one some time later, and so on; that keeps them
//! from competing, and nothing else rests on it.
//!
//! A change may be finished when of each group that it changes a majority of the new replicas has
//! copied it and is alive, and a majority of the new members is: what has died since may take its
//! memory with it, and those before the change can go on without. It is, once all members that will stay and are alive have copied all that they are
//! to hold, so that it is whole when it is done; or when nothing has moved on for some seconds. It
//! is given up when nothing has moved on for long.

use super::poll::is_majority;
use super::{ChangeRefusal, ChangeView, Membership, MembershipEvent, MembershipOutput, PeerState};
use crate::configuration::{Configuration, Epoch, Groups};
use crate::node::NodeId;
use crate::output::Ticket;
use crate::slot::Group;
use crate::time::Time;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// The longest pause between two proposals.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// For how long nothing may move on before a change that may be finished is, although somebody
/// who is alive has yet to copy.
const FINISH_PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take to give a change up for an operator.
const GIVING_UP_MAX: Duration = Duration::from_secs(10);

/// This node's part in ending the change that is under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Carrying {
    /// Whether the change may be finished.
    is_finishable: bool,
    /// Since when all that will stay and are alive have copied as well.
    whole_since: Option<Time>,
    /// Whether something came that may have made it so.
    is_due_for_review: bool,
    /// The members that were alive when it was looked at last.
    alive: Vec<NodeId>,
    /// How many proposals came to nothing, and before when the next one is not made.
    failures: u32,
    not_before: Time,
    giving_up: Option<GivingUp>,
    /// When this node last looked.
    looked: Time,
}

/// An operator wants the change given up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct GivingUp {
    ticket: Ticket,
    /// The epoch of the joint configuration.
    epoch: Epoch,
    until: Time,
    is_proposed: bool,
}

/// How the change is to end, for all this node can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Finished,
    Stalled,
    GivenUp,
}

impl Membership {
    /// A lane has copied a group, in this epoch.
    pub fn handle_copied(&mut self, now: Time, epoch: Epoch, group: Group) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        let is_whole = self.progress.note_copied(now, epoch, group, &configuration);
        if is_whole {
            let epoch = configuration.epoch();
            self.report(MembershipEvent::Copied { epoch });
        }
        // There are many groups, and the change cannot end by this one.
        if is_whole || self.progress.has_copied_changed(self.me) {
            self.carrying.is_due_for_review = true;
            self.drive(now);
        }
    }

    /// How many registers the lanes took from others in this epoch, and their bytes: for others to
    /// know.
    pub fn note_copied(&mut self, registers: u64, bytes: u64) {
        if self.progress.note_volume(registers, bytes) {
            // Not the present, but near enough: this node looks at least once a second.
            self.progress.moves_on(self.carrying.looked);
        }
    }

    /// Another member says how far it is.
    pub(super) fn handle_progress(
        &mut self,
        now: Time,
        from: NodeId,
        epoch: Epoch,
        lacking: Groups,
        (registers, bytes): (u64, u64),
    ) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        if epoch != configuration.epoch() {
            self.level(from, epoch);
        } else if configuration.contains(from) {
            self.progress
                .note_report(now, from, lacking, registers, bytes);
            self.carrying.is_due_for_review = true;
        }
    }

    /// The change that is under way, if one is.
    pub fn change(&self, now: Time) -> Option<ChangeView> {
        let configuration = self.configuration().filter(|known| known.is_joint())?;
        let (groups_copied, registers, bytes) = self.progress.figures(configuration);
        Some(ChangeView {
            groups_copied,
            registers,
            bytes,
            stalled_for: now.since(self.progress.moved_on()),
            ..ChangeView::begun(configuration)
        })
    }

    /// How many groups that member holds, or is to hold, and has not copied, as far as this node
    /// was told.
    pub fn groups_lacking(&self, node: NodeId) -> usize {
        let configuration = self.configuration();
        configuration.map_or(0, |configuration| self.progress.lacks(node, configuration))
    }

    /// An operator wants the change given up that is under way.
    pub(super) fn give_up(&mut self, now: Time, ticket: Ticket) {
        if let Err(why) = self.check_giving_up() {
            return self.outputs.push_back(MembershipOutput::ChangeAnswer {
                ticket,
                answer: Err(why),
            });
        }
        self.carrying.giving_up = Some(GivingUp {
            ticket,
            epoch: self.epoch(),
            until: now + GIVING_UP_MAX,
            is_proposed: false,
        });
        self.carrying.not_before = now;
    }

    fn check_giving_up(&self) -> Result<(), ChangeRefusal> {
        match self.configuration() {
            Some(configuration) if configuration.contains(self.me) => {
                if !configuration.is_joint() {
                    Err(ChangeRefusal::NoChange)
                } else if configuration.is_recovery() {
                    Err(ChangeRefusal::Recovering)
                } else if self.carrying.giving_up.is_some() {
                    Err(ChangeRefusal::Busy)
                } else if !self.has_alive_majority(configuration) {
                    Err(ChangeRefusal::NoAgreement)
                } else {
                    Ok(())
                }
            }
            _ => Err(ChangeRefusal::NotMember),
        }
    }

    /// Another configuration stands.
    pub(super) fn carry_into(&mut self, now: Time, entered: &Configuration) {
        let giving_up = self.carrying.giving_up.take();
        self.carrying = Carrying {
            looked: now,
            is_due_for_review: true,
            ..Carrying::default()
        };
        if let Some(GivingUp { ticket, epoch, .. }) = giving_up {
            let answer = match (entered.epoch() == epoch.next(), entered.is_aborted()) {
                (true, true) => Ok(epoch),
                (true, false) => Err(ChangeRefusal::NoChange),
                (false, _) => Err(ChangeRefusal::Unknown),
            };
            self.outputs
                .push_back(MembershipOutput::ChangeAnswer { ticket, answer });
        }
    }

    /// A proposal came to nothing, as far as is known.
    pub(super) fn carrying_undecided(&mut self, now: Time) {
        let pause = self.options.ask_interval * (1 << self.carrying.failures.min(10));
        self.carrying.failures = self.carrying.failures.saturating_add(1);
        self.carrying.not_before = now + pause.min(PAUSE_MAX);
    }

    pub(super) fn carrying_timeout(&self) -> Option<Time> {
        let tell = self.is_in().then(|| self.progress.tell_due()).flatten();
        let end = self.end_due().map(|(due, _)| due);
        let giving_up = self.carrying.giving_up.as_ref().map(|g| g.until);
        [tell, end, giving_up].into_iter().flatten().min()
    }

    pub(super) fn drive_carrying(&mut self, now: Time) {
        self.note_freeze(now);
        let detector = &self.detector;
        let answers = |node| detector.state(node) == PeerState::Alive;
        self.progress.forget_wordless(now, answers);
        if self.is_in() && self.progress.tell_due().is_some_and(|due| due <= now) {
            let message = self.progress.tell(now);
            self.send_to_members(&message);
            self.carrying.is_due_for_review = true;
        }
        let Some(configuration) = self.configuration().filter(|c| c.is_joint()).cloned() else {
            return;
        };
        let members = configuration.members().iter().map(|member| member.id);
        let alive: Vec<NodeId> = members.filter(|node| self.is_alive(*node)).collect();
        if core::mem::take(&mut self.carrying.is_due_for_review) || alive != self.carrying.alive {
            let is_alive = |node| alive.contains(&node);
            self.carrying.is_finishable = is_majority(configuration.members_after(), is_alive)
                && self.progress.is_finishable(&configuration, is_alive);
            self.carrying.alive = alive;
        }
        match self.carrying.is_finishable && self.is_whole(&configuration) {
            true => {
                self.carrying.whole_since.get_or_insert(now);
            }
            false => self.carrying.whole_since = None,
        }
        if let Some((due, end)) = self.end_due()
            && due <= now
        {
            self.end_change(now, &configuration, end);
        }
        if let Some(giving_up) = self.carrying.giving_up.take_if(|g| g.until <= now) {
            let answer = Err(match giving_up.is_proposed {
                true => ChangeRefusal::Unknown,
                false => ChangeRefusal::NoAgreement,
            });
            let ticket = giving_up.ticket;
            self.outputs
                .push_back(MembershipOutput::ChangeAnswer { ticket, answer });
        }
    }

    fn end_change(&mut self, now: Time, configuration: &Configuration, end: End) {
        let next = match end {
            End::Finished => configuration.finished(),
            End::Stalled | End::GivenUp => configuration.aborted(),
        };
        if end == End::Stalled && self.carrying.failures == 0 {
            self.report(MembershipEvent::ChangeStalled {
                epoch: configuration.epoch(),
                stalled_for: now.since(self.progress.moved_on()),
            });
        }
        if let Some(giving_up) = &mut self.carrying.giving_up {
            giving_up.is_proposed = true;
        }
        self.decide(Arc::new(next));
    }

    /// How this node would end the change, and when. `None` if it is not for it, or if it cannot,
    /// for now.
    fn end_due(&self) -> Option<(Time, End)> {
        let configuration = self.configuration().filter(|known| known.is_joint())?;
        let is_last = configuration.epoch() >= Epoch::MAX;
        if is_last || self.is_deciding() || !self.has_alive_majority(configuration) {
            return None;
        }
        let (due, end) = if self.carrying.giving_up.is_some() {
            (self.carrying.not_before, End::GivenUp)
        } else {
            let turn = self.options.carry_on_after * self.turn(configuration)?;
            let moved_on = self.progress.moved_on();
            match (self.carrying.is_finishable, self.carrying.whole_since) {
                (true, Some(since)) => (since + turn, End::Finished),
                (true, None) => (moved_on + FINISH_PATIENCE + turn, End::Finished),
                // There is nothing to go back to.
                (false, _) if configuration.is_recovery() => return None,
                (false, _) => (moved_on + self.options.abort_after + turn, End::Stalled),
            }
        };
        Some((due.max(self.carrying.not_before), end))
    }

    /// Whether everyone who will stay, and is alive, has copied what it is to hold.
    fn is_whole(&self, configuration: &Configuration) -> bool {
        let mut stay = configuration.members_after().iter();
        stay.all(|member| !self.is_alive(member.id) || self.progress.has_copied_changed(member.id))
    }

    /// How many members of C that are alive to this node come before it; `None` if it is none of
    /// them.
    fn turn(&self, configuration: &Configuration) -> Option<u32> {
        let members = configuration.members_before();
        let mut alive = members.iter().filter(|m| self.is_alive(m.id));
        let before = alive.position(|member| member.id == self.me)?;
        u32::try_from(before).ok()
    }

    /// Without it nothing could be decided, and a change may well move on where this node does
    /// not see it.
    fn has_alive_majority(&self, configuration: &Configuration) -> bool {
        is_majority(configuration.members_before(), |node| self.is_alive(node))
    }

    pub(super) fn is_alive(&self, node: NodeId) -> bool {
        self.peer_state(node) == PeerState::Alive
    }

    /// Whether it is a member, be it one that has yet to copy.
    pub(super) fn is_in(&self) -> bool {
        let configuration = self.configuration();
        configuration.is_some_and(|configuration| configuration.contains(self.me))
    }

    /// While this node was frozen the change may have moved on: what it missed does not count as
    /// a standstill.
    fn note_freeze(&mut self, now: Time) {
        let looked = core::mem::replace(&mut self.carrying.looked, now);
        if now.since(looked) > self.options.progress_interval * 3 {
            self.progress.moves_on(now);
        }
    }
}
