//! How long something took, as people read it: [`Took`].

use std::fmt;
use std::time::Duration;

/// A duration in three digits or so, always in milliseconds, so that a column can be compared.
pub(in crate::cli::bench) struct Took(pub(in crate::cli::bench) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_secs_f64() * 1000.0;
        match millis {
            100.0.. => write!(f, "{millis:.0} ms"),
            10.0.. => write!(f, "{millis:.1} ms"),
            1.0.. => write!(f, "{millis:.2} ms"),
            _ => write!(f, "{millis:.3} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_about_three_digits() {
        let took = |micros| Took(Duration::from_micros(micros)).to_string();
        assert_eq!(took(52), "0.052 ms");
        assert_eq!(took(1_234), "1.23 ms");
        assert_eq!(took(12_345), "12.3 ms");
        assert_eq!(took(1_234_567), "1235 ms");
    }
}
