//! How much is asked for at once, and how fast it comes.

use super::*;

#[test]
fn a_group_larger_than_a_page_travels_page_by_page() {
    let mut cluster = with_fresh(&[4]);
    let names = names(90);
    for (index, name) in names.iter().enumerate() {
        let length = if index == 40 { 1_000_000 } else { 10_000 };
        cluster.fill(1, name.clone(), vec![b'x'; length].into());
    }
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    let mut pages = Vec::new();
    while let Some(message) = (!cluster.in_flight.is_empty()).then(|| cluster.in_flight.remove(0)) {
        if let Body::PullReply { answer, .. } = &message.body
            && is_of_group(&message)
            && message.to == node(4)
        {
            assert!(answer.entries.len() == 1 || value_bytes(&message) <= 256 * 1024);
            pages.push(value_bytes(&message));
        }
        cluster.arrive(message);
    }
    assert!(has_copied(&cluster, 4, change.epoch()));
    assert_eq!(
        pages.iter().sum::<usize>(),
        89 * 10_000 + 1_000_000,
        "once each"
    );
    assert!(pages.len() > 5, "{pages:?}");
    for name in &names {
        let of = |at: u64| cluster.lanes[&at].record(name).unwrap();
        assert!(of(4).tag == of(1).tag && of(4).agrees_with(of(1)));
    }
    assert_eq!(cluster.lanes[&4].bytes(), cluster.lanes[&1].bytes());
    let progress = cluster.lanes[&4].copy_progress();
    assert_eq!((progress.groups, progress.groups_copied), (1024, 1024));
    assert_eq!(progress.registers, 90);
    assert_eq!(progress.bytes, cluster.lanes[&4].bytes());
}

#[test]
fn many_groups_are_asked_about_at_once_while_they_bring_nothing() {
    let mut cluster = with_fresh(&[4]);
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    let mut round_trips = 0;
    while copied_groups(&cluster, 4, change.epoch()).len() < 1024 {
        assert!(pulls_of(&cluster, 4).len() <= 64);
        // All that is on its way takes the same time.
        for message in cluster.in_flight.split_off(0) {
            cluster.arrive(message);
        }
        for message in cluster.in_flight.split_off(0) {
            cluster.arrive(message);
        }
        round_trips += 1;
    }
    assert_eq!(round_trips, 1024 * 2 / 64);
}

#[test]
fn few_large_values_are_on_their_way_at_once() {
    let mut cluster = with_fresh(&[4]);
    let names = (0..40).map(|n| RegisterName::new(format!("large{n}")).unwrap());
    for name in names {
        cluster.fill(1, name, vec![b'x'; 1_000_000].into());
    }
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    let mut most = 0;
    while copied_groups(&cluster, 4, change.epoch()).len() < 1024 {
        assert!(!cluster.in_flight.is_empty());
        // Everything is answered before any answer arrives.
        cluster.deliver(|message| is_pull(message) || message.to != node(4));
        most = most.max(cluster.in_flight.iter().map(value_bytes).sum());
        for message in cluster.in_flight.split_off(0) {
            cluster.arrive(message);
        }
    }
    assert_eq!(cluster.lanes[&4].registers(), 40);
    assert!((1_000_000..=8_000_000).contains(&most), "{most} bytes");
}

#[test]
fn copying_keeps_to_its_rate() {
    let bytes_copied = 90 * 10_000;
    let mut took = Vec::new();
    let adjusts: [fn(&mut LaneOptions); 2] = [
        |options| options.copy_bytes_per_second_max = Some(100_000),
        |options| options.copy_bytes_per_second_max = None,
    ];
    for adjust in adjusts {
        let mut cluster = with_fresh_and_options(&[4], adjust);
        for name in names(90) {
            cluster.fill(1, name, vec![b'x'; 10_000].into());
        }
        let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
        cluster.enter_all(1..=4, &change);
        let begun = cluster.now;
        cluster.run_until(|cluster| has_copied(cluster, 4, change.epoch()));
        took.push(cluster.now.since(begun));
        assert!(cluster.lanes[&4].copy_progress().bytes >= bytes_copied);
    }
    // All but a page at most is waited for, and what lists it.
    assert!(
        (Duration::from_secs(6)..Duration::from_secs(10)).contains(&took[0]),
        "{took:?}"
    );
    assert_eq!(took[1], Duration::ZERO);
}

#[test]
fn each_lane_copies_its_own_groups() {
    let mut seen = BTreeSet::new();
    for lane in 0..3u16 {
        let mut cluster = Cluster::of(0);
        let options = LaneOptions {
            lanes: 3,
            ..LaneOptions::new(incarnation(1), lane)
        };
        cluster.lanes.insert(1, Lane::new(options));
        // Where it is a majority by itself, it has copied at once.
        cluster.enter(1, configuration(5, [1]));
        for group in copied_groups(&cluster, 1, Epoch(5)) {
            assert_eq!(group.lane(3), usize::from(lane));
            assert!(seen.insert(group));
        }
    }
    assert_eq!(seen.len(), 1024);
}
