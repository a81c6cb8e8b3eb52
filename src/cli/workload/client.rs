//! One client of a workload: [`Client`].

use super::plan::WorkloadPlan;
use super::recorder::{End, Recorder};
use super::values;
use crate::cli::client::{Connection, Reply, Request, Terms, Unreachable, Verb, Wanted};
use checker::{Action, ByteString};
use protocol::Tag;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Does one operation after the other, at its home node if that takes them, else at another.
pub(super) struct Client {
    number: usize,
    plan: Arc<WorkloadPlan>,
    recorder: Arc<Recorder>,
    stopping: CancellationToken,
    random: StdRng,
    writes: u64,
    /// What it last read, by register, where that was something.
    read: HashMap<usize, (ByteString, Tag)>,
    /// The node that it asks, as an index.
    node: usize,
    connection: Option<Connection>,
    /// A look at whether its home answers again.
    homecoming: Option<JoinHandle<Result<Connection, Unreachable>>>,
    /// When to look for that next.
    look_home: Instant,
}

/// How long a client waits after something has failed.
const PAUSE: Duration = Duration::from_millis(20);

/// How often a client that is not at home looks whether it can be.
const HOMECOMING_INTERVAL: Duration = Duration::from_secs(1);

impl Client {
    /// One that has done nothing yet.
    pub(super) fn new(
        number: usize,
        plan: &Arc<WorkloadPlan>,
        recorder: &Arc<Recorder>,
        stopping: &CancellationToken,
    ) -> Self {
        Self {
            number,
            plan: Arc::clone(plan),
            recorder: Arc::clone(recorder),
            stopping: stopping.clone(),
            random: StdRng::seed_from_u64(plan.seed.wrapping_add(number as u64)),
            writes: 0,
            read: HashMap::new(),
            node: number % plan.nodes.len(),
            connection: None,
            homecoming: None,
            look_home: Instant::now(),
        }
    }

    /// Works until it is told to stop, or the record is full.
    pub(super) async fn work(mut self) {
        let stopping = self.stopping.clone();
        let mut next = Instant::now();
        loop {
            let ready = async {
                sleep_until(next).await;
                self.connected().await
            };
            // What is given up here has been asked of no node.
            let ready = tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                ready = ready => ready,
            };
            next = match ready {
                Some(connection) => {
                    let began = Instant::now();
                    match self.operate(connection).await {
                        None => break,
                        Some(true) => began + self.plan.interval,
                        Some(false) => (began + self.plan.interval).max(Instant::now() + PAUSE),
                    }
                }
                None => Instant::now() + PAUSE,
            };
        }
        if let Some(homecoming) = self.homecoming {
            homecoming.abort();
        }
    }

    /// An open connection to a node that answers: to its home, if that is possible again.
    async fn connected(&mut self) -> Option<Connection> {
        let open = self.connection.take();
        if let Some(connection) = self.come_home().await.or(open) {
            return Some(connection);
        }
        match Connection::open_answering(&self.plan.nodes[self.node]).await {
            Ok(connection) => Some(connection.saying(&self.plan.credentials)),
            Err(unreachable) => {
                self.recorder
                    .unreachable(self.node, &unreachable.to_string());
                self.turn();
                None
            }
        }
    }

    fn home(&self) -> usize {
        self.number % self.plan.nodes.len()
    }

    /// Turns to the next node.
    fn turn(&mut self) {
        self.node = (self.node + 1) % self.plan.nodes.len();
        self.look_home = Instant::now() + HOMECOMING_INTERVAL;
    }

    /// A connection to its home, if it is elsewhere and its home has been seen to answer. The look
    /// goes on beside the client's work: a frozen node does not hold it up.
    async fn come_home(&mut self) -> Option<Connection> {
        let home = self.home();
        if self.node == home {
            self.homecoming = None;
            return None;
        }
        match &mut self.homecoming {
            Some(look) if look.is_finished() => {
                let found = look.await.expect("a look does not panic");
                self.homecoming = None;
                match found {
                    Ok(connection) => {
                        self.node = home;
                        Some(connection.saying(&self.plan.credentials))
                    }
                    Err(_) => {
                        self.look_home = Instant::now() + HOMECOMING_INTERVAL;
                        None
                    }
                }
            }
            None if self.look_home <= Instant::now() => {
                let address = self.plan.nodes[home].clone();
                let look = async move { Connection::open_answering(&address).await };
                self.homecoming = Some(tokio::spawn(look));
                None
            }
            _ => None,
        }
    }

    /// One operation; tells whether it was done, or nothing if it can no longer be recorded.
    async fn operate(&mut self, mut connection: Connection) -> Option<bool> {
        let (register, action) = self.draw();
        let verb = verb(&action, self.plan.value_bytes);
        let terms = self.terms(register, &action);
        let id = (self.recorder).call(self.number, self.node, register, action.clone())?;
        let name = self.plan.names.get(register);
        let request = Request { name: &name, verb };
        let reply = request
            .ask_on(&terms, &mut connection, self.plan.operation_timeout)
            .await;
        let is_done = matches!(reply, None | Some(Reply::Done { .. }));
        let end = match reply {
            None => End::Done {
                reply: checker::Reply::Unmet,
                rounds: None,
            },
            Some(reply) => {
                self.note_read(register, &action, &reply);
                end(&action, reply, self.plan.value_bytes)
            }
        };
        self.recorder.end(id, end);
        match is_done {
            true => self.connection = Some(connection),
            false => self.turn(),
        }
        Some(is_done)
    }

    fn draw(&mut self) -> (usize, Action<ByteString>) {
        let register = self.random.random_range(0..self.plan.names.count());
        let dice: f64 = self.random.random();
        let action = if dice < self.plan.read_share {
            Action::Read
        } else if dice < self.plan.read_share + self.plan.delete_share {
            Action::Delete
        } else {
            self.writes += 1;
            let value = values::value(self.number, self.writes);
            match self.random.random_bool(self.plan.conditional_share) {
                false => Action::Write(value),
                true => Action::CompareAndSet {
                    expected: self.read.get(&register).map(|(read, _)| read.clone()),
                    new: Some(value),
                },
            }
        };
        (register, action)
    }

    /// What the register must hold for the action. No two writes have one value, so a tag stands
    /// for the value that was read with it.
    fn terms(&self, register: usize, action: &Action<ByteString>) -> Terms {
        let condition = match action {
            Action::CompareAndSet { .. } => {
                let read = self.read.get(&register);
                Some(read.map_or(Wanted::Nothing, |(_, tag)| Wanted::Tag(*tag)))
            }
            _ => None,
        };
        Terms {
            ttl_ms: None,
            condition,
        }
    }

    fn note_read(&mut self, register: usize, action: &Action<ByteString>, reply: &Reply) {
        if let (Action::Read, Reply::Done { value, tag, .. }) = (action, reply) {
            let tag = tag.as_ref().and_then(|tag| tag.parse().ok());
            match value.as_ref().zip(tag) {
                Some((value, tag)) => {
                    let value = values::unfilled(value, self.plan.value_bytes);
                    self.read.insert(register, (value, tag));
                }
                None => drop(self.read.remove(&register)),
            }
        }
    }
}

/// What is asked of a node for this.
fn verb(action: &Action<ByteString>, value_bytes: usize) -> Verb {
    match action {
        Action::Read => Verb::Read,
        Action::Write(value)
        | Action::CompareAndSet {
            new: Some(value), ..
        } => Verb::Write(values::filled(value, value_bytes)),
        Action::Delete => Verb::Delete,
        _ => {
            unreachable!("no client draws what nodes cannot be asked for")
        }
    }
}

/// What a reply means for the checker.
fn end(action: &Action<ByteString>, reply: Reply, value_bytes: usize) -> End {
    match reply {
        Reply::Done { value, rounds, .. } => {
            let value = value.map(|value| values::unfilled(&value, value_bytes));
            let reply = match action {
                Action::Read => checker::Reply::Read(value),
                Action::CompareAndSet { new, .. } => checker::Reply::Modified(new.clone()),
                _ => checker::Reply::Written,
            };
            End::Done { reply, rounds }
        }
        Reply::Elsewhere(why) | Reply::Refused(why) => End::Refused(why),
        Reply::Unknown(why) => End::Unknown(why),
    }
}
