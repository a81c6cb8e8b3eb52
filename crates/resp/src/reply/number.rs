//! Floating-point numbers as Redis prints them.

use bytes::{BufMut, BytesMut};
use core::fmt::{self, Write};

/// The most bytes of a number: a sign, 17 digits, a point, and `e-308`, or four zeros after `0.`.
pub(super) const DOUBLE_BYTES_MAX: usize = 24;

/// A number in a small buffer.
pub(super) struct Spelling {
    bytes: [u8; DOUBLE_BYTES_MAX],
    length: usize,
}

impl Spelling {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

impl Write for Spelling {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.bytes.len() - self.length {
            return Err(fmt::Error);
        }
        self.push(text.as_bytes());
        Ok(())
    }
}

/// `value` as C's `%.17g` has it, which is what redis-server 7.0 sends: 17 significant digits
/// without trailing zeros, with an exponent if it is below -4 or at least 17; `inf`, `-inf`, `nan`.
pub(super) fn spell_double(value: f64) -> Spelling {
    let mut spelling = Spelling {
        bytes: [0; DOUBLE_BYTES_MAX],
        length: 0,
    };
    if value.is_nan() {
        spelling.push(b"nan");
        return spelling;
    }
    if value.is_sign_negative() {
        spelling.push(b"-");
    }
    if value.is_infinite() {
        spelling.push(b"inf");
        return spelling;
    }
    let (digits, exponent) = decimal(value.abs());
    let significant = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(1, |at| at + 1);
    let digits = &digits[..significant];
    if !(-4..17).contains(&exponent) {
        spelling.push(&digits[..1]);
        if let [_, fraction @ ..] = digits
            && !fraction.is_empty()
        {
            spelling.push(b".");
            spelling.push(fraction);
        }
        write!(
            spelling,
            "e{}{:02}",
            if exponent < 0 { '-' } else { '+' },
            exponent.abs()
        )
        .expect("an exponent has three digits at most");
    } else if exponent < 0 {
        spelling.push(b"0.");
        (1..-exponent).for_each(|_| spelling.push(b"0"));
        spelling.push(digits);
    } else {
        let whole = exponent as usize + 1;
        spelling.push(&digits[..whole.min(significant)]);
        (significant..whole).for_each(|_| spelling.push(b"0"));
        if whole < significant {
            spelling.push(b".");
            spelling.push(&digits[whole..]);
        }
    }
    spelling
}

/// The 17 significant decimal digits of a number that is finite and not negative, rounded
/// correctly, and the power of ten of the first one.
fn decimal(value: f64) -> ([u8; 17], i32) {
    let mut scientific = Spelling {
        bytes: [0; DOUBLE_BYTES_MAX],
        length: 0,
    };
    write!(scientific, "{value:.16e}").expect("d.dddddddddddddddde-ddd has 23 bytes");
    let text = scientific.as_bytes();
    let mut digits = [0; 17];
    digits[0] = text[0];
    digits[1..].copy_from_slice(&text[2..18]);
    let exponent = core::str::from_utf8(&text[19..])
        .ok()
        .and_then(|exponent| exponent.parse().ok())
        .expect("the exponent follows the digits and an e");
    (digits, exponent)
}

/// Writes `value` in decimal.
pub(super) fn put_integer(out: &mut BytesMut, value: i64) {
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spelt(value: f64) -> alloc::string::String {
        core::str::from_utf8(spell_double(value).as_bytes())
            .unwrap()
            .into()
    }

    #[test]
    fn numbers_have_seventeen_digits_and_no_trailing_zeros() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (0.1, "0.10000000000000001"),
            (3.25, "3.25"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
            (-0.00012345678901234567, "-0.00012345678901234567"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (123456789.125, "123456789.125"),
        ] {
            assert_eq!(spelt(value), text);
        }
    }

    #[test]
    fn what_is_no_finite_number_has_a_name() {
        assert_eq!(spelt(f64::INFINITY), "inf");
        assert_eq!(spelt(f64::NEG_INFINITY), "-inf");
        assert_eq!(spelt(f64::NAN), "nan");
        assert_eq!(spelt(-f64::NAN), "nan");
    }

    proptest! {
        #[test]
        fn a_number_is_read_back_as_it_was(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(spelt(value).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
