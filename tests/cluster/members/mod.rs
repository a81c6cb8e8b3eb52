//! Nodes come and go while clients are at work.

mod growth;
mod joining;
mod leaving;
mod moving;
mod refusals;
mod replacing;
mod storm;

/// For nodes that are to be met in the middle of copying a megabyte: it takes them half a minute.
const SLOW_COPYING: [&str; 2] = ["--copy-bytes-per-second-max", "30000"];
