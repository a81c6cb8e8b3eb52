//! Sets of groups: [`Groups`].

use crate::slot::Group;
use core::array;
use core::fmt;

const WORDS: usize = Group::COUNT as usize / 64;

/// A set of groups of slots, as one bit a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Groups([u64; WORDS]);

impl Groups {
    /// No group.
    pub const NONE: Groups = Groups([0; WORDS]);

    /// Adds a group. Says whether it was not among them yet.
    pub fn insert(&mut self, group: Group) -> bool {
        let is_new = !self.contains(group);
        self.0[usize::from(group.number()) / 64] |= 1 << (group.number() % 64);
        is_new
    }

    /// Takes a group out. Says whether it was among them.
    pub fn remove(&mut self, group: Group) -> bool {
        let was_in = self.contains(group);
        self.0[usize::from(group.number()) / 64] &= !(1 << (group.number() % 64));
        was_in
    }

    /// The groups that are in this set or in the other one.
    pub fn union(self, other: Groups) -> Groups {
        Groups(array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// The groups that are in both sets.
    pub fn intersection(self, other: Groups) -> Groups {
        Groups(array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// Whether the group is among them.
    pub fn contains(&self, group: Group) -> bool {
        self.0[usize::from(group.number()) / 64] & 1 << (group.number() % 64) != 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// The groups, in order.
    pub fn iter(&self) -> impl Iterator<Item = Group> + '_ {
        Group::all().filter(|&group| self.contains(group))
    }

    /// One bit a group, group 0 in the lowest bit of the first word.
    pub fn to_words(self) -> [u64; WORDS] {
        self.0
    }

    /// The set with these bits.
    pub fn from_words(words: [u64; WORDS]) -> Self {
        Self(words)
    }
}

impl Default for Groups {
    fn default() -> Self {
        Self::NONE
    }
}

impl FromIterator<Group> for Groups {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        let mut set = Self::NONE;
        for group in groups {
            set.insert(group);
        }
        set
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} group(s)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_reads_back_from_its_words() {
        let some: Groups = Group::all().filter(|g| g.number() % 7 == 3).collect();
        assert_eq!(some.len(), 146);
        assert!(Group::all().all(|g| some.contains(g) == (g.number() % 7 == 3)));
        assert_eq!(Groups::from_words(some.to_words()), some);
        let mut twice = some;
        assert!(!twice.insert(Group::new(3).unwrap()));
        assert!(twice.insert(Group::new(4).unwrap()));
        assert!(twice.remove(Group::new(4).unwrap()) && !twice.remove(Group::new(4).unwrap()));
        assert_eq!(twice, some);
        assert_eq!(some.union(Groups::NONE), some);
        assert_eq!(some.intersection(Groups::NONE), Groups::NONE);
        assert!(Groups::NONE.is_empty() && !twice.is_empty());
    }
}
