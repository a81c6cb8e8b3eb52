//! Integers as Redis reads them.

/// The integer that all of `text` spells, as strictly as Redis does it: no plus sign, no leading
/// zero, no `-0`, no space, and nothing that an `i64` does not hold.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Counted downwards, since there is one more negative number than there are positive ones.
    let mut value: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(digit.into())?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn an_integer_has_one_spelling() {
        for text in [
            "", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "--1", "१",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_integer(b"0"), Some(0));
    }

    #[test]
    fn what_an_i64_does_not_hold_is_no_integer() {
        assert_eq!(parse_integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_integer(b"9223372036854775808"), None);
        assert_eq!(parse_integer(b"-9223372036854775809"), None);
        assert_eq!(parse_integer(b"18446744073709551617"), None);
    }

    proptest! {
        #[test]
        fn every_integer_is_read_as_it_is_written(value: i64) {
            prop_assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
        }
    }
}
