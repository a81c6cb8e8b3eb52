//! Values of the store: each with the checksum of its key and itself.

use crate::peer;
use protocol::{Cell, RegisterName};
use xxhash_rust::xxh3::Xxh3;

const CHECKSUM_BYTES: usize = 8;

/// The value that stands for this payload under this key.
pub(super) fn sealed(key: &[u8], payload: &[u8]) -> Vec<u8> {
    [&checksum(key, payload)[..], payload].concat()
}

/// The payload of a value under this key, if it is what was written.
pub(super) fn opened<'a>(key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    let (found, payload) = value.split_at_checked(CHECKSUM_BYTES)?;
    (found == checksum(key, payload)).then_some(payload)
}

/// The value that stands for what is kept of a register.
pub(super) fn of_cell(key: &[u8], cell: &Cell) -> Vec<u8> {
    let mut value = vec![0; CHECKSUM_BYTES];
    peer::encode_cell(cell, &mut value);
    let checksum = checksum(key, &value[CHECKSUM_BYTES..]);
    value[..CHECKSUM_BYTES].copy_from_slice(&checksum);
    value
}

/// The register and what is kept of it, if they are what was written.
pub(super) fn cell(key: &[u8], value: &[u8]) -> Option<(RegisterName, Cell)> {
    let payload = opened(key, value)?;
    Some((super::keys::name(key)?, peer::decode_cell(payload)?))
}

fn checksum(key: &[u8], payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut state = Xxh3::new();
    state.update(key);
    state.update(payload);
    state.digest().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::keys;

    #[test]
    fn a_value_under_another_key_or_with_another_bit_is_none() {
        let name = RegisterName::new("a").unwrap();
        let key = keys::of(&name);
        let value = of_cell(&key, &Cell::EMPTY);
        assert_eq!(cell(&key, &value), Some((name, Cell::EMPTY)));
        assert_eq!(
            cell(&keys::of(&RegisterName::new("b").unwrap()), &value),
            None
        );
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cell(&key, &flipped), None, "bit {bit}");
        }
        for length in 0..value.len() {
            assert_eq!(cell(&key, &value[..length]), None, "{length} bytes");
        }
    }
}
