//! A cluster of processes: [`Cluster`].

use super::node::Node;
use super::{eventually, free_ports};
use nix::sys::signal::Signal;
use std::ops::{Index, IndexMut};

/// Nodes that were started together.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
}

/// So that most tests need not wait for it: two seconds, by default.
const QUICK_FOUNDING: [&str; 2] = ["--founding-wait-ms", "200"];

impl Cluster {
    /// A cluster of so many nodes, all of them ready.
    pub(crate) async fn start(size: u16) -> Self {
        Self::start_with(size, &[]).await
    }

    /// The same, with further flags.
    pub(crate) async fn start_with(size: u16, flags: &[&str]) -> Self {
        let flags = [&QUICK_FOUNDING, flags].concat();
        Self::start_exactly(size, &flags).await
    }

    /// The same, with no other flags than these.
    pub(crate) async fn start_exactly(size: u16, flags: &[&str]) -> Self {
        Self::start_each(size, |_| {
            flags.iter().map(|&flag| flag.to_owned()).collect()
        })
        .await
    }

    /// A cluster of so many nodes, all of them ready, each with flags of its own.
    pub(crate) async fn start_each(size: u16, flags: impl Fn(usize) -> Vec<String>) -> Self {
        loop {
            let mut cluster = Self::prepare_each(size, &flags);
            cluster.nodes.iter_mut().for_each(Node::start);
            // Another process may have taken a port since it was seen free.
            let mut unlucky = false;
            eventually("every node is ready", async || {
                for node in &mut cluster.nodes {
                    if let Some(status) = node.try_ended() {
                        unlucky = node.log().contains("cannot listen");
                        assert!(unlucky, "a node ended with {status} instead of being ready");
                        return true;
                    }
                    if !node.is_ready().await {
                        return false;
                    }
                }
                true
            })
            .await;
            if !unlucky {
                cluster.all_see_all_alive().await;
                return cluster;
            }
        }
    }

    /// Ready are nodes that see a majority alive; a test may want to tell of each one.
    async fn all_see_all_alive(&self) {
        for node in &self.nodes {
            for other in &self.nodes {
                eventually("everyone is alive to everyone", async || {
                    node.sees(other).await.as_deref() == Some("alive")
                })
                .await;
            }
        }
    }

    /// Starts one more node, which asks these to let it in, and waits until it runs. Returns its
    /// index.
    pub(crate) async fn start_joiner(&mut self, flags: &[&str]) -> usize {
        let nodes = self.addresses().join(",");
        let flags = [&QUICK_FOUNDING, flags].concat();
        self.start_one_more(|port| Node::joining(port, &nodes, &flags))
            .await
    }

    /// Starts one more node, which does not ask to be let in, and waits until it runs. It takes
    /// itself for one of a cluster that is to be founded. Returns its index.
    pub(crate) async fn start_outsider(&mut self, flags: &[&str]) -> usize {
        let nodes = self.addresses().join(",");
        let flags = [&QUICK_FOUNDING, flags].concat();
        let peers = |port| format!("{nodes},127.0.0.1:{port}");
        self.start_one_more(|port| Node::new(port, &peers(port), &flags))
            .await
    }

    async fn start_one_more(&mut self, on_port: impl Fn(u16) -> Node) -> usize {
        loop {
            let mut node = on_port(free_ports(1)[0]);
            node.start();
            if node.runs().await {
                self.nodes.push(node);
                return self.nodes.len() - 1;
            }
        }
    }

    /// Nodes that know of each other and are not started yet.
    pub(crate) fn prepare(size: u16, flags: &[&str]) -> Self {
        Self::prepare_each(size, |_| {
            flags.iter().map(|&flag| flag.to_owned()).collect()
        })
    }

    fn prepare_each(size: u16, flags: impl Fn(usize) -> Vec<String>) -> Self {
        let ports = free_ports(size);
        let peers: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let peers = peers.join(",");
        let nodes = ports.iter().enumerate().map(|(index, &port)| {
            let flags = flags(index);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            Node::new(port, &peers, &flags)
        });
        Self {
            nodes: nodes.collect(),
        }
    }

    /// Ends all processes at once, with no chance to say good-bye.
    pub(crate) fn kill_all(&mut self) {
        for node in &self.nodes {
            node.signal(Signal::SIGKILL);
        }
        self.nodes.iter_mut().for_each(Node::kill);
    }

    /// Starts all processes, and waits until each of them is ready.
    pub(crate) async fn start_all(&mut self) {
        self.nodes.iter_mut().for_each(Node::start);
        for node in &self.nodes {
            eventually("every node is ready again", async || node.is_ready().await).await;
        }
    }

    /// Its nodes, by ascending address.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Its nodes, by ascending address.
    pub(crate) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// All nodes but one.
    pub(crate) fn others(&self, than: usize) -> impl Iterator<Item = &Node> {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(index, _)| *index != than)
            .map(|(_, node)| node)
    }

    /// The nodes' addresses, as the command line takes them.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes
            .iter()
            .map(|node| node.address().to_string())
            .collect()
    }
}

impl Index<usize> for Cluster {
    type Output = Node;

    fn index(&self, index: usize) -> &Node {
        &self.nodes[index]
    }
}

impl IndexMut<usize> for Cluster {
    fn index_mut(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }
}
