//! What lanes have to tell the membership: [`News`].

use parking_lot::Mutex;
use protocol::{Configuration, Decision, Epoch, Group, Membership, Time};
use std::sync::Arc;

/// Where lanes leave their news for the membership.
///
/// A lane's lock is held while it is called, and the membership's is taken before any lane's. So a
/// lane leaves its news here, still locked, and whoever holds the membership's lock next takes
/// them from here, before anything else. Thereby nothing is lost or told twice; and what a lane
/// had to say before it entered an epoch is told before the membership hears of a later one,
/// however slow the thread is that called the lane.
#[derive(Debug, Default)]
pub(crate) struct NewsBox(Mutex<News>);

impl NewsBox {
    /// Leaves news. Says whether there is any: then somebody has to call the membership.
    pub(crate) fn leave(&self, news: News) -> bool {
        let is_any = !news.is_empty();
        if is_any {
            self.0.lock().add(news);
        }
        is_any
    }

    /// Takes what there is.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut *self.0.lock())
    }
}

/// What calls of lanes brought that the membership is to know.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The newest configuration that a lane heard of.
    configuration: Option<Arc<Configuration>>,
    copied: Vec<(Epoch, Group)>,
    /// How proposals on the configuration of an epoch ended.
    decisions: Vec<(Epoch, Decision)>,
}

impl News {
    /// A lane heard of this configuration.
    pub(crate) fn configuration(&mut self, configuration: Arc<Configuration>) {
        let known = self.configuration.as_ref();
        if known.is_none_or(|known| known.epoch() < configuration.epoch()) {
            self.configuration = Some(configuration);
        }
    }

    /// A lane has copied a group.
    pub(crate) fn copied(&mut self, epoch: Epoch, group: Group) {
        self.copied.push((epoch, group));
    }

    /// So ended the proposal that something follow on the configuration of epoch `base`.
    pub(crate) fn decision(&mut self, base: Epoch, decision: Decision) {
        self.decisions.push((base, decision));
    }

    fn add(&mut self, other: News) {
        if let Some(configuration) = other.configuration {
            self.configuration(configuration);
        }
        self.copied.extend(other.copied);
        self.decisions.extend(other.decisions);
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.configuration.is_none() && self.copied.is_empty() && self.decisions.is_empty()
    }

    /// Whether a group was copied.
    pub(crate) fn tells_of_copying(&self) -> bool {
        !self.copied.is_empty()
    }

    /// Tells the membership. What was copied comes first, as a newer configuration would make it
    /// something of the past; then what stands, so that a proposal that led to it is not taken for
    /// one that is still open.
    pub(crate) fn tell(self, membership: &mut Membership, now: Time) {
        for (epoch, group) in self.copied {
            membership.handle_copied(now, epoch, group);
        }
        if let Some(configuration) = self.configuration {
            membership.handle_configuration(now, configuration);
        }
        for (base, decision) in self.decisions {
            membership.handle_decision(now, base, decision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ClusterId, Member, NodeId};

    fn configuration(epoch: u64) -> Arc<Configuration> {
        let member = Member::new(NodeId::new(1), "127.0.0.1:3030".parse().unwrap());
        let made = Configuration::new(ClusterId(7), Epoch(epoch), vec![member], 3);
        Arc::new(made.unwrap())
    }

    #[test]
    fn of_several_configurations_the_newest_is_told() {
        let left = NewsBox::default();
        for epoch in [3, 2, 4, 1] {
            let mut news = News::default();
            news.configuration(configuration(epoch));
            assert!(left.leave(news));
        }
        assert_eq!(left.take().configuration.unwrap().epoch(), Epoch(4));
    }

    #[test]
    fn what_was_left_is_taken_once_and_whole() {
        let group = |number| Group::new(number).unwrap();
        let left = NewsBox::default();
        assert!(!left.leave(News::default()));
        let mut news = News::default();
        news.copied(Epoch(2), group(5));
        assert!(left.leave(news));
        let mut news = News::default();
        news.copied(Epoch(2), group(6));
        news.decision(Epoch(1), Decision::Decided);
        assert!(left.leave(news));
        let news = left.take();
        assert!(!news.is_empty() && news.tells_of_copying());
        assert_eq!(news.copied, [(Epoch(2), group(5)), (Epoch(2), group(6))]);
        assert_eq!(news.decisions, [(Epoch(1), Decision::Decided)]);
        assert!(left.take().is_empty());
    }
}
