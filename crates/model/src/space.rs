//! All that may happen in a scenario: [`Space`], which is what `stateright` explores.
//!
//! # What is left out, and why that leaves out nothing
//!
//! - **Loss.** A lost message is one that never arrives. Every run goes on without waiting for any
//!   message, so every loss is there.
//! - **Duplicates.** A query, a promise asked for, an update or a step that arrives at a replica a
//!   second time leads to a second reply at most. Had only the second reply been heard, the
//!   coordinator would know as much, as what replicas hold never goes down; and a first reply that
//!   completed something has made the second one needless. So unless a scenario says otherwise, a
//!   message that arrived is gone.
//! - **Crashes.** One that nobody notices is the same as that nothing arrives at the node any more.
//!   So crashes are explored as what all others notice at once.
//! - **Needless messages**, see [`needless`](crate::needless), and **marks**, see
//!   [`store`](crate::store).
//! - **Answers that wait** (`answers_at_once`). What is told to a node that holds nothing of the
//!   register concerns the one operation that waits for it. If it hears that at once instead of
//!   later, then it sends what it sends earlier, and that may arrive as late as before; and its
//!   client is told earlier, which demands more of the order of operations, never less. So if a run
//!   has a fault, the one in which such answers come at once has it too. An answer that comes too
//!   late to count is as good as none: a query that was answered for nothing changed nothing; an
//!   update that did count for nothing is one that arrived later, or is heard at once to no harm. Of
//!   promises and acceptances, and of everything where epochs change, it matters to whom they were
//!   told: there that nothing is heard is explored as well.
//!   An update is acknowledged unheard only if that acknowledgement were the last one needed: any
//!   other is forgotten in the next epoch, and means nothing in this one without that last.
//! - **Requests that wait.** Likewise, a request that such a node is asked is made just before the
//!   first replica hears of it: that it was made earlier would only demand less. Until then nobody
//!   knows in which epoch the node is; so it enters whichever was decided at that moment. Once all
//!   that it was asked has ended, it is forgotten.
//! - **Epochs that are passed through.** A node that only coordinates enters one epoch after
//!   another. One that skips an epoch does as one whose messages of that epoch are all lost; but that
//!   its reads forget what they saw before, as a read does that begins only then. Nor is anything
//!   asked, or heard, in an epoch in which a quorum cannot be had any more since too many have left
//!   it: what is heard there is forgotten in the next.
//! - **Configurations that are no concern of a node's.** One that holds nothing any more and
//!   coordinates nothing need not enter the next configuration: it would only cease to answer.

use crate::history::{Client, ClientState, Ending, Histories};
use crate::names::{Place, Renaming, mix, node};
use crate::needless::{Parties, is_needless};
use crate::scenario::{NODES_MAX, Prelude, Scenario, When, group, name};
use crate::store::{Event, KnownMessage, LaneId, MessageId, Step, Store, View};
use parking_lot::Mutex;
use protocol::{Body, Configuration, Epoch, NodeId, PlantedFault, Tag};
use stateright::{Model, Property};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A scenario, with everything that was ever met in it.
#[derive(Debug)]
pub struct Space {
    /// What is explored.
    pub scenario: Scenario,
    /// The lanes and messages that were met.
    pub store: Store,
    /// The histories that were met.
    pub histories: Histories,
    /// The nodes that hold nothing of the register in any configuration.
    only_coordinate: Vec<bool>,
    /// The last words of nodes that stopped.
    last_words: Mutex<Vec<String>>,
    /// The hash of the first state that was found to be at fault. As states with shorter ways to
    /// them are looked at first, this one shows the fault best.
    first_fault: OnceLock<u64>,
    /// How many states were judged.
    states_judged: AtomicUsize,
}

/// What the clients are promised.
pub const LINEARIZABLE: &str = "what clients see is linearizable";

/// How everything stands at one moment of one run; or of all runs that differ in names only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The lane of each node.
    pub lanes: Box<[LaneId]>,
    /// The messages that may arrive, in order.
    pub network: Box<[MessageId]>,
    /// How far each request is.
    pub clients: Box<[Client]>,
    /// The configurations that were entered by any node, one bit each.
    pub entered: u8,
    /// Who has copied the register in which of them, one bit each.
    pub copied: u64,
    /// How many more nodes may crash.
    pub crashes_left: u8,
    /// How often time may still pass.
    pub resends_left: u8,
    /// How many more nodes may come back with nothing in memory.
    pub restarts_left: u8,
    /// What must not be, and is.
    pub fault: Option<Fault>,
    /// The least of the hashes under all renamings.
    hash: u64,
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// What clients saw is not linearizable.
    NotLinearizable,
    /// One tag has two contents.
    TwoContents,
    /// A record's tag went down.
    TagWentDown,
    /// A node found that something cannot be, and stopped; these are its last words, by number.
    Stopped(u16),
}

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A client makes its request. If its node holds nothing itself, this message of those that it
    /// sends arrives at once.
    Request {
        /// The number of the request.
        number: usize,
        /// The configuration that its node enters right before.
        enter: Option<usize>,
        /// Which of the messages arrives.
        first: Option<usize>,
        /// Whether the reply to it is heard.
        is_heard: bool,
    },
    /// A message arrives.
    Arrival {
        /// The message.
        message: MessageId,
        /// Whether the reply to it is heard, if that is to be heard at once.
        is_heard: bool,
    },
    /// A planted fault: the epoch of a message is checked, and the message waits.
    Check(MessageId),
    /// A node is gone, and all others notice.
    Crash(Place),
    /// A node is gone, and back with nothing in memory.
    Restart(Place),
    /// A node enters a configuration.
    Enter(Place, usize),
    /// Time passes at a node until something is due.
    Timer(Place),
    /// A node hears nothing from the one that it copies from, and asks another one.
    Silence(Place),
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A state that is being worked on.
struct Draft<'a> {
    space: &'a Space,
    state: State,
    network: Vec<MessageId>,
}

impl Space {
    /// Everything that may happen in this scenario.
    pub fn new(scenario: Scenario) -> Self {
        assert!(scenario.nodes <= NODES_MAX && scenario.requests.len() <= 16);
        let holds = |place: Place| {
            let mut planned = scenario.configurations.iter();
            planned.any(|it| {
                it.configuration
                    .quorums(name().slot())
                    .contains(node(place))
            })
        };
        Self {
            store: Store::new(&scenario),
            histories: Histories::default(),
            only_coordinate: (0..scenario.nodes).map(|place| !holds(place)).collect(),
            last_words: Mutex::default(),
            first_fault: OnceLock::new(),
            states_judged: AtomicUsize::new(0),
            scenario,
        }
    }

    /// How many different states were judged.
    pub fn states_judged(&self) -> usize {
        self.states_judged.load(Ordering::Relaxed)
    }

    /// Whether the answers to what this node asks arrive at once.
    fn hears_at_once(&self, place: Place) -> bool {
        self.scenario.answers_at_once && self.only_coordinate[place]
    }

    /// Whether it matters that the reply to this message is not heard, if these are the lanes of
    /// its sender and of its receiver.
    fn may_be_unheard(&self, message: MessageId, asker: LaneId, asked: LaneId) -> bool {
        let known = self.store.message(message);
        let matters = match &known.message.body {
            Body::Prepare { .. } | Body::Accept { .. } => true,
            Body::Update { .. } if self.scenario.configurations.len() > 1 => {
                self.ends_phase(message, asker, asked)
            }
            _ => false,
        };
        matters && self.hears_at_once(known.from)
    }

    /// Whether the reply to a message, if it is heard at once, ends what its sender waits for.
    fn ends_phase(&self, message: MessageId, asker: LaneId, asked: LaneId) -> bool {
        let replies = self.store.step(asked, Event::Arrival(message));
        replies.sent.iter().any(|&reply| {
            let request = self.store.message(reply).answers();
            request.is_some_and(|request| {
                let after = self.store.step(asker, Event::Arrival(reply)).lane;
                let view = self.store.view();
                let awaited = |id| view.lane(id)?.lane.awaited(request.counter);
                awaited(asker) != awaited(after)
            })
        })
    }

    /// The configuration that a lane is in, and its epoch.
    fn configuration_of(&self, lane: LaneId) -> Option<(&Configuration, Epoch)> {
        let epoch = self.store.view().lane(lane)?.lane.epoch();
        let planned = self
            .scenario
            .configurations
            .iter()
            .map(|it| &*it.configuration);
        let mut planned = planned.filter(|it| it.epoch() == epoch);
        planned.next().map(|configuration| (configuration, epoch))
    }

    /// Whether an operation may still have a quorum of this epoch, given who has answered it: one
    /// that has left the epoch, or is dead, answers no more. With a planted fault that may do.
    fn may_have_quorum(
        &self,
        state: &State,
        lane: LaneId,
        has_answered: impl Fn(NodeId) -> bool,
    ) -> bool {
        let Some((configuration, epoch)) = self.configuration_of(lane) else {
            return true;
        };
        let view = self.store.view();
        let may_answer = |it: NodeId| {
            let lane = view.lane(state.lanes[crate::names::place(it)]);
            lane.is_some_and(|known| known.lane.epoch() <= epoch)
        };
        let quorums = configuration.quorums(name().slot());
        self.scenario.planted.is_some()
            || quorums.is_quorum(|node| has_answered(node) || may_answer(node))
    }

    /// Whether it makes a difference that a node enters a configuration, now and not just before it
    /// asks for something.
    fn needs_to_enter(&self, state: &State, place: Place, planned: usize) -> bool {
        let next =
            |epoch: Epoch| self.scenario.configurations[planned].configuration.epoch() <= epoch;
        let follows = self.configuration_of(state.lanes[place]);
        let follows = follows.is_none_or(|(_, epoch)| next(epoch.next()));
        if self.hears_at_once(place) && !follows && self.scenario.planted.is_none() {
            return false;
        }
        let configurations = &self.scenario.configurations[planned..];
        let mut quorums = configurations
            .iter()
            .map(|it| it.configuration.quorums(name().slot()));
        let mut requests = self.scenario.requests.iter().zip(&state.clients);
        let is_busy = |client: &Client| client.state == ClientState::Waiting;
        let has_request = match self.hears_at_once(place) {
            true => requests.any(|(request, client)| request.at == place && is_busy(client)),
            false => requests.any(|(request, client)| request.at == place && !client.has_ended()),
        };
        has_request || quorums.any(|quorums| quorums.contains(node(place)))
    }

    fn may_be_made(&self, state: &State, number: usize) -> bool {
        let client = &state.clients[number];
        let request = &self.scenario.requests[number];
        client.state == ClientState::Idle
            && state.lanes[request.at] != LaneId::DEAD
            && match request.when {
                When::AnyTime => true,
                When::NotBefore(other) => state.clients[other].state != ClientState::Idle,
                When::After(other) => state.clients[other].has_ended(),
            }
    }

    fn may_be_entered(&self, state: &State, planned: usize) -> bool {
        let plan = &self.scenario.configurations[planned];
        let was_entered = |it: usize| state.entered & (1 << it) != 0;
        if was_entered(planned) {
            return true;
        }
        let is_ready = |former: usize| {
            let configuration = &self.scenario.configurations[former].configuration;
            let after = configuration.quorums(name().slot()).after();
            let has_copied = |place: Place| state.copied & (1 << (former * NODES_MAX + place)) != 0;
            let is_copied = after.is_majority(|it| has_copied(crate::names::place(it)));
            was_entered(former) && (!plan.needs_copies || is_copied)
        };
        plan.follows.is_none_or(is_ready) && !plan.instead_of.is_some_and(was_entered)
    }

    /// Whether this is the first state at all that is at fault, and at such a one.
    fn is_first_with(&self, state: &State, is_such: fn(Fault) -> bool) -> bool {
        let is_first = |_| *self.first_fault.get_or_init(|| state.hash) == state.hash;
        state.fault.is_some_and(is_first) && state.fault.is_some_and(is_such)
    }

    /// What is wrong, in words.
    pub fn explain(&self, state: &State) -> Option<String> {
        Some(match state.fault? {
            Fault::NotLinearizable => {
                let fault = self
                    .histories
                    .fault(&self.scenario.requests, &state.clients);
                fault.unwrap_or_else(|| "what clients saw is not linearizable".to_owned())
            }
            Fault::TwoContents => "one tag has two contents".to_owned(),
            Fault::TagWentDown => "a record's tag went down".to_owned(),
            Fault::Stopped(words) => {
                let words = &self.last_words.lock()[usize::from(words)];
                format!("a node stopped: {words}")
            }
        })
    }

    /// How a request ended, if it has.
    pub fn ending(&self, state: &State, number: usize) -> Option<Ending> {
        match state.clients[number].state {
            ClientState::Ended(ending) => Some(self.histories.ending(ending)),
            _ => None,
        }
    }

    /// The hash of a state under the renaming at this place among the store's.
    pub fn hash_under(&self, state: &State, index: usize) -> u64 {
        let renaming = &self.store.renamings()[index];
        hash_as(state, &self.store.view(), index, renaming)
    }

    fn hash(&self, state: &State, view: &View<'_>) -> u64 {
        let renamings = self.store.renamings().iter().enumerate();
        let hashes = renamings.map(|(index, renaming)| hash_as(state, view, index, renaming));
        hashes.min().expect("there is one renaming at least")
    }
}

/// The hash of a state under one renaming. Sums stand for sets, so that no order matters that names
/// have.
fn hash_as(state: &State, view: &View<'_>, index: usize, renaming: &Renaming) -> u64 {
    const LANE: u64 = 1;
    const MESSAGE: u64 = 2;
    const CLIENT: u64 = 3;
    const REST: u64 = 4;
    let mut sum = 0_u64;
    for (place, &lane) in state.lanes.iter().enumerate() {
        let lane = view.lane(lane).map_or(0, |lane| lane.hashes[index]);
        sum = sum.wrapping_add(mix(&[LANE, renaming.nodes[place] as u64, lane]));
    }
    for &message in &state.network {
        sum = sum.wrapping_add(mix(&[MESSAGE, view.message(message).hashes[index]]));
    }
    for (number, client) in state.clients.iter().enumerate() {
        let former = (0..state.clients.len()).filter(|it| client.before & (1 << it) != 0);
        let before = former.map(|it| 1_u64 << renaming.requests[it]).sum();
        let ended = match client.state {
            ClientState::Idle => 0,
            ClientState::Waiting => 1,
            ClientState::Ended(ending) => 2 + u64::from(ending),
        };
        let number = renaming.requests[number] as u64;
        sum = sum.wrapping_add(mix(&[CLIENT, number, before, ended]));
    }
    let copied = (0..u64::BITS as usize).filter(|bit| state.copied & (1 << bit) != 0);
    let copied = copied.map(|bit| {
        let (planned, place) = (bit / NODES_MAX, bit % NODES_MAX);
        1_u64 << (planned * NODES_MAX + renaming.nodes[place])
    });
    let fault = match state.fault {
        None => 0,
        Some(Fault::NotLinearizable) => 1,
        Some(Fault::TwoContents) => 2,
        Some(Fault::TagWentDown) => 3,
        Some(Fault::Stopped(words)) => 4 + u64::from(words),
    };
    let left = [state.crashes_left, state.resends_left, state.restarts_left];
    let left = left.iter().fold(0, |sum, &it| sum << 8 | u64::from(it));
    let rest = mix(&[REST, u64::from(state.entered), copied.sum(), left, fault]);
    // A fingerprint of zero is none.
    sum.wrapping_add(rest).max(1)
}

impl Model for Space {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let nodes = self.scenario.nodes;
        let lanes = (0..nodes)
            .map(|at| self.store.begin(at, nodes, 1))
            .collect();
        let state = State {
            lanes,
            network: Box::default(),
            clients: vec![Client::IDLE; self.scenario.requests.len()].into(),
            entered: 1,
            copied: 0,
            crashes_left: self.scenario.crashes,
            resends_left: self.scenario.resends,
            restarts_left: self.scenario.forgetful_restarts,
            fault: None,
            hash: 0,
        };
        let state = Draft::new(self, &state).finish();
        let prelude = self.scenario.prelude.iter();
        vec![prelude.fold(state, |state, prelude| self.after(state, *prelude))]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.fault.is_some() {
            return;
        }
        for number in 0..self.scenario.requests.len() {
            if self.may_be_made(state, number) {
                self.ways_to_begin(state, number, actions);
            }
        }
        for &message in &state.network {
            self.ways_to_arrive(state, message, actions);
        }
        for (place, &lane) in state.lanes.iter().enumerate() {
            if lane == LaneId::DEAD {
                continue;
            }
            for planned in 1..self.scenario.configurations.len() {
                let step = || self.store.step(lane, Event::Enter(planned));
                let may_be_entered = self.may_be_entered(state, planned);
                if may_be_entered
                    && self.needs_to_enter(state, place, planned)
                    && step().lane != lane
                {
                    actions.push(Action::Enter(place, planned));
                }
            }
            if state.crashes_left > 0 {
                actions.push(Action::Crash(place));
            }
            if state.restarts_left > 0 {
                actions.push(Action::Restart(place));
            }
            let backs_off =
                |view: View<'_>| view.lane(lane).is_some_and(|it| it.lane.is_backing_off());
            if state.resends_left > 0 && backs_off(self.store.view()) {
                actions.push(Action::Timer(place));
            }
            let copies = |view: View<'_>| {
                view.lane(lane)
                    .is_some_and(|it| it.lane.copies_from(group()).is_some())
            };
            if state.resends_left > 0 && copies(self.store.view()) {
                actions.push(Action::Silence(place));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut draft = Draft::new(self, state);
        match action {
            Action::Request {
                number,
                enter,
                first,
                is_heard,
            } => {
                if let Some(planned) = enter {
                    draft.enter(self.scenario.requests[number].at, planned);
                }
                draft.make(number, first, is_heard);
            }
            Action::Arrival { message, is_heard } => draft.arrive(message, is_heard),
            Action::Check(message) => draft.check(message),
            Action::Crash(place) => {
                draft.state.crashes_left -= 1;
                draft.crash(place);
            }
            Action::Restart(place) => {
                draft.state.restarts_left -= 1;
                draft.state.lanes[place] = self.store.begin(place, self.scenario.nodes, 2);
            }
            Action::Enter(place, planned) => draft.enter(place, planned),
            Action::Timer(place) => {
                draft.state.resends_left -= 1;
                draft.happen(place, Event::Timer);
            }
            Action::Silence(place) => {
                draft.state.resends_left -= 1;
                draft.happen(place, Event::Silence);
            }
        }
        Some(draft.finish())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::<Self>::always(LINEARIZABLE, |space, state| {
                space.states_judged.fetch_add(1, Ordering::Relaxed);
                !space.is_first_with(state, |fault| fault == Fault::NotLinearizable)
            }),
            Property::<Self>::always("no tag has two contents", |space, state| {
                !space.is_first_with(state, |fault| fault == Fault::TwoContents)
            }),
            Property::<Self>::always("tags never go down", |space, state| {
                !space.is_first_with(state, |fault| fault == Fault::TagWentDown)
            }),
            Property::<Self>::always("no node stops", |space, state| {
                !space.is_first_with(state, |fault| matches!(fault, Fault::Stopped(_)))
            }),
        ];
        for sight in &self.scenario.sights {
            properties.push(Property::<Self>::sometimes(sight.name, sight.is_seen));
        }
        properties
    }
}

impl Space {
    fn after(&self, mut state: State, prelude: Prelude) -> State {
        let act = |state: &State, action| {
            let next = self.next_state(state, action);
            next.expect("every action leads somewhere")
        };
        match prelude {
            Prelude::Request(number) => {
                let request = Action::Request {
                    number,
                    enter: None,
                    first: None,
                    is_heard: true,
                };
                act(&state, request)
            }
            Prelude::Enter(place, planned) => act(&state, Action::Enter(place, planned)),
            Prelude::Talk(places) => {
                let is_between = |known: &KnownMessage| {
                    places.contains(&known.from) && places.contains(&known.to)
                };
                let mut actions = Vec::new();
                loop {
                    actions.clear();
                    self.actions(&state, &mut actions);
                    let arrives = |action: &&Action| {
                        matches!(action, Action::Arrival { message, .. }
                            if is_between(&self.store.message(*message)))
                    };
                    match actions.iter().find(arrives) {
                        Some(action) => state = act(&state, *action),
                        None => return state,
                    }
                }
            }
            Prelude::Loss => {
                state.network = Box::default();
                Draft::new(self, &state).finish()
            }
        }
    }

    fn ways_to_begin(&self, state: &State, number: usize, actions: &mut Vec<Action>) {
        let at = self.scenario.requests[number].at;
        self.ways_to_begin_in(state, number, None, state.lanes[at], actions);
        if !self.hears_at_once(at) {
            return;
        }
        for planned in 1..self.scenario.configurations.len() {
            if self.may_be_entered(state, planned) {
                let step = self.store.step(state.lanes[at], Event::Enter(planned));
                if step.lane != state.lanes[at] {
                    self.ways_to_begin_in(state, number, Some(planned), step.lane, actions);
                }
            }
        }
    }

    fn ways_to_begin_in(
        &self,
        state: &State,
        number: usize,
        enter: Option<usize>,
        lane: LaneId,
        actions: &mut Vec<Action>,
    ) {
        let at = self.scenario.requests[number].at;
        if self.hears_at_once(at) && !self.may_have_quorum(state, lane, |_| false) {
            return;
        }
        let step = self.store.step(lane, Event::Request(number));
        let request = |first, is_heard| Action::Request {
            number,
            enter,
            first,
            is_heard,
        };
        if !self.hears_at_once(at) || step.sent.is_empty() {
            return actions.push(request(None, true));
        }
        for (index, &message) in step.sent.iter().enumerate() {
            let known = self.store.message(message);
            let asked = state.lanes[known.to];
            if asked == LaneId::DEAD || !self.has_effect(state, message, &known) {
                continue;
            }
            actions.push(request(Some(index), true));
            if self.may_be_unheard(message, step.lane, asked) {
                actions.push(request(Some(index), false));
            }
        }
    }

    fn ways_to_arrive(&self, state: &State, message: MessageId, actions: &mut Vec<Action>) {
        let known = self.store.message(message);
        if self.scenario.planted == Some(PlantedFault::SplitEpochCheck)
            && matches!(
                known.message.body,
                Body::Update { .. } | Body::Accept { .. }
            )
            && !known.is_checked
            && let Some(lane) = self.store.view().lane(state.lanes[known.to])
            && lane.lane.epoch() == known.message.epoch
        {
            actions.push(Action::Check(message));
        }
        if !self.has_effect(state, message, &known) {
            return;
        }
        actions.push(Action::Arrival {
            message,
            is_heard: true,
        });
        let (asker, asked) = (state.lanes[known.from], state.lanes[known.to]);
        if asker != LaneId::DEAD && self.may_be_unheard(message, asker, asked) {
            actions.push(Action::Arrival {
                message,
                is_heard: false,
            });
        }
    }

    /// Whether anything happens when the message arrives.
    fn has_effect(&self, state: &State, message: MessageId, known: &KnownMessage) -> bool {
        let lane = state.lanes[known.to];
        if lane == LaneId::DEAD {
            return false;
        }
        let step = self.store.step(lane, Event::Arrival(message));
        step.lane != lane
            || !step.sent.is_empty()
            || !step.ended.is_empty()
            || step.has_copied
            || step.panic.is_some()
    }
}

impl<'a> Draft<'a> {
    fn new(space: &'a Space, state: &State) -> Self {
        Self {
            space,
            network: state.network.to_vec(),
            state: state.clone(),
        }
    }

    fn enter(&mut self, place: Place, planned: usize) {
        self.state.entered |= 1 << planned;
        self.happen(place, Event::Enter(planned));
    }

    fn make(&mut self, number: usize, first: Option<usize>, is_heard: bool) {
        let ended = self.state.clients.iter().enumerate();
        let ended = ended.filter(|(_, client)| client.has_ended());
        self.state.clients[number] = Client {
            before: ended.map(|(it, _)| 1 << it).sum(),
            state: ClientState::Waiting,
            rounds: 0,
        };
        let at = self.space.scenario.requests[number].at;
        let step = self.happen(at, Event::Request(number));
        if let Some(first) = first {
            self.arrive(step.sent[first], is_heard);
        }
    }

    fn arrive(&mut self, message: MessageId, is_heard: bool) {
        let known = self.space.store.message(message);
        if !self.space.scenario.duplicates {
            self.network.retain(|&it| it != message);
        }
        let from = known.from;
        if !self.space.hears_at_once(from) {
            self.happen(known.to, Event::Arrival(message));
            return;
        }
        let step = self.take(known.to, Event::Arrival(message));
        for &reply in &step.sent {
            let known = self.space.store.message(reply);
            let is_answer = known.to == from && known.answers().is_some();
            match is_answer {
                true if is_heard && self.state.lanes[from] != LaneId::DEAD => {
                    self.happen(from, Event::Arrival(reply));
                }
                true => {}
                false => self.network.push(reply),
            }
        }
    }

    fn check(&mut self, message: MessageId) {
        let known = self.space.store.message(message);
        let checked = self.space.store.intern_message(known.message.clone(), true);
        self.network.retain(|&it| it != message);
        self.network.push(checked);
    }

    fn crash(&mut self, crashed: Place) {
        self.state.lanes[crashed] = LaneId::DEAD;
        for place in 0..self.state.lanes.len() {
            if self.state.lanes[place] != LaneId::DEAD {
                self.happen(place, Event::Down(crashed));
            }
        }
    }

    /// Something happens to a lane, and what it sends may arrive.
    fn happen(&mut self, place: Place, event: Event) -> Arc<Step> {
        let step = self.take(place, event);
        self.network.extend(&step.sent);
        step
    }

    /// Something happens to a lane.
    fn take(&mut self, place: Place, event: Event) -> Arc<Step> {
        let space = self.space;
        let former = self.state.lanes[place];
        let step = space.store.step(former, event);
        self.state.lanes[place] = step.lane;
        if let Some(words) = &step.panic {
            let mut last_words = space.last_words.lock();
            let known = last_words.iter().position(|it| it == words);
            let number = known.unwrap_or_else(|| {
                last_words.push(words.clone());
                last_words.len() - 1
            });
            self.state.fault = Some(Fault::Stopped(number as u16));
        }
        if step.has_copied {
            let view = space.store.view();
            let lane = view.lane(step.lane).expect("it lives");
            let epoch = lane.lane.epoch();
            let is_of_copied = |planned: &crate::scenario::Planned| {
                planned.configuration.epoch() == epoch && planned.configuration.is_joint()
            };
            let planned = space.scenario.configurations.iter().position(is_of_copied);
            if let Some(planned) = planned {
                self.state.copied |= 1 << (planned * NODES_MAX + place);
            }
        }
        for (number, ending, rounds) in &step.ended {
            let client = &mut self.state.clients[*number];
            client.state = ClientState::Ended(space.histories.number(ending.clone()));
            client.rounds = *rounds;
        }
        if !step.ended.is_empty() && self.state.fault.is_none() {
            let requests = &space.scenario.requests;
            let fault = space.histories.fault(requests, &self.state.clients);
            self.state.fault = fault.map(|_| Fault::NotLinearizable);
        }
        let view = space.store.view();
        let tag = |id| view.lane(id).map(|lane| lane.holds.0);
        // One that comes back into the replica set drops what it kept, and copies it anew.
        let may_drop = matches!(event, Event::Enter(_)) && tag(step.lane) == Some(Tag::ZERO);
        if tag(former) > tag(step.lane) && !may_drop {
            self.state.fault = Some(Fault::TagWentDown);
        }
        step
    }

    fn finish(mut self) -> State {
        self.forget_the_idle();
        let view = self.space.store.view();
        self.network.sort_unstable();
        self.network.dedup();
        if self.space.scenario.drops_needless {
            let (lanes, planted) = (&self.state.lanes, self.space.scenario.planted);
            self.network.retain(|&message| {
                let known = view.message(message);
                let receiver = view.lane(lanes[known.to]);
                let sender = view.lane(lanes[known.from]);
                let parties = Parties {
                    receiver,
                    sender,
                    planted,
                };
                !is_needless(known, parties)
            });
        }
        drop(view);
        self.drop_vain_queries();
        let view = self.space.store.view();
        self.state.network = std::mem::take(&mut self.network).into();
        if self.state.fault.is_none() && has_two_contents(&self.state, &view) {
            self.state.fault = Some(Fault::TwoContents);
        }
        self.state.hash = self.space.hash(&self.state, &view);
        self.state
    }

    /// Queries of a node in an epoch in which it cannot have a quorum any more tell it nothing that
    /// it does not forget in the next.
    fn drop_vain_queries(&mut self) {
        let (space, state) = (self.space, &self.state);
        self.network.retain(|&message| {
            let known = space.store.message(message);
            let Body::Query { counter, .. } = known.message.body else {
                return true;
            };
            let lane = state.lanes[known.from];
            let has_answered = |node| {
                let view = space.store.view();
                view.lane(lane)
                    .is_some_and(|it| it.lane.has_answer_of(counter, node))
            };
            let is_coordinator = space.hears_at_once(known.from);
            !is_coordinator || space.may_have_quorum(state, lane, has_answered)
        });
    }

    /// Nodes that only coordinate, and have nothing more to coordinate, are as good as gone.
    fn forget_the_idle(&mut self) {
        let space = self.space;
        let requests = space.scenario.requests.iter();
        let open = requests
            .zip(&self.state.clients)
            .filter(|(_, client)| !client.has_ended());
        let busy: Vec<Place> = open.map(|(request, _)| request.at).collect();
        for (place, lane) in self.state.lanes.iter_mut().enumerate() {
            if space.hears_at_once(place) && !busy.contains(&place) {
                *lane = LaneId::DEAD;
            }
        }
    }
}

/// Whether one tag stands for two contents, among what nodes hold and what is on its way.
fn has_two_contents(state: &State, view: &View<'_>) -> bool {
    let held = state.lanes.iter().filter_map(|&lane| view.lane(lane));
    let held = held.map(|lane| lane.holds);
    let sent = state.network.iter();
    let sent = sent.filter_map(|&message| view.message(message).brings);
    let mut known = [(protocol::Tag::ZERO, 0); 32];
    let mut count = 0;
    for (tag, content) in held.chain(sent).filter(|(tag, _)| !tag.is_zero()) {
        match known[..count].iter().find(|(it, _)| *it == tag) {
            Some((_, other)) if *other != content => return true,
            Some(_) => {}
            None if count < known.len() => {
                known[count] = (tag, content);
                count += 1;
            }
            None => {}
        }
    }
    false
}
