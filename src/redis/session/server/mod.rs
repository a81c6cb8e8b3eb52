//! Commands on the node: `COMMAND`, `CONFIG GET`, `INFO`, `TIME`, `ROLE`, `WAIT`, `CLUSTER`.

mod catalogue;
mod config;
mod info;

use super::cluster::{Health, Topology, acknowledged_by_others, spell_id, write_info};
use super::{Registers, Session};
use bytes::BytesMut;
use commands::{ClusterCommand, ServerCommand, UnixMillis};
use protocol::Slot;
use resp::ReplyWriter;
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of Redis whose commands and replies these are, which clients look at.
pub(super) const REDIS_VERSION: &str = "7.4.0";

impl<N: Registers> Session<N> {
    pub(super) fn answer_server(
        &self,
        command: ServerCommand,
        now: UnixMillis,
        out: &mut BytesMut,
    ) {
        let to = &mut ReplyWriter::new(out, self.dialect);
        match command {
            ServerCommand::Commands => catalogue::write_all(to),
            ServerCommand::CommandCount => catalogue::write_count(to),
            ServerCommand::CommandInfo(names) => catalogue::write_info(&names, to),
            ServerCommand::CommandDocs(names) => catalogue::write_docs(&names, to),
            ServerCommand::CommandList(filter) => catalogue::write_list(&filter, to),
            ServerCommand::ConfigGet(patterns) => {
                config::write(&self.config(), &patterns, to);
            }
            ServerCommand::Info(sections) => {
                let figures = self.figures(now);
                to.verbatim(*b"txt", info::text(&figures, &sections));
            }
            ServerCommand::Time => write_time(to),
            ServerCommand::Role => {
                // No node copies a stream of another's writes, so there is no offset to tell.
                to.array(3);
                to.bulk("master");
                to.integer(0);
                to.array(0);
            }
            ServerCommand::Wait { .. } => {
                // What was acknowledged is where it is to be: there is nothing to wait for.
                let others = acknowledged_by_others(self.shared.node.placement().as_ref());
                to.integer(others as i64);
            }
            ServerCommand::Size => unreachable!("it is about registers"),
        }
    }

    pub(super) fn answer_cluster(&self, command: ClusterCommand, out: &mut BytesMut) {
        let node = &self.shared.node;
        let dialect = self.dialect;
        let draw = |asked: Topology, out: &mut BytesMut| {
            let me = node.view().node.node;
            let placement = node.placement();
            self.shared
                .maps
                .write(asked, placement.as_ref(), me, dialect, out);
        };
        match command {
            ClusterCommand::Slots => draw(Topology::Slots, out),
            ClusterCommand::Shards => draw(Topology::Shards, out),
            ClusterCommand::Nodes => draw(Topology::Nodes, out),
            ClusterCommand::Info => {
                let view = node.view();
                let health = Health {
                    quorum: view.quorum(),
                    slots_without_quorum: crate::server::slots(view.without_quorum.len()),
                };
                let to = &mut ReplyWriter::new(out, dialect);
                write_info(node.placement().as_ref(), health, &node.traffic(), to);
            }
            ClusterCommand::MyId => {
                let id = spell_id(node.view().node.node);
                ReplyWriter::new(out, dialect).bulk(id);
            }
            ClusterCommand::KeySlot(key) => {
                let slot = Slot::of(&key).number();
                ReplyWriter::new(out, dialect).integer(slot.into());
            }
        }
    }
}

/// The wall clock: seconds since 1970, and microseconds.
fn write_time(to: &mut ReplyWriter<'_>) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    to.array(2);
    to.bulk(since.as_secs().to_string());
    to.bulk(since.subsec_micros().to_string());
}
