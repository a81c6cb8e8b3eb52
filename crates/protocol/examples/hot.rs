//! The hot path and nothing else: three lanes in one process, and operations of one kind, one after
//! the other. No clock, no chance: who counts the instructions of a run counts the same again.
//!
//! `cargo run --release -p protocol --example hot -- read|write|increment OPERATIONS`

use bytes::Bytes;
use protocol::*;
use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// So many that a lane looks for them in a table of some depth.
const REGISTERS: u64 = 1000;
const VALUE: Bytes = Bytes::from_static(&[b'v'; 64]);
const ZERO: Bytes = Bytes::from_static(b"0");
const NOW: Time = Time::from_micros(0);

/// What is asked of the registers.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Read,
    Write,
    /// A read-modify-write.
    Increment,
}

impl Kind {
    fn parse(word: &str) -> Option<Kind> {
        match word {
            "read" => Some(Kind::Read),
            "write" => Some(Kind::Write),
            "increment" => Some(Kind::Increment),
            _ => None,
        }
    }
}

/// Three nodes of one lane each, which keep what they hold in memory.
pub(crate) struct Cluster {
    lanes: Vec<Lane>,
    names: Vec<RegisterName>,
    /// Sent and not arrived, oldest first.
    in_flight: VecDeque<Message>,
    kind: Kind,
    requests: u64,
}

impl Cluster {
    /// One whose registers all hold something on which `kind` can be done.
    pub(crate) fn of(kind: Kind) -> Result<Self, Box<dyn Error>> {
        let mut members = Vec::new();
        let mut lanes = Vec::new();
        for number in 1..=3 {
            let node = NodeId::new(number);
            members.push(Member::new(node, format!("127.0.0.1:{number}").parse()?));
            let boot = Boot::FIRST;
            lanes.push(Lane::new(LaneOptions {
                has_disk: false,
                hedge: Some(Duration::from_millis(25)),
                ..LaneOptions::new(Incarnation { node, boot }, 0)
            }));
        }
        let configuration = Configuration::new(ClusterId(1), Epoch::FIRST, members, 3)?;
        let configuration = Arc::new(configuration);
        for lane in &mut lanes {
            for number in 1..=3 {
                lane.handle_peer(NOW, NodeId::new(number), PeerState::Alive);
            }
            lane.handle_configuration(NOW, configuration.clone());
        }
        let names = (0..REGISTERS).map(|number| RegisterName::new(format!("user:{number}")));
        let mut cluster = Self {
            lanes,
            names: names.collect::<Result<_, _>>()?,
            in_flight: VecDeque::new(),
            kind,
            requests: 0,
        };
        let content = match kind {
            Kind::Read | Kind::Write => VALUE,
            Kind::Increment => ZERO,
        };
        for name in cluster.names.clone() {
            let content = Some(content.clone());
            let expiry = None;
            cluster.ask(Operation::Write {
                name,
                content,
                expiry,
            });
        }
        Ok(cluster)
    }

    /// Does one operation, from the request to its answer and to the last message it leads to.
    /// Registers and nodes take turns.
    pub(crate) fn operate(&mut self) -> Outcome {
        // By a prime, so that each has its turn, and neighbours do not follow each other.
        let name = self.names[(self.requests * 7919 % REGISTERS) as usize].clone();
        self.ask(match self.kind {
            Kind::Read => Operation::Read { name },
            Kind::Write => Operation::Write {
                name,
                content: Some(VALUE),
                expiry: None,
            },
            Kind::Increment => Operation::Modify {
                name,
                change: Change::add(1),
            },
        })
    }

    fn ask(&mut self, operation: Operation) -> Outcome {
        let at = (self.requests % 3) as usize;
        let ticket = Ticket(self.requests);
        self.requests += 1;
        let deadline = NOW + Duration::from_secs(5);
        self.lanes[at].handle_request(NOW, ticket, operation, deadline);
        let mut answer = self.drain(at);
        while let Some(message) = self.in_flight.pop_front() {
            let to = (message.to.get() - 1) as usize;
            self.lanes[to].handle_message(NOW, message);
            answer = answer.or(self.drain(to));
        }
        answer.expect("nothing is lost, so that every request is answered")
    }

    fn drain(&mut self, at: usize) -> Option<Outcome> {
        let mut answer = None;
        while let Some(output) = self.lanes[at].poll_output() {
            match output {
                Output::Send { message, .. } => self.in_flight.push_back(message),
                Output::Answer { outcome, .. } => answer = Some(outcome),
                other => unreachable!("no disk, no change of members, no listing: {other:?}"),
            }
        }
        answer
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, operations] = &arguments[..] else {
        return Err("usage: hot read|write|increment OPERATIONS".into());
    };
    let kind = Kind::parse(kind).ok_or("the kind is read, write or increment")?;
    let operations: u64 = operations.parse()?;
    let mut cluster = Cluster::of(kind)?;
    for _ in 0..operations {
        // One that was refused costs less, and its figure would flatter.
        match (kind, cluster.operate()) {
            (Kind::Read, Outcome::Read { .. })
            | (Kind::Write, Outcome::Written { .. })
            | (Kind::Increment, Outcome::Modified { .. }) => {}
            (_, outcome) => return Err(format!("an operation ended as {outcome:?}").into()),
        }
    }
    Ok(())
}
