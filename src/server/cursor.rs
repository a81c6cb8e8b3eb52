//! The cursors of listings: where they go on, as numbers.

use protocol::Position;

/// Set in every cursor but that of the beginning and the end, which is 0.
const GOES_ON: u64 = 1 << 62;

const _: () = assert!(
    Position::NUMBER_MAX < GOES_ON,
    "a cursor is below 2^63, as some clients have no greater integers"
);

/// The cursor for what comes after a position; for the end, if there is none.
pub(crate) fn number(after: Option<Position>) -> u64 {
    after.map_or(0, |position| GOES_ON | position.number())
}

/// After which position to go on: after none, at the beginning. `None` if no listing ever gave this
/// cursor.
pub(crate) fn position(cursor: u64) -> Option<Option<Position>> {
    match cursor {
        0 => Some(None),
        cursor if cursor & GOES_ON == 0 => None,
        cursor => Position::from_number(cursor ^ GOES_ON).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_only_the_end_is_zero() {
        for number_of in [0, 1, 77 << 48, Position::NUMBER_MAX] {
            let after = Position::from_number(number_of);
            let cursor = number(after);
            assert!(cursor > 0 && cursor < 1 << 63);
            assert_eq!(position(cursor), Some(after));
        }
        assert_eq!(number(None), 0);
        assert_eq!(position(0), Some(None));
    }

    #[test]
    fn what_was_never_given_is_no_cursor() {
        for cursor in [1, 17, Position::NUMBER_MAX, 1 << 63, u64::MAX] {
            assert_eq!(position(cursor), None, "{cursor}");
        }
    }
}
