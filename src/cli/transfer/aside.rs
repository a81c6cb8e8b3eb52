//! Work with files, which waits, beside requests, which must not: [`aside`].

use tokio::sync::oneshot;

/// Does something on a thread of its own. Whoever stops waiting for it ends without it: a thread
/// of the runtime's own would be waited for, were it to hang in the reading of a pipe.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waiting) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody may wait any more.
        let _ = done.send(work());
    });
    waiting.await.expect("the work does not panic")
}
