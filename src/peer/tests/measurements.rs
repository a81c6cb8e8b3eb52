//! How fast it is: `cargo test --release measure -- --ignored --nocapture`.

use super::super::testing::{message, node};
use super::super::{Inbox, Links, PeerSettings, VALUE_BYTES_MAX};
use super::harness::{Event, Node, address, listener};
use protocol::{Address, Incarnation, MembershipMessage, Message, NodeId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Answers every message with another one.
struct Echo {
    own: u64,
    links: OnceLock<Arc<Links>>,
    heard: AtomicU64,
    heard_max: u64,
    up: Notify,
    done: Notify,
}

impl Inbox for Echo {
    fn messages(&self, from: Incarnation, messages: &mut Vec<Message>) {
        let links = self.links.get().expect("set at the start");
        for message in messages.drain(..) {
            let heard = self.heard.fetch_add(1, Ordering::Relaxed) + 1;
            if heard == self.heard_max {
                self.done.notify_one();
            }
            links.send(Message {
                from: node(self.own),
                to: from.node,
                ..message
            });
        }
    }

    fn membership(&self, _: NodeId, _: MembershipMessage) {}

    fn link_up(&self, _: &Address, _: Incarnation) {
        self.up.notify_one();
    }

    fn link_down(&self, address: &Address) {
        panic!("lost {address}");
    }
}

impl Echo {
    fn start(own: u64, listener: TcpListener, heard_max: u64) -> Arc<Echo> {
        let echo = Arc::new(Echo {
            own,
            links: OnceLock::new(),
            heard: AtomicU64::new(0),
            heard_max,
            up: Notify::new(),
            done: Notify::new(),
        });
        let inbox: Arc<dyn Inbox> = Arc::clone(&echo) as _;
        let links = Arc::new(Links::new(node(own), None, PeerSettings::default(), inbox));
        let serving = Arc::clone(&links);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.serve_incoming(stream));
            }
        });
        echo.links.set(links).ok().expect("set once");
        echo
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_messages_and_frames() {
    for at_once in [1, 8, 64, 512] {
        let count = 50_000 + 2000 * at_once;
        let (port_a, port_b) = (listener().await, listener().await);
        let (address_a, address_b) = (address(&port_a), address(&port_b));
        let a = Echo::start(1, port_a, count);
        let b = Echo::start(2, port_b, u64::MAX);
        let (links_a, links_b) = (a.links.get().unwrap(), b.links.get().unwrap());
        links_a.ensure([address_b]);
        links_b.ensure([address_a]);
        a.up.notified().await;
        b.up.notified().await;
        let start = Instant::now();
        for number in 0..at_once {
            links_a.send(message(1, 2, number, 64));
        }
        a.done.notified().await;
        let took = start.elapsed();
        let out = links_a.figures().remove(0);
        println!(
            "{at_once:4} at once: {:7.0} round trips/s, {:5.1} messages a frame, {} bytes a message",
            count as f64 / took.as_secs_f64(),
            out.messages as f64 / out.frames as f64,
            out.bytes / out.messages,
        );
        links_a.shut_down();
        links_b.shut_down();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_how_long_a_ping_takes_beside_large_values() {
    let (mut a, mut b) = (Node::start(1).await, Node::start(2).await);
    a.links.ensure([b.address.clone()]);
    a.next().await;
    let mut took = Vec::new();
    for number in 0..50 {
        a.links.send(message(1, 2, number, VALUE_BYTES_MAX));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        let ping = MembershipMessage::Ping { number };
        a.links.send_membership(node(2).node, ping.clone());
        let ping = Event::Membership(node(1).node, ping);
        let heard = [
            (b.next().await, start.elapsed()),
            (b.next().await, start.elapsed()),
        ];
        took.extend(
            heard
                .into_iter()
                .find(|(event, _)| *event == ping)
                .map(|(_, took)| took),
        );
    }
    took.sort();
    println!(
        "pings while 15 MiB are written: median {:?}, worst {:?}",
        took[took.len() / 2],
        took[took.len() - 1],
    );
}
