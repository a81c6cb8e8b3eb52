//! Decimal numbers with 17 places: [`Decimal`].

use core::fmt;

/// A number in units of 10^-17, which is how many places Redis writes. Sums are exact, where binary
/// fractions would show what they cannot hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decimal(i128);

const PLACES: i32 = 17;
const ONE: i128 = 10_i128.pow(PLACES as u32);

impl Decimal {
    pub(super) const ZERO: Decimal = Decimal(0);

    /// The number that is spelt, with an exponent or without; digits beyond the 17th place are
    /// rounded half away from zero. `None` if none is spelt, or one beyond ±1.7 * 10^21.
    pub(super) fn parse(text: &[u8]) -> Option<Decimal> {
        let (is_negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let split = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (mantissa, exponent) = match split {
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let point = mantissa.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = match point {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // The place of the next digit: how many times ten it counts, in units.
        let mut power = i32::try_from(whole.len()).ok()? - 1 + exponent + PLACES;
        let mut units: i128 = 0;
        for byte in whole.iter().chain(fraction) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            if digit > 0 {
                units = match power {
                    0.. => {
                        let unit = 10_i128.checked_pow(power.unsigned_abs())?;
                        units.checked_add(unit.checked_mul(digit.into())?)?
                    }
                    -1 if digit >= 5 => units.checked_add(1)?,
                    _ => units,
                };
            }
            power = power.checked_sub(1)?;
        }
        Some(Decimal(if is_negative { -units } else { units }))
    }

    pub(super) fn checked_add(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_add(other.0).map(Decimal)
    }
}

/// An exponent, unless it is so far from zero that the number is out of range or nothing.
fn exponent(text: &[u8]) -> Option<i32> {
    let text = core::str::from_utf8(text).ok()?;
    let value: i32 = text.parse().ok()?;
    (value.unsigned_abs() <= 4096).then_some(value)
}

impl fmt::Display for Decimal {
    /// Without an exponent, and without zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let (whole, mut fraction) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let mut places = PLACES as usize;
        while fraction % 10 == 0 {
            fraction /= 10;
            places -= 1;
        }
        write!(f, ".{fraction:0places$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn shown(text: &str) -> Option<String> {
        Decimal::parse(text.as_bytes()).map(|number| format!("{number}"))
    }

    #[test]
    fn a_number_is_shown_without_exponent_and_without_zeros_at_its_end() {
        for (spelt, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("10.50", "10.5"),
            ("5.0e3", "5000"),
            ("2.0e2", "200"),
            ("1e-17", "0.00000000000000001"),
            ("4.9e-18", "0"),
            ("5e-18", "0.00000000000000001"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+3", "3"),
            ("-0.25", "-0.25"),
            ("000123456789012345678901", "123456789012345678901"),
            ("0e400", "0"),
        ] {
            assert_eq!(shown(spelt).as_deref(), Some(expected), "{spelt}");
        }
    }

    #[test]
    fn what_is_no_number_or_has_too_many_digits_is_none() {
        for bad in [
            "",
            "x",
            "-",
            ".",
            "e5",
            "1e",
            "1e5000",
            "1.2.3",
            " 1",
            "1 ",
            "inf",
            "nan",
            "1e22",
            "99999999999999999999999",
            "0x10",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn sums_are_exact() {
        let sum = |a: &str, b: &str| {
            let (a, b) = (Decimal::parse(a.as_bytes()), Decimal::parse(b.as_bytes()));
            format!("{}", a.unwrap().checked_add(b.unwrap()).unwrap())
        };
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("3", "-3.0"), "0");
        assert_eq!(sum("1000.1", "0.01"), "1000.11");
        let most = Decimal(i128::MAX);
        assert_eq!(most.checked_add(Decimal(1)), None);
    }
}
