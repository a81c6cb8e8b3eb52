//! Names of nodes and of clients' requests, and hashing under other names.

use protocol::{Boot, Incarnation, NodeId, Ticket};
use std::hash::Hasher;
use xxhash_rust::xxh3::xxh3_64;

/// The place of a node in its scenario, from zero.
pub type Place = usize;

/// Numbers that nothing else in a state is likely to have, so that a hasher knows a name when it
/// sees one. They keep the order of the places.
const NODES: u64 = 0xfade_0000_0000_0001;
const TICKETS: u64 = 0xface_0000_0000_0000;

/// The id of the node at this place.
pub fn node(place: Place) -> NodeId {
    NodeId::new(NODES + place as u64)
}

/// The place of the node with this id.
pub fn place(node: NodeId) -> Place {
    usize::try_from(node.get() - NODES).expect("it is a node of the scenario")
}

/// The first life of the node at this place.
pub fn incarnation(place: Place) -> Incarnation {
    Incarnation {
        node: node(place),
        boot: Boot::FIRST,
    }
}

/// What the request of this number is called at its node.
pub fn ticket(request: usize) -> Ticket {
    Ticket(TICKETS + request as u64)
}

/// The number of the request that is called so.
pub fn request(ticket: Ticket) -> usize {
    usize::try_from(ticket.0 - TICKETS).expect("it is a request of the scenario")
}

/// Nodes and requests by other names: those at the other end of a mirror, so to speak.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renaming {
    /// The place of each node under its other name.
    pub nodes: Vec<Place>,
    /// The number of each request under its other name.
    pub requests: Vec<usize>,
}

impl Renaming {
    /// Everything keeps its name.
    pub fn identity(nodes: usize, requests: usize) -> Self {
        Self {
            nodes: (0..nodes).collect(),
            requests: (0..requests).collect(),
        }
    }

    /// First this one, then the other.
    pub fn then(&self, other: &Renaming) -> Self {
        Self {
            nodes: self.nodes.iter().map(|&place| other.nodes[place]).collect(),
            requests: self.requests.iter().map(|&it| other.requests[it]).collect(),
        }
    }

    /// All renamings that come of these, one after another in any order.
    pub fn group(identity: Renaming, generators: &[Renaming]) -> Vec<Self> {
        let mut group = vec![identity];
        let mut next = 0;
        while let Some(one) = group.get(next).cloned() {
            for generator in generators {
                let product = one.then(generator);
                if !group.contains(&product) {
                    group.push(product);
                }
            }
            next += 1;
        }
        group
    }

    /// The name that stands for this number, if it is a name.
    fn of(&self, number: u64) -> u64 {
        let among = |first: u64, others: &[usize]| {
            let at = usize::try_from(number.checked_sub(first)?).ok()?;
            others.get(at).map(|&other| first + other as u64)
        };
        let node = among(NODES, &self.nodes);
        node.or_else(|| among(TICKETS, &self.requests))
            .unwrap_or(number)
    }
}

/// Takes down what is hashed, under other names, and hashes that.
#[derive(Debug)]
pub struct Scribe<'a> {
    bytes: Vec<u8>,
    renaming: &'a Renaming,
}

impl<'a> Scribe<'a> {
    /// One that uses these names.
    pub fn new(renaming: &'a Renaming) -> Self {
        Self {
            bytes: Vec::with_capacity(512),
            renaming,
        }
    }
}

impl Hasher for Scribe<'_> {
    fn finish(&self) -> u64 {
        xxh3_64(&self.bytes)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&self.renaming.of(number).to_le_bytes());
    }
}

/// A hash that is as good as any for each of these numbers: sums of such hashes stand for sets.
pub fn mix(parts: &[u64]) -> u64 {
    let mut bytes = [0; 64];
    for (chunk, part) in bytes.chunks_exact_mut(8).zip(parts) {
        chunk.copy_from_slice(&part.to_le_bytes());
    }
    xxh3_64(&bytes[..parts.len() * 8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::Hash;

    #[test]
    fn what_is_hashed_under_other_names_is_what_bears_these_names() {
        let identity = Renaming::identity(3, 2);
        let swapped = Renaming {
            nodes: vec![1, 0, 2],
            requests: vec![1, 0],
        };
        let hash = |renaming, node: NodeId, ticket: Ticket, number: u64| {
            let mut scribe = Scribe::new(renaming);
            (node, ticket, number).hash(&mut scribe);
            scribe.finish()
        };
        let renamed = hash(&swapped, node(0), ticket(1), 7);
        assert_eq!(renamed, hash(&identity, node(1), ticket(0), 7));
        assert_ne!(renamed, hash(&identity, node(0), ticket(1), 7));
    }

    #[test]
    fn a_group_has_all_products_of_its_generators() {
        let identity = Renaming::identity(3, 0);
        let cycle = |nodes: [usize; 3]| Renaming {
            nodes: nodes.to_vec(),
            requests: Vec::new(),
        };
        let group = Renaming::group(identity.clone(), &[cycle([1, 0, 2]), cycle([0, 2, 1])]);
        assert_eq!(group.len(), 6);
        assert_eq!(Renaming::group(identity, &[cycle([1, 2, 0])]).len(), 3);
    }
}
