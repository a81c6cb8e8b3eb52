//! Writes a backup: [`Writer`].

use super::block::{self, room};
use super::footer::{Counts, Footer};
use super::hashed::Hashed;
use super::header::Header;
use super::section::{self, Kind};
use super::{BLOCK_BYTES, MAGIC, Register, VALUE_BYTES_MAX, VERSION};
use std::io::{self, ErrorKind, Write};

/// Writes a backup, a block at a time.
pub(crate) struct Writer<W> {
    sink: Hashed<W>,
    /// The content of the block that is being filled.
    block: Vec<u8>,
    counts: Counts,
}

impl<W: Write> Writer<W> {
    /// Begins a backup.
    ///
    /// # Errors
    /// Those of the sink.
    pub(crate) fn begin(sink: W, header: &Header) -> io::Result<Self> {
        let mut sink = Hashed::new(sink);
        sink.write(&MAGIC)?;
        sink.write(&VERSION.to_be_bytes())?;
        sink.write(&section::encode(Kind::Header, 0, &header.encode()))?;
        Ok(Self {
            sink,
            block: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Adds a register.
    ///
    /// # Errors
    /// Those of the sink, or that the value is longer than a backup can hold.
    pub(crate) fn push(&mut self, register: &Register) -> io::Result<()> {
        if register.value.len() > VALUE_BYTES_MAX {
            let error = format!("a backup holds values of up to {VALUE_BYTES_MAX} bytes");
            return Err(io::Error::new(ErrorKind::InvalidInput, error));
        }
        if !self.block.is_empty() && self.block.len() + room(register) > BLOCK_BYTES {
            self.close_block()?;
        }
        block::put(&mut self.block, register);
        self.counts.add(register);
        Ok(())
    }

    /// Ends the backup. Gives back the sink, which is not flushed, the footer, and how many bytes
    /// were written.
    ///
    /// # Errors
    /// Those of the sink.
    pub(crate) fn finish(mut self, ended_ms: u64) -> io::Result<(W, Footer, u64)> {
        if !self.block.is_empty() {
            self.close_block()?;
        }
        let footer = Footer {
            ended_ms,
            counts: self.counts,
        };
        let number = self.counts.blocks + 1;
        let section = section::encode(Kind::Footer, number, &footer.encode());
        self.sink.write(&section)?;
        let checksum = self.sink.checksum();
        self.sink.write(&checksum.to_be_bytes())?;
        let written = self.sink.passed;
        Ok((self.sink.into_inner(), footer, written))
    }

    fn close_block(&mut self) -> io::Result<()> {
        self.counts.blocks += 1;
        let section = section::encode(Kind::Block, self.counts.blocks, &self.block);
        self.sink.write(&section)?;
        self.block.clear();
        // One that held a long value gives its room back.
        self.block.shrink_to(BLOCK_BYTES);
        Ok(())
    }
}
