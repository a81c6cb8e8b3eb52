//! A file of settings: [`SettingsFile`].

use super::setting::{Kind, Setting};
use crate::cli::failure::Failure;
use crate::cli::values::nearest;
use clap::Command;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The settings that a TOML file gives, each of which its flag would take.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    /// By the settings' keys.
    entries: BTreeMap<&'static str, Entry>,
}

/// One setting in a file.
#[derive(Debug)]
struct Entry {
    line: usize,
    /// As the flag would be given them.
    values: Vec<String>,
}

/// The longest file that is read. Its longest sensible content is some kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl SettingsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or for everything that is wrong in it, by line.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path).map_err(|error| {
            Failure::usage(format!(
                "the settings file {} cannot be read: {error}",
                path.display()
            ))
            .hint("name a file with --config or SHARDEDMEMORY_CONFIG, or none")
        })?;
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let line_of = |span: Range<usize>| 1 + text[..span.start].matches('\n').count();
        let mut entries = BTreeMap::new();
        let mut faults = Vec::new();
        match DeTable::parse(text) {
            Ok(table) => {
                for (key, value) in table.get_ref() {
                    let line = line_of(key.span());
                    match setting(key.get_ref(), value.get_ref()) {
                        Ok((setting, values)) => {
                            entries.insert(setting.key(), Entry { line, values });
                        }
                        Err(fault) => faults.push((line, fault)),
                    }
                }
            }
            Err(error) => {
                let line = error.span().map_or(1, line_of);
                faults.push((line, format!("this is no TOML: {}", error.message())));
            }
        }
        if faults.is_empty() {
            let path = path.to_owned();
            return Ok(Self { path, entries });
        }
        faults.sort();
        let faults: Vec<String> = faults
            .into_iter()
            .map(|(line, fault)| format!("{}:{line}: {fault}", path.display()))
            .collect();
        Err(Failure::usage(faults.join("\n       "))
            .hint("'shardedmemory config print --toml' prints a file with every setting"))
    }

    /// The command `serve`, or one with the same flags, with this file's values in the place of
    /// the defaults: so they give way to the command line and to the environment.
    pub(crate) fn as_defaults(&self, command: Command) -> Command {
        command.mut_args(|arg| match self.entries.get(arg.get_id().as_str()) {
            Some(entry) => arg.default_values(entry.values.clone()),
            None => arg,
        })
    }

    /// Where it gives this setting, as `FILE:LINE`.
    pub(crate) fn place(&self, setting: &Setting) -> Option<String> {
        let entry = self.entries.get(setting.key())?;
        Some(format!("{}:{}", self.path.display(), entry.line))
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    match length as u64 {
        0..=FILE_BYTES_MAX => Ok(text),
        _ => Err(io::Error::other(format!(
            "it is longer than {FILE_BYTES_MAX} bytes"
        ))),
    }
}

/// The setting that a line gives, and its values, as its flag takes them.
fn setting(key: &str, value: &DeValue<'_>) -> Result<(&'static Setting, Vec<String>), String> {
    let Some(setting) = Setting::find(key) else {
        let keys = Setting::all().iter().map(Setting::key);
        let nearest = nearest(key, keys).expect("there are settings");
        return Err(format!(
            "there is no setting {key}; the nearest is {nearest}"
        ));
    };
    let values = match (setting.kind(), value) {
        (Kind::Switch, DeValue::Boolean(on)) => vec![on.to_string()],
        (Kind::Number, DeValue::Integer(number)) => {
            let digits = u128::from_str_radix(number.as_str(), number.radix());
            vec![digits.map_or_else(|_| number.to_string(), |number| number.to_string())]
        }
        (Kind::Text, DeValue::String(text)) => vec![text.clone().into_owned()],
        (Kind::List, DeValue::Array(items)) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Some(text.clone().into_owned()),
                _ => None,
            });
            texts.collect::<Option<_>>().ok_or_else(|| {
                format!(
                    "{key} is to be {}, and not all in its list are",
                    Kind::List.example()
                )
            })?
        }
        (kind, value) => {
            let (expected, given) = (kind.example(), name_of(value));
            return Err(format!("{key} is to be {expected}, and {given} is given"));
        }
    };
    for value in &values {
        setting
            .check(value)
            .map_err(|error| format!("{key} cannot be {value:?}: {error}"))?;
    }
    Ok((setting, values))
}

impl Kind {
    fn example(self) -> &'static str {
        match self {
            Kind::Switch => "true or false",
            Kind::Number => "an integer, as in 500",
            Kind::Text => "a string, as in \"info\"",
            Kind::List => "a list of strings, as in [\"127.0.0.1:3030\"]",
        }
    }
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    fn parse(text: &str) -> Result<SettingsFile, String> {
        SettingsFile::parse(Path::new("node.toml"), text).map_err(|failure| {
            assert_eq!(failure.exit, Exit::Usage);
            failure.message.unwrap()
        })
    }

    fn values(file: &SettingsFile, key: &str) -> Vec<String> {
        file.entries[key].values.clone()
    }

    #[test]
    fn a_file_gives_settings_of_every_kind_with_their_lines() {
        let file = parse(
            "# a comment\npeers = [\n  'a:1', \"b:1\",\n]\nping_interval_ms = 1_000\n\
             insecure = true\nlog = \"info\"\nvalue_bytes_max = 0x10\n",
        )
        .unwrap();
        assert_eq!(values(&file, "peers"), ["a:1", "b:1"]);
        assert_eq!(values(&file, "ping_interval_ms"), ["1000"]);
        assert_eq!(values(&file, "insecure"), ["true"]);
        assert_eq!(values(&file, "log"), ["info"]);
        assert_eq!(values(&file, "value_bytes_max"), ["16"]);
        let place = |key| file.place(Setting::find(key).unwrap());
        assert_eq!(place("peers").unwrap(), "node.toml:2");
        assert_eq!(place("ping_interval_ms").unwrap(), "node.toml:5");
        assert_eq!(place("lanes"), None);
        assert!(parse("").unwrap().entries.is_empty());
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
        for (key, nearest) in [
            ("ping_interval", "ping_interval_ms"),
            ("peer", "peers"),
            ("\"ping-interval-ms\"", "ping_interval_ms"),
            ("replicaton", "replication"),
            ("loglevel", "log"),
        ] {
            let error = parse(&format!("\n{key} = 1")).unwrap_err();
            let expected = format!(
                "node.toml:2: there is no setting {}; the nearest is {nearest}",
                key.trim_matches('"')
            );
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_value_of_another_kind_is_told_with_what_is_expected() {
        for (text, part) in [
            (
                "ping_interval_ms = '500'",
                "is to be an integer, as in 500, and a string is given",
            ),
            (
                "ping_interval_ms = 0.5",
                "a number with a fraction is given",
            ),
            (
                "insecure = 1",
                "is to be true or false, and an integer is given",
            ),
            ("peers = 'a:1'", "is to be a list of strings"),
            ("peers = ['a:1', 2]", "not all in its list are"),
            ("log = true", "is to be a string"),
            ("log.format = 'json'", "and a table is given"),
            ("[peers]\na = 1", "and a table is given"),
            ("weight = 1979-05-27", "and a date or time is given"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("node.toml:1: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_value_that_the_flag_would_not_take_is_told_why() {
        for (text, part) in [
            (
                "ping_interval_ms = 0",
                "cannot be \"0\": a number of milliseconds from 1",
            ),
            ("weight = -1", "cannot be \"-1\""),
            (
                "weight = 99999999999999999999999999999999999999999999",
                "cannot be",
            ),
            (
                "peers = ['a:1', 'b']",
                "cannot be \"b\": it must end with a port",
            ),
            ("log_format = 'xml'", "one of text, json, auto is wanted"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = parse("insecure = 1\nlanes = 2\npeer = []\n").unwrap_err();
        let lines: Vec<&str> = error.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 2, "{error}");
        assert!(lines[0].starts_with("node.toml:1:") && lines[1].starts_with("node.toml:3:"));
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        for (text, line) in [
            ("lanes = 1\nlanes", 2),
            ("lanes = 1\nlanes = 2", 2),
            ("= 1", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.starts_with(&format!("node.toml:{line}: this is no TOML")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_so() {
        for path in ["/nowhere/at/all.toml", "/", "/dev/zero"] {
            let failure = SettingsFile::read(Path::new(path)).unwrap_err();
            let message = failure.message.unwrap();
            assert!(
                message.contains(&format!("the settings file {path} cannot be read")),
                "{message}"
            );
        }
    }
}
