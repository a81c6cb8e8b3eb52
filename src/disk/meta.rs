//! What the store keeps beside registers.

use super::Durability;
use super::keys::{self, Key};
use super::value::sealed;
use protocol::{Boot, Configuration, Counter, Incarnation, NodeId, Slot};

/// The key and the value that say who the node is.
pub(super) fn of_identity(incarnation: Incarnation) -> (Key, Vec<u8>) {
    let node = incarnation.node.get().to_be_bytes();
    let boot = incarnation.boot.get().to_be_bytes();
    entry(keys::IDENTITY, &[&node[..], &boot].concat())
}

/// Reads the payload that [`of_identity`] writes.
pub(super) fn identity(payload: &[u8]) -> Option<Incarnation> {
    let (node, boot) = payload.split_first_chunk()?;
    let node = u64::from_be_bytes(*node);
    let boot = u32::from_be_bytes(boot.try_into().ok()?);
    (node > 0).then_some(Incarnation {
        node: NodeId::new(node),
        boot: Boot::new(boot),
    })
}

/// The key and the value that keep the configuration that was entered last.
pub(super) fn of_configuration(configuration: &Configuration) -> (Key, Vec<u8>) {
    entry(keys::CONFIGURATION, &configuration.encode())
}

/// The key and the value of a slot's floor and base.
pub(super) fn of_floor(slot: Slot, (floor, base): (u64, u64)) -> (Key, Vec<u8>) {
    let payload = [floor.to_be_bytes(), base.to_be_bytes()].concat();
    entry(&keys::of_floor(slot), &payload)
}

/// Reads the payload that [`of_floor`] writes.
pub(super) fn floor(payload: &[u8]) -> Option<(u64, u64)> {
    let (floor, base) = payload.split_first_chunk()?;
    let base = base.try_into().ok()?;
    Some((u64::from_be_bytes(*floor), u64::from_be_bytes(base)))
}

/// The key and the value of the mark of an incarnation's lane.
pub(super) fn of_mark(from: Incarnation, mark: Counter) -> (Key, Vec<u8>) {
    let boot = from.boot.get().to_be_bytes();
    let payload = [&boot[..], &mark.0.to_be_bytes()].concat();
    entry(&keys::of_mark(from.node, mark.lane()), &payload)
}

/// Reads the payload that [`of_mark`] writes for a node.
pub(super) fn mark(node: NodeId, payload: &[u8]) -> Option<(Incarnation, Counter)> {
    let (boot, mark) = payload.split_first_chunk()?;
    let boot = Boot::new(u32::from_be_bytes(*boot));
    let mark = Counter(u64::from_be_bytes(mark.try_into().ok()?));
    Some((Incarnation { node, boot }, mark))
}

/// What was written last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct BatchNote {
    /// Its number: one more than the former's.
    pub(super) number: u64,
    /// The digest of all registers after it.
    pub(super) digest: u128,
}

impl BatchNote {
    pub(super) fn entry(self) -> (Key, Vec<u8>) {
        let number = self.number.to_be_bytes();
        entry(
            keys::BATCH,
            &[&number[..], &self.digest.to_be_bytes()].concat(),
        )
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (number, digest) = payload.split_first_chunk()?;
        Some(Self {
            number: u64::from_be_bytes(*number),
            digest: u128::from_be_bytes(digest.try_into().ok()?),
        })
    }
}

/// How the process used the directory that has it, or had it last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RunNote {
    /// How it synced: [`Durability::Sync`] or [`Durability::Interval`].
    pub(super) durability: Durability,
    /// Whether it has closed the directory, with everything synced.
    pub(super) is_closed: bool,
    /// What names the time since the system was started; empty if the system does not tell.
    pub(super) system_boot: String,
}

const SYNC: u8 = 1;
const INTERVAL: u8 = 2;

impl RunNote {
    /// The note of a process that begins to use a directory.
    pub(super) fn begun(durability: Durability) -> Self {
        Self {
            durability,
            is_closed: false,
            system_boot: system_boot(),
        }
    }

    /// Whether everything that was written may be believed to have reached the disk: it was
    /// synced, or the system that took it is still the one that runs.
    pub(super) fn kept_everything(&self) -> bool {
        let is_same_system = !self.system_boot.is_empty() && self.system_boot == system_boot();
        self.durability == Durability::Sync || self.is_closed || is_same_system
    }

    pub(super) fn entry(&self) -> (Key, Vec<u8>) {
        let durability = match self.durability {
            Durability::Sync => SYNC,
            Durability::Interval => INTERVAL,
            Durability::Memory => unreachable!("memory keeps nothing on disk"),
        };
        let head = [durability, u8::from(self.is_closed)];
        entry(keys::RUN, &[&head, self.system_boot.as_bytes()].concat())
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let ([durability, is_closed], system_boot) = payload.split_first_chunk()?;
        Some(Self {
            durability: match *durability {
                SYNC => Durability::Sync,
                INTERVAL => Durability::Interval,
                _ => return None,
            },
            is_closed: match is_closed {
                0 => false,
                1 => true,
                _ => return None,
            },
            system_boot: String::from_utf8(system_boot.to_vec()).ok()?,
        })
    }
}

/// The kernel draws it at random when the machine starts.
fn system_boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn entry(key: &[u8], payload: &[u8]) -> (Key, Vec<u8>) {
    (key.to_vec(), sealed(key, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::value::opened;

    #[test]
    fn notes_read_back_what_they_wrote() {
        let incarnation = Incarnation {
            node: NodeId::new(7),
            boot: Boot::new(9),
        };
        let (key, value) = of_identity(incarnation);
        assert_eq!(identity(opened(&key, &value).unwrap()), Some(incarnation));
        let note = BatchNote {
            number: 1 << 40,
            digest: 1 << 100,
        };
        let (key, value) = note.entry();
        assert_eq!(BatchNote::read(opened(&key, &value).unwrap()), Some(note));
        for durability in [Durability::Sync, Durability::Interval] {
            let note = RunNote::begun(durability);
            let (key, value) = note.entry();
            assert_eq!(RunNote::read(opened(&key, &value).unwrap()), Some(note));
        }
    }

    #[test]
    fn a_system_that_was_started_anew_may_have_lost_what_was_not_synced() {
        let of = |durability, is_closed, system_boot: &str| RunNote {
            durability,
            is_closed,
            system_boot: system_boot.to_owned(),
        };
        assert!(of(Durability::Sync, false, "another").kept_everything());
        assert!(of(Durability::Interval, true, "another").kept_everything());
        assert!(!of(Durability::Interval, false, "another").kept_everything());
        assert!(!of(Durability::Interval, false, "").kept_everything());
        assert!(RunNote::begun(Durability::Interval).kept_everything());
    }
}
