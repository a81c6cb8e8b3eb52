//! How replicas copy what was completed before they held it, and drop what they hold no longer.

use super::harness::*;
use bytes::Bytes;
use protocol::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The configuration after `standing` by which the members become these.
fn to_members(
    standing: &Configuration,
    after: impl IntoIterator<Item = u64>,
) -> Arc<Configuration> {
    let members = after.into_iter().map(member).collect();
    Arc::new(standing.joint(members, 3).unwrap())
}

/// A cluster of nodes 1 to 3, and nodes that know of none.
fn with_fresh(fresh: &[u64]) -> Cluster {
    with_fresh_and_options(fresh, |_| {})
}

fn with_fresh_and_options(fresh: &[u64], adjust: fn(&mut LaneOptions)) -> Cluster {
    let mut cluster = Cluster::with_options(3, adjust);
    for &number in fresh {
        cluster.add(number);
    }
    cluster
}

fn group() -> Group {
    name().slot().group().unwrap()
}

fn is_pull(message: &Message) -> bool {
    matches!(message.body, Body::Pull { .. })
}

fn is_pull_reply(message: &Message) -> bool {
    matches!(message.body, Body::PullReply { .. })
}

/// Whether it is about copying the group of the register of these stories.
fn is_of_group(message: &Message) -> bool {
    match &message.body {
        Body::Pull { group: of, .. } | Body::PullReply { group: of, .. } => *of == group(),
        _ => false,
    }
}

/// Whether it is about copying another group.
fn is_of_others(message: &Message) -> bool {
    (is_pull(message) || is_pull_reply(message)) && !is_of_group(message)
}

fn has_copied(cluster: &Cluster, at: u64, epoch: Epoch) -> bool {
    let copied = cluster.copied.get(&at);
    copied.is_some_and(|copied| copied.contains(&(epoch, group())))
}

fn copied_groups(cluster: &Cluster, at: u64, epoch: Epoch) -> Vec<Group> {
    let copied = cluster.copied.get(&at).into_iter().flatten();
    let copied = copied.filter(|(of, _)| *of == epoch);
    copied.map(|(_, group)| *group).collect()
}

fn held(cluster: &Cluster, at: u64) -> Option<String> {
    let record = cluster.lanes[&at].record(&name())?;
    let content = record.content.as_deref()?;
    Some(str::from_utf8(content).unwrap().to_owned())
}

impl Cluster {
    fn enter_all(
        &mut self,
        nodes: impl IntoIterator<Item = u64>,
        configuration: &Arc<Configuration>,
    ) {
        for at in nodes {
            self.enter(at, configuration.clone());
        }
    }

    /// A write that nodes 2 and 3 have and node 1 has missed.
    fn write_past_node_1(&mut self, value: &'static str) {
        let ticket = self.request(2, write(value));
        self.deliver_among(&[2, 3]);
        self.lose(|_| true);
        self.written(ticket);
    }

    /// Lets everything arrive, and time pass, until `is_done`.
    fn run_until(&mut self, is_done: impl Fn(&Cluster) -> bool) {
        let end = self.now + Duration::from_secs(600);
        self.deliver_all();
        while !is_done(self) {
            assert!(self.now < end, "that takes too long");
            let timeouts = self.lanes.values().filter_map(Lane::next_timeout);
            let (next, _) = timeouts.min().expect("what is not done is waited for");
            self.pass(next.since(self.now));
            self.deliver_all();
        }
    }

    fn fill(&mut self, at: u64, name: RegisterName, value: Bytes) {
        let operation = Operation::Write {
            name,
            content: Some(value),
            expiry: None,
        };
        let ticket = self.request(at, operation);
        self.deliver(|message| !is_pull(message) && !is_pull_reply(message));
        self.written(ticket);
    }
}

/// `count` registers of the group of these stories, in several of its slots.
fn names(count: usize) -> Vec<RegisterName> {
    let slots: Vec<Slot> = group().slots().collect();
    let tags = (0..).map(|n| format!("tag{n}"));
    let tags = tags.filter(|tag| slots.contains(&Slot::of(tag.as_bytes())));
    let tags: Vec<String> = tags.take(3).collect();
    let name = |n: usize| RegisterName::new(format!("{{{}}}{n}", tags[n % 3])).unwrap();
    (0..count).map(name).collect()
}

/// What a reply to a pull brings, in bytes of values.
fn value_bytes(message: &Message) -> usize {
    let Body::PullReply { answer, .. } = &message.body else {
        return 0;
    };
    let of = |entry: &PullEntry| match entry {
        PullEntry::Whole { cell, .. } => cell.record.content.as_ref().map_or(0, Bytes::len),
        PullEntry::Listed { .. } => 0,
    };
    answer.entries.iter().map(of).sum()
}

#[test]
fn a_replica_of_the_old_set_copies_from_the_others_all_the_same() {
    let mut cluster = with_fresh(&[4, 5]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [1, 4, 5]);
    cluster.enter_all(1..=5, &change);
    assert!(!has_copied(&cluster, 1, change.epoch()));
    cluster.deliver_all();
    for at in [1, 4, 5] {
        assert_eq!(copied_groups(&cluster, at, change.epoch()).len(), 1024);
        assert_eq!(held(&cluster, at).as_deref(), Some("a"));
    }
    for at in [2, 3] {
        assert_eq!(cluster.copied.get(&at), None, "{at} leaves");
    }
    cluster.enter_all([1, 4, 5], &Arc::new(change.finished()));
    cluster.lanes.remove(&4);
    assert_eq!(cluster.read_at(5).as_deref(), Some("a"));
}

#[test]
fn one_source_is_not_enough_where_a_majority_takes_two() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    // Node 1 knows nothing of the write, and answers first.
    cluster.deliver(|message| {
        let nodes = (message.from.node, message.to);
        [(node(4), node(1)), (node(1), node(4))].contains(&nodes)
    });
    assert_eq!(cluster.copied.get(&4), None);
    cluster.run_until(|cluster| has_copied(cluster, 4, change.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn a_late_reply_to_a_pull_of_an_earlier_change_counts_for_nothing() {
    let mut cluster = with_fresh(&[4]);
    let first = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &first);
    // The sources answer that they hold nothing, and their words are slow.
    cluster.deliver(is_of_others);
    cluster.deliver(is_pull);
    let late: Vec<Message> = cluster.in_flight.drain(..).collect();
    assert!(late.iter().any(|message| message.to == node(4)));
    let given_up = Arc::new(first.aborted());
    cluster.enter_all(1..=4, &given_up);
    cluster.write_past_node_1("a");
    let second = to_members(&given_up, [1, 2, 4]);
    cluster.enter_all(1..=4, &second);
    cluster.deliver(is_of_others);
    let asked: Vec<Message> = cluster.in_flight.clone();
    for message in late {
        cluster.arrive(message);
    }
    assert_eq!(cluster.in_flight, asked, "nothing was taken in");
    assert!(!has_copied(&cluster, 4, second.epoch()));
    cluster.deliver_all();
    assert!(has_copied(&cluster, 4, second.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn what_was_copied_for_a_change_that_was_given_up_is_copied_again_for_the_next() {
    let mut cluster = with_fresh(&[4]);
    let first = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &first);
    cluster.deliver_all();
    assert!(has_copied(&cluster, 4, first.epoch()));
    let given_up = Arc::new(first.aborted());
    cluster.enter_all(1..=4, &given_up);
    cluster.write_past_node_1("a");
    let second = to_members(&given_up, [1, 2, 4]);
    cluster.enter_all(1..=4, &second);
    assert_eq!(copied_groups(&cluster, 4, second.epoch()), []);
    cluster.deliver_all();
    assert!(has_copied(&cluster, 4, second.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn an_update_of_the_former_epoch_is_not_acknowledged_once_a_pull_was_answered() {
    let mut cluster = with_fresh(&[4, 5]);
    cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update(message));
    let updates: Vec<Message> = cluster.in_flight.drain(..).collect();
    let change = to_members(&configuration(1, 1..=3), [1, 4, 5]);
    for at in 2..=5 {
        cluster.enter(at, change.clone());
        cluster.tell(at, 1, PeerState::Down);
    }
    cluster.deliver(|message| message.to != node(1));
    // Nodes 4 and 5 have pulled from 2 and 3; now the updates of the former epoch get there.
    for at in [4, 5] {
        assert!(has_copied(&cluster, at, change.epoch()));
        assert_eq!(held(&cluster, at), None);
    }
    for update in updates {
        assert_eq!(update.epoch, Epoch::FIRST);
        let to = update.to.get();
        cluster.arrive(update);
        assert_eq!(held(&cluster, to), None, "{to} took it too late");
    }
    assert_eq!(cluster.answers, [].into());
    cluster.deliver_all();
    assert!(matches!(
        cluster.answers.values().next(),
        Some(Outcome::Written { .. })
    ));
    cluster.enter_all([1, 4, 5], &Arc::new(change.finished()));
    cluster.lanes.remove(&1);
    assert_eq!(cluster.read_at(4).as_deref(), Some("a"));
}

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
fn promises_and_accepted_steps_are_copied_without_a_record_too() {
    let mut cluster = with_fresh(&[4, 5]);
    // A step is accepted by 2 and 3 under a ballot of node 1, and chosen by nobody's knowledge.
    cluster.request(1, add(7));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.deliver(is_accept);
    cluster.lose(|_| true);
    cluster.lanes.remove(&1);
    let change = to_members(&configuration(1, 1..=3), [4, 5, 2]);
    cluster.enter_all(2..=5, &change);
    cluster.tell(4, 1, PeerState::Down);
    cluster.tell(5, 1, PeerState::Down);
    cluster.run_until(|cluster| {
        [2, 4, 5]
            .iter()
            .all(|at| has_copied(cluster, *at, change.epoch()))
    });
    for at in [4, 5] {
        assert_eq!(cluster.lanes[&at].record(&name()), None);
    }
    cluster.enter_all([2, 4, 5], &Arc::new(change.finished()));
    cluster.lanes.remove(&2);
    cluster.deliver_all();
    // Whoever modifies the register among 4 and 5 finds the step and finishes it first.
    let ticket = cluster.request(4, add(100));
    cluster.run_until_answered(&[ticket]);
    assert_eq!(cluster.modified(ticket), "107");
}

#[test]
fn a_promise_alone_is_copied() {
    let mut cluster = with_fresh(&[4]);
    cluster.request(1, add(7));
    cluster.deliver(is_prepare);
    let ballot = cluster
        .in_flight
        .iter()
        .find_map(|message| match message.body {
            Body::PrepareReply { .. } => Some(()),
            _ => None,
        });
    assert!(ballot.is_some(), "promises were made");
    cluster.lose(|_| true);
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(2..=4, &change);
    cluster.lanes.remove(&1);
    cluster.run_until(|cluster| has_copied(cluster, 4, change.epoch()));
    let first_of_2 = Message {
        from: incarnation(2),
        to: node(4),
        cluster: ClusterId(1),
        epoch: change.epoch(),
        low_water: Counter::first(0),
        body: Body::Prepare {
            counter: Counter(1 << 40),
            name: name(),
            ballot: Ballot {
                round: 1,
                proposer: incarnation(0),
            },
        },
    };
    cluster.arrive(first_of_2);
    let reply = cluster
        .in_flight
        .iter()
        .find_map(|message| match &message.body {
            Body::PrepareReply { promise, .. } => Some(promise.clone()),
            _ => None,
        });
    let Some(Promise::Refused { promised }) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(promised.proposer, incarnation(1));
}

#[test]
fn a_group_is_copied_only_once_it_is_durable() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=3, &change);
    cluster.slow_disks = true;
    cluster.enter(4, change.clone());
    cluster.deliver_all();
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
    assert!(!has_copied(&cluster, 4, change.epoch()));
    cluster.persist(4);
    assert!(has_copied(&cluster, 4, change.epoch()));
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
fn one_that_had_not_copied_when_the_change_was_done_goes_on_from_the_new_set() {
    let mut cluster = with_fresh(&[4, 5]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [3, 4, 5]);
    cluster.enter_all(1..=4, &change);
    cluster.enter(5, change.clone());
    cluster.deliver(|message| ![message.from.node, message.to].contains(&node(5)));
    assert!(has_copied(&cluster, 3, change.epoch()) && has_copied(&cluster, 4, change.epoch()));
    let done = Arc::new(change.finished());
    cluster.enter_all(3..=5, &done);
    for gone in [1, 2] {
        cluster.lanes.remove(&gone);
    }
    cluster.deliver_all();
    assert_eq!(copied_groups(&cluster, 5, done.epoch()).len(), 1024);
    assert_eq!(held(&cluster, 5).as_deref(), Some("a"));
    for at in [3, 4] {
        assert_eq!(
            copied_groups(&cluster, at, done.epoch()),
            [],
            "{at} is whole"
        );
    }
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

/// The numbers of the pulls of a node that have left and not arrived.
fn pulls_of(cluster: &Cluster, at: u64) -> Vec<Counter> {
    let of = |message: &Message| match message.body {
        Body::Pull { counter, .. } if message.from.node == node(at) => Some(counter),
        _ => None,
    };
    cluster.in_flight.iter().filter_map(of).collect()
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
fn what_is_not_held_any_more_is_dropped_once_a_majority_has_entered() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &change);
    cluster.deliver_all();
    let done = Arc::new(change.finished());
    let now = cluster.now;
    let entered = |cluster: &mut Cluster, epoch| {
        cluster.call(3, |lane| lane.handle_entered_by_majority(now, epoch));
    };
    entered(&mut cluster, done.epoch());
    assert_eq!(held(&cluster, 3).as_deref(), Some("a"), "still a member");
    let mut cluster_told_late = with_fresh(&[]);
    std::mem::swap(&mut cluster, &mut cluster_told_late);
    let mut cluster = cluster_told_late;
    cluster.enter_all(1..=4, &done);
    assert_eq!(held(&cluster, 3), None, "it was told before it entered");
    let configuration = cluster.lanes[&3].record(&RegisterName::CONFIGURATION);
    assert!(configuration.is_some(), "the reserved register stays");
    for at in [1, 2, 4] {
        assert_eq!(held(&cluster, at).as_deref(), Some("a"));
    }
}

#[test]
fn what_one_holds_again_is_not_dropped() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &change);
    cluster.deliver_all();
    let done = Arc::new(change.finished());
    cluster.enter_all(1..=4, &done);
    assert_eq!(held(&cluster, 3).as_deref(), Some("a"), "no majority yet");
    let back = to_members(&done, [1, 2, 3]);
    cluster.enter_all(1..=4, &back);
    let now = cluster.now;
    cluster.call(3, |lane| lane.handle_entered_by_majority(now, done.epoch()));
    assert_eq!(held(&cluster, 3).as_deref(), Some("a"));
    cluster.deliver_all();
    assert!(has_copied(&cluster, 3, back.epoch()));
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
    let now = cluster.now;
    cluster.call(owner, |lane| {
        lane.handle_entered_by_majority(now, done.epoch());
    });
    cluster.run_until(|cluster| copied_groups(cluster, 5, lost.epoch()).contains(&moved));
    assert!(cluster.lanes[&5].record(&name).is_some());
    // When that change is done, nobody needs what is left.
    let done = Arc::new(lost.finished());
    cluster.enter_all([1, 2, 3, 5], &done);
    assert!(cluster.lanes[&owner].record(&name).is_some());
    cluster.call(owner, |lane| {
        lane.handle_entered_by_majority(now, done.epoch());
    });
    assert_eq!(cluster.lanes[&owner].record(&name), None);
}

#[test]
fn an_aborted_joiner_drops_what_it_copied() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    cluster.deliver_all();
    let given_up = Arc::new(change.aborted());
    cluster.enter_all(1..=4, &given_up);
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
    let now = cluster.now;
    for at in 1..=4 {
        cluster.call(at, |lane| {
            lane.handle_entered_by_majority(now, given_up.epoch())
        });
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

/// Each trap, put back: the write that it loses.
#[cfg(feature = "planted-faults")]
mod planted {
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
}
