//! Keys of the store: [`Key`].

use protocol::{Group, NodeId, RegisterName, Slot};

/// A key of the store, as [`disk`](super) has it.
pub(super) type Key = Vec<u8>;

const MARK: [u8; 2] = [0xff, 0xfc];
const FLOOR: [u8; 2] = [0xff, 0xfd];
const RESERVED: [u8; 2] = [0xff, 0xfe];
const META: [u8; 2] = [0xff, 0xff];

pub(super) const IDENTITY: &[u8] = b"\xff\xffidentity";
pub(super) const CONFIGURATION: &[u8] = b"\xff\xffconfiguration";
pub(super) const BATCH: &[u8] = b"\xff\xffbatch";
pub(super) const RUN: &[u8] = b"\xff\xffrun";

/// The key of what is kept of a register.
pub(super) fn of(name: &RegisterName) -> Key {
    match name.slot().group() {
        Some(group) => [&prefix(group), name.as_bytes()].concat(),
        None => RESERVED.to_vec(),
    }
}

/// What the keys of a group's registers begin with, and no others.
pub(super) fn prefix(group: Group) -> [u8; 2] {
    group.number().to_be_bytes()
}

/// The key of a slot's floor and base.
pub(super) fn of_floor(slot: Slot) -> Key {
    [FLOOR, slot.number().to_be_bytes()].concat()
}

/// The slot whose floor's key it is, if it is one's.
pub(super) fn floor(key: &[u8]) -> Option<Slot> {
    let number = key.strip_prefix(&FLOOR)?;
    let number = u16::from_be_bytes(number.try_into().ok()?);
    let group = Group::new(number / Group::SLOTS)?;
    group.slots().nth(usize::from(number % Group::SLOTS))
}

/// The key of the mark of a node's lane.
pub(super) fn of_mark(node: NodeId, lane: u16) -> Key {
    [&MARK[..], &node.get().to_be_bytes(), &lane.to_be_bytes()].concat()
}

/// The node and the lane whose mark's key it is, if it is one's.
pub(super) fn mark(key: &[u8]) -> Option<(NodeId, u16)> {
    let (node, lane) = key.strip_prefix(&MARK)?.split_first_chunk()?;
    let lane = u16::from_be_bytes(lane.try_into().ok()?);
    Some((NodeId::new(u64::from_be_bytes(*node)), lane))
}

/// Whether it is the key of something else than a register, a floor, or a mark.
pub(super) fn is_meta(key: &[u8]) -> bool {
    key.starts_with(&META)
}

/// The register whose key it is, if it is one's.
pub(super) fn name(key: &[u8]) -> Option<RegisterName> {
    if key == RESERVED {
        return Some(RegisterName::CONFIGURATION);
    }
    let (_, name) = key.split_at_checked(2)?;
    let name = RegisterName::new(name.to_vec()).ok()?;
    (of(&name) == key).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_register_is_found_by_its_key(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let register = RegisterName::new(bytes).unwrap();
            let key = of(&register);
            prop_assert!(!is_meta(&key));
            prop_assert!(key.starts_with(&prefix(register.slot().group().unwrap())));
            prop_assert_eq!(name(&key), Some(register));
        }

        #[test]
        fn what_is_no_key_names_no_register(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(register) = name(&key) {
                prop_assert_eq!(of(&register), key);
            }
        }
    }

    #[test]
    fn the_reserved_register_has_a_key_that_no_other_has() {
        let key = of(&RegisterName::CONFIGURATION);
        assert_eq!(name(&key), Some(RegisterName::CONFIGURATION));
        assert!(!is_meta(&key));
        assert!(Group::all().all(|group| prefix(group) < RESERVED));
    }

    #[test]
    fn floors_and_marks_are_found_by_their_keys() {
        for slot in Group::all().flat_map(Group::slots) {
            let key = of_floor(slot);
            assert_eq!(floor(&key), Some(slot));
            assert_eq!((name(&key), mark(&key), is_meta(&key)), (None, None, false));
        }
        let key = of_mark(NodeId::new(7), 300);
        assert_eq!(mark(&key), Some((NodeId::new(7), 300)));
        assert_eq!(
            (name(&key), floor(&key), is_meta(&key)),
            (None, None, false)
        );
    }

    #[test]
    fn no_register_has_the_key_of_something_else() {
        for key in [IDENTITY, CONFIGURATION, BATCH, RUN] {
            assert!(is_meta(key));
            assert_eq!(name(key), None);
        }
    }
}
