//! What there is to say of a data directory.

use super::InspectArgs;
use crate::cli::failure::Failure;
use crate::cli::figures::{bytes, grouped};
use crate::cli::list::escaped;
use crate::cli::output;
use crate::cli::read::text_or_base64;
use crate::disk::{self, Contents};
use protocol::{Cell, Member, RegisterName};
use serde_json::{Map, Value, json};

/// Reads a data directory, and prints what it was asked for.
pub(super) fn inspect(arguments: &InspectArgs) -> Result<(), Failure> {
    let read = disk::read(&arguments.path);
    let contents = read.map_err(|error| Failure::failed(error.to_string()))?;
    if arguments.names {
        let held = contents.cells.iter();
        let lines = held.filter_map(|(name, cell)| line(name, cell, arguments.json));
        output::data(lines.collect::<String>().as_bytes());
        return Ok(());
    }
    let summary = Summary::of(contents);
    match arguments.json {
        true => output::line(&summary.json().to_string()),
        false => output::data(summary.text().as_bytes()),
    }
    Ok(())
}

/// A register that holds a value.
fn line(name: &RegisterName, cell: &Cell, json: bool) -> Option<String> {
    let value = cell.record.content.as_ref()?;
    if name.is_reserved() {
        return None;
    }
    let name = name.as_bytes();
    if !json {
        return Some(format!("{:>8}  {}\n", value.len(), escaped(name)));
    }
    let mut object = Map::new();
    text_or_base64(&mut object, "name", Some(name));
    object.insert("value_bytes".to_owned(), value.len().into());
    if let Some(at) = cell.record.expiry {
        object.insert("expires_ms".to_owned(), at.0.into());
    }
    Some(format!("{}\n", Value::Object(object)))
}

/// A data directory that is whole, in figures.
struct Summary {
    contents: Contents,
    with_value: u64,
    name_bytes: u64,
    value_bytes: u64,
}

impl Summary {
    fn of(contents: Contents) -> Self {
        let length = |content: &Option<bytes::Bytes>| content.as_ref().map_or(0, bytes::Bytes::len);
        let cells = || {
            contents
                .cells
                .iter()
                .filter(|(name, _)| !name.is_reserved())
        };
        let names = cells().map(|(name, _)| name.as_bytes().len());
        let values = cells().map(|(_, cell)| length(&cell.record.content));
        let with_value = cells().filter(|(_, cell)| cell.record.content.is_some());
        Self {
            with_value: with_value.count() as u64,
            name_bytes: names.sum::<usize>() as u64,
            value_bytes: values.sum::<usize>() as u64,
            contents,
        }
    }

    /// Those that were deleted, or of which only a promise was made.
    fn without_value(&self) -> u64 {
        let cells = self.contents.cells.iter();
        cells.filter(|(name, _)| !name.is_reserved()).count() as u64 - self.with_value
    }

    fn json(&self) -> Value {
        let contents = &self.contents;
        let member = |member: &Member| json!({"id": member.id.to_string(), "address": member.address.as_str()});
        let node = contents.node.as_ref();
        json!({
            "kind": "data directory",
            "node": node.map(|(own, _)| own.node.to_string()),
            "boot": node.map(|(own, _)| own.boot.get()),
            "cluster": node.map(|(_, known)| known.cluster().to_string()),
            "epoch": node.map(|(_, known)| known.epoch().0),
            "members": node.map(|(_, known)| known.members().iter().map(member).collect::<Vec<_>>()),
            "durability": contents.durability.map(|durability| durability.to_string()),
            "closed": contents.is_closed,
            "batch": contents.batch,
            "synced_batch": contents.synced,
            "registers": self.with_value,
            "registers_without_value": self.without_value(),
            "name_bytes": self.name_bytes,
            "value_bytes": self.value_bytes,
        })
    }

    fn text(&self) -> String {
        let contents = &self.contents;
        let Some((own, known)) = &contents.node else {
            return "a data directory of a node that was never in a cluster\n".to_owned();
        };
        let members = known.members().iter();
        let members =
            members.map(|member| format!("           {} at {}\n", member.id, member.address));
        format!(
            "the data directory of node {}, which has started {} times on it\n\
             cluster    {}, epoch {}, of these members:\n{}\
             synced     {}; {}\n\
             batches    {}, known to be synced up to {}\n\
             registers  {}, and {} without a value\n\
             names      {}\n\
             values     {}\n\
             whole: every checksum is right, and nothing is missing\n",
            own.node,
            own.boot.get(),
            known.cluster(),
            known.epoch().0,
            members.collect::<String>(),
            match contents.durability {
                Some(disk::Durability::Interval) => "each 100 ms",
                _ => "before anything was acknowledged",
            },
            match contents.is_closed {
                true => "its process closed it",
                false => "its process ended without closing it",
            },
            grouped(contents.batch),
            grouped(contents.synced),
            grouped(self.with_value),
            grouped(self.without_value()),
            bytes(self.name_bytes),
            bytes(self.value_bytes),
        )
    }
}
