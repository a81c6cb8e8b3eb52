//! What happens when a node learns which configuration stands.

use super::{Knowledge, Membership, MembershipEvent, MembershipMessage, MembershipOutput};
use crate::broken::Broken;
use crate::configuration::{Configuration, Epoch};
use crate::node::{Address, NodeId};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Membership {
    pub(super) fn enter_if_founded(&mut self, now: Time) {
        if let Knowledge::Fresh(founding) = &self.knowledge
            && let Some(configuration) = founding.founded(&mut self.outputs)
        {
            let cluster = configuration.cluster();
            let members = configuration.members().len();
            self.report(MembershipEvent::Founded { cluster, members });
            self.seat = configuration.member(self.me).map(|member| member.seat);
            self.enter(now, configuration);
        }
    }

    /// Somebody says that this is the configuration.
    pub(super) fn learn(
        &mut self,
        now: Time,
        from: Option<NodeId>,
        configuration: Arc<Configuration>,
    ) {
        let is_news = match &mut self.knowledge {
            Knowledge::Fresh(founding) => founding.believes(&self.links, from, &configuration),
            // A node that it has met: not one that is gone, and its cluster with it.
            Knowledge::Seeking(seeking) => {
                let is_met = from.is_some_and(|from| self.links.reach(from));
                if !is_met {
                    seeking.hear_of(&configuration);
                }
                is_met
            }
            Knowledge::Stands {
                configuration: own, ..
            } => {
                let (cluster, other) = (own.cluster(), configuration.cluster());
                let follows = configuration.predecessor() == Some(cluster);
                if cluster != other && !follows && !self.other_cluster_reported {
                    self.other_cluster_reported = true;
                    self.report(MembershipEvent::OtherCluster { cluster, other });
                }
                (cluster == other || follows) && configuration.epoch() > self.epoch()
            }
        };
        if is_news {
            self.enter(now, configuration);
        }
    }

    pub(super) fn enter(&mut self, now: Time, configuration: Arc<Configuration>) {
        let (from, to) = (self.epoch(), configuration.epoch());
        if to <= from {
            Broken::EpochFell { from, to }.stop()
        }
        let announce_due = now + self.options.announce_interval;
        let former = core::mem::replace(
            &mut self.knowledge,
            Knowledge::Stands {
                configuration: configuration.clone(),
                announce_due,
            },
        );
        let former = match former {
            Knowledge::Stands { configuration, .. } => Some(configuration),
            Knowledge::Fresh(_) | Knowledge::Seeking(_) => None,
        };
        self.outputs
            .push_back(MembershipOutput::Configuration(configuration.clone()));
        self.progress.enter(now, &configuration);
        self.forget_agreement(&configuration);
        self.carry_into(now, &configuration);
        self.end_attempt_by(now, &configuration);
        // One that was a member and is none any more must not be let in for having asked before.
        self.candidates.retain(|node| {
            let was_let_go = former.as_ref().is_some_and(|former| former.contains(node));
            !configuration.contains(node) && (configuration.is_aborted() || !was_let_go)
        });
        if let Some(former) = former.as_deref().filter(|_| configuration.is_aborted()) {
            self.remember_unlet(now, former, &configuration);
        }
        self.forget_links(now);
        self.watch_peers(now);
        self.take_seat(now, former.as_deref(), &configuration);
        self.note_members(now, former.as_deref(), &configuration);
        self.review_losses(now);
        self.announce();
        self.tell_decided(&configuration);
        self.entered.retain(|node| configuration.contains(node));
        self.note_epoch(self.me, configuration.epoch());
        self.review_entered();
    }

    /// Those that were to come before the change was given up have yet to be told, by links that
    /// stay up for that. They are treated as if they had just asked.
    fn remember_unlet(&mut self, now: Time, former: &Configuration, entered: &Configuration) {
        for member in former.members() {
            if !entered.contains(member.id) && self.candidates.get(member.id).is_none() {
                let address = member.address.clone();
                self.candidates.note(now, member.id, address, None);
            }
        }
    }

    /// Finds out what the configuration makes of this node, and says so.
    fn take_seat(&mut self, now: Time, former: Option<&Configuration>, entered: &Configuration) {
        let (cluster, epoch) = (entered.cluster(), entered.epoch());
        if !entered.contains(self.me) && former.is_none_or(|former| former.contains(self.me)) {
            self.start_joining(now);
        }
        let was_in = former.is_some_and(|former| former.contains(self.me));
        let was_outside = former.is_some() && !was_in;
        let mut before = entered.members_before().iter();
        let own = before.find(|member| member.id == self.me);
        let former_seat = match own {
            Some(member) => self.seat.replace(member.seat),
            None => self.seat,
        };
        let mut before = entered.members_before().iter();
        let heir = before.find(|member| Some(member.seat) == former_seat);
        match (own, heir) {
            (Some(_), _) if former_seat.is_none() => {
                self.report(MembershipEvent::Joined { cluster, epoch });
            }
            (None, None) if former_seat.is_some() && was_in => {
                self.report(MembershipEvent::Removed { cluster, epoch });
            }
            (None, None) if former_seat.is_none() && !entered.contains(self.me) && !was_outside => {
                let asks = self.wants_in();
                self.report(MembershipEvent::Outside {
                    cluster,
                    epoch,
                    asks,
                });
            }
            // It has just founded it, and said so.
            _ if former.is_none() && own.is_some() => {}
            _ => self.report(MembershipEvent::Changed { cluster, epoch }),
        }
    }

    /// A node of another epoch is asked for its configuration, or told this node's.
    pub(super) fn level(&mut self, node: NodeId, epoch: Epoch) {
        if epoch > self.epoch() {
            self.send(node, MembershipMessage::Ask { round: None });
        } else if epoch < self.epoch()
            && let Some(configuration) = self.configuration().cloned()
        {
            self.send(node, MembershipMessage::Stands { configuration });
        }
    }

    /// Tells every node that was met and is no member which cluster stands.
    pub(super) fn announce(&mut self) {
        let met = self.addresses().into_iter();
        let met = met.filter_map(|address| self.links.node(&address));
        for node in met.collect::<BTreeSet<NodeId>>() {
            self.announce_to(node);
        }
    }

    pub(super) fn announce_to(&mut self, node: NodeId) {
        if let Some(configuration) = self.configuration().cloned()
            && node != self.me
            && !configuration.contains(node)
        {
            self.send(node, MembershipMessage::Stands { configuration });
        }
    }

    /// Members are watched; as long as there are none, everyone who was met on the list.
    pub(super) fn watch_peers(&mut self, now: Time) {
        let peers: Vec<NodeId> = match self.configuration() {
            Some(configuration) => configuration.members().iter().map(|m| m.id).collect(),
            None => {
                let met = self.list.iter().filter_map(|a| self.links.last(a));
                met.collect()
            }
        };
        let others = peers.into_iter().filter(|&peer| peer != self.me);
        let linked: BTreeMap<NodeId, bool> =
            others.map(|peer| (peer, self.links.reach(peer))).collect();
        self.detector.watch(now, linked, &mut self.outputs);
    }

    pub(super) fn break_link(&mut self, now: Time, address: &Address) {
        if let Some(node) = self.links.down(address)
            && !self.links.reach(node)
        {
            self.detector.link_down(now, node, &mut self.outputs);
        }
    }

    /// Forgets who answered at addresses that this node has nothing to do with any more.
    pub(super) fn forget_links(&mut self, now: Time) {
        let wanted = self.addresses();
        let known = self.links.addresses().cloned();
        let unwanted: Vec<Address> = known.filter(|known| !wanted.contains(known)).collect();
        for address in unwanted {
            self.break_link(now, &address);
            self.links.forget(&address);
        }
    }
}
