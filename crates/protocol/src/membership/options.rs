//! What a node's membership is told once, when it is made: [`MembershipOptions`].

use crate::configuration::{ClusterId, Configuration};
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

impl MembershipOptions {
    /// The defaults. With them a peer that froze or died is down after at most 1.9 s.
    pub fn new(incarnation: Incarnation, addresses: Vec<Address>, cluster: ClusterId) -> Self {
        Self {
            incarnation,
            addresses,
            cluster,
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

    /// The list in its one form: each address once, the least first.
    pub(super) fn list(&self) -> Vec<Address> {
        let mut list = self.addresses.clone();
        list.sort();
        list.dedup();
        list
    }

    pub(super) fn check(&self) -> Result<(), MembershipOptionsError> {
        match self.list().len() {
            0 => return Err(MembershipOptionsError::NoAddress),
            count if count > Configuration::MEMBERS_MAX => {
                return Err(MembershipOptionsError::TooManyAddresses { count });
            }
            _ => {}
        }
        if self.incarnation.node == NodeId::default() {
            return Err(MembershipOptionsError::ReservedId);
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
    /// The list has more addresses than a cluster may have members.
    TooManyAddresses {
        /// How many different ones.
        count: usize,
    },
    /// The node's id is the reserved one.
    ReservedId,
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
            MembershipOptionsError::TooManyAddresses { count } => write!(
                f,
                "the list has {count} addresses, and a cluster has at most {} members; name fewer",
                Configuration::MEMBERS_MAX
            ),
            MembershipOptionsError::ReservedId => {
                f.write_str("the node id 0 is reserved; draw another")
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
        let addresses = (0..addresses).map(|i| format!("n{i}:1").parse().unwrap());
        MembershipOptions::new(incarnation, addresses.collect(), ClusterId(1))
    }

    #[test]
    fn a_list_names_one_to_nine_different_addresses() {
        assert_eq!(options(0).check(), Err(MembershipOptionsError::NoAddress));
        for count in 1..=9 {
            assert_eq!(options(count).check(), Ok(()));
        }
        let count = 10;
        assert_eq!(
            options(count).check(),
            Err(MembershipOptionsError::TooManyAddresses { count })
        );
        let mut doubled = options(9);
        doubled.addresses.extend(options(9).addresses);
        assert_eq!(doubled.check(), Ok(()));
        assert_eq!(doubled.list(), options(9).list());
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
        let mut reserved = options(3);
        reserved.incarnation.node = NodeId::default();
        assert_eq!(reserved.check(), Err(MembershipOptionsError::ReservedId));
    }
}
