//! One seed, from founding to the verdict: [`run`].

use crate::book::Ended;
use crate::clocks::Instant;
use crate::cluster::{Cluster, Cue, Step};
use crate::nemesis::Nemesis;
use crate::network::Site;
use crate::operator::Operator;
use crate::outcome::{Failure, FailureKind, Passed, Run};
use crate::panics::caught;
use crate::plan::Plan;
use crate::process::State;
use crate::trace::{Tail, Trace};
use crate::workload::{Workload, register};
use checker::{Limits, Verdict, check};
use protocol::{Operation, Outcome, Refusal, RegisterName, Standing, Ticket};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Runs a seed.
///
/// # Errors
/// [`Failure`], if anything that must hold did not.
pub fn run(run: Run) -> Result<Passed, Failure> {
    run_with(run, Trace::silent())
}

/// Runs a seed and writes what happens, line by line.
///
/// # Errors
/// [`Failure`], if anything that must hold did not.
pub fn run_traced(run: Run, out: Box<dyn io::Write + Send>) -> Result<Passed, Failure> {
    run_with(run, Trace::written_to(out))
}

/// Plays a failed run once more, to have the end of its story.
pub(crate) fn tell(failure: Failure) -> Failure {
    let tail = Tail::default();
    match run_with(failure.run, Trace::written_to(Box::new(tail.clone()))) {
        Ok(_) => failure,
        Err(again) => Failure {
            story: Some(tail.text()),
            ..again
        },
    }
}

fn run_with(run: Run, trace: Trace) -> Result<Passed, Failure> {
    let fail = |(kind, what)| Failure {
        run,
        kind,
        what,
        story: None,
    };
    // The protocol panics where it finds that its own state is impossible. That too is a failure
    // of this seed, to be told with it.
    match caught(|| Drama::new(run, trace).play()) {
        Ok(end) => end.map_err(fail),
        Err(panic) => Err(fail((FailureKind::Panic, panic))),
    }
}

/// What failed, in words.
type Fault = (FailureKind, String);

/// The longest time in which a cluster with a whole network is founded, and in which every node
/// learns what stands. Clocks may be a fifth too slow, links take a second to be dialled again and
/// three to be found dead; founding waits two seconds and may have to start over.
const FOUNDING_MAX: Duration = Duration::from_secs(30);

/// The longest time after healing until changes have ended, all have come in, and have copied. Each
/// restarted node comes in by a change of its own, and a change may have to be given up first.
const REST_MAX: Duration = Duration::from_secs(120);

/// Within what time after healing everyone must hold those down who are dead: the detector's two
/// seconds, by clocks that go wrong by a fifth, begun anew by who was frozen itself.
const DEATH_KNOWN_WITHIN: Duration = Duration::from_secs(4);

/// How long clients wait after healing, and within what time their operations must be done. Even a
/// healed network has stragglers, which hold up all that follows them on a link for seconds; where
/// a bare majority lives, an operation meets several of them.
const HEALED_TIMEOUT: Duration = Duration::from_secs(40);
const HEALED_DONE_WITHIN: Duration = Duration::from_secs(20);

/// The longest time after that until all replicas hold the same: each compares each register with
/// one other after the other, and waits a second for what may be on its way.
const ALIKE_MAX: Duration = Duration::from_secs(120);

/// How long clients wait if they cannot be served: the data is gone.
const HOPELESS_TIMEOUT: Duration = Duration::from_secs(2);

/// A cluster and those who act on it.
struct Drama {
    plan: Plan,
    cluster: Cluster,
    nemesis: Nemesis,
    operator: Option<Operator>,
    workload: Workload,
    faults_on: bool,
    requests_on: bool,
    /// How long it took from healing until the cluster was at rest.
    rested_after: Duration,
    /// The longest time that an operation took after that.
    operation_longest: Duration,
}

impl Drama {
    fn new(run: Run, trace: Trace) -> Self {
        let plan = Plan::of(&run);
        let cluster = Cluster::new(run.seed, plan.machines.clone(), plan.weather.calm(), trace);
        Self {
            nemesis: Nemesis::new(run.seed, plan.faults.clone()),
            operator: plan.loss.clone().map(|loss| Operator::new(run.seed, loss)),
            workload: Workload::new(run.seed, plan.workload.clone(), plan.sites()),
            cluster,
            plan,
            faults_on: false,
            requests_on: false,
            rested_after: Duration::ZERO,
            operation_longest: Duration::ZERO,
        }
    }

    fn play(mut self) -> Result<Passed, Fault> {
        self.found()?;
        self.break_things()?;
        self.heal()?;
        self.serve_again()?;
        self.become_alike()?;
        self.judge()
    }

    /// Processes start, and found a cluster if they are let.
    fn found(&mut self) -> Result<(), Fault> {
        let founders = self.cluster.founders();
        for site in 0..founders {
            // One after the other, as people start them, but within the time that founding waits.
            self.cluster
                .start_after(site, Duration::from_millis(150) * site as u32);
        }
        if self.plan.faults_from_the_start {
            return Ok(());
        }
        self.await_that("a cluster is founded", FOUNDING_MAX, |cluster| {
            (0..founders).all(|site| cluster.standing(site) == Some(Standing::Member))
        })
    }

    /// Faults and requests, for a while.
    fn break_things(&mut self) -> Result<(), Fault> {
        (self.faults_on, self.requests_on) = (true, true);
        self.cluster.set_weather(self.plan.weather.clone());
        let (fault, burst) = (self.nemesis.wait(), self.workload.pause());
        self.cluster.cue(fault, Cue::Fault);
        self.cluster.cue(burst, Cue::Burst);
        if let Some(loss) = &self.plan.loss {
            self.cluster.cue(loss.after, Cue::Loss);
        }
        let end = self.cluster.now() + self.plan.faults_last;
        while self.advance(end)? {}
        (self.faults_on, self.requests_on) = (false, false);
        Ok(())
    }

    /// The network is whole again, and every node learns what stands.
    fn heal(&mut self) -> Result<(), Fault> {
        let healed_at = self.cluster.now();
        self.cluster.heal();
        self.cluster.set_wall_clocks_right();
        let nobody_stands = !self.anyone_in_a_cluster();
        if !self.plan.down_stay_down || nobody_stands || !self.cluster.is_unharmed() {
            for site in 0..self.cluster.sites() {
                if site < self.cluster.founders() || self.cluster.was_started(site) {
                    self.cluster.start(site);
                }
            }
        }
        self.await_that(
            "every node knows which cluster stands",
            FOUNDING_MAX,
            |cluster| {
                let standings = (0..cluster.sites()).filter_map(|site| cluster.standing(site));
                standings
                    .into_iter()
                    .all(|standing| standing != Standing::Fresh)
            },
        )?;
        self.come_to_rest()?;
        self.rested_after = self.cluster.now().since(healed_at);
        // A write that is forwarded to a member which has just died stays unknown.
        self.await_that(
            "every node knows who is dead",
            DEATH_KNOWN_WITHIN,
            Cluster::deaths_are_known,
        )?;
        if self.plan.machines.may_be_busy() {
            // A node at its limit refuses what it would serve a moment later. Where replicas are
            // gone for good, some deletions of what has expired always run, and wait for them.
            let few = self.plan.machines.operations_max / 4;
            self.await_that("earlier operations end", FOUNDING_MAX, |cluster| {
                let mut processes = (0..cluster.sites()).filter_map(|site| cluster.process(site));
                processes.all(|process| process.operations_running_max() <= few)
            })?;
        }
        Ok(())
    }

    /// Changes of members end, whoever is to be a member becomes one, and every member copies all
    /// that it holds; or, if too much memory is gone for that, everybody knows it.
    fn come_to_rest(&mut self) -> Result<(), Fault> {
        if self.operator.is_some() {
            let limit = self.cluster.now() + REST_MAX;
            // One that was asleep may have brought back what seemed to be gone.
            while !self.cluster.is_unharmed_after_all() {
                self.pass_time(limit, |_| {
                    "those that are left do not go on, although an operator wants it".into()
                })?;
            }
        }
        if self.cluster.is_unharmed() {
            let limit = self.cluster.now() + REST_MAX;
            while let Some(unrest) = self.cluster.unrest() {
                self.pass_time(limit, |_| unrest.clone())?;
            }
            return Ok(());
        }
        if self.cluster.can_decide() {
            return self.await_that("changes that were asked for end", REST_MAX, |cluster| {
                let configuration = cluster.configuration();
                let mut processes = (0..cluster.sites()).filter_map(|site| cluster.process(site));
                configuration.is_none_or(|configuration| !configuration.is_joint())
                    && !cluster.owes_answers()
                    && processes.all(|process| !process.was_replaced())
            });
        }
        self.await_that(
            "every member knows that nothing can be decided any more",
            FOUNDING_MAX,
            Cluster::knows_that_nothing_can_be_decided,
        )
    }

    fn anyone_in_a_cluster(&self) -> bool {
        let mut standings =
            (0..self.cluster.sites()).filter_map(|site| self.cluster.standing(site));
        standings.any(|standing| standing != Standing::Fresh)
    }

    /// Every node is asked to write and read every register, and must, unless the data is gone.
    fn serve_again(&mut self) -> Result<(), Fault> {
        let mut waiting = Vec::new();
        for site in 0..self.cluster.sites() {
            if self.cluster.state(site) == State::Running {
                let mut errand = Errand {
                    site,
                    left: self.errands(site),
                    ticket: None,
                };
                errand.go_on(&mut self.cluster);
                waiting.push(errand);
            }
        }
        while !waiting.is_empty() {
            let limit = self.cluster.now() + HEALED_TIMEOUT * 2;
            if !self.step(limit)? {
                return Err((
                    FailureKind::Invariant,
                    "an operation after healing never ended".into(),
                ));
            }
            for ended in self.cluster.take_ended() {
                let is_of = |errand: &&mut Errand| errand.ticket == Some(ended.ticket);
                if let Some(errand) = waiting.iter_mut().find(is_of) {
                    self.expect_served(&ended)?;
                    errand.go_on(&mut self.cluster);
                }
            }
            waiting.retain(|errand| errand.ticket.is_some());
        }
        // Whatever clients still wait for ends by its own deadline.
        let deadline = self.cluster.now() + FOUNDING_MAX;
        while self.cluster.book().all_running().next().is_some() {
            if !self.step(deadline)? {
                return Err((FailureKind::Invariant, "an operation never ended".into()));
            }
        }
        Ok(())
    }

    /// Where replicas compare what they hold, they find what they missed.
    fn become_alike(&mut self) -> Result<(), Fault> {
        if self.plan.machines.repair_interval.is_none() || !self.cluster.is_unharmed() {
            return Ok(());
        }
        let names: Vec<_> = (0..self.workload.registers()).map(register).collect();
        let limit = self.cluster.now() + ALIKE_MAX;
        while let Some(unlike) = self.cluster.unlike(&names) {
            self.pass_time(limit, |_| unlike.clone())?;
        }
        Ok(())
    }

    /// What a client asks of one node after healing.
    fn errands(&mut self, site: Site) -> VecDeque<Operation> {
        // One node deletes, where memory is limited: that is never refused.
        let limited = self.plan.machines.memory_bytes_max.is_some();
        let registers = 0..self.workload.registers();
        registers
            .flat_map(|number| {
                let deletes = limited && site == 0;
                let deletion = self.workload.deletion(number).filter(|_| deletes);
                let errands = self.workload.errands(number);
                deletion.into_iter().chain(errands)
            })
            .collect()
    }

    /// An operation that was asked for after healing must be done, and in time, unless its data is
    /// gone.
    fn expect_served(&mut self, ended: &Ended) -> Result<(), Fault> {
        if !must_be_served(&self.cluster, &ended.name) {
            return Ok(());
        }
        let took = ended.ended_at.since(ended.called_at);
        let is_done = match &ended.outcome {
            // Where memory is limited, there may be no room for more. What adds nothing goes on.
            Some(Outcome::Refused(Refusal::Full)) => {
                self.plan.machines.memory_bytes_max.is_some() && ended.may_add
            }
            // A listing is not given to a member when its node turns out to be none.
            Some(Outcome::Refused(Refusal::NoMember)) => !self.cluster.is_member(ended.site),
            None | Some(Outcome::Refused(_)) => false,
            // Others may have finished a step of it and gone on. And one that is no member gives a
            // write to a member that it last heard of before the healing: whether that one has it
            // is not known if it is then believed down.
            Some(Outcome::Unknown) => ended.is_modification || !self.cluster.is_member(ended.site),
            Some(_) => true,
        };
        self.operation_longest = self.operation_longest.max(took);
        if is_done && took <= HEALED_DONE_WITHIN {
            return Ok(());
        }
        let what = format!(
            "{:?} at node {} was to be done within {HEALED_DONE_WITHIN:?} after healing, but came \
             to {:?} after {took:?}",
            ended.ticket,
            ended.site + 1,
            ended.outcome
        );
        Err((FailureKind::Invariant, what))
    }

    /// The clients' history is checked.
    fn judge(self) -> Result<Passed, Fault> {
        let verdict = check(&self.cluster.history(), Limits::default());
        let text = verdict.to_string();
        let mut figures = self.cluster.figures();
        match verdict {
            Verdict::Linearizable(checked) => figures.searched = checked.searched as u64,
            Verdict::Violation(_) => return Err((FailureKind::NotLinearizable, text)),
            // Nothing is known to be wrong, and that is not said to be right either.
            Verdict::Undecided(_) => figures.undecided = 1,
        }
        figures.data_lost = u64::from(!self.cluster.is_unharmed());
        figures.rest_longest = self.rested_after;
        figures.operation_longest = self.operation_longest;
        Ok(Passed {
            figures,
            digest: self.cluster.digest(),
        })
    }

    fn await_that(
        &mut self,
        what: &str,
        within: Duration,
        holds: impl Fn(&Cluster) -> bool,
    ) -> Result<(), Fault> {
        let limit = self.cluster.now() + within;
        while !holds(&self.cluster) {
            self.pass_time(limit, |_| format!("it did not come about that {what}"))?;
        }
        Ok(())
    }

    /// Lets some time pass, but not beyond the limit.
    fn pass_time(&mut self, limit: Instant, why: impl Fn(&Cluster) -> String) -> Result<(), Fault> {
        // Looking is dearer than stepping, so it is looked once in a while.
        const LOOK_EVERY: Duration = Duration::from_millis(50);
        if self.cluster.now() >= limit {
            let why = why(&self.cluster);
            return Err((
                FailureKind::Invariant,
                format!("after healing, in time: {why}"),
            ));
        }
        let next = self.cluster.now() + LOOK_EVERY;
        while self.advance(next)? {}
        Ok(())
    }

    /// Lets the next thing happen, and the clients react. Returns whether anything did happen.
    fn advance(&mut self, limit: Instant) -> Result<bool, Fault> {
        let happened = self.step(limit)?;
        for ended in self.cluster.take_ended() {
            let after = self.workload.ended(&ended);
            if self.requests_on
                && let Some(after) = after
            {
                let client = usize::try_from(ended.client).expect("it was one");
                self.cluster.cue(after, Cue::Client(client));
            }
        }
        Ok(happened)
    }

    fn step(&mut self, limit: Instant) -> Result<bool, Fault> {
        let step = self.cluster.step(limit);
        if let Step::Cue(cue) = step {
            self.act(cue);
        }
        match self.cluster.failure() {
            Some(failure) => Err((FailureKind::Invariant, failure.to_owned())),
            None => Ok(step != Step::Quiet),
        }
    }

    fn act(&mut self, cue: Cue) {
        match cue {
            Cue::Fault if self.faults_on => {
                if let Some(fault) = self.nemesis.next(&self.cluster) {
                    self.cluster.inflict(fault);
                }
                self.cluster.cue(self.nemesis.wait(), Cue::Fault);
            }
            Cue::Burst if self.requests_on => {
                for (client, after) in self.workload.burst() {
                    self.cluster.cue(after, Cue::Client(client));
                }
                self.cluster.cue(self.workload.pause(), Cue::Burst);
            }
            Cue::Client(client) if self.requests_on => {
                if let Some(request) = self.workload.next(client, &self.cluster) {
                    self.cluster.call(
                        request.client,
                        request.site,
                        request.operation,
                        request.timeout,
                    );
                }
            }
            Cue::Loss => {
                if let Some(operator) = &mut self.operator
                    && let Some(loss) = operator.loss(&self.cluster)
                {
                    self.cluster.inflict(loss);
                    self.cluster.cue(operator.pause(), Cue::Operator);
                }
            }
            Cue::Operator => {
                if let Some(operator) = &mut self.operator {
                    if let Some((site, request)) = operator.next(&self.cluster) {
                        self.cluster.ask_for_change(site, request);
                    }
                    self.cluster.cue(operator.pause(), Cue::Operator);
                }
            }
            Cue::Fault | Cue::Burst | Cue::Client(_) => {}
        }
    }
}

/// Operations that one node is asked for, one after the other.
struct Errand {
    site: usize,
    left: VecDeque<Operation>,
    ticket: Option<Ticket>,
}

impl Errand {
    /// The clients of the time after healing have numbers above all others.
    const CLIENTS: usize = 1000;

    fn go_on(&mut self, cluster: &mut Cluster) {
        self.ticket = self.left.pop_front().map(|operation| {
            let timeout = match must_be_served(cluster, operation.name()) {
                true => HEALED_TIMEOUT,
                false => HOPELESS_TIMEOUT,
            };
            cluster.call(Self::CLIENTS + self.site, self.site, operation, timeout)
        });
    }
}

/// Whether operations on the register must be done once everything is healed: not if the memory of
/// too many of its replicas is gone, and not if a change of members may be under way for ever.
fn must_be_served(cluster: &Cluster, name: &RegisterName) -> bool {
    cluster.can_decide() && !cluster.is_gone(name)
}
