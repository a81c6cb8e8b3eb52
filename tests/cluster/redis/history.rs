//! What Redis clients with pipelines and HTTP clients see of the same registers, while nodes are
//! frozen and killed.

use crate::harness::{Cluster, Load, LoadPlan, Recorder, RedisClient, eventually, request};
use checker::{Action, OperationId, Reply};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many registers all clients share, by the names of [`Load`]'s.
const REGISTERS: usize = 4;

/// The most commands that a client asks at once.
const PIPELINE_MAX: usize = 16;

/// Each operation's deadline.
const TIMEOUT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn clients_of_both_protocols_see_linearizable_registers_while_nodes_freeze_and_die() {
    let timeout = TIMEOUT.as_millis().to_string();
    let mut cluster = Cluster::start_with(3, &["--timeout-ms", &timeout]).await;
    let load = Load::start(
        &cluster,
        LoadPlan {
            clients_per_node: 1,
            registers: REGISTERS,
            one_delete_in: 10,
            timeout: TIMEOUT,
        },
    );
    let workers = Workers::start(&cluster, &load.recorder());
    workers.progress(&[0, 1, 2], 300).await;
    for victim in 0..3 {
        let others = [(victim + 1) % 3, (victim + 2) % 3];
        cluster[victim].freeze().await;
        workers.progress(&others, 300).await;
        cluster[victim].thaw();
        workers.progress(&[0, 1, 2], 300).await;
    }
    cluster[2].kill();
    workers.progress(&[0, 1], 300).await;
    cluster[2].start();
    eventually("the restarted node serves", async || {
        cluster[2].is_ready().await
    })
    .await;
    workers.progress(&[0, 1, 2], 300).await;
    let told = workers.finish().await;
    println!("Redis clients: {told}; {}", load.finish().await);
}

/// Redis clients at work, two at each node.
pub(crate) struct Workers {
    stop: Arc<AtomicBool>,
    /// By node.
    told: Vec<Arc<Told>>,
    running: JoinSet<()>,
}

/// What clients were told.
#[derive(Default, Debug)]
struct Told {
    done: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

impl Workers {
    /// Sets them to work at every node; they use the registers that a [`Load`] uses.
    pub(crate) fn start(cluster: &Cluster, recorder: &Arc<Recorder>) -> Self {
        let mut workers = Self {
            stop: Arc::default(),
            told: Vec::new(),
            running: JoinSet::new(),
        };
        for (index, node) in cluster.nodes().iter().enumerate() {
            let told = Arc::<Told>::default();
            for client in 0..2 {
                let worker = Worker {
                    // Apart from those of the load.
                    number: 1000 + 2 * index as u64 + client,
                    random: StdRng::seed_from_u64(2 * index as u64 + client),
                    written: 0,
                    recorder: Arc::clone(recorder),
                    told: Arc::clone(&told),
                };
                let stop = Arc::clone(&workers.stop);
                workers.running.spawn(worker.work(node.address(), stop));
            }
            workers.told.push(told);
        }
        workers
    }

    /// Waits until the clients of each of these nodes have got so many more commands done.
    pub(crate) async fn progress(&self, nodes: &[usize], commands: u64) {
        let done = || {
            nodes
                .iter()
                .map(|&node| self.told[node].done.load(Ordering::Relaxed))
        };
        let goals: Vec<u64> = done().map(|done| done + commands).collect();
        eventually("clients get on", async || {
            done().zip(&goals).all(|(done, goal)| done >= *goal)
        })
        .await;
    }

    /// Lets them finish what they do. Tells what they were told.
    pub(crate) async fn finish(mut self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.running.join_next().await {
            ended.expect("no client panics");
        }
        format!("{:?}", self.told)
    }
}

/// One client.
struct Worker {
    number: u64,
    random: StdRng,
    written: u64,
    recorder: Arc<Recorder>,
    told: Arc<Told>,
}

/// A command that was recorded, and how its reply is understood.
struct Asked {
    id: OperationId,
    action: Action<String>,
    /// As it would be typed.
    line: String,
}

impl Asked {
    fn request(&self) -> Vec<u8> {
        let words: Vec<&str> = self.line.split(' ').collect();
        request(&words)
    }
}

impl Worker {
    async fn work(mut self, node: SocketAddr, stop: Arc<AtomicBool>) {
        // How long to leave a node alone that is away.
        const PAUSE: Duration = Duration::from_millis(20);
        let mut client = None;
        while !stop.load(Ordering::Relaxed) {
            let Some(connected) = &mut client else {
                client = RedisClient::try_connect(node).await;
                if client.is_none() {
                    tokio::time::sleep(PAUSE).await;
                }
                continue;
            };
            if !self.ask(connected).await {
                client = None;
            }
        }
    }

    /// Asks some commands at once; tells whether the connection still stands.
    async fn ask(&mut self, client: &mut RedisClient) -> bool {
        let count = self.random.random_range(1..=PIPELINE_MAX);
        let asked: Vec<Asked> = (0..count).map(|_| self.command()).collect();
        let requests = asked.iter().flat_map(|asked| asked.request());
        let requests: Vec<u8> = requests.collect();
        let mut stands = client.try_send(&requests).await;
        for Asked { id, action, line } in asked {
            let reply = match stands {
                true => client.try_reply(TIMEOUT).await,
                false => None,
            };
            let Some(reply) = reply else {
                stands = false;
                self.told.unknown.fetch_add(1, Ordering::Relaxed);
                self.recorder.unknown(id);
                continue;
            };
            let (count, ended) =
                if reply.starts_with("-CLUSTERDOWN ") || reply.starts_with("-BUSY ") {
                    (&self.told.refused, Err(true))
                } else if reply.starts_with("-UNKNOWN ") {
                    (&self.told.unknown, Err(false))
                } else {
                    let meaning = meaning(&action, &reply);
                    let meaning = meaning.unwrap_or_else(|| panic!("{line} -> {reply}"));
                    (&self.told.done, Ok(meaning))
                };
            count.fetch_add(1, Ordering::Relaxed);
            match ended {
                Ok(reply) => self.recorder.done(id, reply),
                Err(true) => self.recorder.refused(id),
                Err(false) => self.recorder.unknown(id),
            }
        }
        stands
    }

    fn command(&mut self) -> Asked {
        let register = format!("register-{}", self.random.random_range(0..REGISTERS));
        let counter = format!("counter-{}", self.random.random_range(0..REGISTERS));
        self.written += 1;
        let value = format!("{}/{}", self.number, self.written);
        // What this client may have written shortly before.
        let earlier = format!("{}/{}", self.number, self.written.saturating_sub(2));
        let new = Some(value.clone());
        let (register, action, line) = match self.random.random_range(0..13) {
            0..4 => (&register, Action::Read, format!("GET {register}")),
            4..6 => (
                &register,
                Action::Write(value.clone()),
                format!("SET {register} {value}"),
            ),
            6 => (&register, Action::Delete, format!("DEL {register}")),
            7 => (
                &register,
                Action::CompareAndSet {
                    expected: Some(earlier.clone()),
                    new,
                },
                format!("SET {register} {value} IFEQ {earlier} GET"),
            ),
            8 => (
                &register,
                Action::CompareAndSet {
                    expected: None,
                    new,
                },
                format!("SET {register} {value} NX"),
            ),
            9 => (
                &register,
                Action::SetUnless {
                    unexpected: None,
                    new,
                },
                format!("SET {register} {value} XX GET"),
            ),
            10 => (&register, Action::Swap(None), format!("GETDEL {register}")),
            11 => (&counter, Action::Add(1), format!("INCR {counter}")),
            _ => (&counter, Action::Read, format!("GET {counter}")),
        };
        let id = self.recorder.call(self.number, register, action.clone());
        Asked { id, action, line }
    }
}

/// What a reply says of the register, if it is one to expect.
fn meaning(action: &Action<String>, reply: &str) -> Option<Reply<String>> {
    let content = || match reply {
        "nil" => Some(None),
        text => Some(Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())),
    };
    Some(match action {
        Action::Read => Reply::Read(content()?),
        Action::Write(_) => (reply == "+OK").then_some(Reply::Written)?,
        // Whether there was something makes no difference to what there is then.
        Action::Delete => matches!(reply, ":0" | ":1").then_some(Reply::Written)?,
        Action::CompareAndSet {
            expected: None,
            new,
        } => match reply {
            "+OK" => Reply::Modified(new.clone()),
            "nil" => Reply::Unmet,
            _ => return None,
        },
        Action::CompareAndSet { expected, new } => {
            let before = content()?;
            match before == *expected {
                true => Reply::Modified(new.clone()),
                false => Reply::Unchanged(before),
            }
        }
        Action::SetUnless { unexpected, .. } => {
            let before = content()?;
            match before == *unexpected {
                true => Reply::Unchanged(before),
                false => Reply::Replaced(before),
            }
        }
        Action::Swap(_) => Reply::Replaced(content()?),
        Action::Add(_) => Reply::Modified(Some(reply.strip_prefix(':')?.to_owned())),
    })
}
