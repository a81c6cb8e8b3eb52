//! Commands on the names of registers: `SCAN`, `KEYS`, `RANDOMKEY`, `DBSIZE`.
//!
//! Each is about the whole cluster, whichever node is asked: a cursor of one node goes on at any
//! other. What held a value all the while that a `SCAN` went on, from its first call to its last,
//! is returned, and once; what never did is not. `DBSIZE` and `KEYS` are exact while nobody writes.

#[cfg(test)]
mod tests;

use super::data;
use crate::glob::matches;
use crate::server::cursor;
use crate::server::{Limits, NamesPage, Node, NotListed};
use bytes::Bytes;
use commands::{Command, KeyCommand, Scan, ServerCommand};
use protocol::{Position, Refusal, RegisterName};
use rand::RngExt;
use resp::ReplyWriter;
use std::time::Duration;
use tokio::time::Instant;

/// The most bytes of names that `KEYS` answers with.
const KEYS_BYTES_MAX: usize = 16 << 20;

/// The most names that one `SCAN` looks at, whatever it asks for.
const SCAN_COUNT_MAX: u64 = 10_000;

/// How many names `KEYS` asks for at once.
const KEYS_PAGE: usize = 10_000;

/// From how many names that come one after another `RANDOMKEY` draws one.
const RANDOM_PAGE: usize = 16;

/// What listings stand on: a node, or in tests something that answers as one.
pub(super) trait Names: Sync {
    /// A page of the names that come after a position, as [`Node::list`] gives it.
    fn list(
        &self,
        after: Option<Position>,
        count: usize,
        timeout: Duration,
    ) -> impl Future<Output = Result<NamesPage, NotListed>> + Send;

    /// How many there are, as [`Node::count`] gives it.
    fn count(&self, timeout: Duration) -> impl Future<Output = Result<u64, NotListed>> + Send;

    /// What clients may ask for.
    fn limits(&self) -> &Limits;
}

impl Names for Node {
    async fn list(
        &self,
        after: Option<Position>,
        count: usize,
        timeout: Duration,
    ) -> Result<NamesPage, NotListed> {
        Node::list(self, after, count, timeout).await
    }

    async fn count(&self, timeout: Duration) -> Result<u64, NotListed> {
        Node::count(self, timeout).await
    }

    fn limits(&self) -> &Limits {
        crate::http::Registers::limits(self)
    }
}

/// Whether a command is one of these.
pub(super) fn is_listing(command: &KeyCommand) -> bool {
    matches!(
        command,
        KeyCommand::Scan(_) | KeyCommand::Keys(_) | KeyCommand::Random
    )
}

/// Carries out one of these commands and answers it. `SCAN`, `RANDOMKEY` and `DBSIZE` end within
/// the time that an operation has, `KEYS` within the longest that one may have.
pub(super) async fn carry_out(names: &impl Names, command: Command, to: &mut ReplyWriter<'_>) {
    let failure = match command {
        Command::Key(KeyCommand::Scan(scan)) => self::scan(names, &scan, to).await,
        Command::Key(KeyCommand::Keys(pattern)) => keys(names, &pattern, to).await,
        Command::Key(KeyCommand::Random) => random(names, to).await,
        Command::Server(ServerCommand::Size) => size(names, to).await,
        _ => unreachable!("it is about registers, not about their names"),
    };
    if let Err(failure) = failure {
        to.error(failure.sentence());
    }
}

/// Why a command was not carried out.
enum Failure {
    Cursor,
    TooManyKeys,
    NotListed(NotListed),
}

impl From<NotListed> for Failure {
    fn from(reason: NotListed) -> Self {
        Failure::NotListed(reason)
    }
}

impl Failure {
    fn sentence(&self) -> String {
        match self {
            Failure::Cursor => "ERR invalid cursor".to_owned(),
            Failure::TooManyKeys => {
                format!("ERR the names that match have more than {KEYS_BYTES_MAX} bytes; use SCAN")
            }
            Failure::NotListed(reason) => match reason.refusal {
                Refusal::NoMember => "CLUSTERDOWN this node is no member of the cluster and \
                    cannot list its keys; ask a member"
                    .to_owned(),
                refusal => data::refused(refusal),
            },
        }
    }
}

async fn scan(names: &impl Names, scan: &Scan, to: &mut ReplyWriter<'_>) -> Result<(), Failure> {
    let after = cursor::position(scan.cursor).ok_or(Failure::Cursor)?;
    let of_type = scan.of_type.as_deref();
    let page = match of_type.is_none_or(|of_type| of_type.eq_ignore_ascii_case(b"string")) {
        true => {
            let count = usize::try_from(scan.count.min(SCAN_COUNT_MAX)).expect("a few thousands");
            names
                .list(after, count, names.limits().timeout_default)
                .await?
        }
        // There is no register of any other type.
        false => NamesPage {
            names: Vec::new(),
            next: None,
        },
    };
    let pattern = scan.pattern.as_ref();
    let is_match =
        |name: &&RegisterName| pattern.is_none_or(|pattern| matches(pattern, name.as_bytes()));
    let matching: Vec<_> = page.names.iter().filter(is_match).collect();
    to.array(2);
    to.bulk(cursor::number(page.next).to_string());
    to.array(matching.len());
    for name in matching {
        to.bulk(name.as_bytes());
    }
    Ok(())
}

async fn keys(
    names: &impl Names,
    pattern: &Bytes,
    to: &mut ReplyWriter<'_>,
) -> Result<(), Failure> {
    let limits = names.limits();
    let deadline = Instant::now() + limits.timeout_max;
    let (mut matching, mut bytes, mut after) = (Vec::new(), 0, None);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = names.list(after, KEYS_PAGE, left.min(limits.timeout_default));
        let page = page.await?;
        for name in page.names {
            if matches(pattern, name.as_bytes()) {
                bytes += name.as_bytes().len();
                matching.push(name);
            }
        }
        if bytes > KEYS_BYTES_MAX {
            return Err(Failure::TooManyKeys);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    to.array(matching.len());
    for name in matching {
        to.bulk(name.as_bytes());
    }
    Ok(())
}

/// Any name. One that follows on a wide gap in the order of names is a little likelier than others.
async fn random(names: &impl Names, to: &mut ReplyWriter<'_>) -> Result<(), Failure> {
    let timeout = names.limits().timeout_default;
    let somewhere = Position::from_number(rand::rng().random_range(0..=Position::NUMBER_MAX));
    let mut page = names.list(somewhere, RANDOM_PAGE, timeout).await?;
    if page.names.is_empty() {
        page = names.list(None, RANDOM_PAGE, timeout).await?;
    }
    match page.names.len() {
        0 => to.nil(),
        count => {
            let name = &page.names[rand::rng().random_range(0..count)];
            to.bulk(name.as_bytes());
        }
    }
    Ok(())
}

async fn size(names: &impl Names, to: &mut ReplyWriter<'_>) -> Result<(), Failure> {
    let count = names.count(names.limits().timeout_default).await?;
    to.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
