//! How values on the command line are read.

use clap::builder::{OsStringValueParser, RangedU64ValueParser, TypedValueParser};
use protocol::RegisterName;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

/// A register's name: any bytes that the system lets through.
pub(crate) fn register_name() -> impl TypedValueParser<Value = RegisterName> {
    OsStringValueParser::new().try_map(|text| match text.into_vec() {
        empty if empty.is_empty() => Err("a register's name is not empty".to_owned()),
        bytes => RegisterName::new(bytes).map_err(|error| error.to_string()),
    })
}

/// A number of things.
pub(crate) fn count(range: RangeInclusive<usize>) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(*range.start() as u64..=*range.end() as u64)
}

/// A duration in whole milliseconds, from one to a day: what is longer was meant otherwise.
pub(crate) fn millis(text: &str) -> Result<Duration, String> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    match text.parse() {
        Ok(millis @ 1..=DAY_MS) => Ok(Duration::from_millis(millis)),
        _ => Err(format!(
            "a number of milliseconds from 1 to {DAY_MS} is wanted"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_a_whole_number_from_one_to_a_day() {
        assert_eq!(millis("1"), Ok(Duration::from_millis(1)));
        assert_eq!(millis("86400000"), Ok(Duration::from_secs(86_400)));
        for bad in [
            "0",
            "-1",
            "1.5",
            "1s",
            "",
            "86400001",
            "99999999999999999999",
        ] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }
}
