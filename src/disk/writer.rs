//! The thread that writes: [`Writer`].

use super::Durability;
use super::handle::{DiskEvents, Pressure, Shared};
use super::meta::RunNote;
use super::pending::{Pending, Written};
use super::store::{Medium, Trouble, Writes};
use protocol::{Counter, Incarnation, PersistNumber};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Writes what has gathered, all of it as one batch, over and over.
pub(super) struct Writer<M> {
    shared: Arc<Shared>,
    events: Arc<dyn DiskEvents>,
    medium: M,
    durability: Durability,
    pending: Pending,
    /// The number of the last batch.
    batch: u64,
    /// What was committed, is not synced, and is not to be said before.
    unsaid: Vec<Written>,
    /// Since when something is committed that is not synced.
    unsynced_since: Option<Instant>,
    fullness: Fullness,
    looked_for_room: Instant,
}

/// Whether there is room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fullness {
    HasRoom,
    /// There is little room, and nothing was tried.
    Full,
    /// There was too little, and something failed.
    Failed,
}

/// What a writer begins with.
pub(super) struct Begin {
    pub(super) durability: Durability,
    /// The number of the last batch.
    pub(super) batch: u64,
    /// The digests of what the lanes keep.
    pub(super) digests: Vec<u128>,
    /// The marks that are on disk.
    pub(super) marks: Vec<(Incarnation, Counter)>,
}

impl<M: Medium> Writer<M> {
    pub(super) fn new(
        shared: Arc<Shared>,
        events: Arc<dyn DiskEvents>,
        medium: M,
        begin: Begin,
    ) -> Self {
        Self {
            shared,
            events,
            medium,
            durability: begin.durability,
            pending: Pending::new(begin.durability, begin.digests, begin.marks),
            batch: begin.batch,
            unsaid: Vec::new(),
            unsynced_since: None,
            fullness: Fullness::HasRoom,
            looked_for_room: Instant::now(),
        }
    }

    /// Writes until the queue is closed, or the disk has failed.
    pub(super) fn run(mut self) {
        if let Err(trouble) = self.write_until_closed() {
            self.events.failed(trouble.to_string());
        }
    }

    fn write_until_closed(&mut self) -> Result<(), Trouble> {
        loop {
            let gathered = self.shared.queue.take(self.wakes_at());
            let is_closing = gathered.is_closing;
            self.pending.add(gathered);
            self.look_for_room()?;
            if self.fullness == Fullness::HasRoom {
                self.write_and_sync(is_closing)?;
            }
            // Whoever says that much waits may have counted it before it was taken: said over and
            // over, this stands in the end.
            self.shared.set_pressure(match self.fullness {
                Fullness::HasRoom => Pressure::None,
                Fullness::Full | Fullness::Failed => Pressure::Full,
            });
            if is_closing {
                return self.close();
            }
        }
    }

    /// When it has something to do although nothing has gathered.
    fn wakes_at(&self) -> Option<Instant> {
        let room = self.looked_for_room + ROOM_INTERVAL;
        match self.unsynced_since {
            Some(since) => Some(room.min(since + SYNC_INTERVAL)),
            None => Some(room),
        }
    }

    fn write_and_sync(&mut self, is_closing: bool) -> Result<(), Trouble> {
        // Before the directory names this node, it is another's, or nobody's.
        let is_own = self.shared.has_identity() || self.pending.enters();
        if is_own && !self.pending.is_empty() {
            match self.write() {
                Ok(()) => {}
                Err(Trouble::Full(why)) => {
                    self.become_full(Fullness::Failed, &why);
                    return Ok(());
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let is_due = self.durability == Durability::Sync
            || is_closing
            || self.unsaid.iter().any(|written| written.entered.is_some())
            || (self.unsynced_since).is_some_and(|since| since.elapsed() >= SYNC_INTERVAL);
        if self.unsynced_since.is_some() && is_due {
            self.sync()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Trouble> {
        let number = self.batch + 1;
        let batch = self.pending.batch(number, &self.medium)?;
        self.medium.commit(batch)?;
        self.batch = number;
        self.shared.figures.wrote(batch_bytes(batch));
        self.shared.note_identity();
        let written = self.pending.written();
        self.unsynced_since.get_or_insert_with(Instant::now);
        match self.durability {
            Durability::Interval if written.entered.is_none() => self.say([written]),
            _ => self.unsaid.push(written),
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Trouble> {
        let began = Instant::now();
        self.medium.sync()?;
        self.shared.figures.synced(began.elapsed());
        self.medium.mark(self.batch)?;
        self.unsynced_since = None;
        self.events.synced(self.batch);
        let unsaid = std::mem::take(&mut self.unsaid);
        self.say(unsaid);
        Ok(())
    }

    /// Says that it is durable.
    fn say(&self, written: impl IntoIterator<Item = Written>) {
        let mut lanes: BTreeMap<usize, PersistNumber> = BTreeMap::new();
        let mut entered = None;
        for written in written {
            lanes.extend(written.lanes);
            entered = written.entered.max(entered);
        }
        for (lane, number) in lanes {
            self.events.durable(lane, number);
        }
        if let Some(epoch) = entered {
            self.events.entered(epoch);
        }
    }

    /// Looks once in a while whether there is room, and writes no more while there is little.
    fn look_for_room(&mut self) -> Result<(), Trouble> {
        if self.looked_for_room.elapsed() < ROOM_INTERVAL {
            return Ok(());
        }
        self.looked_for_room = Instant::now();
        let has_room = self.medium.has_room(self.fullness != Fullness::HasRoom);
        match (self.fullness, has_room) {
            (Fullness::HasRoom, false) => {
                self.become_full(Fullness::Full, "there is little room left");
            }
            (Fullness::Full, true) => self.has_room_again(),
            (Fullness::Failed, true) => match self.medium.reopen() {
                Ok(()) => self.has_room_again(),
                Err(Trouble::Full(_)) => {}
                Err(trouble) => return Err(trouble),
            },
            (Fullness::HasRoom, true) | (Fullness::Full | Fullness::Failed, false) => {}
        }
        Ok(())
    }

    fn become_full(&mut self, fullness: Fullness, why: &str) {
        self.fullness = fullness;
        self.looked_for_room = Instant::now();
        self.shared.set_pressure(Pressure::Full);
        warn!(
            "the disk is full ({why}): this node acknowledges no writes until there is room, and \
             the others go on without it; nothing that was acknowledged is lost"
        );
    }

    fn has_room_again(&mut self) {
        self.fullness = Fullness::HasRoom;
        self.shared.set_pressure(Pressure::None);
        info!("there is room on the disk again: this node acknowledges writes again");
    }

    /// Notes that everything was synced, and lets go of the directory.
    fn close(&mut self) -> Result<(), Trouble> {
        if self.fullness == Fullness::HasRoom && self.shared.has_identity() {
            let note = RunNote {
                is_closed: true,
                ..RunNote::begun(self.durability)
            };
            let (key, value) = note.entry();
            self.medium.commit(&Writes::from([(key, Some(value))]))?;
            self.medium.sync()?;
        }
        self.medium.close()
    }
}

fn batch_bytes(batch: &Writes) -> u64 {
    let bytes =
        |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
    batch.iter().map(bytes).sum::<usize>() as u64
}

/// How long what was written may wait for its sync, if it is not synced at once.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);

/// How often it is looked whether there is room.
const ROOM_INTERVAL: Duration = match cfg!(test) {
    true => Duration::from_millis(5),
    false => Duration::from_secs(1),
};
