//! Clients that read and write all the time, and check what they read: [`Traffic`].
//!
//! Each register has one writer, which counts up. So it is known at any time which values a read
//! may return: none below the last one acknowledged, or read by anyone, before the read began;
//! none above the last one that the writer had set out to write when the read ended. For a
//! register with one writer, that is linearizability, exactly.

use crate::cli::client::{Connection, Reply, Request, Verb};
use crate::cli::failure::Failure;
use hyper::body::Bytes;
use protocol::{Address, RegisterName};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const REGISTERS: usize = 6;
const READERS_PER_REGISTER: usize = 2;

/// How many clients there are.
pub(crate) const CLIENTS: usize = REGISTERS * (1 + READERS_PER_REGISTER);

/// The deadline of their operations.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known of the registers, over all of the story.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<[Entry; REGISTERS]>);

/// What is known of one register. `floor <= value read <= ceiling`.
#[derive(Default)]
struct Entry {
    /// The greatest value that a write was acknowledged for, or that was read.
    floor: AtomicU64,
    /// The greatest value that a write was begun with.
    ceiling: AtomicU64,
}

/// Clients that run.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Result<Tally, Failure>>,
    began: Instant,
}

/// What clients did.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    /// How many reads were done.
    pub(crate) reads: u64,
    /// How many of them in one round.
    pub(crate) reads_in_one_round: u64,
    /// How many writes were done.
    pub(crate) writes: u64,
    /// The longest that one of them took.
    pub(crate) slowest: Duration,
    /// How long it all took.
    pub(crate) elapsed: Duration,
}

impl Traffic {
    /// Starts clients at these nodes, each client at one of them.
    pub(crate) fn start(nodes: &[Address], ledger: &Ledger) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for register in 0..REGISTERS {
            for role in 0..=READERS_PER_REGISTER {
                let client = Client {
                    node: nodes[(register + role) % nodes.len()].clone(),
                    register,
                    name: RegisterName::new(format!("load-{register}")).expect("it is short"),
                    ledger: ledger.clone(),
                    stop: Arc::clone(&stop),
                };
                clients.spawn(async move {
                    match role {
                        0 => client.write().await,
                        _ => client.read().await,
                    }
                });
            }
        }
        Self {
            stop,
            clients,
            began: Instant::now(),
        }
    }

    /// Lets every client end its operation, and adds up what they did.
    ///
    /// # Errors
    /// If an operation failed, or a read returned what it must not.
    pub(crate) async fn stop(mut self) -> Result<Tally, Failure> {
        self.stop.store(true, SeqCst);
        let mut all = Tally::default();
        while let Some(tally) = self.clients.join_next().await {
            let tally = tally.expect("nothing in a client panics")?;
            all.reads += tally.reads;
            all.reads_in_one_round += tally.reads_in_one_round;
            all.writes += tally.writes;
            all.slowest = all.slowest.max(tally.slowest);
        }
        all.elapsed = self.began.elapsed();
        Ok(all)
    }
}

impl Tally {
    /// Reads and writes together.
    pub(crate) fn operations(&self) -> u64 {
        self.reads + self.writes
    }

    /// How many reads and writes were done in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.operations() as f64 / self.elapsed.as_secs_f64()
    }

    /// The share of reads that took one round, in per cent.
    pub(crate) fn one_round_percentage(&self) -> f64 {
        100.0 * self.reads_in_one_round as f64 / self.reads.max(1) as f64
    }
}

struct Client {
    node: Address,
    register: usize,
    name: RegisterName,
    ledger: Ledger,
    stop: Arc<AtomicBool>,
}

impl Client {
    async fn write(self) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let mut connection = self.connect().await?;
        while !self.stop.load(SeqCst) {
            let entry = self.entry();
            let value = entry.ceiling.fetch_add(1, SeqCst) + 1;
            let verb = Verb::Write(Bytes::from(value.to_string()));
            self.operate(&mut connection, verb, &mut tally).await?;
            entry.floor.fetch_max(value, SeqCst);
            tally.writes += 1;
        }
        Ok(tally)
    }

    async fn read(self) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let mut connection = self.connect().await?;
        while !self.stop.load(SeqCst) {
            let floor = self.entry().floor.load(SeqCst);
            let (value, rounds) = self
                .operate(&mut connection, Verb::Read, &mut tally)
                .await?;
            let ceiling = self.entry().ceiling.load(SeqCst);
            let value = self.check(value.as_deref(), floor, ceiling)?;
            self.entry().floor.fetch_max(value, SeqCst);
            tally.reads += 1;
            tally.reads_in_one_round += u64::from(rounds == Some(1));
        }
        Ok(tally)
    }

    fn entry(&self) -> &Entry {
        &self.ledger.0[self.register]
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(&self.node).await.map_err(|error| {
            Failure::failed(format!("a client cannot connect to {}: {error}", self.node))
        })
    }

    async fn operate(
        &self,
        connection: &mut Connection,
        verb: Verb,
        tally: &mut Tally,
    ) -> Result<(Option<Bytes>, Option<u8>), Failure> {
        let began = Instant::now();
        let request = Request {
            name: &self.name,
            verb,
        };
        let reply = request.ask(connection, OPERATION_TIMEOUT).await;
        tally.slowest = tally.slowest.max(began.elapsed());
        match reply {
            Reply::Done { value, rounds, .. } => Ok((value, rounds)),
            Reply::Elsewhere(why) | Reply::Refused(why) | Reply::Unknown(why) => {
                let node = &self.node;
                Err(Failure::failed(format!(
                    "the {request} at {node}, which runs, failed: {why}"
                )))
            }
        }
    }

    /// The value that was read, if a read that ran between these two bounds may return it.
    fn check(&self, value: Option<&[u8]>, floor: u64, ceiling: u64) -> Result<u64, Failure> {
        let number = match value {
            None => Some(0),
            Some(digits) => str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok()),
        };
        match number {
            Some(number) if (floor..=ceiling).contains(&number) => Ok(number),
            _ => Err(Failure::failed(format!(
                "a read of {:?} at {} returned {:?}, and only values from {floor} to {ceiling} \
                 are right",
                self.name,
                self.node,
                String::from_utf8_lossy(value.unwrap_or_default())
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_returns_nothing_older_than_what_was_known_and_nothing_from_nowhere() {
        let client = Client {
            node: "127.0.0.1:1".parse().unwrap(),
            register: 0,
            name: RegisterName::new("load-0").unwrap(),
            ledger: Ledger::default(),
            stop: Arc::default(),
        };
        assert_eq!(client.check(None, 0, 0), Ok(0));
        assert_eq!(client.check(Some(b"3"), 3, 4), Ok(3));
        assert_eq!(client.check(Some(b"4"), 3, 4), Ok(4));
        for (value, floor, ceiling) in [
            (Some(&b"2"[..]), 3, 4),
            (Some(b"5"), 3, 4),
            (Some(b"x"), 0, 4),
            (Some(b"\xff"), 0, 4),
            (None, 1, 4),
        ] {
            assert!(client.check(value, floor, ceiling).is_err(), "{value:?}");
        }
    }
}
