//! One client of a load: [`Client`].

use super::link::{Batch, Broken, Link, Node};
use super::load::{Chooser, Load};
use super::operation::{Answer, Kind};
use super::pacer::Pacer;
use super::recorder::Recorder;
use super::schedule::Schedule;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What the clients of one thread share.
pub(super) struct Crew {
    pub(super) load: Load,
    pub(super) nodes: Vec<Node>,
    pub(super) recorder: RefCell<Recorder>,
    /// How many operations that count they may still begin, if their number was given.
    pub(super) left: Cell<Option<u64>>,
    pub(super) told: Arc<Told>,
    /// When the load began, before it was measured.
    pub(super) begin: Instant,
}

/// What threads tell one another while a load runs.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The load is to end early.
    pub(super) stop: AtomicBool,
    /// How many operations that count were done and failed in this thread so far.
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// One client, which has one connection to one node.
pub(super) struct Client {
    crew: Rc<Crew>,
    number: usize,
    node: usize,
    chooser: Chooser,
    schedule: Option<Schedule>,
    pacer: Option<Pacer>,
    batch: Batch,
    /// Which operations of the batch were answered.
    answered: Vec<bool>,
}

/// What a client is to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// To ask for the batch.
    Ask,
    /// To wait for this moment: nothing is due yet.
    Wait(Instant),
    /// Nothing any more.
    End,
}

/// After a connection could not be had, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// How long is waited for at once: somebody may want to end the load.
const WAIT_MAX: Duration = Duration::from_millis(100);

impl Client {
    /// Client `number` of all.
    ///
    /// # Errors
    /// If the system has no timer for it.
    pub(super) fn new(crew: Rc<Crew>, number: usize) -> std::io::Result<Self> {
        let load = &crew.load;
        let schedule = load
            .rate
            .map(|rate| Schedule::new(crew.begin, number, load.clients, rate));
        Ok(Self {
            number,
            node: number % crew.nodes.len(),
            chooser: Chooser::new(load, number as u64),
            pacer: schedule.as_ref().map(|_| Pacer::new()).transpose()?,
            schedule,
            batch: Batch::default(),
            answered: Vec::new(),
            crew,
        })
    }

    /// Works until the load ends. What was asked by then is waited for.
    pub(super) async fn run(mut self) {
        let mut link = None;
        let mut pause = PAUSE_MIN;
        loop {
            match self.next() {
                Next::End => return,
                Next::Wait(moment) => self.wait_until(moment).await,
                Next::Ask => {
                    if link.is_none() {
                        link = self.connect().await;
                    }
                    if let Some(open) = &mut link {
                        pause = PAUSE_MIN;
                        if self.exchange(open).await.is_err() {
                            link = None;
                        }
                    } else {
                        sleep(pause).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                }
            }
        }
    }

    /// Puts together what is to be asked next.
    fn next(&mut self) -> Next {
        self.batch.clear();
        let now = Instant::now();
        let window = self.crew.recorder.borrow().window();
        if self.crew.told.stop.load(Ordering::Relaxed) {
            return Next::End;
        }
        let mut next = Next::Ask;
        while self.batch.len() < self.crew.load.pipeline {
            let begin = match &self.schedule {
                None => now,
                Some(schedule) => schedule.due(),
            };
            // In an open loop, what was due in time is asked for after the end, too.
            if window.is_over(begin) {
                next = Next::End;
                break;
            }
            if begin > now {
                next = Next::Wait(begin);
                break;
            }
            if window.holds(begin)
                && let Some(left) = self.crew.left.get()
            {
                if left == 0 {
                    next = Next::End;
                    break;
                }
                self.crew.left.set(Some(left - 1));
            }
            if let Some(schedule) = &mut self.schedule {
                schedule.advance();
            }
            let operation = self.chooser.next();
            if now.saturating_duration_since(begin) < self.crew.load.timeout {
                self.batch.push(operation, begin);
            } else {
                self.fail_unsent(operation.kind, begin, now);
            }
        }
        match self.batch.is_empty() {
            true => next,
            false => Next::Ask,
        }
    }

    /// The node has held up so many operations that this one never got its turn.
    fn fail_unsent(&self, kind: Kind, begin: Instant, now: Instant) {
        let timeout_ms = self.crew.load.timeout.as_millis();
        let words = format!("not sent in {timeout_ms} ms, since others were not answered");
        let mut recorder = self.crew.recorder.borrow_mut();
        recorder.failed(self.node, kind, begin, now, "not sent in time", &words);
    }

    async fn wait_until(&mut self, moment: Instant) {
        let soon = Instant::now() + WAIT_MAX;
        if let Some(pacer) = &mut self.pacer
            && pacer.until(moment.min(soon)).await.is_err()
        {
            // It may become too late now, and that shows.
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Opens a connection. If there is none, what is due has failed.
    async fn connect(&mut self) -> Option<Link> {
        match self.crew.nodes[self.node].connect(self.number).await {
            Ok(link) => {
                // Nobody can ask before there is a connection. In an open loop, what is due is due
                // all the same.
                if self.schedule.is_none() {
                    self.batch.begin_at(Instant::now());
                }
                Some(link)
            }
            Err(broken) => {
                self.fail_batch(&broken);
                while self.schedule.is_some() && self.next() == Next::Ask {
                    self.fail_batch(&broken);
                }
                None
            }
        }
    }

    /// Asks for the batch.
    async fn exchange(&mut self, link: &mut Link) -> Result<(), Broken> {
        self.answered.clear();
        self.answered.resize(self.batch.len(), false);
        let (crew, batch, node) = (&self.crew, &self.batch, self.node);
        let answered = &mut self.answered;
        let mut listener = |index: usize, now: Instant, answer: Answer<'_>| {
            let (kind, begin) = batch.get(index);
            answered[index] = true;
            let mut recorder = crew.recorder.borrow_mut();
            recorder.answered(node, kind, begin, now, answer);
        };
        let exchanged = link.exchange(batch, &mut listener).await;
        match &exchanged {
            Ok(()) => self.crew.tell(),
            Err(broken) => self.fail_batch(broken),
        }
        exchanged
    }

    /// What was not answered of the batch has failed.
    fn fail_batch(&mut self, broken: &Broken) {
        let now = Instant::now();
        self.answered.resize(self.batch.len(), false);
        for (index, answered) in self.answered.drain(..).enumerate() {
            if !answered {
                let (kind, begin) = self.batch.get(index);
                let mut recorder = self.crew.recorder.borrow_mut();
                recorder.failed(self.node, kind, begin, now, broken.kind, &broken.words);
            }
        }
        self.crew.tell();
    }
}

impl Crew {
    fn tell(&self) {
        let (done, failed) = self.recorder.borrow().counts();
        self.told.done.store(done, Ordering::Relaxed);
        self.told.failed.store(failed, Ordering::Relaxed);
    }
}
