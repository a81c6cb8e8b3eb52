//! A node's membership, and what is kept beside it: [`Cluster`].

use super::{Node, Replaced};
use crate::server::change_log::{ChangeLog, ChangeNote};
use crate::server::lane_shell::{Copied, LaneShell};
use crate::server::shares::Shares;
use protocol::{
    Address, ChangeRefusal, ChangeRequest, Epoch, Lane, Membership, MembershipEvent,
    MembershipOutput, NodeId, PeerState, Ticket, Time,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

/// The membership, and what is kept beside it under one lock.
pub(super) struct Cluster {
    pub(super) membership: Membership,
    /// Who waits to hear whether a change was begun.
    asking: HashMap<Ticket, oneshot::Sender<Result<Epoch, ChangeRefusal>>>,
    tickets: u64,
    change_log: ChangeLog,
    /// The shares of the configuration that was looked at last.
    shares: Option<Arc<Shares>>,
    /// The newest epoch that a majority of its members is known to have entered.
    pub(super) entered_by_majority: Epoch,
}

impl Cluster {
    pub(super) fn new(membership: Membership) -> Self {
        Self {
            membership,
            asking: HashMap::new(),
            tickets: 0,
            change_log: ChangeLog::default(),
            shares: None,
            entered_by_majority: Epoch::NONE,
        }
    }

    /// Who holds how much in the present configuration, once there is one.
    pub(super) fn shares(&mut self) -> Option<Arc<Shares>> {
        let configuration = self.membership.configuration()?;
        let known = self.shares.as_ref();
        if known.is_none_or(|known| known.epoch() != configuration.epoch()) {
            self.shares = Some(Arc::new(Shares::of(configuration)));
        }
        self.shares.clone()
    }
}

impl Node {
    /// Asks for a change of members, and waits until it has begun, or is known not to.
    pub(super) async fn change_members(
        &self,
        request: ChangeRequest,
    ) -> Result<Epoch, ChangeRefusal> {
        let (sender, receiver) = oneshot::channel();
        let ticket = {
            let mut cluster = self.0.cluster.lock();
            if cluster.asking.len() >= ASKING_MAX {
                return Err(ChangeRefusal::Busy);
            }
            cluster.tickets += 1;
            let ticket = Ticket(cluster.tickets);
            cluster.asking.insert(ticket, sender);
            ticket
        };
        self.call_membership(|membership, now| {
            membership.handle_change_request(now, ticket, request);
        });
        match tokio::time::timeout(CHANGE_ANSWER_TIMEOUT, receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => {
                self.0.cluster.lock().asking.remove(&ticket);
                error!("a request for a change had no answer after {CHANGE_ANSWER_TIMEOUT:?}");
                Err(ChangeRefusal::Unknown)
            }
        }
    }

    /// It is time to call the membership.
    pub(super) fn membership_timeout(&self) {
        // The others are told how far this node is in copying now and then, and what it tells
        // them is what it knows.
        let copied = self.copied_in_this_configuration();
        self.call_membership(|membership, now| {
            membership.note_copied(copied.registers, copied.bytes);
            membership.handle_timeout(now);
        });
    }

    /// Tells the membership what the lanes have left for it, then calls it, and does what it wants
    /// done: all under its lock, so that the lanes hear of one thing after the other in the order
    /// in which they happened. What the lanes say to that, it is told before its lock is given
    /// back.
    pub(super) fn call_membership(&self, call: impl FnOnce(&mut Membership, Time)) {
        let mut cluster = self.0.cluster.lock();
        let cluster = &mut *cluster;
        self.tell_news(cluster);
        call(&mut cluster.membership, self.0.clock.now());
        self.carry_out_all(cluster);
        self.tell_news(cluster);
        self.log_progress(cluster);
        self.0
            .refusals
            .refuse_groups(cluster.membership.groups_lost());
        self.0.links.ensure(cluster.membership.dial());
        let next = cluster.membership.next_timeout();
        self.0.membership_alarm.set(next.map(|(at, _)| at));
    }

    /// Tells the membership what the lanes have left for it, and does what it wants done, until
    /// neither has anything to say to the other.
    fn tell_news(&self, cluster: &mut Cluster) {
        loop {
            let news = self.0.news.take();
            if news.is_empty() {
                return;
            }
            if news.tells_of_copying() {
                let copied = self.copied_in_this_configuration();
                let membership = &mut cluster.membership;
                membership.note_copied(copied.registers, copied.bytes);
            }
            news.tell(&mut cluster.membership, self.0.clock.now());
            self.carry_out_all(cluster);
        }
    }

    fn carry_out_all(&self, cluster: &mut Cluster) {
        while let Some(output) = cluster.membership.poll_output() {
            self.carry_out(cluster, output);
        }
    }

    fn carry_out(&self, cluster: &mut Cluster, output: MembershipOutput) {
        match output {
            MembershipOutput::Send { to, message } => self.0.links.send_membership(to, message),
            MembershipOutput::Configuration(configuration) => {
                let id = configuration.cluster();
                self.0.links.set_cluster(id, configuration.predecessor());
                for lane in &self.0.lanes {
                    lane.enter(&self.world(), configuration.clone());
                }
                let now = self.0.clock.now();
                for note in cluster.change_log.entered(now, &configuration) {
                    self.log_change(&note);
                }
            }
            MembershipOutput::PeerState { peer, state } => {
                log_peer(&cluster.membership, peer, state);
                self.call_lanes(|lane, now| lane.handle_peer(now, peer, state));
            }
            MembershipOutput::Event(event) => log_event(&event, &cluster.change_log),
            MembershipOutput::Decide { base, next } => {
                let deadline = self.0.clock.now() + PROPOSAL_TIMEOUT;
                self.0.lanes[0].propose(&self.world(), base, &next, deadline);
            }
            MembershipOutput::EnteredByMajority(epoch) => {
                cluster.entered_by_majority = epoch;
                self.call_lanes(|lane, now| lane.handle_entered_by_majority(now, epoch));
            }
            MembershipOutput::ChangeAnswer { ticket, answer } => {
                if let Some(sender) = cluster.asking.remove(&ticket) {
                    // Whoever asked and has gone away does not hear it.
                    let _ = sender.send(answer);
                }
            }
            MembershipOutput::Stop { by, address } => self.stop_serving(by, address),
        }
    }

    /// Calls all lanes, for the membership, which is told their news right after.
    fn call_lanes(&self, call: impl Fn(&mut Lane, Time)) {
        for lane in &self.0.lanes {
            lane.call(&self.world(), &call);
        }
    }

    fn copied_in_this_configuration(&self) -> Copied {
        let copied = self.0.lanes.iter();
        let copied = copied.map(LaneShell::copied_in_this_configuration);
        copied.fold(Copied::default(), Copied::plus)
    }

    pub(in crate::server) fn stop_serving(&self, by: NodeId, address: Address) {
        self.0.refusals.refuse_all();
        let is_first = self.0.replaced.send_if_modified(|replaced| {
            let is_first = replaced.is_none();
            replaced.get_or_insert_with(|| Replaced {
                by,
                address: address.clone(),
            });
            is_first
        });
        if is_first {
            error!(
                "node {by} at {address} has taken the place of this process ({}), which holds \
                 nothing that counts any more; it stops serving and exits; to have it in the \
                 cluster as well, start it anew under an address of its own with --join",
                self.0.incarnation.node
            );
        }
    }

    fn log_progress(&self, cluster: &mut Cluster) {
        let (membership, now) = (&cluster.membership, self.0.clock.now());
        let progress = cluster.change_log.progress(now, || membership.change(now));
        if let Some(note) = progress {
            self.log_change(&note);
        }
    }

    fn log_change(&self, note: &ChangeNote) {
        self.0.metrics.observe_change(note);
        match note {
            ChangeNote::Aborted { .. } => warn!("{note}"),
            ChangeNote::Begun { configuration } if !configuration.forced().is_empty() => {
                warn!("{note}");
            }
            _ => info!("{note}"),
        }
    }
}

fn log_peer(membership: &Membership, peer: NodeId, state: PeerState) {
    let address = match membership.configuration() {
        Some(configuration) => match configuration.member(peer) {
            Some(member) => Some(member.address.clone()),
            // It has left: what it does is nobody's business any more.
            None => return,
        },
        None => membership
            .dial()
            .find(|address| membership.met(address) == Some(peer)),
    };
    let address = address
        .as_ref()
        .map_or("an unknown address", Address::as_str);
    match state {
        PeerState::Alive => info!("node {peer} at {address} is alive"),
        PeerState::Suspect => info!("node {peer} at {address} is suspect: it does not answer"),
        PeerState::Down => warn!("node {peer} at {address} is down: it has not answered"),
    }
}

/// What an operator need not act upon is information; the rest is a warning, or worse.
fn log_event(event: &MembershipEvent, change_log: &ChangeLog) {
    match event {
        MembershipEvent::Changed { epoch, .. } if change_log.has_told_of(*epoch) => {}
        _ if event.is_loss() => error!("{event}"),
        _ if event.is_routine() => info!("{event}"),
        _ => warn!("{event}"),
    }
}

/// How many requests for changes may wait for their answer.
const ASKING_MAX: usize = 64;

/// How long a request for a change waits for its answer, which the membership gives sooner.
const CHANGE_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long deciding on a configuration may take before its outcome counts as unknown.
const PROPOSAL_TIMEOUT: Duration = Duration::from_secs(5);
