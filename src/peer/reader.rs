//! Reading batches off a connection: [`BatchReader`].

use super::wire::{BATCH_BYTES_MAX, FrameHeader, FrameKind, PIECE_BYTES_MAX, WireError};
use bytes::{Buf, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// How much is read at once, at least, when there is as much.
const READ_BYTES: usize = 64 * 1024;

/// How large a buffer may be to be kept for the next batch.
const KEPT_BYTES_MAX: usize = 4 * PIECE_BYTES_MAX;

/// Reads frames and puts batches together. Holds at most one batch and two frames.
pub(super) struct BatchReader<R> {
    source: R,
    silence_max: Duration,
    buffer: BytesMut,
    /// How much at the front of `buffer` belongs to the batch that was given out last.
    given_bytes: usize,
    /// The pieces of the batch of data that is not whole yet.
    pieces: Vec<u8>,
    /// Whether `pieces` is the batch that was given out last.
    given_pieces: bool,
}

/// A whole batch, to be decoded, and what it came in.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Batch<'a> {
    /// Membership messages.
    Control(&'a [u8]),
    /// Messages between lanes.
    Data(&'a [u8]),
}

/// Why the reading ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum ReadError {
    /// The other side closed the connection between two frames.
    Closed,
    /// Nothing came for too long.
    Silent,
    /// The connection broke, or was closed within a frame.
    Broken(io::ErrorKind),
    /// What came is not what should.
    Malformed(WireError),
}

impl From<WireError> for ReadError {
    fn from(error: WireError) -> Self {
        ReadError::Malformed(error)
    }
}

impl<R: AsyncRead + Unpin> BatchReader<R> {
    /// A reader that gives up when nothing comes for so long.
    pub(super) fn new(source: R, silence_max: Duration) -> Self {
        Self {
            source,
            silence_max,
            buffer: BytesMut::new(),
            given_bytes: 0,
            pieces: Vec::new(),
            given_pieces: false,
        }
    }

    /// The next batch, after calling `count_frame` with the bytes of each frame that was read for
    /// it.
    pub(super) async fn next(
        &mut self,
        mut count_frame: impl FnMut(usize),
    ) -> Result<Batch<'_>, ReadError> {
        self.forget_given();
        loop {
            let header = self.read_frame().await?;
            let frame_bytes = FrameHeader::BYTES + header.length;
            count_frame(frame_bytes);
            let payload = FrameHeader::BYTES..frame_bytes;
            self.given_bytes = frame_bytes;
            match header.kind {
                FrameKind::Control => return Ok(Batch::Control(&self.buffer[payload])),
                FrameKind::Last if self.pieces.is_empty() => {
                    return Ok(Batch::Data(&self.buffer[payload]));
                }
                FrameKind::Piece | FrameKind::Last => {
                    if self.pieces.len() + header.length > BATCH_BYTES_MAX {
                        let what = "length of a batch";
                        return Err(WireError::Invalid { what }.into());
                    }
                    self.pieces.extend_from_slice(&self.buffer[payload]);
                    if header.kind == FrameKind::Last {
                        self.given_pieces = true;
                        return Ok(Batch::Data(&self.pieces));
                    }
                    self.forget_given();
                }
            }
        }
    }

    fn forget_given(&mut self) {
        self.buffer.advance(self.given_bytes);
        self.given_bytes = 0;
        if self.given_pieces {
            self.given_pieces = false;
            self.pieces.clear();
            self.pieces.shrink_to(KEPT_BYTES_MAX);
        }
    }

    /// Reads until a whole frame stands at the front of the buffer.
    async fn read_frame(&mut self) -> Result<FrameHeader, ReadError> {
        self.fill(FrameHeader::BYTES).await?;
        let header = self.buffer.first_chunk().expect("as much was read");
        let header = FrameHeader::decode(*header)?;
        self.fill(FrameHeader::BYTES + header.length).await?;
        Ok(header)
    }

    /// Reads until so many bytes stand in the buffer.
    async fn fill(&mut self, bytes: usize) -> Result<(), ReadError> {
        while self.buffer.len() < bytes {
            let missing = bytes - self.buffer.len();
            self.buffer.reserve(missing.max(READ_BYTES));
            let read = self.source.read_buf(&mut self.buffer);
            match timeout(self.silence_max, read).await {
                Ok(Ok(0)) if self.buffer.is_empty() => return Err(ReadError::Closed),
                Ok(Ok(0)) => return Err(ReadError::Broken(io::ErrorKind::UnexpectedEof)),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(ReadError::Broken(error.kind())),
                Err(_) => return Err(ReadError::Silent),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn frame(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
        let mut bytes = FrameHeader::of(kind, payload).encode().to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    fn reader(bytes: &[u8]) -> BatchReader<&[u8]> {
        BatchReader::new(bytes, Duration::from_secs(30))
    }

    #[tokio::test]
    async fn control_overtakes_a_batch_in_pieces() {
        let bytes = [
            frame(FrameKind::Piece, b"ab"),
            frame(FrameKind::Control, b"now"),
            frame(FrameKind::Piece, b"cd"),
            frame(FrameKind::Last, b"e"),
            frame(FrameKind::Last, b"whole"),
        ]
        .concat();
        let mut reader = reader(&bytes);
        let mut counted = 0;
        let mut count = |bytes| counted += bytes;
        assert_eq!(reader.next(&mut count).await, Ok(Batch::Control(b"now")));
        assert_eq!(reader.next(&mut count).await, Ok(Batch::Data(b"abcde")));
        assert_eq!(reader.next(&mut count).await, Ok(Batch::Data(b"whole")));
        assert_eq!(reader.next(&mut count).await, Err(ReadError::Closed));
        assert_eq!(counted, bytes.len());
    }

    #[tokio::test]
    async fn frames_are_put_together_however_they_are_torn() {
        let frames = [
            frame(FrameKind::Control, b"one"),
            frame(FrameKind::Last, b"two"),
        ];
        let (mut near, far) = tokio::io::duplex(1);
        let writing = async {
            near.write_all(&frames.concat()).await.expect("it is read");
            drop(near);
        };
        let reading = async {
            let mut reader = BatchReader::new(far, Duration::from_secs(30));
            assert_eq!(reader.next(|_| ()).await, Ok(Batch::Control(b"one")));
            assert_eq!(reader.next(|_| ()).await, Ok(Batch::Data(b"two")));
            assert_eq!(reader.next(|_| ()).await, Err(ReadError::Closed));
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn a_batch_has_at_most_thirty_two_mebibytes() {
        let piece = frame(FrameKind::Piece, &vec![0; PIECE_BYTES_MAX]);
        let bytes = piece.repeat(BATCH_BYTES_MAX / PIECE_BYTES_MAX + 1);
        let what = "length of a batch";
        assert_eq!(
            reader(&bytes).next(|_| ()).await,
            Err(ReadError::Malformed(WireError::Invalid { what }))
        );
    }

    #[tokio::test]
    async fn a_connection_closed_within_a_frame_is_broken() {
        let bytes = frame(FrameKind::Last, b"whole");
        let broken = ReadError::Broken(io::ErrorKind::UnexpectedEof);
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(reader(cut).next(|_| ()).await, Err(broken));
    }

    #[tokio::test]
    async fn a_silent_connection_is_given_up() {
        let (_near, far) = tokio::io::duplex(1);
        let mut reader = BatchReader::new(far, Duration::from_millis(1));
        assert_eq!(reader.next(|_| ()).await, Err(ReadError::Silent));
    }
}
