//! What clients ask of a cluster and are told: [`Clients`].

use super::cluster::{Cluster, LANES};
use super::map::{Deed, Expectation, PlainMap, Value};
use super::schedule::{Asked, Guess, REGISTERS};
use bytes::Bytes;
use checker::{Action, History, Limits, Reply, Verdict};
use protocol::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The most operations of one schedule: each sets or adds a bit of its own.
const OPERATIONS_MAX: u32 = 48;

/// How hard the checker tries: a history that takes longer shows nothing, which is rare.
const LIMITS: Limits = Limits {
    steps: 200_000,
    width: 20_000,
};

/// All clients of a cluster, and what they may believe by now.
pub(crate) struct Clients {
    judge: Judge,
    /// By tickets.
    waiting: BTreeMap<Ticket, Waiting>,
    registers: [Register; REGISTERS as usize],
    operations: u32,
    /// How operations ended.
    pub(crate) ends: Ends,
}

/// How many operations ended in which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ends {
    /// Reads and writes that were done.
    pub done: u32,
    /// Read-modify-writes that changed something.
    pub modified: u32,
    /// Read-modify-writes that had nothing to change.
    pub unchanged: u32,
    /// What certainly did not happen.
    pub refused: u32,
    /// What may have happened.
    pub unknown: u32,
}

/// Who says whether the answers are right.
enum Judge {
    /// Operations run one after another.
    Map(PlainMap),
    /// They overlap.
    Checker { history: History<i64>, moments: u64 },
}

struct Waiting {
    at: u64,
    register: u8,
    deed: Deed,
    /// Its number in the history, if one is kept.
    entry: Option<checker::OperationId>,
}

/// What clients believe of a register.
#[derive(Clone, Default)]
struct Register {
    latest: Option<Record>,
    written: Value,
}

impl Clients {
    pub(crate) fn new(one_at_a_time: bool) -> Self {
        let judge = match one_at_a_time {
            true => Judge::Map(PlainMap::default()),
            false => Judge::Checker {
                history: History::new(),
                moments: 0,
            },
        };
        Self {
            judge,
            waiting: BTreeMap::new(),
            registers: Default::default(),
            operations: 0,
            ends: Ends::default(),
        }
    }

    /// Asks a node for an operation, unless it is not its turn.
    pub(crate) fn ask(&mut self, cluster: &mut Cluster, at: u64, register: u8, asked: Asked) {
        let may_ask = match &self.judge {
            Judge::Map(map) => self.waiting.is_empty() && map.has_room(register),
            Judge::Checker { .. } => true,
        };
        if may_ask && self.operations < OPERATIONS_MAX && cluster.is_alive(at) {
            self.start(cluster, at, register, asked);
        }
    }

    /// Reads a register when all is well again: that takes place whatever was before.
    pub(crate) fn ask_finally(&mut self, cluster: &mut Cluster, at: u64, register: u8) {
        let done = self.ends.done;
        self.start(cluster, at, register, Asked::Read);
        cluster.run_until_idle();
        self.hear(cluster);
        assert_eq!(
            self.ends.done,
            done + 1,
            "all is well, but a read at node {at} was not done"
        );
    }

    fn start(&mut self, cluster: &mut Cluster, at: u64, register: u8, asked: Asked) {
        let (deed, change) = self.deed(register, asked);
        let name = name(register);
        let operation = match (deed, change) {
            (Deed::Read, _) => Operation::Read { name: name.clone() },
            (Deed::Write(value), _) => Operation::Write {
                name: name.clone(),
                content: value.map(content),
                expiry: None,
            },
            (_, Some(change)) => Operation::Modify {
                name: name.clone(),
                change,
            },
            (Deed::Add(_) | Deed::Set(..), None) => unreachable!("they are changes"),
        };
        let entry = match &mut self.judge {
            Judge::Map(_) => None,
            Judge::Checker { history, moments } => {
                *moments += 1;
                Some(history.call(at, name.as_bytes(), action(deed), *moments))
            }
        };
        if let Deed::Write(value) | Deed::Set(_, value) = deed {
            self.registers[usize::from(register)].written = value;
        }
        let ticket = cluster.request(at, operation);
        let waiting = Waiting {
            at,
            register,
            deed,
            entry,
        };
        self.waiting.insert(ticket, waiting);
        self.hear(cluster);
    }

    /// What is asked in full: each value has a bit of its own, so that it is told from all others.
    fn deed(&mut self, register: u8, asked: Asked) -> (Deed, Option<Change>) {
        self.operations += 1;
        let distinct = 1 << (self.operations % 62);
        let believed = &self.registers[usize::from(register)];
        match asked {
            Asked::Read => (Deed::Read, None),
            Asked::Write => (Deed::Write(Some(distinct)), None),
            Asked::Delete => (Deed::Write(None), None),
            Asked::Add => (Deed::Add(distinct), Some(Change::add(distinct))),
            Asked::Set { expected, deletes } => {
                let latest = believed.latest.as_ref();
                let latest_value = latest.and_then(value);
                let this = |value: Value| {
                    let expected = Condition::content(value.map(content));
                    (Expectation::This(value), expected)
                };
                let is_judged_by_map = matches!(self.judge, Judge::Map(_));
                let (expectation, expected) = match (expected, latest) {
                    // A value stands under one tag only, but nothing under many.
                    (Guess::LatestTag, Some(record)) if latest_value.is_some() => {
                        let expectation = Expectation::This(latest_value);
                        (expectation, Condition::Tag(record.tag))
                    }
                    (Guess::Latest | Guess::LatestTag, _) => this(latest_value),
                    (Guess::Nothing, _) => this(None),
                    (Guess::Something, _) if is_judged_by_map => {
                        (Expectation::Something, Condition::Present)
                    }
                    (Guess::Written | Guess::Something, _) => this(believed.written),
                };
                // To delete what is not there changes nothing, whatever is expected.
                let deletes = deletes && expected != Condition::Absent;
                let new = (!deletes).then_some(distinct);
                let change = Change::set_if(expected, new.map(content));
                (Deed::Set(expectation, new), Some(change))
            }
        }
    }

    /// Takes in what was answered, and judges it as far as that can be done at once.
    pub(crate) fn hear(&mut self, cluster: &mut Cluster) {
        for (ticket, outcome) in cluster.take_answers() {
            // A proposal is nobody's operation.
            let Some(waiting) = self.waiting.remove(&ticket) else {
                continue;
            };
            self.count(&outcome);
            let record = match &outcome {
                Outcome::Read { record, .. }
                | Outcome::Modified { record, .. }
                | Outcome::Unchanged { record, .. } => Some(record),
                _ => None,
            };
            let answered = record.and_then(value);
            if let Some(record) = record {
                let register = &mut self.registers[usize::from(waiting.register)];
                register.latest = Some(record.clone());
            }
            match &mut self.judge {
                Judge::Map(map) => {
                    let Waiting { register, deed, .. } = waiting;
                    if let Err(possible) = map.end(register, deed, &outcome, answered) {
                        panic!(
                            "{deed:?} of register {register} ended as {outcome:?}, \
                             and a map would hold one of {possible}"
                        );
                    }
                }
                Judge::Checker { history, moments } => {
                    *moments += 1;
                    let entry = waiting.entry.expect("it is in the history");
                    note_end(history, entry, *moments, &outcome, answered);
                }
            }
        }
    }

    /// A node has died: what it was asked is never answered.
    pub(crate) fn note_death(&mut self, at: u64) {
        for (_, waiting) in self.waiting.extract_if(.., |_, waiting| waiting.at == at) {
            // In a history, what is not answered is unknown.
            if let Judge::Map(map) = &mut self.judge {
                let Waiting { register, deed, .. } = waiting;
                let is_possible = map.end(register, deed, &Outcome::Unknown, None);
                is_possible.expect("what is unknown fits everything");
            }
        }
    }

    fn count(&mut self, outcome: &Outcome) {
        let ends = &mut self.ends;
        *match outcome {
            Outcome::Read { .. } | Outcome::Written { .. } => &mut ends.done,
            Outcome::Modified { .. } => &mut ends.modified,
            Outcome::Unchanged { .. } => &mut ends.unchanged,
            Outcome::Refused(_) => &mut ends.refused,
            Outcome::Unknown => &mut ends.unknown,
        } += 1;
    }

    /// Judges what could not be judged at once.
    pub(crate) fn judge(&self) {
        if let Judge::Checker { history, .. } = &self.judge
            && let Verdict::Violation(witness) = checker::check(history, LIMITS)
        {
            panic!("{witness}");
        }
    }
}

/// The register's name: one whose slot falls to the lanes that are here.
fn name(register: u8) -> RegisterName {
    static NAMES: LazyLock<Vec<RegisterName>> = LazyLock::new(|| {
        let names = (0..).map(|n: u32| RegisterName::new(n.to_string()).expect("a short name"));
        let is_here = |name: &RegisterName| name.slot().lane(LANES.into()) == 0;
        names.filter(is_here).take(REGISTERS.into()).collect()
    });
    NAMES[usize::from(register)].clone()
}

fn content(value: i64) -> Bytes {
    Bytes::from(value.to_string())
}

fn value(record: &Record) -> Value {
    let content = record.content.as_deref()?;
    let text = str::from_utf8(content).expect("clients write integers");
    Some(text.parse().expect("clients write integers"))
}

fn action(deed: Deed) -> Action<i64> {
    match deed {
        Deed::Read => Action::Read,
        Deed::Write(Some(value)) => Action::Write(value),
        Deed::Write(None) => Action::Delete,
        Deed::Add(amount) => Action::Add(amount),
        Deed::Set(Expectation::This(expected), new) => Action::CompareAndSet { expected, new },
        Deed::Set(Expectation::Something, _) => unreachable!("only a map judges that"),
    }
}

fn note_end(
    history: &mut History<i64>,
    entry: checker::OperationId,
    moment: u64,
    outcome: &Outcome,
    answered: Value,
) {
    let reply = match outcome {
        Outcome::Read { .. } => Reply::Read(answered),
        Outcome::Written { .. } => Reply::Written,
        Outcome::Modified { .. } => Reply::Modified(answered),
        Outcome::Unchanged { .. } => Reply::Unchanged(answered),
        Outcome::Refused(_) => return history.refused(entry, moment),
        Outcome::Unknown => return history.unknown(entry),
    };
    history.done(entry, moment, reply);
}
