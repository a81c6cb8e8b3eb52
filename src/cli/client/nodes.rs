//! Nodes of which any can answer: [`Nodes`].

use crate::cli::client::{
    ANSWER_GRACE, ClientArgs, Connection, Credentials, Lost, Problem, View, ask_for,
};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Response, StatusCode};
use protocol::Address;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Nodes of which any can answer; another one goes on where one stopped. For what does no harm when
/// it is done twice: reads, and writes that may be made again.
pub(crate) struct Nodes {
    addresses: Arc<[Address]>,
    credentials: Credentials,
    timeout: Duration,
    /// The cluster of which they must be, if they must.
    cluster: Option<String>,
    /// To the one that answered last, and which one that is.
    connection: Option<Connection>,
    at: usize,
}

/// What is asked.
pub(crate) struct Ask {
    /// How.
    pub(crate) method: Method,
    /// What of the node, with a query.
    pub(crate) path: String,
    /// On which terms.
    pub(crate) headers: HeaderMap,
    /// What with.
    pub(crate) body: Bytes,
}

/// Why no node answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoAnswer {
    /// None of them could; each might later.
    Nowhere(Vec<(Address, String)>),
    /// There is an answer, which is longer than any that is taken.
    TooLong,
}

impl Nodes {
    /// The nodes that were named on the command line.
    pub(crate) fn of(arguments: &ClientArgs, credentials: &Credentials) -> Self {
        Self {
            addresses: arguments.nodes.as_slice().into(),
            credentials: credentials.clone(),
            timeout: arguments.timeout_ms,
            cluster: None,
            connection: None,
            at: 0,
        }
    }

    /// The same nodes, asked from the one with this index on, and only if they are of a cluster.
    pub(crate) fn from(&self, first: usize, cluster: &str) -> Self {
        Self {
            addresses: Arc::clone(&self.addresses),
            credentials: self.credentials.clone(),
            timeout: self.timeout,
            cluster: Some(cluster.to_owned()),
            connection: None,
            at: first % self.addresses.len(),
        }
    }

    /// How long an operation may take at a node.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks the node that answered last, and if that cannot answer each of the others once. An
    /// answer is what is no different at another node or later: a refusal, too.
    ///
    /// # Errors
    /// [`NoAnswer`], if there is none.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<(&Address, Response<Bytes>), NoAnswer> {
        let mut reasons = Vec::new();
        for _ in 0..self.addresses.len() {
            let at = self.at;
            match self.ask_one(&self.addresses[at].clone(), ask).await {
                Ok(answer) => return Ok((&self.addresses[at], answer)),
                Err(Unanswered::Reason(reason)) => {
                    reasons.push((self.addresses[at].clone(), reason));
                }
                Err(Unanswered::TooLong) => return Err(NoAnswer::TooLong),
            }
            self.at = (at + 1) % self.addresses.len();
        }
        Err(NoAnswer::Nowhere(reasons))
    }

    async fn ask_one(&mut self, node: &Address, ask: &Ask) -> Result<Response<Bytes>, Unanswered> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open(node).await.map_err(Unanswered::Reason)?,
        };
        let (method, headers) = (ask.method.clone(), ask.headers.clone());
        let deadline = self.timeout + ANSWER_GRACE;
        let answer = connection
            .request_with(method, &ask.path, headers, ask.body.clone(), deadline)
            .await
            .map_err(|lost| match lost {
                Lost::TooLong => Unanswered::TooLong,
                lost => Unanswered::Reason(lost.to_string()),
            })?;
        let status = answer.status();
        if status.is_server_error() || WORTH_ANOTHER_TRY.contains(&status) {
            let reason = Problem::read(answer.body()).reason(status);
            return Err(Unanswered::Reason(reason));
        }
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn open(&self, node: &Address) -> Result<Connection, String> {
        let connection = Connection::open_answering(node).await;
        let connection = connection.map_err(|unreachable| unreachable.to_string())?;
        let mut connection = connection.saying(&self.credentials);
        if let Some(wanted) = &self.cluster {
            let deadline = self.timeout + ANSWER_GRACE;
            let (_, view): (_, View) = ask_for(&mut connection, "/v1/cluster", deadline).await?;
            if view.cluster.as_ref() != Some(wanted) {
                let its = view.cluster.as_deref().unwrap_or("none yet");
                return Err(format!("its cluster is another one ({its}, not {wanted})"));
            }
        }
        Ok(connection)
    }
}

enum Unanswered {
    Reason(String),
    TooLong,
}

/// What else a node says that has no time for it now.
const WORTH_ANOTHER_TRY: [StatusCode; 2] =
    [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];

impl Ask {
    /// Asks for something.
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Gives something to be worked on.
    pub(crate) fn post(path: String, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::POST,
            path,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }
}

/// What each of them said, a line each.
impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => Lost::TooLong.fmt(f),
            Self::Nowhere(reasons) => reasons
                .iter()
                .try_for_each(|(node, reason)| write!(f, "\n  {node}: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::stub::{Stub, json, nowhere};
    use crate::cli::password::PasswordArgs;

    fn nodes(addresses: &[&Address]) -> Nodes {
        let arguments = ClientArgs {
            nodes: addresses.iter().map(|&node| node.clone()).collect(),
            timeout_ms: Duration::from_secs(5),
            password: PasswordArgs::default(),
            json: false,
        };
        Nodes::of(&arguments, &Credentials::NONE)
    }

    async fn always(status: u16) -> Stub {
        Stub::start(move |_| Some(json(status, "{}"))).await
    }

    #[tokio::test]
    async fn the_node_that_answered_is_asked_again_and_another_one_when_it_cannot() {
        let mut answers = 0;
        let first = Stub::start(move |_| {
            answers += 1;
            (answers <= 2).then(|| json(200, "{}"))
        });
        let (first, second) = (first.await, always(200).await);
        let mut nodes = nodes(&[&first.address, &second.address]);
        for expected in [&first, &first, &second, &second] {
            let (node, _) = nodes.ask(&Ask::get("/x".to_owned())).await.unwrap();
            assert_eq!(*node, expected.address);
        }
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_having_no_time_is_none() {
        let (away, busy) = (nowhere().await, always(429).await);
        let (broken, refuses) = (always(503).await, always(413).await);
        let addresses = [&away, &busy.address, &broken.address, &refuses.address];
        let mut all = nodes(&addresses);
        let (node, answer) = all.ask(&Ask::get("/x".to_owned())).await.unwrap();
        assert_eq!((node, answer.status().as_u16()), (&refuses.address, 413));
        let mut without_time = nodes(&addresses[..3]);
        let none = without_time.ask(&Ask::get("/x".to_owned())).await;
        let Err(NoAnswer::Nowhere(reasons)) = none else {
            panic!("{none:?}");
        };
        assert_eq!(reasons.len(), 3);
    }

    #[tokio::test]
    async fn a_node_of_another_cluster_is_not_asked() {
        const VIEW: &str = r#"{"node":"1","standing":"member","cluster":"theirs","epoch":1,
            "members":[],"quorum":true,"registers":0,"operations_running":0,
            "rounds":{"read":{"one":0,"two":0,"more":0}},"version":"0"}"#;
        let stub = Stub::start(|_| Some(json(200, VIEW))).await;
        let nodes = nodes(&[&stub.address]);
        let ask = Ask::get("/x".to_owned());
        let none = nodes.from(0, "ours").ask(&ask).await.map(|_| ());
        assert!(
            none.unwrap_err()
                .to_string()
                .contains("another one (theirs")
        );
        assert!(nodes.from(7, "theirs").ask(&ask).await.is_ok());
    }
}
