//! What is explored: [`Scenario`].

use crate::history::action_of_change;
use crate::names::{Place, Renaming, node};
use crate::space::{Space, State};
use bytes::Bytes;
use checker::Action;
use protocol::{
    Change, ClusterId, Condition, Configuration, Epoch, Group, Member, Operation, PlantedFault,
    RegisterName, Seat, Slot,
};
use std::sync::Arc;

/// The register that all clients' requests are about.
pub const REGISTER: &str = "r";

/// A few nodes, a few requests, and what may go wrong. Everything that may happen then does, in
/// some run or other.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it shows, in a sentence without a full stop.
    pub about: &'static str,
    /// How many nodes there are.
    pub nodes: usize,
    /// The configurations that may be decided. All nodes are in the first one at the start.
    pub configurations: Vec<Planned>,
    /// What clients ask for.
    pub requests: Vec<Request>,
    /// What has happened before anything else may.
    pub prelude: Vec<Prelude>,
    /// How many nodes may crash.
    pub crashes: u8,
    /// How often, in all, a node's time may pass until it acts on its own: begins anew what a rival
    /// thwarted, or copies from another source than the one that it has asked.
    pub resends: u8,
    /// Whether messages that have arrived may arrive again. Otherwise only those may of which a
    /// second arrival could change something.
    pub duplicates: bool,
    /// Whether what a node is told whose lane is no replica arrives at once: see
    /// [`Space`].
    pub answers_at_once: bool,
    /// Whether messages that can have no effect any more are dropped.
    pub drops_needless: bool,
    /// Whether nodes may crash and come back under their old names, with nothing in memory.
    pub forgetful_restarts: u8,
    /// A fault put back into the protocol.
    pub planted: Option<PlantedFault>,
    /// The names that may be exchanged without anybody noticing.
    pub symmetries: Vec<Renaming>,
    /// What must be seen to happen in some run, or the exploration has shown little.
    pub sights: Vec<Sight>,
}

/// Something that must be seen to happen in some run.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// What it is.
    pub name: &'static str,
    /// Whether it is to be seen in this state.
    pub is_seen: fn(&Space, &State) -> bool,
}

/// A request of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The node that coordinates it.
    pub at: Place,
    /// What is asked.
    pub operation: Operation,
    /// When it may be made.
    pub when: When,
}

/// When a request may be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// At any time.
    AnyTime,
    /// Not before the request of this number is made, to a like node: of two like clients it does
    /// not matter which one comes first.
    NotBefore(usize),
    /// Once the request of this number has ended.
    After(usize),
}

/// Something that has happened before anything else may, so that an exploration can begin where it
/// becomes interesting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prelude {
    /// A client makes the request of this number.
    Request(usize),
    /// The node at this place enters the configuration at that place in the list.
    Enter(Place, usize),
    /// Messages between these nodes arrive, one after another, until there is none.
    Talk(&'static [Place]),
    /// What is on its way is lost.
    Loss,
}

/// A configuration that may be decided, and when.
#[derive(Clone, Debug)]
pub struct Planned {
    /// It.
    pub configuration: Arc<Configuration>,
    /// The place, in the list of them, of the one that must have been entered by some node before.
    pub follows: Option<usize>,
    /// Whether, for that, a majority of the nodes that are to hold the register must have copied it.
    pub needs_copies: bool,
    /// The one that is not decided if this one is.
    pub instead_of: Option<usize>,
}

impl Request {
    /// One that may be made at any time.
    pub fn new(at: Place, operation: Operation) -> Self {
        let when = When::AnyTime;
        Self {
            at,
            operation,
            when,
        }
    }

    /// One of a node that wants this configuration to be the next.
    pub fn propose(at: Place, base: &Configuration, next: &Configuration) -> Self {
        let change = Change::set_if(Condition::Tag(base.tag()), Some(next.encode()));
        let name = RegisterName::CONFIGURATION;
        Self::new(at, Operation::Modify { name, change })
    }

    /// Whether it is about what configuration is to be the next, which no client asks for.
    pub fn is_proposal(&self) -> bool {
        self.operation.name().is_reserved()
    }

    /// This one, made at another time.
    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// What the checker is told.
    pub fn action(&self) -> Action<String> {
        match &self.operation {
            Operation::Read { .. } => Action::Read,
            Operation::Write {
                content: Some(content),
                ..
            } => Action::Write(value_of(content)),
            Operation::Write { content: None, .. } => Action::Delete,
            Operation::Modify { change, .. } => action_of_change(change),
        }
    }
}

impl Scenario {
    /// One in which all of so many nodes are members, the first three of which hold the register.
    pub fn new(name: &'static str, about: &'static str, nodes: usize) -> Self {
        Self {
            name,
            about,
            nodes,
            configurations: vec![Planned::first(nodes)],
            requests: Vec::new(),
            prelude: Vec::new(),
            crashes: 0,
            resends: 0,
            duplicates: false,
            answers_at_once: true,
            drops_needless: true,
            forgetful_restarts: 0,
            planted: None,
            symmetries: Vec::new(),
            sights: Vec::new(),
        }
    }

    /// With one request more.
    pub fn with(mut self, request: Request) -> Self {
        self.requests.push(request);
        self
    }

    /// With something more that must be seen.
    pub fn seeing(mut self, name: &'static str, is_seen: fn(&Space, &State) -> bool) -> Self {
        self.sights.push(Sight { name, is_seen });
        self
    }

    /// In which these two nodes may change their names, and their requests with them.
    pub fn alike(mut self, nodes: (Place, Place), requests: &[(usize, usize)]) -> Self {
        let mut renaming = Renaming::identity(self.nodes, self.requests.len());
        renaming.nodes.swap(nodes.0, nodes.1);
        for (one, other) in requests {
            renaming.requests.swap(*one, *other);
        }
        self.symmetries.push(renaming);
        self
    }

    /// Adjusted so.
    pub fn adjust(mut self, adjust: impl FnOnce(&mut Self)) -> Self {
        adjust(&mut self);
        self
    }
}

impl Planned {
    /// A configuration that may be entered once some node has entered the one at this place in the
    /// list.
    pub fn after(former: usize, configuration: Configuration) -> Self {
        Self {
            configuration: Arc::new(configuration),
            follows: Some(former),
            needs_copies: false,
            instead_of: None,
        }
    }

    /// The configuration of so many nodes, the first three of which hold the register.
    pub fn first(nodes: usize) -> Self {
        let configuration = Configuration::new(ClusterId(7), Epoch::FIRST, members(0..nodes), 3);
        let configuration = configuration.expect("a few members make a configuration");
        Self {
            configuration: Arc::new(configuration),
            follows: None,
            needs_copies: false,
            instead_of: None,
        }
    }
}

/// Members whose seats give the register to those that come first.
///
/// Placement draws lots by seats. So seats are looked for by which the node at the first place has
/// the best lot of all for this register, the next one the second best, and so on.
pub fn members(places: impl IntoIterator<Item = Place>) -> Vec<Member> {
    let seats = seats();
    let member = |place: Place| {
        let address = format!("127.0.0.1:{}", 3030 + place).parse();
        Member {
            seat: seats[place],
            ..Member::new(node(place), address.expect("it is an address"))
        }
    };
    places.into_iter().map(member).collect()
}

/// The most nodes of a scenario.
pub const NODES_MAX: usize = 8;

fn seats() -> [Seat; NODES_MAX] {
    // Which of two seats has the better lot shows in a configuration of the two that holds each
    // register once.
    let is_better = |one: u64, other: u64| {
        let member = |place: Place, seat| Member {
            seat: Seat(seat),
            ..Member::new(
                node(place),
                format!("127.0.0.1:{}", 1 + place)
                    .parse()
                    .expect("an address"),
            )
        };
        let both = vec![member(0, one), member(1, other)];
        let configuration = Configuration::new(ClusterId(1), Epoch::FIRST, both, 1);
        let configuration = configuration.expect("two members make a configuration");
        configuration.group_quorums(group()).contains(node(0))
    };
    let mut seats: Vec<u64> = Vec::new();
    for seat in 1..=NODES_MAX as u64 {
        let at = seats.iter().position(|&other| is_better(seat, other));
        seats.insert(at.unwrap_or(seats.len()), seat);
    }
    std::array::from_fn(|place| Seat(seats[place]))
}

/// The name of the register.
pub fn name() -> RegisterName {
    RegisterName::new(REGISTER).expect("it is a short name")
}

/// The group of the register.
pub fn group() -> Group {
    Slot::of(REGISTER.as_bytes())
        .group()
        .expect("it is a client's")
}

/// The text that a value is.
pub fn value_of(content: &Bytes) -> String {
    String::from_utf8_lossy(content).into_owned()
}

/// A read of the register.
pub fn read() -> Operation {
    Operation::Read { name: name() }
}

/// A write of the register.
pub fn write(value: &'static str) -> Operation {
    Operation::Write {
        name: name(),
        content: Some(Bytes::from_static(value.as_bytes())),
        expiry: None,
    }
}

/// An addition to what the register holds.
pub fn add(amount: i64) -> Operation {
    let change = Change::add(amount);
    let name = name();
    Operation::Modify { name, change }
}

/// A write of the register that takes place only if it holds this.
pub fn set(expected: Option<&'static str>, value: &'static str) -> Operation {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let change = Change::set_if(Condition::content(expected.map(bytes)), Some(bytes(value)));
    let name = name();
    Operation::Modify { name, change }
}
