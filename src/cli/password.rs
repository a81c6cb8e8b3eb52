//! How a password is given, to a node and to those who ask one: [`PasswordArgs`].

use crate::server::{Password, SettingsError};
use clap::Args;
use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The password of a cluster, or where it is.
#[derive(Args, Clone, Default, Debug)]
pub(crate) struct PasswordArgs {
    /// The password that clients and the other nodes have to know. The list of processes shows it
    /// to everyone on this machine: rather give --password-file
    #[arg(
        long,
        env = "SHARDEDMEMORY_PASSWORD",
        value_name = "TEXT",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    password: Option<Secret>,

    /// A file with the password alone in it, on one line
    #[arg(long, env = "SHARDEDMEMORY_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl PasswordArgs {
    /// The password, as a client says it, if there is one.
    ///
    /// # Errors
    /// Why what was given is none.
    pub(crate) fn secret(&self) -> Result<Option<Secret>, SettingsError> {
        let secret =
            match (&self.password, &self.password_file) {
                (None, None) => return Ok(None),
                (Some(_), Some(_)) => return Err(SettingsError::PasswordTwice),
                (Some(secret), None) => secret.clone(),
                (None, Some(path)) => Secret(read_line(path).map_err(|error| {
                    SettingsError::PasswordFile(path.clone(), error.to_string())
                })?),
            };
        Password::new(&secret.0).map_err(SettingsError::Password)?;
        Ok(Some(secret))
    }

    /// The password, as a node knows it, if there is one.
    ///
    /// # Errors
    /// Why what was given is none.
    pub(crate) fn password(&self) -> Result<Option<Password>, SettingsError> {
        let password = self.secret()?.map(|secret| Password::new(&secret.0));
        password.transpose().map_err(SettingsError::Password)
    }
}

impl Secret {
    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    /// Takes any text: what is wrong with it is said later, by those who do not quote it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The one line of a file.
fn read_line(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = Password::LENGTHS.end() + LINE_END_BYTES_MAX;
    File::open(path)?
        .take(most as u64 + 1)
        .read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(line.to_owned())
}

const LINE_END_BYTES_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "correct-horse-battery";

    fn given(text: &str) -> PasswordArgs {
        PasswordArgs {
            password: Some(text.parse().unwrap()),
            password_file: None,
        }
    }

    fn in_file(content: &[u8]) -> Result<Option<Secret>, SettingsError> {
        let path = std::env::temp_dir().join(format!("password-{}", rand::random::<u64>()));
        std::fs::write(&path, content).unwrap();
        let read = PasswordArgs {
            password: None,
            password_file: Some(path.clone()),
        };
        let secret = read.secret();
        std::fs::remove_file(path).unwrap();
        secret
    }

    #[test]
    fn a_password_is_given_by_itself_or_in_a_file() {
        assert_eq!(PasswordArgs::default().secret(), Ok(None));
        let password = given(TEXT).password().unwrap().unwrap();
        assert!(password.is(TEXT.as_bytes()));
        for end in ["", "\n", "\r\n"] {
            let secret = in_file(format!("{TEXT}{end}").as_bytes()).unwrap().unwrap();
            assert_eq!(secret.reveal(), TEXT);
        }
        let longest = "x".repeat(512);
        let secret = in_file(format!("{longest}\r\n").as_bytes()).unwrap();
        assert_eq!(secret.unwrap().reveal(), longest);
    }

    #[test]
    fn what_is_no_password_is_told_without_it() {
        let short = given("elevenchars").secret().unwrap_err();
        let is_none = |text| SettingsError::Password(Password::new(text).unwrap_err());
        assert_eq!(short, is_none("elevenchars"));
        assert!(!format!("{short} {}", short.hint()).contains("eleven"));
        assert!(!format!("{:?}", given(TEXT)).contains("horse"));
        let two_lines = in_file(format!("{TEXT}\n{TEXT}\n").as_bytes());
        assert_eq!(two_lines, Err(is_none("two\nlines")));
        let empty = in_file(b"\n");
        assert_eq!(empty, Err(is_none("")));
        assert!(in_file(&[b'x'; 100_000]).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_and_two_passwords_are_told_so() {
        for path in ["/nowhere/at/all", "/"] {
            let arguments = PasswordArgs {
                password: None,
                password_file: Some(path.into()),
            };
            let error = arguments.secret().unwrap_err().to_string();
            assert!(
                error.contains(&format!("{path}, cannot be read")),
                "{error}"
            );
        }
        let both = PasswordArgs {
            password_file: Some("file".into()),
            ..given(TEXT)
        };
        assert_eq!(both.secret(), Err(SettingsError::PasswordTwice));
    }
}
