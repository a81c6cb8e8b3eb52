//! What a client hears, apart from sockets.

mod handshake;
mod scripts;
mod transactions;

use super::testing::Client;
