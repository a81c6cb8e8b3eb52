//! Who makes things go wrong, and sees that they are well again: [`Nemesis`].

mod members;
mod settling;

use super::board::Board;
use super::fault::{Fault, Partition};
use super::network::{Cuts, Network};
use super::places::Places;
use super::plan::{Phase, Planned};
use super::timeline::{Chronicle, FaultNumber, Process};
use crate::cli::failure::Failure;
use members::{Answer, Asking};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Does what a plan says to the nodes, and waits until they have got over it.
pub(crate) struct Nemesis<'a> {
    pub(crate) places: Places<'a>,
    network: Arc<Network>,
    board: Board,
    chronicle: Chronicle,
    /// How many replicas of a register may be away before it cannot be served.
    missing_max: usize,
    /// How long the nodes may take to get over a phase.
    patience: Duration,
    /// Who was a whole member when the phase began.
    members: Vec<usize>,
    /// Whom something befell in this phase, and all whose links were cut in it.
    struck: BTreeSet<usize>,
    strained: Cuts,
    /// The cuts that are on, each with what it cuts.
    on: Vec<(usize, Cuts)>,
    /// The change of members that was asked for in this phase.
    change: Option<Pending>,
    /// Who were members when all was well.
    members_then: Vec<usize>,
}

/// A change of members that was asked for, and not seen to be done yet.
struct Pending {
    number: FaultNumber,
    answer: Answer,
    /// Who were members before it.
    before: Vec<usize>,
}

/// What is to be done, and when.
struct Deed {
    at: Instant,
    /// Which fault of the phase it is about.
    fault: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Begin,
    /// The next moment at which a flapping link is cut or mended.
    Flap {
        cut: bool,
    },
    End,
}

/// How long a flapping link stays as it is.
const FLAP: Duration = Duration::from_millis(350);

impl<'a> Nemesis<'a> {
    /// One that has done nothing yet. The nodes that found the cluster run.
    pub(crate) fn new(
        places: Places<'a>,
        network: &Arc<Network>,
        chronicle: &Chronicle,
        missing_max: usize,
        patience: Duration,
    ) -> Self {
        Self {
            board: Board::watch(places.count(), network, chronicle),
            places,
            network: Arc::clone(network),
            chronicle: chronicle.clone(),
            missing_max,
            patience,
            members: Vec::new(),
            struck: BTreeSet::new(),
            strained: Cuts::default(),
            on: Vec::new(),
            change: None,
            members_then: Vec::new(),
        }
    }

    /// Does all of a phase. When this is over everything has been taken back.
    ///
    /// # Errors
    /// If something cannot be done, or a node ends otherwise than it was told to.
    pub(crate) async fn run(&mut self, phase: &Phase) -> Result<(), Failure> {
        let began = Instant::now();
        let mut deeds = deeds(phase, began);
        let mut on: Vec<Option<(FaultNumber, Fault)>> = vec![None; phase.faults.len()];
        let mut asking = None;
        self.chronicle.phase();
        while let Some(deed) = deeds.pop() {
            sleep_until(deed.at).await;
            let planned = &phase.faults[deed.fault];
            match deed.what {
                What::Begin => {
                    if let Fault::Members(_) = planned.fault {
                        asking = self.ask(planned).await?;
                    } else {
                        on[deed.fault] = self.begin(deed.fault, planned).await?;
                    }
                }
                What::Flap { cut } => self.flap(deed.fault, planned, cut).await?,
                What::End => {
                    if let Some((number, fault)) = on[deed.fault].take() {
                        self.end(deed.fault, &fault).await?;
                        self.chronicle.over(number, None);
                    }
                }
            }
        }
        self.chronicle.healed();
        if let Some(asking) = asking {
            self.answered(asking).await;
        }
        Ok(())
    }

    /// Lets a fault come; nothing, if there is nobody whom it could befall.
    async fn begin(
        &mut self,
        index: usize,
        planned: &Planned,
    ) -> Result<Option<(FaultNumber, Fault)>, Failure> {
        let Some(fault) = self.befalling_who_is_there(&planned.fault) else {
            return Ok(None);
        };
        let nodes: Vec<usize> = match fault {
            Fault::Kill(node) | Fault::Restart(node) | Fault::Freeze(node) => vec![node],
            Fault::FreezeAll => (0..self.places.count()).collect(),
            Fault::Partition(_) | Fault::Members(_) => Vec::new(),
        };
        // Nobody is obliged by what is about to be taken away.
        match &fault {
            Fault::Partition(partition) => {
                let cuts = partition.cuts(self.places.count());
                self.strained = self.strained.and(&cuts);
            }
            _ => self.struck.extend(&nodes),
        }
        self.oblige();
        let words = format!("{fault}, for {:.1} s", planned.lasting.as_secs_f64());
        self.chronicle.say(&words);
        let number = self.chronicle.fault(&fault, words);
        match &fault {
            Fault::Kill(node) => {
                self.board.forget(*node);
                self.places.kill(*node).await?;
            }
            Fault::Restart(node) => {
                self.board.forget(*node);
                self.places.stop(*node).await?;
            }
            Fault::Freeze(_) | Fault::FreezeAll => {
                for &node in &nodes {
                    self.places.freeze(node)?;
                }
            }
            Fault::Partition(partition) => {
                let cuts = partition.cuts(self.places.count());
                self.on.push((index, cuts));
                self.cut().await?;
            }
            Fault::Members(_) => {}
        }
        Ok(Some((number, fault)))
    }

    /// The same fault, at another node if this one does not run, or something has befallen it in
    /// this phase.
    fn befalling_who_is_there(&self, fault: &Fault) -> Option<Fault> {
        let count = self.places.count();
        let next_from = |node: usize| {
            let mut nodes = (node..count).chain(0..node);
            nodes.find(|node| self.places.is_there(*node) && !self.struck.contains(node))
        };
        Some(match fault {
            Fault::Kill(node) => Fault::Kill(next_from(*node)?),
            Fault::Restart(node) => Fault::Restart(next_from(*node)?),
            Fault::Freeze(node) => Fault::Freeze(next_from(*node)?),
            Fault::FreezeAll | Fault::Partition(_) | Fault::Members(_) => fault.clone(),
        })
    }

    /// Takes a fault back.
    async fn end(&mut self, index: usize, fault: &Fault) -> Result<(), Failure> {
        match fault {
            Fault::Kill(node) | Fault::Restart(node) => self.places.start(*node),
            Fault::Freeze(node) => self.places.thaw(*node),
            Fault::FreezeAll => {
                (0..self.places.count()).try_for_each(|node| self.places.thaw(node))
            }
            Fault::Partition(_) => {
                self.on.retain(|(fault, _)| *fault != index);
                self.cut().await
            }
            Fault::Members(_) => Ok(()),
        }
    }

    async fn flap(&mut self, index: usize, planned: &Planned, cut: bool) -> Result<(), Failure> {
        let Fault::Partition(partition) = &planned.fault else {
            return Ok(());
        };
        self.on.retain(|(fault, _)| *fault != index);
        if cut {
            self.on.push((index, partition.cuts(self.places.count())));
        }
        self.cut().await
    }

    /// Cuts what is to be cut by all that is on.
    async fn cut(&self) -> Result<(), Failure> {
        let none = Cuts::default();
        let cuts = self.on.iter().fold(none, |all, (_, cuts)| all.and(cuts));
        self.network.cut(&cuts).await?;
        self.chronicle.cuts(&cuts);
        Ok(())
    }

    /// A member that can be asked for something, by preference this one.
    fn someone(&self, number: usize) -> Option<usize> {
        let can = self.members.iter().copied().filter(|&member| {
            self.places.is_there(member) && self.chronicle.process_of(member) == Process::Runs
        });
        let can: Vec<usize> = can.collect();
        (!can.is_empty()).then(|| can[number % can.len()])
    }

    /// Asks for a change of members, if there is one to ask for.
    async fn ask(&mut self, planned: &Planned) -> Result<Option<Asking>, Failure> {
        let Fault::Members(alteration) = planned.fault else {
            return Ok(None);
        };
        let asking = members::ask(self, alteration)?;
        Ok(asking.map(|(asking, words, nodes)| {
            // Whoever comes or goes need not serve before all is well again.
            self.members.retain(|member| !nodes.contains(member));
            self.oblige();
            self.chronicle.say(&words);
            asking.noted(self.chronicle.fault(&planned.fault, words))
        }))
    }

    /// What came of a change that was asked for shows when all is well again.
    async fn answered(&mut self, asking: Asking) {
        let pending = Pending {
            number: asking.number(),
            answer: asking.answer().await,
            before: self.members_then.clone(),
        };
        self.chronicle.say(&pending.answer.words);
        self.change = Some(pending);
    }

    /// Ends everything.
    ///
    /// # Errors
    /// If a node does not end as it was told to.
    pub(crate) async fn end_all(self) -> Result<(), Failure> {
        drop(self.board);
        self.places.stop_all().await
    }

    /// The fewest members with which the cluster is as it was made to be.
    fn members_min(&self) -> usize {
        self.missing_max * 2 + 1
    }
}

/// What is to be done in a phase; the first is last.
fn deeds(phase: &Phase, began: Instant) -> Vec<Deed> {
    let mut deeds = Vec::new();
    for (fault, planned) in phase.faults.iter().enumerate() {
        let begin = began + planned.after;
        let end = begin + planned.lasting;
        let mut push = |at, what| deeds.push(Deed { at, fault, what });
        push(begin, What::Begin);
        if let Fault::Partition(Partition::Flapping(..)) = planned.fault {
            let (mut at, mut cut) = (begin + FLAP, false);
            while at < end {
                push(at, What::Flap { cut });
                (at, cut) = (at + FLAP, !cut);
            }
        }
        push(end, What::End);
    }
    // Stable, so that what begins and ends at once begins first.
    deeds.sort_by_key(|deed| deed.at);
    deeds.reverse();
    deeds
}
