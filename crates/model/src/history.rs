//! What clients saw, in as few words as decide about it: [`Client`], [`Histories`].

use crate::scenario::{Request, value_of};
use checker::{Action, History, Limits, Reply, Verdict};
use parking_lot::Mutex;
use protocol::{Condition, Effect, Outcome, Record};
use std::collections::HashMap;

/// How far one client's request is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// The requests that had ended when this one was made, one bit each. Of the order of events
    /// nothing else counts.
    pub before: u16,
    /// How it ended, if it has.
    pub state: ClientState,
    /// How many rounds it took. It says nothing of what may happen, and is left out of hashes.
    pub rounds: u8,
}

/// How far a request is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClientState {
    /// Not made yet.
    Idle,
    /// Made, and not ended.
    Waiting,
    /// Ended, with the reply of this number.
    Ended(u16),
}

impl Client {
    /// One that has made no request.
    pub const IDLE: Client = Client {
        before: 0,
        state: ClientState::Idle,
        rounds: 0,
    };

    /// Whether its request has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, ClientState::Ended(_))
    }
}

/// How a request ended, as far as the checker has to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It took effect, or showed what the register holds.
    Done(Reply<String>),
    /// It certainly did not happen.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Ending {
    /// What an outcome says, and in how many rounds.
    pub fn of(outcome: &Outcome) -> (Self, u8) {
        let content = |record: &Record| record.content.as_ref().map(value_of);
        match outcome {
            Outcome::Read { record, rounds } => {
                (Ending::Done(Reply::Read(content(record))), *rounds)
            }
            Outcome::Written { rounds, .. } => (Ending::Done(Reply::Written), *rounds),
            Outcome::Modified { record, rounds, .. } => {
                (Ending::Done(Reply::Modified(content(record))), *rounds)
            }
            Outcome::Unchanged { record, rounds, .. } => {
                (Ending::Done(Reply::Unchanged(content(record))), *rounds)
            }
            Outcome::Refused(_) => (Ending::Refused, 0),
            Outcome::Unknown => (Ending::Unknown, 0),
        }
    }
}

/// All of a history that decides about it: of each request, which ones had ended before, and how it
/// ended.
type Key = Vec<(u16, ClientState)>;

/// The verdict on each history that was met, and the ways in which requests ended, by number.
#[derive(Debug, Default)]
pub struct Histories {
    endings: Mutex<Vec<Ending>>,
    verdicts: Mutex<HashMap<Key, Option<String>>>,
}

impl Histories {
    /// The number of an ending.
    pub fn number(&self, ending: Ending) -> u16 {
        let mut endings = self.endings.lock();
        let found = endings.iter().position(|known| *known == ending);
        let number = found.unwrap_or_else(|| {
            endings.push(ending);
            endings.len() - 1
        });
        u16::try_from(number).expect("a few requests end in a few ways")
    }

    /// The ending of this number.
    pub fn ending(&self, number: u16) -> Ending {
        self.endings.lock()[usize::from(number)].clone()
    }

    /// How many different histories were judged.
    pub fn judged(&self) -> usize {
        self.verdicts.lock().len()
    }

    /// What is wrong with what the clients saw, if it is not linearizable. Each history is judged
    /// once, and counts as one with all that differ from it in nothing that decides.
    pub fn fault(&self, requests: &[Request], clients: &[Client]) -> Option<String> {
        let key: Key = clients.iter().map(|it| (it.before, it.state)).collect();
        if let Some(known) = self.verdicts.lock().get(&key) {
            return known.clone();
        }
        let fault = match checker::check(&self.history(requests, clients), Limits::default()) {
            Verdict::Linearizable(_) => None,
            Verdict::Violation(witness) => Some(witness.to_string()),
            Verdict::Undecided(undecided) => Some(undecided.to_string()),
        };
        self.verdicts.lock().insert(key, fault.clone());
        fault
    }

    /// A history with just the order that the clients' requests have.
    ///
    /// Which requests had ended when another was made grows with time, so the requests are made in
    /// the order of how many that were, and each ends right before the first that was made after.
    pub fn history(&self, requests: &[Request], clients: &[Client]) -> History<String> {
        let made = |client: &&Client| client.state != ClientState::Idle;
        let mut moments: Vec<u16> = clients.iter().filter(made).map(|it| it.before).collect();
        moments.sort_by_key(|before| (before.count_ones(), *before));
        moments.dedup();
        let time = |moment: usize| moment as u64 * 10;
        let mut history = History::new();
        let mut calls = Vec::new();
        for (moment, &before) in moments.iter().enumerate() {
            for (number, (request, client)) in requests.iter().zip(clients).enumerate() {
                let is_now = client.state != ClientState::Idle && client.before == before;
                if is_now && !request.is_proposal() {
                    let action = request.action();
                    let register = crate::scenario::REGISTER;
                    let id = history.call(number as u64, register, action, time(moment) + 5);
                    calls.push((number, id, moment));
                }
            }
        }
        for (number, id, moment) in calls {
            let ClientState::Ended(ending) = clients[number].state else {
                continue;
            };
            let is_after = |before: &u16| before & (1 << number) != 0;
            let after = moments.iter().position(is_after);
            let end = time(after.unwrap_or(moments.len()));
            debug_assert!(end > time(moment), "it ended after it was made");
            match self.ending(ending) {
                Ending::Done(reply) => history.done(id, end, reply),
                Ending::Refused => history.refused(id, end),
                Ending::Unknown => history.unknown(id),
            }
        }
        history
    }
}

/// The action that the checker knows for a change.
pub(crate) fn action_of_change(change: &protocol::Change) -> Action<String> {
    let text = |content: &Option<bytes::Bytes>| content.as_ref().map(value_of);
    match (&change.condition, &change.effect) {
        (Condition::Always, Effect::Add(amount)) => Action::Add(*amount),
        (Condition::Equal(expected), Effect::Put { content, .. }) => Action::CompareAndSet {
            expected: Some(value_of(expected)),
            new: text(content),
        },
        (Condition::Absent, Effect::Put { content, .. }) => Action::CompareAndSet {
            expected: None,
            new: text(content),
        },
        _ => unreachable!("clients compare contents here"),
    }
}
