//! Names of registers, a page at a time, as nodes write them: [`Page`].

use crate::cli::client::Problem;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::Response;
use hyper::body::Bytes;
use serde::Deserialize;

/// Some names, and where to go on.
#[derive(Deserialize)]
pub(crate) struct Page {
    /// The names.
    pub(crate) registers: Vec<Name>,
    /// What the next page is asked for with. There is none after the last.
    pub(crate) cursor: Option<String>,
}

/// The name of a register.
#[derive(Deserialize)]
#[serde(try_from = "NameJson")]
pub(crate) struct Name(Bytes);

#[derive(Deserialize)]
enum NameJson {
    #[serde(rename = "name")]
    Text(String),
    #[serde(rename = "name_base64")]
    Base64(String),
}

impl Page {
    /// Reads a node's answer.
    ///
    /// # Errors
    /// Why it is no page.
    pub(crate) fn read(answer: &Response<Bytes>) -> Result<Self, String> {
        if !answer.status().is_success() {
            return Err(Problem::read(answer.body()).reason(answer.status()));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| format!("its answer makes no sense: {error}"))
    }
}

impl Name {
    /// Its bytes.
    pub(crate) fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl TryFrom<NameJson> for Name {
    type Error = String;

    fn try_from(json: NameJson) -> Result<Self, String> {
        match json {
            NameJson::Text(text) => Ok(Self(text.into())),
            NameJson::Base64(text) => match BASE64_STANDARD.decode(text) {
                Ok(bytes) => Ok(Self(bytes.into())),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}
