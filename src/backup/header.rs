//! Of what a backup is: [`Header`].

use super::fields::{Fields, Malformed, put_text};
use hyper::body::Bytes;

/// Of what a backup is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// The id of the cluster.
    pub(crate) cluster: String,
    /// When it was begun, in milliseconds since 1970.
    pub(crate) begun_ms: u64,
    /// The version of the program that wrote it.
    pub(crate) program: String,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.begun_ms.to_be_bytes());
        put_text(&mut out, &self.cluster);
        put_text(&mut out, &self.program);
        out
    }

    pub(super) fn decode(content: Bytes) -> Result<Self, Malformed> {
        let mut fields = Fields(content);
        let begun_ms = fields.u64()?;
        let cluster = fields.text()?;
        let program = fields.text()?;
        fields.end()?;
        Ok(Self {
            cluster,
            begun_ms,
            program,
        })
    }
}
