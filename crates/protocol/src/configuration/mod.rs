//! Who holds what: [`Configuration`].

mod codec;
mod groups;
mod lacking;
mod member;
mod placement;

pub use codec::ConfigurationDecodeError;
pub use groups::Groups;
pub(crate) use lacking::Lacking;
pub use member::{Member, Seat};

use crate::node::{Address, NodeId};
use crate::quorum::{Quorums, ReplicaSet};
use crate::record::Record;
use crate::slot::{Group, Slot};
use crate::tag::Tag;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use placement::Placement;

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
    /// The greatest epoch. The reserved register's tag counts epochs in its step.
    pub const MAX: Epoch = Epoch(u32::MAX as u64);

    /// The epoch after this one.
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }

    /// The epoch of a cluster that is recovered from one in this epoch. What the lost members had
    /// decided may still be on its way to a survivor: it must not pass for newer than what the
    /// survivors agreed on, nor bear the same number. So the distance is greater than any that the
    /// epochs of two members ever have.
    pub(crate) fn after_recovery(self) -> Epoch {
        Epoch(self.0.saturating_add(1 << 16))
    }
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

impl ClusterId {
    /// What a node is in that knows no cluster.
    pub const NONE: ClusterId = ClusterId(0);
}

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

/// The members of a cluster in one epoch, and by them the replica set of every slot.
///
/// While the members change it is *joint*: there are those before the change, C, and those after
/// it, D, and what an operation needs it needs of both. [`Configuration::members`] are the members
/// of either.
#[derive(Clone, Debug)]
pub struct Configuration {
    definition: Definition,
    /// The members of C and of D, each once, by ascending id.
    members: Vec<Member>,
    /// Derived from the definition, once, as it is looked up for every message.
    placement: Placement,
}

/// All that decides a configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Definition {
    cluster: ClusterId,
    epoch: Epoch,
    /// The members; in a joint configuration, those after the change.
    after: Shape,
    before: Option<Shape>,
    former: Vec<Address>,
    /// The groups that no majority of their former replicas can tell of any more.
    forced: Groups,
    /// The cluster that this one was recovered from, if it was.
    predecessor: Option<ClusterId>,
    /// Whether this is what became of a change that was given up: its members are those before it.
    aborted: bool,
}

/// Members, by ascending id, and on how many of them each slot is held.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Shape {
    members: Vec<Member>,
    replication: u8,
}

/// Why members do not make a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConfigurationError {
    /// There is no member, or there are more than [`Configuration::MEMBERS_MAX`].
    Size,
    /// Two members have the same id, address or seat, or one has the reserved id zero.
    Ambiguous,
    /// The epoch is [`Epoch::NONE`], or beyond [`Epoch::MAX`], or there is none left after it in
    /// which a change could end.
    Epoch,
    /// The replication factor is not from 1 to [`Configuration::REPLICATION_MAX`].
    Replication,
    /// A weight is not from 1 to [`Member::WEIGHT_MAX`].
    Weight,
    /// There are more than [`Configuration::FORMER_MAX`] former addresses.
    Former,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConfigurationError::Size => "a cluster has 1 to 64 members",
            ConfigurationError::Ambiguous => "two members share an id, an address or a seat",
            ConfigurationError::Epoch => "an epoch is from 1 to 4294967295",
            ConfigurationError::Replication => "the replication factor is from 1 to 7",
            ConfigurationError::Weight => "a weight is from 1 to 10000",
            ConfigurationError::Former => "at most 16 former addresses are kept",
        })
    }
}

impl core::error::Error for ConfigurationError {}

impl Shape {
    fn new(mut members: Vec<Member>, replication: u8) -> Result<Self, ConfigurationError> {
        if members.is_empty() || members.len() > Configuration::MEMBERS_MAX {
            return Err(ConfigurationError::Size);
        }
        if !(1..=Configuration::REPLICATION_MAX).contains(&replication) {
            return Err(ConfigurationError::Replication);
        }
        let weights = members.iter().map(|member| member.weight);
        if weights
            .into_iter()
            .any(|w| !(1..=Member::WEIGHT_MAX).contains(&w))
        {
            return Err(ConfigurationError::Weight);
        }
        members.sort_by_key(|member| member.id);
        let ids: BTreeSet<NodeId> = members.iter().map(|member| member.id).collect();
        let seats: BTreeSet<Seat> = members.iter().map(|member| member.seat).collect();
        let addresses: BTreeSet<&Address> = members.iter().map(|member| &member.address).collect();
        let counts = [ids.len(), seats.len(), addresses.len()];
        if counts != [members.len(); 3] || ids.contains(&NodeId::default()) {
            return Err(ConfigurationError::Ambiguous);
        }
        Ok(Self {
            members,
            replication,
        })
    }

    fn everyone(&self) -> ReplicaSet {
        ReplicaSet::new(self.members.iter().map(|member| member.id))
    }

    fn contains(&self, id: NodeId) -> bool {
        self.members.binary_search_by_key(&id, |m| m.id).is_ok()
    }
}

impl Configuration {
    /// The greatest number of members.
    pub const MEMBERS_MAX: usize = 64;

    /// The replication factor when nobody said otherwise.
    pub const REPLICATION_DEFAULT: u8 = 3;

    /// The greatest replication factor.
    pub const REPLICATION_MAX: u8 = 7;

    /// How many addresses of former members are kept.
    pub const FORMER_MAX: usize = 16;

    /// The configuration of these members, in any order, with no change under way. A slot is held
    /// on `replication` of them, or on all if they are fewer.
    ///
    /// # Errors
    /// [`ConfigurationError`] tells which rule the arguments break.
    pub fn new(
        cluster: ClusterId,
        epoch: Epoch,
        members: Vec<Member>,
        replication: u8,
    ) -> Result<Self, ConfigurationError> {
        Self::of(Definition {
            cluster,
            epoch,
            after: Shape::new(members, replication)?,
            before: None,
            former: Vec::new(),
            forced: Groups::NONE,
            predecessor: None,
            aborted: false,
        })
    }

    fn of(definition: Definition) -> Result<Self, ConfigurationError> {
        // A change under way needs an epoch to end in.
        let epochs_ahead = u64::from(definition.before.is_some());
        let epoch_max = Epoch(Epoch::MAX.0 - epochs_ahead);
        if definition.epoch == Epoch::NONE || definition.epoch > epoch_max {
            return Err(ConfigurationError::Epoch);
        }
        if definition.former.len() > Self::FORMER_MAX {
            return Err(ConfigurationError::Former);
        }
        let mut members = definition.after.members.clone();
        for member in definition.before.iter().flat_map(|before| &before.members) {
            if let Err(index) = members.binary_search_by_key(&member.id, |m| m.id) {
                members.insert(index, member.clone());
            }
        }
        let placement = Placement::new(&definition.after, definition.before.as_ref());
        Ok(Self {
            definition,
            members,
            placement,
        })
    }

    /// The joint configuration, of the next epoch, by which the members become these. A member's
    /// seat is what the caller gives it: one that comes in the place of another inherits it.
    ///
    /// # Errors
    /// [`ConfigurationError`] tells which rule the members break.
    ///
    /// # Panics
    /// If a change is under way already: they are made one at a time.
    pub fn joint(&self, members: Vec<Member>, replication: u8) -> Result<Self, ConfigurationError> {
        assert!(!self.is_joint(), "one change at a time");
        Self::of(Definition {
            epoch: self.epoch().next(),
            after: Shape::new(members, replication)?,
            before: Some(self.definition.after.clone()),
            aborted: false,
            ..self.definition.clone()
        })
    }

    /// This joint configuration, of the same epoch, in which these groups are *forced* as well: so
    /// many of their former replicas are lost for good that no majority of them can ever be had.
    /// Every member that is to hold one of them takes the greatest that any member after the
    /// change has of each register, and until that is done nothing of it is served. What only the
    /// lost ones held is lost.
    ///
    /// # Panics
    /// If no change is under way.
    pub fn forcing(self, groups: Groups) -> Self {
        assert!(self.is_joint(), "groups are forced by a change");
        Self::of(Definition {
            forced: self.definition.forced.union(groups),
            ..self.definition
        })
        .expect("it was a configuration before")
    }

    /// The configuration, of a much later epoch, of the cluster that goes on with these members alone,
    /// after a majority was lost for good: a new cluster, in which all groups are forced. It is
    /// joint, from these members to the same ones, as all of them have to copy first.
    ///
    /// # Errors
    /// [`ConfigurationError`] tells which rule the arguments break.
    pub fn recovered(
        &self,
        cluster: ClusterId,
        survivors: &[NodeId],
    ) -> Result<Self, ConfigurationError> {
        let members = self.members.iter();
        let (survivors, lost): (Vec<&Member>, Vec<&Member>) =
            members.partition(|member| survivors.contains(&member.id));
        // Of two members at one address, one has come in the place of the other.
        let left = lost.into_iter().map(|member| member.address.clone());
        let survivors = survivors.into_iter().map(|member| {
            // One that was to take another's seat may survive beside it.
            let seats = self.members_after().iter();
            let is_taken = seats.clone().all(|m| m.id != member.id)
                && seats.into_iter().any(|m| m.seat == member.seat);
            let seats = self.members.iter().map(|member| member.seat);
            let seats: BTreeSet<Seat> = seats.collect();
            let mut free = (0..).map(|n| Seat(member.id.get().wrapping_add(n)));
            let seat = match is_taken {
                true => free.find(|seat| !seats.contains(seat)),
                false => Some(member.seat),
            };
            let seat = seat.expect("there are more seats than members");
            Member {
                seat,
                ..member.clone()
            }
        });
        let survivors: Vec<Member> = survivors.collect();
        let after = Shape::new(survivors, self.replication())?;
        let former = kept_former(&self.definition.former, left, &after);
        Self::of(Definition {
            cluster,
            epoch: self.epoch().after_recovery(),
            before: Some(after.clone()),
            after,
            former,
            forced: Group::all().collect(),
            predecessor: Some(self.cluster()),
            aborted: false,
        })
    }

    /// The configuration after a joint one, in which the change is done: D alone.
    ///
    /// # Panics
    /// If no change is under way.
    pub fn finished(&self) -> Self {
        let before = self.definition.before.as_ref();
        let before = before.expect("a change is under way");
        let after = &self.definition.after;
        let left = before.members.iter().map(|member| member.address.clone());
        let former = kept_former(&self.definition.former, left, after);
        Self::of(Definition {
            epoch: self.epoch().next(),
            before: None,
            former,
            forced: Groups::NONE,
            ..self.definition.clone()
        })
        .expect("half of a configuration is one")
    }

    /// The configuration after a joint one, in which the change is given up: C alone.
    ///
    /// # Panics
    /// If no change is under way, or if it is a recovery: there is nothing to go back to.
    pub fn aborted(&self) -> Self {
        assert!(!self.is_recovery(), "a recovery is not given up");
        let before = self.definition.before.clone();
        let before = before.expect("a change is under way");
        // Those that were to come must hear that they are not.
        let after = self.members_after().iter();
        let came = after.map(|member| member.address.clone());
        let former = kept_former(&self.definition.former, came, &before);
        Self::of(Definition {
            epoch: self.epoch().next(),
            after: before,
            before: None,
            former,
            forced: Groups::NONE,
            aborted: true,
            ..self.definition.clone()
        })
        .expect("half of a configuration is one")
    }

    /// The cluster it is a configuration of.
    pub fn cluster(&self) -> ClusterId {
        self.definition.cluster
    }

    /// Its number.
    pub fn epoch(&self) -> Epoch {
        self.definition.epoch
    }

    /// Whether a change of members is under way.
    pub fn is_joint(&self) -> bool {
        self.definition.before.is_some()
    }

    /// Whether nothing is under way by which others would come to hold what its replicas hold.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.is_joint() && self.forced().is_empty()
    }

    /// Whether it came of a change that was given up.
    pub fn is_aborted(&self) -> bool {
        self.definition.aborted
    }

    /// Whether it is the first of a cluster that was recovered from another, which is the cluster's
    /// [`predecessor`](Configuration::predecessor).
    pub fn is_recovery(&self) -> bool {
        self.predecessor().is_some()
            && self.definition.before.as_ref() == Some(&self.definition.after)
    }

    /// The cluster that this one was recovered from, if it was.
    pub fn predecessor(&self) -> Option<ClusterId> {
        self.definition.predecessor
    }

    /// The groups of which, until the change is done, nothing is served; see
    /// [`Configuration::forcing`].
    pub fn forced(&self) -> Groups {
        self.definition.forced
    }

    /// Whether the slot is of a forced group.
    pub fn is_forced(&self, slot: Slot) -> bool {
        let group = slot.group();
        group.is_some_and(|group| self.definition.forced.contains(group))
    }

    /// The members, by ascending id; in a joint configuration, those of C and of D.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members after the change that is under way; without one, the members.
    pub fn members_after(&self) -> &[Member] {
        &self.definition.after.members
    }

    /// The members before the change that is under way; without one, the members. Their majority
    /// decides the next configuration.
    pub fn members_before(&self) -> &[Member] {
        let before = self.definition.before.as_ref();
        &before.unwrap_or(&self.definition.after).members
    }

    /// The addresses of nodes that have left, or that were to come in a change that was given up,
    /// the latest last. Whoever is there is told which cluster stands.
    pub fn former(&self) -> &[Address] {
        &self.definition.former
    }
    /// On how many members each slot is held, if there are so many; after the change, if one is
    /// under way.
    pub fn replication(&self) -> u8 {
        self.definition.after.replication
    }

    /// The member with this id, if it is one of C or of D.
    pub fn member(&self, id: NodeId) -> Option<&Member> {
        let index = self.members.binary_search_by_key(&id, |member| member.id);
        index.ok().map(|index| &self.members[index])
    }

    /// Whether the node is a member of C or of D.
    pub fn contains(&self, id: NodeId) -> bool {
        self.member(id).is_some()
    }

    /// Whether the node is a member once the change that is under way is done.
    pub fn contains_after(&self, id: NodeId) -> bool {
        self.definition.after.contains(id)
    }

    /// Whether the node has a say in the next configuration.
    pub fn contains_before(&self, id: NodeId) -> bool {
        let before = self.definition.before.as_ref();
        before.unwrap_or(&self.definition.after).contains(id)
    }

    /// The quorums of a slot: a pure function of configuration and slot, the same at every node.
    ///
    /// Those of the reserved slot are the majorities of all members; in a joint configuration,
    /// of C's.
    pub fn quorums(&self, slot: Slot) -> &Quorums {
        match slot.group() {
            Some(group) => self.placement.group(group),
            None => self.placement.reserved(),
        }
    }

    /// The replicas of a slot, in the order in which they are to coordinate its read-modify-writes:
    /// the first one that is alive does. It is the same at every node. Slots in a row that the same
    /// nodes hold have the same first one mostly, and all nodes come first equally often.
    pub fn replicas_in_order(&self, slot: Slot) -> impl Iterator<Item = NodeId> + '_ {
        let replicas = || self.quorums(slot).replicas();
        let count = replicas().count();
        let group = slot.group().map_or(0, |group| usize::from(group.number()));
        let first = group * count / usize::from(Group::COUNT);
        replicas().skip(first).chain(replicas().take(first))
    }

    /// The quorums of the slots of a group.
    pub fn group_quorums(&self, group: Group) -> &Quorums {
        self.placement.group(group)
    }

    /// The groups whose replica set the change that is under way changes, and those that are
    /// forced: what has to be copied before it is done.
    pub fn changed_groups(&self) -> impl Iterator<Item = Group> + '_ {
        Group::all().filter(|&group| {
            self.placement.group(group).is_joint() || self.definition.forced.contains(group)
        })
    }

    /// The tag of the reserved register's record that holds this configuration. It counts the
    /// epochs in its step, since each configuration is decided right on top of the one before.
    pub fn tag(&self) -> Tag {
        Tag {
            seq: 1,
            step: u32::try_from(self.epoch().0 - 1).expect("epochs are bounded"),
            ..Tag::ZERO
        }
    }

    /// The reserved register's record that holds this configuration. It is settled: a
    /// configuration is entered only once it is decided.
    pub fn record(&self) -> Record {
        Record {
            tag: self.tag(),
            content: Some(self.encode()),
            expiry: None,
            operation: None,
            settled: true,
        }
    }
}

/// The addresses of former members that are kept: the latest, each once, and none that is a
/// member's again.
fn kept_former(
    former: &[Address],
    left: impl DoubleEndedIterator<Item = Address>,
    after: &Shape,
) -> Vec<Address> {
    let mut kept: Vec<Address> = Vec::new();
    for address in left.rev().chain(former.iter().rev().cloned()) {
        let is_member = after.members.iter().any(|m| m.address == address);
        if !is_member && !kept.contains(&address) && kept.len() < Configuration::FORMER_MAX {
            kept.push(address);
        }
    }
    kept.reverse();
    kept
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for Configuration {}

impl Hash for Configuration {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.hash(state);
    }
}

#[cfg(test)]
mod tests;
