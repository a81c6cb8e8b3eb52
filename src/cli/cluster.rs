//! `shardedmemory cluster`: a local cluster in one terminal.

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::local::{self, Ended, LocalNode, NodeLog};
use crate::cli::values::count;
use crate::cli::{output, small_runtime};
use clap::Args;
use protocol::{Address, Configuration};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Run a cluster on this machine, in this terminal
///
/// Starts each node as a process of its own, on ports side by side, and shows their logs on
/// standard error, each line with the node's port. Ctrl-C stops them all; they also stop when this
/// process ends in any other way. A node that ends is not started again by itself; the others go
/// on, and tell by which command it comes back.
///
/// The nodes take their other settings from the environment, as `serve` does.
#[derive(Args, Debug)]
pub(crate) struct ClusterArgs {
    /// How many nodes, from 1 to 64; a majority of them must be up
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = count(1..=Configuration::MEMBERS_MAX),
        default_value = "3"
    )]
    nodes: usize,

    /// Port of the first node; the others have the ports after it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), default_value = "3030")]
    port: u16,
}

/// Runs a cluster until it is told to stop.
pub(crate) fn run(arguments: &ClusterArgs) -> Result<(), Failure> {
    let ports = local::check_free(arguments.port, arguments.nodes)?;
    small_runtime()?.block_on(async {
        let mut interrupt = Interrupt::new()?;
        let mut nodes = Vec::new();
        for (colour, &port) in ports.iter().enumerate() {
            nodes.push(LocalNode::start(
                port,
                &ports,
                NodeLog::Prefixed(colour),
                |_| {},
            )?);
        }
        let introduction = introduction(&nodes);
        let addresses: Vec<Address> = nodes.iter().map(|node| node.address().clone()).collect();
        let mut watched = Watched::new(nodes);
        let ready = async {
            for address in &addresses {
                local::until_ready(address).await?;
            }
            Ok(())
        };
        let started = tokio::select! {
            ready = ready => ready,
            () = interrupt.wait() => return watched.stop().await,
            end = watched.next() => Err(Failure::failed(format!(
                "{end}, so the cluster did not come up"
            ))),
        };
        if let Err(failure) = started {
            watched.stop().await?;
            return Err(failure);
        }
        output::line(&introduction);
        watched.run(&mut interrupt).await
    })
}

fn introduction(nodes: &[LocalNode]) -> String {
    let mut text = String::from("The cluster is ready. Every node serves every register:\n");
    for node in nodes {
        text.push_str(&format!("  http://{node}\n"));
    }
    let program = output::program();
    let (first, last) = (nodes[0].address(), nodes[nodes.len() - 1].address());
    text.push_str(&format!(
        "\nTry, in another terminal:\n  \
           curl -X PUT http://{first}/v1/registers/greeting -d hello\n  \
           curl http://{last}/v1/registers/greeting\n  \
           {program} status --node {first}\n\n\
         Ctrl-C stops all of them."
    ));
    text
}

/// How one node's process ended, and which it was.
struct End {
    node: String,
    /// How to start it again.
    command: String,
    how: Result<Ended, Failure>,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.how {
            Ok(ended) => write!(f, "node {} {ended}", self.node),
            Err(failure) => f.write_str(failure.message.as_deref().unwrap_or_default()),
        }
    }
}

/// Nodes that are being waited for.
struct Watched {
    stop: watch::Sender<()>,
    ends: JoinSet<End>,
}

impl Watched {
    fn new(nodes: Vec<LocalNode>) -> Self {
        let (stop, stopping) = watch::channel(());
        let mut ends = JoinSet::new();
        for mut node in nodes {
            let mut stopping = stopping.clone();
            ends.spawn(async move {
                let ended = tokio::select! {
                    ended = node.ended() => Some(ended),
                    _ = stopping.changed() => None,
                };
                let how = match ended {
                    Some(ended) => Ok(ended),
                    None => node.stop().await,
                };
                End {
                    node: node.to_string(),
                    command: node.command(),
                    how,
                }
            });
        }
        Self { stop, ends }
    }

    /// The next node that ends. When all have, there is none, ever.
    async fn next(&mut self) -> End {
        match self.ends.join_next().await {
            Some(end) => end.expect("nothing in a node's watch panics"),
            None => std::future::pending().await,
        }
    }

    /// Reports each node that ends, until there is none left or an interrupt comes.
    async fn run(mut self, interrupt: &mut Interrupt) -> Result<(), Failure> {
        loop {
            tokio::select! {
                () = interrupt.wait() => return self.stop().await,
                end = self.next() => {
                    let left = self.ends.len();
                    output::note(&format!("{end}; {left} still run"));
                    if left == 0 {
                        return Err(Failure::failed("every node has ended, and its memory with it"));
                    }
                    output::note(&format!("to bring it back: {}", end.command));
                }
            }
        }
    }

    /// Stops those that still run, all at once, and waits for them.
    async fn stop(mut self) -> Result<(), Failure> {
        output::note("stopping");
        // Without a receiver there is nothing left to stop.
        let _ = self.stop.send(());
        while let Some(end) = self.ends.join_next().await {
            let end = end.expect("nothing in a node's watch panics");
            match &end.how {
                Ok(ended) if ended.well() => {}
                _ => output::note(&end.to_string()),
            }
        }
        Ok(())
    }
}
