//! What waits to be written to one peer: [`Outbox`].

use super::figures::Count;
use super::wire::{self, BATCH_MESSAGES_MAX, CONTROL_MESSAGES_MAX};
use parking_lot::Mutex;
use protocol::{Incarnation, MembershipMessage, Message, NodeId};
use std::collections::VecDeque;
use tokio::sync::Notify;

/// The most membership messages that wait; the oldest beyond that are dropped. Two minutes of
/// pings, and far more than a founding needs.
const CONTROL_WAITING_MAX: usize = 256;

/// Two queues for one peer, control before data, both bounded.
///
/// It is open while a connection stands whose handshake proved who is at the other end, and takes
/// messages for that node alone. When the connection ends all that waits is dropped: what was
/// meant for one process is never sent to another.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
    data_bytes_max: usize,
    dropped: Count,
}

/// Invariants: without a peer both queues are empty; `data_bytes` is the sum of the data's
/// weights.
#[derive(Debug, Default)]
struct Waiting {
    peer: Option<Incarnation>,
    control: VecDeque<MembershipMessage>,
    data: VecDeque<Message>,
    data_bytes: usize,
}

impl Waiting {
    fn is_for(&self, node: NodeId) -> bool {
        self.peer.is_some_and(|peer| peer.node == node)
    }

    fn pop_data(&mut self) -> Option<Message> {
        let message = self.data.pop_front()?;
        self.data_bytes -= wire::weight_bytes(&message);
        Some(message)
    }
}

impl Outbox {
    /// A closed outbox which keeps at most so many bytes of data, but always one message.
    pub(super) fn new(data_bytes_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            wake: Notify::new(),
            data_bytes_max,
            dropped: Count::default(),
        }
    }

    /// Takes messages for this peer from now on.
    pub(super) fn open(&self, peer: Incarnation) {
        self.waiting.lock().peer = Some(peer);
    }

    /// Takes no more messages, and drops what waits.
    pub(super) fn close(&self) {
        let mut closed = Waiting::default();
        std::mem::swap(&mut *self.waiting.lock(), &mut closed);
        self.dropped.add(closed.control.len() + closed.data.len());
    }

    /// Who is at the other end, while it is open.
    pub(super) fn peer(&self) -> Option<Incarnation> {
        self.waiting.lock().peer
    }

    /// How many messages were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Appends a message between lanes. If it does not fit, the oldest are dropped: what is newer
    /// is likelier to matter still, and whoever coordinates sends again. One that nobody waits
    /// for does not wake the writer, but goes with the next frame.
    pub(super) fn push_data(&self, message: Message) {
        let bytes = wire::weight_bytes(&message);
        let urgent = message.body.is_urgent();
        let mut dropped = Vec::new();
        let wake = {
            let mut waiting = self.waiting.lock();
            if !waiting.is_for(message.to) || bytes > wire::MESSAGE_BYTES_MAX {
                self.dropped.add(1);
                return;
            }
            while waiting.data_bytes + bytes > self.data_bytes_max {
                let Some(oldest) = waiting.pop_data() else {
                    break;
                };
                dropped.push(oldest);
            }
            waiting.data.push_back(message);
            waiting.data_bytes += bytes;
            urgent || waiting.data_bytes >= wire::PIECE_BYTES_MAX
        };
        self.dropped.add(dropped.len());
        if wake {
            self.wake.notify_one();
        }
    }

    /// Appends a membership message for the node `to`, and wakes the writer.
    pub(super) fn push_control(&self, to: NodeId, message: MembershipMessage) {
        {
            let mut waiting = self.waiting.lock();
            if !waiting.is_for(to) {
                self.dropped.add(1);
                return;
            }
            if waiting.control.len() == CONTROL_WAITING_MAX {
                waiting.control.pop_front();
                self.dropped.add(1);
            }
            waiting.control.push_back(message);
        }
        self.wake.notify_one();
    }

    /// Waits until something was appended that somebody waits for. May return though nothing
    /// waits; whoever calls it takes until nothing is left.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Moves the next batch of membership messages to the end of `batch`.
    pub(super) fn take_control(&self, batch: &mut Vec<MembershipMessage>) {
        let mut waiting = self.waiting.lock();
        let count = waiting.control.len().min(CONTROL_MESSAGES_MAX);
        batch.extend(waiting.control.drain(..count));
    }

    /// Moves the next batch of data to the end of `batch`: all that waits, up to the weight of a
    /// piece or, if it is heavier, one message.
    pub(super) fn take_data(&self, batch: &mut Vec<Message>) {
        let mut waiting = self.waiting.lock();
        let mut bytes = 0;
        for _ in 0..BATCH_MESSAGES_MAX {
            let before = waiting.data_bytes;
            let Some(message) = waiting.pop_data() else {
                break;
            };
            bytes += before - waiting.data_bytes;
            batch.push(message);
            if bytes >= wire::PIECE_BYTES_MAX {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{message, node, settled};
    use super::*;
    use std::time::Duration;

    const KIB: usize = 1024;

    fn open(data_bytes_max: usize) -> Outbox {
        let outbox = Outbox::new(data_bytes_max);
        outbox.open(node(2));
        outbox
    }

    fn numbers(outbox: &Outbox) -> Vec<u64> {
        let mut batch = Vec::new();
        outbox.take_data(&mut batch);
        batch.iter().map(|message| message.low_water.0).collect()
    }

    fn pings(outbox: &Outbox) -> Vec<u64> {
        let mut batch = Vec::new();
        outbox.take_control(&mut batch);
        batch
            .into_iter()
            .map(|message| match message {
                MembershipMessage::Ping { number } => number,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    async fn is_woken(outbox: &Outbox) -> bool {
        let woken = tokio::time::timeout(Duration::ZERO, outbox.woken());
        woken.await.is_ok()
    }

    #[test]
    fn messages_leave_in_the_order_in_which_they_came() {
        let outbox = open(64 * KIB);
        for number in 0..5 {
            outbox.push_data(message(1, 2, number, 10));
            outbox.push_control(node(2).node, MembershipMessage::Ping { number });
        }
        assert_eq!(numbers(&outbox), [0, 1, 2, 3, 4]);
        assert!(numbers(&outbox).is_empty());
        assert_eq!(pings(&outbox), [0, 1, 2, 3, 4]);
        assert_eq!(outbox.dropped(), 0);
    }

    #[test]
    fn when_there_is_no_room_the_oldest_data_are_dropped_and_counted() {
        let outbox = open(64 * KIB);
        for number in 0..5 {
            outbox.push_data(message(1, 2, number, 20 * KIB));
        }
        assert_eq!(numbers(&outbox), [2, 3, 4]);
        assert_eq!(outbox.dropped(), 2);
    }

    #[test]
    fn one_message_always_fits() {
        let outbox = open(64 * KIB);
        outbox.push_data(message(1, 2, 0, 10));
        outbox.push_data(message(1, 2, 1, 100 * KIB));
        assert_eq!(numbers(&outbox), [1]);
        assert_eq!(outbox.dropped(), 1);
    }

    #[test]
    fn a_message_that_fits_no_batch_is_dropped_and_drops_no_other() {
        let outbox = open(64 * KIB);
        outbox.push_data(message(1, 2, 0, 10));
        outbox.push_data(message(1, 2, 1, wire::MESSAGE_BYTES_MAX));
        assert_eq!(numbers(&outbox), [0]);
        assert_eq!(outbox.dropped(), 1);
    }

    #[test]
    fn a_batch_ends_when_it_weighs_a_piece() {
        let outbox = open(1024 * KIB);
        for number in 0..5 {
            outbox.push_data(message(1, 2, number, 200 * KIB));
        }
        assert_eq!(numbers(&outbox), [0, 1]);
        assert_eq!(numbers(&outbox), [2, 3]);
        assert_eq!(numbers(&outbox), [4]);
    }

    #[test]
    fn control_is_bounded_by_count_and_leaves_in_batches() {
        let outbox = open(64 * KIB);
        for number in 0..300 {
            outbox.push_control(node(2).node, MembershipMessage::Ping { number });
        }
        assert_eq!(outbox.dropped(), 44);
        let first = pings(&outbox);
        assert_eq!((first.len(), first[0]), (CONTROL_MESSAGES_MAX, 44));
        assert_eq!(pings(&outbox)[0], 44 + 64);
    }

    #[test]
    fn it_takes_messages_for_the_node_at_the_other_end_alone() {
        let outbox = Outbox::new(64 * KIB);
        outbox.push_data(message(1, 2, 0, 10));
        outbox.open(node(2));
        outbox.push_data(message(1, 3, 1, 10));
        outbox.push_control(node(3).node, MembershipMessage::Ping { number: 1 });
        assert!(numbers(&outbox).is_empty());
        assert!(pings(&outbox).is_empty());
        assert_eq!(outbox.dropped(), 3);
    }

    #[test]
    fn what_waited_for_one_process_is_never_sent_to_another() {
        let outbox = open(64 * KIB);
        outbox.push_data(message(1, 2, 0, 10));
        outbox.push_control(node(2).node, MembershipMessage::Ping { number: 0 });
        outbox.close();
        assert_eq!(outbox.peer(), None);
        outbox.open(node(3));
        assert!(numbers(&outbox).is_empty());
        assert!(pings(&outbox).is_empty());
        assert_eq!(outbox.dropped(), 2);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_rides_on_what_somebody_waits_for() {
        let outbox = open(1024 * KIB);
        outbox.push_data(settled(1, 2, 0));
        assert!(!is_woken(&outbox).await);
        outbox.push_control(node(2).node, MembershipMessage::Ping { number: 0 });
        assert!(is_woken(&outbox).await);
        assert_eq!(numbers(&outbox), [0]);

        outbox.push_data(settled(1, 2, 1));
        outbox.push_data(message(1, 2, 2, 10));
        assert!(is_woken(&outbox).await);
        assert_eq!(numbers(&outbox), [1, 2]);
    }

    #[tokio::test]
    async fn a_whole_piece_of_what_nobody_waits_for_goes_at_once() {
        let outbox = open(1024 * KIB);
        for number in 0..1024 {
            outbox.push_data(settled(1, 2, number));
        }
        assert!(is_woken(&outbox).await);
    }
}
