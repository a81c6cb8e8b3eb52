//! Sources that are late, dead or silent, and messages that are lost.

use super::*;

#[test]
fn a_source_of_an_older_epoch_says_nothing_until_it_has_entered_and_is_then_asked_again_at_once() {
    let mut cluster = with_fresh(&[4]);
    cluster.enters_at_once = false;
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter(4, change.clone());
    cluster.deliver_all();
    assert_eq!(cluster.copied.get(&4), None);
    assert_eq!(held(&cluster, 4), None);
    // All three were told of the change as they were asked, and now they enter it.
    let asked: Vec<u64> = cluster.learned.keys().copied().collect();
    assert!(asked.len() >= 2, "{asked:?}");
    cluster.enter_all(asked, &change);
    cluster.deliver_all();
    assert_eq!(copied_groups(&cluster, 4, change.epoch()).len(), 1024);
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn when_a_source_dies_half_way_another_one_brings_only_what_is_missing() {
    let mut cluster = with_fresh(&[4]);
    let names = names(90);
    for name in &names {
        cluster.fill(1, name.clone(), vec![b'x'; 10_000].into());
    }
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    cluster.deliver(is_of_others);
    // What differs is listed, one page of it arrives, and whoever sent it dies.
    let is_page = |message: &Message| message.to == node(4) && value_bytes(message) > 0;
    let of_4 = |message: &Message| [message.from.node, message.to].contains(&node(4));
    cluster.deliver(|message| of_4(message) && !is_page(message));
    let page = cluster.in_flight.iter().position(is_page);
    let page = cluster.in_flight.remove(page.unwrap());
    let (source, first) = (page.from.node.get(), value_bytes(&page));
    assert!(first > 0);
    cluster.arrive(page);
    cluster.lanes.remove(&source);
    cluster.tell(4, source, PeerState::Down);
    let mut rest = 0;
    while !has_copied(&cluster, 4, change.epoch()) {
        if cluster.in_flight.is_empty() {
            let (next, _) = cluster.lanes[&4].next_timeout().unwrap();
            cluster.pass(next.since(cluster.now));
        } else {
            let message = cluster.in_flight.remove(0);
            if message.to == node(4) {
                rest += value_bytes(&message);
            }
            cluster.arrive(message);
        }
    }
    assert_eq!(first + rest, 90 * 10_000);
    assert_eq!(cluster.lanes[&4].registers(), 90);
}

#[test]
fn a_source_shows_nothing_that_is_not_durable() {
    let mut cluster = with_fresh(&[4]);
    cluster.slow_disks = true;
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    (1..=4).for_each(|at| cluster.persist(at));
    cluster.deliver(is_of_others);
    cluster.lose(|_| true);
    cluster.request(2, write("a"));
    cluster.deliver(|message| !is_pull(message) && message.to != node(4));
    assert_eq!(held(&cluster, 2).as_deref(), Some("a"));
    cluster.lose(|message| message.to == node(4));
    cluster.pass(Duration::from_secs(1));
    cluster.deliver(is_pull);
    let shows = |message: &Message| is_of_group(message) && value_bytes(message) > 0;
    assert!(!cluster.in_flight.iter().any(shows));
    (1..=3).for_each(|at| cluster.persist(at));
    assert!(cluster.in_flight.iter().any(shows));
}

#[test]
fn a_message_that_is_lost_is_sent_again() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    let mut sent = 0;
    let end = cluster.now + Duration::from_secs(120);
    while copied_groups(&cluster, 4, change.epoch()).len() < 1024 {
        assert!(cluster.now < end, "that takes too long");
        if cluster.in_flight.is_empty() {
            let (next, _) = cluster.lanes[&4].next_timeout().unwrap();
            cluster.pass(next.since(cluster.now));
            continue;
        }
        let message = cluster.in_flight.remove(0);
        sent += 1;
        if sent % 10 != 0 {
            cluster.arrive(message);
        }
    }
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn groups_whose_sources_are_silent_keep_no_others_waiting() {
    // Slots on one node each: those of a dead one can be had from nobody.
    let members: Vec<Member> = (1..=3).map(member).collect();
    let standing = Configuration::new(ClusterId(1), Epoch::FIRST, members, 1).unwrap();
    let mut cluster = Cluster::of(0);
    (1..=4).for_each(|number| cluster.add(number));
    cluster.enter_all(1..=3, &Arc::new(standing.clone()));
    let change = Arc::new(standing.joint(vec![member(4)], 1).unwrap());
    cluster.lanes.remove(&2);
    cluster.enter_all([1, 3, 4], &change);
    let had_from_2 = |group: &Group| change.group_quorums(*group).before().contains(node(2));
    let dead = Group::all().filter(had_from_2).count();
    assert!(dead > 100);
    // Node 4 does not even know that node 2 is dead.
    cluster.run_until(|cluster| copied_groups(cluster, 4, change.epoch()).len() == 1024 - dead);
    assert!(
        copied_groups(&cluster, 4, change.epoch())
            .iter()
            .all(|group| !had_from_2(group))
    );
    // It comes back, having missed the change.
    cluster.add(2);
    cluster.enter(2, change.clone());
    cluster.tell(4, 2, PeerState::Down);
    cluster.tell(4, 2, PeerState::Alive);
    cluster.run_until(|cluster| copied_groups(cluster, 4, change.epoch()).len() == 1024);
}

#[test]
fn a_pull_that_waits_for_its_reply_holds_the_low_water_mark_down() {
    let mut cluster = with_fresh(&[4]);
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    let least = pulls_of(&cluster, 4).into_iter().min().unwrap();
    cluster.request(4, read());
    let of_4 = |message: &&Message| message.from.node == node(4);
    assert!(
        cluster
            .in_flight
            .iter()
            .filter(of_4)
            .all(|m| m.low_water <= least)
    );
    cluster.deliver_all();
    cluster.request(4, read());
    assert!(
        cluster
            .in_flight
            .iter()
            .filter(of_4)
            .all(|m| m.low_water > least)
    );
}

#[test]
fn a_reply_that_does_not_go_on_from_where_it_was_asked_to_is_not_believed() {
    let names = names(3);
    let of_another_group = (0..)
        .map(|n| RegisterName::new(format!("other{n}")).unwrap())
        .find(|name| name.slot().group() != Some(group()))
        .unwrap();
    let mut in_order: Vec<&RegisterName> = names.iter().collect();
    in_order.sort_by_key(|name| (name.slot(), (*name).clone()));
    let entry = |name: &RegisterName| PullEntry::Listed {
        name: name.clone(),
        tag: Tag::ZERO,
        promised: Ballot::ZERO,
        accepted: None,
    };
    let answer = |names: &[&RegisterName], more| PullAnswer {
        entries: names.iter().map(|name| entry(name)).collect(),
        more,
        floors: Vec::new(),
    };
    for bad in [
        answer(&[], true),
        answer(&[in_order[1], in_order[0]], false),
        answer(&[in_order[0], in_order[0]], false),
        answer(&[&of_another_group], false),
        answer(&[&RegisterName::CONFIGURATION], false),
    ] {
        let mut cluster = with_fresh(&[4]);
        cluster.write_past_node_1("a");
        let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
        cluster.enter_all(1..=4, &change);
        cluster.deliver(is_of_others);
        cluster.deliver(is_pull);
        let reply = cluster.in_flight.iter().position(|m| m.to == node(4));
        let mut reply = cluster.in_flight.remove(reply.unwrap());
        let good = reply.clone();
        let Body::PullReply { answer, .. } = &mut reply.body else {
            panic!();
        };
        *answer = bad;
        let before = cluster.lanes[&4].clone();
        cluster.arrive(reply);
        assert_eq!(cluster.lanes[&4], before);
        cluster.arrive(good);
        cluster.deliver_all();
        assert!(has_copied(&cluster, 4, change.epoch()));
        assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
    }
}
