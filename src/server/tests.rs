//! Whole nodes in this process, on real sockets.

use super::node::Node;
use super::*;
use crate::http::Registers;
use crate::redis::MultiRegister;
use bytes::Bytes;
use protocol::{
    Change, ChangeRefusal, ChangeRequest, Condition, Epoch, Operation, Outcome, Refusal,
    RegisterName, Slot,
};
use std::cell::Cell;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Long enough for anything that happens at all on a busy machine.
const SOON: Duration = Duration::from_secs(60);

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A node that founds a cluster alone.
fn settings(listen: SocketAddr) -> Settings {
    let advertise: Address = listen.to_string().parse().unwrap();
    Settings {
        listen: vec![listen],
        advertise: advertise.clone(),
        peers: vec![advertise],
        join: vec![],
        weight: 100,
        replication: 3,
        password: None,
        disk: None,
        multi_register: MultiRegister::PerCommand,
        insecure: false,
        timeout: SOON,
        timeout_max: SOON,
        value_bytes_max: 1024 * 1024,
        body_bytes_in_flight_max: 16 * 1024 * 1024,
        memory_bytes_max: None,
        operations_max: 128,
        connections_max: 128,
        lanes: 3,
        ping_interval: Duration::from_millis(50),
        pong_timeout: Duration::from_millis(50),
        down_after: SOON,
        founding_wait: Duration::from_millis(10),
        resend_first: Duration::from_millis(50),
        resend_max: Duration::from_secs(1),
        shutdown_timeout: SOON,
        replace_after: None,
        change_stalled_after: SOON,
        leave_on_stop: false,
        leave_timeout: SOON,
        copy_bytes_per_second_max: None,
        repair_interval: None,
    }
}

/// Starts a node that serves until the runtime ends.
async fn start_node(change: impl FnOnce(&mut Settings)) -> (Node, Address) {
    let (listener, address) = listener().await;
    let mut settings = settings(address);
    change(&mut settings);
    let node = start(&settings).unwrap();
    let doorman = Doorman::new(&settings, node.clone(), CancellationToken::new());
    tokio::spawn(doorman.accept(listener));
    (node, settings.advertise)
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, waiting).await;
    waited.unwrap_or_else(|_| panic!("not in time: {what}"));
}

fn name(text: &'static str) -> RegisterName {
    RegisterName::new(text).unwrap()
}

async fn write(node: &Node, register: &'static str, value: &'static str) -> Outcome {
    let operation = Operation::Write {
        name: name(register),
        content: Some(Bytes::from_static(value.as_bytes())),
        expiry: None,
    };
    node.execute(operation, SOON).await
}

async fn read(node: &Node, register: &'static str) -> Option<Bytes> {
    let operation = Operation::Read {
        name: name(register),
    };
    match node.execute(operation, SOON).await {
        Outcome::Read { record, .. } => record.content,
        other => panic!("{other:?}"),
    }
}

async fn modify(node: &Node, register: &'static str, change: Change) -> Outcome {
    let name = name(register);
    node.execute(Operation::Modify { name, change }, SOON).await
}

fn are_whole(node: &Node, members: usize) -> bool {
    let view = node.view();
    let whole = view.members.iter().all(|member| member.lacking_slots == 0);
    view.members.len() == members && view.change.is_none() && whole && view.quorum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_join_one_another_hold_everything_and_leave_again() {
    let (first, first_address) = start_node(|_| {}).await;
    eventually("a cluster of one", || are_whole(&first, 1)).await;
    for register in ["a", "b", "c", "d", "e", "f"] {
        let written = write(&first, register, "1").await;
        assert!(matches!(written, Outcome::Written { .. }), "{written:?}");
    }

    let join = |settings: &mut Settings| {
        settings.peers.clear();
        settings.join = vec![first_address.clone()];
    };
    let (second, second_address) = start_node(join).await;
    let (third, _) = start_node(join).await;
    for node in [&first, &second, &third] {
        eventually("a cluster of three", || are_whole(node, 3)).await;
    }
    let view = second.view();
    assert_eq!(view.losses_survived, Some(1));
    assert_eq!((view.registers, view.copied_registers), (6, 6));
    assert!(view.bytes >= 12 && view.copied_bytes >= 12, "{view:?}");
    assert!(
        view.members
            .iter()
            .all(|m| m.slots == usize::from(Slot::COUNT))
    );
    assert_eq!(read(&second, "a").await.unwrap(), "1");
    assert_eq!(read(&third, "f").await.unwrap(), "1");
    write(&second, "a", "2").await;

    assert_eq!(second.leave(SOON).await, Ok(()));
    assert_eq!(second.view().standing, Standing::Outsider);
    eventually("a cluster of two", || are_whole(&first, 2)).await;
    assert_eq!(first.view().former, [second_address]);
    // One that has left passes on what clients ask.
    assert_eq!(read(&second, "a").await.unwrap(), "2");

    assert_eq!(first.leave(SOON).await, Ok(()));
    eventually("the last member", || are_whole(&third, 1)).await;
    assert_eq!(read(&third, "a").await.unwrap(), "2");
    assert_eq!(third.leave(SOON).await, Ok(()));
    assert_eq!(third.view().standing, Standing::Member);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_that_cannot_be_is_refused() {
    let (node, address) = start_node(|_| {}).await;
    let me = node.view().node.node;
    let remove = ChangeRequest::Remove { member: me };
    let fresh = node.change(remove.clone()).await;
    assert!(fresh.is_err(), "{fresh:?}");
    eventually("a cluster of one", || are_whole(&node, 1)).await;
    let stranger = NodeId::new(7);
    for (request, refusal) in [
        (remove, ChangeRefusal::LastMember),
        (ChangeRequest::Abort, ChangeRefusal::NoChange),
        (
            ChangeRequest::Remove { member: stranger },
            ChangeRefusal::UnknownMember(stranger),
        ),
        (
            ChangeRequest::Add {
                address: address.clone(),
                weight: 100,
            },
            ChangeRefusal::AlreadyMember(address),
        ),
    ] {
        assert_eq!(node.change(request).await, Err(refusal));
    }
    assert_eq!(node.view().epoch, Epoch::FIRST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_modify_write_ends_in_all_its_ways() {
    let (node, _) = start_node(|_| {}).await;
    eventually("a cluster of one", || are_whole(&node, 1)).await;
    let set = |condition| Change::set_if(condition, Some(Bytes::from_static(b"41")));
    let unchanged = modify(&node, "n", set(Condition::Present)).await;
    assert!(
        matches!(unchanged, Outcome::Unchanged { .. }),
        "{unchanged:?}"
    );
    let modified = modify(&node, "n", set(Condition::Absent)).await;
    assert!(matches!(modified, Outcome::Modified { .. }), "{modified:?}");
    let added = modify(&node, "n", Change::add(1)).await;
    assert!(matches!(added, Outcome::Modified { .. }), "{added:?}");
    assert_eq!(read(&node, "n").await.unwrap(), "42");
}

/// Each call ends when a permit is added.
fn told_by(stops: &Arc<Semaphore>) -> impl AsyncFnMut() + use<> {
    let stops = Arc::clone(stops);
    async move || stops.acquire().await.unwrap().forget()
}

#[tokio::test]
async fn a_node_that_is_in_no_cluster_has_none_to_leave() {
    let (listener, address) = listener().await;
    let mut settings = settings(address);
    settings.leave_on_stop = true;
    // Nobody answers there, so nothing is founded.
    settings.peers.push("127.0.0.1:1".parse().unwrap());
    let stops = Arc::new(Semaphore::new(1));
    let serving = serve(&settings, vec![listener], told_by(&stops));
    let ended = tokio::time::timeout(SOON, serving).await;
    ended.expect("it stops").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn told_again_to_stop_a_node_waits_for_nobody() {
    let (listener, address) = listener().await;
    let mut settings = settings(address);
    settings.shutdown_timeout = Duration::from_secs(3600);
    let stops = Arc::new(Semaphore::new(0));
    let has_ended = Cell::new(false);
    let serving = async {
        let ended = serve(&settings, vec![listener], told_by(&stops)).await;
        has_ended.set(true);
        ended
    };
    let stopping = async {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = "PUT /v1/registers/x HTTP/1.1\r\nHost: node\r\nContent-Length: 9\r\n\
                       Expect: 100-continue\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100");
        // The node waits for the body now, and once it is told to stop, for the request to end.
        stops.add_permits(1);
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!has_ended.get());
        stops.add_permits(1);
        client
    };
    let both = async { tokio::join!(serving, stopping) };
    let (ended, _) = tokio::time::timeout(SOON, both).await.expect("it stops");
    ended.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_whose_place_was_taken_refuses_everything_and_ends() {
    let (node, address) = start_node(|_| {}).await;
    eventually("a cluster of one", || are_whole(&node, 1)).await;
    let by = NodeId::new(7);
    node.end(Ended::Replaced {
        by,
        address: address.clone(),
    });
    let written = write(&node, "a", "1").await;
    assert_eq!(written, Outcome::Refused(Refusal::NoMember));
    assert_eq!(node.view().replaced_by, Some(by));
    // It stays so, whatever is heard afterwards.
    let later = NodeId::new(8);
    node.end(Ended::Replaced {
        by: later,
        address: address.clone(),
    });
    let ended = tokio::time::timeout(SOON, node.ended()).await;
    assert_eq!(ended.expect("at once"), Ended::Replaced { by, address });
}
