//! Redis clients, byte by byte.

mod faces;
pub(crate) mod history;
mod order;
mod slow;
mod stop;
mod trouble;
mod values;
mod wrong;
