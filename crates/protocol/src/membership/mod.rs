//! The cluster as one node sees it: who answers, and which configuration stands.
//!
//! [`Membership`] puts together three things: the failure detector, which pings; founding, by which
//! nodes that all lack memory agree on the first configuration; and changes of the members while
//! they serve. It is driven like a lane: `handle_*` brings things in, and after each call
//! [`Membership::poll_output`] is drained until it gives `None`.
//!
//! | file | idea |
//! | --- | --- |
//! | `detector`, `links` | who answers, and where |
//! | `founding`, `proposer`, `answerer` | the first configuration |
//! | `learning`, `entered` | what it means that a configuration stands, and who else knows |
//! | `seeking`, `joining`, `candidates` | being let in, and letting in |
//! | `goal`, `changing`, `poll`, `consenting` | beginning a change |
//! | `deciding` | having the reserved register decide |
//! | `progress`, `carrying` | copying, as far as it is heard of, and ending a change |
//! | `removing`, `losses`, `recovering` | members that are down or gone for good |
//!
//! # Founding
//!
//! Every node has the same list of addresses. A fresh node asks everyone on it whether a cluster
//! stands; a single answer that one does ends its founding, unless it may be the late word of a
//! process that is gone. The node that finds itself at the least address proposes, in rounds:
//!
//! ```text
//!   least address              every other address
//!        |--- Ask(round) ------------>|   has itself met the asker at the least address?
//!        |<-- Fresh(round, number) ---|   raises the number: earlier agreements are void
//!        |                            |   (all have answered)
//!        |--- Propose --------------->|   own list? own id? number still the last?
//!        |<-- Yes --------------------|
//!        |                            |   (all have agreed: it stands)
//!        |--- Commit ---------------->|   number still the last? then it stands
//! ```
//!
//! **What it guarantees**, if all nodes have the same list and each address is answered by one
//! process at a time: *no two live processes ever know different clusters.* A cluster is founded
//! when its proposer P has everyone's agreement.
//! 1. No process that lives then knows another. It would have to have been founded by an earlier
//!    process P' at the least address, which ended before P began. Whoever knew that cluster when
//!    P asked, said so, and P did not propose. Whoever answered 'fresh' has, with that answer,
//!    voided the commit of P', and did not agree to P's proposal if it learned of the other
//!    cluster before it came. From its agreeing on, it no longer believes words that may be late
//!    ones of a process that P found replaced; and nobody else can tell it.
//! 2. None learns of another one later, as none who knows one lives; and a later proposer is
//!    told of this one as long as anybody knows it.
//!
//! When everyone who knew a cluster is gone, so is its data; then a new one may be founded, and
//! one who had agreed to the old one, but not heard of the commit, may be in it.
//!
//! The number makes a proposer that restarts harmless: the new process asks, and with that the
//! old one's proposal and commit count no more. A question repeated within one round is answered
//! with the number it was answered with before, as a round makes one proposal at most: so a
//! message that comes twice costs no round.
//!
//! # Changes
//!
//! Members C become members D by way of a *joint* configuration, in which every operation needs
//! quorums of both; the copies that D's replicas need are made in it, and then D stands alone. What
//! follows on a configuration is decided by the reserved register, whose replicas are the members
//! (of C, while it is joint); so whatever is said here decides nothing, and no two configurations
//! ever follow on one. The members say to each other what is worth proposing:
//!
//! ```text
//!  who begins it            everyone of C and D           the lanes
//!       |                           |                         |
//!       | meets the node that comes, at its address           |
//!       |--- Consider(joint) ------>| alive where another     |
//!       |<-- Consent / Dissent -----| would come? newer epoch?|
//!       |    (majorities of C and of D, and who comes)        |
//!       |--- Decide(joint) -------------------------------------->|  one proposal wins
//!       |--- Stands(joint) -------->|--- Configuration ------>|  operations need both quorums
//!       |                           |<-- copied(group) -------|  from a quorum of C's replicas
//!       |<---------- Progress ----->|                         |
//!       |    (of each group, a majority of its new replicas   |
//!       |     has copied it in this very epoch)               |
//!       |--- Decide(D) ------------------------------------------>|  by the first alive of C
//!       |--- Stands(D) ------------>|--- Configuration ------>|
//!       |<---------- Pong(epoch) -->|  EnteredByMajority      |  groups of others are dropped
//! ```
//!
//! **What it guarantees.**
//! 1. *A change is finished only when it is safe.* What a node says of its copying names the
//!    epoch, and counts in that epoch alone; a change that is given up voids it.
//! 2. *Every change ends*, as long as a majority of C lives and answers: any member of C finishes
//!    it once it may be, or has C decided again when nothing has moved on for long. Who began it
//!    has no part in that, so it may die at any step. The members take turns to propose, in the
//!    order of their ids; that is courtesy, and if two propose at once the register takes one.
//! 3. *Everyone learns it*: who decided tells all of C and D; pongs name epochs, and whoever is
//!    behind is told or asks; members go on connecting to the addresses of those that left, and
//!    to those that ask, and tell them each second. A process whose seat another one has must stop
//!    ([`MembershipOutput::Stop`]), once a majority of the members knows; one that was merely let
//!    go forwards.
//! 4. *A process that starts at the address of a member that is gone comes in its place* by
//!    itself: it asks one member after the other, and one that has met it at that address begins
//!    the change, if nobody sees the old one alive. It inherits the seat, so that only what the
//!    old one held is copied. If it dies on the way, the next process at that address asks to
//!    replace whichever of the two is the member then.
//!
//! A node that starts with [`MembershipOptions::join`] never founds a cluster. It tells its seeds
//! where it is, and they connect to it and say which cluster stands.

mod answerer;
mod candidates;
mod carrying;
mod change;
mod changing;
mod consenting;
mod deciding;
mod detector;
mod entered;
mod event;
mod founding;
mod goal;
mod joining;
mod learning;
mod links;
mod losses;
mod message;
mod options;
mod output;
mod poll;
mod progress;
mod proposer;
mod recovering;
mod removing;
mod seeking;
mod sentences;
#[cfg(test)]
mod tests;

pub use change::{ChangeRefusal, ChangeRequest, ChangeView, Decision};
pub use detector::PeerState;
pub use event::MembershipEvent;
pub use message::{DissentReason, Founder, FreshNumber, MembershipMessage, Proposal, ProposalId};
pub use options::{Join, MembershipOptions, MembershipOptionsError};
pub use output::{MembershipOutput, MembershipTimer};
pub use recovering::RecoveryView;

use crate::configuration::{Configuration, Epoch, Seat};
use crate::node::{Address, Incarnation, NodeId};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use candidates::Candidates;
use carrying::Carrying;
use changing::Changing;
use deciding::Deciding;
use detector::Detector;
use entered::Entered;
use founding::Founding;
use joining::Joining;
use links::Links;
use losses::Losses;
use progress::Progress;
use recovering::Recovering;
use removing::Removing;
use seeking::Seeking;

/// The membership of one node. The module's documentation tells how it works.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Membership {
    me: NodeId,
    options: MembershipOptions,
    /// The list, or the seeds: sorted, each address once.
    list: Vec<Address>,
    links: Links,
    detector: Detector,
    knowledge: Knowledge,
    /// The seat that this node has, or had when it was last a member. One that was only on its way
    /// in had none.
    seat: Option<Seat>,
    /// Whether it was said that this process must stop.
    is_stopped: bool,
    joining: Joining,
    candidates: Candidates,
    changing: Changing,
    recovering: Recovering,
    deciding: Option<Deciding>,
    carrying: Carrying,
    removing: Removing,
    progress: Progress,
    entered: Entered,
    losses: Losses,
    other_cluster_reported: bool,
    outputs: VecDeque<MembershipOutput>,
}

/// Whether a node knows of a cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Knowledge {
    /// It does not, and may found one.
    Fresh(Box<Founding>),
    /// It does not, and looks for one.
    Seeking(Box<Seeking>),
    Stands {
        configuration: Arc<Configuration>,
        announce_due: Time,
    },
}

/// What a node is to its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// It knows of no cluster yet.
    Fresh,
    /// It holds registers and votes, or is on its way in or out.
    Member,
    /// It holds nothing and forwards to members.
    Outsider,
}

impl Membership {
    /// The membership of a node whose process starts now, without memory.
    ///
    /// # Errors
    /// [`MembershipOptionsError`] tells which option cannot be used.
    pub fn new(now: Time, options: MembershipOptions) -> Result<Self, MembershipOptionsError> {
        options.check()?;
        let me = options.incarnation.node;
        let knowledge = match options.join {
            None => Knowledge::Fresh(Box::new(Founding::new(now, &options))),
            Some(_) => Knowledge::Seeking(Box::new(Seeking::new(now, &options))),
        };
        Ok(Self {
            me,
            list: options.list(),
            links: Links::default(),
            detector: Detector::new(&options),
            knowledge,
            seat: None,
            is_stopped: false,
            joining: Joining::default(),
            candidates: Candidates::default(),
            changing: Changing::default(),
            recovering: Recovering::default(),
            deciding: None,
            carrying: Carrying::default(),
            removing: Removing::default(),
            progress: Progress::new(me, options.progress_interval),
            entered: Entered::default(),
            losses: Losses::default(),
            other_cluster_reported: false,
            outputs: VecDeque::new(),
            options,
        })
    }

    /// The membership of a node that has restarted, under its former id with a greater boot, with
    /// what its disk kept: the configuration that it had entered last.
    ///
    /// # Errors
    /// [`MembershipOptionsError`] tells which option cannot be used.
    pub fn restored(
        now: Time,
        options: MembershipOptions,
        configuration: Arc<Configuration>,
    ) -> Result<Self, MembershipOptionsError> {
        let mut membership = Self::new(now, options)?;
        let mut members = configuration.members_before().iter();
        let own = members.find(|member| member.id == membership.me);
        membership.seat = own.map(|member| member.seat);
        membership.enter(now, configuration);
        Ok(membership)
    }

    /// This node's own outgoing connection to that address has finished its handshake, with that
    /// incarnation, which may be this node itself.
    pub fn handle_link_up(&mut self, now: Time, address: &Address, incarnation: Incarnation) {
        if !self.addresses().contains(address) {
            return;
        }
        let node = incarnation.node;
        if self.links.node(address) != Some(node) {
            self.break_link(now, address);
        }
        self.links.up(address, node);
        self.detector.link_up(now, node, &mut self.outputs);
        self.watch_peers(now);
        self.review_losses(now);
        match &mut self.knowledge {
            Knowledge::Fresh(founding) => {
                founding.handle_link_up(now, address, node, &self.links, &mut self.outputs);
            }
            Knowledge::Seeking(seeking) => seeking.handle_link_up(node, &mut self.outputs),
            Knowledge::Stands { .. } => {
                self.announce_to(node);
                self.touch(node);
                self.let_in(now, address, node);
            }
        }
        self.enter_if_founded(now);
        self.drive(now);
    }

    /// This node's own outgoing connection to that address has ended.
    pub fn handle_link_down(&mut self, now: Time, address: &Address) {
        self.break_link(now, address);
        self.drive(now);
    }

    /// A message from the node that the connection's handshake proved.
    pub fn handle_message(&mut self, now: Time, from: NodeId, message: MembershipMessage) {
        if from == self.me {
            return;
        }
        match message {
            MembershipMessage::Ping { number } => {
                let epoch = self.epoch();
                self.send(from, MembershipMessage::Pong { number, epoch });
            }
            MembershipMessage::Pong { number, epoch } => {
                self.detector.handle_pong(from, number, &mut self.outputs);
                self.note_epoch(from, epoch);
                self.level(from, epoch);
            }
            MembershipMessage::Stands { configuration } => {
                let epoch = configuration.epoch();
                self.learn(now, Some(from), configuration);
                self.note_epoch(from, epoch);
            }
            MembershipMessage::Join { address, weight } => {
                self.handle_join(now, from, address, weight);
            }
            MembershipMessage::Consider {
                number,
                configuration,
                only_if_down,
            } => self.handle_consider(now, from, number, &configuration, only_if_down),
            MembershipMessage::Consent { number } => self.note_answer(now, from, number, Ok(())),
            MembershipMessage::Dissent { number, reason } => {
                self.note_answer(now, from, number, Err(reason));
            }
            MembershipMessage::Progress {
                epoch,
                lacking,
                registers,
                bytes,
            } => {
                self.note_epoch(from, epoch);
                self.handle_progress(now, from, epoch, lacking, (registers, bytes));
            }
            message => self.handle_founding_message(now, from, message),
        }
        self.enter_if_founded(now);
        self.drive(now);
    }

    fn handle_founding_message(&mut self, now: Time, from: NodeId, message: MembershipMessage) {
        let outputs = &mut self.outputs;
        match (&mut self.knowledge, message) {
            (Knowledge::Fresh(founding), MembershipMessage::Ask { round }) => {
                founding.handle_ask(from, round, &self.links, outputs);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Fresh { number }) => {
                founding.handle_fresh(now, from, number, outputs);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Propose { proposal }) => {
                founding.handle_propose(from, &proposal, &self.links, outputs);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Yes { proposal }) => {
                founding.handle_yes(from, proposal);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Commit { proposal }) => {
                if let Some(configuration) = founding.handle_commit(from, proposal) {
                    self.enter(now, configuration);
                }
            }
            (
                Knowledge::Stands { configuration, .. },
                MembershipMessage::Ask { .. } | MembershipMessage::Propose { .. },
            ) => {
                let configuration = configuration.clone();
                self.send(from, MembershipMessage::Stands { configuration });
            }
            _ => {}
        }
    }

    /// A lane has heard of this configuration.
    pub fn handle_configuration(&mut self, now: Time, configuration: Arc<Configuration>) {
        self.learn(now, None, configuration);
        self.drive(now);
    }

    /// It is `now`, and that may be what [`next_timeout`](Self::next_timeout) named.
    pub fn handle_timeout(&mut self, now: Time) {
        self.detector.handle_timeout(now, &mut self.outputs);
        match &mut self.knowledge {
            Knowledge::Fresh(founding) => {
                founding.handle_timeout(now, &self.links, &mut self.outputs);
            }
            Knowledge::Seeking(seeking) => {
                seeking.handle_timeout(now, &self.links, &mut self.outputs);
            }
            Knowledge::Stands { announce_due, .. } if *announce_due <= now => {
                *announce_due = now + self.options.announce_interval;
                self.announce();
                self.review_losses(now);
            }
            Knowledge::Stands { .. } => {}
        }
        self.enter_if_founded(now);
        self.drive(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest, and what for.
    pub fn next_timeout(&self) -> Option<(Time, MembershipTimer)> {
        let own = match &self.knowledge {
            Knowledge::Fresh(founding) => founding.next_timeout(),
            Knowledge::Seeking(seeking) => Some(seeking.next_timeout()),
            Knowledge::Stands { announce_due, .. } => {
                Some((*announce_due, MembershipTimer::Announce))
            }
        };
        let change = [
            self.joining_timeout(),
            self.candidates.next_timeout(),
            self.changing.next_timeout(),
            self.carrying_timeout(),
            self.removing_timeout(),
        ];
        let change = change.into_iter().flatten().min();
        let change = change.map(|due| (due, MembershipTimer::Change));
        let timers = own.into_iter().chain(change);
        timers.chain(self.detector.next_timeout()).min()
    }

    /// Does whatever is due, or has become possible.
    fn drive(&mut self, now: Time) {
        if self.candidates.forget_silent(now) {
            self.forget_links(now);
        }
        self.drive_joining(now);
        self.drive_attempt(now);
        self.drive_carrying(now);
        self.drive_removing(now);
    }

    /// The next thing to be done, until there is none.
    pub fn poll_output(&mut self) -> Option<MembershipOutput> {
        self.outputs.pop_front()
    }

    /// What this node is to its cluster.
    pub fn standing(&self) -> Standing {
        match self.configuration() {
            None => Standing::Fresh,
            Some(configuration) if configuration.contains(self.me) => Standing::Member,
            Some(_) => Standing::Outsider,
        }
    }

    /// The newest configuration that this node knows.
    pub fn configuration(&self) -> Option<&Arc<Configuration>> {
        match &self.knowledge {
            Knowledge::Fresh(_) | Knowledge::Seeking(_) => None,
            Knowledge::Stands { configuration, .. } => Some(configuration),
        }
    }

    /// What this node believes of a peer; of itself, that it is alive.
    pub fn peer_state(&self, node: NodeId) -> PeerState {
        if node == self.me {
            return PeerState::Alive;
        }
        self.detector.state(node)
    }

    /// Who answered last at that address, if the link is up or that process is known to have
    /// replaced a member.
    pub fn met(&self, address: &Address) -> Option<NodeId> {
        let last = self.links.last(address)?;
        let mut members = self.configuration().into_iter().flat_map(|c| c.members());
        let replaced = members.any(|member| member.address == *address && member.id != last);
        (last == self.me || replaced || self.links.node(address).is_some()).then_some(last)
    }

    /// While no cluster stands: the listed addresses, or the seeds, where nobody answers.
    pub fn awaited(&self) -> Vec<Address> {
        match &self.knowledge {
            Knowledge::Fresh(founding) => founding.unmet(&self.links),
            Knowledge::Seeking(seeking) => seeking.unmet(&self.links),
            Knowledge::Stands { .. } => Vec::new(),
        }
    }

    /// The addresses to keep connections to: the list's, or the seeds, those of members and of
    /// former ones, and those where this node is to meet one that comes; but this node's own only
    /// until it has met itself there. It may change with every call of a `handle_*` method.
    pub fn dial(&self) -> impl Iterator<Item = Address> {
        let member = self.configuration().and_then(|c| c.member(self.me));
        let own = member.map(|member| member.address.clone());
        let mut addresses = self.addresses();
        addresses.retain(|address| {
            self.links.last(address) != Some(self.me) && Some(address) != own.as_ref()
        });
        addresses.into_iter()
    }

    /// Every address this node has to do with, its own among them.
    fn addresses(&self) -> BTreeSet<Address> {
        let configuration = self.configuration().into_iter();
        let known = configuration.flat_map(|configuration| {
            let members = configuration.members().iter();
            members
                .map(|member| &member.address)
                .chain(configuration.former())
        });
        let rumoured: &[Address] = match &self.knowledge {
            Knowledge::Seeking(seeking) => seeking.rumoured(),
            Knowledge::Fresh(_) | Knowledge::Stands { .. } => &[],
        };
        known
            .chain(&self.list)
            .chain(rumoured)
            .chain(self.candidates.addresses())
            .chain(self.changing.address())
            .cloned()
            .collect()
    }

    fn epoch(&self) -> Epoch {
        self.configuration().map_or(Epoch::NONE, |c| c.epoch())
    }

    fn send(&mut self, to: NodeId, message: MembershipMessage) {
        let output = MembershipOutput::Send { to, message };
        self.outputs.push_back(output);
    }

    fn report(&mut self, event: MembershipEvent) {
        self.outputs.push_back(MembershipOutput::Event(event));
    }
}
