//! What clients are told of operations that were not done, or may not have been.

use super::reply::error_of;
use protocol::{Outcome, Refusal};

/// The error that a command ends with whose operations ended so, if it ends with one.
///
/// Its first word says what a program may do: after `UNKNOWN` look before trying again; after
/// `CLUSTERDOWN` and `BUSY` nothing was done, and it may be tried again; after `OOM` nothing was
/// done, and nothing will be before there is room.
pub(in crate::redis) fn of(outcomes: &[Outcome]) -> Option<String> {
    let first = outcomes.iter().find(|outcome| !is_success(outcome))?;
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let unknown = count(|outcome| matches!(outcome, Outcome::Unknown));
    let done = count(is_success);
    if outcomes.len() == 1 {
        return Some(of_one(first));
    }
    let is_change =
        |outcome: &Outcome| matches!(outcome, Outcome::Written { .. } | Outcome::Modified { .. });
    if unknown == 0 && count(is_change) == 0 {
        return Some(of_one(first));
    }
    let refused = outcomes.len() - done - unknown;
    Some(format!(
        "UNKNOWN of {} keys {done} were done, {refused} certainly were not, and {unknown} may have \
         been or may yet be; read them before trying again",
        outcomes.len()
    ))
}

fn is_success(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Read { .. } | Outcome::Written { .. } | Outcome::Modified { .. } => true,
        Outcome::Unchanged { unmet, .. } => error_of(*unmet).is_none(),
        Outcome::Refused(_) | Outcome::Unknown => false,
    }
}

fn of_one(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unknown => unknown().to_owned(),
        Outcome::Refused(refusal) => of_refusal(*refusal),
        Outcome::Unchanged { unmet, .. } => error_of(*unmet).unwrap_or("ERR").to_owned(),
        Outcome::Read { .. } | Outcome::Written { .. } | Outcome::Modified { .. } => {
            unreachable!("that is a success")
        }
    }
}

/// The error of an operation that may have been done.
pub(in crate::redis) fn unknown() -> &'static str {
    "UNKNOWN the write may have taken effect or may yet; read the key before trying again"
}

/// The error of an operation that was certainly not done.
pub(in crate::redis) fn of_refusal(refusal: Refusal) -> String {
    match refusal {
        Refusal::NoCluster | Refusal::NoQuorum | Refusal::NoMember | Refusal::Disk => {
            format!("CLUSTERDOWN {refusal}; nothing was done, try again in a moment")
        }
        Refusal::Busy | Refusal::Contended => {
            format!("BUSY {refusal}; nothing was done, try again in a moment")
        }
        // Clients know this sentence of Redis' own.
        Refusal::Full => {
            "OOM command not allowed when used memory > 'maxmemory' (--memory-limit); \
             nothing was written, delete keys, add nodes, or raise it"
                .to_owned()
        }
        Refusal::Exhausted => format!("ERR {refusal}; nothing was done, use another key"),
    }
}
