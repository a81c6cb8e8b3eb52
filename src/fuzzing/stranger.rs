//! A connection on which all has been said: [`stranger`].

use std::cell::LazyCell;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// What a stranger says; then it closes its side. It is read in pieces.
pub(crate) struct Says {
    rest: Vec<u8>,
    read_bytes: usize,
    piece_bytes: usize,
    /// What it waits to hear something on before it speaks.
    waits_for: Option<Hears>,
}

/// What a stranger hears.
#[derive(Clone, Default)]
pub(crate) struct Hears(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// Who waits for the first of them.
    waiting: Option<Waker>,
}

/// Both sides of a connection with a stranger who says this, the first byte apart: that decides in
/// how large pieces the rest is read.
pub(crate) fn stranger(bytes: &[u8]) -> (Says, Hears) {
    let (manner, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let says = Says {
        rest: rest.to_vec(),
        read_bytes: 0,
        piece_bytes: match manner {
            0 => usize::MAX,
            bytes => usize::from(*bytes),
        },
        waits_for: None,
    };
    (says, Hears::default())
}

/// The same, of a stranger who says nothing before it has heard something.
pub(crate) fn answering_stranger(bytes: &[u8]) -> (Says, Hears) {
    let (mut says, hears) = stranger(bytes);
    says.waits_for = Some(hears.clone());
    (says, hears)
}

/// Runs what serves a stranger to its end.
///
/// # Panics
/// If it waits, for nothing more will come.
pub(crate) fn run<T>(serving: impl Future<Output = T>) -> T {
    /// Longer than anything takes that does not wait, on any machine.
    const PATIENCE: Duration = Duration::from_secs(20);
    thread_local! {
        static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
            let runtime = Builder::new_current_thread().enable_time().build();
            runtime.expect("a runtime of one thread")
        });
    }
    let ended = RUNTIME
        .with(|runtime| runtime.block_on(async { tokio::time::timeout(PATIENCE, serving).await }));
    ended.expect("nothing waits for a stranger who is gone")
}

impl AsyncRead for Says {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(hears) = &self.waits_for {
            let mut heard = hears.lock();
            if heard.bytes.is_empty() {
                heard.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        let rest = &self.rest[self.read_bytes..];
        let count = rest.len().min(buffer.remaining()).min(self.piece_bytes);
        buffer.put_slice(&rest[..count]);
        self.read_bytes += count;
        Poll::Ready(Ok(()))
    }
}

impl Hears {
    /// All that it heard.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncWrite for Hears {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut heard = self.lock();
        heard.bytes.extend_from_slice(bytes);
        if let Some(waiting) = heard.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
