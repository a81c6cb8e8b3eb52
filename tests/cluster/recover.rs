//! A majority is lost for good, and an operator has the others go on.

use crate::harness::{Client, Cluster, Ended, Node, PATIENCE, Registers, eventually, run};
use protocol::RegisterName;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::time::Instant;

/// So that a change that cannot go on is given up while a test waits for that.
const QUICK_TO_GIVE_UP: [&str; 2] = ["--change-stalled-after-ms", "1500"];

/// Asks a node to recover, or what that would do.
async fn recover(node: &Node, arguments: &[&str]) -> Ended {
    let node = node.address().to_string();
    run(&[&["recover", "--node", &node], arguments].concat()).await
}

const DO_IT: [&str; 2] = ["--force", "--yes"];

/// Writes registers, and waits until every replica has each of them: a majority is enough for an
/// acknowledgement.
async fn write_everywhere(cluster: &Cluster, registers: Registers, replicas: u64) {
    registers.write(&cluster[0]).await;
    eventually("every replica has every register", async || {
        let mut held = 0;
        for node in cluster.nodes() {
            held += node.view().await["registers"].as_u64().expect("a number");
        }
        held == u64::from(registers.count) * replicas
    })
    .await;
}

async fn kill(cluster: &mut Cluster, dead: &[usize], asked: usize) {
    for &node in dead {
        cluster[node].kill();
    }
    are_down(cluster, dead, asked).await;
}

async fn are_down(cluster: &Cluster, silent: &[usize], asked: usize) {
    for &node in silent {
        eventually("the node is down", async || {
            cluster[asked].sees(&cluster[node]).await.as_deref() == Some("down")
        })
        .await;
    }
}

/// Slots, as they are told.
struct Slots(Vec<RangeInclusive<u16>>);

impl Slots {
    fn of(told: &Value) -> Self {
        let text = told.as_str().expect("slots are told as text");
        let ranges = text.split(',').filter(|range| !range.is_empty());
        let slot = |text: &str| text.parse().expect("a slot is a number");
        Self(
            ranges
                .map(|range| {
                    let (first, last) = range.split_once('-').expect("whole groups are told");
                    slot(first)..=slot(last)
                })
                .collect(),
        )
    }

    fn count(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether the register that was written with this number is in one of them.
    fn have(&self, number: u32) -> bool {
        let name = RegisterName::new(format!("written-once-{number}")).expect("it is short");
        let group = name.slot().group().expect("it is a client's").number();
        self.0.iter().any(|range| range.contains(&(group * 16)))
    }
}

fn path(number: u32) -> String {
    format!("/v1/registers/written-once-{number}")
}

#[tokio::test]
async fn a_majority_goes_on_without_two_of_five_and_what_a_survivor_held_is_held() {
    let mut cluster = Cluster::start_with(5, &QUICK_TO_GIVE_UP).await;
    let registers = Registers::small(300);
    write_everywhere(&cluster, registers, 3).await;
    kill(&mut cluster, &[1, 4], 0).await;

    let plan = recover(&cluster[0], &["--json"]).await;
    let plan = plan.assert_code(0).json();
    assert_eq!(plan["as_new_cluster"], false, "{plan}");
    assert_eq!(plan["gone_slots"], "", "each slot had a third replica");
    let forced = Slots::of(&plan["forced_slots"]);
    assert!((3_000..7_000).contains(&forced.count()), "{plan}");

    // What has lost its majority is not served, and everything else is.
    let is_forced = |number: &u32| forced.have(*number);
    let lost: Vec<u32> = (0..300).filter(is_forced).take(4).collect();
    let served: Vec<u32> = (0..300)
        .filter(|number| !is_forced(number))
        .take(20)
        .collect();
    assert_eq!((lost.len(), served.len()), (4, 20));
    for &number in &lost {
        let answer = cluster[2]
            .get(&format!("{}?timeout_ms=300", path(number)))
            .await;
        answer.assert_problem(503, "no-quorum", "refused");
    }
    for &number in &served {
        cluster[2].get(&path(number)).await.assert_status(200);
    }

    // One by one they cannot leave: what both of them held could be copied from nobody.
    let (asked, dead) = (
        cluster[0].address().to_string(),
        cluster[1].address().to_string(),
    );
    let removed = run(&["members", "remove", &dead, "--node", &asked]).await;
    removed.assert_code(1);
    assert!(removed.stderr.contains("given up"), "{removed:?}");

    let shown = recover(&cluster[0], &[]).await;
    shown.assert_code(0);
    for part in [
        dead.as_str(),
        "have lost the majority",
        "at least one holder",
    ] {
        assert!(shown.stdout.contains(part), "{shown:?}");
    }
    assert!(shown.stderr.contains("nothing was changed"), "{shown:?}");
    assert!(shown.stderr.contains("--force"), "{shown:?}");
    let epoch = cluster[0].view().await["epoch"].clone();
    let too_few = recover(&cluster[0], &["--force", "--yes", "--slots", "0"]).await;
    too_few.assert_code(1);
    assert!(too_few.stderr.contains("not named in slots"), "{too_few:?}");
    assert_eq!(cluster[0].view().await["epoch"], epoch);

    let started = Instant::now();
    let done = recover(&cluster[0], &DO_IT).await;
    done.assert_code(0);
    println!("recovered in {:?}: {}", started.elapsed(), done.stderr);
    cluster.whole(&[0, 2, 3]).await;
    for node in [0, 2, 3] {
        registers.assert_held(&cluster[node]).await;
        assert_eq!(cluster[node].view().await["slots_without_quorum"], 0);
    }

    let joiner = cluster.start_joiner(&QUICK_TO_GIVE_UP).await;
    cluster.whole(&[0, 2, 3, joiner]).await;
    registers.assert_held(&cluster[joiner]).await;
}

#[tokio::test]
async fn registers_that_only_the_lost_ones_held_hold_nothing_afterwards_and_can_be_written() {
    let mut cluster = Cluster::start_with(5, &["--replication", "2"]).await;
    let registers = Registers::small(300);
    write_everywhere(&cluster, registers, 2).await;
    kill(&mut cluster, &[2, 3], 4).await;
    let plan = recover(&cluster[4], &["--json"]).await;
    let plan = plan.assert_code(0).json();
    let (forced, gone) = (
        Slots::of(&plan["forced_slots"]),
        Slots::of(&plan["gone_slots"]),
    );
    assert!(gone.count() > 0 && gone.count() < forced.count(), "{plan}");

    recover(&cluster[4], &DO_IT).await.assert_code(0);
    cluster.whole(&[0, 1, 4]).await;
    let mut client = cluster[1].client();
    let mut lost = 0;
    for number in 0..registers.count {
        let read = client.send(Client::get(&path(number)), PATIENCE).await;
        let read = read.expect("an answer");
        match gone.have(number) {
            true => {
                lost += 1;
                read.assert_problem(404, "nothing", "done");
                cluster[0]
                    .put(&path(number), "anew")
                    .await
                    .assert_status(204);
            }
            false => {
                let value = format!("{number:0>width$}", width = registers.value_bytes);
                assert_eq!(read.assert_status(200).text(), value);
            }
        }
    }
    assert!(
        lost > 0,
        "some of 300 registers are in one tenth of the slots"
    );
}

#[tokio::test]
async fn one_of_three_goes_on_as_a_new_cluster_and_takes_others_in_again() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(300);
    write_everywhere(&cluster, registers, 3).await;
    let former = cluster[2].view().await["cluster"].clone();
    kill(&mut cluster, &[0, 1], 2).await;

    let done = recover(&cluster[2], &DO_IT).await;
    done.assert_code(0);
    assert!(done.stdout.contains("go on as a new cluster"), "{done:?}");
    cluster.whole(&[2]).await;
    let view = cluster[2].view().await;
    assert_ne!(view["cluster"], former, "{view}");
    registers.assert_held(&cluster[2]).await;
    let log = cluster[2].log();
    for part in ["declared", "lost for good", "survivors go on as cluster"] {
        assert!(log.contains(part), "{part}: {log}");
    }

    cluster[1].start();
    let (asked, back) = (
        cluster[2].address().to_string(),
        cluster[1].address().to_string(),
    );
    eventually("it has heard of the cluster", async || {
        let told = cluster[1].try_get("/v1/cluster").await;
        let told = told.map(|answer| answer.json());
        told.is_some_and(|told| {
            told["cluster"] == view["cluster"] && told["standing"] == "outsider"
        })
    })
    .await;
    run(&["members", "add", &back, "--node", &asked])
        .await
        .assert_code(0);
    cluster.whole(&[1, 2]).await;
    cluster[0].start();
    let back = cluster[0].address().to_string();
    eventually("it is let in", async || {
        run(&["members", "add", &back, "--node", &asked]).await.code == Some(0)
    })
    .await;
    cluster.whole(&[0, 1, 2]).await;
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
}

#[tokio::test]
async fn frozen_members_that_were_declared_lost_learn_that_they_are_out_and_serve_nothing_old() {
    // A majority goes on in its cluster, and a single one as a new one.
    for (size, silent, survivors) in [(5, &[0, 3][..], &[1, 2, 4][..]), (3, &[0, 1], &[2])] {
        let mut cluster = Cluster::start(size).await;
        let registers = Registers::small(50);
        write_everywhere(&cluster, registers, 3).await;
        let (frozen, asked) = (silent[0], survivors[0]);
        cluster[frozen].freeze().await;
        // Together with the other one it would be a majority of three that goes on for itself.
        cluster[silent[1]].kill();
        are_down(&cluster, silent, asked).await;
        recover(&cluster[asked], &DO_IT).await.assert_code(0);
        cluster.whole(survivors).await;
        for number in 0..registers.count {
            cluster[asked]
                .put(&path(number), "new")
                .await
                .assert_status(204);
        }

        cluster[frozen].thaw();
        let thawed = Instant::now();
        let mut client = cluster[frozen].client();
        let (mut refused, mut new) = (0, 0);
        for number in (0..registers.count).cycle() {
            let read = format!("{}?timeout_ms=200", path(number));
            let answer = client
                .send(Client::get(&read), PATIENCE)
                .await
                .expect("an answer");
            match answer.status {
                200 => {
                    assert_eq!(answer.text(), "new", "nothing old is served");
                    new += 1;
                }
                _ => {
                    answer.assert_status(503);
                    refused += 1;
                }
            }
            let is_out = cluster[frozen].view().await["standing"] == "outsider";
            if is_out && new > registers.count {
                break;
            }
            assert!(thawed.elapsed() < PATIENCE, "{refused} refused, {new} read");
        }
        println!("{refused} reads were refused, and {new} gave the new value");
        eventually("it says that it is out", async || {
            cluster[frozen]
                .log()
                .contains("this node was removed from cluster")
        })
        .await;
        cluster.whole(survivors).await;
    }
}

#[tokio::test]
async fn who_asks_for_a_recovery_that_makes_no_sense_is_told_so_and_nothing_changes() {
    let mut cluster = Cluster::start(3).await;
    let before = cluster[0].view().await;
    let alive = cluster[1].address().to_string();
    let refused = async |arguments: &[&str], code: i32, part: &str| {
        let ended = recover(&cluster[0], arguments).await;
        ended.assert_code(code);
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    };
    refused(&[], 1, "no member was named as lost").await;
    refused(&DO_IT, 1, "no member was named as lost").await;
    refused(&["--lost", &alive], 1, "is alive").await;
    refused(&["--lost", &alive, "--force", "--yes"], 1, "is alive").await;
    let itself = cluster[0].address().to_string();
    refused(&["--lost", &itself, "--force", "--yes"], 1, "is alive").await;
    refused(&["--lost", "127.0.0.1:1"], 1, "no member 127.0.0.1:1").await;
    refused(&["--lost", &"0".repeat(16)], 1, "no member").await;
    refused(&["--force"], 2, "no terminal").await;
    refused(&["--no-wait"], 2, "--force").await;
    refused(
        &["--force", "--yes", "--slots", "7-3"],
        2,
        "no range of slots",
    )
    .await;

    // The one that is left with this one does not answer, and is not named.
    let gone = cluster[2].address().to_string();
    kill(&mut cluster, &[2], 0).await;
    cluster[1].freeze().await;
    let ended = recover(&cluster[0], &["--lost", &gone, "--force", "--yes"]).await;
    ended.assert_code(1);
    assert!(ended.stderr.contains("may not be reached"), "{ended:?}");
    cluster[1].thaw();
    let after = cluster[0].view().await;
    for same in ["cluster", "epoch", "change"] {
        assert_eq!(after[same], before[same], "{after}");
    }
    eventually("a majority is ready", async || cluster[0].is_ready().await).await;
}
