//! How much memory a few bytes may take: [`within`].

/// How much memory may be held at any time.
pub(crate) struct Allowance {
    /// This much whatever the bytes are,
    pub(crate) bytes: u64,
    /// and this much for each of them.
    pub(crate) per_byte: u64,
}

/// Calls `decode` with the bytes, which may hold no more memory at any time than is allowed.
///
/// # Panics
/// If it holds more.
pub(crate) fn within<T>(bytes: &[u8], of: Allowance, decode: impl FnOnce(&[u8]) -> T) -> T {
    let mut decoded = None;
    let used = allocation_counter::measure(|| decoded = Some(decode(bytes)));
    let allowed = of.bytes + of.per_byte * bytes.len() as u64;
    assert!(
        used.bytes_max <= allowed,
        "{} bytes took {} bytes of memory, and {allowed} are allowed",
        bytes.len(),
        used.bytes_max
    );
    decoded.expect("it was called")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Allowance = Allowance {
        bytes: 32,
        per_byte: 8,
    };

    #[test]
    fn what_takes_no_more_than_it_may_gives_its_result() {
        assert_eq!(within(b"four", EIGHT, |bytes| bytes.to_vec()), b"four");
    }

    #[test]
    #[should_panic(expected = "4 bytes took 1048576 bytes of memory, and 64 are allowed")]
    fn what_takes_more_than_it_may_is_found() {
        drop(within(b"four", EIGHT, |_| vec![0_u8; 1 << 20]));
    }
}
