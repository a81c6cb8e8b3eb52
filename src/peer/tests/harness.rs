//! Nodes that record what they hear, and ends of connections that are played by hand.

use super::super::testing::node;
use super::super::wire::{Greeting, VERSIONS};
use super::super::{Inbox, LinkFigures, Links, PeerSettings, greet};
use protocol::{Address, Incarnation, MembershipMessage, Message, NodeId};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a condition that must come true may take on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What a node was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Up(Address, Incarnation),
    Down(Address),
    Message(Incarnation, Box<Message>),
    Membership(NodeId, MembershipMessage),
}

/// That a message came from a node.
pub(super) fn heard(from: u64, message: Message) -> Event {
    Event::Message(node(from), Box::new(message))
}

struct Recorder(mpsc::UnboundedSender<Event>);

impl Recorder {
    fn record(&self, event: Event) {
        // A node that was dropped listens no more.
        let _ = self.0.send(event);
    }
}

impl Inbox for Recorder {
    fn messages(&self, from: Incarnation, messages: &mut Vec<Message>) {
        for message in messages.drain(..) {
            self.record(Event::Message(from, Box::new(message)));
        }
    }

    fn membership(&self, from: NodeId, message: MembershipMessage) {
        self.record(Event::Membership(from, message));
    }

    fn link_up(&self, address: &Address, peer: Incarnation) {
        self.record(Event::Up(address.clone(), peer));
    }

    fn link_down(&self, address: &Address) {
        self.record(Event::Down(address.clone()));
    }
}

/// A node that listens on a port of its own. Dropping it is like the end of its process.
pub(super) struct Node {
    pub(super) address: Address,
    pub(super) links: Arc<Links>,
    events: mpsc::UnboundedReceiver<Event>,
    _tasks: JoinSet<()>,
}

impl Node {
    pub(super) async fn start(number: u64) -> Node {
        Self::start_with(number, PeerSettings::default()).await
    }

    pub(super) async fn start_with(number: u64, settings: PeerSettings) -> Node {
        Self::start_on(listener().await, number, settings)
    }

    pub(super) fn start_on(listener: TcpListener, number: u64, settings: PeerSettings) -> Node {
        let address = address(&listener);
        let (sender, events) = mpsc::unbounded_channel();
        let links = Arc::new(Links::new(
            node(number),
            None,
            settings,
            Arc::new(Recorder(sender)),
        ));
        let serving = Arc::clone(&links);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serving.serve_incoming(stream));
            }
        });
        Node {
            address,
            links,
            events,
            _tasks: tasks,
        }
    }

    /// The next thing that it is told.
    pub(super) async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("nothing was told in time")
            .expect("the links hold the sender")
    }

    /// Everything it was told and that nobody asked for yet.
    pub(super) fn rest(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// What has gone out to an address.
    pub(super) fn figures(&self, address: &Address) -> LinkFigures {
        let mut figures = self.links.figures().into_iter();
        figures
            .find(|figures| figures.address == *address)
            .expect("it is dialled")
    }
}

/// Waits until the condition holds.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

pub(super) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

pub(super) fn address(listener: &TcpListener) -> Address {
    let address = listener.local_addr().expect("it is bound");
    address.to_string().parse().expect("an address")
}

/// An address that nothing listens on, for as long as its socket is kept.
pub(super) fn unused_address() -> (TcpSocket, Address) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    socket.bind(any).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address.to_string().parse().expect("an address"))
}

/// The same port once more, so that a node can come back to it and nobody takes it meanwhile.
pub(super) fn twice(listener: TcpListener) -> (TcpListener, TcpListener) {
    let first = listener.into_std().expect("it is bound");
    let second = first.try_clone().expect("a descriptor");
    let listener = |std| TcpListener::from_std(std).expect("it does not block");
    (listener(first), listener(second))
}

pub(super) async fn connect(address: &Address) -> TcpStream {
    TcpStream::connect(address.as_str())
        .await
        .expect("it listens")
}

/// What a node played by hand says of itself.
pub(in crate::peer) fn greeting(number: u64) -> Greeting {
    Greeting {
        refusal: None,
        versions: VERSIONS,
        incarnation: node(number),
        process: number,
        cluster: None,
        predecessor: None,
        challenge: None,
        recovered: None,
    }
}

/// A node played by hand that knows no password.
fn without_password(own: &Greeting) -> greet::Introduction {
    greet::Introduction {
        greeting: own.clone(),
        password: None,
        histories: Arc::default(),
    }
}

/// Accepts a connection and answers its greeting.
pub(super) async fn accept_by_hand(listener: &TcpListener, own: &Greeting) -> TcpStream {
    let (mut stream, _) = timeout(PATIENCE, listener.accept())
        .await
        .expect("it is dialled in time")
        .expect("it is dialled");
    // Whether it was liked shows in what the other side does.
    let _ = greet::answer(&mut stream, &without_password(own), PATIENCE).await;
    stream
}

/// Dials an address and exchanges greetings.
pub(super) async fn dial_by_hand(
    address: &Address,
    own: &Greeting,
) -> (TcpStream, Result<Greeting, greet::GreetError>) {
    let mut stream = connect(address).await;
    let greeted = greet::greet(&mut stream, &without_password(own), PATIENCE).await;
    (stream, greeted.map(|(other, _)| other))
}

/// Waits until the other side has closed the connection.
pub(super) async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // An end by a reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("closed in time");
}
