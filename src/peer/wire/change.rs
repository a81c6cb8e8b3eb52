//! What a read-modify-write does, on the wire: conditions and effects.

use super::WireError;
use super::field::{Field, Reader};
use protocol::{Condition, Effect, ExpiryCondition, NewExpiry, Unmet};

const ALWAYS: u8 = 1;
const ABSENT: u8 = 2;
const PRESENT: u8 = 3;
const TAG: u8 = 4;
const EQUAL: u8 = 5;
const UNEQUAL: u8 = 6;
const DIGEST_EQUAL: u8 = 7;
const DIGEST_UNEQUAL: u8 = 8;

impl Field for Condition {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Condition::Always => ALWAYS.put(out),
            Condition::Absent => ABSENT.put(out),
            Condition::Present => PRESENT.put(out),
            Condition::Tag(tag) => {
                TAG.put(out);
                tag.put(out);
            }
            Condition::Equal(content) => {
                EQUAL.put(out);
                content.put(out);
            }
            Condition::Unequal(content) => {
                UNEQUAL.put(out);
                content.put(out);
            }
            Condition::DigestEqual(digest) => {
                DIGEST_EQUAL.put(out);
                digest.put(out);
            }
            Condition::DigestUnequal(digest) => {
                DIGEST_UNEQUAL.put(out);
                digest.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            ALWAYS => Ok(Condition::Always),
            ABSENT => Ok(Condition::Absent),
            PRESENT => Ok(Condition::Present),
            TAG => reader.take().map(Condition::Tag),
            EQUAL => reader.take().map(Condition::Equal),
            UNEQUAL => reader.take().map(Condition::Unequal),
            DIGEST_EQUAL => reader.take().map(Condition::DigestEqual),
            DIGEST_UNEQUAL => reader.take().map(Condition::DigestUnequal),
            found => Err(WireError::Unknown {
                what: "condition",
                found,
            }),
        }
    }
}

const PUT: u8 = 1;
const EXPIRE: u8 = 2;
const APPEND: u8 = 3;
const SET_RANGE: u8 = 4;
const ADD: u8 = 5;
const ADD_DECIMAL: u8 = 6;

impl Field for Effect {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Effect::Put { content, expiry } => {
                PUT.put(out);
                content.put(out);
                expiry.put(out);
            }
            Effect::Expire { at, condition } => {
                EXPIRE.put(out);
                at.put(out);
                condition.put(out);
            }
            Effect::Append(part) => {
                APPEND.put(out);
                part.put(out);
            }
            Effect::SetRange { offset, part } => {
                SET_RANGE.put(out);
                offset.put(out);
                part.put(out);
            }
            Effect::Add(amount) => {
                ADD.put(out);
                amount.put(out);
            }
            Effect::AddDecimal(amount) => {
                ADD_DECIMAL.put(out);
                amount.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            PUT => Ok(Effect::Put {
                content: reader.take()?,
                expiry: reader.take()?,
            }),
            EXPIRE => Ok(Effect::Expire {
                at: reader.take()?,
                condition: reader.take()?,
            }),
            APPEND => reader.take().map(Effect::Append),
            SET_RANGE => Ok(Effect::SetRange {
                offset: reader.take()?,
                part: reader.take()?,
            }),
            ADD => reader.take().map(Effect::Add),
            ADD_DECIMAL => reader.take().map(Effect::AddDecimal),
            found => Err(WireError::Unknown {
                what: "effect",
                found,
            }),
        }
    }
}

const NEVER: u8 = 1;
const KEEP: u8 = 2;
const AT: u8 = 3;

impl Field for NewExpiry {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            NewExpiry::Never => NEVER.put(out),
            NewExpiry::Keep => KEEP.put(out),
            NewExpiry::At(at) => {
                AT.put(out);
                at.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            NEVER => Ok(NewExpiry::Never),
            KEEP => Ok(NewExpiry::Keep),
            AT => reader.take().map(NewExpiry::At),
            found => Err(WireError::Unknown {
                what: "expiry",
                found,
            }),
        }
    }
}

impl Field for ExpiryCondition {
    fn put(&self, out: &mut Vec<u8>) {
        self.absent.put(out);
        self.present.put(out);
        self.later.put(out);
        self.earlier.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ExpiryCondition {
            absent: reader.take()?,
            present: reader.take()?,
            later: reader.take()?,
            earlier: reader.take()?,
        })
    }
}

impl Field for Unmet {
    fn put(&self, out: &mut Vec<u8>) {
        let number: u8 = match self {
            Unmet::Condition => 1,
            Unmet::NotAnInteger => 2,
            Unmet::Overflow => 3,
            Unmet::NotANumber => 4,
            Unmet::OutOfRange => 5,
            Unmet::TooLong => 6,
        };
        number.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.take()? {
            1 => Unmet::Condition,
            2 => Unmet::NotAnInteger,
            3 => Unmet::Overflow,
            4 => Unmet::NotANumber,
            5 => Unmet::OutOfRange,
            6 => Unmet::TooLong,
            found => {
                return Err(WireError::Unknown {
                    what: "reason",
                    found,
                });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{read, written};
    use super::super::strategies;
    use super::*;
    use proptest::prelude::*;
    use protocol::Change;

    proptest! {
        #[test]
        fn a_change_reads_back_what_it_wrote(change in strategies::change()) {
            prop_assert_eq!(read::<Change>(&written(&change)), Ok(change));
        }
    }

    #[test]
    fn what_names_no_kind_is_malformed() {
        for none in [0, 9] {
            assert!(read::<Condition>(&[none]).is_err());
        }
        for none in [0, 7] {
            assert!(read::<Effect>(&[none]).is_err());
            assert!(read::<Unmet>(&[none]).is_err());
        }
        for none in [0, 4] {
            assert!(read::<NewExpiry>(&[none]).is_err());
        }
        assert!(read::<ExpiryCondition>(&[2, 0, 0, 0]).is_err());
    }
}
