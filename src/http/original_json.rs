//! The JSON of the original's interface: what a write asks for, and what every answer has.

use super::json::{self, object};
use super::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::Tag;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// The longest body that a value may come in: JSON can spend six bytes (`\u0041`) on one.
pub(super) fn body_bytes_max(value_bytes_max: usize) -> usize {
    const REST_BYTES_MAX: usize = 4096;
    value_bytes_max
        .saturating_mul(6)
        .saturating_add(REST_BYTES_MAX)
}

/// The address and the value that a write asks for.
pub(super) fn parse(body: &[u8]) -> Result<(u64, Bytes), Problem> {
    const SHAPE: &str = r#"the body is {"addr":7,"value":"text"}, or has value_base64 for value"#;
    let request: WriteJson = object(body, SHAPE)?;
    let value = match (request.value, request.value_base64) {
        (Some(text), None) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(text)) => STANDARD
            .decode(text.as_bytes())
            .map_err(|error| Problem::malformed(format_args!("value_base64: {error}")))?
            .into(),
        _ => {
            let detail = "the body has either value or value_base64";
            return Err(Problem::malformed(detail));
        }
    };
    Ok((request.addr, value))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteJson<'a> {
    addr: u64,
    #[serde(borrow, default, deserialize_with = "given")]
    value: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "given")]
    value_base64: Option<Cow<'a, str>>,
}

/// A text that may be left out, but not be null. It is borrowed where it can be.
fn given<'a, D: Deserializer<'a>>(field: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(json::given(field)?.map(|Text(text)| text))
}

/// Address, value and tag of a register.
#[derive(Serialize)]
pub(super) struct RegisterJson<'a> {
    addr: u64,
    /// Left out for a value that is no UTF-8; `null` where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    tag: TagJson,
}

impl<'a> RegisterJson<'a> {
    pub(super) fn new(addr: u64, content: Option<&'a [u8]>, tag: Tag) -> Self {
        let text = content.map(str::from_utf8).transpose();
        Self {
            addr,
            value: text.ok(),
            value_base64: (content.filter(|_| text.is_err())).map(|value| STANDARD.encode(value)),
            tag: TagJson {
                seq: tag.seq,
                writer: tag.writer.to_string(),
                step: tag.step,
            },
        }
    }
}

#[derive(Serialize)]
struct TagJson {
    seq: u64,
    writer: String,
    step: u32,
}
