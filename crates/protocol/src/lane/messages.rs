//! What becomes of a message that arrives, and what every message says that leaves.

use super::Lane;
#[cfg(feature = "planted-faults")]
use super::PlantedFault;
use crate::asking::Vote;
use crate::configuration::{ClusterId, Epoch};
use crate::message::{Answer, Body, Bounds, Counter, Message, RequestId};
use crate::node::{Incarnation, NodeId};
use crate::output::{Output, PersistNumber};
use crate::slot::{Group, RegisterName};
use crate::time::Time;

impl Lane {
    /// A message arrived. Whoever delivers it vouches for [`Message::from`].
    ///
    /// Messages may be lost, repeated, late and out of order; one that is for another node, of
    /// another epoch, or about something that has ended changes nothing.
    pub fn handle_message(&mut self, now: Time, message: Message) {
        let Message {
            from,
            to,
            cluster,
            epoch,
            low_water,
            body,
        } = message;
        if to != self.options.incarnation.node {
            return;
        }
        if self.peers.note_low_water(from, low_water) {
            self.handle_incarnation(now, from);
        }
        self.forwards.forget_ended(from, low_water);
        let at = (cluster, epoch);
        let request = |counter| RequestId {
            origin: from,
            counter,
        };
        match body {
            Body::Query {
                counter,
                name,
                want,
            } => {
                let request = request(counter);
                if self.serves(now, request, at, &name) {
                    let (answer, after) = self.replica.query(&name, want);
                    let bounds = self.bounds(&name);
                    let body = Body::QueryReply {
                        request,
                        answer,
                        bounds,
                    };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::Update {
                counter,
                name,
                record,
            } => {
                let request = request(counter);
                if self.serves(now, request, at, &name) {
                    let (tag, after) = self.update_replica(from.node, &name, &record);
                    let body = Body::UpdateReply { request, tag };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::Settled { name, tag } => {
                if at == self.era() && self.may_coordinate(from.node) {
                    self.replica.settle(&name, tag);
                }
            }
            Body::Prepare {
                counter,
                name,
                ballot,
            } => {
                let request = request(counter);
                if ballot.proposer == from && self.serves(now, request, at, &name) {
                    // Before the promise, which takes some room itself.
                    let bounds = self.bounds(&name);
                    let (promise, after) = self.promise(&name, ballot);
                    let body = Body::PrepareReply {
                        request,
                        promise,
                        bounds,
                    };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::Accept {
                counter,
                name,
                step,
            } => {
                let request = request(counter);
                if step.ballot.proposer == from && self.serves(now, request, at, &name) {
                    let (refused_by, after) = self.accept(from.node, &name, &step);
                    let body = Body::AcceptReply {
                        request,
                        ballot: step.ballot,
                        tag: step.tag,
                        refused_by,
                    };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::Pull {
                counter,
                group,
                ask,
            } => {
                let is_admitted = self.admit(now, request(counter), at) && self.is_member();
                #[cfg(feature = "planted-faults")]
                let is_admitted = is_admitted || self.answers_any_pull();
                if is_admitted {
                    self.take_pull(now, request(counter), epoch, group, ask);
                }
            }
            Body::List {
                counter,
                group,
                ask,
            } => {
                let request = request(counter);
                if self.is_own_group(group) && self.serves_group(now, request, at, group) {
                    self.take_list(request, group, ask);
                }
            }
            Body::ListReply {
                request,
                group,
                answer,
            } => {
                if self.is_mine(request) && at == self.era() {
                    self.take_list_reply(now, from.node, request.counter, group, answer);
                }
            }
            Body::QueryReply {
                request,
                answer,
                bounds,
            } => {
                self.take_reply(now, from, at, request, Vote::Holds(answer, bounds));
            }
            Body::UpdateReply { request, tag } => {
                let settled = false;
                let answer = Answer::Tag { tag, settled };
                let vote = Vote::Holds(answer, Bounds::NONE);
                self.take_reply(now, from, at, request, vote);
            }
            Body::PrepareReply {
                request,
                promise,
                bounds,
            } => {
                self.take_reply(now, from, at, request, Vote::Promise(promise, bounds));
            }
            Body::AcceptReply {
                request,
                ballot,
                tag,
                refused_by,
            } => {
                let of = (ballot, tag);
                self.take_reply(now, from, at, request, Vote::Accepted { of, refused_by });
            }
            Body::PullReply {
                request,
                group,
                answer,
            } => {
                let counts = at == self.era();
                #[cfg(feature = "planted-faults")]
                let counts = counts || self.takes_late_pull_reply(at);
                if self.is_mine(request) && counts {
                    let (node, counter) = (from.node, request.counter);
                    let rest = self.take_repair_reply(now, node, counter, group, answer);
                    if let Err(answer) = rest {
                        self.take_pull_reply(now, node, counter, group, answer);
                    }
                }
            }
            Body::Confirm {
                counter,
                group,
                tombstones,
            } => {
                let request = request(counter);
                if self.is_own_group(group)
                    && self.is_of_round(from.node, at)
                    && !self.peers.has_ended(from, counter)
                    && let Some((held, after)) = self.confirm(request, group, &tombstones)
                {
                    let body = Body::ConfirmReply { request, held };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::ConfirmReply { request, held } => {
                if self.is_mine(request) && at == self.era() {
                    self.take_confirmation(now, from.node, request, held);
                }
            }
            Body::Mark { counter, group } => {
                let request = request(counter);
                if self.is_own_group(group) && self.is_of_round(from.node, at) {
                    self.peers.revoke_left();
                    let mark = self.operations.next();
                    let body = Body::MarkReply { request, mark };
                    self.send(from.node, epoch, body, PersistNumber::NONE);
                }
            }
            Body::MarkReply { request, mark } => {
                if self.is_mine(request) && at == self.era() {
                    self.take_mark(now, from, request, mark);
                }
            }
            Body::Compare {
                counter,
                group: _,
                marks,
            } => {
                let request = request(counter);
                if self.is_of_round(from.node, at)
                    && let Some((digest, after)) = self.compare(now, request, &marks)
                {
                    let body = Body::CompareReply { request, digest };
                    self.send(from.node, epoch, body, after);
                }
            }
            Body::CompareReply { request, digest } => {
                if self.is_mine(request) && at == self.era() {
                    self.take_comparison(now, from.node, request, digest);
                }
            }
            Body::Forget {
                counter,
                group: _,
                held,
            } => {
                if self.is_of_round(from.node, at) {
                    self.forget(request(counter), held);
                }
            }
            Body::StaleEpoch {
                configuration,
                request,
            } => {
                if self.is_mine(request) {
                    self.learn(configuration);
                }
            }
            Body::Configuration { configuration } => self.learn(configuration),
            Body::ConfigurationRequest { .. } => {
                if let Some(configuration) = self.configuration.clone() {
                    let epoch = configuration.epoch();
                    let body = Body::Configuration { configuration };
                    self.send(from.node, epoch, body, PersistNumber::NONE);
                }
            }
            Body::Entered { request } => {
                if self.is_mine(request) {
                    self.ask_again(now, from.node);
                    self.ask_listings_again(from.node);
                    self.copying_peer_is_back(now, from.node);
                }
            }
            Body::Forward {
                counter,
                executor,
                operation,
                time_left,
            } => {
                // It was asked of a former process, which may have done it.
                if executor != self.options.incarnation.boot {
                    return;
                }
                // The reserved register is no client's.
                let is_open = !operation.name().is_reserved();
                if is_open && cluster == self.cluster() && !self.peers.has_ended(from, counter) {
                    self.take_forward(now, from, counter, *operation, time_left);
                }
            }
            Body::ForwardReply { request, outcome } => {
                if self.is_mine(request) {
                    self.take_forward_reply(now, from.node, request.counter, *outcome);
                }
            }
        }
        self.expect_to_sweep(now);
        self.expect_to_collect(now);
        self.expect_to_repair(now);
    }

    /// Takes in a reply of the lane of another node: one that was given in this epoch, to a
    /// request of this very incarnation.
    fn take_reply(
        &mut self,
        now: Time,
        from: Incarnation,
        at: (ClusterId, Epoch),
        request: RequestId,
        vote: Vote,
    ) {
        if self.is_mine(request) && self.counts(at) {
            self.take_vote(now, from.node, request.counter, vote);
        }
    }

    /// Whether a reply of this epoch of this cluster counts.
    fn counts(&self, at: (ClusterId, Epoch)) -> bool {
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(PlantedFault::MixEpochs) {
            return at.0 == self.cluster() && at.1 <= self.epoch();
        }
        at == self.era()
    }

    /// Whether a request may be served, if this node holds what it is about: its coordinator is or
    /// was a member, it counts the quorums of this very epoch of this cluster, and somebody still
    /// waits for it. Tells the coordinator,
    /// or asks it, if the epochs differ.
    fn admit(&mut self, now: Time, request: RequestId, at: (ClusterId, Epoch)) -> bool {
        let RequestId {
            origin: from,
            counter,
        } = request;
        let (cluster, epoch) = at;
        let (own_cluster, own_epoch) = self.era();
        if cluster != own_cluster && own_cluster != ClusterId::NONE {
            return false;
        }
        if epoch > own_epoch {
            if self.peers.note_passed(now, request) {
                let body = Body::ConfigurationRequest { request };
                self.send(from.node, own_epoch, body, PersistNumber::NONE);
            }
        } else if epoch < own_epoch
            && let Some(configuration) = self.configuration.clone()
            && self.peers.note_told(now, request, own_epoch)
        {
            let body = Body::StaleEpoch {
                request,
                configuration,
            };
            self.send(from.node, own_epoch, body, PersistNumber::NONE);
        }
        epoch == own_epoch && self.may_coordinate(from.node) && !self.peers.has_ended(from, counter)
    }

    /// Whether a node may have operations of this cluster under way: it is a member, or has left it
    /// not long ago. Nobody else's word counts for anything here.
    fn may_coordinate(&self, node: NodeId) -> bool {
        let configuration = self.configuration.as_ref();
        configuration.is_some_and(|configuration| configuration.contains(node))
            || self.peers.has_left(node)
    }

    /// Whether what a coordinator asks of a register may be served: besides all that, this node is
    /// one of those that hold it. If not, nobody counts on its word, and what it took would never
    /// be dropped. Nor is a forced group served: nobody knows yet what it holds.
    fn serves(
        &mut self,
        now: Time,
        request: RequestId,
        at: (ClusterId, Epoch),
        name: &RegisterName,
    ) -> bool {
        let own = self.options.incarnation.node;
        let is_admitted = self.admit(now, request, at);
        let slot = name.slot();
        let configuration = self.configuration.as_ref();
        is_admitted
            && configuration.is_some_and(|entered| {
                entered.quorums(slot).contains(own) && !entered.is_forced(slot)
            })
    }

    /// Whether what a coordinator asks of all registers of a group may be served, by the same
    /// rules.
    fn serves_group(
        &mut self,
        now: Time,
        request: RequestId,
        at: (ClusterId, Epoch),
        group: Group,
    ) -> bool {
        let own = self.options.incarnation.node;
        let is_admitted = self.admit(now, request, at);
        let configuration = self.configuration.as_ref();
        is_admitted
            && configuration.is_some_and(|entered| {
                entered.group_quorums(group).contains(own) && !entered.forced().contains(group)
            })
    }

    /// Whether a reply answers a request of this very incarnation.
    fn is_mine(&self, request: RequestId) -> bool {
        request.origin == self.options.incarnation
    }

    pub(crate) fn send(&mut self, to: NodeId, epoch: Epoch, body: Body, after: PersistNumber) {
        let stamp = Stamp {
            epoch,
            ..self.stamp()
        };
        let message = stamp.message(to, body);
        self.outputs.push_back(Output::Send { message, after });
    }

    /// What every message says that leaves now and is about this lane's epoch.
    pub(crate) fn stamp(&self) -> Stamp {
        let (cluster, epoch) = self.era();
        Stamp {
            from: self.options.incarnation,
            cluster,
            epoch,
            low_water: self.low_water(),
        }
    }
}

/// What all messages say that a lane sends at one time.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    from: Incarnation,
    cluster: ClusterId,
    epoch: Epoch,
    low_water: Counter,
}

impl Stamp {
    pub(crate) fn message(self, to: NodeId, body: Body) -> Message {
        Message {
            from: self.from,
            to,
            cluster: self.cluster,
            epoch: self.epoch,
            low_water: self.low_water,
            body,
        }
    }
}
