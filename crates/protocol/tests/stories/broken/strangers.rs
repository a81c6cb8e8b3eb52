//! What is not looked at: the word of strangers, and what is said in the name of another.

use super::*;

#[test]
fn whatever_a_stranger_contradicts_nothing_happens() {
    let mut cluster = Cluster::of(3);
    cluster.request(2, write("5"));
    cluster.deliver_all();
    cluster.arrive(accept(3, 1, step("6")));
    cluster.lose(|_| true);
    let held = cluster.lanes[&1].record(&name()).unwrap().clone();
    let before = cluster.lanes[&1].clone();
    let contradicting = Record {
        content: None,
        ..held.clone()
    };
    let newer = record(9, 9, "x");
    let in_its_name = Accepted {
        ballot: Ballot {
            round: 1,
            proposer: incarnation(9),
        },
        ..step("7")
    };
    let (counter, reserved) = (COUNTER, RegisterName::CONFIGURATION);
    let another = Record {
        content: Some(configuration_of(ClusterId(1), 2, [9]).encode()),
        tag: configuration_of(ClusterId(1), 2, [9]).tag(),
        ..newer.clone()
    };
    let settled = Body::Settled {
        name: name(),
        tag: held.tag,
    };
    for message in [
        update(9, 1, name(), contradicting),
        update(9, 1, name(), newer),
        update(9, 1, reserved, another),
        accept(9, 1, step("7")),
        accept(9, 1, in_its_name),
        said(9, 1, settled),
        said(
            9,
            1,
            Body::Prepare {
                counter,
                name: name(),
                ballot: Ballot {
                    round: 5,
                    proposer: incarnation(9),
                },
            },
        ),
        said(
            9,
            1,
            Body::Query {
                counter,
                name: name(),
                want: Want::Tag,
            },
        ),
    ] {
        cluster.arrive(message);
        assert!(cluster.in_flight.is_empty(), "{:?}", cluster.in_flight);
        assert!(!cluster.learned.contains_key(&1));
        let lane = &cluster.lanes[&1];
        assert_eq!(lane.record(&name()), before.record(&name()));
    }
    // Nothing was promised to it either.
    let sum = cluster.request(1, add(1));
    cluster.run_until_answered(&[sum]);
    let sum = cluster.modified(sum).to_owned();
    assert_eq!(cluster.read_at(1), Some(sum));
}

#[test]
fn a_ballot_in_the_name_of_another_is_passed_over() {
    let mut cluster = Cluster::of(3);
    let step = step("6");
    cluster.arrive(accept(2, 1, step.clone()));
    let (counter, name, ballot) = (COUNTER, name(), step.ballot);
    let prepare = Body::Prepare {
        counter,
        name,
        ballot,
    };
    cluster.arrive(said(2, 1, prepare.clone()));
    assert!(cluster.in_flight.is_empty());
    cluster.arrive(said(3, 1, prepare));
    assert_eq!(cluster.in_flight.len(), 1);
}
