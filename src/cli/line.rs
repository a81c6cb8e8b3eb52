//! A command line, and what goes with it: [`Line`].

use crate::cli::config::{self, ConfigCommand};
use crate::cli::failure::Failure;
use crate::cli::serve::{self, SettingsFile};
use crate::cli::{
    Cli, Command, backup, bench, cluster, delete, demo, environment, inspect, list, members,
    openapi, original, output, read, recover, restore, status, torture, verify, write,
};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;

/// A command line that was understood.
pub(super) struct Line {
    pub(super) cli: Cli,
    matches: ArgMatches,
    /// The settings file that it names, or the environment.
    file: Option<SettingsFile>,
}

impl Line {
    /// Reads a command line, and with it the environment and the settings file that they name. One
    /// that is wrong ends the process, as does one that asks for help.
    ///
    /// # Errors
    /// If something is wrong with the settings file.
    pub(super) fn of(line: Vec<OsString>) -> Result<Self, Failure> {
        match Self::try_of(line) {
            Ok(line) => line,
            Err(error) => error.exit(),
        }
    }

    fn try_of(line: Vec<OsString>) -> Result<Result<Self, Failure>, clap::Error> {
        let command = Cli::command();
        let mut matches = command.clone().try_get_matches_from(&line)?;
        let mut file = None;
        let path = serve_matches(&matches).and_then(|serve| serve.get_one::<PathBuf>("config"));
        if let Some(path) = path {
            let settings = match SettingsFile::read(path) {
                Ok(settings) => settings,
                Err(failure) => return Ok(Err(failure)),
            };
            // Read again, now that it is known what the flags are that were not given.
            let command = command
                .mut_subcommand("serve", |serve| settings.as_defaults(serve))
                .mut_subcommand("config", |config| {
                    config.mut_subcommand("print", |print| settings.as_defaults(print))
                });
            matches = command.try_get_matches_from(&line)?;
            file = Some(settings);
        }
        let cli = Cli::from_arg_matches(&matches)?;
        Ok(Ok(Self { cli, matches, file }))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// If it did not do what it was asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.cli {
            Cli {
                port: Some(port), ..
            } => original(*port)?.run(),
            Cli {
                command: Some(command),
                ..
            } => {
                // The log of a node, which may be JSON, has them in its own form.
                if !matches!(command, Command::Serve(_) | Command::Cluster(_)) {
                    for warning in environment::warnings() {
                        output::note(&format!("warning: {warning}"));
                    }
                }
                self.run_command(command)
            }
            // clap prints the help when there are no arguments at all.
            Cli {
                port: None,
                command: None,
            } => Ok(()),
        }
    }

    fn run_command(&self, command: &Command) -> Result<(), Failure> {
        match command {
            Command::Serve(arguments) => serve::run(arguments),
            Command::Cluster(arguments) => cluster::run(arguments),
            Command::Demo(arguments) => demo::run(arguments),
            Command::Torture(arguments) => torture::run(arguments),
            Command::Bench(arguments) => bench::run(arguments),
            Command::Read(arguments) => read::run(arguments),
            Command::Write(arguments) => write::run(arguments),
            Command::Delete(arguments) => delete::run(arguments),
            Command::List(arguments) => list::run(arguments),
            Command::Backup(arguments) => backup::run(arguments),
            Command::Restore(arguments) => restore::run(arguments),
            Command::Inspect(arguments) => inspect::run(arguments),
            Command::Status(arguments) => status::run(arguments),
            Command::Verify(arguments) => verify::run(arguments),
            Command::Members(arguments) => members::run(arguments),
            Command::Recover(arguments) => recover::run(arguments),
            Command::Openapi(arguments) => openapi::run(arguments),
            Command::Config(config) => match &config.command {
                ConfigCommand::Print(arguments) => {
                    let matches = serve_matches(&self.matches).expect("the line names `print`");
                    config::print(arguments, matches, self.file.as_ref())
                }
            },
        }
    }
}

/// What was given of the flags of `serve`, if the command has them.
fn serve_matches(matches: &ArgMatches) -> Option<&ArgMatches> {
    match matches.subcommand()? {
        ("serve", serve) => Some(serve),
        ("config", config) => Some(config.subcommand()?.1),
        _ => None,
    }
}

/// What is to be parsed of a command line: all of it, or, if it begins with a word that is neither
/// a command nor a port, just that. What follows would be complained of instead.
pub(super) fn to_parse(mut line: Vec<OsString>) -> Vec<OsString> {
    let first = line.get(1).and_then(|word| word.to_str());
    let is_flag = |word: &str| word.starts_with('-');
    let is_command = |word: &str| word == "help" || Cli::command().find_subcommand(word).is_some();
    if first.is_some_and(|word| !is_flag(word) && !is_command(word) && word.parse::<u16>().is_err())
    {
        line.truncate(2);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn a_settings_file_gives_way_to_flags_and_both_forms_of_serve_read_it() {
        let path = std::env::temp_dir().join(format!("line-{}.toml", rand::random::<u64>()));
        std::fs::write(&path, "ping_interval_ms = 700\nlanes = 3\n").unwrap();
        let config = path.to_str().unwrap();
        let parse = |words: &[&str]| {
            let line = [
                &["shardedmemory"],
                words,
                &["--config", config, "--lanes", "4"],
            ]
            .concat();
            let line = line.into_iter().map(OsString::from).collect();
            Line::try_of(line).unwrap()
        };
        let Some(Command::Serve(serve)) = parse(&["serve"]).unwrap().cli.command else {
            panic!("it serves");
        };
        let settings = serve.settings().unwrap();
        assert_eq!(settings.ping_interval.as_millis(), 700);
        assert_eq!(settings.lanes, 4);
        let printed = parse(&["config", "print"]).unwrap();
        let matches = serve_matches(&printed.matches).unwrap();
        let raw = matches.get_raw("ping_interval_ms").unwrap();
        assert_eq!(raw.collect::<Vec<_>>(), ["700"]);

        std::fs::write(&path, "lane = 3\n").unwrap();
        let failure = parse(&["serve"]).err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
        std::fs::remove_file(&path).unwrap();
    }
}
