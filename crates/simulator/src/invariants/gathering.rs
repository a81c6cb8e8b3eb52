//! What is left when a majority is lost for good: that all of it is gathered, [`Gathering`].
//!
//! Each member that is left shows, when it enters the configuration by which the cluster goes on,
//! what it has of the groups that are forced. From then on nobody is served, so whoever says to
//! have copied a group must have the greatest of it, and the cluster goes on from that.

use super::holdings::{Holdings, Versions};
use super::lineage::Era;
use crate::network::ProcessNumber;
use protocol::{Accepted, Cell, Configuration, Group, Groups, NodeId, Record, RegisterName};
use std::collections::BTreeMap;

/// What was shown in each epoch in which groups are forced.
#[derive(Debug, Default)]
pub(super) struct Gathering(BTreeMap<Era, Shown>);

#[derive(Debug)]
struct Shown {
    forced: Groups,
    /// Everyone that is left, and what that one had, if it has entered the configuration.
    members: BTreeMap<NodeId, Option<BTreeMap<RegisterName, Cell>>>,
}

/// What there is of a register after a recovery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    /// The greatest record that anybody had who was left.
    pub(crate) record: Record,
    /// The step that somebody may have accepted on top of it, or beyond it, and that may yet be
    /// finished.
    pub(crate) accepted: Option<Box<Accepted>>,
}

impl Kept {
    /// All that may be in the register.
    pub(crate) fn records(&self) -> Vec<Record> {
        let step = self.accepted.as_deref().map(Accepted::record);
        std::iter::once(self.record.clone()).chain(step).collect()
    }
}

impl Gathering {
    /// A process enters a configuration.
    pub(super) fn entered(
        &mut self,
        process: ProcessNumber,
        node: NodeId,
        configuration: &Configuration,
        holdings: &Holdings,
    ) {
        let forced = configuration.forced();
        if forced.is_empty() {
            return;
        }
        let era = (configuration.cluster(), configuration.epoch());
        let shown = self.0.entry(era).or_insert_with(|| {
            let members = configuration.members_after().iter();
            let members = members.map(|member| (member.id, None)).collect();
            Shown { forced, members }
        });
        if let Some(shown) = shown.members.get_mut(&node) {
            *shown = Some(holdings.of_groups(process, forced));
        }
    }

    /// A process has copied a group in this epoch.
    ///
    /// # Errors
    /// What it lacks of that, if the group is forced.
    pub(super) fn copied(
        &self,
        process: ProcessNumber,
        era: Era,
        group: Group,
        holdings: &Holdings,
    ) -> Result<(), String> {
        let shown = self.0.get(&era);
        let Some(shown) = shown.filter(|shown| shown.forced.contains(group)) else {
            return Ok(());
        };
        for (member, had) in &shown.members {
            let Some(had) = had else {
                return Err(format!(
                    "process {process} has copied the forced group {group}, and {member}, which \
                     is left, has not entered the configuration"
                ));
            };
            let of_group = had
                .iter()
                .filter(|(name, _)| name.slot().group() == Some(group));
            for (name, cell) in of_group {
                let (had, held) = (Versions::of(cell), holdings.of(process, name));
                if held.tag < had.tag || held.accepted < had.accepted {
                    return Err(format!(
                        "process {process} has copied the forced group {group}, and holds \
                         {held:?} of {name}, of which {member} had {had:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What the cluster goes on from, of the groups that are forced in this epoch.
    pub(super) fn gathered(&self, era: Era) -> BTreeMap<RegisterName, Kept> {
        let mut gathered: BTreeMap<RegisterName, Cell> = BTreeMap::new();
        let shown = self.0.get(&era).into_iter();
        let had = shown.flat_map(|shown| shown.members.values().flatten());
        for (name, cell) in had.flatten() {
            let greatest = gathered.entry(name.clone()).or_insert(Cell::EMPTY);
            if cell.record.tag > greatest.record.tag {
                greatest.record = cell.record.clone();
            }
            let rank = |accepted: &Option<Box<Accepted>>| accepted.as_deref().map(Accepted::rank);
            if rank(&cell.accepted) > rank(&greatest.accepted) {
                greatest.accepted = cell.accepted.clone();
            }
        }
        let kept = |cell: Cell| Kept {
            accepted: cell.accepted.filter(|step| step.tag > cell.record.tag),
            record: cell.record,
        };
        let gathered = gathered.into_iter();
        gathered.map(|(name, cell)| (name, kept(cell))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{configuration, record};
    use protocol::ClusterId;

    const ERA: fn(&Configuration) -> Era = |known| (known.cluster(), known.epoch());

    #[test]
    fn a_copy_without_what_one_of_those_left_had_is_found() {
        let first = configuration(1, &[1, 2, 3, 4, 5]);
        let left = [NodeId::new(1), NodeId::new(2)];
        let anew = first.recovered(ClusterId(2), &left).unwrap();
        let name = RegisterName::new("r").unwrap();
        let group = name.slot().group().unwrap();
        let cell = |seq| Cell {
            record: record(seq, b"a"),
            ..Cell::EMPTY
        };
        let (mut holdings, mut gathering) = (Holdings::default(), Gathering::default());
        holdings.keeps(1, &name, &cell(1)).unwrap();
        holdings.keeps(2, &name, &cell(2)).unwrap();
        gathering.entered(1, left[0], &anew, &holdings);
        let copied = |gathering: &Gathering, holdings: &Holdings| {
            gathering.copied(1, ERA(&anew), group, holdings)
        };
        let too_early = copied(&gathering, &holdings).unwrap_err();
        assert!(too_early.contains("has not entered"), "{too_early}");
        gathering.entered(2, left[1], &anew, &holdings);
        let lacks = copied(&gathering, &holdings).unwrap_err();
        assert!(lacks.contains("of which"), "{lacks}");
        holdings.keeps(1, &name, &cell(2)).unwrap();
        assert_eq!(copied(&gathering, &holdings), Ok(()));
        let kept = gathering.gathered(ERA(&anew));
        assert_eq!(kept[&name].record, record(2, b"a"));
    }
}
