//! A change of members that is begun here: [`Attempt`].
//!
//! ```text
//!   meeting ------> polling ---------> deciding ------> the joint configuration stands
//!    who is at       enough agree?      the reserved
//!    the address?                       register
//! ```
//!
//! A node makes one attempt at a time. However it ends, whoever asked for it is told once.

use super::goal::Goal;
use super::poll::{Poll, Verdict};
use super::recovering::Recovery;
use super::{
    ChangeRefusal, ChangeRequest, Decision, DissentReason, Membership, MembershipEvent,
    MembershipMessage, MembershipOutput, PeerState,
};
use crate::configuration::{Configuration, Epoch};
use crate::node::{Address, NodeId};
use crate::output::Ticket;
use crate::time::Time;
use alloc::sync::Arc;
use core::time::Duration;

/// How long a node may take to answer at the address that was named.
const MEETING_MAX: Duration = Duration::from_secs(5);

/// How long the others may take to agree.
pub(super) const POLLING_MAX: Duration = Duration::from_secs(5);

/// How long it may take to learn what was decided.
const DECIDING_MAX: Duration = Duration::from_secs(10);

/// The change that this node tries to begin, if it does.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Changing {
    attempt: Option<Attempt>,
    /// How often the others were asked to agree.
    polls: u64,
    /// What was last said of a candidate that was not let in.
    not_let_in: Option<(Address, ChangeRefusal)>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Attempt {
    asker: Asker,
    goal: Goal,
    stage: Stage,
    until: Time,
}

/// For whom a change is begun.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Asker {
    Operator(Ticket),
    /// A node that asked to be let in.
    Candidate(Address),
    /// This node, which has the member removed for being down.
    Removal(NodeId),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Stage {
    Meeting,
    Polling {
        poll: Poll,
        ask_due: Time,
    },
    Deciding {
        configuration: Arc<Configuration>,
        /// When to propose it again.
        retry_due: Option<Time>,
        /// Whether it may have been decided without this node's knowing.
        is_unknown: bool,
    },
}

impl Changing {
    /// Whether nothing is attempted.
    pub(super) fn is_idle(&self) -> bool {
        self.attempt.is_none()
    }

    /// The address at which this node wants to meet the node that comes.
    pub(super) fn address(&self) -> Option<&Address> {
        self.attempt.as_ref()?.goal.address()
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        let attempt = self.attempt.as_ref()?;
        let stage = match &attempt.stage {
            Stage::Meeting => None,
            Stage::Polling { ask_due, .. } => Some(*ask_due),
            Stage::Deciding { retry_due, .. } => *retry_due,
        };
        Some(stage.map_or(attempt.until, |due| due.min(attempt.until)))
    }
}

impl Membership {
    /// An operator asks for a change. Exactly one [`MembershipOutput::ChangeAnswer`] with this
    /// ticket follows, within 20 seconds.
    pub fn handle_change_request(&mut self, now: Time, ticket: Ticket, request: ChangeRequest) {
        let goal = match request {
            ChangeRequest::Add { address, weight } => Goal::Add { address, weight },
            ChangeRequest::Remove { member } => Goal::Remove {
                member,
                only_if_down: false,
            },
            ChangeRequest::Replace { member, address } => Goal::Replace { member, address },
            ChangeRequest::Recover {
                lost,
                groups,
                cluster,
            } => Goal::Recover(Recovery {
                lost,
                groups,
                cluster,
            }),
            ChangeRequest::Abort => {
                self.give_up(now, ticket);
                return self.drive(now);
            }
        };
        self.begin(now, Asker::Operator(ticket), goal);
        self.drive(now);
    }

    pub(super) fn begin(&mut self, now: Time, asker: Asker, goal: Goal) {
        if let Err(why) = self.check_goal(&goal) {
            return self.tell_asker(asker, Err(why));
        }
        // What was begun by itself will be again; an operator is not to wait for that.
        if let (Asker::Operator(_), Some(Attempt { stage, .. })) = (&asker, &self.changing.attempt)
            && !matches!(stage, Stage::Deciding { .. })
        {
            self.end_attempt_unless_operators();
        }
        if !self.changing.is_idle() || self.is_deciding() {
            return self.tell_asker(asker, Err(ChangeRefusal::Busy));
        }
        self.changing.attempt = Some(Attempt {
            asker,
            goal,
            stage: Stage::Meeting,
            until: now + MEETING_MAX,
        });
        self.drive_attempt(now);
    }

    fn end_attempt_unless_operators(&mut self) {
        let by_operator = |attempt: &mut Attempt| matches!(attempt.asker, Asker::Operator(_));
        self.changing
            .attempt
            .take_if(|attempt| !by_operator(attempt));
    }

    /// Does what the attempt demands now.
    pub(super) fn drive_attempt(&mut self, now: Time) {
        let Some(attempt) = &self.changing.attempt else {
            return;
        };
        if attempt.until <= now {
            let why = self.why_in_vain(attempt);
            return self.end_attempt(now, Err(why));
        }
        match &attempt.stage {
            Stage::Meeting => {
                if let Some(configuration) = self.configuration_after(&attempt.goal) {
                    match configuration {
                        Ok(configuration) => self.start_polling(now, configuration),
                        Err(why) => self.end_attempt(now, Err(why)),
                    }
                }
            }
            Stage::Polling { poll, ask_due } => match poll.verdict() {
                Verdict::Agreed => self.start_deciding(now),
                Verdict::Refused(reason) => {
                    let why = attempt.goal.refusal(reason);
                    self.end_attempt(now, Err(why));
                }
                Verdict::Open if *ask_due <= now => self.ask_others(now),
                Verdict::Open => {}
            },
            Stage::Deciding { retry_due, .. } => {
                if retry_due.is_some_and(|due| due <= now) {
                    self.propose_attempt(now);
                }
            }
        }
    }

    /// Why an attempt came to nothing whose time is over.
    fn why_in_vain(&self, attempt: &Attempt) -> ChangeRefusal {
        match (&attempt.stage, &attempt.goal) {
            (Stage::Meeting, Goal::Replace { member, address })
                if self.links.node(address) == Some(*member)
                    && self.peer_state(*member) == PeerState::Alive =>
            {
                ChangeRefusal::Alive(*member)
            }
            (Stage::Meeting, goal) => {
                let address = goal.address().expect("nobody is met for a removal");
                ChangeRefusal::Unreachable(address.clone())
            }
            (Stage::Polling { poll, .. }, goal) => {
                let reason = poll.reason();
                reason.map_or(ChangeRefusal::NoAgreement, |reason| goal.refusal(reason))
            }
            (Stage::Deciding { is_unknown, .. }, _) => match self.is_deciding() || *is_unknown {
                true => ChangeRefusal::Unknown,
                false => ChangeRefusal::NoAgreement,
            },
        }
    }

    fn start_polling(&mut self, now: Time, configuration: Arc<Configuration>) {
        self.changing.polls += 1;
        let number = self.changing.polls;
        let Some(attempt) = &mut self.changing.attempt else {
            return;
        };
        let only_if_down = matches!(
            attempt.goal,
            Goal::Remove {
                only_if_down: true,
                ..
            }
        );
        attempt.until = now + POLLING_MAX;
        attempt.stage = Stage::Polling {
            poll: Poll::new(number, configuration.clone(), only_if_down),
            ask_due: now,
        };
        if let Some(answer) = self.judge(now, self.me, &configuration, only_if_down) {
            self.note_answer(now, self.me, number, answer);
        }
        self.drive_attempt(now);
    }

    /// Asks those that have not agreed yet.
    fn ask_others(&mut self, now: Time) {
        let ask_interval = self.options.ask_interval;
        let Some(Attempt {
            stage: Stage::Polling { poll, ask_due },
            ..
        }) = &mut self.changing.attempt
        else {
            return;
        };
        *ask_due = now + ask_interval;
        let mut wanting = poll.wanting();
        wanting.remove(&self.me);
        let message = MembershipMessage::Consider {
            number: poll.number,
            configuration: poll.configuration.clone(),
            only_if_down: poll.only_if_down,
        };
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        for node in wanting {
            if !configuration.contains(node) {
                // It can neither judge nor answer before it knows the cluster.
                let configuration = configuration.clone();
                self.send(node, MembershipMessage::Stands { configuration });
            }
            self.send(node, message.clone());
        }
    }

    /// A node agrees to a change, or does not.
    pub(super) fn note_answer(
        &mut self,
        now: Time,
        node: NodeId,
        number: u64,
        answer: Result<(), DissentReason>,
    ) {
        if let Some(Attempt {
            stage: Stage::Polling { poll, .. },
            ..
        }) = &mut self.changing.attempt
        {
            poll.note(node, number, answer);
            if answer == Err(DissentReason::Outdated) {
                self.send(node, MembershipMessage::Ask { round: None });
            }
            self.drive_attempt(now);
        }
    }

    fn start_deciding(&mut self, now: Time) {
        if let Some(attempt) = &mut self.changing.attempt
            && let Stage::Polling { poll, .. } = &attempt.stage
        {
            attempt.until = now + DECIDING_MAX;
            attempt.stage = Stage::Deciding {
                configuration: poll.configuration.clone(),
                retry_due: None,
                is_unknown: false,
            };
            self.propose_attempt(now);
        }
    }

    fn propose_attempt(&mut self, now: Time) {
        if let Some(Attempt {
            stage:
                Stage::Deciding {
                    configuration,
                    retry_due,
                    ..
                },
            ..
        }) = &mut self.changing.attempt
        {
            *retry_due = None;
            let next = configuration.clone();
            match next.is_recovery() {
                // Nobody is left who could decide it: that everyone agreed has to do.
                true => self.go_on_as(now, next),
                false => {
                    self.decide(next);
                }
            }
        }
    }

    /// What the attempt proposed was not decided, as far as is known. It is proposed again: that
    /// settles it, unless nobody can be reached.
    pub(super) fn attempt_undecided(&mut self, now: Time, decision: Decision) {
        let ask_interval = self.options.ask_interval;
        if let Some(Attempt {
            stage:
                Stage::Deciding {
                    retry_due,
                    is_unknown,
                    ..
                },
            ..
        }) = &mut self.changing.attempt
        {
            *is_unknown |= decision == Decision::Unknown;
            *retry_due = Some(now + ask_interval);
        }
    }

    /// Another configuration stands: the attempt has succeeded by that, or failed.
    pub(super) fn end_attempt_by(&mut self, now: Time, entered: &Configuration) {
        let Some(attempt) = &self.changing.attempt else {
            return;
        };
        let result = match &attempt.stage {
            Stage::Deciding { configuration, .. } => {
                match entered.epoch().cmp(&configuration.epoch()) {
                    core::cmp::Ordering::Equal if **configuration == *entered => {
                        Ok(entered.epoch())
                    }
                    core::cmp::Ordering::Greater => Err(ChangeRefusal::Unknown),
                    _ => Err(ChangeRefusal::Busy),
                }
            }
            Stage::Meeting | Stage::Polling { .. } => Err(ChangeRefusal::Busy),
        };
        self.end_attempt(now, result);
    }

    fn end_attempt(&mut self, now: Time, result: Result<Epoch, ChangeRefusal>) {
        if let Some(attempt) = self.changing.attempt.take() {
            self.end_own_recovery();
            self.tell_asker(attempt.asker, result);
            self.forget_links(now);
        }
    }

    fn tell_asker(&mut self, asker: Asker, result: Result<Epoch, ChangeRefusal>) {
        match (asker, result) {
            (Asker::Operator(ticket), answer) => {
                let answer = MembershipOutput::ChangeAnswer { ticket, answer };
                self.outputs.push_back(answer);
            }
            (Asker::Candidate(_), Ok(_)) => self.changing.not_let_in = None,
            // It asks again, and the other change will be done then.
            (
                Asker::Candidate(_),
                Err(ChangeRefusal::Busy | ChangeRefusal::NotMember | ChangeRefusal::Unknown),
            ) => {}
            (Asker::Candidate(address), Err(why)) => {
                let said = (address.clone(), why.clone());
                if self.changing.not_let_in.replace(said.clone()) != Some(said) {
                    self.report(MembershipEvent::NotLetIn { address, why });
                }
            }
            (Asker::Removal(member), result) => self.end_removal(member, result),
        }
    }
}
