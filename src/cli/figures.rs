//! Figures as people read them.

use std::fmt;
use std::time::Duration;

/// A duration as people read it.
pub(crate) struct Millis(pub(crate) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_secs_f64() * 1000.0;
        match millis {
            10.0.. => write!(f, "{millis:.0} ms"),
            _ => write!(f, "{millis:.1} ms"),
        }
    }
}

/// A number with a comma after each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes as people read it.
pub(crate) fn bytes(number: u64) -> String {
    match number {
        0..1024 => format!("{number} B"),
        _ => indicatif::BinaryBytes(number).to_string(),
    }
}

/// So many of something, in the singular if it is one.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", grouped(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(Millis(Duration::from_micros(1_250)).to_string(), "1.2 ms");
        assert_eq!(Millis(Duration::from_micros(52_400)).to_string(), "52 ms");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(4 * 1024 * 1024), "4.00 MiB");
        assert_eq!(counted(1, "node", "nodes"), "1 node");
        assert_eq!(counted(2_000, "node", "nodes"), "2,000 nodes");
    }
}
