//! Plain reads and writes.

use crate::history::Ending;
use crate::scenario::{Request, Scenario, When, read, write};
use crate::space::{Space, State};
use checker::Reply;

/// A write and two reads, small enough for a debug build.
pub(super) fn small() -> Scenario {
    let about = "a write and two reads, coordinated by the three replicas; one of them may crash";
    Scenario::new("small", about, 3)
        .with(Request::new(0, write("a")))
        .with(Request::new(1, read()))
        .with(Request::new(2, read()))
        .alike((1, 2), &[(1, 2)])
        .adjust(|it| it.crashes = 1)
        .seeing("the write is done and both reads saw it", |space, state| {
            is_written(space, state, 0)
                && reads(space, state, 1, "a")
                && reads(space, state, 2, "a")
        })
        .seeing("a read takes a second round", |space, state| {
            takes_two_rounds(space, state, 1)
        })
        .seeing(
            "a read sees nothing while the write goes on",
            |space, state| {
                let nothing = Some(Ending::Done(Reply::Read(None)));
                space.ending(state, 1) == nothing && state.clients[0].before == 0
            },
        )
}

/// Two writers and two readers at the replicas themselves.
pub(super) fn together() -> Scenario {
    let about =
        "two writes and two reads, coordinated by the three replicas; one of them may crash";
    let scenario = Scenario::new("together", about, 3)
        .with(Request::new(0, write("a")))
        .with(Request::new(1, write("b")))
        .with(Request::new(2, read()))
        .with(Request::new(2, read()).when(When::NotBefore(2)))
        .adjust(|it| it.crashes = 1);
    with_sights(scenario)
}

/// Two writers and two readers at nodes that hold nothing.
pub(super) fn apart() -> Scenario {
    let about = "two writes and two reads, coordinated by nodes that are no replicas";
    let scenario = Scenario::new("apart", about, 7)
        .with(Request::new(3, write("a")))
        .with(Request::new(4, write("b")))
        .with(Request::new(5, read()))
        .with(Request::new(6, read()))
        .alike((5, 6), &[(2, 3)]);
    with_sights(scenario)
}

fn with_sights(scenario: Scenario) -> Scenario {
    scenario
        .seeing(
            "both writes are done, and a read saw each",
            |space, state| {
                let are_written = is_written(space, state, 0) && is_written(space, state, 1);
                are_written && reads(space, state, 2, "a") && reads(space, state, 3, "b")
            },
        )
        .seeing("a read takes a second round", |space, state| {
            takes_two_rounds(space, state, 2)
        })
        .seeing("a read sees what is not written yet", |space, state| {
            reads(space, state, 2, "a") && !state.clients[0].has_ended()
        })
        .seeing("one read ends before the other one begins", |_, state| {
            state.clients[3].before & (1 << 2) != 0 || state.clients[2].before & (1 << 3) != 0
        })
}

pub(super) fn is_written(space: &Space, state: &State, number: usize) -> bool {
    space.ending(state, number) == Some(Ending::Done(Reply::Written))
}

pub(super) fn reads(space: &Space, state: &State, number: usize, value: &str) -> bool {
    let read = Ending::Done(Reply::Read(Some(value.to_owned())));
    space.ending(state, number) == Some(read)
}

pub(super) fn takes_two_rounds(_: &Space, state: &State, number: usize) -> bool {
    state.clients[number].has_ended() && state.clients[number].rounds >= 2
}
