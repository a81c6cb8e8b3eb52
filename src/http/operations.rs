//! What an operation's outcome means to an HTTP client.

use super::problem::Problem;
use super::{Face, NEVER_CACHED, Registers};
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue};
use protocol::{Operation, Outcome, Record, Refusal, RegisterName, Slot, Tag};
use std::time::Duration;

/// How many rounds of messages the operation took.
const ROUNDS: HeaderName = HeaderName::from_static("shardedmemory-rounds");

impl<R: Registers> Face<R> {
    /// Reads a register, and says in how many rounds.
    pub(super) async fn read(
        &self,
        name: RegisterName,
        timeout: Duration,
    ) -> Result<(Record, u8), Problem> {
        let slot = name.slot();
        let operation = Operation::Read { name };
        match self.registers.execute(operation, timeout).await {
            Outcome::Read { record, rounds } => Ok((record, rounds)),
            Outcome::Refused(refusal) => Err(self.refused(refusal, slot)),
            // A read has no effect, so one that failed certainly had none. (It may have been
            // carried out by another node, whose word is not checked for making sense.)
            Outcome::Unknown
            | Outcome::Written { .. }
            | Outcome::Modified { .. }
            | Outcome::Unchanged { .. } => Err(self.refused(Refusal::NoQuorum, slot)),
        }
    }

    /// Writes a value, or nothing, and says under which tag and in how many rounds.
    pub(super) async fn write(
        &self,
        name: RegisterName,
        content: Option<Bytes>,
        timeout: Duration,
    ) -> Result<(Tag, u8), Problem> {
        let slot = name.slot();
        let operation = Operation::Write {
            name,
            content,
            expiry: None,
        };
        match self.registers.execute(operation, timeout).await {
            Outcome::Written { tag, rounds } => Ok((tag, rounds)),
            Outcome::Refused(refusal) => Err(self.refused(refusal, slot)),
            Outcome::Unknown
            | Outcome::Read { .. }
            | Outcome::Modified { .. }
            | Outcome::Unchanged { .. } => Err(Problem::unknown()),
        }
    }

    fn refused(&self, refusal: Refusal, slot: Slot) -> Problem {
        Problem::refused(refusal, slot, || self.registers.view())
    }
}

/// The headers of every answer about a register: its tag, unless nobody ever wrote it, and the
/// rounds it took.
pub(super) fn headers(tag: Tag, rounds: u8) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    if !tag.is_zero() {
        headers.insert(ETAG, etag(tag));
    }
    headers.insert(ROUNDS, HeaderValue::from(u16::from(rounds)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(NEVER_CACHED));
    headers
}

/// The tag as an entity tag: in quotes.
pub(super) fn etag(tag: Tag) -> HeaderValue {
    let quoted = format!("\"{tag}\"");
    HeaderValue::try_from(quoted).expect("a tag is written in digits and hyphens")
}
