//! Which registers there are: a listing of one group, page by page, or the count of it.
//!
//! A page is a read of *every* register of a range of positions at once, named or not: a replica
//! that is asked answers, in one step, what it would answer a query for each of them, and does so
//! by mentioning those that were ever written. From the answers of a quorum follows for each
//! register what a read would find:
//!
//! - its greatest record is settled: then there is a value, or there is none;
//! - it is not known to be, or has expired: then that register is read, which settles it.
//!
//! So each page is right about each register at some moment between its request and its end,
//! though not about all of them at one and the same. A register that held a value all the while
//! that pages were asked for, from the first to the last, is on one of them, as each position is in
//! the range of one page; one that never did is on none. It is so over any change of
//! configuration, as it is of reads: replies count for one epoch, and a page that another epoch
//! begins under starts over.
//!
//! ```text
//!   coordinator                               replica
//!     | -- List: group, after this position --> |
//!     | <-- ListReply: these, complete up to .. |   of a quorum; then reads of what is unsure
//! ```
//!
//! A group is *counted* by what a quorum that holds exactly the same says that it holds; if no such
//! quorum is at hand, it has to be listed.

mod ask;
mod listings;
mod merge;
mod position;
mod request;
mod source;

pub use ask::{ListAnswer, ListAsk, ListCount, ListEntry, ListPage};
pub(crate) use listings::Listings;
pub use position::Position;
pub use request::{ListOutcome, ListRequest, Listed};

use crate::answers::Answers;
use crate::lane::{Lane, LaneTimer};
use crate::message::{Body, Counter};
use crate::node::NodeId;
use crate::operation::{Operation, Outcome, Refusal};
use crate::output::{Output, PersistNumber, Ticket};
use crate::rule::Rule;
use crate::running::Origin;
use crate::slot::{Group, RegisterName};
use crate::tag::Tag;
use crate::time::Time;
use alloc::vec::Vec;
use listings::{Gathered, Listing};
use merge::merge;

impl Lane {
    /// A client asks which registers of a group there are. Exactly one [`Output::Listed`] with
    /// this ticket follows, by the first [`Lane::handle_timeout`] at or after the deadline at the
    /// latest.
    ///
    /// # Panics
    /// If the group is another lane's, or a page is to go on after a position outside of it.
    pub fn handle_list(
        &mut self,
        now: Time,
        ticket: Ticket,
        group: Group,
        request: ListRequest,
        deadline: Time,
    ) {
        assert!(self.is_own_group(group), "a lane lists its own groups");
        let is_of_group = |position: Position| position.slot().group() == Some(group);
        assert!(
            request.after().is_none_or(is_of_group),
            "a page goes on where another of the same group ended"
        );
        let refusal = if self.configuration.is_none() {
            Some(Refusal::NoCluster)
        } else if !self.is_member() {
            Some(Refusal::NoMember)
        } else if self.listings.len() >= self.options.listings_max {
            Some(Refusal::Busy)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            let outcome = ListOutcome::Refused(refusal);
            return self.outputs.push_back(Output::Listed { ticket, outcome });
        }
        let ask = match request {
            ListRequest::Names { after, entries_max } => ListAsk::Names { after, entries_max },
            ListRequest::Count => ListAsk::Count { wall: self.wall },
        };
        let listing = Listing {
            ticket,
            group,
            ask,
            deadline,
            resend_at: now,
            resend_wait: self.options.resend_first,
            answers: Default::default(),
            own: None,
            gathered: None,
        };
        self.launch_listing(now, listing);
    }

    /// How many listings run here.
    pub fn listings_running(&self) -> usize {
        self.listings.len()
    }

    /// Begins a listing, or begins it anew, under a number of its own.
    fn launch_listing(&mut self, now: Time, mut listing: Listing) {
        let wait = self.options.resend_first;
        (listing.resend_at, listing.resend_wait) = (now + wait, wait * 2);
        let counter = self.operations.draw();
        self.listings.insert(counter, listing);
        self.list_own_replica(counter);
        self.ask_listing(counter, |_| true);
        self.carry_on_listing(now, counter);
    }

    /// Asks this node's own replica, if it is one of the group's.
    fn list_own_replica(&mut self, counter: Counter) {
        let own = self.options.incarnation.node;
        let (Some(configuration), Some(listing)) =
            (&self.configuration, self.listings.get_mut(counter))
        else {
            return;
        };
        let group = listing.group;
        let is_replica = configuration.group_quorums(group).contains(own);
        if !is_replica || configuration.forced().contains(group) {
            return;
        }
        if let Some((answer, after)) = self.replica.list(group, listing.ask) {
            listing.own = Some((after, answer));
            listing.cast_own_vote(own, self.persisted);
        }
    }

    /// Asks the other replicas, if `chosen` and if they have not answered yet.
    fn ask_listing(&mut self, counter: Counter, chosen: impl Fn(NodeId) -> bool) {
        let own = self.options.incarnation.node;
        let stamp = self.stamp();
        let (Some(configuration), Some(listing)) =
            (&self.configuration, self.listings.get(counter))
        else {
            return;
        };
        let (group, ask) = (listing.group, listing.ask);
        // Nothing is known of a forced group until it is copied; then another epoch begins.
        if configuration.forced().contains(group) || listing.gathered.is_some() {
            return;
        }
        for node in configuration.group_quorums(group).replicas() {
            if node == own || !chosen(node) || listing.answers.contains_key(&node) {
                continue;
            }
            let body = Body::List {
                counter,
                group,
                ask,
            };
            let message = stamp.message(node, body);
            let after = PersistNumber::NONE;
            self.outputs.push_back(Output::Send { message, after });
        }
    }

    /// Takes in what another replica answered in this epoch.
    pub(crate) fn take_list_reply(
        &mut self,
        now: Time,
        from: NodeId,
        counter: Counter,
        group: Group,
        answer: ListAnswer,
    ) {
        let (Some(configuration), Some(listing)) =
            (&self.configuration, self.listings.get(counter))
        else {
            return;
        };
        if listing.group != group
            || listing.gathered.is_some()
            || !configuration.group_quorums(group).contains(from)
            || !listing.is_answered_by(&answer)
        {
            return;
        }
        if let ListAnswer::Names(page) = &answer {
            let issued = self.issued();
            for entry in &page.entries {
                issued.expect_tag(from, &entry.name, entry.tag);
            }
        }
        if let Some(listing) = self.listings.get_mut(counter) {
            listing.answers.insert(from, answer);
        }
        self.carry_on_listing(now, counter);
    }

    /// Does what the answers so far lead to.
    fn carry_on_listing(&mut self, now: Time, counter: Counter) {
        let (Some(configuration), Some(listing)) =
            (&self.configuration, self.listings.get(counter))
        else {
            return;
        };
        if listing.gathered.is_some() {
            return self.finish_listing(counter);
        }
        let quorums = configuration.group_quorums(listing.group);
        if !Rule::plain(quorums, &listing.answered()).answered() {
            return;
        }
        if let ListAsk::Count { .. } = listing.ask {
            let outcome = counted(listing);
            return self.end_listing(counter, outcome);
        }
        #[cfg(feature = "planted-faults")]
        let believes_all = self.options.planted == Some(crate::PlantedFault::ListUnsettled);
        #[cfg(not(feature = "planted-faults"))]
        let believes_all = false;
        let is_readable = |answers: &Answers, greatest: Tag| {
            believes_all || Rule::plain(quorums, answers).readable(greatest)
        };
        let merged = merge(&listing.pages(), is_readable, self.wall);
        let deadline = listing.deadline;
        if let Some(listing) = self.listings.get_mut(counter) {
            listing.answers.clear();
            listing.gathered = Some(Gathered {
                listed: merged.listed,
                end: merged.end,
                reading: merged.unsure.iter().cloned().collect(),
                is_spoilt: false,
            });
        }
        for name in merged.unsure {
            let read = Operation::Read { name };
            self.start(now, Origin::Listing(counter), read, deadline);
        }
        self.finish_listing(counter);
    }

    /// A read has ended that a listing waits for.
    pub(crate) fn note_listing_read(
        &mut self,
        counter: Counter,
        name: &RegisterName,
        outcome: &Outcome,
    ) {
        let listing = self.listings.get_mut(counter);
        if let Some(gathered) = listing.and_then(|listing| listing.gathered.as_mut()) {
            gathered.note_read(name, outcome);
            self.finish_listing(counter);
        }
    }

    /// Tells what was gathered, once nothing is to be waited for.
    fn finish_listing(&mut self, counter: Counter) {
        let listing = self.listings.get_mut(counter);
        let Some(gathered) = listing.and_then(|listing| listing.gathered.as_mut()) else {
            return;
        };
        if gathered.is_spoilt {
            let refused = ListOutcome::Refused(Refusal::NoQuorum);
            return self.end_listing(counter, refused);
        }
        if gathered.reading.is_empty() {
            let mut listed = core::mem::take(&mut gathered.listed);
            listed.sort_by(|one, other| one.name.cmp(&other.name));
            let end = gathered.end;
            self.end_listing(counter, ListOutcome::Names { listed, end });
        }
    }

    fn end_listing(&mut self, counter: Counter, outcome: ListOutcome) {
        if let Some(Listing { ticket, .. }) = self.listings.remove(counter) {
            self.outputs.push_back(Output::Listed { ticket, outcome });
        }
    }

    /// More is durable than before: the own replica's answers may count by that.
    pub(crate) fn cast_own_listings(&mut self, now: Time) {
        let own = self.options.incarnation.node;
        for counter in self.listings.counters() {
            let listing = self.listings.get_mut(counter);
            if listing.is_some_and(|listing| listing.cast_own_vote(own, self.persisted)) {
                self.carry_on_listing(now, counter);
            }
        }
    }

    /// A peer answers again, or is in this epoch at last: it is asked at once.
    pub(crate) fn ask_listings_again(&mut self, peer: NodeId) {
        for counter in self.listings.counters() {
            self.ask_listing(counter, |node| node == peer);
        }
    }

    /// Another epoch has begun: every listing forgets what it was answered and starts over. What is
    /// being read for it is so for nobody. A node that is no member any more can list nothing.
    pub(crate) fn start_listings_over(&mut self, now: Time) {
        let is_member = self.is_member();
        for counter in self.listings.counters() {
            if !is_member {
                let refused = ListOutcome::Refused(Refusal::NoMember);
                self.end_listing(counter, refused);
            } else if let Some(mut listing) = self.listings.remove(counter) {
                listing.start_over();
                self.launch_listing(now, listing);
            }
        }
    }

    /// When [`Lane::run_listings`] is to be called, and why.
    pub(crate) fn listings_timeout(&self) -> Option<(Time, LaneTimer)> {
        let next = self.listings.next_timer();
        next.map(|(time, timer, _)| (time, timer))
    }

    /// Ends what has reached its deadline and asks again what is late.
    pub(crate) fn run_listings(&mut self, now: Time) {
        while let Some((_, timer, counter)) =
            self.listings.next_timer().filter(|(time, ..)| *time <= now)
        {
            if timer == LaneTimer::Deadline {
                let refused = ListOutcome::Refused(Refusal::NoQuorum);
                self.end_listing(counter, refused);
            } else {
                if let Some(listing) = self.listings.get_mut(counter) {
                    listing.resend_at = now + listing.resend_wait;
                    listing.resend_wait = (listing.resend_wait * 2).min(self.options.resend_max);
                }
                self.ask_listing(counter, |_| true);
            }
        }
    }
}

/// What a quorum that has answered says of how many values there are. If all of them hold the same,
/// a quorum holds the greatest tag of each register, so that all of it is settled.
fn counted(listing: &Listing) -> ListOutcome {
    let counts: Vec<ListCount> = listing.counts();
    match counts[..] {
        [first, ref others @ ..]
            if !first.any_expired && others.iter().all(|other| *other == first) =>
        {
            ListOutcome::Counted(first.values)
        }
        _ => ListOutcome::Uncounted,
    }
}
