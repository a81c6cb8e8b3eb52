//! A node's membership, and what is kept beside it: [`Cluster`].

use super::{Ended, Node};
use crate::server::change_log::{ChangeLog, ChangeNote};
use crate::server::lane_shell::{Copied, LaneShell};
use crate::server::shares::Shares;
use protocol::{
    Address, ChangeRefusal, ChangeRequest, Configuration, Epoch, Lane, Membership, MembershipEvent,
    MembershipMessage, MembershipOutput, NodeId, PeerState, Ticket, Time,
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
    /// The configuration that the membership has entered and the rest of the node has not, as it
    /// is not on disk yet; and until when the membership goes on hearing of what happens.
    entering: Option<(Arc<Configuration>, Time)>,
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
            entering: None,
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
        if self.waits_for_disk() {
            let again = self.0.clock.now() + ENTERING_MAX;
            return self.0.membership_alarm.set(Some(again));
        }
        self.call_membership(|membership, now| {
            membership.note_copied(copied.registers, copied.bytes);
            membership.handle_timeout(now);
        });
    }

    /// A message has come for the membership.
    pub(super) fn membership_message(&self, from: NodeId, message: MembershipMessage) {
        if !self.waits_for_disk() {
            self.call_membership(|membership, now| membership.handle_message(now, from, message));
        }
    }

    /// Whether a configuration has been waiting for the disk for so long that the membership is
    /// to hear of nothing more: what it wants done gathers until then.
    fn waits_for_disk(&self) -> bool {
        let now = self.0.clock.now();
        let cluster = self.0.cluster.lock();
        let entering = cluster.entering.as_ref();
        entering.is_some_and(|(_, until)| now > *until)
    }

    /// Tells the membership what the lanes have left for it, then calls it, and does what it wants
    /// done: all under its lock, so that the lanes hear of one thing after the other in the order
    /// in which they happened. What the lanes say to that, it is told before its lock is given
    /// back.
    pub(super) fn call_membership(&self, call: impl FnOnce(&mut Membership, Time)) {
        let mut cluster = self.0.cluster.lock();
        let cluster = &mut *cluster;
        let now = self.0.clock.now();
        self.tell_news(cluster);
        call(&mut cluster.membership, now);
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
        while cluster.entering.is_none() {
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
        while cluster.entering.is_none()
            && let Some(output) = cluster.membership.poll_output()
        {
            self.carry_out(cluster, output);
        }
    }

    /// The configuration of this epoch is on disk: the node enters it, and goes on with what the
    /// membership wanted done since.
    pub(super) fn enter_kept(&self, epoch: Epoch) {
        let mut cluster = self.0.cluster.lock();
        if let Some((configuration, _)) =
            (cluster.entering).take_if(|(entering, _)| entering.epoch() <= epoch)
        {
            self.enter(&mut cluster, &configuration);
        }
        drop(cluster);
        self.call_membership(|_, _| {});
    }

    /// The node enters a configuration, which is on disk if it has one.
    fn enter(&self, cluster: &mut Cluster, configuration: &Arc<Configuration>) {
        let id = configuration.cluster();
        self.0.links.set_cluster(id, configuration.predecessor());
        for lane in &self.0.lanes {
            lane.enter(&self.world(), configuration.clone());
        }
        let now = self.0.clock.now();
        for note in cluster.change_log.entered(now, configuration) {
            self.log_change(&note);
        }
    }

    fn carry_out(&self, cluster: &mut Cluster, output: MembershipOutput) {
        match output {
            MembershipOutput::Send { to, message } => self.0.links.send_membership(to, message),
            MembershipOutput::Configuration(configuration) => {
                let disk = self.0.disk.as_ref();
                match disk.is_some_and(|disk| disk.enter(&configuration)) {
                    true => {
                        let until = self.0.clock.now() + ENTERING_MAX;
                        cluster.entering = Some((configuration, until));
                    }
                    false => self.enter(cluster, &configuration),
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
            MembershipOutput::Stop { by, address } => self.end(Ended::Replaced { by, address }),
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

/// How long a configuration may take to reach the disk before the membership is handed no message
/// any more. Any message may be lost.
const ENTERING_MAX: Duration = Duration::from_secs(1);

/// How many requests for changes may wait for their answer.
const ASKING_MAX: usize = 64;

/// How long a request for a change waits for its answer, which the membership gives sooner.
const CHANGE_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long deciding on a configuration may take before its outcome counts as unknown.
const PROPOSAL_TIMEOUT: Duration = Duration::from_secs(5);
