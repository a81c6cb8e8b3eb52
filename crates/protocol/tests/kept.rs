//! What a lane has its disk keep is what it holds: a lane that is restored from it has the digest
//! that the former one says it keeps, whenever that one ends.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::{
    Boot, Cell, Change, ClusterId, Configuration, Epoch, Incarnation, Lane, LaneOptions, Member,
    NodeId, Operation, Output, PersistNumber, RegisterName, Ticket, Time,
};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const OWN: Incarnation = Incarnation {
    node: NodeId::new(1),
    boot: Boot::FIRST,
};

fn members(numbers: &[u64]) -> Vec<Member> {
    let member = |&number: &u64| {
        let address = format!("127.0.0.1:{}", 3000 + number);
        Member::new(NodeId::new(number), address.parse().unwrap())
    };
    numbers.iter().map(member).collect()
}

/// A node by itself, then two of which each holds a half.
static CONFIGURATIONS: LazyLock<Vec<Arc<Configuration>>> = LazyLock::new(|| {
    let alone = Configuration::new(ClusterId(1), Epoch::FIRST, members(&[1]), 1).unwrap();
    let growing = alone.joint(members(&[1, 2]), 1).unwrap();
    let two = growing.finished();
    [alone, growing, two].map(Arc::new).into()
});

#[derive(Clone, Debug)]
enum Step {
    Write(u8, Option<u8>),
    Add(u8),
    Read(u8),
    /// The disk has kept all of it.
    Persisted,
    /// Time passes.
    Timeout,
    /// The next configuration, and whether a majority is known to have entered it.
    Enter(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..20u8, any::<Option<u8>>()).prop_map(|(name, content)| Step::Write(name, content)),
        4 => (0..20u8).prop_map(Step::Add),
        2 => (0..20u8).prop_map(Step::Read),
        4 => Just(Step::Persisted),
        1 => Just(Step::Timeout),
        1 => any::<bool>().prop_map(Step::Enter),
    ]
}

/// A lane, and a disk that keeps what it is told to.
struct Node {
    lane: Lane,
    now: Time,
    tickets: u64,
    epochs: usize,
    kept: BTreeMap<RegisterName, Cell>,
    last: PersistNumber,
}

impl Node {
    fn new() -> Self {
        let mut node = Self {
            lane: Lane::new(options()),
            now: Time::from_micros(1_000_000),
            tickets: 0,
            epochs: 0,
            kept: BTreeMap::new(),
            last: PersistNumber::NONE,
        };
        node.enter();
        node
    }

    fn enter(&mut self) -> Option<Epoch> {
        let configuration = CONFIGURATIONS.get(self.epochs)?.clone();
        self.epochs += 1;
        let epoch = configuration.epoch();
        self.lane.handle_configuration(self.now, configuration);
        Some(epoch)
    }

    fn request(&mut self, operation: Operation) {
        self.tickets += 1;
        let deadline = self.now + Duration::from_millis(500);
        let ticket = Ticket(self.tickets);
        (self.lane).handle_request(self.now, ticket, operation, deadline);
    }

    fn take(&mut self, step: Step) {
        let name = |number: u8| RegisterName::new(format!("register-{number}")).unwrap();
        match step {
            Step::Write(register, content) => self.request(Operation::Write {
                name: name(register),
                content: content.map(|byte| Bytes::from(byte.to_string())),
                expiry: None,
            }),
            Step::Add(register) => self.request(Operation::Modify {
                name: name(register),
                change: Change::add(1),
            }),
            Step::Read(register) => self.request(Operation::Read {
                name: name(register),
            }),
            Step::Persisted => self.lane.handle_persisted(self.now, self.last),
            Step::Timeout => {
                self.now = self.now + Duration::from_millis(300);
                self.lane.handle_timeout(self.now);
            }
            Step::Enter(by_majority) => {
                if let Some(epoch) = self.enter()
                    && by_majority
                {
                    self.lane.handle_entered_by_majority(self.now, epoch);
                }
            }
        }
        while let Some(output) = self.lane.poll_output() {
            match output {
                Output::Persist { number, name, cell } => {
                    assert!(number > self.last);
                    self.last = number;
                    self.kept.insert(name, cell);
                }
                Output::Drop { number, group } => {
                    assert!(number > self.last);
                    self.last = number;
                    (self.kept).retain(|name, _| name.slot().group() != Some(group));
                }
                _ => {}
            }
        }
    }
}

fn options() -> LaneOptions {
    LaneOptions::new(OWN, 0)
}

proptest! {
    #[test]
    fn a_lane_is_restored_with_the_digest_of_what_it_kept(
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut node = Node::new();
        for step in steps {
            node.take(step);
            let mut restored = Lane::new(options());
            let configuration = CONFIGURATIONS[node.epochs - 1].clone();
            let cells = node.kept.iter().map(|(name, cell)| cell.digest(name));
            let digest = cells.fold(0, u128::wrapping_add);
            prop_assert_eq!(digest, node.lane.kept_digest());
            restored.restore(node.now, configuration, node.kept.clone());
            prop_assert_eq!(digest, restored.kept_digest());
        }
    }
}

#[test]
fn groups_that_are_given_up_are_dropped() {
    let mut node = Node::new();
    for register in 0..20 {
        node.take(Step::Write(register, Some(1)));
    }
    let before = node.kept.len();
    node.take(Step::Enter(true));
    node.take(Step::Enter(true));
    assert!(node.kept.len() < before, "{before}");
    assert!(node.kept.len() > 1);
}
