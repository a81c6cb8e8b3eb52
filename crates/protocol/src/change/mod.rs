//! How a read-modify-write computes what a register holds next: [`Change`].

mod condition;
mod decimal;
mod effect;

use crate::record::{Record, UnixMillis};
pub use condition::Condition;
pub use effect::{Effect, ExpiryCondition, NewExpiry};

use bytes::Bytes;

/// A read-modify-write: what must hold of the register, and what is done to it then.
///
/// It is computed at one coordinator, from one record, and takes effect right after that record:
/// nothing comes between.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Change {
    /// What must hold.
    pub condition: Condition,
    /// What is done then.
    pub effect: Effect,
}

/// What a register holds by a change.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Changed {
    /// The value, or nothing.
    pub content: Option<Bytes>,
    /// When it expires, if it does.
    pub expiry: Option<UnixMillis>,
}

impl Changed {
    const NOTHING: Changed = Changed {
        content: None,
        expiry: None,
    };
}

/// Why a change changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unmet {
    /// Its condition did not hold, or there was nothing that it could have changed.
    Condition,
    /// What is there is no integer in decimal, in the one way in which it is written.
    NotAnInteger,
    /// The sum is beyond 64 bits.
    Overflow,
    /// What is there is no decimal number, or one with too many digits.
    NotANumber,
    /// The sum has too many digits.
    OutOfRange,
    /// The value would be longer than a value may be.
    TooLong,
}

/// What a change makes of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// What the register is to hold; `None` if it is to stay as it is.
    pub write: Option<Changed>,
    /// Why the change did not take place. Something may have to be written all the same: that the
    /// register has expired.
    pub unmet: Option<Unmet>,
}

impl Change {
    /// Deletes the register if it has expired, and changes nothing otherwise.
    ///
    /// An expired record counts as nothing, so this is to delete what is not there.
    pub const EXPIRE: Change = Change {
        condition: Condition::Absent,
        effect: Effect::DELETE,
    };

    /// Replaces the value by another, which does not expire, or by nothing, if `condition` holds.
    pub fn set_if(condition: Condition, content: Option<Bytes>) -> Change {
        let expiry = NewExpiry::Never;
        let effect = Effect::Put { content, expiry };
        Change { condition, effect }
    }

    /// Whether it can do nothing but delete.
    pub(crate) fn only_deletes(&self) -> bool {
        matches!(&self.effect, Effect::Put { content: None, .. })
    }

    /// Adds to an integer.
    pub fn add(amount: i64) -> Change {
        Change {
            condition: Condition::Always,
            effect: Effect::Add(amount),
        }
    }

    /// What becomes of the register if it holds `record` now, when the wall clock shows `wall`, and
    /// a value may have `content_bytes_max` bytes.
    ///
    /// A record that has expired counts as nothing. If the change is not met then, nothing is what
    /// is to be written: its client is told that there is nothing, and nobody may find it there
    /// afterwards, whatever their wall clocks show.
    pub fn apply(&self, record: &Record, wall: UnixMillis, content_bytes_max: usize) -> Applied {
        let is_expired = record.is_expired(wall);
        let nothing = || Record {
            content: None,
            expiry: None,
            ..record.clone()
        };
        let emptied;
        let record = match is_expired {
            true => {
                emptied = nothing();
                &emptied
            }
            false => record,
        };
        let changed = match self.condition.holds(record) {
            true => self.effect.on(record, wall, content_bytes_max),
            false => Err(Unmet::Condition),
        };
        match changed {
            // To delete what is not there changes nothing.
            Ok(Changed { content: None, .. }) if record.content.is_none() => Applied {
                write: is_expired.then_some(Changed::NOTHING),
                unmet: Some(Unmet::Condition),
            },
            Ok(changed) => Applied {
                write: Some(changed),
                unmet: None,
            },
            Err(unmet) => Applied {
                write: is_expired.then_some(Changed::NOTHING),
                unmet: Some(unmet),
            },
        }
    }
}

#[cfg(test)]
mod tests;
