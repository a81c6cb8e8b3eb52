//! A node's way to its disk: [`Disk`].

use super::queue::{Change, Entering, Queue};
use super::store::Store;
use super::writer::{Begin, Writer};
use parking_lot::Mutex;
use protocol::{Configuration, Epoch, Incarnation, PersistNumber};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Handle;

/// What the disk tells the node. It is called by a thread of the disk's, within the runtime.
pub(crate) trait DiskEvents: Send + Sync {
    /// Everything up to the batch of this number is synced.
    fn synced(&self, batch: u64);

    /// What this lane keeps is durable up to this number.
    fn durable(&self, lane: usize, number: PersistNumber);

    /// The configuration of this epoch is, and the node may enter it.
    fn entered(&self, epoch: Epoch);

    /// The disk has failed, for this reason: nothing will be durable any more.
    fn failed(&self, why: String);
}

/// Whether the disk keeps up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pressure {
    /// It does.
    None,
    /// So much waits for it that more is not to be taken on.
    Behind,
    /// There is no room on it.
    Full,
}

/// What the disk has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DiskFigures {
    /// Batches written.
    pub(crate) batches: u64,
    /// Bytes of keys and values in them.
    pub(crate) bytes: u64,
    /// Syncs.
    pub(crate) syncs: u64,
    /// How long they took together.
    pub(crate) sync_time: Duration,
}

/// The counters behind [`DiskFigures`].
#[derive(Debug, Default)]
pub(super) struct Figures {
    batches: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
    sync_micros: AtomicU64,
}

impl Figures {
    pub(super) fn wrote(&self, bytes: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.sync_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// What the node and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) figures: Figures,
    pressure: AtomicU8,
    /// Whether the directory names this node. Nothing is written before it does, or a node that
    /// comes back would find another one's registers.
    has_identity: AtomicBool,
}

impl Shared {
    pub(super) fn new(lanes: usize, has_identity: bool) -> Self {
        Self {
            queue: Queue::new(lanes),
            figures: Figures::default(),
            pressure: AtomicU8::new(Pressure::None as u8),
            has_identity: AtomicBool::new(has_identity),
        }
    }

    /// Whether the directory names this node.
    pub(super) fn has_identity(&self) -> bool {
        self.has_identity.load(Ordering::Relaxed)
    }

    /// The directory names this node now.
    pub(super) fn note_identity(&self) {
        self.has_identity.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_pressure(&self, pressure: Pressure) {
        self.pressure.store(pressure as u8, Ordering::Relaxed);
    }

    pub(super) fn pressure(&self) -> Pressure {
        match self.pressure.load(Ordering::Relaxed) {
            1 => Pressure::Behind,
            2 => Pressure::Full,
            _ => Pressure::None,
        }
    }
}

/// A node's disk. What lanes give it becomes durable; the node is told so by [`DiskEvents`].
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    incarnation: Incarnation,
    recovered: u64,
    /// The writer, until it is waited for.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a disk begins to write with.
pub(crate) struct Unstarted {
    pub(super) store: Store,
    pub(super) begin: Begin,
}

impl Disk {
    /// A disk whose directory names this node already, or does not, and which has so many lanes.
    pub(super) fn new(
        incarnation: Incarnation,
        has_identity: bool,
        recovered: u64,
        lanes: usize,
    ) -> Self {
        Self {
            shared: Arc::new(Shared::new(lanes, has_identity)),
            incarnation,
            recovered,
            thread: Mutex::new(None),
        }
    }

    /// Begins to write, and tells of it by the events.
    ///
    /// # Errors
    /// The system's, if there is no thread to be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn start(
        &self,
        unstarted: Unstarted,
        events: Arc<dyn DiskEvents>,
    ) -> std::io::Result<()> {
        let Unstarted { store, begin } = unstarted;
        let writer = Writer::new(Arc::clone(&self.shared), events, store, begin);
        let runtime = Handle::current();
        let thread = thread::Builder::new().name("disk".to_owned());
        let thread = thread.spawn(move || {
            let _entered = runtime.enter();
            writer.run();
        })?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Takes what a lane keeps since it last gave something: the number of the last change, and
    /// the digest of all that it keeps. To be called under the lane's lock.
    pub(crate) fn push(
        &self,
        lane: usize,
        number: PersistNumber,
        digest: u128,
        changes: &mut Vec<Change>,
    ) {
        let bytes = self.shared.queue.push(lane, number, digest, changes);
        if bytes > QUEUE_BYTES_MAX && self.pressure() == Pressure::None {
            self.shared.set_pressure(Pressure::Behind);
        }
    }

    /// The node is about to enter this configuration. Says whether it has to wait for
    /// [`DiskEvents::entered`] before it does: the directory keeps what concerns a node that is, or
    /// was, a member.
    pub(crate) fn enter(&self, configuration: &Arc<Configuration>) -> bool {
        let has_identity = self.shared.has_identity();
        let is_kept = has_identity || configuration.contains(self.incarnation.node);
        if is_kept {
            self.shared.queue.enter(Entering {
                configuration: Arc::clone(configuration),
                incarnation: self.incarnation,
                begins_anew: !has_identity,
            });
        }
        is_kept
    }

    /// The number of the last batch that it held when it was opened.
    pub(crate) fn recovered(&self) -> u64 {
        self.recovered
    }

    /// Whether it keeps up.
    pub(crate) fn pressure(&self) -> Pressure {
        self.shared.pressure()
    }

    /// What it has done.
    pub(crate) fn figures(&self) -> DiskFigures {
        let figures = &self.shared.figures;
        DiskFigures {
            batches: figures.batches.load(Ordering::Relaxed),
            bytes: figures.bytes.load(Ordering::Relaxed),
            syncs: figures.syncs.load(Ordering::Relaxed),
            sync_time: Duration::from_micros(figures.sync_micros.load(Ordering::Relaxed)),
        }
    }

    /// Writes what waits, notes that everything is synced, and lets go of the directory. Blocks
    /// until that is done. Nothing may be given to it after this.
    pub(crate) fn close(&self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            // A writer that panicked has ended the process.
            let _ = thread.join();
        }
    }
}

/// Beyond this much that waits, the node takes on no more.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
