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

/// The longest duration that can be given: what is longer was meant otherwise.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A duration in whole milliseconds, from one to a day.
pub(crate) fn millis(text: &str) -> Result<Duration, String> {
    millis_from(1, text)
}

/// A duration in whole milliseconds, or zero where that turns something off.
pub(crate) fn millis_or_zero(text: &str) -> Result<Duration, String> {
    millis_from(0, text)
}

fn millis_from(least: u64, text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis) if (least..=DAY_MS).contains(&millis) => Ok(Duration::from_millis(millis)),
        _ => Err(format!(
            "a number of milliseconds from {least} to {DAY_MS} is wanted"
        )),
    }
}

/// The name that a misspelt one was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let similarity = |known: &str| strsim::jaro_winkler(name, known);
    let known = known.into_iter();
    known.max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let known = ["listen", "peers", "ping_interval_ms", "pong_timeout_ms"];
        assert_eq!(
            nearest("ping_intervall_ms", known),
            Some("ping_interval_ms")
        );
        assert_eq!(nearest("peer", known), Some("peers"));
        assert_eq!(nearest("peer", []), None);
    }

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
