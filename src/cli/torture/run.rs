//! A run from its beginning to its end: [`Run`].

use super::judgement::Judgement;
use super::nemesis::Nemesis;
use super::network::Network;
use super::picture::Picture;
use super::places::Places;
use super::plan::Plan;
use super::report::Report;
use super::timeline::{Chronicle, Timeline};
use super::{LATER_NODES, TortureArgs};
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::cli::workload::{Names, Workload, WorkloadPlan, WorkloadRecord};
use checker::{Limits, check};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A run.
pub(crate) struct Run<'a> {
    arguments: &'a TortureArgs,
    seed: u64,
    plan: Plan,
    network: Arc<Network>,
    missing_max: usize,
    logs: Logs,
}

/// Where the nodes' logs are.
struct Logs {
    path: PathBuf,
    /// Whether they stay, however the run ends.
    stay: bool,
}

/// How long nothing goes wrong at the end.
const LAST_CALM: Duration = Duration::from_secs(1);

/// How many operations can be recorded in a run, at 200 bytes each or less.
const OPERATIONS_MAX: usize = 4_000_000;

/// What clients may do in a run so that all of it is recorded: half of what can be.
const OPERATIONS_WANTED_MAX: f64 = OPERATIONS_MAX as f64 / 2.0;

impl<'a> Run<'a> {
    /// Makes all that is needed; nothing runs yet. Within a runtime.
    ///
    /// # Errors
    /// If something cannot be had.
    pub(crate) fn set_up(
        arguments: &'a TortureArgs,
        seed: u64,
        plan: Plan,
        network: Network,
        note: Option<String>,
        missing_max: usize,
    ) -> Result<Self, Failure> {
        if let Some(reason) = note {
            output::note(&format!(
                "note: a proxy stands between the nodes, as they cannot have a network each: \
                 {reason}"
            ));
        }
        network.begin()?;
        Ok(Self {
            arguments,
            seed,
            plan,
            network: Arc::new(network),
            missing_max,
            logs: Logs::make(arguments.logs.clone())?,
        })
    }

    /// Does all of it, and reports.
    ///
    /// # Errors
    /// If something is found, or something could not be done.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        let mut interrupt = Interrupt::new()?;
        let network = Arc::clone(&self.network);
        let nodes = self.arguments.nodes;
        let chronicle = Chronicle::begin(nodes + LATER_NODES);
        let mut places = Places::new(
            &network,
            &chronicle,
            (nodes, LATER_NODES),
            self.arguments.replication,
            &self.logs.path,
        );
        output::note(&format!(
            "seed {}: {nodes} nodes, each register on {}, network: {}",
            self.seed,
            self.arguments.replication,
            network.name()
        ));
        let started = places.start_founders();
        let mut nemesis = Nemesis::new(
            places,
            &network,
            &chronicle,
            self.missing_max,
            Duration::from_secs(self.arguments.patience),
        );
        let mut workload = None;
        let tortured = tokio::select! {
            tortured = async {
                started?;
                self.torture(&mut nemesis, &chronicle, &mut workload).await
            } => tortured,
            () = interrupt.wait() => Err(Failure::interrupted()),
        };
        let record = match workload {
            Some(workload) => Some((workload.began(), workload.stop().await)),
            None => None,
        };
        let stopped = nemesis.end_all().await;
        let ended = tortured.and(stopped);
        let Some((began, record)) = record else {
            return Err(self
                .logs
                .kept(ended.err().unwrap_or_else(Failure::interrupted)));
        };
        self.conclude(&record, &chronicle.since(began), ended)
    }

    /// Phases of faults, until the time is up.
    async fn torture(
        &mut self,
        nemesis: &mut Nemesis<'_>,
        chronicle: &Chronicle,
        workload: &mut Option<Workload>,
    ) -> Result<(), Failure> {
        nemesis.settle("the start of the nodes").await?;
        let workload = workload.insert(Workload::start(self.workload_plan()));
        let deadline = Instant::now() + self.arguments.span();
        while Instant::now() < deadline {
            let phase = self.plan.next_phase();
            sleep(phase.calm).await;
            nemesis.run(&phase).await?;
            let took = nemesis.settle("the last fault was taken back").await?;
            let figures = workload.figures();
            chronicle.say(&format!(
                "whole again after {:.1} s; {} operations done so far",
                took.as_secs_f64(),
                crate::cli::figures::grouped(figures.done)
            ));
        }
        sleep(LAST_CALM).await;
        Ok(())
    }

    fn workload_plan(&self) -> WorkloadPlan {
        let nodes = 0..self.arguments.nodes + LATER_NODES;
        let nodes = nodes.map(|node| self.network.listen(node)).collect();
        let names = Names::new("torture-", self.arguments.registers);
        let clients = self.arguments.clients;
        let pace = self.arguments.span().as_secs_f64() * clients as f64 / OPERATIONS_WANTED_MAX;
        WorkloadPlan {
            clients,
            operation_timeout: self.arguments.timeout_ms,
            interval: Duration::from_secs_f64(pace),
            operations_max: OPERATIONS_MAX,
            seed: self.seed,
            ..WorkloadPlan::new(nodes, names)
        }
    }

    /// Checks what the clients saw, draws the picture, and says how it was.
    fn conclude(
        self,
        record: &WorkloadRecord,
        timeline: &Timeline,
        ended: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let judgement = Judgement::of(record, timeline);
        let verdict = check(&record.history, Limits::default());
        let report = Report {
            arguments: self.arguments,
            seed: self.seed,
            network: self.network.name(),
            record,
            timeline,
            judgement: &judgement,
            verdict: &verdict,
            ended: ended.as_ref().err(),
        };
        let picture = Picture::of(&report).draw();
        let svg = &self.arguments.svg;
        let drawn = std::fs::write(svg, picture).map_err(|error| {
            Failure::failed(format!(
                "cannot write the picture to {}: {error}",
                svg.display()
            ))
        });
        report.tell();
        let saved = report.save_history(&self.logs.path);
        let found = report.failure();
        match ended.and(found).and(drawn).and(saved) {
            Ok(()) => {
                self.logs.clear();
                Ok(())
            }
            Err(failure) if failure.exit == Exit::Interrupted => {
                self.logs.clear();
                Err(failure)
            }
            Err(failure) => Err(self.logs.kept(failure)),
        }
    }
}

impl Logs {
    fn make(path: Option<PathBuf>) -> Result<Self, Failure> {
        let cannot = |path: &PathBuf, error: std::io::Error| {
            let path = path.display();
            Failure::failed(format!("cannot make a directory for logs, {path}: {error}"))
        };
        if let Some(path) = path {
            std::fs::create_dir_all(&path).map_err(|error| cannot(&path, error))?;
            return Ok(Self { path, stay: true });
        }
        let name = format!("shardedmemory-torture-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Creating it fails if it is there, so nobody can have put a link in its place.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| cannot(&path, error))?;
        Ok(Self { path, stay: false })
    }

    fn clear(&self) {
        if !self.stay {
            // A directory that stays behind in the system's own for that does no harm.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }

    /// The same failure, with where the logs are.
    fn kept(&self, failure: Failure) -> Failure {
        let logs = format!("the nodes' logs are in {}", self.path.display());
        let hint = match &failure.hint {
            Some(hint) => format!("{hint}; {logs}"),
            None => logs,
        };
        failure.hint(hint)
    }
}
