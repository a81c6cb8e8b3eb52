//! For tests: sessions on registers in a map.

use super::{Registers, Session, SessionSettings, Sessions, Step};
use crate::disk::Durability;
use crate::metrics::Traffic;
use crate::redis::MultiRegister;
use crate::redis::data::{DataLimits, Plan};
use crate::server::{ClusterView, Limits, Password, Placement, Standing};
use bytes::{Bytes, BytesMut};
use commands::{Command, UnixMillis};
use parking_lot::Mutex;
use protocol::{
    Boot, ClusterId, Configuration, Epoch, Groups, Incarnation, Member, NodeId, Operation, Outcome,
    PeerState, Record, RegisterName, Tag,
};
use resp::{ReplyWriter, RequestParser};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Stands in for a node: one replica, no peers, no protocol.
pub(super) struct Double {
    limits: Limits,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    records: HashMap<RegisterName, Record>,
    seq: u64,
    /// What was asked for, the latest last.
    pub(super) asked: Vec<Operation>,
    /// Answers the next operations, the last one first.
    pub(super) next: Vec<Outcome>,
    /// Others write this register right after each of so many reads of it.
    pub(super) rival: Option<(RegisterName, usize)>,
}

impl Registers for Arc<Double> {
    async fn execute(&self, operation: Operation, _: Duration) -> Outcome {
        let mut state = self.state.lock();
        state.asked.push(operation.clone());
        if let Some(outcome) = state.next.pop() {
            return outcome;
        }
        let name = operation.name().clone();
        let outcome = state.carry_out(&operation);
        if !operation.is_write()
            && let Some((register, left)) = &mut state.rival
            && *register == name
            && *left > 0
        {
            *left -= 1;
            state.write(name, Some("of a rival".into()));
        }
        outcome
    }

    async fn list(&self, _: Command, to: &mut ReplyWriter<'_>) {
        to.integer(self.state.lock().records.len() as i64);
    }

    fn placement(&self) -> Option<Placement> {
        Some(placement(3))
    }

    fn view(&self) -> ClusterView {
        view()
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    fn operations_done(&self) -> [u64; 4] {
        [4, 3, 2, 1]
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl State {
    /// Writes, as another client would.
    pub(super) fn write(&mut self, name: RegisterName, content: Option<Bytes>) {
        let expiry = None;
        self.carry_out(&Operation::Write {
            name,
            content,
            expiry,
        });
    }

    /// What a register holds.
    pub(super) fn content(&self, name: &str) -> Option<Bytes> {
        let name = RegisterName::new(name.to_owned()).unwrap();
        self.records.get(&name)?.content.clone()
    }

    fn carry_out(&mut self, operation: &Operation) -> Outcome {
        let name = operation.name();
        let held = self.records.get(name).cloned().unwrap_or(Record::EMPTY);
        self.seq += 1;
        let tag = Tag {
            seq: self.seq,
            writer: ME,
            step: 0,
        };
        let rounds = 1;
        let (made, outcome) = match operation {
            Operation::Read { .. } => {
                return Outcome::Read {
                    record: held,
                    rounds,
                };
            }
            Operation::Write {
                content, expiry, ..
            } => {
                let (content, expiry) = (content.clone(), *expiry);
                let made = Record {
                    tag,
                    content,
                    expiry,
                    ..held
                };
                (made, Outcome::Written { tag, rounds })
            }
            Operation::Modify { change, .. } => {
                let wall = super::answers::protocol_wall_clock();
                let applied = change.apply(&held, wall, 1 << 20);
                if let Some(unmet) = applied.unmet {
                    let record = held;
                    return Outcome::Unchanged {
                        record,
                        unmet,
                        rounds,
                    };
                }
                let changed = applied.write.expect("it is met");
                let (content, expiry) = (changed.content, changed.expiry);
                let previous = held.content.clone();
                let record = Record {
                    tag,
                    content,
                    expiry,
                    ..held
                };
                let outcome = Outcome::Modified {
                    previous,
                    record: record.clone(),
                    rounds,
                };
                (record, outcome)
            }
        };
        self.records.insert(name.clone(), made);
        outcome
    }
}

/// So many members, all of them alive; the first one is this node.
pub(super) fn placement(members: u64) -> Placement {
    let member = |number: u64| {
        let address = format!("127.0.0.1:{}", 3029 + number);
        Member::new(NodeId::new(number), address.parse().unwrap())
    };
    let members: Vec<Member> = (1..=members).map(member).collect();
    let states = vec![PeerState::Alive; members.len()];
    let made = Configuration::new(ClusterId(7), Epoch::FIRST, members, 3);
    Placement {
        configuration: Arc::new(made.unwrap()),
        states,
    }
}

const ME: Incarnation = Incarnation {
    node: NodeId::new(1),
    boot: Boot::FIRST,
};

fn view() -> ClusterView {
    ClusterView {
        node: ME,
        address: "127.0.0.1:3030".parse().unwrap(),
        standing: Standing::Member,
        replaced_by: None,
        cluster: Some(ClusterId(0xc1)),
        epoch: Epoch::FIRST,
        replication: Some(3),
        members: vec![],
        former: vec![],
        change: None,
        awaited: vec![],
        majority: true,
        without_quorum: Groups::NONE,
        losses_survived: Some(1),
        quorum_lost: false,
        groups_lost: Groups::NONE,
        lacking_slots: 0,
        registers: 0,
        bytes: 0,
        copied_registers: 0,
        memory_bytes: 0,
        tombstones: 0,
        tombstones_dropped: 0,
        groups_compared: 0,
        registers_repaired: 0,
        memory_limit: None,
        durability: Durability::Memory,
        disk: None,
        copied_bytes: 0,
        operations_running: 0,
    }
}

/// A client that says lines and hears what is answered.
pub(super) struct Client {
    pub(super) node: Arc<Double>,
    pub(super) session: Session<Arc<Double>>,
    sessions: Arc<Sessions<Arc<Double>>>,
    requests: RequestParser,
}

/// The session of a client.
pub(super) fn session() -> Session<Arc<Double>> {
    Client::new().session
}

impl Client {
    pub(super) fn new() -> Self {
        Self::with(None, MultiRegister::PerCommand)
    }

    pub(super) fn with(password: Option<&str>, multi_register: MultiRegister) -> Self {
        let node = Arc::new(Double {
            limits: Limits {
                value_bytes_max: 1 << 20,
                timeout_default: Duration::from_secs(5),
                timeout_max: Duration::from_secs(60),
                body_bytes_in_flight_max: 1 << 20,
                memory_bytes_max: None,
            },
            state: Mutex::default(),
        });
        let settings = SessionSettings {
            port: 3030,
            connections_max: 10_000,
            password: password.map(|text| Password::new(text).unwrap()),
            multi_register,
        };
        let sessions = Sessions::new(Arc::clone(&node), settings);
        Self::of(node, sessions)
    }

    /// Another client of the same node.
    pub(super) fn another(&self) -> Self {
        Self::of(Arc::clone(&self.node), Arc::clone(&self.sessions))
    }

    fn of(node: Arc<Double>, sessions: Arc<Sessions<Arc<Double>>>) -> Self {
        let address = |port: u16| ([127, 0, 0, 1], port).into();
        let session = sessions.open(address(50_000), address(3030), UnixMillis(1_000));
        Self {
            node,
            session,
            sessions,
            requests: RequestParser::new(resp::Limits::default()),
        }
    }

    /// What is answered to these lines, one after another, and whether the connection is closed
    /// then.
    pub(super) async fn hear(&mut self, lines: &str) -> (BytesMut, bool) {
        let mut received = BytesMut::from(lines.replace('\n', "\r\n").as_bytes());
        received.extend_from_slice(b"\r\n");
        let mut out = BytesMut::new();
        while let Some(request) = self.requests.next(&mut received).unwrap() {
            let now = super::answers::wall_clock();
            match self.session.step(&request, now, &mut out) {
                Step::Answered => {}
                Step::Close => return (out, true),
                Step::Later(later) => self.session.carry_out(later, &mut out).await,
                Step::Data(command) => self.carry_out(command, &mut out).await,
            }
        }
        (out, false)
    }

    /// The same, as text.
    pub(super) async fn say(&mut self, lines: &str) -> String {
        let (out, _) = self.hear(lines).await;
        String::from_utf8(out.to_vec()).unwrap()
    }

    async fn carry_out(&self, command: Command, out: &mut BytesMut) {
        let limits = DataLimits {
            value_bytes_max: 1 << 20,
        };
        let to = &mut ReplyWriter::new(out, self.session.dialect());
        let plan = match command {
            Command::String(command) => Plan::of_string(command, &limits),
            Command::Key(command) => Plan::of_key(command),
            other => panic!("no test asks for {other:?}"),
        };
        match plan {
            Ok(plan) => {
                let mut outcomes = Vec::new();
                for operation in plan.operations.as_slice() {
                    let outcome = self.node.execute(operation.clone(), Duration::ZERO);
                    outcomes.push(outcome.await);
                }
                plan.reply
                    .write(&outcomes, super::answers::protocol_wall_clock(), to);
            }
            Err(error) => error.write(to),
        }
    }
}
