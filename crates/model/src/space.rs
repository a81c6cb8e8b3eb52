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

mod draft;
mod possible;
mod state;

pub use state::{Action, Fault, State};

use crate::history::{Client, ClientState, Ending, Histories};
use crate::names::{Place, node};
use crate::scenario::{NODES_MAX, Prelude, Scenario, group, name};
use crate::store::{Event, KnownMessage, LaneId, Store, View};
use draft::Draft;
use parking_lot::Mutex;
use state::hash_as;
use stateright::{Model, Property};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

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
}
