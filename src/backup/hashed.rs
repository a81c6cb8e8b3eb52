//! Bytes that are counted and hashed as they pass: [`Hashed`].

use std::io::{self, ErrorKind, Read, Write};
use xxhash_rust::xxh3::Xxh3;

/// What bytes pass to or from, and what passed.
pub(super) struct Hashed<T> {
    inner: T,
    hash: Xxh3,
    /// How many bytes have passed.
    pub(super) passed: u64,
}

impl<T> Hashed<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Xxh3::new(),
            passed: 0,
        }
    }

    /// The checksum of all that has passed.
    pub(super) fn checksum(&self) -> u64 {
        self.hash.digest()
    }

    pub(super) fn into_inner(self) -> T {
        self.inner
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.passed += bytes.len() as u64;
    }
}

impl<T: Write> Hashed<T> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_all(bytes)?;
        self.note(bytes);
        Ok(())
    }
}

impl<T: Read> Hashed<T> {
    /// The next `length` bytes; fewer if there are no more. Memory is taken only for bytes that
    /// are there.
    pub(super) fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        /// So much is taken before it is seen that the bytes are there.
        const AHEAD_BYTES_MAX: usize = 64 * 1024;
        let mut bytes = Vec::with_capacity(length.min(AHEAD_BYTES_MAX));
        (&mut self.inner)
            .take(length as u64)
            .read_to_end(&mut bytes)?;
        self.note(&bytes);
        Ok(bytes)
    }

    /// Whether there are no more.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        let mut byte = [0];
        loop {
            match self.inner.read(&mut byte) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map(|count| count == 0),
            }
        }
    }
}
