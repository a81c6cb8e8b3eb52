//! What will happen, in order: [`Calendar`].

use crate::clocks::Instant;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Events in the order of their instants; those of one instant in the order of their entry.
#[derive(Debug)]
pub(crate) struct Calendar<E> {
    heap: BinaryHeap<Entry<E>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Instant,
    number: u64,
    event: E,
}

impl<E> Calendar<E> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            entered: 0,
        }
    }

    pub(crate) fn enter(&mut self, at: Instant, event: E) {
        self.entered += 1;
        self.heap.push(Entry {
            at,
            number: self.entered,
            event,
        });
    }

    /// Takes out the next event, if it is due by `limit`.
    pub(crate) fn next_by(&mut self, limit: Instant) -> Option<(Instant, E)> {
        if self.heap.peek()?.at > limit {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

/// The heap gives out its greatest entry, so the earliest is the greatest.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn events_come_by_instant_and_then_by_entry() {
        let at = |micros| Instant::START + Duration::from_micros(micros);
        let mut calendar = Calendar::new();
        for (micros, name) in [(2, "c"), (1, "a"), (2, "d"), (1, "b"), (9, "later")] {
            calendar.enter(at(micros), name);
        }
        let mut order = Vec::new();
        while let Some((_, name)) = calendar.next_by(at(5)) {
            order.push(name);
        }
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
