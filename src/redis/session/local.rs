//! Commands on one register, carried out on its record in memory: [`Local`].

use crate::redis::data::apply;
use protocol::{Operation, Outcome, Record, UnixMillis};

/// A register's record, as operations in memory make it. What they did is written in one go, by a
/// compare-and-set on the tag that the record has.
#[derive(Debug)]
pub(super) struct Local {
    record: Record,
    wall: UnixMillis,
    content_bytes_max: usize,
    /// Whether anything was written, if only what was there already.
    is_written: bool,
}

impl Local {
    /// A record as it was read, when the wall clock showed `wall`.
    pub(super) fn new(record: Record, wall: UnixMillis, content_bytes_max: usize) -> Self {
        Self {
            record,
            wall,
            content_bytes_max,
            is_written: false,
        }
    }

    /// What the register holds; nothing if that has expired.
    pub(super) fn record(&self) -> Record {
        match self.record.is_expired(self.wall) {
            true => Record {
                content: None,
                expiry: None,
                ..self.record.clone()
            },
            false => self.record.clone(),
        }
    }

    /// Whether anything was written.
    pub(super) fn is_written(&self) -> bool {
        self.is_written
    }

    /// Carries out an operation, whatever register it names.
    pub(super) fn apply(&mut self, operation: &Operation) -> Outcome {
        let outcome = apply(
            operation,
            &mut self.record,
            self.wall,
            self.content_bytes_max,
        );
        let is_write = |outcome: &Outcome| {
            matches!(outcome, Outcome::Written { .. } | Outcome::Modified { .. })
        };
        self.is_written |= is_write(&outcome);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::{Change, Effect, ExpiryCondition, NewExpiry, RegisterName, Unmet};

    const WALL: UnixMillis = UnixMillis(1_000);

    fn name() -> RegisterName {
        RegisterName::new("a").unwrap()
    }

    fn local(content: Option<&'static str>, expiry: Option<u64>) -> Local {
        let record = Record {
            content: content.map(Bytes::from),
            expiry: expiry.map(UnixMillis),
            ..Record::EMPTY
        };
        Local::new(record, WALL, 100)
    }

    fn write(content: &'static str) -> Operation {
        Operation::Write {
            name: name(),
            content: Some(content.into()),
            expiry: None,
        }
    }

    fn modify(change: Change) -> Operation {
        Operation::Modify {
            name: name(),
            change,
        }
    }

    fn content(outcome: &Outcome) -> Option<Bytes> {
        match outcome {
            Outcome::Read { record, .. }
            | Outcome::Modified { record, .. }
            | Outcome::Unchanged { record, .. } => record.content.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_operation_sees_what_those_before_it_did() {
        let mut local = local(Some("5"), Some(2_000));
        assert!(!local.is_written());
        let outcome = local.apply(&modify(Change::add(2)));
        assert!(matches!(&outcome, Outcome::Modified { previous: Some(five), .. } if five == "5"));
        let read = local.apply(&Operation::Read { name: name() });
        assert_eq!(content(&read), Some("7".into()));
        assert_eq!(local.record().expiry, Some(UnixMillis(2_000)));
        local.apply(&write("x"));
        let outcome = local.apply(&modify(Change::add(1)));
        let is_refused = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Unchanged {
                    unmet: Unmet::NotAnInteger,
                    ..
                }
            )
        };
        assert!(is_refused(&outcome));
        assert_eq!(local.record().content, Some("x".into()));
        assert_eq!(local.record().expiry, None);
        assert!(local.is_written());
    }

    #[test]
    fn what_was_set_to_expire_in_the_past_is_not_there_any_more() {
        let mut local = local(Some("5"), None);
        let at = Some(UnixMillis(999));
        let condition = ExpiryCondition::default();
        let effect = Effect::Expire { at, condition };
        let condition = protocol::Condition::Always;
        let outcome = local.apply(&modify(Change { condition, effect }));
        assert!(matches!(outcome, Outcome::Modified { .. }));
        assert_eq!(local.record().content, None);
        let content = Some("6".into());
        let expiry = NewExpiry::Keep;
        let put = Effect::Put { content, expiry };
        let condition = protocol::Condition::Present;
        let outcome = local.apply(&modify(Change {
            condition,
            effect: put,
        }));
        assert!(matches!(outcome, Outcome::Unchanged { .. }));
    }

    #[test]
    fn a_condition_that_does_not_hold_writes_nothing() {
        let mut local = local(Some("5"), None);
        let absent = Change::set_if(protocol::Condition::Absent, Some("6".into()));
        let outcome = local.apply(&modify(absent));
        assert_eq!(content(&outcome), Some("5".into()));
        assert!(!local.is_written());
    }
}
