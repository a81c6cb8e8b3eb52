//! Short stories of a few nodes, told message by message.

mod forwarding;
mod harness;
mod registers;
