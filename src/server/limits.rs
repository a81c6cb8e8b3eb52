//! What clients may ask of a node: [`Limits`].

use super::settings::Settings;
use std::time::Duration;

/// What clients may ask of a node.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The longest value, in bytes, decoded.
    pub(crate) value_bytes_max: usize,
    /// The deadline of an operation whose client names none.
    pub(crate) timeout_default: Duration,
    /// The longest deadline that a client may name.
    pub(crate) timeout_max: Duration,
    /// How much of requests' bodies may be held at once, over all clients, in bytes.
    pub(crate) body_bytes_in_flight_max: usize,
    /// The memory that the registers may take, if there is a limit.
    pub(crate) memory_bytes_max: Option<u64>,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            value_bytes_max: settings.value_bytes_max,
            timeout_default: settings.timeout,
            timeout_max: settings.timeout_max,
            body_bytes_in_flight_max: settings.body_bytes_in_flight_max,
            memory_bytes_max: settings.memory_bytes_max,
        }
    }
}
