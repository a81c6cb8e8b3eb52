//! What waits to be written to one peer: [`Outbox`].

use super::figures::Count;
use super::wire::{self, BATCH_MESSAGES_MAX, CONTROL_BYTES_MAX, CONTROL_MESSAGES_MAX};
use parking_lot::Mutex;
use protocol::{Body, Incarnation, MembershipMessage, Message, NodeId};
use std::collections::VecDeque;
use tokio::sync::Notify;

/// The most membership messages that wait; the oldest beyond that are dropped. Two minutes of
/// pings, and far more than a founding needs.
const CONTROL_WAITING_MAX: usize = 256;

/// What waits for one peer, bounded: control, which goes first; and data, in two queues that take
/// turns, so that a client's operation waits for one page that another node copies and not for
/// all of them.
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

/// Invariant: without a peer all queues are empty.
#[derive(Debug, Default)]
struct Waiting {
    peer: Option<Incarnation>,
    control: VecDeque<MembershipMessage>,
    /// What operations wait for.
    operations: Data,
    /// What copying waits for.
    copying: Data,
    /// Whose turn it is, if there is something in both.
    is_copyings_turn: bool,
}

impl Waiting {
    fn is_for(&self, node: NodeId) -> bool {
        self.peer.is_some_and(|peer| peer.node == node)
    }

    fn data_bytes(&self) -> usize {
        self.operations.bytes + self.copying.bytes
    }

    fn next_data(&mut self) -> &mut Data {
        let takes_copying = match self.is_copyings_turn {
            true => !self.copying.messages.is_empty(),
            false => self.operations.messages.is_empty(),
        };
        self.is_copyings_turn = !takes_copying;
        match takes_copying {
            true => &mut self.copying,
            false => &mut self.operations,
        }
    }
}

/// Messages between lanes. Invariant: `bytes` is the sum of their weights.
#[derive(Debug, Default)]
struct Data {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Data {
    fn push(&mut self, message: Message) {
        self.bytes += wire::weight_bytes(&message);
        self.messages.push_back(message);
    }

    /// The oldest, and its weight.
    fn pop(&mut self) -> Option<(Message, usize)> {
        let message = self.messages.pop_front()?;
        let bytes = wire::weight_bytes(&message);
        self.bytes -= bytes;
        Some((message, bytes))
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
        let data = closed.operations.messages.len() + closed.copying.messages.len();
        self.dropped.add(closed.control.len() + data);
    }

    /// Who is at the other end, while it is open.
    pub(super) fn peer(&self) -> Option<Incarnation> {
        self.waiting.lock().peer
    }

    /// How many messages were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Appends a message between lanes. If it does not fit, the oldest are dropped, those of
    /// copying first: what is newer is likelier to matter still, and whoever waits for an answer
    /// asks again. Copying drops nothing but its own. A message that nobody waits for does not
    /// wake the writer, but goes with the next frame.
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
            let is_copying = is_copying(&message);
            while waiting.data_bytes() + bytes > self.data_bytes_max {
                let oldest = match waiting.copying.pop() {
                    None if is_copying && waiting.operations.bytes > 0 => {
                        self.dropped.add(1);
                        return;
                    }
                    None => waiting.operations.pop(),
                    oldest => oldest,
                };
                let Some((oldest, _)) = oldest else {
                    break;
                };
                dropped.push(oldest);
            }
            match is_copying {
                true => waiting.copying.push(message),
                false => waiting.operations.push(message),
            }
            urgent || waiting.data_bytes() >= wire::PIECE_BYTES_MAX
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

    /// Moves the next batch of membership messages to the end of `batch`: all that waits, up to
    /// what fits into a frame.
    pub(super) fn take_control(&self, batch: &mut Vec<MembershipMessage>) {
        let mut waiting = self.waiting.lock();
        let mut bytes = 0;
        for _ in 0..CONTROL_MESSAGES_MAX {
            let next = waiting.control.pop_front_if(|message| {
                bytes += wire::control_weight_bytes(message);
                bytes <= CONTROL_BYTES_MAX
            });
            let Some(message) = next else {
                break;
            };
            batch.push(message);
        }
    }

    /// Moves the next batch of data to the end of `batch`: all that waits in one of the queues,
    /// up to the weight of a piece or, if it is heavier, one message.
    pub(super) fn take_data(&self, batch: &mut Vec<Message>) {
        let mut waiting = self.waiting.lock();
        let data = waiting.next_data();
        let mut taken_bytes = 0;
        for _ in 0..BATCH_MESSAGES_MAX {
            let Some((message, bytes)) = data.pop() else {
                break;
            };
            batch.push(message);
            taken_bytes += bytes;
            if taken_bytes >= wire::PIECE_BYTES_MAX {
                break;
            }
        }
    }
}

/// Whether no operation waits for it, but a node that copies, or one that lists: pages of names are
/// long, too.
fn is_copying(message: &Message) -> bool {
    matches!(
        message.body,
        Body::Pull { .. } | Body::PullReply { .. } | Body::ListReply { .. } | Body::Confirm { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{message, node, page, settled, stands};
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
    fn control_leaves_in_batches_that_fit_into_a_frame() {
        let outbox = open(64 * KIB);
        for _ in 0..20 {
            outbox.push_control(node(2).node, stands());
        }
        let mut batches = 0;
        loop {
            let (mut batch, mut bytes) = (Vec::new(), Vec::new());
            outbox.take_control(&mut batch);
            if batch.is_empty() {
                break;
            }
            wire::encode_control(node(2).node, None, &batch, &mut bytes);
            assert!(bytes.len() <= wire::PIECE_BYTES_MAX);
            batches += 1;
        }
        assert!(batches > 1);
        assert_eq!(outbox.dropped(), 0);
    }

    #[test]
    fn operations_and_copying_take_turns() {
        let outbox = open(4096 * KIB);
        for number in 0..3 {
            outbox.push_data(page(1, 2, 100 + number, 300 * KIB));
        }
        for number in 0..3 {
            outbox.push_data(message(1, 2, number, 10));
        }
        assert_eq!(numbers(&outbox), [0, 1, 2]);
        assert_eq!(numbers(&outbox), [100]);
        outbox.push_data(message(1, 2, 3, 10));
        assert_eq!(numbers(&outbox), [3]);
        assert_eq!(numbers(&outbox), [101]);
        assert_eq!(numbers(&outbox), [102]);
        assert!(numbers(&outbox).is_empty());
    }

    #[test]
    fn copying_gives_way_to_operations() {
        let outbox = open(64 * KIB);
        outbox.push_data(message(1, 2, 0, 10 * KIB));
        outbox.push_data(page(1, 2, 100, 20 * KIB));
        outbox.push_data(page(1, 2, 101, 20 * KIB));
        // Copying drops its own oldest.
        outbox.push_data(page(1, 2, 102, 20 * KIB));
        assert_eq!(outbox.dropped(), 1);
        // So do operations, before any of theirs.
        outbox.push_data(message(1, 2, 1, 30 * KIB));
        assert_eq!(outbox.dropped(), 2);
        outbox.push_data(message(1, 2, 2, 20 * KIB));
        assert_eq!(outbox.dropped(), 3);
        // And copying never drops an operation's.
        outbox.push_data(page(1, 2, 103, 20 * KIB));
        assert_eq!(outbox.dropped(), 4);
        assert_eq!(numbers(&outbox), [0, 1, 2]);
        assert!(numbers(&outbox).is_empty());
    }

    #[test]
    fn one_page_always_fits_if_nothing_else_waits() {
        let outbox = open(64 * KIB);
        outbox.push_data(page(1, 2, 100, 100 * KIB));
        assert_eq!(numbers(&outbox), [100]);
        assert_eq!(outbox.dropped(), 0);
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
