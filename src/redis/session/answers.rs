//! Sentences of the Redis protocol that clients know, and ours in its manner.

use resp::ReplyWriter;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const NO_AUTH: &str = "NOAUTH Authentication required.";
pub(super) const NO_AUTH_HELLO: &str = "NOAUTH HELLO must be called with the client already \
    authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to \
    authenticate the client and select the RESP protocol version at the same time";
pub(super) const NO_PASSWORD_SET: &str = "ERR AUTH <password> called without any password \
    configured for the default user. Are you sure your configuration is correct?";
pub(super) const WRONG_PASSWORD: &str =
    "WRONGPASS invalid username-password pair or user is disabled.";

/// An answer that needs no data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Ok,
    Queued,
    Error(&'static str),
}

impl Answer {
    pub(super) fn write(self, to: &mut ReplyWriter<'_>) {
        match self {
            Answer::Ok => to.simple("OK"),
            Answer::Queued => to.simple("QUEUED"),
            Answer::Error(text) => to.error(text),
        }
    }
}

/// The wall clock, as commands count from it.
pub(super) fn wall_clock() -> commands::UnixMillis {
    let millis = protocol_wall_clock().0;
    commands::UnixMillis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The wall clock, as registers expire by it. One before 1970 shows zero.
pub(super) fn protocol_wall_clock() -> protocol::UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    protocol::UnixMillis(u64::try_from(millis).unwrap_or(u64::MAX))
}
