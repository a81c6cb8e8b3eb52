//! Read-modify-writes.

use crate::history::Ending;
use crate::scenario::{Request, Scenario, add, read, set, write};
use crate::space::{Space, State};
use checker::Reply;
use protocol::Body;

/// Two read-modify-writes that are rivals.
pub(super) fn pair() -> Scenario {
    let about = "two read-modify-writes at replicas, which may begin anew twice";
    let scenario = Scenario::new("pair", about, 3)
        .with(Request::new(0, add(1)))
        .with(Request::new(1, add(10)))
        .adjust(|it| it.resends = 2);
    with_sights(scenario).seeing("one finishes the step of the other", is_finished_by_another)
}

/// Two read-modify-writes against a write, all at nodes that hold nothing.
pub(super) fn overwritten() -> Scenario {
    let about = "two read-modify-writes and a write, coordinated by nodes that are no replicas";
    let scenario = Scenario::new("overwritten", about, 6)
        .with(Request::new(3, add(1)))
        .with(Request::new(4, add(10)))
        .with(Request::new(5, write("100")))
        .alike((0, 1), &[])
        .alike((1, 2), &[]);
    with_sights(scenario).seeing("the write comes between the two", |space, state| {
        let seen = |number, value: &str| {
            let modified = Ending::Done(Reply::Modified(Some(value.to_owned())));
            space.ending(state, number) == Some(modified)
        };
        seen(0, "1") && seen(1, "110")
    })
}

/// Two read-modify-writes at nodes that hold nothing, and a read.
pub(super) fn observed() -> Scenario {
    let about = "two read-modify-writes, coordinated by nodes that are no replicas, and a read";
    let scenario = Scenario::new("observed", about, 5)
        .with(Request::new(3, add(1)))
        .with(Request::new(4, add(10)))
        .with(Request::new(0, read()))
        .alike((1, 2), &[]);
    with_sights(scenario).seeing(
        "the read sees what the first of them made",
        |space, state| {
            let seen = Ending::Done(Reply::Read(Some("1".to_owned())));
            space.ending(state, 2) == Some(seen) && is_modified(space, state, 1)
        },
    )
}

/// Two read-modify-writes against a write and a read.
pub(super) fn rivals() -> Scenario {
    let about = "two read-modify-writes and a write, as in overwritten, and a read at a replica";
    let scenario = Scenario::new("rivals", about, 6)
        .with(Request::new(3, add(1)))
        .with(Request::new(4, add(10)))
        .with(Request::new(5, write("100")))
        .with(Request::new(0, read()))
        .alike((1, 2), &[]);
    with_sights(scenario)
}

/// As [`rivals`], at the replicas.
pub(super) fn neighbours() -> Scenario {
    let about = "two read-modify-writes, a write and a read, coordinated by the replicas";
    let scenario = Scenario::new("neighbours", about, 3)
        .with(Request::new(0, add(1)))
        .with(Request::new(1, add(10)))
        .with(Request::new(2, write("100")))
        .with(Request::new(2, read()))
        .adjust(|it| it.resends = 1);
    with_sights(scenario).seeing("one finishes the step of the other", is_finished_by_another)
}

/// Comparisons, one of which depends on the other, and a write.
pub(super) fn comparisons() -> Scenario {
    let about = "two comparisons and a write, coordinated by nodes that are no replicas";
    let scenario = Scenario::new("comparisons", about, 6)
        .with(Request::new(3, set(None, "a")))
        .with(Request::new(4, set(Some("a"), "b")))
        .with(Request::new(5, write("c")))
        .alike((0, 1), &[])
        .alike((1, 2), &[]);
    with_sights(scenario).seeing("one fails", |space, state| {
        let ending = space.ending(state, 0);
        matches!(ending, Some(Ending::Done(Reply::Unchanged(_))))
    })
}

fn with_sights(scenario: Scenario) -> Scenario {
    scenario.seeing("both take effect", |space, state| {
        is_modified(space, state, 0) && is_modified(space, state, 1)
    })
}

fn is_modified(space: &Space, state: &State, number: usize) -> bool {
    let ending = space.ending(state, number);
    matches!(ending, Some(Ending::Done(Reply::Modified(_))))
}

fn is_finished_by_another(space: &Space, state: &State) -> bool {
    state.network.iter().any(|&message| {
        let message = &space.store.message(message).message;
        matches!(&message.body, Body::Accept { step, .. } if step.operation.origin != message.from)
    })
}
