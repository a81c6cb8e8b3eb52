//! Values that are written once.
//!
//! A value begins with the number of its client and of its write, by which it differs from every
//! other of the workload, and is filled up to its length. The checker gets it without the filling,
//! if all of that is there, and otherwise as something that nobody wrote.

use checker::ByteString;
use hyper::body::Bytes;

/// What fills a value up.
const FILLING: u8 = b'.';

/// What no value begins with.
const FOREIGN: &str = "foreign ";

/// How much is kept of a value that is none of the workload's.
const KEPT_BYTES: usize = 64;

/// The value of a client's write, as the checker is told of it.
pub(super) fn value(client: usize, write: u64) -> ByteString {
    ByteString::from(format!("{client}-{write}").as_str())
}

/// The same, as it is written.
pub(super) fn filled(value: &ByteString, value_bytes: usize) -> Bytes {
    let mut bytes = value.as_bytes().to_vec();
    bytes.resize(bytes.len().max(value_bytes), FILLING);
    bytes.into()
}

/// What was read, as the checker is told of it.
pub(super) fn unfilled(bytes: &[u8], value_bytes: usize) -> ByteString {
    let filling = bytes.iter().rev().take_while(|byte| **byte == FILLING);
    let value = ByteString::from(&bytes[..bytes.len() - filling.count()]);
    match filled(&value, value_bytes) == bytes && is_value(value.as_bytes()) {
        true => value,
        false => foreign(bytes),
    }
}

fn is_value(bytes: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    !bytes.is_empty() && bytes.iter().all(is_digit)
}

/// What is none of the workload's values. Two of these are equal if they were.
fn foreign(bytes: &[u8]) -> ByteString {
    let mut told = FOREIGN.as_bytes().to_vec();
    if bytes.len() <= KEPT_BYTES {
        told.extend(bytes);
    } else {
        let (length, hash) = (bytes.len(), hash(bytes));
        told.extend(&bytes[..KEPT_BYTES]);
        told.extend(format!("... ({length} bytes, {hash:016x})").bytes());
    }
    ByteString::from(told)
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_without_its_filling() {
        for value_bytes in [0, 5, 6, 64, 1 << 20] {
            let value = value(3, 141);
            let written = filled(&value, value_bytes);
            assert_eq!(written.len(), value_bytes.max(5));
            assert_eq!(unfilled(&written, value_bytes), value);
        }
    }

    #[test]
    fn values_of_different_clients_and_writes_differ() {
        assert_ne!(value(1, 11), value(11, 1));
        assert_ne!(value(1, 1), value(1, 2));
    }

    #[test]
    fn what_is_no_whole_value_is_none_of_the_workloads() {
        let whole = filled(&value(3, 141), 64);
        let mut spoilt = whole.to_vec();
        spoilt[40] = b'x';
        let longer = [&whole[..], b"."].concat();
        for bytes in [&whole[..63], &whole[..5], &spoilt, &longer, b"", b"...."] {
            let told = unfilled(bytes, 64);
            assert!(told.as_bytes().starts_with(b"foreign "), "{told}");
        }
        assert_ne!(unfilled(b"a", 64), unfilled(b"b", 64));
    }

    #[test]
    fn long_strangers_are_shortened_and_still_told_apart() {
        let (one, other) = (vec![b'x'; 1000], [&vec![b'x'; 999][..], b"y"].concat());
        assert_eq!(unfilled(&one, 64), unfilled(&one, 64));
        assert_ne!(unfilled(&one, 64), unfilled(&other, 64));
        assert!(unfilled(&one, 64).as_bytes().len() < 150);
    }
}
