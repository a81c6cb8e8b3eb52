//! The network between the nodes, and how it is cut: [`Network`].

mod cuts;
mod namespaces;
mod proxy;

pub(crate) use cuts::Cuts;

use crate::cli::failure::Failure;
use clap::ValueEnum;
use namespaces::Namespaces;
use parking_lot::Mutex;
use protocol::{Address, NodeId};
use proxy::Proxy;
use std::io;
use tokio::process::{Child, Command};

/// What is to stand between the nodes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetworkKind {
    /// Namespaces where they can be had, or else the proxy
    Auto,
    /// A network namespace for each node, on a bridge, cut by nftables: packets are lost
    Namespaces,
    /// A proxy between the nodes: what they say is held back
    Proxy,
}

/// What stands between the nodes. Clients reach each of them at any time.
pub(crate) struct Network {
    wiring: Wiring,
    cuts: Mutex<Cuts>,
}

enum Wiring {
    Namespaces(Namespaces),
    Proxy(Proxy),
}

impl Network {
    /// Makes the network for so many nodes. No other thread may run yet.
    ///
    /// Gives what there is to say about the choice, too.
    ///
    /// # Errors
    /// If what was asked for cannot be had.
    pub(crate) fn make(kind: NetworkKind, nodes: usize) -> Result<(Self, Option<String>), Failure> {
        let proxy = || Proxy::make(nodes).map(Wiring::Proxy);
        let (wiring, note) = match kind {
            NetworkKind::Proxy => (proxy()?, None),
            NetworkKind::Namespaces | NetworkKind::Auto => match Namespaces::make(nodes) {
                Ok(namespaces) => (Wiring::Namespaces(namespaces), None),
                Err(reason) if kind == NetworkKind::Auto => (proxy()?, Some(reason)),
                Err(reason) => {
                    return Err(Failure::failed(format!(
                        "there can be no network namespaces for the nodes: {reason}"
                    ))
                    .hint("install 'ip' and 'nft' and run it as root, or give --network proxy"));
                }
            },
        };
        let cuts = Mutex::default();
        Ok((Self { wiring, cuts }, note))
    }

    /// Its kind, in words.
    pub(crate) fn name(&self) -> &'static str {
        match self.wiring {
            Wiring::Namespaces(_) => "namespaces",
            Wiring::Proxy(_) => "proxy",
        }
    }

    /// Begins what the network has to do by itself. Within a runtime.
    ///
    /// # Errors
    /// If that cannot be.
    pub(crate) fn begin(&self) -> Result<(), Failure> {
        match &self.wiring {
            Wiring::Namespaces(_) => Ok(()),
            Wiring::Proxy(proxy) => proxy.begin(),
        }
    }

    /// Where a node listens; clients reach it there.
    pub(crate) fn listen(&self, node: usize) -> Address {
        match &self.wiring {
            Wiring::Namespaces(namespaces) => namespaces.address(node),
            Wiring::Proxy(proxy) => proxy.listen(node),
        }
    }

    /// Where the other nodes reach a node.
    pub(crate) fn advertise(&self, node: usize) -> Address {
        match &self.wiring {
            Wiring::Namespaces(namespaces) => namespaces.address(node),
            Wiring::Proxy(proxy) => proxy.advertise(node),
        }
    }

    /// Starts a node's process where it belongs.
    pub(crate) fn spawn(&self, node: usize, command: &mut Command) -> io::Result<Child> {
        match &self.wiring {
            Wiring::Namespaces(namespaces) => {
                // No address in there is a loopback address, nor within anyone's reach.
                namespaces.spawn(node, command.arg("--insecure"))
            }
            Wiring::Proxy(_) => command.spawn(),
        }
    }

    /// Tells which identity a node's process has.
    pub(crate) fn introduce(&self, node: usize, id: NodeId) {
        if let Wiring::Proxy(proxy) = &self.wiring {
            proxy.introduce(node, id);
        }
    }

    /// Cuts these links, and no others.
    ///
    /// # Errors
    /// If the system does not let it.
    pub(crate) async fn cut(&self, cuts: &Cuts) -> Result<(), Failure> {
        let before = std::mem::replace(&mut *self.cuts.lock(), cuts.clone());
        match &self.wiring {
            Wiring::Namespaces(namespaces) => namespaces
                .cut(&before, cuts)
                .await
                .map_err(|reason| Failure::failed(format!("cannot cut the network: {reason}"))),
            Wiring::Proxy(proxy) => {
                proxy.cut(cuts);
                Ok(())
            }
        }
    }
}
