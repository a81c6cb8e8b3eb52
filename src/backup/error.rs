//! Why a backup cannot be read: [`ReadError`].

use super::VERSION;
use std::fmt;
use std::io;

/// Why a backup cannot be read, and where.
#[derive(Debug)]
pub(crate) struct ReadError {
    /// The part that is amiss.
    pub(super) place: Place,
    /// The byte of the file at which that begins.
    pub(super) at: u64,
    /// What is amiss with it.
    pub(super) fault: Fault,
}

/// A part of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// What a file begins with.
    Preamble,
    /// The first section.
    Header,
    /// One of the sections between, by number, from one on.
    Block(u64),
    /// The last section.
    Footer,
    /// The checksum of the whole file.
    Checksum,
    /// What follows that.
    End,
}

/// What can be amiss with a part of a file.
#[derive(Debug)]
pub(super) enum Fault {
    /// The system could not read it.
    Unreadable(io::Error),
    /// The file ends in the midst of it.
    CutOff,
    /// The file is none of a backup.
    NoBackup,
    /// The file is of another version of the format.
    OtherVersion(u32),
    /// Its bytes are not those that were written.
    WrongChecksum,
    /// Its bytes are those that were written, and not by the rules.
    Malformed(&'static str),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, at, fault } = self;
        match fault {
            Fault::Unreadable(error) => {
                write!(f, "{place}, from byte {at}, cannot be read: {error}")
            }
            Fault::CutOff => write!(
                f,
                "it is cut off: {place}, from byte {at}, is not all there"
            ),
            Fault::NoBackup => write!(
                f,
                "it is no backup: {place}, from byte {at}, is not that of one"
            ),
            Fault::OtherVersion(version) => write!(
                f,
                "{place}, from byte {at}, says that it is of version {version} of the format, and \
                 this program reads version {VERSION}"
            ),
            Fault::WrongChecksum => write!(
                f,
                "it was changed: {place}, from byte {at}, does not fit its checksum"
            ),
            Fault::Malformed(what) => write!(f, "{place}, from byte {at}, is malformed: {what}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preamble => f.write_str("its beginning"),
            Self::Header => f.write_str("its header"),
            Self::Block(number) => write!(f, "block {number}"),
            Self::Footer => f.write_str("its footer"),
            Self::Checksum => f.write_str("the file"),
            Self::End => f.write_str("what follows its end"),
        }
    }
}
