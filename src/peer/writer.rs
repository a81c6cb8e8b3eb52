//! Writing an outbox to a connection: [`Writer`].

use super::figures::LinkCounts;
use super::outbox::Outbox;
use super::synced::Synced;
use super::wire::{self, FrameHeader, FrameKind, PIECE_BYTES_MAX};
use bytes::Buf;
use protocol::{MembershipMessage, Message, NodeId};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How large a buffer may be to be kept for the next batch.
const KEPT_BYTES_MAX: usize = 4 * PIECE_BYTES_MAX;

/// Writes what gathers in an outbox, for as long as the connection stands.
///
/// Nothing is waited for in order to fill a frame: all that gathered while the last one was being
/// written goes out as the next. Before every frame of data whatever control waits goes first, so
/// that a pong waits for one piece of a large value and not for all of it.
pub(super) struct Writer<'a, W> {
    to: NodeId,
    synced: &'a Synced,
    outbox: &'a Outbox,
    frames: Frames<'a, W>,
    control: Vec<MembershipMessage>,
    control_bytes: Vec<u8>,
}

/// Why the writing ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum WriteError {
    /// The other side did not take a frame in time.
    Late,
    /// The connection broke.
    Broken(io::ErrorKind),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Late => f.write_str("it did not take what was sent in time"),
            WriteError::Broken(kind) => write!(f, "the connection broke: {kind}"),
        }
    }
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    /// A writer to the node `to`, which gives the other side so much time for each frame.
    pub(super) fn new(
        to: NodeId,
        outbox: &'a Outbox,
        sink: W,
        deadline: Duration,
        synced: &'a Synced,
        counts: &'a LinkCounts,
    ) -> Self {
        Self {
            to,
            synced,
            outbox,
            frames: Frames {
                sink,
                deadline,
                counts,
            },
            control: Vec::new(),
            control_bytes: Vec::new(),
        }
    }

    /// Writes until that fails.
    pub(super) async fn run(mut self) -> WriteError {
        let mut data = Vec::new();
        let mut data_bytes = Vec::new();
        loop {
            self.outbox.woken().await;
            loop {
                if let Err(error) = self.write_control().await {
                    return error;
                }
                self.outbox.take_data(&mut data);
                if data.is_empty() {
                    break;
                }
                if let Err(error) = self.write_data(&mut data, &mut data_bytes).await {
                    return error;
                }
            }
        }
    }

    /// Writes all control that waits.
    async fn write_control(&mut self) -> Result<(), WriteError> {
        loop {
            self.outbox.take_control(&mut self.control);
            if self.control.is_empty() {
                return Ok(());
            }
            self.control_bytes.clear();
            wire::encode_control(
                self.to,
                self.synced.get(),
                &self.control,
                &mut self.control_bytes,
            );
            let counts = self.frames.counts;
            counts.membership_messages.add(self.control.len());
            self.control.clear();
            self.frames
                .write(FrameKind::Control, &self.control_bytes)
                .await?;
        }
    }

    /// Writes one batch, piece by piece.
    async fn write_data(
        &mut self,
        data: &mut Vec<Message>,
        data_bytes: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        data_bytes.clear();
        wire::encode_data(self.to, data, data_bytes);
        self.frames.counts.messages.add(data.len());
        data.clear();
        let mut pieces = data_bytes.chunks(PIECE_BYTES_MAX).peekable();
        while let Some(piece) = pieces.next() {
            let kind = match pieces.peek() {
                Some(_) => FrameKind::Piece,
                None => FrameKind::Last,
            };
            self.frames.write(kind, piece).await?;
            self.write_control().await?;
        }
        if data_bytes.capacity() > KEPT_BYTES_MAX {
            *data_bytes = Vec::new();
        }
        Ok(())
    }
}

/// The frames' way into the socket.
struct Frames<'a, W> {
    sink: W,
    deadline: Duration,
    counts: &'a LinkCounts,
}

impl<W: AsyncWrite + Unpin> Frames<'_, W> {
    /// Writes one frame: header and payload by one system call, if the socket takes them.
    async fn write(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), WriteError> {
        let header = FrameHeader::of(kind, payload).encode();
        let mut frame = header.as_slice().chain(payload);
        match timeout(self.deadline, self.sink.write_all_buf(&mut frame)).await {
            Ok(Ok(())) => {
                self.counts.frames.add(1);
                self.counts.bytes.add(header.len() + payload.len());
                Ok(())
            }
            Ok(Err(error)) => Err(WriteError::Broken(error.kind())),
            Err(_) => Err(WriteError::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{message, node};
    use super::super::wire::FrameHeader;
    use super::*;
    use tokio::io::AsyncReadExt;

    /// The frames' headers, read off a pipe.
    async fn next_frame(pipe: &mut tokio::io::DuplexStream) -> FrameHeader {
        let mut header = [0; FrameHeader::BYTES];
        pipe.read_exact(&mut header).await.expect("a frame");
        let header = FrameHeader::decode(header).expect("a header");
        let mut payload = vec![0; header.length];
        pipe.read_exact(&mut payload).await.expect("a payload");
        header
    }

    #[tokio::test]
    async fn all_that_gathered_goes_out_as_one_frame() {
        let outbox = Outbox::new(1 << 20);
        outbox.open(node(2));
        let (counts, synced) = (LinkCounts::default(), Synced::default());
        for number in 0..100 {
            outbox.push_data(message(1, 2, number, 10));
        }
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let writer = Writer::new(
            node(2).node,
            &outbox,
            near,
            Duration::from_secs(10),
            &synced,
            &counts,
        );
        tokio::select! {
            error = writer.run() => panic!("{error:?}"),
            frame = next_frame(&mut far) => assert_eq!(frame.kind, FrameKind::Last),
        }
        assert_eq!(counts.frames.get(), 1);
        assert_eq!(counts.messages.get(), 100);
    }

    #[tokio::test]
    async fn control_goes_between_the_pieces_of_a_large_value() {
        let outbox = Outbox::new(8 << 20);
        outbox.open(node(2));
        let (counts, synced) = (LinkCounts::default(), Synced::default());
        outbox.push_data(message(1, 2, 0, 3 * PIECE_BYTES_MAX));
        // The pipe holds less than a piece, so the writer stands still within the first one.
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let writer = Writer::new(
            node(2).node,
            &outbox,
            near,
            Duration::from_secs(10),
            &synced,
            &counts,
        );
        let reading = async {
            assert_eq!(next_frame(&mut far).await.kind, FrameKind::Piece);
            outbox.push_control(node(2).node, MembershipMessage::Ping { number: 0 });
            // The second piece may have been begun already; the ping comes right after it.
            let kinds = [
                next_frame(&mut far).await.kind,
                next_frame(&mut far).await.kind,
            ];
            assert!(kinds.contains(&FrameKind::Control), "{kinds:?}");
        };
        tokio::select! {
            error = writer.run() => panic!("{error:?}"),
            () = reading => {}
        }
    }

    #[tokio::test]
    async fn a_frame_that_the_other_side_does_not_take_in_time_breaks_the_connection() {
        let outbox = Outbox::new(8 << 20);
        outbox.open(node(2));
        let (counts, synced) = (LinkCounts::default(), Synced::default());
        outbox.push_data(message(1, 2, 0, PIECE_BYTES_MAX));
        let (near, _far) = tokio::io::duplex(1 << 10);
        let writer = Writer::new(
            node(2).node,
            &outbox,
            near,
            Duration::from_millis(1),
            &synced,
            &counts,
        );
        assert_eq!(writer.run().await, WriteError::Late);
    }
}
