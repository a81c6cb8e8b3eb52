//! Any order of messages, any loss, any repetition, and a crash: what clients were told is always
//! what one register could have told them.

use super::harness::*;
use proptest::prelude::*;
use protocol::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a client asked, in the words of the judge.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Asked {
    Read,
    Write(i64),
    Add(i64),
    Set(Option<i64>, i64),
}

impl Asked {
    fn operation(self) -> Operation {
        let bytes = |value: i64| value.to_string().into();
        let change = match self {
            Asked::Read => return read(),
            Asked::Write(value) => {
                return Operation::Write {
                    name: name(),
                    content: Some(bytes(value)),
                    expiry: None,
                };
            }
            Asked::Add(amount) => Change::add(amount),
            Asked::Set(expected, value) => {
                Change::set_if(Condition::content(expected.map(bytes)), Some(bytes(value)))
            }
        };
        Operation::Modify {
            name: name(),
            change,
        }
    }
}

/// One operation of a history: what was asked, and between which moments.
#[derive(Clone, Debug)]
struct Entry {
    asked: Asked,
    ticket: Ticket,
    called: usize,
    /// When it was answered, and with what. One without an answer may have taken place.
    answered: Option<(usize, Outcome)>,
}

fn number(record: &Record) -> Option<i64> {
    let content = record.content.as_deref();
    content.map(|bytes| str::from_utf8(bytes).unwrap().parse().unwrap())
}

impl Entry {
    /// What the register holds after this operation, if it can take place while it holds `value`.
    fn apply(&self, value: Option<i64>) -> Option<Option<i64>> {
        let outcome = self.answered.as_ref().map(|(_, outcome)| outcome);
        match (self.asked, outcome) {
            (Asked::Read, Some(Outcome::Read { record, .. })) => {
                (number(record) == value).then_some(value)
            }
            (Asked::Write(new), _) => Some(Some(new)),
            (Asked::Add(amount), outcome) => {
                let sum = Some(value.unwrap_or(0) + amount);
                match outcome {
                    Some(Outcome::Modified { record, .. }) if number(record) != sum => None,
                    _ => Some(sum),
                }
            }
            (Asked::Set(expected, _), Some(Outcome::Unchanged { record, .. })) => {
                let told = number(record);
                (told == value && expected != value).then_some(value)
            }
            (Asked::Set(expected, new), _) => (expected == value).then_some(Some(new)),
            (Asked::Read, _) => None,
        }
    }

    /// Whether it took place for certain, or certainly not; `None` if it may have.
    fn took_place(&self) -> Option<bool> {
        match &self.answered {
            None | Some((_, Outcome::Unknown)) => None,
            Some((_, Outcome::Refused(_))) => Some(false),
            Some(_) => Some(true),
        }
    }
}

/// Whether there is an order of the operations, each at a moment between its call and its answer,
/// in which one register gives these answers.
fn is_linearizable(history: &[Entry]) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![(0_u32, None)];
    while let Some((done, value)) = open.pop() {
        if !seen.insert((done, value)) {
            continue;
        }
        let left = || (0..history.len()).filter(|index| done & (1 << index) == 0);
        let must = |index: &usize| history[*index].took_place() == Some(true);
        if !left().any(|index| must(&index)) {
            return true;
        }
        let first_answer = left().filter(must).filter_map(|index| {
            let answered = history[index].answered.as_ref();
            answered.map(|(at, _)| *at)
        });
        let first_answer = first_answer.min().unwrap_or(usize::MAX);
        for index in left() {
            let entry = &history[index];
            if entry.called < first_answer
                && entry.took_place() != Some(false)
                && let Some(next) = entry.apply(value)
            {
                open.push((done | (1 << index), next));
            }
        }
    }
    false
}

/// What happens at one moment.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The next request is made, at this node.
    Request(u64),
    /// A node enters the next epoch.
    Enter(u64),
    /// A node dies, the first time.
    Die(u64),
    Network(NetworkFate),
}

/// What becomes of one of the messages that are on their way.
#[derive(Clone, Copy, Debug)]
enum NetworkFate {
    Arrive(usize),
    /// It arrives, and will once more.
    Repeat(usize),
    Lose(usize),
    /// None arrives for so many milliseconds.
    Pass(u64),
}

impl NetworkFate {
    fn befall(self, cluster: &mut Cluster) {
        let on_their_way = cluster.in_flight.len();
        let picked = |index: usize| index.checked_rem(on_their_way);
        match self {
            NetworkFate::Arrive(index) => {
                if let Some(index) = picked(index) {
                    let message = cluster.in_flight.remove(index);
                    cluster.arrive(message);
                }
            }
            NetworkFate::Repeat(index) => {
                if let Some(index) = picked(index) {
                    let message = cluster.in_flight[index].clone();
                    cluster.arrive(message);
                }
            }
            NetworkFate::Lose(index) => {
                if let Some(index) = picked(index) {
                    cluster.in_flight.remove(index);
                }
            }
            NetworkFate::Pass(span_ms) => cluster.pass(Duration::from_millis(span_ms)),
        }
    }
}

fn network_fate() -> impl Strategy<Value = NetworkFate> {
    prop_oneof![
        30 => any::<usize>().prop_map(NetworkFate::Arrive),
        3 => any::<usize>().prop_map(NetworkFate::Repeat),
        3 => any::<usize>().prop_map(NetworkFate::Lose),
        4 => (1..80_u64).prop_map(NetworkFate::Pass),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    let node = 1..=3_u64;
    prop_oneof![
        6 => node.clone().prop_map(Fate::Request),
        80 => network_fate().prop_map(Fate::Network),
        1 => node.clone().prop_map(Fate::Enter),
        1 => node.prop_map(Fate::Die),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        4 => Just(Asked::Add(0)),
        2 => (proptest::option::of(0..8_i64), 0..8_i64).prop_map(|(old, new)| Asked::Set(old, new)),
        1 => Just(Asked::Write(0)),
        1 => Just(Asked::Read),
    ]
}

/// The next epoch, in which the members are the same: joint, or after that plain again.
fn same_members_next(standing: &Configuration) -> Arc<Configuration> {
    static MADE: Mutex<BTreeMap<Epoch, Arc<Configuration>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let next = made.entry(standing.epoch()).or_insert_with(|| {
        Arc::new(match standing.is_joint() {
            true => standing.finished(),
            false => standing.joint(standing.members().to_vec(), 3).unwrap(),
        })
    });
    next.clone()
}

/// A cluster of three and what its clients saw.
struct Run {
    cluster: Cluster,
    history: Vec<Entry>,
    /// Counts requests and answers, to tell which came first.
    moments: usize,
    has_died: bool,
}

impl Run {
    fn new(adjust: fn(&mut LaneOptions)) -> Self {
        let mut cluster = Cluster::with_options(3, adjust);
        // The members never change, so that nobody lacks anything.
        cluster.copies = false;
        Self {
            cluster,
            history: Vec::new(),
            moments: 0,
            has_died: false,
        }
    }

    fn request(&mut self, at: u64, asked: Asked) {
        let called = self.moment();
        // Each sum and each write is told from all others by its amount.
        let distinct = 1 << (self.history.len() + 4);
        let asked = match asked {
            Asked::Add(_) => Asked::Add(distinct),
            Asked::Write(_) => Asked::Write(distinct),
            other => other,
        };
        let ticket = self.cluster.request(at, asked.operation());
        self.history.push(Entry {
            asked,
            ticket,
            called,
            answered: None,
        });
        self.note_answers();
    }

    fn moment(&mut self) -> usize {
        self.moments += 1;
        self.moments
    }

    fn note_answers(&mut self) {
        let at = self.moment();
        for entry in &mut self.history {
            if entry.answered.is_none()
                && let Some(outcome) = self.cluster.outcome(entry.ticket)
            {
                entry.answered = Some((at, outcome.clone()));
            }
        }
    }

    fn befall(&mut self, fate: Fate, requests: &mut impl Iterator<Item = Asked>) {
        let cluster = &mut self.cluster;
        match fate {
            Fate::Request(at) => {
                if cluster.lanes.contains_key(&at)
                    && let Some(asked) = requests.next()
                {
                    self.request(at, asked);
                }
            }
            Fate::Enter(at) => {
                if cluster.lanes.contains_key(&at)
                    && let Some(standing) = cluster.configuration_at(at)
                {
                    cluster.enter(at, same_members_next(&standing));
                }
            }
            Fate::Die(at) => {
                if !self.has_died {
                    self.has_died = true;
                    cluster.lanes.remove(&at);
                }
            }
            Fate::Network(fate) => fate.befall(cluster),
        }
        self.note_answers();
    }

    /// Everything arrives from now on, and everybody is asked what there is.
    fn heal(&mut self) {
        let alive: Vec<u64> = self.cluster.lanes.keys().copied().collect();
        let waiting = |run: &Run| {
            let lanes = run.cluster.lanes.values();
            lanes.map(Lane::operations_running).sum::<usize>()
        };
        while waiting(self) > 0 {
            self.cluster.deliver_all();
            self.cluster.pass(Duration::from_millis(7));
            self.note_answers();
        }
        for at in alive {
            self.request(at, Asked::Read);
            let ticket = self.history.last().unwrap().ticket;
            self.cluster.run_until_answered(&[ticket]);
            self.note_answers();
        }
    }
}

/// Counts how operations ended, over all schedules.
type Ends = BTreeMap<&'static str, usize>;

fn is_sound(
    adjust: fn(&mut LaneOptions),
    requests: &[Asked],
    fates: &[Fate],
    ends: &mut Ends,
) -> Result<(), TestCaseError> {
    let mut run = Run::new(adjust);
    let mut requests = requests.iter().copied();
    for fate in fates {
        run.befall(*fate, &mut requests);
    }
    run.heal();
    for entry in &run.history {
        let end = match &entry.answered {
            None => "died with its node",
            Some((_, Outcome::Unknown)) => "unknown",
            Some((_, Outcome::Refused(_))) => "refused",
            Some((_, Outcome::Modified { .. })) => "modified",
            Some((_, Outcome::Unchanged { .. })) => "unchanged",
            Some(_) => "read or written",
        };
        *ends.entry(end).or_default() += 1;
    }
    prop_assert!(is_linearizable(&run.history), "{:#?}", run.history);
    Ok(())
}

/// The same cases every time. A failure is made smaller in at most so many steps.
fn runner(cases: u32, max_shrink_iters: u32) -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::XorShift);
    TestRunner::new_with_rng(config, rng)
}

fn schedules() -> impl Strategy<Value = (Vec<Asked>, Vec<Fate>)> {
    (
        proptest::collection::vec(asked(), 2..8),
        proptest::collection::vec(fate(), 40..240),
    )
}

#[test]
fn whatever_befalls_three_nodes_each_step_takes_place_once_or_is_told_to_be_unknown() {
    let ends = std::cell::RefCell::new(Ends::new());
    let outcome = runner(1000, 512).run(&schedules(), |(requests, fates)| {
        is_sound(|_| {}, &requests, &fates, &mut ends.borrow_mut())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let ends = ends.into_inner();
    // The test would show nothing if little happened.
    for end in ["modified", "unchanged", "unknown", "read or written"] {
        assert!(ends[end] > 50, "{ends:?}");
    }
}

/// One of the configurations that may follow on this one.
fn following(standing: &Configuration, choice: u64) -> Configuration {
    match (standing.is_joint(), choice % 2) {
        (true, 0) => standing.finished(),
        (true, _) => standing.aborted(),
        (false, _) => {
            let left_out = choice % 5 + 1;
            let members = (1..=5).filter(|number| *number != left_out);
            standing.joint(members.map(member).collect(), 1).unwrap()
        }
    }
}

/// That one tag stands for one record is asserted of whatever anybody holds or sends, and so that
/// one configuration stands for one epoch.
fn decides_one_for_each_epoch(
    adjust: fn(&mut LaneOptions),
    moments: &[(Option<(u64, u64)>, NetworkFate)],
) -> Result<Epoch, TestCaseError> {
    let mut cluster = Cluster::with_options(3, adjust);
    cluster.copies = false;
    for joiner in [4, 5] {
        cluster.add(joiner);
    }
    let mut proposals = Vec::new();
    for (proposer, fate) in moments {
        fate.befall(&mut cluster);
        if let Some((at, choice)) = *proposer
            && let Some(standing) = cluster.configuration_at(at)
            && standing.contains(node(at))
        {
            let proposal = following(&standing, choice);
            proposals.push((cluster.propose(at, &proposal), proposal));
        }
    }
    let tickets: Vec<Ticket> = proposals.iter().map(|(ticket, _)| *ticket).collect();
    cluster.run_until_answered(&tickets);
    for (ticket, proposal) in proposals {
        if let Some(Outcome::Modified { record, .. }) = cluster.outcome(ticket) {
            prop_assert_eq!(&record.content, &Some(proposal.encode()));
            prop_assert_eq!(record.tag, proposal.tag());
        }
    }
    Ok(cluster.lanes.values().map(Lane::epoch).max().unwrap())
}

type Moments = Vec<(Option<(u64, u64)>, NetworkFate)>;

fn proposals() -> impl Strategy<Value = Moments> {
    let proposer = proptest::option::weighted(0.05, (1..=5_u64, any::<u64>()));
    proptest::collection::vec((proposer, network_fate()), 100..400)
}

#[test]
fn whatever_befalls_the_proposers_one_configuration_is_decided_for_each_epoch() {
    let epochs = std::cell::RefCell::new(0);
    let outcome = runner(25, 512).run(&proposals(), |moments| {
        *epochs.borrow_mut() += decides_one_for_each_epoch(|_| {}, &moments)?.0;
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(epochs.into_inner() > 3 * 25, "little was decided");
}

/// The fault is found by these schedules.
#[cfg(feature = "planted-faults")]
fn is_found(cases: u32, adjust: fn(&mut LaneOptions)) {
    let outcome = runner(cases, 0).run(&schedules(), |(requests, fates)| {
        is_sound(adjust, &requests, &fates, &mut Ends::new())
    });
    assert!(outcome.is_err(), "the planted fault is not found");
}

#[cfg(feature = "planted-faults")]
#[test]
fn a_value_that_is_computed_anew_after_it_was_proposed_is_found() {
    is_found(4_000, |options| {
        options.planted = Some(PlantedFault::RecomputeAfterAccept);
    });
}

#[cfg(feature = "planted-faults")]
#[test]
fn quorums_that_need_not_meet_are_found() {
    is_found(4_000, |options| {
        options.planted = Some(PlantedFault::QuorumTooSmall);
    });
}

/// The fault lets two configurations be decided for one epoch, or a proposer believe so.
#[cfg(feature = "planted-faults")]
fn is_found_by_proposals(cases: u32, adjust: fn(&mut LaneOptions)) {
    let outcome = runner(cases, 0).run(&proposals(), |moments| {
        decides_one_for_each_epoch(adjust, &moments).map(drop)
    });
    assert!(outcome.is_err(), "the planted fault is not found");
}

#[cfg(feature = "planted-faults")]
#[test]
#[ignore = "takes a minute in debug"]
fn counting_the_replies_of_two_epochs_is_found() {
    is_found_by_proposals(1_000, |options| {
        options.planted = Some(PlantedFault::MixEpochs);
    });
}

#[cfg(feature = "planted-faults")]
#[test]
#[ignore = "takes a minute in release, many in debug"]
fn looking_at_the_greatest_ballot_of_all_is_found() {
    is_found_by_proposals(25_000, |options| {
        options.planted = Some(PlantedFault::GreatestBallotOfAll);
    });
}
