//! What becomes of groups that a node holds no longer.

use super::*;

/// Nodes 1 to 3 were the members, and hold "a"; now these are to be, and whoever comes has copied.
fn changing_to(after: [u64; 3]) -> (Cluster, Arc<Configuration>) {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), after);
    cluster.enter_all(1..=4, &change);
    cluster.deliver_all();
    (cluster, change)
}

impl Cluster {
    /// A node hears that a majority has entered this epoch.
    fn entered_by_majority(&mut self, at: u64, epoch: Epoch) {
        let now = self.now;
        self.call(at, |lane| lane.handle_entered_by_majority(now, epoch));
    }
}

#[test]
fn what_is_not_held_any_more_is_dropped_once_a_majority_has_entered() {
    let (mut cluster, change) = changing_to([1, 2, 4]);
    let done = Arc::new(change.finished());
    cluster.entered_by_majority(3, done.epoch());
    assert_eq!(held(&cluster, 3).as_deref(), Some("a"), "still a member");
    cluster.enter_all(1..=4, &done);
    assert_eq!(held(&cluster, 3), None, "it was told before it entered");
    let configuration = cluster.lanes[&3].record(&RegisterName::CONFIGURATION);
    assert!(configuration.is_some(), "the reserved register stays");
    for at in [1, 2, 4] {
        assert_eq!(held(&cluster, at).as_deref(), Some("a"));
    }
}

#[test]
fn what_one_is_to_hold_again_is_copied_anew_and_not_dropped_then() {
    let (mut cluster, change) = changing_to([1, 2, 4]);
    let done = Arc::new(change.finished());
    cluster.enter_all(1..=4, &done);
    assert_eq!(held(&cluster, 3).as_deref(), Some("a"), "no majority yet");
    let back = to_members(&done, [1, 2, 3]);
    cluster.enter_all(1..=4, &back);
    assert_eq!(held(&cluster, 3), None, "nobody counts on what it kept");
    cluster.deliver_all();
    assert!(has_copied(&cluster, 3, back.epoch()));
    cluster.entered_by_majority(3, done.epoch());
    assert_eq!(held(&cluster, 3).as_deref(), Some("a"));
}

#[test]
fn what_is_left_of_a_forced_group_is_kept_and_copied() {
    // Slots on one node each: a group goes from an old member to node 4, which is then lost, and
    // for which node 5 comes.
    let members = |numbers: &[u64]| numbers.iter().map(|number| member(*number)).collect();
    let standing = Configuration::new(ClusterId(1), Epoch::FIRST, members(&[1, 2, 3]), 1).unwrap();
    let change = Arc::new(standing.joint(members(&[1, 2, 3, 4]), 1).unwrap());
    let done = Arc::new(change.finished());
    let lost = done.joint(members(&[1, 2, 3, 5]), 1).unwrap();
    let holder = |configuration: &Configuration, group: &Group| {
        configuration.group_quorums(*group).after().nodes()[0].get()
    };
    let moved = Group::all()
        .find(|group| (holder(&done, group), holder(&lost, group)) == (4, 5))
        .unwrap();
    let lost = Arc::new(lost.forcing([moved].into_iter().collect()));
    let owner = holder(&standing, &moved);
    let name = (0..)
        .map(|n| RegisterName::new(format!("{n}")).unwrap())
        .find(|name| name.slot().group() == Some(moved))
        .unwrap();

    let mut cluster = Cluster::of(0);
    (1..=5).for_each(|number| cluster.add(number));
    cluster.enter_all(1..=3, &Arc::new(standing));
    cluster.fill(1, name.clone(), Bytes::from_static(b"a"));
    cluster.enter_all(1..=4, &change);
    cluster.deliver_all();
    cluster.enter_all(1..=4, &done);
    cluster.lanes.remove(&4);
    cluster.enter_all([1, 2, 3, 5], &lost);
    // That a majority has entered the former epoch is heard of only now.
    cluster.entered_by_majority(owner, done.epoch());
    cluster.run_until(|cluster| copied_groups(cluster, 5, lost.epoch()).contains(&moved));
    assert!(cluster.lanes[&5].record(&name).is_some());
    // When that change is done, nobody needs what is left.
    let done = Arc::new(lost.finished());
    cluster.enter_all([1, 2, 3, 5], &done);
    assert!(cluster.lanes[&owner].record(&name).is_some());
    cluster.entered_by_majority(owner, done.epoch());
    assert_eq!(cluster.lanes[&owner].record(&name), None);
}

#[test]
fn an_aborted_joiner_drops_what_it_copied() {
    let (mut cluster, change) = changing_to([2, 3, 4]);
    let given_up = Arc::new(change.aborted());
    cluster.enter_all(1..=4, &given_up);
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
    for at in 1..=4 {
        cluster.entered_by_majority(at, given_up.epoch());
    }
    assert_eq!((held(&cluster, 4), cluster.lanes[&4].bytes()), (None, 0));
    assert_eq!(held(&cluster, 2).as_deref(), Some("a"));
}

#[test]
fn a_replica_takes_nothing_of_a_group_that_it_does_not_hold() {
    let mut cluster = with_fresh(&[4, 5, 6, 7]);
    let change = to_members(&configuration(1, 1..=3), 1..=7);
    let done = Arc::new(change.finished());
    cluster.enter_all(1..=7, &change);
    cluster.deliver_all();
    cluster.enter_all(1..=7, &done);
    let quorums = done.quorums(name().slot());
    let outside = (1..=7).find(|at| !quorums.contains(node(*at))).unwrap();
    let coordinator = (1..=7).find(|at| *at != outside).unwrap();
    cluster.request(coordinator, write("a"));
    cluster.deliver(|message| !is_update(message));
    let mut update = cluster
        .in_flight
        .iter()
        .find(|m| is_update(m))
        .cloned()
        .unwrap();
    update.to = node(outside);
    cluster.arrive(update);
    assert_eq!(held(&cluster, outside), None);
    cluster.deliver_all();
    assert_eq!(cluster.lanes[&outside].registers(), 0);
}
