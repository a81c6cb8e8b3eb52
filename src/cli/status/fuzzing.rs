//! For fuzzing: what strangers can say of a cluster where its nodes are asked.

use super::picture::{Canvas, picture};
use super::{Answer, Health, Status};
use crate::cli::client::View;
use protocol::Address;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Nodes say this of their cluster, with zero bytes between what one and the next says. It is shown
/// on canvasses of all widths, whatever it is.
pub fn status_picture(data: &[u8]) {
    let mut answers: BTreeMap<Address, Answer> = BTreeMap::new();
    for (text, port) in data.split(|byte| *byte == 0).take(4).zip(1..) {
        let address = format!("127.0.0.1:{port}");
        let address = address.parse().expect("an address");
        answers.insert(address, understood(text));
    }
    let first = answers.iter().find_map(|(address, answer)| {
        let (_, view) = answer.as_ref().ok()?;
        Some((address.clone(), view.clone()))
    });
    let Some((asked, view)) = first else {
        return;
    };
    let status = Status {
        asked,
        view,
        answers,
    };
    let health = Health::of(&status);
    assert!(!status.json(&health).to_string().is_empty());
    for canvas in Canvas::of_all_widths() {
        assert!(!picture(&status, &health, canvas).is_empty());
    }
}

fn understood(text: &[u8]) -> Answer {
    let written: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let understood = View::deserialize(&written).map_err(|error| error.to_string())?;
    Ok((written, understood))
}
