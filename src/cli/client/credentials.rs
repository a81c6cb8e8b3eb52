//! What a client says to be let in: [`Credentials`].

use crate::cli::failure::Failure;
use crate::cli::password::PasswordArgs;
use hyper::header::HeaderValue;
use std::fmt;

/// What a client says to be let in, if anything.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    authorization: Option<HeaderValue>,
}

impl Credentials {
    /// Nothing: for nodes that want no password.
    pub(crate) const NONE: Credentials = Credentials {
        authorization: None,
    };

    /// The password that was given, if one was.
    ///
    /// # Errors
    /// If what was given is no password, or cannot be read.
    pub(crate) fn of(arguments: &PasswordArgs) -> Result<Self, Failure> {
        let secret = (arguments.secret())
            .map_err(|error| Failure::usage(error.to_string()).hint(error.hint()))?;
        let authorization = secret.map(|secret| {
            let text = format!("Bearer {}", secret.reveal());
            let mut value = HeaderValue::try_from(text).expect("a password is visible ASCII");
            value.set_sensitive(true);
            value
        });
        Ok(Self { authorization })
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// Without the password: logs are read by many.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.authorization {
            Some(_) => "a password",
            None => "no password",
        })
    }
}
