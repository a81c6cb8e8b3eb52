//! Commands on registers: as operations, and as replies to how these end.
//!
//! Nothing is done here. A [`Plan`] says which operations a command asks for and how its reply is
//! written; [`apply()`] does an operation to a record in memory, for transactions.

mod apply;
mod failure;
mod plan;
mod reply;
#[cfg(test)]
mod tests;

pub(super) use apply::apply;
pub(super) use failure::{of_refusal as refused, unknown};
pub(super) use plan::{DataLimits, Operations, Plan};
pub(super) use reply::ReplyShape;
