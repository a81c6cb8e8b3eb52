//! Byte by byte against redis-server 7.0. Skipped, with a line that says so, where it is not
//! installed.

mod replies;
mod requests;
mod server;
