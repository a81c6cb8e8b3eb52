//! The writer, with a disk that fails as a test wants it to.

use super::fake::{Commit, FakeMedium, Map};
use super::handle::{DiskEvents, Pressure, Shared};
use super::keys;
use super::meta::{BatchNote, RunNote, identity};
use super::queue::{Change, Entering};
use super::store::{Medium, Writes};
use super::testing::{Scribe, cell, configuration_of, name, start};
use super::value;
use super::writer::{Begin, Writer};
use super::{DiskError, Durability, Opening, open};
use parking_lot::{Condvar, Mutex};
use proptest::prelude::*;
use protocol::{Boot, Epoch, Group, Incarnation, NodeId, PersistNumber, RegisterName};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const LANES: usize = 2;

const OWN: Incarnation = Incarnation {
    node: NodeId::new(1),
    boot: Boot::FIRST,
};

/// Of each register how often it was written.
type Model = BTreeMap<RegisterName, u64>;

/// The digest of a register is of no matter here, as long as digests add up.
fn digest_of(model: &Model) -> u128 {
    let digests = model.iter().map(|(name, seq)| {
        let key = keys::of(name);
        u128::from(xxhash_rust::xxh3::xxh3_64_with_seed(&key, *seq)) << 50
    });
    digests.fold(0, u128::wrapping_add)
}

/// What a node finds that starts.
fn found(map: &Map) -> (Model, Option<BatchNote>) {
    let mut model = Model::new();
    for (key, value) in map.iter().filter(|(key, _)| !keys::is_meta(key)) {
        let (name, cell) = value::cell(key, value).unwrap();
        model.insert(name, cell.record.tag.seq);
    }
    let note = map.get(keys::BATCH);
    let note = note.map(|value| BatchNote::read(value::opened(keys::BATCH, value).unwrap()));
    (model, note.map(Option::unwrap))
}

/// What the writer has said.
#[derive(Default, Debug)]
struct Said {
    durable: [PersistNumber; LANES],
    entered: Option<Epoch>,
    failed: Option<String>,
}

struct Listener {
    medium: FakeMedium,
    durability: Durability,
    /// What each lane kept at each of its numbers.
    kept: Mutex<[Vec<Model>; LANES]>,
    said: Mutex<Said>,
    is_news: Condvar,
}

impl Listener {
    /// Whatever a crash leaves, a start takes it for whole, and it has what was said.
    fn check(&self, said: &Said) {
        let fake = self.medium.state();
        let at_least = match self.durability {
            Durability::Sync => fake.synced,
            _ => fake.batches.len(),
        };
        for batches in at_least..=fake.batches.len() {
            let (model, note) = found(&fake.after(batches));
            let Some(note) = note else {
                assert_eq!(said.durable, [PersistNumber::NONE; LANES]);
                continue;
            };
            assert_eq!(note.digest, digest_of(&model), "a start would refuse it");
            let kept = self.kept.lock();
            for (lane, states) in kept.iter().enumerate() {
                let own = |(name, _): &(&RegisterName, &u64)| name.slot().lane(LANES) == lane;
                let own = model.iter().filter(own);
                let own: Model = own.map(|(name, seq)| (name.clone(), *seq)).collect();
                let said = said.durable[lane].0 as usize;
                assert!(states[said..].contains(&own), "lane {lane} after {said}");
            }
        }
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Said) -> bool) {
        let mut said = self.said.lock();
        let until = Instant::now() + Duration::from_secs(20);
        while !is_so(&said) {
            let timeout = self.is_news.wait_until(&mut said, until);
            assert!(!timeout.timed_out(), "never said: {what}; {said:?}");
        }
    }
}

impl DiskEvents for Listener {
    fn synced(&self, batch: u64) {
        let fake = self.medium.state();
        assert!(batch >= 1 && fake.synced > 0, "it is said of nothing");
    }

    fn durable(&self, lane: usize, number: PersistNumber) {
        let mut said = self.said.lock();
        assert!(said.failed.is_none() && said.durable[lane] < number);
        said.durable[lane] = number;
        self.check(&said);
        self.is_news.notify_all();
    }

    fn entered(&self, epoch: Epoch) {
        let mut said = self.said.lock();
        said.entered = Some(epoch);
        let fake = self.medium.state();
        let map = fake.after(fake.synced);
        drop(fake);
        let own = value::opened(keys::IDENTITY, &map[keys::IDENTITY]);
        assert_eq!(identity(own.unwrap()), Some(OWN), "entered before synced");
        self.check(&said);
        self.is_news.notify_all();
    }

    fn failed(&self, why: String) {
        self.said.lock().failed = Some(why);
        self.is_news.notify_all();
    }
}

/// A writer at work, and lanes that give it something to do.
struct Bench {
    shared: Arc<Shared>,
    listener: Arc<Listener>,
    medium: FakeMedium,
    writer: Option<JoinHandle<()>>,
}

impl Bench {
    fn start(durability: Durability, medium: FakeMedium) -> Self {
        let shared = Arc::new(Shared::new(LANES, false));
        let listener = Arc::new(Listener {
            medium: medium.clone(),
            durability,
            kept: Mutex::new([vec![Model::new()], vec![Model::new()]]),
            said: Mutex::default(),
            is_news: Condvar::new(),
        });
        let begin = Begin {
            durability,
            batch: 0,
            digests: vec![0; LANES],
            marks: Vec::new(),
        };
        let events = Arc::clone(&listener) as Arc<dyn DiskEvents>;
        let writer = Writer::new(Arc::clone(&shared), events, medium.clone(), begin);
        Self {
            shared,
            listener,
            medium,
            writer: Some(thread::spawn(|| writer.run())),
        }
    }

    /// One in which the node is a member, and has said so.
    fn of_member(durability: Durability) -> Self {
        let bench = Self::start(durability, FakeMedium::default());
        bench.enter(1);
        bench
            .listener
            .wait("entered", |said| said.entered.is_some());
        bench
    }

    /// A lane keeps one more write of each of these registers; then groups are dropped.
    fn push(&self, registers: &[u64], drops: bool) {
        for lane in 0..LANES {
            let mut kept = self.listener.kept.lock();
            let mut model = kept[lane].last().unwrap().clone();
            let own = registers.iter().map(|&number| name(number));
            let own: Vec<_> = own.filter(|it| it.slot().lane(LANES) == lane).collect();
            let Some(last) = own.last() else {
                continue;
            };
            let mut changes = Vec::new();
            if drops {
                let group = last.slot().group().unwrap();
                changes.push(Change::Drop(group));
                drop_group(&mut model, group);
            }
            for name in &own {
                let seq = model.get(name).map_or(1, |seq| seq + 1);
                model.insert(name.clone(), seq);
                changes.push(Change::Cell(name.clone(), cell(seq, "content")));
            }
            if drops {
                let group = own[0].slot().group().unwrap();
                changes.push(Change::Drop(group));
                drop_group(&mut model, group);
            }
            let number = PersistNumber(kept[lane].len() as u64);
            let digest = digest_of(&model);
            kept[lane].push(model);
            drop(kept);
            (self.shared.queue).push(lane, number, digest, &mut changes);
        }
    }

    fn enter(&self, epoch: u64) {
        self.shared.queue.enter(Entering {
            configuration: configuration_of(OWN.node, Epoch(epoch)),
            incarnation: OWN,
            begins_anew: !self.shared.has_identity(),
        });
    }

    /// Waits until all that was pushed was said to be durable.
    fn all_said(&self) {
        let kept = self.listener.kept.lock();
        let numbers = [0, 1].map(|lane| PersistNumber(kept[lane].len() as u64 - 1));
        drop(kept);
        self.listener
            .wait("all of it", |said| said.durable == numbers);
    }

    fn wait_for(&self, pressure: Pressure) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.shared.pressure() != pressure {
            assert!(Instant::now() < until, "never {pressure:?}");
            thread::yield_now();
        }
    }

    fn close(&mut self) {
        self.shared.queue.close();
        self.writer.take().unwrap().join().unwrap();
    }

    /// All that was pushed.
    fn model(&self) -> Model {
        let kept = self.listener.kept.lock();
        let last = kept.iter().map(|states| states.last().unwrap().clone());
        last.flatten().collect()
    }

    fn left(&self) -> Map {
        let fake = self.medium.state();
        fake.after(fake.synced)
    }
}

fn drop_group(model: &mut Model, group: Group) {
    model.retain(|name, _| name.slot().group() != Some(group));
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.writer.is_some() && !thread::panicking() {
            self.close();
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<u64>, bool),
    Enter,
    NextCommit(Commit),
    Fill,
    MakeRoom,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let push = (proptest::collection::vec(0..12u64, 1..5), 0..8u8);
    prop_oneof![
        8 => push.prop_map(|(registers, drops)| Step::Push(registers, drops == 0)),
        1 => Just(Step::Enter),
        1 => prop_oneof![Just(Commit::Full), Just(Commit::FullAndThere)].prop_map(Step::NextCommit),
        1 => Just(Step::Fill),
        2 => Just(Step::MakeRoom),
        2 => Just(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_was_said_durable_is_there_whenever_it_ends(
        is_sync in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let durability = match is_sync {
            true => Durability::Sync,
            false => Durability::Interval,
        };
        let mut bench = Bench::of_member(durability);
        let mut epoch = 1;
        for step in steps {
            match step {
                Step::Push(registers, drops) => bench.push(&registers, drops),
                Step::Enter => {
                    epoch += 1;
                    bench.enter(epoch);
                }
                Step::NextCommit(commit) => bench.medium.state().commits.push_back(commit),
                Step::Fill => bench.medium.state().is_full = true,
                Step::MakeRoom => bench.medium.state().is_full = false,
                Step::Wait => {
                    bench.medium.state().is_full = false;
                    bench.all_said();
                }
            }
            let fake = bench.medium.state();
            let said = fake.marked as usize;
            prop_assert!(said <= fake.batches.len());
        }
        bench.medium.state().is_full = false;
        bench.all_said();
        bench.wait_for(Pressure::None);
        bench.listener.wait("the last one", |said| said.entered == Some(Epoch(epoch)));
        bench.medium.state().commits.clear();
        bench.close();
        let left = bench.left();
        let (model, note) = found(&left);
        prop_assert_eq!(&model, &bench.model());
        prop_assert_eq!(note.unwrap().digest, digest_of(&model));
        let run = value::opened(keys::RUN, &left[keys::RUN]).unwrap();
        prop_assert!(RunNote::read(run).unwrap().is_closed);
        prop_assert!(bench.listener.said.lock().failed.is_none());
    }
}

#[test]
fn while_the_disk_is_full_nothing_is_said_and_then_everything() {
    let bench = Bench::of_member(Durability::Sync);
    bench.push(&[1, 2, 3], false);
    bench.all_said();
    bench.medium.state().is_full = true;
    bench.wait_for(Pressure::Full);
    let batches = bench.medium.state().batches.len();
    for _ in 0..50 {
        bench.push(&[1, 2, 3, 4], false);
    }
    bench.medium.state().is_full = false;
    bench.all_said();
    bench.wait_for(Pressure::None);
    // Of each register only the last was written.
    let fake = bench.medium.state();
    assert_eq!(fake.batches.len(), batches + 1);
}

#[test]
fn after_a_sync_that_failed_nothing_is_said_any_more() {
    for durability in [Durability::Sync, Durability::Interval] {
        let mut bench = Bench::of_member(durability);
        bench.medium.state().sync_fails = true;
        bench.push(&[1, 2], false);
        (bench.listener).wait("that it failed", |said| said.failed.is_some());
        bench.writer.take().unwrap().join().unwrap();
        let said = bench.listener.said.lock();
        if durability == Durability::Sync {
            assert_eq!(said.durable, [PersistNumber::NONE; LANES]);
        }
        assert_eq!(bench.medium.state().marked, 1);
    }
}

#[test]
fn after_a_write_that_failed_nothing_is_said_any_more() {
    let mut bench = Bench::of_member(Durability::Sync);
    bench.medium.state().commits.push_back(Commit::Fails);
    bench.push(&[1, 2], false);
    (bench.listener).wait("that it failed", |said| said.failed.is_some());
    bench.writer.take().unwrap().join().unwrap();
    assert_eq!(bench.medium.state().batches.len(), 1);
}

#[test]
fn synced_at_an_interval_it_is_said_before_and_synced_soon() {
    let bench = Bench::of_member(Durability::Interval);
    bench.push(&[1, 2], false);
    bench.all_said();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let fake = bench.medium.state();
        if fake.synced == fake.batches.len() && fake.marked == fake.synced as u64 {
            break;
        }
        drop(fake);
        assert!(Instant::now() < until, "never synced");
        thread::yield_now();
    }
}

#[test]
fn before_the_directory_names_the_node_nothing_is_written_and_then_the_former_one_is_gone() {
    let medium = FakeMedium::default();
    for number in [100, 101, 102] {
        let key = keys::of(&name(number));
        let value = value::of_cell(&key, &cell(7, "another node's"));
        medium.state().before.insert(key, value);
    }
    let mut bench = Bench::start(Durability::Sync, medium);
    // The former node may have kept the same register.
    bench.push(&[1, 2, 101], false);
    let looked = Instant::now();
    while looked.elapsed() < Duration::from_millis(50) {
        assert_eq!(bench.medium.state().batches.len(), 0);
        thread::yield_now();
    }
    bench.enter(1);
    bench.all_said();
    bench.push(&[2, 3], false);
    bench.close();
    assert_eq!(found(&bench.left()).0, bench.model());
    let fake = bench.medium.state();
    for batches in 1..=fake.batches.len() {
        let (model, note) = found(&fake.after(batches));
        assert_eq!(note.unwrap().digest, digest_of(&model));
    }
}

#[test]
fn a_node_that_never_entered_anything_leaves_the_directory_as_it_was() {
    let mut bench = Bench::start(Durability::Sync, FakeMedium::default());
    bench.push(&[1, 2], false);
    bench.close();
    let fake = bench.medium.state();
    assert!(fake.is_closed && fake.batches.is_empty());
}

#[test]
fn what_was_gathered_when_it_is_closed_is_written() {
    let mut bench = Bench::of_member(Durability::Interval);
    for _ in 0..100 {
        bench.push(&[1, 2, 3], false);
    }
    bench.close();
    assert_eq!(found(&bench.left()).0, bench.model());
}

#[test]
fn a_directory_that_was_left_half_made_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    drop(start(path, Durability::Sync).unwrap());
    // Whatever was not renamed into its place yet, and the store in any state.
    for (made, draft) in [
        ("store", "store.new"),
        ("mark", "mark.new"),
        ("format", "format.new"),
    ] {
        fs::rename(path.join(made), path.join(draft)).unwrap();
        let below = path.join("store.new/version");
        if below.exists() {
            fs::remove_file(below).unwrap();
        }
        if made == "format" {
            for rest in ["store", "mark"] {
                let rest = path.join(rest);
                fs::remove_dir_all(&rest)
                    .or_else(|_| fs::remove_file(&rest))
                    .unwrap();
            }
        }
        if made == "mark" {
            fs::remove_dir_all(path.join("store")).unwrap();
            fs::write(path.join(draft), "").unwrap();
        }
        let started = start(path, Durability::Sync).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(started.opening, Opening::Fresh);
    }
}

#[test]
fn a_directory_is_open_once_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let started = start(directory.path(), Durability::Sync).unwrap();
    let again = start(directory.path(), Durability::Sync);
    assert!(matches!(again, Err(DiskError::InUse(_))));
    drop(started);
    start(directory.path(), Durability::Sync).unwrap();
}

#[test]
fn a_node_whose_machine_went_down_before_all_was_synced_comes_as_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut scribe = Scribe::start(path);
    scribe.write(vec![(name(1), cell(1, "kept"))]);
    let (own, cells) = (scribe.incarnation, scribe.cells.clone());
    let mut run = RunNote {
        system_boot: "another".to_owned(),
        ..RunNote::begun(Durability::Interval)
    };
    let mut note = |is_closed| {
        run.is_closed = is_closed;
        let (key, value) = run.entry();
        Writes::from([(key, Some(value))])
    };
    scribe.store.commit(&note(false)).unwrap();
    drop(scribe);
    // It changes nothing until it is let in: however often it starts, it has lost its memory.
    for _ in 0..2 {
        let started = start(path, Durability::Interval).unwrap();
        assert_eq!(started.opening, Opening::LostMemory);
        assert_ne!(started.incarnation.node, own.node);
        assert!(started.cells.is_empty());
    }
    // An operator may accept what that cost, or it was closed in time after all.
    let opened = open(path, Durability::Interval, true).unwrap();
    assert_eq!(opened.opening, Opening::GoesOn);
    assert_eq!(opened.incarnation.boot.get(), own.boot.get() + 1);
    drop(opened);
    let mut store = start(path, Durability::Interval).unwrap().store;
    store.commit(&note(true)).unwrap();
    drop(store);
    let started = start(path, Durability::Interval).unwrap();
    assert_eq!(started.opening, Opening::GoesOn);
    assert_eq!(started.cells, cells);
}
