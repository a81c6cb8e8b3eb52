//! How replicas copy what was completed before they held it, and drop what they hold no longer.

mod leaving;
mod pages;
#[cfg(feature = "planted-faults")]
mod planted;
mod sources;
mod traps;

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

/// The numbers of the pulls of a node that have left and not arrived.
fn pulls_of(cluster: &Cluster, at: u64) -> Vec<Counter> {
    let of = |message: &Message| match message.body {
        Body::Pull { counter, .. } if message.from.node == node(at) => Some(counter),
        _ => None,
    };
    cluster.in_flight.iter().filter_map(of).collect()
}
