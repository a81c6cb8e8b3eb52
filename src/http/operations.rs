//! What an operation's outcome means to an HTTP client.

use super::conditions::Precondition;
use super::expires::Expires;
use super::problem::Problem;
use super::{Face, NEVER_CACHED, Registers};
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue};
use protocol::{
    Change, Condition, Effect, NewExpiry, Operation, Outcome, Record, Refusal, RegisterName, Slot,
    Tag, UnixMillis, Unmet,
};
use std::time::Duration;

/// How many rounds of messages the operation took.
const ROUNDS: HeaderName = HeaderName::from_static("shardedmemory-rounds");

/// When the value expires, in milliseconds since 1970.
const EXPIRES_MS: HeaderName = HeaderName::from_static("shardedmemory-expires-ms");

/// A write that a client asks for.
pub(super) struct Write {
    pub(super) name: RegisterName,
    /// The value, or nothing: that is a delete.
    pub(super) content: Option<Bytes>,
    /// When the value is to expire, if it is.
    pub(super) expires: Option<Expires>,
    /// What must hold of the register.
    pub(super) precondition: Precondition,
}

/// What every answer says about a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// Its tag, which is zero if nobody ever wrote it.
    pub(super) tag: Tag,
    /// When what it holds expires, if it does.
    pub(super) expiry: Option<UnixMillis>,
    /// How many rounds of messages the operation took.
    pub(super) rounds: u8,
}

impl<R: Registers> Face<R> {
    /// Reads a register.
    pub(super) async fn read(
        &self,
        name: RegisterName,
        timeout: Duration,
    ) -> Result<(Option<Bytes>, About), Problem> {
        let slot = name.slot();
        let operation = Operation::Read { name };
        match self.registers.execute(operation, timeout).await {
            Outcome::Read { record, rounds } => {
                let about = About::new(&record, rounds);
                Ok((record.content, about))
            }
            Outcome::Refused(refusal) => Err(self.refused(refusal, slot)),
            // A read has no effect, so one that failed certainly had none. (It may have been
            // carried out by another node, whose word is not checked for making sense.)
            Outcome::Unknown
            | Outcome::Written { .. }
            | Outcome::Modified { .. }
            | Outcome::Unchanged { .. } => Err(self.refused(Refusal::NoQuorum, slot)),
        }
    }

    /// Writes a value, or nothing, if what is there is as it must be.
    pub(super) async fn write(&self, write: Write, timeout: Duration) -> Result<About, Problem> {
        let Write {
            name,
            content,
            expires,
            precondition,
        } = write;
        let expiry = expires.map(|expires| expires.at(self.registers.wall_clock()));
        match precondition {
            Precondition::None => self.write_over(name, content, expiry, timeout).await,
            Precondition::Some(condition) => {
                let expiry = expiry.map_or(NewExpiry::Never, NewExpiry::At);
                let effect = Effect::Put { content, expiry };
                let change = Change { condition, effect };
                self.modify(name, change, timeout).await
            }
            Precondition::Unmeetable => {
                let (_, about) = self.read(name, timeout).await?;
                Err(Problem::condition_failed(about))
            }
        }
    }

    async fn write_over(
        &self,
        name: RegisterName,
        content: Option<Bytes>,
        expiry: Option<UnixMillis>,
        timeout: Duration,
    ) -> Result<About, Problem> {
        let slot = name.slot();
        let operation = Operation::Write {
            name,
            content,
            expiry,
        };
        match self.registers.execute(operation, timeout).await {
            Outcome::Written { tag, rounds } => Ok(About {
                tag,
                expiry,
                rounds,
            }),
            Outcome::Refused(refusal) => Err(self.refused(refusal, slot)),
            Outcome::Unknown
            | Outcome::Read { .. }
            | Outcome::Modified { .. }
            | Outcome::Unchanged { .. } => Err(Problem::unknown()),
        }
    }

    async fn modify(
        &self,
        name: RegisterName,
        change: Change,
        timeout: Duration,
    ) -> Result<About, Problem> {
        let slot = name.slot();
        let operation = Operation::Modify {
            name,
            change: change.clone(),
        };
        match self.registers.execute(operation, timeout).await {
            Outcome::Modified { record, rounds, .. } => Ok(About::new(&record, rounds)),
            Outcome::Unchanged {
                record,
                unmet,
                rounds,
            } => {
                let about = About::new(&record, rounds);
                match unmet {
                    Unmet::TooLong => Err(Problem::too_large(
                        "the value is longer than a value may be",
                    )),
                    _ if is_done_already(&change, &record) => Ok(about),
                    _ => Err(Problem::condition_failed(about)),
                }
            }
            Outcome::Refused(refusal) => Err(self.refused(refusal, slot)),
            Outcome::Unknown | Outcome::Read { .. } | Outcome::Written { .. } => {
                Err(Problem::unknown())
            }
        }
    }

    fn refused(&self, refusal: Refusal, slot: Slot) -> Problem {
        Problem::refused(refusal, slot, || self.registers.view())
    }
}

/// Whether it was to delete, and there is nothing, just as the condition has it.
fn is_done_already(change: &Change, record: &Record) -> bool {
    change.effect == Effect::DELETE
        && record.content.is_none()
        && match &change.condition {
            Condition::Absent => true,
            Condition::Tag(tag) => record.tag == *tag,
            _ => false,
        }
}

impl About {
    fn new(record: &Record, rounds: u8) -> Self {
        Self {
            tag: record.tag,
            expiry: record.expiry,
            rounds,
        }
    }

    /// The tag, unless nobody ever wrote the register.
    pub(super) fn known_tag(&self) -> Option<Tag> {
        Some(self.tag).filter(|tag| !tag.is_zero())
    }

    /// The same as headers.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        if let Some(tag) = self.known_tag() {
            headers.insert(ETAG, etag(tag));
        }
        if let Some(UnixMillis(at)) = self.expiry {
            headers.insert(EXPIRES_MS, HeaderValue::from(at));
        }
        headers.insert(ROUNDS, HeaderValue::from(u16::from(self.rounds)));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(NEVER_CACHED));
        headers
    }
}

/// The tag as an entity tag: in quotes.
pub(super) fn etag(tag: Tag) -> HeaderValue {
    let quoted = format!("\"{tag}\"");
    HeaderValue::try_from(quoted).expect("a tag is written in digits and hyphens")
}
