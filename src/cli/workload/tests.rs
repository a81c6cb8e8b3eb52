//! A workload against small servers that play nodes.

use super::*;
use crate::cli::client::Credentials;
use crate::cli::client::stub::{Stub, json, nowhere};
use checker::{Limits, Verdict, check};
use protocol::Address;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const WRITTEN: &str = "HTTP/1.1 204 No Content\r\nshardedmemory-rounds: 2\r\n\r\n";

/// A node that holds registers, and answers as one does.
struct Registers(HashMap<String, String>);

impl Registers {
    fn answer(&mut self, request: &str) -> String {
        let (method, rest) = request.split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let name = path.split('?').next().unwrap().to_owned();
        match method {
            "PUT" => {
                self.0.insert(name, body.to_owned());
                WRITTEN.to_owned()
            }
            "DELETE" => {
                self.0.remove(&name);
                WRITTEN.to_owned()
            }
            _ => match self.0.get(&name) {
                Some(value) => {
                    json(200, value).replace("\r\n\r\n", "\r\nshardedmemory-rounds: 1\r\n\r\n")
                }
                None => json(404, r#"{"outcome":"done"}"#),
            },
        }
    }
}

async fn node() -> Stub {
    let mut registers = Registers(HashMap::new());
    Stub::start(move |request| Some(registers.answer(request))).await
}

fn plan(nodes: Vec<Address>) -> WorkloadPlan {
    WorkloadPlan {
        clients: 4,
        operation_timeout: Duration::from_secs(10),
        interval: Duration::from_millis(1),
        ..WorkloadPlan::new(nodes, Names::new("w-", 2))
    }
}

/// Lets it go on until this holds.
async fn until(workload: &Workload, condition: impl Fn(Figures) -> bool) {
    let waiting = async {
        while !condition(workload.figures()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    waited.unwrap_or_else(|_| panic!("{:?}", workload.figures()));
}

#[tokio::test]
async fn what_clients_of_an_atomic_register_see_is_linearizable() {
    let node = node().await;
    let workload = Workload::start(WorkloadPlan {
        delete_share: 0.1,
        ..plan(vec![node.address.clone()])
    });
    until(&workload, |figures| figures.done >= 200).await;
    let record = workload.stop().await;
    let figures = check(&record.history, Limits::default()).expect_linearizable();
    assert_eq!(figures.operations, record.operations.len());
    let summary = Summary::of(&record);
    assert_eq!(summary.all.done, summary.all.sum());
    let kinds: Vec<Kind> = summary.kinds.iter().map(|kind| kind.kind).collect();
    assert_eq!(kinds, [Kind::Read, Kind::Write, Kind::Delete]);
    assert_eq!(summary.kinds[1].one_round, (0, summary.kinds[1].ends.done));
    assert!(summary.kinds[0].one_round.0 > 0, "{summary:?}");
    for operation in &record.operations {
        assert!(operation.start_ns <= operation.end_ns, "{operation:?}");
        assert_eq!(operation.node, Some(0));
    }
}

#[tokio::test]
async fn a_node_that_answers_with_what_was_there_before_is_found_out() {
    let mut registers = Registers(HashMap::new());
    let mut stale = HashMap::new();
    let mut reads = 0;
    let node = Stub::start(move |request| {
        let name = request.split('?').next().unwrap().to_owned();
        if request.starts_with("GET") {
            reads += 1;
            if reads % 10 == 0
                && let Some(answer) = stale.get(&name)
            {
                return Some(String::clone(answer));
            }
        }
        let answer = registers.answer(request);
        if request.starts_with("GET") && answer.starts_with("HTTP/1.1 200") {
            stale.entry(name).or_insert_with(|| answer.clone());
        }
        Some(answer)
    })
    .await;
    let workload = Workload::start(plan(vec![node.address.clone()]));
    until(&workload, |figures| figures.done >= 200).await;
    let record = workload.stop().await;
    let verdict = check(&record.history, Limits::default());
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict}");
}

#[tokio::test]
async fn clients_turn_from_a_node_that_fails_and_come_back() {
    let failing = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&failing);
    let mut registers = Registers(HashMap::new());
    // It refuses, or breaks off.
    let mut asked = 0;
    let home = Stub::start(move |request| {
        asked += 1;
        if !fails.load(SeqCst) {
            return Some(registers.answer(request));
        }
        (asked % 2 == 0).then(|| json(503, r#"{"outcome":"refused","detail":"not now"}"#))
    })
    .await;
    let other = node().await;
    let nodes = vec![home.address.clone(), nowhere().await, other.address.clone()];
    let workload = Workload::start(plan(nodes));
    until(&workload, |figures| {
        figures.done >= 50 && figures.refused > 0 && figures.unreachable > 0
    })
    .await;
    failing.store(false, SeqCst);
    let asked_before = home.asked().len();
    // Two registers at two nodes that know nothing of each other: only figures count here.
    let waiting = async {
        while home.asked().len() < asked_before + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    waited.expect("they come home");
    let record = workload.stop().await;
    let done_at = |node| {
        let at = move |operation: &&OperationRecord| {
            operation.node == Some(node) && operation.ended == Ended::Done
        };
        record.operations.iter().filter(at).count()
    };
    assert!(done_at(0) > 0 && done_at(2) > 0);
    assert_eq!(done_at(1), 0);
    assert!(record.last_failure.is_some());
}

#[tokio::test]
async fn a_write_in_doubt_stays_in_doubt_and_the_client_goes_on() {
    let node = Stub::start(|request| {
        request
            .starts_with("GET")
            .then(|| json(404, r#"{"outcome":"done"}"#))
    })
    .await;
    let workload = Workload::start(plan(vec![node.address.clone()]));
    until(&workload, |figures| {
        figures.done >= 5 && figures.unknown >= 5
    })
    .await;
    let record = workload.stop().await;
    check(&record.history, Limits::default()).expect_linearizable();
    for operation in &record.operations {
        let is_read = operation.kind == Kind::Read;
        assert_eq!(operation.ended == Ended::Unknown, !is_read, "{operation:?}");
    }
}

#[tokio::test]
async fn a_full_record_ends_it() {
    let node = node().await;
    let mut workload = Workload::start(WorkloadPlan {
        operations_max: 50,
        ..plan(vec![node.address.clone()])
    });
    let ended = tokio::time::timeout(Duration::from_secs(30), workload.ended()).await;
    ended.expect("it is full soon");
    let record = workload.stop().await;
    assert!(record.full);
    assert_eq!((record.operations.len(), record.history.len()), (50, 50));
}

#[tokio::test]
async fn registers_that_hold_something_are_not_claimed() {
    let node = node().await;
    let nodes = [nowhere().await, node.address.clone()];
    let names = Names::new("w-", 2);
    let timeout = Duration::from_secs(10);
    names
        .claim(&nodes, &Credentials::NONE, timeout)
        .await
        .unwrap();
    let workload = Workload::start(plan(vec![node.address.clone()]));
    until(&workload, |figures| figures.done >= 50).await;
    workload.stop().await;
    let taken = names
        .claim(&nodes, &Credentials::NONE, timeout)
        .await
        .unwrap_err();
    assert!(taken.message.unwrap().contains("holds something"));
    let all = [0, 1].into();
    let cleared = names.clear(&all, &nodes, &Credentials::NONE, timeout).await;
    assert_eq!(cleared, Clearing::Cleared);
    names
        .claim(&nodes, &Credentials::NONE, timeout)
        .await
        .unwrap();

    let away = [nowhere().await];
    let message = names
        .claim(&away, &Credentials::NONE, timeout)
        .await
        .unwrap_err()
        .message
        .unwrap();
    assert!(message.contains(away[0].as_str()), "{message}");
    let stopped = names.clear(&all, &away, &Credentials::NONE, timeout).await;
    assert!(matches!(stopped, Clearing::Stopped(name, _) if name == names.get(0)));
}
