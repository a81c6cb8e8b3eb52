//! Operations that are refused before they begin: [`Refusals`].

use parking_lot::Mutex;
use protocol::{Groups, Refusal, Slot};
use std::sync::atomic::{AtomicBool, Ordering};

/// Operations whose clients would wait for nothing. Asking costs one atomic load as long as there
/// is none.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    any: AtomicBool,
    which: Mutex<Which>,
}

#[derive(Debug, Default)]
struct Which {
    /// All, as another process has taken this one's place.
    all: bool,
    /// Those on slots of which no quorum can ever be had again.
    groups: Groups,
}

impl Refusals {
    /// From now on every operation is refused, for ever.
    pub(super) fn refuse_all(&self) {
        self.change(|which| which.all = true);
    }

    /// Operations on these slots, and on no others, are refused.
    pub(super) fn refuse_groups(&self, groups: Groups) {
        if !groups.is_empty() || self.any.load(Ordering::Relaxed) {
            self.change(|which| which.groups = groups);
        }
    }

    /// Why an operation on this slot is refused, if it is.
    pub(super) fn of(&self, slot: Slot) -> Option<Refusal> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let which = self.which.lock();
        if which.all {
            return Some(Refusal::NoMember);
        }
        let group = slot.group()?;
        which.groups.contains(group).then_some(Refusal::NoQuorum)
    }

    fn change(&self, change: impl FnOnce(&mut Which)) {
        let mut which = self.which.lock();
        change(&mut which);
        let any = which.all || !which.groups.is_empty();
        self.any.store(any, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Group;

    #[test]
    fn operations_on_lost_slots_are_refused_and_no_others() {
        let refusals = Refusals::default();
        let (gone, held) = (Slot::of(b"foo"), Slot::of(b"bar"));
        assert_eq!(refusals.of(gone), None);
        let groups: Groups = gone.group().into_iter().collect();
        refusals.refuse_groups(groups);
        assert_eq!(refusals.of(gone), Some(Refusal::NoQuorum));
        assert_eq!(refusals.of(held), None);
        refusals.refuse_groups(Groups::NONE);
        assert_eq!(refusals.of(gone), None);
    }

    #[test]
    fn once_all_are_refused_it_stays_so() {
        let refusals = Refusals::default();
        refusals.refuse_all();
        refusals.refuse_groups(Groups::NONE);
        for group in Group::all() {
            let slot = group.slots().next().unwrap();
            assert_eq!(refusals.of(slot), Some(Refusal::NoMember));
        }
    }
}
