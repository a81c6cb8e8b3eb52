//! Who holds what: [`Configuration`].

use crate::node::{Address, NodeId};
use crate::quorum::{Quorums, ReplicaSet};
use crate::slot::Slot;
use alloc::vec::Vec;
use core::fmt;

/// The number of a configuration: each decided change raises it.
///
/// Every message names the epoch whose quorums its coordinator is counting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// What a node is in that knows no configuration; no cluster is ever in it.
    pub const NONE: Epoch = Epoch(0);
    /// The epoch of a cluster that has just been founded.
    pub const FIRST: Epoch = Epoch(1);
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a cluster, drawn at random when it is founded. Nodes of another cluster are
/// refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u64);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One node that holds registers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    /// Its identity.
    pub id: NodeId,
    /// Where it is dialled.
    pub address: Address,
    /// How large a share of the slots it takes, beside the others. Majorities count nodes, not
    /// weights.
    pub weight: u32,
}

impl Member {
    /// The weight of a member when nobody said otherwise.
    pub const WEIGHT_DEFAULT: u32 = 100;
}

/// The members of a cluster in one epoch, and by it the replica set of every slot.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Configuration {
    cluster: ClusterId,
    epoch: Epoch,
    members: Vec<Member>,
    replication: u8,
    everyone: ReplicaSet,
}

/// Why members do not make a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigurationError {
    /// There is no member, or there are more than [`Configuration::MEMBERS_MAX`].
    Size,
    /// Two members have the same id or address, or one has the reserved id zero.
    Ambiguous,
    /// The epoch is [`Epoch::NONE`].
    Epoch,
    /// The replication factor is not the number of members.
    Replication,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConfigurationError::Size => "a cluster has 1 to 9 members",
            ConfigurationError::Ambiguous => "two members share an id or an address",
            ConfigurationError::Epoch => "epoch 0 is no cluster's",
            ConfigurationError::Replication => "every member holds every slot",
        })
    }
}

impl core::error::Error for ConfigurationError {}

impl Configuration {
    /// The greatest number of members. All members hold all slots, and quorums are shown to
    /// intersect for every size up to this one.
    pub const MEMBERS_MAX: usize = 9;

    /// The configuration of these members; they may come in any order.
    ///
    /// # Errors
    /// [`ConfigurationError`] tells which rule the arguments break.
    pub fn new(
        cluster: ClusterId,
        epoch: Epoch,
        mut members: Vec<Member>,
        replication: u8,
    ) -> Result<Self, ConfigurationError> {
        if members.is_empty() || members.len() > Self::MEMBERS_MAX {
            return Err(ConfigurationError::Size);
        }
        if epoch == Epoch::NONE {
            return Err(ConfigurationError::Epoch);
        }
        if usize::from(replication) != members.len() {
            return Err(ConfigurationError::Replication);
        }
        members.sort_by_key(|member| member.id);
        let same_id = members.windows(2).any(|pair| pair[0].id == pair[1].id);
        let mut addresses: Vec<_> = members.iter().map(|member| &member.address).collect();
        addresses.sort();
        let same_address = addresses.windows(2).any(|pair| pair[0] == pair[1]);
        if same_id || same_address || members[0].id == NodeId::default() {
            return Err(ConfigurationError::Ambiguous);
        }
        let everyone = ReplicaSet::new(members.iter().map(|member| member.id));
        Ok(Self {
            cluster,
            epoch,
            members,
            replication,
            everyone,
        })
    }

    /// The cluster it is a configuration of.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Its number.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The members, by ascending id.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// On how many nodes each slot is held. Until slots are placed on some of the members only,
    /// that is the number of members.
    pub fn replication(&self) -> u8 {
        self.replication
    }

    /// The member with this id, if it is one.
    pub fn member(&self, id: NodeId) -> Option<&Member> {
        let index = self.members.binary_search_by_key(&id, |member| member.id);
        index.ok().map(|index| &self.members[index])
    }

    /// Whether the node is a member.
    pub fn contains(&self, id: NodeId) -> bool {
        self.member(id).is_some()
    }

    /// The quorums of a slot: a pure function of configuration and slot, the same at every node.
    ///
    /// Every member holds every slot, so it is the same for all of them.
    pub fn quorums(&self, _slot: Slot) -> Quorums {
        Quorums::of(self.everyone.clone())
    }
}
