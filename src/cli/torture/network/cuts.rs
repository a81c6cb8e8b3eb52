//! Which messages are lost between which nodes: [`Cuts`].

use std::collections::BTreeSet;

/// The links that are cut, each in one direction: what the first node says does not reach the
/// second. Nodes are numbered from zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cuts(BTreeSet<(usize, usize)>);

impl Cuts {
    /// Whether what one node says does not reach another.
    pub(crate) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.0.contains(&(from, to))
    }

    /// Whether two nodes cannot both say something and hear the answer.
    pub(crate) fn part(&self, one: usize, other: usize) -> bool {
        self.is_cut(one, other) || self.is_cut(other, one)
    }

    /// Cuts what these say to those.
    pub(crate) fn one_way(mut self, from: &[usize], to: &[usize]) -> Self {
        for &from in from {
            let others = to.iter().filter(|&&to| to != from);
            self.0.extend(others.map(|&to| (from, to)));
        }
        self
    }

    /// Cuts what these and those say to each other.
    pub(crate) fn both_ways(self, these: &[usize], those: &[usize]) -> Self {
        self.one_way(these, those).one_way(those, these)
    }

    /// Cuts what is cut in either.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// Whom a node does not hear, of those that do not hear it either.
    pub(crate) fn lost_to_each_other(&self, node: usize) -> Vec<usize> {
        let unheard = self.unheard_by(node);
        unheard.filter(|&from| self.is_cut(node, from)).collect()
    }

    /// Whom a node does not hear, of those that hear it.
    pub(crate) fn mute_towards(&self, node: usize) -> Vec<usize> {
        let unheard = self.unheard_by(node);
        unheard.filter(|&from| !self.is_cut(node, from)).collect()
    }

    fn unheard_by(&self, node: usize) -> impl Iterator<Item = usize> {
        let links = self.0.iter().filter(move |(_, to)| *to == node);
        links.map(|&(from, _)| from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_cut_one_way_is_open_the_other_way() {
        let cuts = Cuts::default().one_way(&[0], &[0, 1, 2]);
        assert!(cuts.is_cut(0, 1) && cuts.is_cut(0, 2));
        assert!(!cuts.is_cut(1, 0) && !cuts.is_cut(0, 0) && !cuts.is_cut(1, 2));
        assert!(cuts.part(1, 0) && !cuts.part(1, 2));
        assert_eq!(cuts.mute_towards(1), [0]);
        assert!(cuts.lost_to_each_other(1).is_empty());
    }

    #[test]
    fn cuts_add_up() {
        let one = Cuts::default().both_ways(&[0], &[1, 2]);
        let all = one.and(&Cuts::default().one_way(&[1], &[2]));
        assert!(all.is_cut(2, 0) && all.is_cut(0, 2) && all.is_cut(1, 2) && !all.is_cut(2, 1));
        assert_eq!(all.lost_to_each_other(2), [0]);
        assert_eq!(all.mute_towards(2), [1]);
    }
}
