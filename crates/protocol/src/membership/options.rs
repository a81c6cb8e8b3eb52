//! What a node's membership is told once, when it is made: [`MembershipOptions`].

use crate::configuration::{ClusterId, Configuration, Member};
use crate::node::{Address, Incarnation, NodeId};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// What a node's membership is told once, when it is made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MembershipOptions {
    /// This node.
    pub incarnation: Incarnation,
    /// The list: the addresses of all nodes that are to found the cluster, this one's among them.
    /// In any order; an address that stands there twice counts once. All nodes must be given the
    /// same.
    pub addresses: Vec<Address>,
    /// The identity of the cluster, should it be this node that founds it. Drawn at random.
    pub cluster: ClusterId,
    /// On how many members each slot is to be held, should it be this node that founds the
    /// cluster. All nodes must be given the same.
    pub replication: u8,
    /// Where the others reach this node. As long as a member's place is at this address, and the
    /// member is another process, this node asks to come in its place.
    pub advertise: Address,
    /// Whether this node asks to be added to the cluster that it finds, and the nodes it asks
    /// first. It founds none then, and `addresses` may be empty.
    pub join: Option<Join>,
    /// How long a member may be down before this node would have it removed, if enough are left
    /// for the replication factor; `None` for ever.
    pub replace_after: Option<Duration>,
    /// How long a change of members may make no progress before it is given up.
    pub abort_after: Duration,
    /// How long a change may wait for the node that should carry it on before another one does.
    pub carry_on_after: Duration,
    /// How often a node tells the others how far it is in copying, and a node that wants to be
    /// let in asks for it.
    pub progress_interval: Duration,
    /// From one ping of a peer to the next.
    pub ping_interval: Duration,
    /// How long a pong may take before it counts as missed. If it is longer than the interval,
    /// the next ping waits for it.
    pub ping_timeout: Duration,
    /// How long a suspect peer may be silent before it is down, however few pongs it missed.
    pub down_after: Duration,
    /// How often a fresh node asks the others whether a cluster stands.
    pub ask_interval: Duration,
    /// How long a proposer waits for the others before it starts a new round.
    pub round_timeout: Duration,
    /// How long after its start a node may first propose. It should be two announcement
    /// intervals, so that no cluster is founded beside one that stands.
    pub founding_wait: Duration,
    /// How often a node tells those that are no members which cluster stands.
    pub announce_interval: Duration,
    /// How often a fresh node reports what founding waits for.
    pub report_interval: Duration,
}

/// How a node joins a cluster that stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Join {
    /// Some of its nodes.
    pub seeds: Vec<Address>,
    /// The weight that it wants to have.
    pub weight: u32,
}

impl MembershipOptions {
    /// The defaults. With them a peer that froze or died is down after at most 1.9 s.
    pub fn new(
        incarnation: Incarnation,
        advertise: Address,
        addresses: Vec<Address>,
        cluster: ClusterId,
    ) -> Self {
        Self {
            incarnation,
            addresses,
            cluster,
            replication: Configuration::REPLICATION_DEFAULT,
            advertise,
            join: None,
            replace_after: None,
            abort_after: Duration::from_secs(30),
            carry_on_after: Duration::from_secs(2),
            progress_interval: Duration::from_secs(1),
            ping_interval: Duration::from_millis(500),
            ping_timeout: Duration::from_millis(400),
            down_after: Duration::from_secs(2),
            ask_interval: Duration::from_millis(500),
            round_timeout: Duration::from_secs(1),
            founding_wait: Duration::from_secs(2),
            announce_interval: Duration::from_secs(1),
            report_interval: Duration::from_secs(10),
        }
    }

    /// The list, or the seeds, in their one form: each address once, the least first.
    pub(super) fn list(&self) -> Vec<Address> {
        let seeds = self.join.as_ref().map(|join| &join.seeds);
        let mut list = seeds.unwrap_or(&self.addresses).clone();
        list.sort();
        list.dedup();
        list
    }

    pub(super) fn check(&self) -> Result<(), MembershipOptionsError> {
        match self.list().len() {
            0 if self.join.is_some() => return Err(MembershipOptionsError::NoSeed),
            0 => return Err(MembershipOptionsError::NoAddress),
            count if count > Configuration::MEMBERS_MAX => {
                return Err(MembershipOptionsError::TooManyAddresses { count });
            }
            _ => {}
        }
        if self.incarnation.node == NodeId::default() {
            return Err(MembershipOptionsError::ReservedId);
        }
        if !(1..=Configuration::REPLICATION_MAX).contains(&self.replication) {
            return Err(MembershipOptionsError::Replication);
        }
        let weight = self.join.as_ref().map(|join| join.weight);
        if weight.is_some_and(|weight| !(1..=Member::WEIGHT_MAX).contains(&weight)) {
            return Err(MembershipOptionsError::Weight);
        }
        // What happens at every interval of no length happens for ever at one instant.
        for (setting, span) in [
            ("ping interval", self.ping_interval),
            ("ping timeout", self.ping_timeout),
            ("down after", self.down_after),
            ("ask interval", self.ask_interval),
            ("round timeout", self.round_timeout),
            ("announce interval", self.announce_interval),
            ("report interval", self.report_interval),
            ("progress interval", self.progress_interval),
            ("abort after", self.abort_after),
            ("carry on after", self.carry_on_after),
            ("replace after", self.replace_after.unwrap_or(Duration::MAX)),
        ] {
            if span < Duration::from_millis(1) {
                return Err(MembershipOptionsError::TooShort { setting });
            }
        }
        Ok(())
    }
}

/// Why [`MembershipOptions`] cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MembershipOptionsError {
    /// The list is empty.
    NoAddress,
    /// A node that joins is told nobody to ask.
    NoSeed,
    /// The list has more addresses than a cluster may have members.
    TooManyAddresses {
        /// How many different ones.
        count: usize,
    },
    /// The node's id is the reserved one.
    ReservedId,
    /// The replication factor is not from 1 to [`Configuration::REPLICATION_MAX`].
    Replication,
    /// The weight is not from 1 to [`Member::WEIGHT_MAX`].
    Weight,
    /// A time is shorter than a millisecond.
    TooShort {
        /// Which one.
        setting: &'static str,
    },
}

impl fmt::Display for MembershipOptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MembershipOptionsError::NoAddress => {
                f.write_str("the list of addresses is empty; name at least this node's own")
            }
            MembershipOptionsError::NoSeed => {
                f.write_str("a node that joins needs the address of a node of the cluster")
            }
            MembershipOptionsError::TooManyAddresses { count } => write!(
                f,
                "the list has {count} addresses, and a cluster has at most {} members; name fewer",
                Configuration::MEMBERS_MAX
            ),
            MembershipOptionsError::ReservedId => {
                f.write_str("the node id 0 is reserved; draw another")
            }
            MembershipOptionsError::Replication => write!(
                f,
                "the replication factor must be from 1 to {}",
                Configuration::REPLICATION_MAX
            ),
            MembershipOptionsError::Weight => {
                write!(f, "a weight must be from 1 to {}", Member::WEIGHT_MAX)
            }
            MembershipOptionsError::TooShort { setting } => {
                write!(f, "the {setting} is too short; it must be 1 ms or longer")
            }
        }
    }
}

impl core::error::Error for MembershipOptionsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Boot;
    use alloc::format;

    fn options(addresses: usize) -> MembershipOptions {
        let incarnation = Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        };
        let address = |i| format!("n{i}:1").parse().unwrap();
        let addresses = (0..addresses).map(address).collect();
        MembershipOptions::new(incarnation, address(0), addresses, ClusterId(1))
    }

    #[test]
    fn a_list_names_one_to_64_different_addresses() {
        assert_eq!(options(0).check(), Err(MembershipOptionsError::NoAddress));
        for count in 1..=Configuration::MEMBERS_MAX {
            assert_eq!(options(count).check(), Ok(()));
        }
        let count = Configuration::MEMBERS_MAX + 1;
        assert_eq!(
            options(count).check(),
            Err(MembershipOptionsError::TooManyAddresses { count })
        );
        let mut doubled = options(64);
        doubled.addresses.extend(options(64).addresses);
        assert_eq!(doubled.check(), Ok(()));
        assert_eq!(doubled.list(), options(64).list());
    }

    #[test]
    fn a_node_that_joins_needs_seeds_and_a_weight_and_no_list() {
        let join = |seeds: usize, weight| {
            let mut joining = options(0);
            let seeds = options(seeds).addresses;
            joining.join = Some(Join { seeds, weight });
            joining
        };
        assert_eq!(join(1, 100).check(), Ok(()));
        assert_eq!(join(2, 1).list(), options(2).addresses);
        assert_eq!(join(0, 1).check(), Err(MembershipOptionsError::NoSeed));
        for weight in [0, Member::WEIGHT_MAX + 1] {
            let refused = Err(MembershipOptionsError::Weight);
            assert_eq!(join(1, weight).check(), refused);
        }
    }

    #[test]
    fn settings_that_would_spin_and_the_reserved_id_are_refused() {
        let mut spinning = options(3);
        spinning.ping_interval = Duration::ZERO;
        assert_eq!(
            spinning.check(),
            Err(MembershipOptionsError::TooShort {
                setting: "ping interval"
            })
        );
        let mut replication = options(3);
        replication.replication = 0;
        let refused = Err(MembershipOptionsError::Replication);
        assert_eq!(replication.check(), refused);
        let mut reserved = options(3);
        reserved.incarnation.node = NodeId::default();
        assert_eq!(reserved.check(), Err(MembershipOptionsError::ReservedId));
    }
}
