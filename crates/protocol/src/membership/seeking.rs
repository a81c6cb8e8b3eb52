//! A node that is to join, before it knows of a cluster: [`Seeking`].

use super::links::Links;
use super::{
    MembershipEvent, MembershipMessage, MembershipOptions, MembershipOutput, MembershipTimer,
};
use crate::configuration::Configuration;
use crate::node::{Address, NodeId};
use crate::time::Time;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

/// What a node that is to join does as long as it knows of no cluster: it tells the nodes at its
/// seeds where it is, so that they connect to it and say which cluster stands. It founds none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Seeking {
    me: NodeId,
    /// Sorted, each address once.
    seeds: Vec<Address>,
    /// Where the members are of a cluster of which it was told by one that it has not met.
    rumoured: Vec<Address>,
    advertise: Address,
    ask_interval: Duration,
    report_interval: Duration,
    ask_due: Time,
    report_due: Time,
}

impl Seeking {
    pub(super) fn new(now: Time, options: &MembershipOptions) -> Self {
        Self {
            me: options.incarnation.node,
            seeds: options.list(),
            rumoured: Vec::new(),
            advertise: options.advertise.clone(),
            ask_interval: options.ask_interval,
            report_interval: options.report_interval,
            ask_due: now + options.ask_interval,
            report_due: now + options.report_interval,
        }
    }

    /// Somebody whom this node has not met says which cluster stands. It may be the late word of
    /// one that is gone, so it is not believed; but those that it names may be met, even if no seed
    /// can.
    pub(super) fn hear_of(&mut self, configuration: &Configuration) {
        let members = configuration.members().iter();
        self.rumoured = members.map(|member| member.address.clone()).collect();
    }

    pub(super) fn rumoured(&self) -> &[Address] {
        &self.rumoured
    }

    pub(super) fn handle_link_up(&self, node: NodeId, outputs: &mut VecDeque<MembershipOutput>) {
        self.ask(node, outputs);
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Time,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if self.ask_due <= now {
            self.ask_due = now + self.ask_interval;
            let met = self.seeds.iter().filter_map(|seed| links.node(seed));
            for node in met.collect::<BTreeSet<NodeId>>() {
                self.ask(node, outputs);
            }
        }
        if self.report_due <= now {
            self.report_due = now + self.report_interval;
            let others = self.seeds.iter().cloned();
            let others = others.filter(|seed| links.last(seed) != Some(self.me));
            let (met, unmet) = others.partition(|seed| links.node(seed).is_some());
            let event = MembershipEvent::Searching { unmet, met };
            outputs.push_back(MembershipOutput::Event(event));
        }
    }

    pub(super) fn next_timeout(&self) -> (Time, MembershipTimer) {
        let ask = (self.ask_due, MembershipTimer::Ask);
        ask.min((self.report_due, MembershipTimer::Report))
    }

    /// The seeds where nobody answers.
    pub(super) fn unmet(&self, links: &Links) -> Vec<Address> {
        let unmet = |seed: &&Address| links.node(seed).is_none();
        self.seeds.iter().filter(unmet).cloned().collect()
    }

    /// It is not to be one more member yet: the first of many that hear this would begin a change
    /// each.
    fn ask(&self, node: NodeId, outputs: &mut VecDeque<MembershipOutput>) {
        if node != self.me {
            let message = MembershipMessage::Join {
                address: self.advertise.clone(),
                weight: None,
            };
            outputs.push_back(MembershipOutput::Send { to: node, message });
        }
    }
}
