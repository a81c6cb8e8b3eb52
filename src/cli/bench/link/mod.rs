//! A client's connection to a node: [`Link`].

mod etcd;
mod stream;

pub(super) use etcd::EtcdNode;

use super::operation::{Answer, Kind, Operation};
use super::template::Values;
use super::wire::http::Http;
use super::wire::redis::Redis;
use etcd::EtcdLink;
use protocol::Address;
use std::rc::Rc;
use std::time::{Duration, Instant};
use stream::StreamLink;

/// A node as the clients of one thread know it.
pub(super) struct Node {
    pub(super) address: Address,
    pub(super) speech: Speech,
    pub(super) values: Rc<Values>,
    /// How long it may take to accept a connection, and to answer.
    pub(super) timeout: Duration,
}

/// How a node is spoken to.
#[derive(Clone)]
pub(super) enum Speech {
    Redis(Rc<Redis>),
    Http(Rc<Http>),
    Etcd(EtcdNode),
}

/// An open connection to a node.
pub(super) enum Link {
    Redis(StreamLink<Redis>),
    Http(StreamLink<Http>),
    Etcd(Box<EtcdLink>),
}

/// Operations that are sent together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    operations: Vec<(Operation, Instant)>,
}

/// Who is told what became of each operation of a batch: which one it is, when its answer came, and
/// what that says.
pub(super) trait Listener {
    fn answered(&mut self, index: usize, now: Instant, answer: Answer<'_>);
}

impl<F: FnMut(usize, Instant, Answer<'_>)> Listener for F {
    fn answered(&mut self, index: usize, now: Instant, answer: Answer<'_>) {
        self(index, now, answer);
    }
}

/// Why a connection is of no use, or why there is none: the kind of it, and all there is to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) kind: &'static str,
    pub(super) words: String,
}

impl Node {
    /// Opens a connection, number `client` of its clients.
    ///
    /// # Errors
    /// Says why there is none. Nothing was asked of the node.
    pub(super) async fn connect(&self, client: usize) -> Result<Link, Broken> {
        let late = |_| Broken {
            kind: "no connection",
            words: format!(
                "{} accepted no connection in {} ms",
                self.address,
                self.timeout.as_millis()
            ),
        };
        let connecting = async {
            Ok(match &self.speech {
                Speech::Redis(redis) => Link::Redis(StreamLink::open(self, redis).await?),
                Speech::Http(http) => Link::Http(StreamLink::open(self, http).await?),
                Speech::Etcd(etcd) => Link::Etcd(Box::new(etcd.open(self, client).await?)),
            })
        };
        tokio::time::timeout(self.timeout, connecting)
            .await
            .map_err(late)?
    }
}

impl Link {
    /// Sends operations together, and waits for their answers.
    ///
    /// # Errors
    /// If an answer did not come or was none. Of the operations that were not answered nobody knows
    /// whether they were done, and the connection is of no use any more.
    pub(super) async fn exchange(
        &mut self,
        batch: &Batch,
        listener: &mut impl Listener,
    ) -> Result<(), Broken> {
        match self {
            Self::Redis(link) => link.exchange(batch, listener).await,
            Self::Http(link) => link.exchange(batch, listener).await,
            Self::Etcd(link) => link.exchange(batch, listener).await,
        }
    }
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.operations.clear();
    }

    /// Adds an operation that is timed from this moment on.
    pub(super) fn push(&mut self, operation: Operation, begin: Instant) {
        self.operations.push((operation, begin));
    }

    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What was asked, and from when on it is timed.
    pub(super) fn get(&self, index: usize) -> (Kind, Instant) {
        let (operation, begin) = &self.operations[index];
        (operation.kind, *begin)
    }

    /// All of them are timed from this moment on.
    pub(super) fn begin_at(&mut self, begin: Instant) {
        for operation in &mut self.operations {
            operation.1 = begin;
        }
    }

    fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().map(|(operation, _)| operation)
    }
}

impl Broken {
    fn connecting(error: impl std::fmt::Display) -> Self {
        Self {
            kind: "no connection",
            words: error.to_string(),
        }
    }

    fn closed(error: impl std::fmt::Display) -> Self {
        Self {
            kind: "connection broken",
            words: error.to_string(),
        }
    }

    fn late(timeout: Duration) -> Self {
        Self {
            kind: "no answer in time",
            words: format!("no answer in {} ms", timeout.as_millis()),
        }
    }

    fn strange(words: impl Into<String>) -> Self {
        Self {
            kind: "not understood",
            words: words.into(),
        }
    }
}
