//! A client's connection that cannot be held for ever: [`ClientStream`].

use super::Timeouts;
use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream, most often of TCP, that fails when the client stops taking what is written to it, and that is closed
/// in a way which leaves the last answer readable.
///
/// What is written to it leaves with [`Answers::poll_send`], not before, unless it is much. So the
/// answers to pipelined requests that are there at once take one system call together. (hyper has
/// a switch for this, `pipeline_flush`; but with it an answer waits as long as anything at all
/// follows its request, be it half a request or an empty line, and answers that wait are buffered
/// without a bound.)
///
/// Reading has no time-out here: how long to wait for what is known one layer up.
pub(super) struct ClientStream<R, W> {
    incoming: R,
    answers: Answers<W>,
    linger: Option<Pin<Box<Sleep>>>,
    timeouts: Timeouts,
    /// Set when the node stops: then nothing is waited for that is not an answer.
    stopping: Arc<AtomicBool>,
}

/// What is on its way to the client.
pub(super) struct Answers<W>(Arc<Mutex<Outgoing<W>>>);

struct Outgoing<W> {
    sink: W,
    /// At most [`GATHERED_BYTES_MAX`].
    gathered: BytesMut,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    timeouts: Timeouts,
}

/// What is larger than this is not gathered, but written as it is.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

impl<R, W> ClientStream<R, W> {
    pub(super) fn new(
        (incoming, sink): (R, W),
        timeouts: Timeouts,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        let answers = Answers(Arc::new(Mutex::new(Outgoing {
            sink,
            gathered: BytesMut::new(),
            stalled: None,
            timeouts,
        })));
        Self {
            incoming,
            answers,
            linger: None,
            timeouts,
            stopping,
        }
    }

    /// The other end of what is written here. Whoever drives the stream must send them whenever
    /// it goes to sleep.
    pub(super) fn answers(&self) -> Answers<W> {
        Answers(Arc::clone(&self.answers.0))
    }
}

impl<W: AsyncWrite + Unpin> Answers<W> {
    /// Sends what has gathered.
    ///
    /// # Errors
    /// The connection's, or `TimedOut` if the client has taken nothing for too long.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_send(cx)
    }
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let written = Pin::new(&mut self.sink).poll_write(cx, &self.gathered);
            let count = ready!(self.watch(cx, written))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.gathered.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count: usize = pieces.iter().map(|piece| piece.len()).sum();
        if self.gathered.len() + count > GATHERED_BYTES_MAX {
            ready!(self.poll_send(cx))?;
        }
        if count > GATHERED_BYTES_MAX {
            let written = Pin::new(&mut self.sink).poll_write_vectored(cx, pieces);
            return self.watch(cx, written);
        }
        for piece in pieces {
            self.gathered.extend_from_slice(piece);
        }
        Poll::Ready(Ok(count))
    }

    /// Passes on how a write went, unless it has been pending for too long.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.timeouts.write;
        let stalled = (self.stalled).get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for ClientStream<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.incoming).poll_read(cx, buffer)
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> AsyncWrite for ClientStream<R, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answers.0.lock().poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answers.0.lock().poll_write(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let linger = match &mut this.linger {
            Some(linger) => linger,
            none => {
                let mut outgoing = this.answers.0.lock();
                ready!(outgoing.poll_send(cx))?;
                ready!(Pin::new(&mut outgoing.sink).poll_shutdown(cx))?;
                none.insert(Box::pin(sleep(this.timeouts.linger)))
            }
        };
        // Asked first, so that a client which never pauses cannot hold this longer.
        if this.stopping.load(Ordering::Relaxed) || linger.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut discarded = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut discarded);
            ready!(Pin::new(&mut this.incoming).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
