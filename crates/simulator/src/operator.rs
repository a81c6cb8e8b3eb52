//! The loss of a majority for good, and who has the cluster go on: [`Operator`].

use crate::chance::{Chance, Stream};
use crate::cluster::Cluster;
use crate::faults::Fault;
use crate::network::Site;
use crate::outcome::Run;
use crate::process::State;
use protocol::{ChangeRequest, ClusterId, Configuration, Group, NodeId, Standing};
use std::collections::BTreeSet;
use std::time::Duration;

/// The loss that a run has.
#[derive(Clone, Debug)]
pub(crate) struct LossPlan {
    /// How long after the beginning of the faults.
    pub(crate) after: Duration,
    of: Majority,
    /// How likely each of those that are taken for lost is asleep.
    asleep_share: f64,
    /// How likely another process starts in the place of a dead one before the cluster heals.
    back_share: f64,
    /// How long it takes until an operator comes, and between two looks at the cluster, on
    /// average.
    pause: Duration,
}

/// Which majority is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Majority {
    /// That of the members.
    Members,
    /// That of those who hold some slot.
    Replicas,
}

impl LossPlan {
    /// How many of the runs have a loss, if nothing speaks against it.
    const SHARE: f64 = 0.15;

    /// The loss of a run whose faults last so long, if it has one.
    pub(crate) fn draw(run: &Run, faults_last: Duration) -> Option<Self> {
        let mut chance = Chance::new(run.seed, Stream::Operator);
        let has_one = chance.happens(Self::SHARE) || run.loss;
        has_one.then(|| Self {
            after: chance.span(Duration::from_secs(1)..=faults_last.max(Duration::from_secs(2))),
            of: chance.pick(&[Majority::Members, Majority::Replicas]),
            asleep_share: chance.pick(&[0.0, 0.0, 0.3, 0.8]),
            back_share: chance.pick(&[0.0, 0.5, 1.0]),
            pause: Duration::from_millis(chance.pick(&[300, 1000, 3000])),
        })
    }
}

/// Takes members for lost and has the others go on, as often as it takes.
#[derive(Debug)]
pub(crate) struct Operator {
    plan: LossPlan,
    chance: Chance,
}

impl Operator {
    pub(crate) fn new(seed: u64, plan: LossPlan) -> Self {
        let mut chance = Chance::new(seed, Stream::Operator);
        // Not the numbers of which the plan was made.
        let seed = chance.number();
        Self {
            plan,
            chance: Chance::new(seed, Stream::Operator),
        }
    }

    /// How long until it looks at the cluster again.
    pub(crate) fn pause(&mut self) -> Duration {
        // The tail of the draw is long, and the cluster must be well again in bounded time.
        const PAUSE_MAX: Duration = Duration::from_secs(10);
        self.chance.about(self.plan.pause).min(PAUSE_MAX) + Duration::from_millis(100)
    }

    /// What is lost now, if anything can be without there being nobody left.
    pub(crate) fn loss(&mut self, cluster: &Cluster) -> Option<Fault> {
        let configuration = cluster.configuration()?;
        let mut members: Vec<Site> = (0..cluster.sites())
            .filter(|site| cluster.is_member(*site))
            .collect();
        self.chance.shuffle(&mut members);
        // Someone who knows the cluster must be where fresh processes look for it.
        let keeper = members.iter().copied().find(|site| {
            *site < cluster.founders() && cluster.standing(*site) == Some(Standing::Member)
        })?;
        members.retain(|site| *site != keeper);
        let victims = match self.plan.of {
            Majority::Members => {
                let all = configuration.members_before().len();
                // At least so many that the others are no majority, and the keeper is left.
                let least = all.div_ceil(2).min(members.len());
                let most = members.len();
                (least > 0).then(|| self.chance.between(least..=most))?
            }
            Majority::Replicas => {
                let group = self.group();
                let set = configuration.group_quorums(group).before();
                let holds = |site: &Site| {
                    let process = cluster.process(*site);
                    process.is_some_and(|process| set.contains(process.incarnation.node))
                };
                members.retain(holds);
                set.nodes().len().div_ceil(2).min(members.len())
            }
        };
        members.truncate(victims);
        if members.is_empty() {
            return None;
        }
        let (asleep, dead) = members
            .into_iter()
            .partition(|_| self.chance.happens(self.plan.asleep_share));
        let dead: Vec<Site> = dead;
        let dead = dead.into_iter().map(|site| {
            let comes_back = self.chance.happens(self.plan.back_share);
            let after = self.chance.about(Duration::from_secs(2));
            (site, comes_back.then_some(after))
        });
        Some(Fault::Loss {
            dead: dead.collect(),
            asleep,
        })
    }

    /// One of those that clients use.
    fn group(&mut self) -> Group {
        let register = crate::workload::register(self.chance.below(6));
        let group = register.slot().group();
        group.expect("it is a client's")
    }

    /// What it asks for now, and where, to have the cluster go on, if it sees that it cannot by
    /// itself.
    pub(crate) fn next(&mut self, cluster: &Cluster) -> Option<(Site, ChangeRequest)> {
        if cluster.owes_answers() {
            return None;
        }
        let taken_for_lost: BTreeSet<NodeId> = cluster.taken_for_lost().collect();
        let may_be_asked = |site: &Site| {
            let is_left = cluster
                .process(*site)
                .is_some_and(|process| !taken_for_lost.contains(&process.incarnation.node));
            let is_running = cluster.state(*site) == State::Running;
            is_left && is_running && cluster.standing(*site) == Some(Standing::Member)
        };
        let left: Vec<Site> = (0..cluster.sites()).filter(may_be_asked).collect();
        if left.is_empty() {
            return None;
        }
        let asked = self.chance.pick(&left);
        let membership = cluster.process(asked)?.membership();
        let configuration = membership.configuration()?;
        let members = configuration.members().iter().map(|member| member.id);
        let is_lost = |id: &NodeId| cluster.is_dead(*id) || taken_for_lost.contains(id);
        let lost: BTreeSet<NodeId> = members.filter(is_lost).collect();
        let view = membership.recovery(&lost).ok()?;
        if !view.as_new_cluster && view.forced.is_empty() {
            return None;
        }
        if configuration.is_joint() && !view.as_new_cluster {
            let request = self.gives_up(configuration, &lost);
            return request.map(|request| (asked, request));
        }
        let cluster = ClusterId(self.chance.number());
        let groups = self.chance.happens(0.5).then_some(view.forced);
        let request = ChangeRequest::Recover {
            lost,
            groups,
            cluster,
        };
        Some((asked, request))
    }

    /// A change that cannot end by itself has to be given up first.
    fn gives_up(
        &self,
        configuration: &Configuration,
        lost: &BTreeSet<NodeId>,
    ) -> Option<ChangeRequest> {
        let is_recovering = !configuration.forced().is_empty();
        let after = configuration.members_after().iter();
        let lacks = after.filter(|member| lost.contains(&member.id)).count();
        (lacks > 0 || !is_recovering).then_some(ChangeRequest::Abort)
    }
}
