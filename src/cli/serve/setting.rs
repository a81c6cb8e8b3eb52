//! Every setting of a node, as its flag defines it: [`Setting`].

use super::ServeArgs;
use clap::{Arg, Args, Command};
use std::any::TypeId;
use std::sync::LazyLock;
use std::time::Duration;

/// One setting of a node. It is defined once, by its flag; what else there is to know of it is
/// read off that.
pub(crate) struct Setting {
    arg: Arg,
    kind: Kind,
}

/// How a setting's value is written in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// As `true` or `false`.
    Switch,
    /// As an integer.
    Number,
    /// As a string.
    Text,
    /// As a list of strings.
    List,
}

impl Setting {
    /// All settings, in the order in which the help has them.
    pub(crate) fn all() -> &'static [Setting] {
        static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| {
            let command = ServeArgs::augment_args(Command::new("serve"));
            let settings = command.get_arguments().filter(|arg| is_setting(arg));
            settings.cloned().map(Setting::new).collect()
        });
        &ALL
    }

    /// The setting with this key.
    pub(crate) fn find(key: &str) -> Option<&'static Setting> {
        Self::all().iter().find(|setting| setting.key() == key)
    }

    fn new(arg: Arg) -> Self {
        let parsed = arg.get_value_parser().type_id();
        let numbers = [
            TypeId::of::<Duration>(),
            TypeId::of::<u8>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
        ];
        let kind = if arg.get_value_delimiter().is_some() {
            Kind::List
        } else if parsed == TypeId::of::<bool>() {
            Kind::Switch
        } else if numbers.iter().any(|number| parsed == *number) {
            Kind::Number
        } else {
            Kind::Text
        };
        Self { arg, kind }
    }

    /// Its name in a file: the flag's, in snake_case.
    pub(crate) fn key(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// Its name on the command line, without the dashes.
    pub(crate) fn flag(&self) -> &str {
        self.arg.get_long().expect("every setting has a flag")
    }

    /// Its name in the environment.
    pub(crate) fn variable(&self) -> String {
        let name = self.arg.get_env().expect("every setting has a variable");
        name.to_string_lossy().into_owned()
    }

    /// Whether its value is shown to nobody.
    pub(crate) fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// How its value is written.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What the help calls the settings that it stands among.
    pub(crate) fn heading(&self) -> &str {
        self.arg.get_help_heading().unwrap_or_default()
    }

    /// What it is, in a line.
    pub(crate) fn help(&self) -> String {
        self.arg
            .get_help()
            .map(|help| help.to_string())
            .unwrap_or_default()
    }

    /// Whether its flag takes this value.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let arg = self.arg.clone().env(None::<&str>);
        let command = Command::new("serve").no_binary_name(true).arg(arg);
        let line = [format!("--{}={value}", self.flag())];
        let Err(error) = command.try_get_matches_from(line) else {
            return Ok(());
        };
        Err(match std::error::Error::source(&error) {
            Some(source) => source.to_string(),
            None => {
                let values = self.arg.get_possible_values();
                let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
                format!("one of {} is wanted", names.join(", "))
            }
        })
    }
}

/// Whether a flag of `serve` is a setting: the others say where settings are, or how the process
/// was started.
fn is_setting(arg: &Arg) -> bool {
    arg.get_env().is_some() && arg.get_id() != "config"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_one_name_in_three_spellings() {
        assert!(Setting::all().len() > 25);
        for setting in Setting::all() {
            let key = setting.key();
            assert_eq!(setting.flag(), key.replace('_', "-"));
            assert_eq!(
                setting.variable(),
                format!("SHARDEDMEMORY_{}", key.to_uppercase())
            );
            assert!(
                !setting.heading().is_empty() && !setting.help().is_empty(),
                "{key}"
            );
        }
        assert!(Setting::find("config").is_none());
        assert!(Setting::find("exit_with_parent").is_none());
    }

    #[test]
    fn a_setting_is_of_its_flags_kind() {
        for (key, kind) in [
            ("listen", Kind::List),
            ("peers", Kind::List),
            ("advertise", Kind::Text),
            ("insecure", Kind::Switch),
            ("replication", Kind::Number),
            ("ping_interval_ms", Kind::Number),
            ("copy_bytes_per_second_max", Kind::Number),
            ("lanes", Kind::Number),
            ("log_format", Kind::Text),
        ] {
            assert_eq!(Setting::find(key).unwrap().kind(), kind, "{key}");
        }
    }

    #[test]
    fn a_value_is_checked_as_its_flag_does() {
        let check = |key, value| Setting::find(key).unwrap().check(value);
        assert_eq!(check("ping_interval_ms", "500"), Ok(()));
        let error = check("ping_interval_ms", "0").unwrap_err();
        assert!(error.contains("from 1 to"), "{error}");
        let error = check("replication", "8").unwrap_err();
        assert!(error.contains("1..=7"), "{error}");
        let error = check("log_format", "xml").unwrap_err();
        assert_eq!(error, "one of text, json, auto is wanted");
        assert_eq!(check("advertise", "--strange:1"), Ok(()));
        assert!(check("advertise", "nowhere").is_err());
    }
}
