//! For fuzzing: what a stranger can say on a connection between nodes.

use super::greet::{Introduction, greet};
use super::incoming::serve_stream;
use super::shared::Shared;
use super::wire::{self, Greeting, VERSIONS};
use super::{Inbox, PeerSettings};
use crate::fuzzing::{run, stranger};
use parking_lot::Mutex;
use protocol::{Address, Boot, ClusterId, Incarnation, MembershipMessage, Message, NodeId};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const OWN: Incarnation = of(1);

const CLUSTER: ClusterId = ClusterId(7);

const fn of(number: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(number),
        boot: Boot::FIRST,
    }
}

/// A stranger dials a node and says this, the first byte apart, which decides in how large pieces
/// it is read. What the node takes for messages can be written, and is read back as it was.
pub fn peer_connection(data: &[u8]) {
    let heard = Arc::new(Heard::default());
    let shared = Shared::new(OWN, None, PeerSettings::default(), heard.clone());
    shared.set_cluster(CLUSTER, None);
    let (says, hears) = stranger(data);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    run(serve_stream(&shared, remote, tokio::io::join(says, hears)));
    for (from, messages) in &*heard.messages.lock() {
        assert_ne!(from.node, OWN.node, "a node does not talk to itself");
        check_messages(*from, messages);
    }
    check_membership(&heard.membership.lock());
}

/// What was heard on a connection.
#[derive(Default)]
struct Heard {
    messages: Mutex<Vec<(Incarnation, Vec<Message>)>>,
    membership: Mutex<Vec<MembershipMessage>>,
}

impl Inbox for Heard {
    fn messages(&self, from: Incarnation, messages: &mut Vec<Message>) {
        let messages = std::mem::take(messages);
        self.messages.lock().push((from, messages));
    }

    fn membership(&self, _from: NodeId, message: MembershipMessage) {
        self.membership.lock().push(message);
    }

    fn link_up(&self, _address: &Address, _peer: Incarnation) {
        unreachable!("nobody is dialled");
    }

    fn link_down(&self, _address: &Address) {
        unreachable!("nobody is dialled");
    }
}

/// A stranger that was dialled answers the greeting with this, the first byte apart. Who is taken
/// for a node has a version in common, and its greeting is read back as it is written.
pub fn peer_greeting(data: &[u8]) {
    let own = Greeting {
        refusal: None,
        versions: VERSIONS,
        incarnation: OWN,
        process: 1,
        cluster: Some(CLUSTER),
        predecessor: None,
        challenge: None,
        recovered: None,
    };
    let introduction = Introduction {
        greeting: own.clone(),
        password: None,
        histories: Arc::default(),
    };
    let (says, hears) = stranger(data);
    let mut stream = tokio::io::join(says, hears.clone());
    let greeted = run(greet(&mut stream, &introduction, Duration::from_secs(60)));
    assert_eq!(hears.bytes(), own.encode(), "the greeting was sent");
    if let Ok((other, version)) = greeted {
        assert!(VERSIONS.contains(&version) && other.versions.contains(&version));
        assert_ne!(other.incarnation.node, OWN.node);
        let bytes = other.encode();
        let (head, rest) = bytes.split_first_chunk().expect("a greeting has a head");
        assert_eq!(Greeting::decode_head(*head), Ok(rest.len()));
        assert_eq!(Greeting::decode_rest(rest), Ok(other));
    }
}

/// A batch of messages between lanes, if the bytes are one.
pub struct DataBatch(Vec<Message>);

impl DataBatch {
    /// Reads a batch as one of node 2 for node 1.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut messages = Vec::new();
        let decoded = wire::decode_data(bytes, of(2), OWN.node, &mut messages);
        decoded.ok().map(|()| Self(messages))
    }

    /// The messages are read back as they are written, in these very bytes if they have the header
    /// of this version, and none weighs less than its bytes.
    pub fn check(&self, bytes: &[u8]) {
        let written = check_messages(of(2), &self.0);
        if bytes[0] == written[0] {
            assert!(written == bytes, "a batch has one spelling");
        }
    }
}

/// The messages of a batch, as node 2 sends it to node 1.
impl IntoIterator for DataBatch {
    type Item = Message;
    type IntoIter = std::vec::IntoIter<Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A batch of membership messages, if the bytes are one.
pub struct MembershipBatch(Vec<MembershipMessage>);

impl MembershipBatch {
    /// Reads a batch as one for node 1.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        wire::decode_control(bytes, OWN.node).ok().map(Self)
    }

    /// As [`DataBatch::check`].
    pub fn check(&self, bytes: &[u8]) {
        let written = check_membership(&self.0);
        if bytes[0] == written[0] {
            assert!(written == bytes, "a batch has one spelling");
        }
    }
}

/// The membership message that these bytes are, if they are one.
pub fn membership_message(bytes: &[u8]) -> Option<MembershipMessage> {
    let mut batch = Vec::with_capacity(BATCH_HEADER_BYTES + bytes.len());
    wire::encode_control(OWN.node, None, &[], &mut batch);
    if let Some(count) = batch.last_mut() {
        *count = 1;
    }
    batch.extend_from_slice(bytes);
    let messages = wire::decode_control(&batch, OWN.node).ok()?;
    messages.into_iter().next()
}

/// Returns the messages as they are written.
fn check_messages(from: Incarnation, messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode_data(OWN.node, messages, &mut bytes);
    let mut again = Vec::new();
    let decoded = wire::decode_data(&bytes, from, OWN.node, &mut again);
    assert_eq!(decoded, Ok(()));
    assert!(again == messages, "{messages:?} is read back as {again:?}");
    let weight: usize = messages.iter().map(wire::weight_bytes).sum();
    assert!(
        weight + BATCH_HEADER_BYTES >= bytes.len(),
        "{} bytes weigh {weight}: {messages:?}",
        bytes.len()
    );
    bytes
}

/// Returns the messages as they are written.
fn check_membership(messages: &[MembershipMessage]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection brings any number of batches; one has a bound.
    for batch in messages.chunks(wire::CONTROL_MESSAGES_MAX) {
        bytes.clear();
        wire::encode_control(OWN.node, None, batch, &mut bytes);
        assert!(
            wire::decode_control(&bytes, OWN.node).as_deref() == Ok(batch),
            "{batch:?} is not read back as it is written"
        );
        let weight: usize = batch.iter().map(wire::control_weight_bytes).sum();
        assert!(weight + BATCH_HEADER_BYTES >= bytes.len(), "{batch:?}");
    }
    if messages.is_empty() {
        wire::encode_control(OWN.node, None, &[], &mut bytes);
    }
    bytes
}

const BATCH_HEADER_BYTES: usize = 13;
