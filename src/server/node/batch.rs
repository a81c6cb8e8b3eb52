//! Operations of one client, many at a time: [`Batch`].

use super::{ANSWER_GRACE, Node};
use crate::metrics::OperationKind;
use crate::server::board::{Board, Place};
use protocol::{Lane, Operation, Outcome, Refusal, Time};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::error;

/// The operations that one client has under way. They run side by side; each lane is locked once
/// for all of a batch that are its own, and outcomes are taken as many at a time as there are.
///
/// When it is dropped what runs goes on, and nobody hears how it ends.
pub(crate) struct Batch {
    node: Node,
    board: Arc<Board>,
    /// What is to be begun, by lane.
    gathered: Vec<Vec<(Place, Operation, Time)>>,
    /// What was refused before it began.
    refused: Vec<(Place, Outcome)>,
    /// What has not ended, by place: the first is that of the oldest.
    under_way: VecDeque<Option<UnderWay>>,
    first: Place,
    count: usize,
}

struct UnderWay {
    kind: OperationKind,
    asked: Instant,
    deadline: Time,
}

impl Node {
    /// Nothing under way yet.
    pub(crate) fn batch(&self) -> Batch {
        let mut gathered = Vec::new();
        gathered.resize_with(self.0.lanes.len(), Vec::new);
        Batch {
            node: self.clone(),
            board: Arc::default(),
            gathered,
            refused: Vec::new(),
            under_way: VecDeque::new(),
            first: Place(0),
            count: 0,
        }
    }
}

impl Batch {
    /// The place that the next operation gets.
    pub(crate) fn next(&self) -> Place {
        Place(self.first.0 + self.under_way.len() as u64)
    }

    /// How many have a place and have not ended.
    pub(crate) fn under_way(&self) -> usize {
        self.count
    }

    /// The place of an operation that was asked for now: it is to end within `timeout`, whenever it
    /// begins. Places are numbered without gaps.
    pub(crate) fn enter(
        &mut self,
        operation: &Operation,
        now: Instant,
        timeout: Duration,
    ) -> Place {
        let inner = &*self.node.0;
        let place = self.next();
        self.under_way.push_back(Some(UnderWay {
            kind: OperationKind::of(operation),
            asked: now,
            deadline: inner.clock.time(now) + timeout,
        }));
        self.count += 1;
        inner.operations_running.fetch_add(1, Ordering::Relaxed);
        place
    }

    /// Gathers an operation that has a place. It begins with the next [`Batch::begin`].
    pub(crate) fn gather(&mut self, place: Place, operation: Operation) {
        let inner = &*self.node.0;
        let Some(deadline) = self.entry(place).map(|it| it.deadline) else {
            return;
        };
        let slot = operation.name().slot();
        let refusal = if deadline <= inner.clock.now() {
            // It waited for another one of its client, and its time is up.
            Some(Refusal::NoQuorum)
        } else if inner.operations_running.load(Ordering::Relaxed) > inner.operations_max {
            Some(Refusal::Busy)
        } else if operation.is_write() && self.node.is_disk_pressed() {
            Some(Refusal::Disk)
        } else {
            inner.refusals.of(slot)
        };
        match refusal {
            Some(refusal) => self.refused.push((place, Outcome::Refused(refusal))),
            None => {
                let lane = slot.lane(inner.lanes.len());
                self.gathered[lane].push((place, operation, deadline));
            }
        }
    }

    /// Begins all that was gathered.
    pub(crate) fn begin(&mut self) {
        let inner = &*self.node.0;
        let mut is_news = false;
        for (lane, gathered) in inner.lanes.iter().zip(&mut self.gathered) {
            if !gathered.is_empty() {
                let world = self.node.world();
                is_news |= lane.request_all(&world, gathered.drain(..), &self.board);
            }
        }
        if is_news {
            self.node.call_membership(|_, _| {});
        }
    }

    /// Waits until something has ended. May return though nothing has.
    pub(crate) async fn ended(&self) {
        if self.refused.is_empty() {
            poll_fn(|context| self.board.poll_posted(context)).await;
        }
    }

    /// Moves what has ended to the end of `to`.
    pub(crate) fn take(&mut self, to: &mut Vec<(Place, Outcome)>) {
        let mut ended = std::mem::take(&mut self.refused);
        self.board.take(&mut ended);
        if !ended.is_empty() {
            let now = Instant::now();
            // What was ended as overdue may yet be heard of; it has ended.
            ended.retain(|(place, outcome)| self.note_ended(*place, outcome, now));
            to.append(&mut ended);
        }
        self.refused = ended;
    }

    /// Says whether it was under way.
    fn note_ended(&mut self, place: Place, outcome: &Outcome, now: Instant) -> bool {
        let index = place.0.checked_sub(self.first.0);
        let entry = index.and_then(|index| self.under_way.get_mut(index as usize));
        let Some(ended) = entry.and_then(Option::take) else {
            return false;
        };
        self.count -= 1;
        let inner = &*self.node.0;
        inner.operations_running.fetch_sub(1, Ordering::Relaxed);
        (inner.metrics).observe(ended.kind, outcome, now - ended.asked);
        while let Some(None) = self.under_way.front() {
            self.under_way.pop_front();
            self.first.0 += 1;
        }
        true
    }

    fn entry(&self, place: Place) -> Option<&UnderWay> {
        let index = place.0.checked_sub(self.first.0)?;
        self.under_way.get(index as usize)?.as_ref()
    }

    /// The lanes end each operation at its deadline. When a process that was frozen wakes, all its
    /// timers are overdue at once, and one that waits for an operation may look before its lane
    /// has; so the lanes are called for what is overdue. Should one ever fail to end an operation,
    /// it ends here.
    pub(crate) fn end_overdue(&mut self, to: &mut Vec<(Place, Outcome)>) {
        let inner = Arc::clone(&self.node.0);
        let is_overdue = |it: &UnderWay| inner.clock.now().since(it.deadline) > ANSWER_GRACE;
        if !self.entry(self.first).is_some_and(is_overdue) {
            return;
        }
        for lane in 0..inner.lanes.len() {
            self.node.call_lane(lane, Lane::handle_timeout);
        }
        self.take(to);
        while self.entry(self.first).is_some_and(is_overdue) {
            error!("an operation had no outcome {ANSWER_GRACE:?} after its deadline");
            let (place, outcome) = (self.first, Outcome::Unknown);
            self.note_ended(place, &outcome, Instant::now());
            to.push((place, outcome));
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let running = &self.node.0.operations_running;
        running.fetch_sub(self.count, Ordering::Relaxed);
    }
}
