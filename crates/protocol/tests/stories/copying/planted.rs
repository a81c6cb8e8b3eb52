//! Each trap, put back: the write that it loses.

use super::*;

/// Nodes that are to copy, and ask nodes 2 and 3 first.
fn with_fault(fresh: &[u64], adjust: fn(&mut LaneOptions)) -> Cluster {
    let mut cluster = with_fresh_and_options(fresh, adjust);
    for &at in fresh {
        cluster.tell(at, 1, PeerState::Down);
    }
    cluster
}

fn concerns(message: &Message, number: u64) -> bool {
    [message.from.node, message.to].contains(&node(number))
}

/// The change is done; of its members only these two are left. What one of them reads.
fn read_among(cluster: &mut Cluster, change: &Configuration, left: [u64; 2]) -> Option<String> {
    cluster.lose(|_| true);
    for gone in (1..=5).filter(|at| !left.contains(at)) {
        cluster.lanes.remove(&gone);
    }
    cluster.enter_all(left, &Arc::new(change.finished()));
    cluster.lose(|message| is_pull(message) || is_pull_reply(message));
    let ticket = cluster.request(left[0], read());
    cluster.deliver(|message| !is_pull(message) && !is_pull_reply(message));
    cluster.value(ticket).0.map(str::to_owned)
}

#[test]
fn an_old_member_that_counts_as_copied_loses_a_write() {
    let mut cluster = with_fault(&[4, 5], |options| {
        options.planted = Some(PlantedFault::CountOldMemberAsCopied);
    });
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [1, 4, 5]);
    cluster.enter_all(1..=5, &change);
    cluster.deliver(|message| !concerns(message, 1) && !concerns(message, 5));
    // A majority of the new set says that it has copied.
    assert!(has_copied(&cluster, 1, change.epoch()) && has_copied(&cluster, 4, change.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
    assert_eq!(read_among(&mut cluster, &change, [1, 5]), None);
}

#[test]
fn a_source_that_has_not_entered_loses_a_write() {
    let mut cluster = with_fault(&[4, 5], |options| {
        options.planted = Some(PlantedFault::CopyFromAnyEpoch);
    });
    cluster.enters_at_once = false;
    let change = to_members(&configuration(1, 1..=3), [1, 4, 5]);
    cluster.enter_all([4, 5], &change);
    cluster.deliver_all();
    for at in [4, 5] {
        assert!(has_copied(&cluster, at, change.epoch()));
    }
    // The sources are still in the former epoch, and so is this write.
    let ticket = cluster.request(2, write("a"));
    cluster.deliver_among(&[1, 2, 3]);
    cluster.written(ticket);
    assert_eq!(read_among(&mut cluster, &change, [4, 5]), None);
}

/// Node 4 is to copy for a change that is given up, and for the same change once more. In
/// between, nodes 2 and 3 take a write.
fn change_twice(
    adjust: fn(&mut LaneOptions),
    for_the_first: impl Fn(&mut Cluster) -> Vec<Message>,
) -> (Cluster, Arc<Configuration>) {
    let mut cluster = with_fault(&[4], adjust);
    let first = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &first);
    let late = for_the_first(&mut cluster);
    cluster.lose(|_| true);
    let given_up = Arc::new(first.aborted());
    cluster.enter_all(1..=4, &given_up);
    cluster.write_past_node_1("a");
    let second = to_members(&given_up, [1, 2, 4]);
    cluster.enter_all(1..=4, &second);
    cluster.deliver(|message| is_of_others(message) && concerns(message, 4));
    for message in late {
        cluster.arrive(message);
    }
    (cluster, second)
}

#[test]
fn what_was_copied_before_an_abort_loses_a_write() {
    let (mut cluster, change) = change_twice(
        |options| options.planted = Some(PlantedFault::CopiedSurvivesAbort),
        |cluster| {
            cluster.deliver(|message| !concerns(message, 1));
            Vec::new()
        },
    );
    assert!(has_copied(&cluster, 4, change.epoch()));
    assert_eq!(read_among(&mut cluster, &change, [1, 4]), None);
}

#[test]
fn a_late_reply_to_a_pull_loses_a_write() {
    let (mut cluster, change) = change_twice(
        |options| options.planted = Some(PlantedFault::LatePullReply),
        |cluster| {
            // Each source is asked about the group, and answers late.
            let mut late = Vec::new();
            let end = cluster.now + Duration::from_secs(60);
            let sources = |late: &[Message]| -> BTreeSet<NodeId> {
                late.iter().map(|message| message.from.node).collect()
            };
            while sources(&late).len() < 2 {
                assert!(cluster.now < end, "that takes too long");
                let of_4 = |message: &Message| concerns(message, 4);
                cluster.deliver(|message| is_of_others(message) && of_4(message));
                cluster.deliver(|message| is_pull(message) && of_4(message));
                let replies = |message: &mut Message| message.to == node(4);
                late.extend(cluster.in_flight.extract_if(.., replies));
                cluster.pass(Duration::from_millis(50));
            }
            late
        },
    );
    assert!(has_copied(&cluster, 4, change.epoch()));
    assert_eq!(read_among(&mut cluster, &change, [1, 4]), None);
}
