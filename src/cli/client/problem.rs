//! What went wrong at a node, in its words: [`Problem`].

use hyper::StatusCode;
use serde::Deserialize;

/// The part of a problem's description that a client acts on.
#[derive(Deserialize, Default)]
pub(crate) struct Problem {
    title: Option<String>,
    detail: Option<String>,
    /// What a client may believe of what it asked for, if the node says so.
    pub(crate) outcome: Option<End>,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// It was done.
    Done,
    /// Nothing happened, and nothing will.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Problem {
    /// Reads a description. What is none says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// What is wrong, in the node's words if it has any.
    pub(crate) fn reason(self, status: StatusCode) -> String {
        let words = self.detail.or(self.title);
        words.unwrap_or_else(|| format!("it answered {status}"))
    }
}
