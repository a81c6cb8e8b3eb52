//! Which registers there are: pages over all groups, and their number.

use super::{ANSWER_GRACE, Node};
use protocol::{
    Group, Lane, ListOutcome, ListPage, ListRequest, Position, Refusal, RegisterName, Slot,
};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::error;

/// How many groups a node asks about at once, for all its clients. It is no more than each of its
/// lanes takes.
pub(super) const GROUPS_MAX: usize = 32;

/// A page that holds more bytes of names than this ends.
const NAME_BYTES_MAX: usize = 256 * 1024;

/// Why the names could not be listed, and of which slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotListed {
    /// Why.
    pub(crate) refusal: Refusal,
    /// One of the slots.
    pub(crate) slot: Slot,
}

/// Names of registers that hold a value, in an order that is the same at all nodes and for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NamesPage {
    /// The names. There may be none, and yet more to come.
    pub(crate) names: Vec<RegisterName>,
    /// Where the next page goes on; `None` if this is the last one.
    pub(crate) next: Option<Position>,
}

impl NamesPage {
    /// The page, which ends after so many names; registers of one position stay together.
    pub(crate) fn cut(mut self, count: usize) -> Self {
        let positions = || self.names.iter().map(RegisterName::position);
        let Some(last) = count.checked_sub(1).and_then(|last| positions().nth(last)) else {
            return self;
        };
        let kept = positions().take_while(|position| *position <= last).count();
        if kept < self.names.len() {
            self.names.truncate(kept);
            self.next = Some(last);
        }
        self
    }
}

impl Node {
    /// The names after a position, or from the beginning: about `count` of them, if there are so
    /// many. Of each register of its range the page says what a read would have found at some
    /// moment in the meantime. Asking goes on for as long as it takes to find that many, but ends
    /// within the time-out, with as much as was found by then.
    ///
    /// # Errors
    /// Why not even the first group could be listed.
    pub(crate) async fn list(
        &self,
        after: Option<Position>,
        count: usize,
        timeout: Duration,
    ) -> Result<NamesPage, NotListed> {
        let deadline = Instant::now() + timeout;
        let (mut names, mut bytes) = (Vec::new(), 0);
        let mut at = after;
        // How many groups to ask at once: where registers are few, ever more.
        let mut window = 1;
        loop {
            let Some(first) = first_group(at) else {
                return Ok(NamesPage { names, next: None }.cut(count));
            };
            let wanted = count.saturating_sub(names.len()).max(1);
            let groups = following(first).take(window);
            let pages = self.list_groups(groups, at, wanted, deadline).await;
            let (mut is_spoilt, mut groups_ended) = (None, 0);
            for (group, page) in pages {
                let (listed, end) = match page {
                    Ok(page) => page,
                    Err(refusal) => {
                        let slot = slot_of(group);
                        is_spoilt = Some(NotListed { refusal, slot });
                        break;
                    }
                };
                bytes += listed
                    .iter()
                    .map(|name| name.as_bytes().len())
                    .sum::<usize>();
                names.extend(listed);
                at = Some(end.unwrap_or(Position::last_of(group)));
                if end.is_some() || names.len() >= count || bytes >= NAME_BYTES_MAX {
                    break;
                }
                groups_ended += 1;
            }
            match is_spoilt {
                Some(reason) if at == after => return Err(reason),
                Some(_) => break,
                None if names.len() >= count || bytes >= NAME_BYTES_MAX => break,
                None if groups_ended == window => window = (2 * window).min(GROUPS_MAX),
                None => window = 1,
            }
        }
        let next = at.filter(|_| first_group(at).is_some());
        Ok(NamesPage { names, next }.cut(count))
    }

    /// How many registers hold a value: the sum of what groups hold, each at some moment in the
    /// meantime.
    ///
    /// Replicas that hold the same are just asked how much that is, which takes one round for
    /// [`GROUPS_MAX`] groups; of others the names are listed.
    ///
    /// # Errors
    /// Why a group could not be counted.
    pub(crate) async fn count(&self, timeout: Duration) -> Result<u64, NotListed> {
        let deadline = Instant::now() + timeout;
        let mut sum = 0;
        let mut groups = Group::all().peekable();
        while groups.peek().is_some() {
            let some: Vec<Group> = groups.by_ref().take(GROUPS_MAX).collect();
            let asked = some.iter().map(|group| (*group, ListRequest::Count));
            for (group, outcome) in self.ask_groups(asked, deadline).await {
                sum += match outcome {
                    ListOutcome::Counted(values) => values,
                    ListOutcome::Uncounted => self.count_names(group, deadline).await?,
                    outcome => return Err(NotListed::of(group, &outcome)),
                };
            }
        }
        Ok(sum)
    }

    async fn count_names(&self, group: Group, deadline: Instant) -> Result<u64, NotListed> {
        let (mut sum, mut after) = (0, None);
        loop {
            let entries_max = ListPage::ENTRIES_MAX;
            let request = ListRequest::Names { after, entries_max };
            let asked = [(group, request)].into_iter();
            for (_, outcome) in self.ask_groups(asked, deadline).await {
                let ListOutcome::Names { listed, end } = outcome else {
                    return Err(NotListed::of(group, &outcome));
                };
                sum += listed.len() as u64;
                after = end;
            }
            if after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// A page of each of these groups, of the first one from a position on.
    async fn list_groups(
        &self,
        groups: impl Iterator<Item = Group>,
        after: Option<Position>,
        wanted: usize,
        deadline: Instant,
    ) -> impl Iterator<Item = (Group, Result<Names, Refusal>)> {
        let most = usize::from(ListPage::ENTRIES_MAX);
        let entries_max = u16::try_from(wanted.min(most)).expect("no more than the most");
        let asked = groups.map(|group| {
            let after = after.filter(|after| after.slot().group() == Some(group));
            (group, ListRequest::Names { after, entries_max })
        });
        let pages = self.ask_groups(asked, deadline).await.into_iter();
        pages.map(|(group, outcome)| {
            let page = match outcome {
                ListOutcome::Names { listed, end } => {
                    let names = listed.into_iter().map(|listed| listed.name);
                    Ok((names.collect(), end))
                }
                outcome => Err(refusal(&outcome)),
            };
            (group, page)
        })
    }

    /// Asks about some groups at once, [`GROUPS_MAX`] at most.
    async fn ask_groups(
        &self,
        asked: impl Iterator<Item = (Group, ListRequest)>,
        deadline: Instant,
    ) -> Vec<(Group, ListOutcome)> {
        let asked: Vec<_> = asked.collect();
        let permits = u32::try_from(asked.len()).expect("a few");
        let room = self.0.listings.acquire_many(permits);
        let Ok(Ok(_room)) = tokio::time::timeout_at(deadline, room).await else {
            let busy = |(group, _)| (group, ListOutcome::Refused(Refusal::Busy));
            return asked.into_iter().map(busy).collect();
        };
        let begun = asked.into_iter().map(|(group, request)| {
            let outcome = self.begin_list(group, request, deadline);
            (group, outcome)
        });
        let begun: VecDeque<_> = begun.collect();
        let mut ended = Vec::with_capacity(begun.len());
        for (group, outcome) in begun {
            ended.push((group, self.listed(group, outcome, deadline).await));
        }
        ended
    }

    fn begin_list(
        &self,
        group: Group,
        request: ListRequest,
        deadline: Instant,
    ) -> Result<oneshot::Receiver<ListOutcome>, Refusal> {
        let inner = &*self.0;
        if let Some(refusal) = inner.refusals.of(slot_of(group)) {
            return Err(refusal);
        }
        let lane = &inner.lanes[group.lane(inner.lanes.len())];
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline = inner.clock.now() + left;
        Ok(lane.list(&self.world(), group, request, deadline))
    }

    async fn listed(
        &self,
        group: Group,
        begun: Result<oneshot::Receiver<ListOutcome>, Refusal>,
        deadline: Instant,
    ) -> ListOutcome {
        let mut outcome = match begun {
            Ok(outcome) => outcome,
            Err(refusal) => return ListOutcome::Refused(refusal),
        };
        let answered = tokio::time::timeout_at(deadline + ANSWER_GRACE, &mut outcome).await;
        let answered = match answered {
            Ok(answered) => answered.ok(),
            // When a process that was frozen wakes, all its timers are overdue at once, and this
            // one may be looked at before the lane's own.
            Err(_) => {
                self.call_lane(group.lane(self.0.lanes.len()), Lane::handle_timeout);
                outcome.try_recv().ok()
            }
        };
        answered.unwrap_or_else(|| {
            error!("a listing had no outcome {ANSWER_GRACE:?} after its deadline");
            ListOutcome::Refused(Refusal::NoQuorum)
        })
    }
}

impl NotListed {
    fn of(group: Group, outcome: &ListOutcome) -> Self {
        Self {
            refusal: refusal(outcome),
            slot: slot_of(group),
        }
    }
}

/// What a page of one group brings: names, and where it ends if not with the group.
type Names = (Vec<RegisterName>, Option<Position>);

/// The group with the registers that come right after a position, if there is one.
fn first_group(after: Option<Position>) -> Option<Group> {
    let Some(after) = after else {
        return Group::new(0);
    };
    let group = after.slot().group()?;
    match after < Position::last_of(group) {
        true => Some(group),
        false => Group::new(group.number() + 1),
    }
}

fn slot_of(group: Group) -> Slot {
    group.slots().next().expect("a group has slots")
}

fn following(first: Group) -> impl Iterator<Item = Group> {
    (first.number()..Group::COUNT).filter_map(Group::new)
}

/// Why there is no such answer as was asked for.
fn refusal(outcome: &ListOutcome) -> Refusal {
    match outcome {
        ListOutcome::Refused(refusal) => *refusal,
        // A lane gives no other answer than was asked for; should it, nothing is known.
        ListOutcome::Names { .. } | ListOutcome::Counted(_) | ListOutcome::Uncounted => {
            Refusal::NoQuorum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_cut_goes_on_after_what_is_left_of_it() {
        let names = (0..10).map(|number| RegisterName::new(format!("{number}")));
        let mut names: Vec<_> = names.collect::<Result<_, _>>().expect("short");
        names.sort();
        let page = NamesPage { names, next: None };
        assert_eq!(page.clone().cut(10), page);
        let cut = page.clone().cut(3);
        assert_eq!(cut.names, page.names[..3]);
        assert_eq!(cut.next, Some(page.names[2].position()));
        // No two names are parted whose position is the same.
        let twice = NamesPage {
            names: vec![page.names[0].clone(); 2],
            next: None,
        };
        assert_eq!(twice.clone().cut(1), twice);
    }

    #[test]
    fn after_the_last_position_of_a_group_comes_the_next_one() {
        let group = |number| Group::new(number).expect("there is one");
        assert_eq!(first_group(None), Some(group(0)));
        let last = Position::last_of(group(7));
        assert_eq!(first_group(Some(last)), Some(group(8)));
        let before = Position::from_number(last.number() - 1);
        assert_eq!(first_group(before), Some(group(7)));
        assert_eq!(
            first_group(Position::from_number(Position::NUMBER_MAX)),
            None
        );
        assert_eq!(following(group(1022)).count(), 2);
    }
}
