//! Those who speak as nodes do, and contradict what the nodes hold.

use super::kinds::{connect, greeting, heard_until_closed, say};
use crate::harness::{Cluster, Load, LoadPlan, Node, Registers, eventually};
use serde_json::Value;
use tokio::net::TcpStream;

/// The register whose name breaks a line, and how the log spells it.
const NAME: &[u8] = b"torn\nname";
const PATH: &str = "/v1/registers/torn%0Aname";
const SPELLED: &str = r#""torn\nname""#;

#[tokio::test]
async fn a_stranger_that_contradicts_what_the_nodes_hold_is_not_heard() {
    let cluster = Cluster::start(3).await;
    cluster[0].put(PATH, "true").await.assert_status(204);
    let held = cluster[1].get(PATH).await;
    let tag = Tag::of(&held);
    let processes: Vec<u32> = cluster.nodes().iter().map(Node::pid).collect();
    for node in cluster.nodes() {
        let view = node.view().await;
        let mut stranger = Impostor::connect(node, 0xabad_1dea).await;
        for value in [&b"false"[..], b"", b"true"] {
            stranger.update(&view, NAME, tag, value).await;
            stranger.update(&view, NAME, tag.newer(), value).await;
            stranger.update(&view, b"other", tag, value).await;
        }
        // The last thing that it says is malformed: when the connection is closed for that, all
        // before it has been looked at.
        stranger.end().await;
    }
    let now: Vec<u32> = cluster.nodes().iter().map(Node::pid).collect();
    assert_eq!(now, processes);
    for node in cluster.nodes() {
        let answer = node.get(PATH).await;
        assert_eq!((answer.text(), Tag::of(&answer)), ("true", tag));
        node.get("/v1/registers/other").await.assert_status(404);
        assert!(!node.log().contains("ends at once"), "{}", node.log());
    }
}

/// Nothing tells a node from one that speaks in its name.
#[tokio::test]
async fn a_member_that_shows_two_values_under_one_tag_stops_the_node_that_sees_it() {
    let mut cluster = Cluster::start_with(3, &["--log-format", "json"]).await;
    let registers = Registers::small(200);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 20).await;
    let view = cluster[0].view().await;
    let member = u64::from_str_radix(view["node"].as_str().unwrap(), 16).unwrap();
    let tag = Tag {
        seq: 1 << 40,
        writer: member,
        boot: 1,
    };

    let mut impostor = Impostor::connect(&cluster[2], member).await;
    impostor.update(&view, NAME, tag, b"one").await;
    impostor.update(&view, NAME, tag, b"another").await;
    let status = cluster[2].ended().await;
    assert_eq!(status.code(), Some(9), "{status}: {}", cluster[2].log());
    let log = cluster[2].log();
    let mut lines = log.lines().rev();
    assert_eq!(lines.next(), Some("(the process has ended)"));
    let last = lines.next().expect("it has said why");
    let last: Value = serde_json::from_str(last).expect("the last line is whole");
    assert_eq!(last["level"], "ERROR");
    let said = last["fields"]["message"].as_str().unwrap();
    for part in [
        "ends at once",
        &format!("register {SPELLED} has two values under the one tag {tag}"),
        "a value of 3 bytes",
        "a value of 7 bytes",
        &format!("{member:016x} shows"),
        "nothing that follows from it was sent or answered",
        "start the node again",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!said.contains('\n'), "{said}");

    // The others have a quorum without it, and when it comes back, it has one with either.
    let before = load.sum(&[0, 1]);
    load.progress(&[0, 1], 30).await;
    cluster[2].start();
    cluster.whole(&[0, 1, 2]).await;
    load.progress(&[0, 1, 2], 20).await;
    load.sum(&[0, 1]).assert_none_failed_since(&before);
    cluster[1].kill();
    registers.assert_held(&cluster[2]).await;
    eventually("it serves with the one that is left", async || {
        cluster[2].is_ready().await
    })
    .await;
    println!("{}", load.finish().await);
}

/// A version of a register, as nodes write it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tag {
    seq: u64,
    writer: u64,
    boot: u32,
}

impl Tag {
    /// That of an answer to a read of what a plain write has made.
    fn of(answer: &crate::harness::Answer) -> Self {
        let tag = answer.header("etag").expect("a value has a tag");
        let mut parts = tag.trim_matches('"').split('-');
        let mut part = || parts.next().expect("a tag has four parts");
        Self {
            seq: part().parse().unwrap(),
            writer: u64::from_str_radix(part(), 16).unwrap(),
            boot: part().parse().unwrap(),
        }
    }

    fn newer(self) -> Self {
        let seq = self.seq + 1;
        Self { seq, ..self }
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:016x}-{}-0", self.seq, self.writer, self.boot)
    }
}

/// A connection of somebody who says that it is this node.
struct Impostor {
    stream: TcpStream,
    to: u64,
    said: u64,
}

impl Impostor {
    async fn connect(node: &Node, name: u64) -> Self {
        let to = node.id().await;
        let mut stream = connect(node.address()).await;
        say(&mut stream, &greeting(name)).await;
        Self {
            stream,
            to: u64::from_str_radix(&to, 16).unwrap(),
            said: 0,
        }
    }

    /// Tells the node to take this record, in the cluster and the epoch of that view.
    async fn update(&mut self, view: &Value, name: &[u8], tag: Tag, value: &[u8]) {
        const UPDATE: u8 = 3;
        let cluster = u64::from_str_radix(view["cluster"].as_str().unwrap(), 16).unwrap();
        let epoch = view["epoch"].as_u64().unwrap();
        self.said += 1;
        let mut message = vec![UPDATE];
        for number in [cluster, epoch, 0, (1 << 40) + self.said] {
            message.extend(number.to_be_bytes());
        }
        message.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        message.extend(name);
        message.extend(tag.seq.to_be_bytes());
        message.extend(tag.writer.to_be_bytes());
        message.extend(tag.boot.to_be_bytes());
        message.extend(0_u32.to_be_bytes());
        message.push(1);
        message.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        message.extend(value);
        // No expiry, no operation, not settled.
        message.extend([0, 0, 0]);
        self.batch(&message).await;
    }

    async fn batch(&mut self, message: &[u8]) {
        const LAST_PIECE: u8 = 3;
        let mut batch = vec![12];
        batch.extend(self.to.to_be_bytes());
        batch.extend(1_u32.to_be_bytes());
        batch.extend(message);
        let length = u32::try_from(batch.len()).unwrap().to_be_bytes();
        say(
            &mut self.stream,
            &[&[LAST_PIECE], &length[..], &batch].concat(),
        )
        .await;
    }

    /// Says something that is no message, and waits until it is shown the door.
    async fn end(mut self) {
        self.batch(b"nonsense").await;
        let heard = heard_until_closed(&mut self.stream).await;
        assert_eq!(heard[10], 0, "its greeting was refused");
    }
}
