//! The order of one connection's operations on one register: [`Order`].

use crate::server::Place;
use protocol::{Operation, Position};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// Lets the operations of one connection run side by side, but for those on one register: these
/// take effect in the order in which they were asked for, as a client that does not wait for
/// answers expects it. Reads run beside reads.
///
/// Registers are told apart by their positions: the few that share one wait for each other too.
#[derive(Debug, Default)]
pub(super) struct Order {
    registers: HashMap<Position, Queue>,
}

/// Invariant: something runs.
#[derive(Debug, Default)]
struct Queue {
    running: usize,
    is_write: bool,
    waiting: VecDeque<(Place, Operation)>,
}

impl Order {
    /// Takes in an operation, and gives it back if it may begin.
    pub(super) fn admit(&mut self, place: Place, operation: Operation) -> Option<Operation> {
        let is_write = operation.is_write();
        match self.registers.entry(operation.name().position()) {
            Entry::Vacant(entry) => {
                entry.insert(Queue {
                    running: 1,
                    is_write,
                    waiting: VecDeque::new(),
                });
            }
            Entry::Occupied(mut entry) => {
                let queue = entry.get_mut();
                if is_write || queue.is_write || !queue.waiting.is_empty() {
                    queue.waiting.push_back((place, operation));
                    return None;
                }
                queue.running += 1;
            }
        }
        Some(operation)
    }

    /// One that was admitted on this register has ended: those that may begin now are given to
    /// `begin`.
    pub(super) fn ended(&mut self, at: Position, mut begin: impl FnMut(Place, Operation)) {
        let Entry::Occupied(mut entry) = self.registers.entry(at) else {
            return;
        };
        let queue = entry.get_mut();
        queue.running -= 1;
        if queue.running > 0 {
            return;
        }
        let Some((place, operation)) = queue.waiting.pop_front() else {
            entry.remove();
            return;
        };
        queue.running = 1;
        queue.is_write = operation.is_write();
        begin(place, operation);
        if !queue.is_write {
            while let Some((place, read)) = queue.waiting.pop_front_if(|(_, next)| !next.is_write())
            {
                queue.running += 1;
                begin(place, read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::RegisterName;

    fn name(text: &'static str) -> RegisterName {
        RegisterName::new(text).unwrap()
    }

    fn read(text: &'static str) -> Operation {
        Operation::Read { name: name(text) }
    }

    fn write(text: &'static str) -> Operation {
        Operation::Write {
            name: name(text),
            content: None,
            expiry: None,
        }
    }

    #[test]
    fn operations_on_one_register_go_one_after_another_and_reads_together() {
        let mut order = Order::default();
        let mut admit = |place, operation| order.admit(Place(place), operation).is_some();
        assert!(admit(0, read("a")));
        assert!(admit(1, read("a")));
        assert!(!admit(2, write("a")));
        assert!(!admit(3, read("a")));
        assert!(!admit(4, read("a")));
        assert!(!admit(5, write("a")));
        assert!(admit(6, write("b")));
        assert!(admit(7, read("c")));

        let mut ended = |text| {
            let mut begun = Vec::new();
            order.ended(name(text).position(), |place, _| begun.push(place.0));
            begun
        };
        assert!(ended("a").is_empty());
        assert!(ended("b").is_empty());
        assert_eq!(ended("a"), [2]);
        assert_eq!(ended("a"), [3, 4]);
        assert!(ended("a").is_empty());
        assert_eq!(ended("a"), [5]);
        assert!(ended("a").is_empty());
        assert!(ended("c").is_empty());
        assert!(order.registers.is_empty());
    }
}
