//! Read-modify-writes on the wire: ballots, steps, promises, changes.

use super::WireError;
use super::field::{Field, Reader};
use protocol::{Accepted, Ballot, Cell, Change, Promise};

impl Field for Ballot {
    fn put(&self, out: &mut Vec<u8>) {
        self.round.put(out);
        self.proposer.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Ballot {
            round: reader.countable("round")?,
            proposer: reader.take()?,
        })
    }
}

impl Field for Accepted {
    fn put(&self, out: &mut Vec<u8>) {
        self.ballot.put(out);
        self.tag.put(out);
        self.content.put(out);
        self.expiry.put(out);
        self.operation.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let step = Accepted {
            ballot: reader.take()?,
            tag: reader.take()?,
            content: reader.take()?,
            expiry: reader.take()?,
            operation: reader.take()?,
        };
        match step.tag.step {
            0 => Err(WireError::Invalid { what: "step" }),
            _ => Ok(step),
        }
    }
}

impl Field for Cell {
    fn put(&self, out: &mut Vec<u8>) {
        self.record.put(out);
        self.promised.put(out);
        self.accepted.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let cell = Cell {
            record: reader.take()?,
            promised: reader.take()?,
            accepted: reader.take()?,
        };
        let accepted = cell.accepted.as_ref();
        match accepted.is_some_and(|step| step.ballot > cell.promised) {
            true => Err(WireError::Invalid { what: "promise" }),
            false => Ok(cell),
        }
    }
}

const PROMISED: u8 = 1;
const REFUSED: u8 = 2;

impl Field for Promise {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Promise::Promised { record, accepted } => {
                PROMISED.put(out);
                record.put(out);
                accepted.put(out);
            }
            Promise::Refused { promised } => {
                REFUSED.put(out);
                promised.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            PROMISED => Ok(Promise::Promised {
                record: reader.take()?,
                accepted: reader.take()?,
            }),
            REFUSED => Ok(Promise::Refused {
                promised: reader.take()?,
            }),
            found => Err(WireError::Unknown {
                what: "promise",
                found,
            }),
        }
    }
}

impl Field for Change {
    fn put(&self, out: &mut Vec<u8>) {
        self.condition.put(out);
        self.effect.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Change {
            condition: reader.take()?,
            effect: reader.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{read, written};
    use super::super::strategies;
    use super::*;
    use proptest::prelude::*;
    use protocol::{Counter, OperationId, Tag};

    proptest! {
        #[test]
        fn a_cell_reads_back_what_it_wrote(cell in strategies::cell()) {
            prop_assert_eq!(read::<Cell>(&written(&cell)), Ok(cell));
        }
    }

    #[test]
    fn a_ballot_whose_round_could_overflow_is_malformed() {
        let ballot = |round| Ballot {
            round,
            ..Ballot::ZERO
        };
        let greatest = ballot(Ballot::ROUND_MAX);
        assert_eq!(read::<Ballot>(&written(&greatest)), Ok(greatest));
        let invalid = WireError::Invalid { what: "round" };
        let beyond = ballot(Ballot::ROUND_MAX + 1);
        assert_eq!(read::<Ballot>(&written(&beyond)), Err(invalid));
    }

    #[test]
    fn a_step_that_is_none_or_was_not_promised_is_malformed() {
        let tag = |step| Tag { step, ..Tag::ZERO };
        let ballot = |round| Ballot {
            round,
            ..Ballot::ZERO
        };
        let step = |step| Accepted {
            ballot: ballot(2),
            tag: tag(step),
            content: None,
            expiry: None,
            operation: OperationId {
                origin: Tag::ZERO.writer,
                counter: Counter(1),
            },
        };
        let invalid = WireError::Invalid { what: "step" };
        assert_eq!(read::<Accepted>(&written(&step(1))), Ok(step(1)));
        assert_eq!(read::<Accepted>(&written(&step(0))), Err(invalid));
        let cell = |round| Cell {
            promised: ballot(round),
            accepted: Some(Box::new(step(1))),
            ..Cell::EMPTY
        };
        let invalid = WireError::Invalid { what: "promise" };
        assert_eq!(read::<Cell>(&written(&cell(2))), Ok(cell(2)));
        assert_eq!(read::<Cell>(&written(&cell(1))), Err(invalid));
    }

    #[test]
    fn what_names_no_kind_is_malformed() {
        assert!(read::<Promise>(&[3]).is_err());
    }
}
