//! How far the store was synced, kept beside it: [`Mark`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// The number of the last batch that was synced. A store that ends before it has lost something.
///
/// Two slots are written in turn, so that one always stands. It is written after each sync, and
/// synced itself once in a while: what it lacks after a power cut it only fails to demand.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    turn: bool,
    synced: Instant,
}

const SLOT_BYTES: usize = 16;
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

impl Mark {
    /// Writes a new one, with the number 0, to disk.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        // Renamed into its place, so that it is there as a whole or not at all.
        let draft = path.with_extension("new");
        let mut mark = Self::of(File::create(&draft)?);
        mark.file.write_all_at(&[slot(0), slot(0)].concat(), 0)?;
        mark.sync()?;
        std::fs::rename(&draft, path)?;
        Ok(mark)
    }

    /// Opens one, and reads its number: `None` if neither of its slots can be believed.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<u64>)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = [0; 2 * SLOT_BYTES];
        let number = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => greatest(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((Self::of(file), number))
    }

    fn of(file: File) -> Self {
        Self {
            file,
            turn: false,
            synced: Instant::now(),
        }
    }

    /// Everything up to this batch is synced.
    pub(super) fn write(&mut self, number: u64) -> io::Result<()> {
        let offset = u64::from(self.turn) * SLOT_BYTES as u64;
        self.turn = !self.turn;
        self.file.write_all_at(&slot(number), offset)?;
        match self.synced.elapsed() >= SYNC_INTERVAL {
            true => self.sync(),
            false => Ok(()),
        }
    }

    /// Makes it durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.synced = Instant::now();
        self.file.sync_data()
    }
}

fn slot(number: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let (bytes, checksum) = slot.split_at_mut(8);
    bytes.copy_from_slice(&number.to_be_bytes());
    checksum.copy_from_slice(&xxh3_64(bytes).to_be_bytes());
    slot
}

fn greatest(slots: &[u8; 2 * SLOT_BYTES]) -> Option<u64> {
    let number = |slot: &[u8]| {
        let (number, checksum) = slot.split_first_chunk()?;
        (checksum == xxh3_64(number).to_be_bytes()).then(|| u64::from_be_bytes(*number))
    };
    let (slots, _) = slots.as_chunks::<SLOT_BYTES>();
    slots.iter().filter_map(|slot| number(slot)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_number_is_read_and_a_torn_slot_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        let mut mark = Mark::create(&path).unwrap();
        assert_eq!(Mark::open(&path).unwrap().1, Some(0));
        for number in 1..=5 {
            mark.write(number).unwrap();
            assert_eq!(Mark::open(&path).unwrap().1, Some(number));
        }
        let whole = std::fs::read(&path).unwrap();
        // Each byte in turn is torn: the other slot stands.
        for byte in 0..whole.len() {
            let mut torn = whole.clone();
            torn[byte] ^= 0x10;
            std::fs::write(&path, torn).unwrap();
            let (_, number) = Mark::open(&path).unwrap();
            assert!(matches!(number, Some(4 | 5)), "{byte}: {number:?}");
        }
        std::fs::write(&path, &whole[..20]).unwrap();
        assert_eq!(Mark::open(&path).unwrap().1, None);
    }
}
