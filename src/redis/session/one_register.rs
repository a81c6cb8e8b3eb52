//! What takes effect on one register in one instant, whatever it is: [`Sessions::on_one_register`].

use super::local::Local;
use super::{Registers, Sessions, answers};
use protocol::{
    Change, Condition, Effect, NewExpiry, Operation, Outcome, Record, Refusal, RegisterName, Tag,
    UnixMillis,
};
use std::time::{Duration, Instant};

/// What was computed from a register.
#[derive(Debug)]
pub(super) enum Compute<R> {
    /// It is to be as it was made.
    Done(R),
    /// It is to stay as it is.
    GiveUp,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Ended<R> {
    /// It took effect, by what the wall clock showed then.
    Done(R, UnixMillis),
    /// The register is another one than at first. Nothing was done.
    Moved,
    /// The computation gave up. Nothing was done.
    GivenUp,
    /// Nothing was done.
    Refused(Refusal),
    /// Nobody knows whether it was done.
    Unknown,
}

impl<N: Registers> Sessions<N> {
    /// Reads a register, computes what it is to hold, and writes that if the register still has the
    /// tag that was read; begins again if it has not, within this time. If only `base` will do as
    /// the tag, there is one attempt.
    ///
    /// It takes effect right after the record that it was computed from: nothing comes between.
    pub(super) async fn on_one_register<R>(
        &self,
        name: &RegisterName,
        base: Option<Tag>,
        within: Duration,
        compute: impl Fn(&mut Local) -> Compute<R>,
    ) -> Ended<R> {
        let content_bytes_max = self.node.limits().value_bytes_max;
        let deadline = Instant::now() + within;
        let read = Operation::Read { name: name.clone() };
        let mut record = match self.node.execute(read, within).await {
            Outcome::Read { record, .. } => record,
            Outcome::Refused(refusal) => return Ended::Refused(refusal),
            // A read does nothing, so nothing was done.
            _ => return Ended::Refused(Refusal::NoQuorum),
        };
        loop {
            if base.is_some_and(|base| base != record.tag) {
                return Ended::Moved;
            }
            let wall = answers::protocol_wall_clock();
            let tag = record.tag;
            let was_empty = record.content.is_none();
            let mut local = Local::new(record, wall, content_bytes_max);
            let result = match compute(&mut local) {
                Compute::Done(result) => result,
                Compute::GiveUp => return Ended::GivenUp,
            };
            let made = local.record();
            let is_same = made.content.is_none() && was_empty;
            if !local.is_written() || is_same {
                return Ended::Done(result, wall);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ended::Refused(Refusal::Contended);
            }
            let change = replace(tag, made);
            let name = name.clone();
            match self
                .node
                .execute(Operation::Modify { name, change }, left)
                .await
            {
                Outcome::Modified { .. } => return Ended::Done(result, wall),
                // What it was to hold has expired meanwhile, and there was nothing before.
                Outcome::Unchanged { record: now, .. } if now.tag == tag => {
                    return Ended::Done(result, wall);
                }
                Outcome::Unchanged { record: now, .. } => record = now,
                Outcome::Refused(refusal) => return Ended::Refused(refusal),
                Outcome::Unknown | Outcome::Read { .. } | Outcome::Written { .. } => {
                    return Ended::Unknown;
                }
            }
        }
    }
}

/// Has the register hold this, if it has this tag.
fn replace(tag: Tag, made: Record) -> Change {
    Change {
        condition: Condition::Tag(tag),
        effect: Effect::Put {
            content: made.content,
            expiry: made.expiry.map_or(NewExpiry::Never, NewExpiry::At),
        },
    }
}
