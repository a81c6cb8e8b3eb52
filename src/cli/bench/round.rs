//! A load, once, on one system: [`Round`].

use super::client::{Client, Crew, Told};
use super::load::{Load, Span};
use super::progress::Progress;
use super::recorder::{Recorder, Window};
use super::system::System;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::{sleep_until, timeout};

/// What became of a load on one system.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) recorder: Recorder,
    /// How long it was measured.
    pub(super) elapsed: Duration,
    /// How much time of processors the load tool itself took meanwhile.
    pub(super) cpu: Duration,
    /// Whether it was ended early.
    pub(super) interrupted: bool,
}

/// A load that is running.
pub(super) struct Running {
    window: Window,
    told: Vec<Arc<Told>>,
    threads: Vec<oneshot::Receiver<io::Result<Recorder>>>,
    stopped: Option<Instant>,
}

/// How a load is going.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Figures {
    /// For how long it was measured so far; zero as long as it only warms up.
    pub(super) elapsed: Duration,
    pub(super) done: u64,
    pub(super) failed: u64,
}

impl Running {
    /// Begins a load.
    ///
    /// # Errors
    /// If there can be no threads.
    pub(super) fn begin(load: &Load, system: &System) -> Result<Self, Failure> {
        let begin = Instant::now();
        let from = begin + load.warm_up;
        let window = Window {
            from,
            until: match load.span {
                Span::Time(span) => Some(from + span),
                Span::Operations(_) => None,
            },
        };
        let mut running = Self {
            window,
            told: Vec::new(),
            threads: Vec::new(),
            stopped: None,
        };
        for thread in 0..load.threads {
            let told = Arc::<Told>::default();
            let (tell, ended) = oneshot::channel();
            let work = Thread {
                load: load.clone(),
                system: system.clone(),
                thread,
                told: Arc::clone(&told),
                begin,
                window,
            };
            std::thread::Builder::new()
                .name(format!("load-{thread}"))
                .spawn(move || {
                    // Nobody is left to be told if the whole run was given up.
                    let _ = tell.send(work.run());
                })
                .map_err(cannot)?;
            running.told.push(told);
            running.threads.push(ended);
        }
        Ok(running)
    }

    /// Runs the load to its end, and tells now and then how it goes. What is asked for when it ends
    /// is still waited for. An interrupt ends it early.
    ///
    /// # Errors
    /// If there could be no clients, or a second interrupt came.
    pub(super) async fn finish(
        mut self,
        interrupt: &mut Interrupt,
        mut show: impl FnMut(Figures),
    ) -> Result<Round, Failure> {
        self.run_until(self.window.from, interrupt, &mut show)
            .await?;
        let before = cpu();
        if let Some(until) = self.window.until {
            self.run_until(until, interrupt, &mut show).await?;
        }
        let mut used = cpu().saturating_sub(before);
        let mut recorders = Vec::new();
        for mut thread in std::mem::take(&mut self.threads) {
            let recorder = loop {
                match self.wait(&mut thread, interrupt).await? {
                    Some(recorder) => break recorder,
                    None => show(self.figures()),
                }
            };
            recorders.push(recorder.map_err(cannot)?.map_err(cannot)?);
        }
        if self.window.until.is_none() {
            used = cpu().saturating_sub(before);
        }
        let recorder = Recorder::together(recorders, self.stopped);
        Ok(Round {
            elapsed: recorder.elapsed(self.stopped),
            interrupted: self.stopped.is_some(),
            recorder,
            cpu: used,
        })
    }

    async fn run_until(
        &mut self,
        moment: Instant,
        interrupt: &mut Interrupt,
        show: &mut impl FnMut(Figures),
    ) -> Result<(), Failure> {
        while Instant::now() < moment && self.stopped.is_none() {
            show(self.figures());
            self.wait(sleep_until(moment.into()), interrupt).await?;
        }
        Ok(())
    }

    /// Waits for something, though not for long: nothing, if it takes longer.
    async fn wait<T>(
        &mut self,
        what: impl Future<Output = T>,
        interrupt: &mut Interrupt,
    ) -> Result<Option<T>, Failure> {
        tokio::select! {
            ended = timeout(Progress::INTERVAL, what) => Ok(ended.ok()),
            () = interrupt.wait() => match self.stopped {
                Some(_) => Err(Failure::interrupted()),
                None => {
                    self.stop();
                    Ok(None)
                }
            }
        }
    }

    fn stop(&mut self) {
        self.stopped = Some(Instant::now());
        for told in &self.told {
            told.stop.store(true, Ordering::Relaxed);
        }
    }

    fn figures(&self) -> Figures {
        let sum = |of: fn(&Told) -> u64| self.told.iter().map(|told| of(told)).sum();
        Figures {
            elapsed: self.window.from.elapsed(),
            done: sum(|told| told.done.load(Ordering::Relaxed)),
            failed: sum(|told| told.failed.load(Ordering::Relaxed)),
        }
    }
}

/// What one thread is to do.
struct Thread {
    load: Load,
    system: System,
    thread: usize,
    told: Arc<Told>,
    begin: Instant,
    window: Window,
}

impl Thread {
    fn run(self) -> io::Result<Recorder> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let Self { load, thread, .. } = &self;
        let crew = Rc::new(Crew {
            nodes: self.system.nodes(load),
            recorder: RefCell::new(Recorder::new(self.window, self.system.nodes.len())),
            left: Cell::new(match load.span {
                Span::Time(_) => None,
                Span::Operations(all) => Some(share(all, *thread, load.threads)),
            }),
            told: Arc::clone(&self.told),
            begin: self.begin,
            load: load.clone(),
        });
        let clients = LocalSet::new();
        let _guard = runtime.enter();
        let numbers = (*thread..load.clients).step_by(load.threads);
        let running = numbers.map(|number| {
            let client = Client::new(Rc::clone(&crew), number)?;
            Ok(clients.spawn_local(client.run()))
        });
        let running: Vec<_> = running.collect::<io::Result<_>>()?;
        runtime.block_on(clients.run_until(async {
            for client in running {
                // A client that panics has brought the thread down already.
                client.await.map_err(io::Error::other)?;
            }
            Ok::<_, io::Error>(())
        }))?;
        // The connections of etcd are driven by tasks of their own, which know the nodes.
        drop(clients);
        let crew = Rc::into_inner(crew).expect("all clients have ended");
        Ok(crew.recorder.into_inner())
    }
}

/// The share of a thread in a number.
fn share(all: u64, thread: usize, threads: usize) -> u64 {
    let (thread, threads) = (thread as u64, threads as u64);
    all / threads + u64::from(thread < all % threads)
}

/// How much time of processors this process has taken.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the process asks for itself");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

fn cannot(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("cannot make a load: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::errors::Error;
    use crate::cli::bench::load::Spread;
    use crate::cli::bench::operation::Kind;
    use crate::cli::bench::stub::{Manner, Stub};

    async fn run(load: &Load, stubs: &[Stub]) -> Round {
        let urls: Vec<String> = stubs.iter().map(Stub::address).collect();
        let system = format!("redis://{}", urls.join(",")).parse().unwrap();
        let running = Running::begin(load, &system).unwrap();
        let mut interrupt = Interrupt::new().unwrap();
        running.finish(&mut interrupt, |_| {}).await.unwrap()
    }

    fn error(round: &Round, kind: &str) -> Error {
        let errors = round.recorder.errors.by_count();
        let found = errors.iter().find(|(name, _)| *name == kind);
        let (_, error) = found.unwrap_or_else(|| panic!("no {kind}: {errors:?}"));
        (*error).clone()
    }

    fn slow(round: &Round, took: Duration) -> u64 {
        let latency = &round.recorder.kinds[Kind::Read as usize].latency;
        latency.count_between(took.as_nanos() as u64, u64::MAX)
    }

    const READS: Load = Load {
        clients: 4,
        threads: 2,
        pipeline: 1,
        value_bytes: 10,
        prefix: String::new(),
        registers: 100,
        spread: Spread::Uniform,
        read_share: 1.0,
        conditional_share: 0.0,
        rate: None,
        span: Span::Operations(1000),
        warm_up: Duration::ZERO,
        timeout: Duration::from_secs(20),
        etcd_connections: None,
    };

    #[tokio::test]
    async fn so_many_operations_are_done_as_were_asked_for() {
        let stubs = [Stub::start(Manner::Well), Stub::start(Manner::Well)];
        for pipeline in [1, 7] {
            let load = Load {
                pipeline,
                read_share: 0.5,
                conditional_share: 0.25,
                ..READS
            };
            let round = run(&load, &stubs).await;
            assert_eq!(round.recorder.counts(), (1000, 0));
            for kind in &round.recorder.kinds {
                assert!(kind.done() > 100);
            }
            for node in &round.recorder.nodes {
                assert!(node.done > 0);
            }
        }
    }

    /// 400 ms without an answer, at 1000 operations a second: that is what 400 users would have
    /// felt. Of them, 300 would have waited for more than 100 ms.
    #[tokio::test]
    async fn an_open_loop_times_what_a_stall_holds_back_from_when_it_was_due() {
        let stall = Duration::from_millis(400);
        let open = Load {
            clients: 1,
            threads: 1,
            rate: Some(1000.0),
            ..READS
        };
        let stubs = [Stub::start(Manner::Stalls { at: 300, stall })];
        let round = run(&open, &stubs).await;
        assert_eq!(round.recorder.counts(), (1000, 0));
        let held_back = slow(&round, Duration::from_millis(100));
        assert!(held_back >= 250, "{held_back}");

        let closed = Load { rate: None, ..open };
        let stubs = [Stub::start(Manner::Stalls { at: 300, stall })];
        let round = run(&closed, &stubs).await;
        assert!(slow(&round, stall) >= 1);
        let gap = round.recorder.gaps(Some(Kind::Read)).longest().unwrap();
        assert!(gap.length >= stall - Duration::from_millis(1), "{gap:?}");
    }

    #[tokio::test]
    async fn an_open_loop_does_not_ask_earlier_than_it_is_due() {
        let stubs = [Stub::start(Manner::Well)];
        let load = Load {
            rate: Some(2000.0),
            span: Span::Operations(500),
            ..READS
        };
        let round = run(&load, &stubs).await;
        assert_eq!(round.recorder.counts(), (500, 0));
        assert!(round.elapsed >= Duration::from_millis(245), "{round:?}");
    }

    #[tokio::test]
    async fn errors_are_counted_by_their_first_word() {
        let stubs = [Stub::start(Manner::Refuses("BUSY too much at once"))];
        let round = run(&READS, &stubs).await;
        assert_eq!(round.recorder.counts(), (0, 1000));
        let busy = error(&round, "BUSY");
        assert_eq!(
            (busy.count, busy.example.as_str()),
            (1000, "BUSY too much at once")
        );
    }

    #[tokio::test]
    async fn a_connection_that_is_closed_is_opened_again_and_what_was_asked_has_failed() {
        let stubs = [Stub::start(Manner::ClosesAfter(10))];
        let load = Load {
            clients: 2,
            pipeline: 3,
            ..READS
        };
        let round = run(&load, &stubs).await;
        let (done, failed) = round.recorder.counts();
        assert_eq!(done + failed, 1000);
        assert!(done > 600 && failed > 50, "{done} {failed}");
        assert_eq!(error(&round, "connection broken").count, failed);
    }

    #[tokio::test]
    async fn who_never_answers_is_given_up() {
        let stubs = [Stub::start(Manner::Silent), Stub::start(Manner::Well)];
        let load = Load {
            clients: 2,
            timeout: Duration::from_millis(50),
            span: Span::Time(Duration::from_millis(300)),
            ..READS
        };
        let round = run(&load, &stubs).await;
        let [silent, well] = &round.recorder.nodes[..] else {
            panic!("two nodes");
        };
        assert_eq!(silent.done, 0);
        assert!(well.done > 0);
        assert_eq!(error(&round, "no answer in time").count, silent.failed);
        let gap = silent.gaps_of_all.longest().unwrap();
        assert_eq!(gap.length, Duration::from_millis(300));
    }

    #[tokio::test]
    async fn an_open_loop_counts_what_it_could_not_even_send() {
        let stubs = [Stub::start(Manner::Silent)];
        let load = Load {
            clients: 1,
            threads: 1,
            rate: Some(1000.0),
            timeout: Duration::from_millis(50),
            span: Span::Time(Duration::from_millis(300)),
            ..READS
        };
        let round = run(&load, &stubs).await;
        assert_eq!(round.recorder.counts(), (0, 300));
        assert!(error(&round, "not sent in time").count > 0);
    }

    #[tokio::test]
    async fn where_nobody_listens_every_operation_that_was_due_has_failed() {
        let gone = Stub::start(Manner::Well).stop();
        let system = format!("redis://{gone}").parse().unwrap();
        let load = Load {
            rate: Some(1000.0),
            span: Span::Operations(200),
            ..READS
        };
        let running = Running::begin(&load, &system).unwrap();
        let mut interrupt = Interrupt::new().unwrap();
        let round = running.finish(&mut interrupt, |_| {}).await.unwrap();
        assert_eq!(round.recorder.counts(), (0, 200));
        assert_eq!(error(&round, "no connection").count, 200);
    }

    #[tokio::test]
    async fn a_password_is_given_before_anything_else() {
        let stub = Stub::start(Manner::Wants("sesame"));
        let address = stub.address();
        for (url, failed) in [
            (format!("redis://:sesame@{address}"), 0),
            (format!("redis://:wrong@{address}"), 20),
            (format!("redis://{address}"), 20),
        ] {
            let load = Load {
                span: Span::Operations(20),
                ..READS
            };
            let running = Running::begin(&load, &url.parse().unwrap()).unwrap();
            let mut interrupt = Interrupt::new().unwrap();
            let round = running.finish(&mut interrupt, |_| {}).await.unwrap();
            assert_eq!(round.recorder.counts(), (20 - failed, failed), "{url}");
        }
    }

    #[test]
    fn threads_share_all_operations() {
        for (all, threads) in [(10, 3), (2, 4), (0, 1), (1_000_001, 2)] {
            let shares = (0..threads).map(|thread| share(all, thread, threads));
            assert_eq!(shares.sum::<u64>(), all);
        }
    }
}
