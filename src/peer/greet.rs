//! Exchanging greetings over a connection.

use super::histories::Histories;
use super::wire::{Greeting, Refusal, WireError};
use crate::server::{Password, Proof};
use std::fmt;
use std::io;
use std::sync::Arc;
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

/// What a node says of itself, and what it knows. It has a challenge just if it has a password.
#[derive(Clone, Debug)]
pub(super) struct Introduction {
    pub(super) greeting: Greeting,
    pub(super) password: Option<Password>,
    /// What it knows of others.
    pub(super) histories: Arc<Histories>,
}

impl Introduction {
    /// What this node makes of another's greeting: the version to speak.
    fn judge(&self, other: &Greeting) -> Result<u16, Refusal> {
        let version = self.greeting.judge(other)?;
        self.histories.check(other)?;
        Ok(version)
    }
}

/// Who proves something. What one side proves is no proof of the other's.
const DIALLING: &[u8] = b"shmpeer dialling";
const ANSWERING: &[u8] = b"shmpeer answering";

/// Greets the node that was dialled, and gives what it answered and the version to speak.
///
/// With a password each side proves to the other that it knows it, the dialling one first: so a
/// stranger who dials is given nothing from which passwords could be guessed.
///
/// # Errors
/// [`GreetError`]. `Refused(Refusal::Itself)` means that the node has dialled itself.
pub(super) async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    own: &Introduction,
    deadline: Duration,
) -> Result<(Greeting, u16), GreetError> {
    within(deadline, async {
        let said = own.greeting.encode();
        stream.write_all(&said).await?;
        let (other, heard) = read_greeting(stream).await?;
        let version = match (own.judge(&other), other.refusal) {
            (Ok(version), None) => version,
            (Err(Refusal::Itself), _) => return Err(GreetError::Refused(Refusal::Itself)),
            (_, Some(refusal)) => return Err(GreetError::RefusedByPeer(refusal)),
            (Err(refusal), None) => return Err(GreetError::Refused(refusal)),
        };
        if let Some(password) = &own.password {
            let proof = password.proof(&[DIALLING, &said, &heard]);
            stream.write_all(&proof).await?;
            if let Some(refusal) = Refusal::from_number(stream.read_u8().await?) {
                return Err(GreetError::RefusedByPeer(refusal));
            }
            let proof = read_proof(stream).await?;
            if !password.is_proved_by(&proof, &[ANSWERING, &said, &heard]) {
                return Err(GreetError::Refused(Refusal::WrongPassword));
            }
        }
        own.histories.met(&other);
        Ok((other, version))
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
    own: &Introduction,
    deadline: Duration,
) -> Result<Greeting, (GreetError, Option<Greeting>)> {
    let mut heard = None;
    let answered = within(deadline, async {
        let (other, said) = read_greeting(stream).await?;
        let other = heard.insert(other);
        let verdict = own.judge(other);
        let answer = Greeting {
            refusal: verdict.err(),
            ..own.greeting.clone()
        };
        let answer = answer.encode();
        stream.write_all(&answer).await?;
        verdict.map_err(GreetError::Refused)?;
        if let Some(password) = &own.password {
            let proof = read_proof(stream).await?;
            if !password.is_proved_by(&proof, &[DIALLING, &said, &answer]) {
                let refusal = Refusal::WrongPassword;
                stream.write_u8(refusal.number()).await?;
                return Err(GreetError::Refused(refusal));
            }
            let proof = password.proof(&[ANSWERING, &said, &answer]);
            stream.write_all(&[&[0], &proof[..]].concat()).await?;
        }
        Ok(())
    })
    .await;
    match (answered, heard) {
        (Ok(()), Some(other)) => {
            own.histories.met(&other);
            Ok(other)
        }
        (Ok(()), None) => unreachable!("what was answered was heard"),
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

/// A greeting, and its bytes as they came.
async fn read_greeting(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<(Greeting, Vec<u8>), GreetError> {
    let mut head = [0; Greeting::HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let mut rest = vec![0; Greeting::decode_head(head)?];
    stream.read_exact(&mut rest).await?;
    let greeting = Greeting::decode_rest(&rest)?;
    Ok((greeting, [&head[..], &rest].concat()))
}

async fn read_proof(stream: &mut (impl AsyncRead + Unpin)) -> Result<Proof, GreetError> {
    let mut proof = Proof::default();
    stream.read_exact(&mut proof).await?;
    Ok(proof)
}
