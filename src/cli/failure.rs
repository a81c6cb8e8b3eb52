//! How a command ends when it did not do what it was asked: [`Failure`].

use crate::cli::output;
use std::process::ExitCode;

/// A command's end that is not success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// What a script may believe.
    pub(crate) exit: Exit,
    /// What happened and what it means for the data; nothing if all has been said.
    pub(crate) message: Option<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

/// The process's exit codes, beside 0 for done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// It was refused, or failed: nothing happened.
    Failed = 1,
    /// The command line or a setting is wrong: nothing happened. clap exits with the same.
    Usage = 2,
    /// A write may have happened, or may yet.
    Unknown = 3,
    /// There is nothing in the register.
    Nothing = 4,
    /// The cluster does not serve.
    Unavailable = 5,
    /// Another process has taken this node's place.
    Replaced = 6,
    /// The node stopped without having left the cluster.
    NotLeft = 7,
    /// What clients saw is not linearizable.
    NotLinearizable = 8,
    // 9 is a node that found itself broken: such a process ends where it stands.
    /// The register is not as the condition of a write has it: nothing happened.
    Unmet = 10,
    /// Ctrl-C or SIGTERM ended it early, as shells number it.
    Interrupted = 130,
}

impl Failure {
    /// It ended in this way, for this reason.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: Some(message.into()),
            hint: None,
        }
    }

    /// It failed, and nothing happened.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command line or a setting is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// It ended in this way, and the reason has been said.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self {
            exit,
            message: None,
            hint: None,
        }
    }

    /// It ended early because somebody wanted that.
    pub(crate) fn interrupted() -> Self {
        Self::silent(Exit::Interrupted)
    }

    /// The same, with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells it on standard error; returns what the process ends with.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(message) = &self.message {
            output::note(&format!("error: {message}"));
        }
        if let Some(hint) = &self.hint {
            output::note(&format!("hint: {hint}"));
        }
        ExitCode::from(self.exit as u8)
    }
}
