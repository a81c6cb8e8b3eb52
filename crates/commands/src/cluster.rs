//! Commands on the cluster: [`ClusterCommand`].

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::parse::Command;
use bytes::Bytes;

/// Of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClusterCommand {
    /// `CLUSTER INFO`: lines about the state.
    Info,
    /// `CLUSTER SLOTS`: which nodes hold which slots.
    Slots,
    /// `CLUSTER SHARDS`: the same, in the form that follows on it.
    Shards,
    /// `CLUSTER NODES`: a line about each node.
    Nodes,
    /// `CLUSTER MYID`: this node.
    MyId,
    /// `CLUSTER KEYSLOT`: the slot of a name.
    KeySlot(Bytes),
}

type Parsed = Result<Command, CommandError>;

pub(crate) fn info(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Cluster(ClusterCommand::Info))
}

pub(crate) fn slots(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Cluster(ClusterCommand::Slots))
}

pub(crate) fn shards(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Cluster(ClusterCommand::Shards))
}

pub(crate) fn nodes(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Cluster(ClusterCommand::Nodes))
}

pub(crate) fn myid(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Cluster(ClusterCommand::MyId))
}

pub(crate) fn keyslot(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Cluster(ClusterCommand::KeySlot(arguments.take()?)))
}
