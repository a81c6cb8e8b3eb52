//! Short stories of a few nodes, told message by message.

mod broken;
mod collecting;
mod copying;
mod epochs;
mod expiry;
mod forwarding;
mod full;
mod harness;
mod hedging;
mod listing;
mod modify;
mod recovery;
mod registers;
mod repairing;
mod routing;
mod schedules;
