//! Operations and how they ended, on the wire.

use super::WireError;
use super::field::{Field, Reader};
use protocol::{Operation, Outcome, Refusal};

const READ: u8 = 1;
const WRITE: u8 = 2;
const MODIFY: u8 = 3;

impl Field for Operation {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Operation::Read { name } => {
                READ.put(out);
                name.put(out);
            }
            Operation::Write {
                name,
                content,
                expiry,
            } => {
                WRITE.put(out);
                name.put(out);
                content.put(out);
                expiry.put(out);
            }
            Operation::Modify { name, change } => {
                MODIFY.put(out);
                name.put(out);
                change.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            READ => Ok(Operation::Read {
                name: reader.take()?,
            }),
            WRITE => Ok(Operation::Write {
                name: reader.take()?,
                content: reader.take()?,
                expiry: reader.take()?,
            }),
            MODIFY => Ok(Operation::Modify {
                name: reader.take()?,
                change: reader.take()?,
            }),
            found => Err(WireError::Unknown {
                what: "operation",
                found,
            }),
        }
    }
}

const OUTCOME_READ: u8 = 1;
const OUTCOME_WRITTEN: u8 = 2;
const OUTCOME_REFUSED: u8 = 3;
const OUTCOME_UNKNOWN: u8 = 4;
const OUTCOME_MODIFIED: u8 = 5;
const OUTCOME_UNCHANGED: u8 = 6;

impl Field for Outcome {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Outcome::Read { record, rounds } => {
                OUTCOME_READ.put(out);
                record.put(out);
                rounds.put(out);
            }
            Outcome::Written { tag, rounds } => {
                OUTCOME_WRITTEN.put(out);
                tag.put(out);
                rounds.put(out);
            }
            Outcome::Refused(refusal) => {
                OUTCOME_REFUSED.put(out);
                refusal.put(out);
            }
            Outcome::Unknown => OUTCOME_UNKNOWN.put(out),
            Outcome::Modified {
                previous,
                record,
                rounds,
            } => {
                OUTCOME_MODIFIED.put(out);
                previous.put(out);
                record.put(out);
                rounds.put(out);
            }
            Outcome::Unchanged {
                record,
                unmet,
                rounds,
            } => {
                OUTCOME_UNCHANGED.put(out);
                record.put(out);
                unmet.put(out);
                rounds.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            OUTCOME_READ => Ok(Outcome::Read {
                record: reader.take()?,
                rounds: reader.take()?,
            }),
            OUTCOME_WRITTEN => Ok(Outcome::Written {
                tag: reader.take()?,
                rounds: reader.take()?,
            }),
            OUTCOME_REFUSED => reader.take().map(Outcome::Refused),
            OUTCOME_UNKNOWN => Ok(Outcome::Unknown),
            OUTCOME_MODIFIED => Ok(Outcome::Modified {
                previous: reader.take()?,
                record: reader.take()?,
                rounds: reader.take()?,
            }),
            OUTCOME_UNCHANGED => Ok(Outcome::Unchanged {
                record: reader.take()?,
                unmet: reader.take()?,
                rounds: reader.take()?,
            }),
            found => Err(WireError::Unknown {
                what: "outcome",
                found,
            }),
        }
    }
}

impl Field for Refusal {
    fn put(&self, out: &mut Vec<u8>) {
        let number: u8 = match self {
            Refusal::NoCluster => 1,
            Refusal::Busy => 2,
            Refusal::NoQuorum => 3,
            Refusal::NoMember => 4,
            Refusal::Exhausted => 5,
            Refusal::Contended => 6,
            Refusal::Full => 7,
            Refusal::Disk => 8,
        };
        number.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.take()? {
            1 => Refusal::NoCluster,
            2 => Refusal::Busy,
            3 => Refusal::NoQuorum,
            4 => Refusal::NoMember,
            5 => Refusal::Exhausted,
            6 => Refusal::Contended,
            7 => Refusal::Full,
            8 => Refusal::Disk,
            found => {
                return Err(WireError::Unknown {
                    what: "refusal",
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

    proptest! {
        #[test]
        fn an_operation_reads_back_what_it_wrote(operation in strategies::operation()) {
            prop_assert_eq!(read::<Operation>(&written(&operation)), Ok(operation));
        }

        #[test]
        fn an_outcome_reads_back_what_it_wrote(outcome in strategies::outcome()) {
            prop_assert_eq!(read::<Outcome>(&written(&outcome)), Ok(outcome));
        }
    }

    #[test]
    fn what_names_no_kind_is_malformed() {
        assert!(read::<Operation>(&[4]).is_err());
        assert!(read::<Outcome>(&[7]).is_err());
        assert!(read::<Refusal>(&[0]).is_err());
        assert!(read::<Refusal>(&[99]).is_err());
    }
}
