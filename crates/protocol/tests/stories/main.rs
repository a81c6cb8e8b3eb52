//! Short stories of a few nodes, told message by message.

mod broken;
mod copying;
mod epochs;
mod expiry;
mod forwarding;
mod harness;
mod hedging;
mod listing;
mod modify;
mod recovery;
mod registers;
mod routing;
mod schedules;
