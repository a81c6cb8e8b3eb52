//! Whether a history is linearizable is decided by the project's own checker. Here a second one,
//! `stateright`'s, judges the same histories, those that are at fault among them.

mod support;

use checker::{Action, Reply};
use model::history::{Client, ClientState, Ending};
use model::scenario::{Request, Scenario, read, write};
use model::space::{Space, State};
use protocol::PlantedFault;
use stateright::semantics::register::{Register, RegisterOp, RegisterRet};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};
use std::collections::HashSet;
use support::visit;

/// Tells the other checker of everything in the order in which it happened, as far as it counts.
fn is_linearizable(space: &Space, state: &State) -> bool {
    let mut tester = LinearizabilityTester::new(Register(None));
    let made = |client: &&Client| client.state != ClientState::Idle;
    let mut moments: Vec<u16> = state
        .clients
        .iter()
        .filter(made)
        .map(|it| it.before)
        .collect();
    moments.sort_by_key(|before| before.count_ones());
    moments.dedup();
    let mut told = HashSet::new();
    for before in moments {
        for number in (0..state.clients.len()).filter(|it| before & (1 << it) != 0) {
            if told.insert(number) {
                end(&mut tester, space, state, number);
            }
        }
        for (number, client) in state.clients.iter().enumerate() {
            if client.state == ClientState::Idle || client.before != before {
                continue;
            }
            let operation = match space.scenario.requests[number].action() {
                Action::Read => RegisterOp::Read,
                Action::Write(value) => RegisterOp::Write(Some(value)),
                other => panic!("{other:?} is no plain operation"),
            };
            tester
                .on_invoke(number, operation)
                .expect("each client asks once");
        }
    }
    for number in 0..state.clients.len() {
        if told.insert(number) {
            end(&mut tester, space, state, number);
        }
    }
    tester.is_consistent()
}

type Tester = LinearizabilityTester<usize, Register<Option<String>>>;

fn end(tester: &mut Tester, space: &Space, state: &State, number: usize) {
    let reply = match space.ending(state, number) {
        None => return,
        Some(Ending::Done(Reply::Read(value))) => RegisterRet::ReadOk(value),
        Some(Ending::Done(Reply::Written)) => RegisterRet::WriteOk,
        Some(other) => panic!("{other:?} is no end of a plain operation"),
    };
    tester.on_return(number, reply).expect("it was asked for");
}

#[test]
fn two_checkers_agree_on_every_history() {
    let scenario = || {
        Scenario::new("judged", "two writes and two reads", 7)
            .with(Request::new(3, write("a")))
            .with(Request::new(5, read()))
            .with(Request::new(6, read()))
    };
    let mut wrong = 0;
    for planted in [
        None,
        Some(PlantedFault::NoWriteBack),
        Some(PlantedFault::QuorumTooSmall),
    ] {
        let space = Space::new(scenario().adjust(|it| it.planted = planted));
        let mut judged = HashSet::new();
        visit(&space, |state| {
            if judged.insert(support::history(&space, state)) {
                let is_right = is_linearizable(&space, state);
                assert_eq!(
                    state.fault.is_none(),
                    is_right,
                    "{:?}",
                    space.explain(state)
                );
                wrong += usize::from(!is_right);
            }
        });
        assert!(judged.len() > 20);
    }
    assert!(wrong > 0, "some are at fault");
}
