//! What clients ask: [`Workload`].

use crate::book::Ended;
use crate::chance::{Chance, Stream};
use crate::cluster::Cluster;
use crate::network::Site;
use crate::process::State;
use bytes::Bytes;
use protocol::{
    Change, Condition, Effect, ExpiryCondition, NewExpiry, Operation, Outcome, RegisterName,
    UnixMillis,
};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How many clients ask for what, how often.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadPlan {
    clients: usize,
    registers: usize,
    /// How many operations are asked for in all.
    operations: usize,
    write_share: f64,
    delete_share: f64,
    /// How many operations on a register that has them are read-modify-writes.
    modify_share: f64,
    /// What each register is used for.
    uses: Vec<Use>,
    /// How many of the clients stay at one node.
    sticky_share: f64,
    /// Whether a client asks on without waiting for the answer before.
    open_loop: bool,
    /// The time between two operations of a client within a burst.
    pace: Duration,
    /// The time from one burst to the next.
    pause: Duration,
    burst: RangeInclusive<usize>,
    timeouts: Vec<Duration>,
}

impl WorkloadPlan {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let millis = Duration::from_millis;
        let timeouts = [
            vec![millis(100), millis(1000), millis(5000)],
            vec![millis(5000)],
            vec![millis(300)],
            vec![millis(2000), millis(2500)],
        ];
        let burst_max = chance.pick(&[2, 5, 15]);
        let registers = chance.between(1..=6);
        let uses = [
            Use::Plain,
            Use::Plain,
            Use::Compared,
            Use::Compared,
            Use::Counter,
            Use::Expiring,
            Use::Expiring,
            Use::Appended,
        ];
        Self {
            clients: chance.between(2..=16),
            registers,
            uses: (0..registers).map(|_| chance.pick(&uses)).collect(),
            modify_share: chance.pick(&[0.1, 0.3, 0.7]),
            operations: chance.between(100..=500),
            write_share: chance.pick(&[0.1, 0.4, 0.4, 0.8]),
            delete_share: chance.pick(&[0.0, 0.0, 0.02, 0.08]),
            sticky_share: chance.pick(&[0.0, 0.5, 1.0]),
            open_loop: chance.happens(0.4),
            pace: Duration::from_micros(chance.pick(&[0, 200, 2_000, 20_000, 100_000])),
            pause: millis(chance.pick(&[50, 200, 600])),
            burst: 1..=burst_max,
            timeouts: chance.pick(&timeouts),
        }
    }

    /// Much of what clients ask for is to delete something.
    pub(crate) fn delete_much(&mut self) {
        self.delete_share = 0.3;
    }
}

/// What a register is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Use {
    /// It is written and read.
    Plain,
    /// It is also set, or deleted, on conditions, most of them that it holds what it was last seen
    /// to hold.
    Compared,
    /// It is added to.
    Counter,
    /// What it holds expires, mostly. It is locked, kept for longer, and unlocked.
    Expiring,
    /// It is appended to.
    Appended,
}

/// How often a counter is added to. Each amount is another power of two, so that a sum tells which
/// of them it is made of.
const ADDITIONS_MAX: u32 = 62;

/// How many of these are kept for the time after healing.
const ADDITIONS_AT_LAST: u32 = 20;

/// How many operations run at once on a register in which values expire; beyond that clients read.
/// Where any value may turn to nothing at any time, the checker has to search.
const EXPIRING_AT_ONCE_MAX: usize = 6;

/// One operation that a client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) client: usize,
    pub(crate) site: Site,
    pub(crate) operation: Operation,
    pub(crate) timeout: Duration,
}

/// The clients. They come in bursts: several at once, on few registers, so that operations meet.
#[derive(Debug)]
pub(crate) struct Workload {
    plan: WorkloadPlan,
    chance: Chance,
    clients: Vec<Client>,
    operations_left: usize,
    values: u64,
    /// What each register was last seen to hold.
    seen: Vec<Option<Bytes>>,
    /// How often each was added to.
    additions: Vec<u32>,
    /// How many operations run on each.
    running: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Client {
    /// The node that it always asks.
    home: Option<Site>,
    /// How many operations it has left in this burst.
    left: usize,
}

impl Workload {
    pub(crate) fn new(seed: u64, plan: WorkloadPlan, sites: usize) -> Self {
        let mut chance = Chance::new(seed, Stream::Workload);
        let clients = (0..plan.clients).map(|_| Client {
            home: chance
                .happens(plan.sticky_share)
                .then(|| chance.below(sites)),
            left: 0,
        });
        let clients = clients.collect();
        let operations_left = plan.operations;
        Self {
            seen: vec![None; plan.registers],
            additions: vec![0; plan.registers],
            running: vec![0; plan.registers],
            plan,
            chance,
            clients,
            operations_left,
            values: 0,
        }
    }

    pub(crate) fn registers(&self) -> usize {
        self.plan.registers
    }

    /// How long until the next burst.
    pub(crate) fn pause(&mut self) -> Duration {
        self.chance.about(self.plan.pause)
    }

    /// A burst begins: which clients ask now or soon, and after how long.
    pub(crate) fn burst(&mut self) -> Vec<(usize, Duration)> {
        let mut asking = Vec::new();
        let clients = self.chance.between(1..=self.plan.clients);
        for client in 0..clients {
            let operations = self.chance.between(self.plan.burst.clone());
            if self.plan.open_loop {
                let mut after = Duration::ZERO;
                for _ in 0..operations {
                    asking.push((client, after));
                    after += self.chance.about(self.plan.pace);
                }
            } else {
                self.clients[client].left = operations;
                asking.push((client, self.chance.about(self.plan.pace)));
            }
        }
        asking
    }

    /// An operation has ended: after how long its client asks for its next one, if it does.
    pub(crate) fn ended(&mut self, ended: &Ended) -> Option<Duration> {
        let register = (0..self.plan.registers).find(|number| register(*number) == ended.name);
        if let Some(register) = register {
            // What is asked after healing was not counted.
            self.running[register] = self.running[register].saturating_sub(1);
        }
        if let Some(register) = register
            && let Some(
                Outcome::Read { record, .. }
                | Outcome::Modified { record, .. }
                | Outcome::Unchanged { record, .. },
            ) = &ended.outcome
        {
            self.seen[register] = record.content.clone();
        }
        let client = usize::try_from(ended.client).expect("it was one");
        let client = self.clients.get(client)?;
        (client.left > 0).then(|| self.chance.about(self.plan.pace))
    }

    /// What the client asks for now, if there is a process that it could ask.
    pub(crate) fn next(&mut self, client: usize, cluster: &Cluster) -> Option<Request> {
        self.operations_left = self.operations_left.checked_sub(1)?;
        let anywhere = self.chance.below(cluster.sites());
        self.clients[client].left = self.clients[client].left.saturating_sub(1);
        let site = self.clients[client].home.unwrap_or(anywhere);
        let register = self.chance.below(self.plan.registers);
        let wall = cluster.wall(site);
        let operation = self.operation(register, wall);
        let timeout = self.chance.pick(&self.plan.timeouts);
        if cluster.state(site) == State::Dead {
            return None;
        }
        self.running[register] += 1;
        Some(Request {
            client,
            site,
            operation,
            timeout,
        })
    }

    fn operation(&mut self, number: usize, wall: UnixMillis) -> Operation {
        let name = register(number);
        let is_used_for = self.plan.uses[number];
        if is_used_for == Use::Expiring && self.running[number] >= EXPIRING_AT_ONCE_MAX {
            Operation::Read { name }
        } else if self.chance.happens(self.plan.delete_share) {
            Operation::Write {
                name,
                content: None,
                expiry: None,
            }
        } else if is_used_for != Use::Plain && self.chance.happens(self.plan.modify_share) {
            match is_used_for {
                Use::Counter => self.add(number, ADDITIONS_MAX - ADDITIONS_AT_LAST),
                Use::Plain | Use::Compared => self.compare(number),
                Use::Expiring => self.lock(number, wall),
                Use::Appended => self.append(number),
            }
        } else if is_used_for != Use::Counter && self.chance.happens(self.plan.write_share) {
            let expiry = (is_used_for == Use::Expiring && self.chance.happens(0.7))
                .then(|| self.expiry(wall));
            self.write(number, expiry)
        } else {
            Operation::Read { name }
        }
    }

    /// What a client asks of a register after healing, one after the other.
    pub(crate) fn errands(&mut self, number: usize) -> Vec<Operation> {
        let read = || Operation::Read {
            name: register(number),
        };
        match self.plan.uses[number] {
            Use::Plain | Use::Expiring => vec![read(), self.write(number, None), read()],
            Use::Compared => vec![self.write(number, None), self.compare(number), read()],
            Use::Appended => vec![read(), self.append(number), read()],
            Use::Counter => vec![read(), self.add(number, ADDITIONS_MAX), read()],
        }
    }

    /// A deletion of a register, if it is used for something that is deleted.
    pub(crate) fn deletion(&self, number: usize) -> Option<Operation> {
        let is_deleted = matches!(
            self.plan.uses[number],
            Use::Plain | Use::Expiring | Use::Compared
        );
        is_deleted.then(|| Operation::Write {
            name: register(number),
            content: None,
            expiry: None,
        })
    }

    /// A write of a value that is written nowhere else.
    fn write(&mut self, number: usize, expiry: Option<UnixMillis>) -> Operation {
        Operation::Write {
            name: register(number),
            content: Some(self.value()),
            expiry,
        }
    }

    /// Mostly a comparison with what was seen last.
    fn compare(&mut self, number: usize) -> Operation {
        let seen = self.seen[number].clone();
        // Few ask what a register does *not* hold: where one of them ends as unknown, the checker
        // has many more orders of the others to think of.
        let condition = match self.chance.below(40) {
            0..20 => Condition::content(seen),
            20..24 => Condition::Absent,
            24..26 => Condition::Present,
            26 => seen.map_or(Condition::Present, Condition::Unequal),
            _ => Condition::Always,
        };
        // To delete what is not there is to change nothing.
        let deletes = condition != Condition::Absent && self.chance.happens(0.1);
        let content = (!deletes).then(|| self.value());
        self.seen[number].clone_from(&content);
        Operation::Modify {
            name: register(number),
            change: Change::set_if(condition, content),
        }
    }

    /// What is done to a lock: it is taken if nobody has it, kept for longer, or given back.
    fn lock(&mut self, number: usize, wall: UnixMillis) -> Operation {
        let at = self.expiry(wall);
        let held = self.seen[number].clone();
        let change = match (self.chance.below(5), held) {
            (0, Some(held)) => Change {
                condition: Condition::Equal(held),
                effect: Effect::Expire {
                    at: Some(at).filter(|_| self.chance.happens(0.8)),
                    condition: ExpiryCondition::default(),
                },
            },
            (1, Some(held)) => Change::set_if(Condition::Equal(held), None),
            (choice, _) => Change {
                condition: match choice {
                    2 => Condition::Always,
                    _ => Condition::Absent,
                },
                effect: Effect::Put {
                    content: Some(self.value()),
                    expiry: NewExpiry::At(at),
                },
            },
        };
        Operation::Modify {
            name: register(number),
            change,
        }
    }

    /// A moment soon after this one, or a little before it.
    fn expiry(&mut self, wall: UnixMillis) -> UnixMillis {
        let after = self.chance.about(Duration::from_millis(400)).as_millis() as u64;
        let is_past = self.chance.happens(0.05);
        UnixMillis(if is_past {
            wall.0 - after
        } else {
            wall.0 + after
        })
    }

    /// An addition to the end, of something that is added nowhere else.
    fn append(&mut self, number: usize) -> Operation {
        self.values += 1;
        let part = Bytes::from(format!("+{};", self.values));
        Operation::Modify {
            name: register(number),
            change: Change {
                condition: Condition::Always,
                effect: Effect::Append(part),
            },
        }
    }

    /// An addition of an amount that is added nowhere else, if there are any left; else a read.
    fn add(&mut self, number: usize, additions_max: u32) -> Operation {
        let name = register(number);
        let additions = &mut self.additions[number];
        if *additions >= additions_max {
            return Operation::Read { name };
        }
        *additions += 1;
        let amount = 1 << (*additions - 1);
        let change = Change::add(amount);
        Operation::Modify { name, change }
    }

    fn value(&mut self) -> Bytes {
        self.values += 1;
        Bytes::from(format!("v{}", self.values))
    }
}

/// The register of this number. Runs use a few, from number zero on.
pub(crate) fn register(number: usize) -> RegisterName {
    RegisterName::new(format!("r{number}")).expect("a short name")
}
