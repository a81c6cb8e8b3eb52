//! What the connections of a node share: [`Sessions`].

use super::cluster::Maps;
use super::connections::Connections;
use super::scripts::Scripts;
use super::transaction::{Budget, Watched};
use super::{Registers, Session};
use crate::server::{Password, Settings};
use clap::ValueEnum;
use commands::UnixMillis;
use resp::Dialect;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What the connections of a node share.
pub(crate) struct Sessions<N> {
    pub(super) node: N,
    pub(super) settings: SessionSettings,
    pub(super) started: Instant,
    pub(super) connections: Arc<Connections>,
    pub(super) maps: Maps,
    pub(super) scripts: Scripts,
    pub(super) budget: Arc<Budget>,
}

/// What a node is told of its Redis face.
#[derive(Clone, Debug)]
pub(crate) struct SessionSettings {
    /// The port that it listens on first.
    pub(crate) port: u16,
    /// How many connections may be open.
    pub(crate) connections_max: usize,
    /// What clients have to say before anything else, if anything.
    pub(crate) password: Option<Password>,
    /// What becomes of a transaction on several registers.
    pub(crate) multi_register: MultiRegister,
}

/// What becomes of a transaction on several registers, which cannot take effect in one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum MultiRegister {
    /// Each command is carried out by itself, in order.
    PerCommand,
    /// Nothing is done.
    Refused,
}

impl From<&Settings> for SessionSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            port: settings.listen.first().map_or(0, SocketAddr::port),
            connections_max: settings.connections_max,
            password: settings.password.clone(),
            multi_register: settings.multi_register,
        }
    }
}

impl<N: Registers> Sessions<N> {
    /// No connections yet.
    pub(crate) fn new(node: N, settings: SessionSettings) -> Arc<Self> {
        let budget = Budget::new(node.limits().body_bytes_in_flight_max);
        Arc::new(Self {
            node,
            settings,
            started: Instant::now(),
            connections: Arc::default(),
            maps: Maps::default(),
            scripts: Scripts::default(),
            budget,
        })
    }

    /// One more connection, between these addresses; `now` is the wall clock.
    pub(crate) fn open(
        self: &Arc<Self>,
        peer: SocketAddr,
        local: SocketAddr,
        now: UnixMillis,
    ) -> Session<N> {
        Session {
            client: self.connections.enter(peer, local, now),
            dialect: Dialect::Resp2,
            is_authenticated: !self.wants_password(),
            gathered: None,
            watched: Watched::Nothing,
            shared: Arc::clone(self),
        }
    }
}
