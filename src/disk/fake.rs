//! A disk that is a test's own: [`FakeMedium`].

use super::keys::Key;
use super::store::{Medium, Trouble, Writes};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What is under each key.
pub(super) type Map = BTreeMap<Key, Vec<u8>>;

/// A medium in memory. The test that has a copy of it says what fails, and sees what would be left
/// if the power went.
#[derive(Clone, Default)]
pub(super) struct FakeMedium(Arc<Mutex<Fake>>);

#[derive(Default)]
pub(super) struct Fake {
    /// What was there at first.
    pub(super) before: Map,
    /// Each batch that was committed.
    pub(super) batches: Vec<Writes>,
    /// So many of them outlive the machine.
    pub(super) synced: usize,
    /// The number of the batch that was marked last.
    pub(super) marked: u64,
    pub(super) is_closed: bool,
    /// Whether there is no room.
    pub(super) is_full: bool,
    /// What becomes of the next commits.
    pub(super) commits: VecDeque<Commit>,
    /// Whether the next sync fails.
    pub(super) sync_fails: bool,
    /// It has failed, and does nothing before it is opened anew.
    is_poisoned: bool,
    /// A batch that failed although all of it was written, as a reopening finds out.
    torn: Option<Writes>,
}

/// What becomes of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Commit {
    Succeeds,
    /// There was no room for some of it.
    Full,
    /// There was room for all of it, and not for what the store does besides.
    FullAndThere,
    Fails,
}

impl Fake {
    /// What is there after so many batches.
    pub(super) fn after(&self, batches: usize) -> Map {
        let mut map = self.before.clone();
        for (key, value) in self.batches[..batches].iter().flatten() {
            match value {
                Some(value) => drop(map.insert(key.clone(), value.clone())),
                None => drop(map.remove(key)),
            }
        }
        map
    }
}

impl FakeMedium {
    pub(super) fn state(&self) -> MutexGuard<'_, Fake> {
        self.0.lock()
    }
}

fn full() -> Trouble {
    Trouble::Full("no room".to_owned())
}

fn failed() -> Trouble {
    Trouble::Failed("broken".to_owned())
}

impl Medium for FakeMedium {
    fn commit(&mut self, writes: &Writes) -> Result<(), Trouble> {
        let mut fake = self.0.lock();
        assert!(!fake.is_closed && !fake.is_poisoned, "written to too late");
        let commit = match fake.is_full {
            true => Commit::Full,
            false => fake.commits.pop_front().unwrap_or(Commit::Succeeds),
        };
        match commit {
            Commit::Succeeds => {
                fake.batches.push(writes.clone());
                return Ok(());
            }
            Commit::Fails => return Err(failed()),
            Commit::Full => {}
            Commit::FullAndThere => fake.torn = Some(writes.clone()),
        }
        fake.is_poisoned = true;
        Err(full())
    }

    fn sync(&mut self) -> Result<(), Trouble> {
        let mut fake = self.0.lock();
        assert!(!fake.is_closed && !fake.is_poisoned, "synced too late");
        match fake.sync_fails {
            true => Err(failed()),
            false => {
                fake.synced = fake.batches.len();
                Ok(())
            }
        }
    }

    fn mark(&mut self, batch: u64) -> Result<(), Trouble> {
        let mut fake = self.0.lock();
        assert_eq!(
            fake.synced,
            fake.batches.len(),
            "marked before it was synced"
        );
        fake.marked = batch;
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Trouble> {
        let mut fake = self.0.lock();
        if fake.is_full {
            return Err(full());
        }
        fake.is_poisoned = false;
        let torn = fake.torn.take();
        fake.batches.extend(torn);
        Ok(())
    }

    fn keys(&self, prefix: &[u8]) -> Result<Vec<Key>, Trouble> {
        let fake = self.0.lock();
        let map = fake.after(fake.batches.len());
        Ok(map
            .into_keys()
            .filter(|key| key.starts_with(prefix))
            .collect())
    }

    fn has_room(&self, _is_full: bool) -> bool {
        !self.0.lock().is_full
    }

    fn close(&mut self) -> Result<(), Trouble> {
        self.0.lock().is_closed = true;
        Ok(())
    }
}
