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

/// A number of bytes, given with a unit or without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size(pub(crate) u64);

/// A number of bytes: a whole number, and a unit of powers of 1000 or of 1024.
pub(crate) fn size(text: &str) -> Result<Size, String> {
    const UNITS: [(&str, u64); 10] = [
        ("", 1),
        ("b", 1),
        ("kb", 1000),
        ("mb", 1000 * 1000),
        ("gb", 1000 * 1000 * 1000),
        ("tb", 1000 * 1000 * 1000 * 1000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
    ];
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim_start().to_ascii_lowercase();
    let bytes = UNITS.iter().find(|(name, _)| *name == unit);
    let bytes = bytes.and_then(|(_, bytes)| number.parse::<u64>().ok()?.checked_mul(*bytes));
    bytes
        .map(Size)
        .ok_or_else(|| "a number of bytes is wanted, such as 512MiB, 2GB or 1000000".to_owned())
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

/// A moment as people read it, in the time zone of nobody. Moments that no calendar has are told as
/// the number that they are.
pub(crate) fn utc(unix_ms: u64) -> String {
    const DAY_S: u64 = 24 * 60 * 60;
    /// The last day of the year 9999, counted from 1970.
    const LAST_DAY: u64 = 2_932_896;
    let seconds = unix_ms / 1000;
    let days = seconds / DAY_S;
    if days > LAST_DAY {
        return format!("{unix_ms} ms after 1970");
    }
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The date so many days after the first of January 1970: Howard Hinnant's `civil_from_days`, in
/// which years begin in March, so that the day that may be missing is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    const DAYS_TO_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days + DAYS_TO_MARCH_OF_YEAR_0;
    let era = days / DAYS_IN_400_YEARS;
    let day_of_era = days % DAYS_IN_400_YEARS;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
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
    fn a_moment_is_told_as_the_calendar_has_it() {
        for (unix_ms, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00:00 UTC"),
            (1_704_067_199_000, "2023-12-31 23:59:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799_999, "9999-12-31 23:59:59 UTC"),
            (253_402_300_800_000, "253402300800000 ms after 1970"),
            (u64::MAX, "18446744073709551615 ms after 1970"),
        ] {
            assert_eq!(utc(unix_ms), expected);
        }
    }

    #[test]
    fn sizes_have_units_of_a_thousand_or_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("1000000", 1_000_000),
            ("10b", 10),
            ("3KB", 3000),
            ("3KiB", 3072),
            ("512 MiB", 512 << 20),
            ("2gb", 2_000_000_000),
            ("2GiB", 2 << 30),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5GB", "1 parsec", "99999999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
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
