//! What will happen, in order: [`Calendar`].

use crate::clocks::Instant;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Events in the order of their instants; those of one instant in the order of their entry.
#[derive(Debug)]
pub(crate) struct Calendar<E> {
    heap: BinaryHeap<Entry>,
    /// What the entries are about. Events are large, and entries move about in the heap.
    events: Vec<Option<E>>,
    /// The places among the events that are free.
    free: Vec<usize>,
    entered: u64,
}

#[derive(PartialEq, Eq, Debug)]
struct Entry {
    at: Instant,
    number: u64,
    place: usize,
}

impl<E> Calendar<E> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            entered: 0,
        }
    }

    pub(crate) fn enter(&mut self, at: Instant, event: E) {
        self.entered += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[place] = Some(event);
        self.heap.push(Entry {
            at,
            number: self.entered,
            place,
        });
    }

    /// Takes out the next event, if it is due by `limit`.
    pub(crate) fn next_by(&mut self, limit: Instant) -> Option<(Instant, E)> {
        if self.heap.peek()?.at > limit {
            return None;
        }
        let Entry { at, place, .. } = self.heap.pop()?;
        self.free.push(place);
        Some((at, self.events[place].take()?))
    }
}

/// The heap gives out its greatest entry, so the earliest is the greatest.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

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
