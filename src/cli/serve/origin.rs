//! Where a setting's value came from: [`Origin`].

use super::file::SettingsFile;
use super::setting::Setting;
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::fmt;

/// Where a setting's value came from. Each one gives way to those above it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The command line, by this flag.
    Flag(String),
    /// The environment, by this variable.
    Variable(String),
    /// A file, at this place in it.
    File(String),
    /// Nobody gave it.
    Default,
}

impl Origin {
    /// Where the value of a setting came from, in a command line that was read with the file's
    /// values as defaults.
    pub(crate) fn of(setting: &Setting, matches: &ArgMatches, file: Option<&SettingsFile>) -> Self {
        match matches.value_source(setting.key()) {
            Some(ValueSource::CommandLine) => Self::Flag(format!("--{}", setting.flag())),
            Some(ValueSource::EnvVariable) => Self::Variable(setting.variable()),
            _ => match file.and_then(|file| file.place(setting)) {
                Some(place) => Self::File(place),
                None => Self::Default,
            },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(place) => f.write_str(place),
            Self::Default => f.write_str("default"),
        }
    }
}
