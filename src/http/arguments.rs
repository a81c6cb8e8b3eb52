//! What a request's path and query say: names, addresses, deadlines.

use super::problem::Problem;
use crate::server::Limits;
use hyper::Uri;
use percent_encoding::percent_decode_str;
use protocol::RegisterName;
use std::borrow::Cow;
use std::time::Duration;

/// The register that a path names by what follows `prefix`, percent-encoded.
///
/// It is taken from the path as the client sent it, so that a name may hold any bytes, slashes
/// and such that are no UTF-8 among them.
pub(super) fn name(uri: &Uri, prefix: &str) -> Result<RegisterName, Problem> {
    let name = decoded(uri, prefix)?;
    if name.is_empty() {
        return Err(Problem::malformed("a register's name is not empty"));
    }
    RegisterName::new(name.into_owned()).map_err(Problem::malformed)
}

/// The integer address that a path names by what follows `prefix`.
pub(super) fn address(uri: &Uri, prefix: &str) -> Result<u64, Problem> {
    let address = decoded(uri, prefix)?;
    let address = str::from_utf8(&address).ok().and_then(decimal);
    address.ok_or_else(|| {
        Problem::malformed("an address is an integer from 0 to 2^64 - 1 without leading zeros")
    })
}

/// The text that a path has after `prefix`, percent-encoded. What is no UTF-8 in it is replaced.
pub(super) fn text(uri: &Uri, prefix: &str) -> Result<String, Problem> {
    let text = decoded(uri, prefix)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// How long the operation may take: the query's `timeout_ms`, or the default. Parameters with
/// other names are nobody's business here.
pub(super) fn timeout(uri: &Uri, limits: &Limits) -> Result<Duration, Problem> {
    let max = u64::try_from(limits.timeout_max.as_millis()).unwrap_or(u64::MAX);
    let given = parameter(uri, "timeout_ms", max)?;
    Ok(given.map_or(limits.timeout_default, Duration::from_millis))
}

/// After how many milliseconds the value is to expire, if it is: the query's `ttl_ms`.
pub(super) fn ttl_ms(uri: &Uri) -> Result<Option<u64>, Problem> {
    parameter(uri, "ttl_ms", TTL_MS_MAX)
}

/// The longest that a value may be told to live, 285,000 years: the greatest integer that every
/// program reads exactly from JSON. The sum of any moment of today's and this is no overflow.
pub(super) const TTL_MS_MAX: u64 = (1 << 53) - 1;

/// A parameter of the query that is an integer from 1 to `max`.
pub(super) fn parameter(uri: &Uri, key: &str, max: u64) -> Result<Option<u64>, Problem> {
    let mut found = None;
    for parameter in uri.query().unwrap_or_default().split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name != key {
            continue;
        }
        let possible = decimal(value).filter(|given| (1..=max).contains(given));
        if possible.is_none() || found.is_some() {
            return Err(Problem::malformed(format_args!(
                "{key} is given once, as an integer from 1 to {max}"
            )));
        }
        found = possible;
    }
    Ok(found)
}

fn decoded<'a>(uri: &'a Uri, prefix: &str) -> Result<Cow<'a, [u8]>, Problem> {
    let encoded = (uri.path().strip_prefix(prefix)).expect("the route begins with the prefix");
    let mut pieces = encoded.split('%');
    pieces.next();
    let is_escape = |piece: &str| {
        let digits = piece.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !pieces.all(is_escape) {
        return Err(Problem::malformed(
            "a % in a path is followed by two hexadecimal digits; % itself is written %25",
        ));
    }
    Ok(percent_decode_str(encoded).into())
}

/// The number, if this is the one way to write it.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            value_bytes_max: 1024,
            timeout_default: Duration::from_secs(5),
            timeout_max: Duration::from_secs(60),
            body_bytes_in_flight_max: 4096,
            memory_bytes_max: None,
        }
    }

    fn uri(text: impl AsRef<str>) -> Uri {
        text.as_ref().parse().unwrap()
    }

    #[test]
    fn a_name_may_hold_any_bytes() {
        for (path, bytes) in [
            ("/r/x", &b"x"[..]),
            ("/r/a%2Fb", b"a/b"),
            ("/r/%00%ff%2e%2E", b"\x00\xff.."),
            ("/r/100%25", b"100%"),
            ("/r/a+b", b"a+b"),
            ("/r/x?timeout_ms=1", b"x"),
        ] {
            assert_eq!(name(&uri(path), "/r/").unwrap().as_bytes(), bytes, "{path}");
        }
    }

    #[test]
    fn a_name_has_1_to_1024_bytes_once_decoded() {
        let named = |count| name(&uri(format!("/r/{}", "%41".repeat(count))), "/r/");
        assert_eq!(named(1024).unwrap().as_bytes(), [b'A'; 1024]);
        assert_eq!(named(1025).unwrap_err().status(), 400);
        assert_eq!(named(0).unwrap_err().status(), 400);
    }

    #[test]
    fn a_broken_escape_is_no_name() {
        for path in ["/r/%", "/r/a%2", "/r/%zz", "/r/%%41", "/r/%+1", "/r/%é"] {
            assert_eq!(name(&uri(path), "/r/").unwrap_err().status(), 400, "{path}");
        }
    }

    #[test]
    fn an_address_is_written_in_one_way() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("%37", 7),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(address(&uri(format!("/{text}")), "/").unwrap(), number);
        }
        for text in [
            "007",
            "00",
            "-1",
            "+1",
            "1.0",
            "1e3",
            "0x7",
            "abc",
            "",
            "%207",
            "%ff",
            "18446744073709551616",
        ] {
            let refused = address(&uri(format!("/{text}")), "/").unwrap_err();
            assert_eq!(refused.status(), 400, "{text}");
        }
    }

    #[test]
    fn a_deadline_is_the_clients_or_the_default() {
        let given = |query: &str| timeout(&uri(format!("/x{query}")), &limits());
        let ms = Duration::from_millis;
        assert_eq!(given("").unwrap(), ms(5_000));
        assert_eq!(given("?").unwrap(), ms(5_000));
        assert_eq!(given("?timeout=1").unwrap(), ms(5_000));
        assert_eq!(given("?timeout_ms=1").unwrap(), ms(1));
        assert_eq!(given("?a=b&timeout_ms=60000&c").unwrap(), ms(60_000));
        for bad in [
            "?timeout_ms",
            "?timeout_ms=",
            "?timeout_ms=0",
            "?timeout_ms=60001",
            "?timeout_ms=-1",
            "?timeout_ms=1.5",
            "?timeout_ms=1s",
            "?timeout_ms=1&timeout_ms=1",
            "?timeout_ms=99999999999999999999",
        ] {
            assert_eq!(given(bad).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn a_time_to_live_is_a_whole_number_of_milliseconds_or_not_there() {
        let given = |query: &str| ttl_ms(&uri(format!("/x{query}")));
        assert_eq!(given("?timeout_ms=5").unwrap(), None);
        assert_eq!(given("?ttl_ms=1").unwrap(), Some(1));
        assert_eq!(given("?ttl_ms=9007199254740991").unwrap(), Some(TTL_MS_MAX));
        for bad in [
            "?ttl_ms",
            "?ttl_ms=",
            "?ttl_ms=0",
            "?ttl_ms=-1",
            "?ttl_ms=1.5",
            "?ttl_ms=1e3",
            "?ttl_ms=9007199254740992",
            "?ttl_ms=18446744073709551616",
            "?ttl_ms=5&ttl_ms=5",
        ] {
            assert_eq!(given(bad).unwrap_err().status(), 400, "{bad}");
        }
    }
}
