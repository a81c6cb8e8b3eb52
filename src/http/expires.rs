//! When a value that is written expires, as a client says it: [`Expires`].

use super::arguments::{self, TTL_MS_MAX};
use super::problem::Problem;
use hyper::Uri;
use protocol::UnixMillis;

/// When a value that is written expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expires {
    /// So many milliseconds after the node takes it.
    AfterMillis(u64),
    /// At this moment, which may have passed: then the register holds nothing from the start.
    At(UnixMillis),
}

impl Expires {
    /// What `ttl_ms` and `expires_ms` say, of which there is one at most.
    pub(super) fn of(
        ttl_ms: Option<u64>,
        expires_ms: Option<u64>,
    ) -> Result<Option<Self>, Problem> {
        match (ttl_ms, expires_ms) {
            (None, None) => Ok(None),
            (Some(ttl_ms @ 1..=TTL_MS_MAX), None) => Ok(Some(Self::AfterMillis(ttl_ms))),
            (Some(_), None) => Err(Problem::malformed(format_args!(
                "ttl_ms is an integer from 1 to {TTL_MS_MAX}"
            ))),
            (None, Some(at @ 1..)) => Ok(Some(Self::At(UnixMillis(at)))),
            (None, Some(0)) => Err(Problem::malformed(
                "expires_ms is an integer from 1: milliseconds since 1970",
            )),
            (Some(_), Some(_)) => Err(Problem::malformed(
                "a value expires by either ttl_ms or expires_ms, so nothing was written",
            )),
        }
    }

    /// What the query says.
    pub(super) fn of_query(uri: &Uri) -> Result<Option<Self>, Problem> {
        let expires_ms = arguments::parameter(uri, "expires_ms", u64::MAX)?;
        Self::of(arguments::ttl_ms(uri)?, expires_ms)
    }

    /// The moment, if it is `now`.
    pub(super) fn at(self, now: UnixMillis) -> UnixMillis {
        match self {
            Self::AfterMillis(ttl_ms) => UnixMillis(now.0.saturating_add(ttl_ms)),
            Self::At(at) => at,
        }
    }
}
