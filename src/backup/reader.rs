//! Reads a backup, and finds whatever was changed: [`Reader`].

use super::error::{Fault, Place, ReadError};
use super::footer::{Counts, Footer};
use super::hashed::Hashed;
use super::header::Header;
use super::section::{HEAD_BYTES, Head, Kind};
use super::{MAGIC, Register, VERSION, block};
use hyper::body::Bytes;
use std::io::Read;

/// Reads a backup, a block at a time. What it gives is as it was written; that it is all of it is
/// known once the footer is there.
pub(crate) struct Reader<R> {
    source: Hashed<R>,
    header: Header,
    footer: Option<Footer>,
    /// What the blocks so far held.
    counts: Counts,
}

impl<R: Read> Reader<R> {
    /// Reads up to the end of the header.
    ///
    /// # Errors
    /// [`ReadError`] says what is amiss.
    pub(crate) fn open(source: R) -> Result<Self, ReadError> {
        let mut source = Hashed::new(source);
        preamble(&mut source).map_err(at(Place::Preamble, 0))?;
        let begins = source.passed;
        let header = match section(&mut source, 0) {
            Ok((Kind::Header, content)) => Header::decode(content).map_err(Fault::Malformed),
            Ok(_) => Err(Fault::Malformed("another section is in its place")),
            Err(fault) => Err(fault),
        };
        Ok(Self {
            header: header.map_err(at(Place::Header, begins))?,
            source,
            footer: None,
            counts: Counts::default(),
        })
    }

    /// Of what the backup is.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What it came to, once it is known to be whole.
    pub(crate) fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// How many bytes were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.source.passed
    }

    /// The registers of the next block. There are no more if the backup is whole and was read to
    /// its end.
    ///
    /// # Errors
    /// [`ReadError`] says what is amiss. After that nothing more is to be had.
    pub(crate) fn next_block(&mut self) -> Result<Option<Vec<Register>>, ReadError> {
        if self.footer.is_some() {
            return Ok(None);
        }
        let begins = self.source.passed;
        let number = self.counts.blocks + 1;
        let is_of_block = at(Place::Block(number), begins);
        match section(&mut self.source, number) {
            Err(fault) => Err(is_of_block(fault)),
            Ok((Kind::Header, _)) => Err(is_of_block(Fault::Malformed(
                "a second header is in its place",
            ))),
            Ok((Kind::Block, content)) => {
                let registers = block::decode(content);
                let registers = registers.map_err(|what| is_of_block(Fault::Malformed(what)))?;
                self.counts.blocks = number;
                registers
                    .iter()
                    .for_each(|register| self.counts.add(register));
                Ok(Some(registers))
            }
            Ok((Kind::Footer, content)) => {
                let footer = self.check_footer(content);
                let footer = footer.map_err(at(Place::Footer, begins))?;
                self.check_end()?;
                self.footer = Some(footer);
                Ok(None)
            }
        }
    }

    fn check_footer(&self, content: Bytes) -> Result<Footer, Fault> {
        let footer = Footer::decode(content).map_err(Fault::Malformed)?;
        match footer.counts == self.counts {
            true => Ok(footer),
            false => Err(Fault::Malformed("it counts what is not in the blocks")),
        }
    }

    fn check_end(&mut self) -> Result<(), ReadError> {
        let expected = self.source.checksum().to_be_bytes();
        match self.source.read(expected.len()) {
            Ok(found) if found == expected => {}
            Ok(found) if found.len() < expected.len() => {
                return Err(at(Place::Checksum, 0)(Fault::CutOff));
            }
            Ok(_) => return Err(at(Place::Checksum, 0)(Fault::WrongChecksum)),
            Err(error) => return Err(at(Place::Checksum, 0)(Fault::Unreadable(error))),
        }
        let is_after = at(Place::End, self.source.passed);
        match self.source.is_at_end() {
            Ok(true) => Ok(()),
            Ok(false) => Err(is_after(Fault::Malformed("nothing is to follow"))),
            Err(error) => Err(is_after(Fault::Unreadable(error))),
        }
    }
}

fn at(place: Place, at: u64) -> impl Fn(Fault) -> ReadError {
    move |fault| ReadError { place, at, fault }
}

/// Reads what a file begins with.
fn preamble(source: &mut Hashed<impl Read>) -> Result<(), Fault> {
    let magic = source.read(MAGIC.len()).map_err(Fault::Unreadable)?;
    if magic != MAGIC {
        let is_start = !magic.is_empty() && MAGIC.starts_with(&magic);
        return Err(if is_start {
            Fault::CutOff
        } else {
            Fault::NoBackup
        });
    }
    let version = exactly(source)?;
    match u32::from_be_bytes(version) {
        VERSION => Ok(()),
        other => Err(Fault::OtherVersion(other)),
    }
}

/// Reads the section that has this number.
fn section(source: &mut Hashed<impl Read>, number: u64) -> Result<(Kind, Bytes), Fault> {
    let head: [u8; HEAD_BYTES] = exactly(source)?;
    let head = Head::decode(&head)?;
    if head.number != number {
        return Err(Fault::Malformed(
            "a section of another number is in its place",
        ));
    }
    let length = head.stored_bytes as usize;
    let stored = source.read(length).map_err(Fault::Unreadable)?;
    if stored.len() < length {
        return Err(Fault::CutOff);
    }
    Ok((head.kind, head.content(stored)?))
}

fn exactly<const N: usize>(source: &mut Hashed<impl Read>) -> Result<[u8; N], Fault> {
    let bytes = source.read(N).map_err(Fault::Unreadable)?;
    bytes.try_into().map_err(|_| Fault::CutOff)
}
