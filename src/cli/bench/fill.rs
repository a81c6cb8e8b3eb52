//! Writing every register before the load: reads are to find something.

use super::link::{Batch, Broken, Node};
use super::load::{Load, VALUES};
use super::operation::{Answer, Kind, Operation};
use super::system::System;
use crate::cli::failure::Failure;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;
use tokio::task::LocalSet;

/// How many connections there are to each node, and how many writes each sends together.
const CONNECTIONS: usize = 4;
const PIPELINE: u64 = 64;

/// How many bytes are sent together, unless it is a single value.
const PIPELINE_BYTES: u64 = 1 << 20;

/// Writes every register of a load once.
///
/// # Errors
/// At the first register that could not be written.
pub(super) async fn fill(load: &Load, system: &System) -> Result<(), Failure> {
    let clients = LocalSet::new();
    let next = Rc::new(Cell::new(0));
    let load = Load {
        threads: 1,
        etcd_connections: None,
        ..load.clone()
    };
    let filling: Vec<_> = (0..CONNECTIONS)
        .flat_map(|_| system.nodes(&load))
        .map(|node| {
            let (load, next) = (load.clone(), Rc::clone(&next));
            clients.spawn_local(async move {
                let filled = fill_some(&load, &node, &next).await;
                filled.map_err(|broken| (node.address, broken))
            })
        })
        .collect();
    clients
        .run_until(async {
            for filled in filling {
                filled
                    .await
                    .map_err(|error| Failure::failed(error.to_string()))?
                    .map_err(|(node, broken)| {
                        let words = broken.words;
                        Failure::failed(format!(
                            "{node} did not write a register that the load is to read: {words}"
                        ))
                        .hint("with --no-fill registers are taken as they are")
                    })?;
            }
            Ok(())
        })
        .await
}

/// Writes registers that nobody has taken yet, until there are none.
async fn fill_some(load: &Load, node: &Node, next: &Cell<u64>) -> Result<(), Broken> {
    let value_bytes = (load.value_bytes as u64).max(1);
    let pipeline = (PIPELINE_BYTES / value_bytes).clamp(1, PIPELINE);
    let mut link = node.connect(0).await?;
    let mut batch = Batch::default();
    while next.get() < load.registers {
        let from = next.get();
        let to = (from + pipeline).min(load.registers);
        next.set(to);
        batch.clear();
        for register in from..to {
            let operation = Operation {
                kind: Kind::Write,
                register,
                value: (register % u64::from(VALUES)) as u32,
            };
            batch.push(operation, Instant::now());
        }
        let mut refused = None;
        let mut listener = |_: usize, _: Instant, answer: Answer<'_>| {
            if let Answer::Error { words, .. } = answer {
                refused = Some(words.to_owned());
            }
        };
        link.exchange(&batch, &mut listener).await?;
        if let Some(words) = refused {
            return Err(Broken {
                kind: "refused",
                words,
            });
        }
    }
    Ok(())
}
