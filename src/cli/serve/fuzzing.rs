//! For fuzzing: what can stand in a settings file.

use super::{ServeArgs, SettingsFile};
use clap::{Args, Command, FromArgMatches};
use std::path::Path;

/// A settings file has this text. Either each of its lines with something wrong is told, or it
/// stands for the defaults of a node, which may be no good, but are understood.
pub fn settings_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let lines = 1 + text.matches('\n').count();
    match SettingsFile::parse(Path::new("node.toml"), text) {
        Ok(file) => {
            let command = ServeArgs::augment_args(Command::new("serve").no_binary_name(true));
            let command = file
                .as_defaults(command)
                .mut_args(|arg| arg.env(None::<&str>));
            let matches = command.try_get_matches_from([""; 0]);
            let arguments = matches.and_then(|matches| ServeArgs::from_arg_matches(&matches));
            let arguments = arguments.expect("each setting was checked");
            if let Err(failure) = arguments.checked_settings() {
                assert!(failure.message.is_some() && failure.hint.is_some());
            }
        }
        Err(failure) => {
            let message = failure.message.expect("what is wrong is told");
            let place = message.strip_prefix("node.toml:");
            let line = place.and_then(|place| place.split(':').next()?.parse().ok());
            assert!(
                line.is_some_and(|line| (1..=lines).contains(&line)),
                "{message:?} names no line of {lines}"
            );
        }
    }
}
