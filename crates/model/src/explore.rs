//! Exploring a scenario, and what comes of it: [`explore`], [`Report`].

use crate::scenario::Scenario;
use crate::space::Space;
use crate::story::story;
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// How far to go, and with how many hands.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many actions one after another are looked at, at most; `None` for all there are.
    pub depth_max: Option<NonZeroUsize>,
}

/// What came of exploring a scenario.
#[derive(Debug)]
pub struct Report {
    /// The scenario's name.
    pub name: &'static str,
    /// How many actions one after another were looked at, at most.
    pub depth_max: Option<NonZeroUsize>,
    /// How many states are different from each other.
    pub states: usize,
    /// How many states were come to, counted each time.
    pub generated: usize,
    /// The most actions that it takes to come to a state, at least.
    pub depth: usize,
    /// How many different histories the checker judged.
    pub histories: usize,
    /// How long it took.
    pub time: Duration,
    /// What was found.
    pub verdict: Verdict,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing is wrong anywhere, and all that was to be seen was.
    Passed {
        /// Whether there is nothing beyond what was looked at.
        is_exhausted: bool,
    },
    /// Something must not be, and is; the shortest way there.
    Violated(String),
    /// Nothing is wrong, but these were to be seen and were not, so that little was shown.
    Unseen(Vec<&'static str>),
}

impl Verdict {
    /// Whether everything is as it must be.
    pub fn is_passed(&self) -> bool {
        matches!(self, Verdict::Passed { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Passed { is_exhausted: true } => f.write_str("holds, exhausted"),
            Verdict::Passed {
                is_exhausted: false,
            } => f.write_str("holds, up to the bound"),
            Verdict::Violated(_) => f.write_str("VIOLATED"),
            Verdict::Unseen(unseen) => write!(f, "NEVER SEEN: {}", unseen.join("; ")),
        }
    }
}

/// Looks at everything that may happen in a scenario, up to a depth if one is given.
///
/// What is to be seen at least is asked for only where there is no bound.
pub fn explore(scenario: Scenario, effort: Effort) -> Report {
    let started = Instant::now();
    let name = scenario.name;
    let checker = Space::new(scenario)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures);
    let checker = match effort.depth_max {
        // The state at the start is of depth one to it, and what is as deep as its bound is come to,
        // but not judged.
        Some(depth) => checker.target_max_depth(depth.get() + 2),
        None => checker,
    };
    let checker = checker.spawn_bfs().join();
    let space = checker.model();
    let discoveries = checker.discoveries();
    let properties = space.properties();
    let is_always = |name: &&str| {
        let mut always = properties
            .iter()
            .filter(|it| it.expectation == Expectation::Always);
        always.any(|it| it.name == *name)
    };
    let violated = discoveries.keys().copied().filter(|name| is_always(name));
    let violated = violated.last();
    let depth_met = checker.max_depth() - 1;
    let bound = effort.depth_max.map_or(usize::MAX, NonZeroUsize::get);
    let (depth, reaches_bound) = (depth_met.min(bound), depth_met > bound);
    let sights = space.scenario.sights.iter().map(|it| it.name);
    let unseen: Vec<_> = sights.filter(|it| !discoveries.contains_key(it)).collect();
    let verdict = match violated {
        Some(name) => Verdict::Violated(story(space, discoveries[name].clone())),
        None if !reaches_bound && !unseen.is_empty() => Verdict::Unseen(unseen),
        None => Verdict::Passed {
            is_exhausted: !reaches_bound,
        },
    };
    Report {
        name,
        depth_max: effort.depth_max,
        states: space.states_judged(),
        generated: checker.state_count(),
        depth,
        histories: space.histories.judged(),
        time: started.elapsed(),
        verdict,
    }
}
