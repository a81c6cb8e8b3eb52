//! Clients that read and write all the time, at every node: [`Load`].

use super::client::{Answer, Client, Lost, PATIENCE};
use super::cluster::Cluster;
use super::eventually;
use super::node::Node;
use super::recorder::Recorder;
use super::tally::{Sum, Tally};
use checker::{Action, Reply};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What a load consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadPlan {
    /// How many clients each node has. Each asks that node alone, one thing at a time.
    pub(crate) clients_per_node: usize,
    /// How many registers they share.
    pub(crate) registers: usize,
    /// One operation in so many is a delete; with zero there are none.
    pub(crate) one_delete_in: u32,
    /// Each operation's deadline.
    pub(crate) timeout: Duration,
}

impl Default for LoadPlan {
    fn default() -> Self {
        Self {
            clients_per_node: 3,
            registers: 4,
            one_delete_in: 0,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Clients at work. They stop when this is dropped.
pub(crate) struct Load {
    recorder: Arc<Recorder>,
    plan: LoadPlan,
    /// By node.
    nodes: Vec<NodeLoad>,
    /// How many clients were ever set to work.
    started: u64,
    clients: JoinSet<()>,
}

/// The clients of one node.
struct NodeLoad {
    tallies: Vec<Arc<Tally>>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Sets clients to work at every node.
    pub(crate) fn start(cluster: &Cluster, plan: LoadPlan) -> Self {
        let mut load = Self {
            recorder: Arc::default(),
            plan,
            nodes: Vec::new(),
            started: 0,
            clients: JoinSet::new(),
        };
        for node in cluster.nodes() {
            load.join(node);
        }
        load
    }

    /// Sets clients to work at one more node.
    pub(crate) fn join(&mut self, node: &Node) {
        let stop = Arc::<AtomicBool>::default();
        let mut tallies = Vec::new();
        for _ in 0..self.plan.clients_per_node {
            let tally = Arc::<Tally>::default();
            tallies.push(Arc::clone(&tally));
            self.started += 1;
            let worker = Worker {
                number: self.started,
                plan: self.plan,
                recorder: Arc::clone(&self.recorder),
                tally,
            };
            self.clients
                .spawn(worker.work(node.address(), Arc::clone(&stop)));
        }
        self.nodes.push(NodeLoad { tallies, stop });
    }

    /// Tells the clients of a node to stop once what they do is answered.
    pub(crate) fn leave(&self, node: usize) {
        self.nodes[node].stop.store(true, Ordering::Relaxed);
    }

    /// Waits until each client of these nodes has got so many more operations done.
    pub(crate) async fn progress(&self, nodes: &[usize], operations: u64) -> Duration {
        let tallies = || self.tallies(nodes);
        let done = || tallies().map(|tally| tally.done.load(Ordering::Relaxed));
        let goals: Vec<u64> = done().map(|done| done + operations).collect();
        eventually("clients get on", async || {
            done().zip(&goals).all(|(done, goal)| done >= *goal)
        })
        .await
    }

    /// Waits until each client of these nodes has got so many more answers, whatever they said.
    pub(crate) async fn answers(&self, nodes: &[usize], count: u64) -> Duration {
        let tallies = || self.tallies(nodes);
        let answers = || tallies().map(|tally| tally.answers());
        let goals: Vec<u64> = answers().map(|answers| answers + count).collect();
        eventually("clients get answers", async || {
            answers()
                .zip(&goals)
                .all(|(answers, goal)| answers >= *goal)
        })
        .await
    }

    /// What became of the operations at these nodes so far.
    pub(crate) fn sum(&self, nodes: &[usize]) -> Sum {
        self.tallies(nodes)
            .fold(Sum::default(), |sum, tally| sum.plus(tally))
    }

    /// Where what the clients see is recorded, for others that use the same registers.
    pub(crate) fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Lets every client finish what it does, and decides whether what they saw is linearizable.
    ///
    /// # Panics
    /// If it is not, or if a client saw something that no node should answer.
    pub(crate) async fn finish(mut self) -> checker::Figures {
        for node in 0..self.nodes.len() {
            self.leave(node);
        }
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("no client panics");
        }
        self.recorder.check()
    }

    fn tallies(&self, nodes: &[usize]) -> impl Iterator<Item = &Arc<Tally>> {
        nodes.iter().flat_map(|&node| &self.nodes[node].tallies)
    }
}

/// One client.
struct Worker {
    number: u64,
    plan: LoadPlan,
    recorder: Arc<Recorder>,
    tally: Arc<Tally>,
}

impl Worker {
    async fn work(self, node: SocketAddr, stop: Arc<AtomicBool>) {
        // How long to leave a node alone that is away.
        const PAUSE: Duration = Duration::from_millis(20);
        let mut random = StdRng::seed_from_u64(self.number);
        let mut client = Client::new(node);
        let mut operations = 0;
        let mut last_done = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            operations += 1;
            let register = format!("register-{}", random.random_range(0..self.plan.registers));
            let deletes = self.plan.one_delete_in;
            let action = if deletes > 0 && random.random_ratio(1, deletes) {
                Action::Delete
            } else if random.random_ratio(1, 2) {
                Action::Read
            } else {
                Action::Write(format!("{}/{operations}", self.number))
            };
            if self.operate(&mut client, &register, action).await {
                self.tally.note_pause(last_done.elapsed());
                last_done = Instant::now();
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// One operation; tells whether it was done.
    async fn operate(&self, client: &mut Client, register: &str, action: Action<String>) -> bool {
        let (tally, recorder, timeout) = (&self.tally, &*self.recorder, self.plan.timeout);
        let path = format!(
            "/v1/registers/{register}?timeout_ms={}",
            timeout.as_millis()
        );
        let request = match &action {
            Action::Read => Client::get(&path),
            Action::Write(value) => Client::put(&path, value.as_str()),
            Action::Delete => Client::delete(&path),
            _ => unreachable!("no client does these"),
        };
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        let is_read = action == Action::Read;
        let what = format!("{action:?} of {register} by client {}", self.number);
        let id = recorder.call(self.number, register, action);
        let sent = Instant::now();
        let answer = client.send(request, timeout + PATIENCE).await;
        match &answer {
            Ok(answer) => {
                tally.note_answer(sent.elapsed());
                match (answer.status, is_read) {
                    (200 | 404, true) => {
                        recorder.done(id, Reply::Read(value(answer)));
                        count(&tally.done);
                        count(&tally.reads);
                        if answer.rounds() == 1 {
                            count(&tally.reads_of_one_round);
                        }
                        return true;
                    }
                    (204, false) => {
                        recorder.done(id, Reply::Written);
                        count(&tally.done);
                        return true;
                    }
                    (429 | 503, _) => {
                        assert_eq!(answer.json()["outcome"], "refused", "{answer:?}");
                        assert!(answer.header("retry-after").is_some(), "{answer:?}");
                        recorder.refused(id);
                        count(&tally.refused);
                    }
                    (504, false) => {
                        answer.assert_problem(504, "unknown", "unknown");
                        recorder.unknown(id);
                        count(&tally.unknown);
                    }
                    _ => panic!("no answer to expect: {answer:?}"),
                }
            }
            Err(Lost::Unsent) => {
                recorder.refused(id);
                count(&tally.broken);
            }
            Err(Lost::Broken) => {
                recorder.unknown(id);
                count(&tally.broken);
            }
            Err(Lost::Late) => {
                recorder.unknown(id);
                count(&tally.late);
            }
        }
        let failure = format!("{what}, after {:?}: {answer:?}", sent.elapsed());
        *tally.last_failure.lock().unwrap() = Some(failure);
        false
    }
}

/// What a read returned.
fn value(answer: &Answer) -> Option<String> {
    (answer.status == 200).then(|| answer.text().to_owned())
}
