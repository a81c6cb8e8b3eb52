//! A connection that another node dialled: [`serve`].

use super::figures::Count;
use super::greet::{GreetError, answer};
use super::reader::{Batch, BatchReader, ReadError};
use super::shared::Shared;
use super::wire::{self, Greeting, Refusal, WireError};
use protocol::{Incarnation, Message};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Exchanges greetings, then hands on what the other node says until the connection ends.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    if let Ok(remote) = stream.peer_addr() {
        serve_stream(&shared, remote, stream).await;
    }
}

/// The same for a connection of any kind, which comes from there.
pub(super) async fn serve_stream(
    shared: &Shared,
    remote: SocketAddr,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) {
    let (own, deadline) = (shared.introduction(), shared.settings.handshake_timeout);
    let peer = match answer(&mut stream, &own, deadline).await {
        Ok(other) => other.incarnation,
        Err((error, other)) => {
            shared.incoming.refused.add(1);
            return report_refusal(shared, remote, &error, other.as_ref());
        }
    };
    shared.incoming.connections.add(1);
    shared.note_caller(peer);
    let _open = Open::new(&shared.incoming.open);
    if let ReadError::Malformed(error) = listen(shared, peer, &mut stream).await {
        shared.incoming.malformed.add(1);
        tracing::warn!(
            %remote, %peer, reason = %error,
            "closed a connection from a node: what it sent is malformed, and was ignored"
        );
    }
}

async fn listen(
    shared: &Shared,
    peer: Incarnation,
    stream: &mut (impl AsyncRead + Unpin),
) -> ReadError {
    let counts = &shared.incoming;
    let mut reader = BatchReader::new(stream, shared.settings.silence_max);
    let mut messages = Vec::new();
    loop {
        let count_frame = |bytes| {
            counts.frames.add(1);
            counts.bytes.add(bytes);
        };
        let handed_on = match reader.next(count_frame).await {
            Ok(Batch::Control(batch)) => hand_on_control(shared, peer, batch),
            Ok(Batch::Data(batch)) => hand_on_data(shared, peer, batch, &mut messages),
            Err(error) => return error,
        };
        if let Err(error) = handed_on {
            return ReadError::Malformed(error);
        }
    }
}

fn hand_on_control(shared: &Shared, peer: Incarnation, batch: &[u8]) -> Result<(), WireError> {
    let messages = wire::decode_control(batch, shared.incarnation.node)?;
    shared.incoming.membership_messages.add(messages.len());
    if let Some(synced) = wire::synced(batch) {
        shared.histories.synced(peer.node, synced);
    }
    for message in messages {
        shared.inbox.membership(peer.node, message);
    }
    Ok(())
}

fn hand_on_data(
    shared: &Shared,
    peer: Incarnation,
    batch: &[u8],
    messages: &mut Vec<Message>,
) -> Result<(), WireError> {
    wire::decode_data(batch, peer, shared.incarnation.node, messages)?;
    shared.incoming.messages.add(messages.len());
    shared.inbox.messages(peer, messages);
    messages.clear();
    Ok(())
}

/// A refused node dials again and again, and logs why. Here it is said only in the debug log,
/// except for what is no greeting at all, as nobody else would say that, and for one who does not
/// know the password, who may be no node.
fn report_refusal(
    shared: &Shared,
    remote: SocketAddr,
    error: &GreetError,
    other: Option<&Greeting>,
) {
    match (error, other) {
        (GreetError::Refused(Refusal::NoPassword | Refusal::WrongPassword), Some(other))
            if shared.may_tell_of_intruder() =>
        {
            tracing::warn!(
                %remote, peer = %other.incarnation, reason = %error,
                "let nobody in: closed a connection that began as one from a node"
            );
        }
        (GreetError::Malformed(error), _) => tracing::warn!(
            %remote, reason = %error,
            "closed a connection that began as one from a node"
        ),
        (GreetError::Refused(Refusal::Itself), _) => {}
        (_, Some(other)) => tracing::debug!(
            %remote, peer = %other.incarnation, reason = %error,
            "closed a connection from a node"
        ),
        (_, None) => tracing::debug!(%remote, reason = %error, "closed a connection"),
    }
}

/// One connection among those that stand; also when its task is dropped.
struct Open<'a>(&'a Count);

impl<'a> Open<'a> {
    fn new(count: &'a Count) -> Self {
        count.add(1);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.take_one();
    }
}
