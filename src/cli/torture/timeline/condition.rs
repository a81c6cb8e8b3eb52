//! What nodes looked like: [`Condition`].

use super::{Process, Standing, Timeline};
use std::fmt;
use std::time::Duration;

/// What a node looks like from outside, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Condition {
    /// It was never started.
    Absent,
    /// It has ended.
    Dead,
    /// It is frozen.
    Frozen,
    /// It has no link to any other node.
    CutOff,
    /// It has lost the link to some.
    PartlyCut,
    /// It is started, or the members change, and it has not copied all that it is to hold.
    Copying,
    /// It runs and is no member.
    Outside,
    /// All is well.
    Up,
}

impl Timeline {
    /// What a node looked like, in spans without gaps, up to a time.
    pub(crate) fn conditions(
        &self,
        node: usize,
        until: Duration,
    ) -> Vec<(Duration, Duration, Condition)> {
        let processes = (0..self.nodes()).flat_map(|node| self.processes[node].changes());
        let mut times: Vec<Duration> = processes
            .chain(self.standings[node].changes())
            .chain(self.cuts.changes())
            .filter(|time| *time < until)
            .collect();
        times.sort_unstable();
        times.dedup();
        let mut spans: Vec<(Duration, Duration, Condition)> = Vec::new();
        let ends = times.iter().copied().skip(1).chain([until]);
        for (from, to) in times.iter().copied().zip(ends) {
            let condition = self.condition(node, from);
            match spans.last_mut() {
                Some(last) if last.2 == condition => last.1 = to,
                _ => spans.push((from, to, condition)),
            }
        }
        spans
    }

    fn condition(&self, node: usize, time: Duration) -> Condition {
        match self.processes[node].at(time) {
            Process::Absent => return Condition::Absent,
            Process::Dead => return Condition::Dead,
            Process::Frozen => return Condition::Frozen,
            Process::Runs => {}
        }
        let cuts = self.cuts.at(time);
        let others = (0..self.nodes()).filter(|other| {
            let process = *self.processes[*other].at(time);
            *other != node && matches!(process, Process::Runs | Process::Frozen)
        });
        let others: Vec<usize> = others.collect();
        let parted = others.iter().filter(|&&other| cuts.part(node, other));
        let parted = parted.count();
        match self.standings[node].at(time) {
            _ if parted > 0 && parted == others.len() => Condition::CutOff,
            _ if parted > 0 => Condition::PartlyCut,
            Standing::Lacking => Condition::Copying,
            Standing::Outside => Condition::Outside,
            Standing::Whole => Condition::Up,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "not started",
            Self::Dead => "dead",
            Self::Frozen => "frozen",
            Self::CutOff => "cut off from all others",
            Self::Copying => "copying what it is to hold",
            Self::PartlyCut => "cut off from some, or one way",
            Self::Outside => "no member",
            Self::Up => "up",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::torture::network::Cuts;
    use tokio::time::Instant;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn three_that_run() -> Timeline {
        let mut timeline = Timeline::new(3, Instant::now());
        for node in 0..3 {
            timeline.processes[node].set(ms(10), Process::Runs);
            timeline.standings[node].set(ms(20), Standing::Whole);
        }
        timeline
    }

    #[test]
    fn a_node_looks_as_bad_as_the_worst_that_befalls_it() {
        let mut timeline = three_that_run();
        let cut = Cuts::default().both_ways(&[0], &[1, 2]);
        timeline.cuts.set(ms(30), cut);
        timeline.processes[0].set(ms(40), Process::Frozen);
        timeline.processes[0].set(ms(50), Process::Dead);
        timeline.standings[0].set(ms(50), Standing::Lacking);
        timeline.cuts.set(ms(60), Cuts::default());
        timeline.processes[0].set(ms(70), Process::Runs);
        timeline.standings[0].set(ms(80), Standing::Whole);
        let spans = timeline.conditions(0, ms(100));
        let told: Vec<_> = spans
            .iter()
            .map(|(from, _, condition)| (*from, *condition))
            .collect();
        assert_eq!(
            told,
            [
                (ms(0), Condition::Absent),
                (ms(10), Condition::Copying),
                (ms(20), Condition::Up),
                (ms(30), Condition::CutOff),
                (ms(40), Condition::Frozen),
                (ms(50), Condition::Dead),
                (ms(70), Condition::Copying),
                (ms(80), Condition::Up),
            ]
        );
        assert_eq!(spans.last().unwrap().1, ms(100));
        let other = timeline.conditions(1, ms(100));
        assert!(other.contains(&(ms(30), ms(50), Condition::PartlyCut)));
    }

    #[test]
    fn times_count_from_the_beginning_of_the_clients() {
        let mut timeline = three_that_run();
        timeline.count_from(timeline.began + ms(15));
        let spans = timeline.conditions(0, ms(30));
        assert_eq!(
            spans,
            [
                (ms(0), ms(5), Condition::Copying),
                (ms(5), ms(30), Condition::Up)
            ]
        );
    }
}
