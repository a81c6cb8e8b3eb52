//! The JSON of the original's interface: what a write asks for, and what every answer has.

use super::expires::Expires;
use super::json::{self, object};
use super::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::Tag;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// The longest body that a value may come in: JSON can spend six bytes (`\u0041`) on one.
pub(super) fn body_bytes_max(value_bytes_max: usize) -> usize {
    const REST_BYTES_MAX: usize = 4096;
    value_bytes_max
        .saturating_mul(6)
        .saturating_add(REST_BYTES_MAX)
}

/// What a write asks for.
pub(super) struct Wanted {
    pub(super) address: u64,
    pub(super) value: Bytes,
    /// When the value is to expire, if it is.
    pub(super) expires: Option<Expires>,
}

/// What a write asks for.
pub(super) fn parse(body: &[u8]) -> Result<Wanted, Problem> {
    const SHAPE: &str = r#"the body is {"addr":7,"value":"text"}, or has value_base64 for value, and ttl_ms if it is to expire"#;
    let request: WriteJson = object(body, SHAPE)?;
    let value = text_or_base64("value", request.value, request.value_base64)?;
    Ok(Wanted {
        address: request.addr,
        value: value
            .ok_or_else(|| Problem::malformed("the body has either value or value_base64"))?,
        expires: Expires::of(request.ttl_ms, None)?,
    })
}

/// The bytes that a field gives as text, or as base64 under its name with `_base64`; nothing if it
/// gives neither.
pub(super) fn text_or_base64(
    field: &str,
    text: Option<Cow<'_, str>>,
    base64: Option<Cow<'_, str>>,
) -> Result<Option<Bytes>, Problem> {
    match (text, base64) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        (None, Some(text)) => match STANDARD.decode(text.as_bytes()) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(Problem::malformed(format_args!("{field}_base64: {error}"))),
        },
        (Some(_), Some(_)) => Err(Problem::malformed(format_args!(
            "there is either {field} or {field}_base64"
        ))),
    }
}

/// What is written where: either a value, or one in base64.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Write)]
pub(super) struct WriteJson<'a> {
    /// The address, without leading zeros.
    addr: u64,
    /// The value, as text.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    value: Option<Cow<'a, str>>,
    /// The value, in base64 with padding.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    value_base64: Option<Cow<'a, str>>,
    /// After how many milliseconds the value expires. If it is not given, it never does.
    #[schema(value_type = u64, required = false, minimum = 1, maximum = 9007199254740991u64)]
    #[serde(default, deserialize_with = "json::given")]
    ttl_ms: Option<u64>,
}

/// A text that may be left out, but not be null. It is borrowed where it can be.
pub(super) fn given<'a, D: Deserializer<'a>>(field: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(json::given(field)?.map(|Text(text)| text))
}

/// Address, value and tag of a register.
#[derive(Serialize, ToSchema)]
#[schema(as = Register)]
pub(super) struct RegisterJson<'a> {
    addr: u64,
    /// Left out for a value that is no UTF-8; `null` where nothing is.
    #[schema(value_type = Option<String>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<&'a str>>,
    /// The value in base64, if it is no UTF-8.
    #[schema(value_type = String, required = false)]
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

/// The version of a register.
#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
struct TagJson {
    seq: u64,
    writer: String,
    step: u32,
}
