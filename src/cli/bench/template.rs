//! Requests that are written without formatting anything: [`Template`].

use super::load::{DIGITS, VALUES};
use super::operation::Operation;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A request of one kind with gaps, which the number of a register and a value fill. All that has
/// these lengths looks the same but for the gaps, so it is put together once, and then copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Number,
    Value,
}

impl Template {
    pub(super) fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        match self.pieces.last_mut() {
            Some(Piece::Bytes(before)) => before.extend_from_slice(bytes.as_ref()),
            _ => self.pieces.push(Piece::Bytes(bytes.as_ref().to_vec())),
        }
        self
    }

    /// The number of the register, in [`DIGITS`] digits.
    pub(super) fn number(mut self) -> Self {
        self.pieces.push(Piece::Number);
        self
    }

    pub(super) fn value(mut self) -> Self {
        self.pieces.push(Piece::Value);
        self
    }

    /// Another template behind this one.
    pub(super) fn then(mut self, other: Self) -> Self {
        for piece in other.pieces {
            match piece {
                Piece::Bytes(bytes) => self = self.bytes(bytes),
                piece => self.pieces.push(piece),
            }
        }
        self
    }

    /// How many bytes it comes to, with values of this length.
    pub(super) fn len(&self, value_bytes: usize) -> usize {
        let lengths = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Number => DIGITS,
            Piece::Value => value_bytes,
        });
        lengths.sum()
    }

    /// Writes the request.
    pub(super) fn write(&self, operation: &Operation, values: &Values, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Number => out.extend_from_slice(&digits(operation.register)),
                Piece::Value => out.extend_from_slice(values.get(operation.value)),
            }
        }
    }
}

/// A number in decimal, with zeros in front.
fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// Values that cannot be compressed: windows of one long random text.
#[derive(Debug)]
pub(super) struct Values {
    text: Vec<u8>,
    value_bytes: usize,
}

impl Values {
    pub(super) fn new(value_bytes: usize) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(0);
        let letters = (0..value_bytes + VALUES as usize).map(|_| random.random_range(b'!'..=b'~'));
        Self {
            text: letters.collect(),
            value_bytes,
        }
    }

    fn get(&self, index: u32) -> &[u8] {
        &self.text[index as usize..][..self.value_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::operation::Kind;

    #[test]
    fn gaps_are_filled() {
        let template = Template::default()
            .bytes("SET a")
            .number()
            .bytes(" ")
            .then(Template::default().bytes("<").value().bytes(">"));
        let values = Values::new(5);
        let operation = Operation {
            kind: Kind::Write,
            register: 1_234,
            value: VALUES - 1,
        };
        let mut out = Vec::new();
        template.write(&operation, &values, &mut out);
        assert_eq!(out.len(), template.len(5));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text[..19], *"SET a000000001234 <");
        assert_eq!(text.len(), 19 + 5 + 1);
    }

    #[test]
    fn values_are_printable_and_differ() {
        let values = Values::new(64);
        assert_ne!(values.get(0), values.get(1));
        assert!(values.get(17).iter().all(u8::is_ascii_graphic));
        assert_eq!(Values::new(0).get(VALUES - 1), b"");
    }
}
