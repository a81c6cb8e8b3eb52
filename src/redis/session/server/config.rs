//! `CONFIG GET`: the settings of Redis that clients and tools ask for, as they are here.

use super::super::{Registers, Session};
use crate::glob::matches_ignoring_case;
use bytes::Bytes;
use resp::ReplyWriter;

impl<N: Registers> Session<N> {
    /// The settings of Redis, by name, with what they would say here. What there is nothing true
    /// to say of is left out.
    pub(super) fn config(&self) -> Vec<(&'static str, String)> {
        let settings = &self.shared.settings;
        let limits = self.shared.node.limits();
        let mut config: Vec<(&'static str, String)> = [
            // Registers are in memory.
            ("appendfsync", "no"),
            ("appendonly", "no"),
            ("save", ""),
            ("cluster-enabled", "no"),
            ("databases", "1"),
            // What is written is never given up for what is new.
            ("maxmemory-policy", "noeviction"),
            ("notify-keyspace-events", ""),
            ("replica-read-only", "no"),
            ("slave-read-only", "no"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        config.push(("maxclients", settings.connections_max.to_string()));
        let maxmemory = limits.memory_bytes_max.unwrap_or_default();
        config.push(("maxmemory", maxmemory.to_string()));
        config.push(("port", settings.port.to_string()));
        config.push(("proto-max-bulk-len", limits.value_bytes_max.to_string()));
        config.sort_unstable();
        config
    }
}

/// Writes the settings that any of the patterns matches, each once. One that is asked for by its
/// very name is called as it was asked for, in letters of whatever case.
pub(super) fn write(config: &[(&str, String)], patterns: &[Bytes], to: &mut ReplyWriter<'_>) {
    let asked = config.iter().filter_map(|(name, value)| {
        let is_asked = |pattern: &&Bytes| matches_ignoring_case(pattern, name.as_bytes());
        let pattern = patterns.iter().find(is_asked)?;
        let is_named = pattern.eq_ignore_ascii_case(name.as_bytes());
        Some((if is_named { pattern } else { name.as_bytes() }, value))
    });
    let asked: Vec<(&[u8], &String)> = asked.collect();
    to.map(asked.len());
    for (name, value) in asked {
        to.bulk(name);
        to.bulk(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use resp::Dialect;

    fn written(patterns: &[&'static str]) -> BytesMut {
        let config = [
            ("maxmemory", "0"),
            ("maxmemory-policy", "noeviction"),
            ("save", ""),
        ];
        let config = config.map(|(name, value)| (name, value.to_owned()));
        let patterns: Vec<Bytes> = patterns.iter().map(|&pattern| pattern.into()).collect();
        let mut out = BytesMut::new();
        write(
            &config,
            &patterns,
            &mut ReplyWriter::new(&mut out, Dialect::Resp3),
        );
        out
    }

    #[test]
    fn settings_are_found_by_patterns_and_told_once() {
        assert_eq!(written(&["SAVE"]), "%1\r\n$4\r\nSAVE\r\n$0\r\n\r\n");
        assert_eq!(written(&["SAV?"]), "%1\r\n$4\r\nsave\r\n$0\r\n\r\n");
        assert!(written(&["max*", "maxmemory"]).starts_with(b"%2\r\n"));
        assert_eq!(written(&["nonsense"]), "%0\r\n");
    }
}
