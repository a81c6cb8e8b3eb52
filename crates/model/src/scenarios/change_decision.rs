//! Two nodes that want different configurations to be the next.

use crate::history::Ending;
use crate::names::Place;
use crate::scenario::{Planned, Prelude, Request, Scenario, members};
use crate::space::{Space, State};
use checker::Reply;
use protocol::{ClusterId, Configuration, Epoch};
use std::sync::Arc;

/// The places of the configurations in the list.
const JOINT: usize = 1;
const FINISHED: usize = 2;

/// The configuration of these members.
fn of(places: [Place; 3]) -> Configuration {
    let first = Configuration::new(ClusterId(7), Epoch::FIRST, members(places), 3);
    first.expect("a few members make a configuration")
}

/// The change by which these remain.
fn left(from: &Configuration, places: [Place; 2]) -> Configuration {
    let joint = from.joint(members(places), 3);
    joint.expect("a few members make a configuration")
}

/// Two rivals in an epoch that all of its members have been in from the start.
pub(super) fn decision() -> Scenario {
    let about = "two of three members propose different changes, and may begin anew twice";
    let first = of([0, 1, 2]);
    proposing("decision", about, vec![first.clone()])
        .with(Request::propose(0, &first, &left(&first, [0, 2])))
        .with(Request::propose(1, &first, &left(&first, [1, 2])))
        .adjust(|it| it.resends = 2)
        .seeing("the first one's is decided", |space, state| {
            is_decided(space, state, 0)
        })
        .seeing("the second one's is decided", |space, state| {
            is_decided(space, state, 1)
        })
        .seeing("one hears that it was too late", |space, state| {
            let unchanged = |it| {
                let ending = space.ending(state, it);
                matches!(ending, Some(Ending::Done(Reply::Unchanged(_))))
            };
            unchanged(0) || unchanged(1)
        })
}

/// Two rivals in an epoch some of whose members knew nothing of the ballots by which it came about:
/// the second node was replaced by the fourth, and the third has missed all that decided that.
pub(super) fn superseded() -> Scenario {
    let about = "as decision, where only the first member took part in deciding the last change";
    let first = of([0, 1, 2]);
    let joint = first.joint(members([0, 2, 3]), 3);
    let joint = joint.expect("a few members make a configuration");
    let finished = joint.finished();
    let configurations = vec![first.clone(), joint.clone(), finished.clone()];
    proposing("decision-after-change", about, configurations)
        .with(Request::propose(0, &first, &joint))
        .with(Request::propose(0, &joint, &finished))
        .with(Request::propose(3, &finished, &left(&finished, [2, 3])))
        .with(Request::propose(0, &finished, &left(&finished, [0, 2])))
        .adjust(|it| {
            let decided = |number| {
                [
                    Prelude::Request(number),
                    Prelude::Talk(&[0, 1]),
                    Prelude::Loss,
                ]
            };
            let entered = |planned| [0, 2, 3].map(|place| Prelude::Enter(place, planned));
            it.prelude = decided(0).into();
            it.prelude.extend([Prelude::Enter(1, JOINT)]);
            it.prelude.extend(entered(JOINT));
            it.prelude.push(Prelude::Loss);
            it.prelude.extend(decided(1));
            it.prelude.extend(entered(FINISHED));
            it.prelude.push(Prelude::Loss);
            it.resends = 1;
        })
        .seeing("the new member's is decided", |space, state| {
            is_decided(space, state, 2)
        })
        .seeing("the old member's is decided", |space, state| {
            is_decided(space, state, 3)
        })
}

/// A scenario of configurations each of which follows on the one before.
fn proposing(
    name: &'static str,
    about: &'static str,
    configurations: Vec<Configuration>,
) -> Scenario {
    let nodes = if configurations.len() > 1 { 4 } else { 3 };
    Scenario::new(name, about, nodes).adjust(|it| {
        let planned = configurations.into_iter().enumerate();
        let planned = planned.map(|(number, configuration)| Planned {
            configuration: Arc::new(configuration),
            follows: number.checked_sub(1),
            needs_copies: false,
            instead_of: None,
        });
        it.configurations = planned.collect();
        it.answers_at_once = false;
    })
}

fn is_decided(space: &Space, state: &State, number: usize) -> bool {
    let ending = space.ending(state, number);
    matches!(ending, Some(Ending::Done(Reply::Modified(_))))
}
