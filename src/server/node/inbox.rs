//! What arrives from other nodes: [`NodeInbox`].

use super::{Inner, Node};
use crate::peer::Inbox;
use protocol::{Address, Incarnation, MembershipMessage, Message, NodeId};
use std::sync::Weak;

/// Hands what arrives from other nodes to this one. The links, which a node owns, own this; so it
/// must not own the node.
pub(super) struct NodeInbox(pub(super) Weak<Inner>);

impl NodeInbox {
    fn with_node(&self, call: impl FnOnce(Node)) {
        if let Some(inner) = self.0.upgrade() {
            call(Node(inner));
        }
    }
}

impl Inbox for NodeInbox {
    fn messages(&self, _from: Incarnation, messages: &mut Vec<Message>) {
        self.with_node(|node| node.handle_messages(messages));
    }

    fn membership(&self, from: NodeId, message: MembershipMessage) {
        self.with_node(|node| node.membership_message(from, message));
    }

    fn link_up(&self, address: &Address, peer: Incarnation) {
        self.with_node(|node| {
            for lane in 0..node.0.lanes.len() {
                node.call_lane(lane, |lane, now| lane.handle_incarnation(now, peer));
            }
            node.call_membership(|membership, now| membership.handle_link_up(now, address, peer));
        });
    }

    fn link_down(&self, address: &Address) {
        self.with_node(|node| {
            node.call_membership(|membership, now| membership.handle_link_down(now, address));
        });
    }
}
