//! The names of all registers, page after page: [`list`].

use crate::cli::client::{Ask, Nodes, Page};
use crate::cli::failure::Failure;
use crate::cli::transfer::ask_patiently;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use protocol::RegisterName;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How many names are asked for at once.
const PAGE: usize = 1_000;

/// Lists the names, a page at a time, as fast as they are taken.
pub(super) async fn list(
    mut nodes: Nodes,
    limit: Duration,
    to: Sender<Vec<RegisterName>>,
) -> Result<(), Failure> {
    let timeout_ms = nodes.timeout().as_millis();
    let mut cursor: Option<String> = None;
    loop {
        let mut path = format!("/v1/registers?limit={PAGE}&timeout_ms={timeout_ms}");
        if let Some(cursor) = &cursor {
            let cursor = percent_encode(cursor.as_bytes(), NON_ALPHANUMERIC);
            path.push_str(&format!("&cursor={cursor}"));
        }
        let answer = ask_patiently(&mut nodes, &Ask::get(path), limit).await;
        let answer = answer.map_err(|failure| Failure {
            message: failure
                .message
                .map(|it| format!("not all names could be listed: {it}")),
            ..failure
        })?;
        let page = Page::read(&answer).map_err(Failure::failed)?;
        let names = page.registers.iter();
        let names = names.map(|name| RegisterName::new(name.as_bytes().clone()));
        let names: Result<Vec<_>, _> = names.collect();
        let names = names.map_err(|error| Failure::failed(error.to_string()))?;
        // If nobody takes them, the backup ended early, and somebody else says why.
        if to.send(names).await.is_err() || page.cursor.is_none() {
            return Ok(());
        }
        cursor = page.cursor;
    }
}
