//! Many registers that are written once, and read again later: [`Registers`].

use super::client::{Client, PATIENCE};
use super::node::Node;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::task::JoinSet;

/// So many registers with values of so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    /// How many.
    pub(crate) count: u32,
    /// How long each value is.
    pub(crate) value_bytes: usize,
}

impl Registers {
    /// So many with small values.
    pub(crate) fn small(count: u32) -> Self {
        let value_bytes = 64;
        Self { count, value_bytes }
    }

    /// Writes all of them through a node.
    ///
    /// # Panics
    /// If one is not written.
    pub(crate) async fn write(self, node: &Node) {
        self.each(node, Purpose::Write).await;
    }

    /// Reads all of them through a node.
    ///
    /// # Panics
    /// If one does not hold what was written.
    pub(crate) async fn assert_held(self, node: &Node) {
        self.each(node, Purpose::Read).await;
    }

    async fn each(self, node: &Node, purpose: Purpose) {
        const CLIENTS: usize = 16;
        let next = Arc::<AtomicU32>::default();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (mut client, next) = (node.client(), Arc::clone(&next));
            clients.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= self.count {
                        break;
                    }
                    self.one(&mut client, number, purpose).await;
                }
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.expect("every register is as it should be");
        }
    }

    async fn one(self, client: &mut Client, number: u32, purpose: Purpose) {
        let path = format!("/v1/registers/written-once-{number}");
        let value = format!("{number:0>width$}", width = self.value_bytes);
        let request = match purpose {
            Purpose::Write => Client::put(&path, value.as_str()),
            Purpose::Read => Client::get(&path),
        };
        let answer = client.send(request, PATIENCE).await;
        let answer = answer.unwrap_or_else(|lost| panic!("{purpose:?} of {path}: {lost:?}"));
        match purpose {
            Purpose::Write => answer.assert_status(204),
            Purpose::Read => {
                assert_eq!(answer.assert_status(200).text(), value, "{path}");
                &answer
            }
        };
    }
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    Write,
    Read,
}
