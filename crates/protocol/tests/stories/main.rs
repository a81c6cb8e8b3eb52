//! Short stories of a few nodes, told message by message.

mod broken;
mod copying;
mod epochs;
mod forwarding;
mod harness;
mod modify;
mod recovery;
mod registers;
mod schedules;
