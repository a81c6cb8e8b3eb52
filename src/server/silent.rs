//! The connections that have said nothing yet, of which there is room for so many.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How many connections may be at their first byte.
const SILENT_MAX: usize = 4096;

/// Who waits for a first byte, in the order of arrival. Cheap to clone.
///
/// When there is no room the one that has been silent for longest goes, never the newcomer: it is
/// the newcomer who is likely to speak, so silent strangers, however many, keep nobody out.
#[derive(Clone, Default)]
pub(super) struct SilentConnections(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    arrivals: u64,
    /// By number of arrival. Dropping the sender tells its connection that its place is lost.
    places: BTreeMap<u64, oneshot::Sender<()>>,
}

/// The place of one connection; given up when dropped.
pub(super) struct Place {
    number: u64,
    lost: oneshot::Receiver<()>,
    connections: SilentConnections,
}

impl SilentConnections {
    /// Makes room for one more.
    pub(super) fn enter(&self) -> Place {
        let (sender, lost) = oneshot::channel();
        let mut waiting = self.0.lock();
        if waiting.places.len() == SILENT_MAX {
            waiting.places.pop_first();
        }
        let number = waiting.arrivals;
        waiting.arrivals += 1;
        waiting.places.insert(number, sender);
        Place {
            number,
            lost,
            connections: self.clone(),
        }
    }
}

impl Place {
    /// Waits until the place is needed for another.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent: the end of the channel is the message.
        let _ended = (&mut self.lost).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.0.lock().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    async fn is_lost(place: &mut Place) -> bool {
        let mut lost = pin!(place.lost());
        poll_fn(|context| Poll::Ready(lost.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn the_longest_silent_goes_when_there_is_no_room() {
        let connections = SilentConnections::default();
        let mut places: Vec<Place> = (0..SILENT_MAX).map(|_| connections.enter()).collect();
        assert!(!is_lost(&mut places[0]).await);
        let mut newcomer = connections.enter();
        assert!(is_lost(&mut places[0]).await);
        assert!(!is_lost(&mut places[1]).await);
        assert!(!is_lost(&mut newcomer).await);
    }

    #[tokio::test]
    async fn who_speaks_or_leaves_makes_room() {
        let connections = SilentConnections::default();
        let mut places: Vec<Place> = (0..SILENT_MAX).map(|_| connections.enter()).collect();
        places.pop();
        let _newcomer = connections.enter();
        assert!(!is_lost(&mut places[0]).await);
    }
}
