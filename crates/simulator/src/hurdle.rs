//! A shell that breaks in two what must be one step: [`Hurdle`].
//!
//! It is there for [`PlantedFault::SplitEpochCheck`] alone; without that nothing waits here.

use protocol::{Body, Counter, Epoch, Message, PlantedFault, RequestId, Time};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long a request waits between the check of its epoch and its being applied.
const WAIT: Duration = Duration::from_millis(600);

/// Where requests wait after their epoch was checked. When they are applied, whatever was entered
/// in the meantime, the lane is told that they are of its own epoch, and their senders that they
/// were answered in theirs.
#[derive(Debug)]
pub(crate) struct Hurdle {
    is_planted: bool,
    waiting: VecDeque<(Time, Message)>,
    /// The epochs that the requests named which were let through late.
    named: BTreeMap<RequestId, Epoch>,
}

impl Hurdle {
    pub(crate) fn new(planted: Option<PlantedFault>) -> Self {
        Self {
            is_planted: planted == Some(PlantedFault::SplitEpochCheck),
            waiting: VecDeque::new(),
            named: BTreeMap::new(),
        }
    }

    /// A message comes to a lane that is in this epoch. Gives it back if it need not wait.
    pub(crate) fn check(&mut self, now: Time, message: Message, own: Epoch) -> Option<Message> {
        if let Some(counter) = self.waits(&message)
            && message.epoch == own
        {
            let request = RequestId {
                origin: message.from,
                counter,
            };
            self.named.insert(request, own);
            self.waiting.push_back((now + WAIT, message));
            return None;
        }
        Some(message)
    }

    /// The number of the request, if it is one that changes what a replica holds.
    fn waits(&self, message: &Message) -> Option<Counter> {
        match &message.body {
            Body::Update { counter, .. } | Body::Accept { counter, .. } if self.is_planted => {
                Some(*counter)
            }
            _ => None,
        }
    }

    /// When the next one has waited enough.
    pub(crate) fn due(&self) -> Option<Time> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// The next one that has waited enough.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Message> {
        let is_due = self.due().is_some_and(|due| due <= now);
        is_due
            .then(|| self.waiting.pop_front())?
            .map(|(_, message)| message)
    }

    /// Lets an answer look as if it were given in the epoch that its request named.
    pub(crate) fn disguise(&self, message: &mut Message) {
        if let Body::UpdateReply { request, .. } | Body::AcceptReply { request, .. } = &message.body
            && let Some(named) = self.named.get(request)
        {
            message.epoch = *named;
        }
    }
}
