//! Changes of the configuration while a write and a read go on.
//!
//! The write and the read are coordinated by two members that hold nothing of the register before,
//! during and after the change. Where a scenario begins with a write that is done, two of three
//! replicas have taken it, and the first one has missed it: the hardest start for a change.

use super::registers::{is_written, reads};
use crate::names::Place;
use crate::scenario::{Planned, Prelude, Request, Scenario, members, read, write};
use crate::space::State;
use protocol::{ClusterId, Configuration, Epoch};
use std::sync::Arc;

/// The places of the configurations in the list.
const JOINT: usize = 1;
const FINISHED: usize = 2;
const ABORTED: usize = 3;
const JOINT_AGAIN: usize = 4;
const FINISHED_AT_LAST: usize = 5;

/// Who is to hold the register, before the change and after it, and who coordinates.
struct Cast {
    before: &'static [Place],
    after: &'static [Place],
    writer: Place,
    reader: Place,
}

/// One of three replicas is replaced.
const ONE: Cast = Cast {
    before: &[0, 1, 2],
    after: &[0, 1, 3],
    writer: 4,
    reader: 5,
};

/// Two of three are.
const TWO: Cast = Cast {
    before: &[0, 1, 2],
    after: &[0, 3, 4],
    writer: 5,
    reader: 6,
};

/// The only one is.
const ALONE: Cast = Cast {
    before: &[0],
    after: &[1],
    writer: 2,
    reader: 3,
};

impl Cast {
    /// Those configurations of a change that may be given up and made again.
    fn configurations(&self) -> Vec<Planned> {
        let coordinators = [self.writer, self.reader];
        let all = |replicas: &[Place]| {
            let places = replicas.iter().chain(&coordinators).copied();
            members(places)
        };
        let replication = u8::try_from(self.before.len()).expect("a few replicas");
        let first = Configuration::new(ClusterId(7), Epoch::FIRST, all(self.before), replication);
        let first = first.expect("a few members make a configuration");
        let join = |from: &Configuration| {
            let joint = from.joint(all(self.after), replication);
            joint.expect("a few members make a configuration")
        };
        let joint = join(&first);
        let again = join(&joint.aborted());
        let first = Planned {
            configuration: Arc::new(first),
            follows: None,
            needs_copies: false,
            instead_of: None,
        };
        let finished = |follows, joint: &Configuration| Planned {
            needs_copies: true,
            ..Planned::after(follows, joint.finished())
        };
        vec![
            first,
            Planned::after(0, joint.clone()),
            Planned {
                instead_of: Some(ABORTED),
                ..finished(JOINT, &joint)
            },
            Planned {
                instead_of: Some(FINISHED),
                ..Planned::after(JOINT, joint.aborted())
            },
            Planned::after(ABORTED, again.clone()),
            finished(JOINT_AGAIN, &again),
        ]
    }

    fn scenario(&self, name: &'static str, about: &'static str) -> Scenario {
        let replicas = self.before.iter().chain(self.after).max();
        let nodes = 1 + self.reader.max(*replicas.expect("somebody holds it"));
        Scenario::new(name, about, nodes).adjust(|it| it.configurations = self.configurations())
    }

    /// With a write that only the second and the third replica have taken, and then these.
    fn begin_with_write(&self, scenario: Scenario, takers: &'static [Place]) -> Scenario {
        scenario
            .with(Request::new(self.writer, write("a")))
            .adjust(|it| {
                it.prelude = vec![Prelude::Request(0), Prelude::Talk(takers), Prelude::Loss];
            })
    }
}

/// Without the way out of giving the change up.
fn not_given_up(scenario: Scenario) -> Scenario {
    scenario.adjust(|it| {
        it.configurations.truncate(ABORTED);
        it.configurations[FINISHED].instead_of = None;
    })
}

/// A change of one replica with a write and a read in flight.
pub(super) fn change() -> Scenario {
    let about = "one replica of three is replaced, with a write and a read in flight";
    with_both(
        ONE.begin_with_write(not_given_up(ONE.scenario("change", about)), &[1, 2, 4]),
        &ONE,
    )
}

/// A change of two replicas with a write and a read in flight.
pub(super) fn change_of_two() -> Scenario {
    let about = "two replicas of three are replaced, with a write and a read in flight";
    let scenario = not_given_up(TWO.scenario("change-of-two", about));
    with_both(TWO.begin_with_write(scenario, &[1, 2, 5]), &TWO)
}

/// A change that may be given up instead of being finished.
pub(super) fn change_or_not() -> Scenario {
    let about = "as change, and it may be given up instead";
    let scenario = ONE.scenario("change-or-not", about);
    let scenario = scenario.adjust(|it| it.configurations.truncate(JOINT_AGAIN));
    with_both(ONE.begin_with_write(scenario, &[1, 2, 4]), &ONE)
}

/// A change that was given up while everyone was about to copy, and that is made again.
pub(super) fn change_again() -> Scenario {
    let about = "a change is made again, after one that was given up while all were copying";
    let scenario = ONE.begin_with_write(ONE.scenario("change-again", about), &[1, 2, 4]);
    let scenario = scenario.adjust(|it| {
        let entered = [0, 1, 2, 3].map(|place| Prelude::Enter(place, JOINT));
        it.prelude.extend(entered);
        it.prelude.push(Prelude::Enter(0, ABORTED));
    });
    with_both(scenario, &ONE)
}

/// A change of one replica, and one node crashes.
pub(super) fn change_and_crash() -> Scenario {
    change().adjust(|it| {
        it.name = "change-and-crash";
        it.about =
            "as change; one node crashes, and one may copy from another source than the first";
        it.crashes = 1;
        it.resends = 1;
    })
}

/// The only replica hands over to another, or does not, and then does.
pub(super) fn hand_over() -> Scenario {
    let about = "the only replica hands over to another; that may be given up, and made again";
    with_both(ALONE.scenario("hand-over", about), &ALONE)
        .seeing(
            "the write ends, and is read, after the change",
            |space, state| {
                is_over(state, FINISHED)
                    && is_written(space, state, 0)
                    && reads(space, state, 1, "b")
            },
        )
        .seeing("the write ends after the second change", |space, state| {
            is_over(state, FINISHED_AT_LAST) && is_written(space, state, 0)
        })
        .seeing(
            "a read after the second change sees what the write has left",
            |space, state| {
                is_over(state, FINISHED_AT_LAST)
                    && reads(space, state, 1, "b")
                    && state.clients[1].before == 1
            },
        )
}

/// Whether a configuration was entered by any node.
fn is_over(state: &State, planned: usize) -> bool {
    state.entered & (1 << planned) != 0
}

fn with_both(scenario: Scenario, cast: &Cast) -> Scenario {
    scenario
        .with(Request::new(cast.writer, write("b")))
        .with(Request::new(cast.reader, read()))
}

/// A write that is done, a change, and a read.
pub(super) fn late_read() -> Scenario {
    let about = "two of three replicas have taken a write; one is replaced; and a read";
    let scenario = not_given_up(ONE.scenario("late-read", about));
    ONE.begin_with_write(scenario, &[1, 2, 4])
        .with(Request::new(ONE.reader, read()))
        .seeing("it is read after the change", |space, state| {
            is_over(state, FINISHED) && reads(space, state, 1, "a")
        })
}
