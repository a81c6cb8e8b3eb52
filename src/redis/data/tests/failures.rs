//! What clients are told when something was not done.

use super::*;
use crate::redis::data::{refused, unknown};
use protocol::{Refusal, Tag, Unmet};

/// The reply to a request whose operations ended so.
fn reply_to(request: &str, outcomes: &[Outcome]) -> String {
    let plan = plan(request, WALL).unwrap();
    assert_eq!(plan.operations.as_slice().len(), outcomes.len());
    written(Dialect::Resp2, |to| plan.reply.write(outcomes, WALL, to))
}

const WRITTEN: Outcome = Outcome::Written {
    tag: Tag::ZERO,
    rounds: 2,
};

fn deleted() -> Outcome {
    Outcome::Modified {
        previous: Some("1".into()),
        record: Record::EMPTY,
        rounds: 2,
    }
}

fn unmet(unmet: Unmet) -> Outcome {
    Outcome::Unchanged {
        record: Record::EMPTY,
        unmet,
        rounds: 1,
    }
}

const READ: Outcome = Outcome::Read {
    record: Record::EMPTY,
    rounds: 1,
};

#[test]
fn a_name_or_a_value_that_is_too_long_is_refused_before_anything_is_done() {
    let name = "n".repeat(RegisterName::BYTES_MAX);
    let value = "v".repeat(LIMITS.value_bytes_max);
    let mut registers = Registers::new(Dialect::Resp2);
    assert_eq!(registers.reply(&format!("SET {name} {value}")), "+OK\r\n");
    let long_name = "-ERR a key has at most 1024 bytes here; nothing was done\r\n";
    for request in [
        format!("GET {name}n"),
        format!("MSET a 1 {name}n 2"),
        format!("DEL {name} {name}n"),
        format!("SET {name}n 1 NX"),
    ] {
        assert_eq!(registers.reply(&request), long_name, "{request}");
    }
    let long_value =
        "-ERR a value has at most 64 bytes here (--value-bytes-max); nothing was done\r\n";
    for request in [
        format!("SET a {value}v"),
        format!("MSET a 1 b {value}v"),
        format!("SETNX a {value}v"),
        format!("GETSET a {value}v"),
        format!("APPEND a {value}v"),
        format!("SETRANGE a 0 {value}v"),
    ] {
        assert_eq!(registers.reply(&request), long_value, "{request}");
    }
    assert_eq!(registers.reply("EXISTS a b"), ":0\r\n");
    assert_eq!(registers.reply(&format!("EXISTS {name}")), ":1\r\n");
}

#[test]
fn a_value_that_would_grow_too_long_stays_as_it_is() {
    let too_long =
        "-ERR string exceeds maximum allowed size (--value-bytes-max); nothing was done\r\n";
    let value = "v".repeat(LIMITS.value_bytes_max - 1);
    let mut registers = Registers::new(Dialect::Resp2);
    assert_eq!(registers.reply(&format!("SET a {value}")), "+OK\r\n");
    assert_eq!(registers.reply("APPEND a vv"), too_long);
    assert_eq!(registers.reply("SETRANGE a 64 v"), too_long);
    assert_eq!(registers.reply("SETRANGE b 500000000 v"), too_long);
    assert_eq!(registers.reply("STRLEN a"), ":63\r\n");
    assert_eq!(registers.reply("APPEND a v"), ":64\r\n");
    assert_eq!(registers.reply("EXISTS b"), ":0\r\n");
}

#[test]
fn what_was_certainly_not_done_may_be_tried_again() {
    for (refusal, expected) in [
        (
            Refusal::NoCluster,
            "-CLUSTERDOWN this node is not in a cluster yet; nothing was done, try again in a moment\r\n",
        ),
        (
            Refusal::NoQuorum,
            "-CLUSTERDOWN not enough replicas answered in time; nothing was done, try again in a moment\r\n",
        ),
        (
            Refusal::NoMember,
            "-CLUSTERDOWN no member of the cluster took the operation in time; nothing was done, try again in a moment\r\n",
        ),
        (
            Refusal::Busy,
            "-BUSY this node has as many operations running as it may; nothing was done, try again in a moment\r\n",
        ),
        (
            Refusal::Contended,
            "-BUSY others kept changing the register; nothing was done, try again in a moment\r\n",
        ),
        (
            Refusal::Full,
            "-OOM command not allowed when used memory > 'maxmemory' (--memory-limit); nothing was written, delete keys, add nodes, or raise it\r\n",
        ),
        (
            Refusal::Exhausted,
            "-ERR the register's sequence numbers are used up; nothing was done, use another key\r\n",
        ),
    ] {
        for request in ["GET a", "SET a 1", "INCR a", "MGET a", "DEL a"] {
            let outcomes = [Outcome::Refused(refusal)];
            assert_eq!(reply_to(request, &outcomes), expected, "{request}");
        }
        assert_eq!(format!("-{}\r\n", refused(refusal)), expected);
    }
}

#[test]
fn what_may_have_been_done_is_unknown() {
    let expected = "-UNKNOWN the write may have taken effect or may yet; \
                    read the key before trying again\r\n";
    for request in ["SET a 1", "SET a 1 NX GET", "INCR a", "MSET a 1", "DEL a"] {
        assert_eq!(
            reply_to(request, &[Outcome::Unknown]),
            expected,
            "{request}"
        );
    }
    assert_eq!(format!("-{}\r\n", unknown()), expected);
}

#[test]
fn why_a_change_was_impossible_is_told_as_redis_tells_it() {
    for (reason, expected) in [
        (Unmet::Condition, ":0\r\n"),
        (
            Unmet::NotAnInteger,
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            Unmet::Overflow,
            "-ERR increment or decrement would overflow\r\n",
        ),
        (Unmet::NotANumber, "-ERR value is not a valid float\r\n"),
        (
            Unmet::OutOfRange,
            "-ERR increment would produce NaN or Infinity\r\n",
        ),
        (
            Unmet::TooLong,
            "-ERR string exceeds maximum allowed size (--value-bytes-max); nothing was done\r\n",
        ),
    ] {
        assert_eq!(reply_to("SETNX a 1", &[unmet(reason)]), expected);
    }
}

#[test]
fn several_of_which_none_was_changed_are_refused_like_one() {
    let busy = || Outcome::Refused(Refusal::Busy);
    let expected = "-BUSY this node has as many operations running as it may; \
                    nothing was done, try again in a moment\r\n";
    assert_eq!(reply_to("MGET a b", &[READ, busy()]), expected);
    assert_eq!(reply_to("EXISTS a b", &[busy(), READ]), expected);
    assert_eq!(reply_to("MSET a 1 b 2", &[busy(), busy()]), expected);
    let nothing_there = unmet(Unmet::Condition);
    assert_eq!(reply_to("DEL a b", &[nothing_there, busy()]), expected);
}

#[test]
fn several_of_which_some_were_changed_are_never_told_as_refused() {
    let no_quorum = || Outcome::Refused(Refusal::NoQuorum);
    assert_eq!(
        reply_to("MSET a 1 b 2 c 3", &[WRITTEN, no_quorum(), WRITTEN]),
        "-UNKNOWN of 3 keys 2 were done, 1 certainly were not, and 0 may have been or may yet be; \
         read them before trying again\r\n"
    );
    assert_eq!(
        reply_to("DEL a b", &[no_quorum(), deleted()]),
        "-UNKNOWN of 2 keys 1 were done, 1 certainly were not, and 0 may have been or may yet be; \
         read them before trying again\r\n"
    );
    assert_eq!(
        reply_to(
            "MSET a 1 b 2 c 3",
            &[no_quorum(), Outcome::Unknown, WRITTEN]
        ),
        "-UNKNOWN of 3 keys 1 were done, 1 certainly were not, and 1 may have been or may yet be; \
         read them before trying again\r\n"
    );
    assert_eq!(
        reply_to("DEL a b", &[no_quorum(), Outcome::Unknown]),
        "-UNKNOWN of 2 keys 0 were done, 1 certainly were not, and 1 may have been or may yet be; \
         read them before trying again\r\n"
    );
}
