//! Who answers where: [`Links`].

use crate::node::{Address, NodeId};
use alloc::collections::BTreeMap;

/// What this node's own outgoing connections have told it: who answered last at each address,
/// and whether that connection still stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Links {
    links: BTreeMap<Address, Link>,
    /// How often a link came up.
    ups: u64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Link {
    node: NodeId,
    up: bool,
    /// Which link to come up it was.
    number: u64,
}

impl Links {
    pub(super) fn up(&mut self, address: &Address, node: NodeId) {
        self.ups += 1;
        let link = Link {
            node,
            up: true,
            number: self.ups,
        };
        self.links.insert(address.clone(), link);
    }

    /// Who answered there until now, if the link was up.
    pub(super) fn down(&mut self, address: &Address) -> Option<NodeId> {
        let link = self.links.get_mut(address)?;
        core::mem::take(&mut link.up).then_some(link.node)
    }

    pub(super) fn forget(&mut self, address: &Address) {
        self.links.remove(address);
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.links.keys()
    }

    /// Who answered there last, whether or not the link is up.
    pub(super) fn last(&self, address: &Address) -> Option<NodeId> {
        self.links.get(address).map(|link| link.node)
    }

    /// Who answered there last, if that was after `ups` links had come up.
    pub(super) fn last_after(&self, address: &Address, ups: u64) -> Option<NodeId> {
        let link = self.links.get(address)?;
        (link.number > ups).then_some(link.node)
    }

    /// Who answers there, if the link is up.
    pub(super) fn node(&self, address: &Address) -> Option<NodeId> {
        let link = self.links.get(address)?;
        link.up.then_some(link.node)
    }

    /// Whether a link to this node is up.
    pub(super) fn reach(&self, node: NodeId) -> bool {
        self.links.values().any(|link| link.up && link.node == node)
    }

    /// How often a link came up until now.
    pub(super) fn ups(&self) -> u64 {
        self.ups
    }

    /// Whether the node was met after `ups` links had come up: it lived then.
    pub(super) fn met_after(&self, node: NodeId, ups: u64) -> bool {
        let mut links = self.links.values();
        links.any(|link| link.node == node && link.number > ups)
    }

    /// Another address than this one where the same node answered last.
    pub(super) fn twin(&self, address: &Address) -> Option<&Address> {
        let node = self.last(address)?;
        let mut twins = self.links.iter();
        twins
            .find(|(other, link)| *other != address && link.node == node)
            .map(|(other, _)| other)
    }
}
