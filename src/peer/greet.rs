//! Exchanging greetings over a connection.

use super::wire::{Greeting, Refusal, WireError};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Why no greetings were exchanged.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum GreetError {
    /// It took too long.
    Late,
    /// The connection broke or was closed.
    Broken(io::ErrorKind),
    /// What came is no greeting.
    Malformed(WireError),
    /// This node refused the other one.
    Refused(Refusal),
    /// The other node refused this one.
    RefusedByPeer(Refusal),
}

impl fmt::Display for GreetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GreetError::Late => f.write_str("it did not complete the handshake in time"),
            GreetError::Broken(kind) => write!(f, "the handshake was broken off: {kind}"),
            GreetError::Malformed(error) => write!(f, "the handshake is malformed: {error}"),
            GreetError::Refused(refusal) => write!(f, "this node refuses it: {refusal}"),
            GreetError::RefusedByPeer(refusal) => write!(f, "it refuses this node: {refusal}"),
        }
    }
}

impl From<io::Error> for GreetError {
    fn from(error: io::Error) -> Self {
        GreetError::Broken(error.kind())
    }
}

impl From<WireError> for GreetError {
    fn from(error: WireError) -> Self {
        GreetError::Malformed(error)
    }
}

/// Greets the node that was dialled, and gives what it answered and the version to speak.
///
/// # Errors
/// [`GreetError`]. `Refused(Refusal::Itself)` means that the node has dialled itself.
pub(super) async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    own: &Greeting,
    deadline: Duration,
) -> Result<(Greeting, u16), GreetError> {
    within(deadline, async {
        stream.write_all(&own.encode()).await?;
        let other = read_greeting(stream).await?;
        match (own.judge(&other), other.refusal) {
            (Ok(version), None) => Ok((other, version)),
            (Err(Refusal::Itself), _) => Err(GreetError::Refused(Refusal::Itself)),
            (_, Some(refusal)) => Err(GreetError::RefusedByPeer(refusal)),
            (Err(refusal), None) => Err(GreetError::Refused(refusal)),
        }
    })
    .await
}

/// Reads the greeting of a node that dialled this one, and answers it. One that is refused is
/// told why.
///
/// # Errors
/// [`GreetError`], with the greeting if there was one.
pub(super) async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    own: &Greeting,
    deadline: Duration,
) -> Result<Greeting, (GreetError, Option<Greeting>)> {
    let mut heard = None;
    let answered = within(deadline, async {
        let other = heard.insert(read_greeting(stream).await?);
        let verdict = own.judge(other);
        let answer = Greeting {
            refusal: verdict.err(),
            ..own.clone()
        };
        stream.write_all(&answer.encode()).await?;
        verdict.map_err(GreetError::Refused)
    })
    .await;
    match (answered, heard) {
        (Ok(_), Some(other)) => Ok(other),
        (Ok(_), None) => unreachable!("what was answered was heard"),
        (Err(error), heard) => Err((error, heard)),
    }
}

async fn within<T>(
    deadline: Duration,
    exchange: impl Future<Output = Result<T, GreetError>>,
) -> Result<T, GreetError> {
    timeout(deadline, exchange)
        .await
        .unwrap_or(Err(GreetError::Late))
}

async fn read_greeting(stream: &mut (impl AsyncRead + Unpin)) -> Result<Greeting, GreetError> {
    let mut head = [0; Greeting::HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let mut rest = vec![0; Greeting::decode_head(head)?];
    stream.read_exact(&mut rest).await?;
    Ok(Greeting::decode_rest(&rest)?)
}
