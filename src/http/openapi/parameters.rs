//! Parameters that several requests have.

use serde::Deserialize;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// How long an operation may take.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is described, and read by hand")]
pub(in crate::http) struct Deadline {
    /// How long the node may take, in milliseconds; at most, and if it is not given, what the
    /// node's settings say.
    #[param(minimum = 1, required = false)]
    timeout_ms: Option<u64>,
}

/// When a value expires.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is described, and read by hand")]
pub(in crate::http) struct Expiry {
    /// After how many milliseconds the value expires. If neither this nor expires_ms is given, it
    /// never does.
    #[param(minimum = 1, maximum = 9007199254740991u64, required = false)]
    ttl_ms: Option<u64>,
    /// When the value expires, in milliseconds since 1970, instead of ttl_ms. If that has passed,
    /// the register holds nothing after the write.
    #[param(minimum = 1, required = false)]
    expires_ms: Option<u64>,
}

/// Which register.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is described, and read by hand")]
pub(in crate::http) struct Name {
    /// The register's name: 1 to 1,024 bytes, percent-encoded, a slash as %2F.
    #[param(example = "greeting")]
    name: String,
}

/// On which terms a register is written.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is described, and read by hand")]
pub(in crate::http) struct Conditions {
    /// Write only if the register has this tag, as ETag gives it; or, with `*`, only if it holds
    /// something. One tag, strong.
    #[serde(rename = "If-Match")]
    #[param(required = false)]
    if_match: Option<String>,
    /// With `*`: write only if the register holds nothing. Tags are not taken.
    #[serde(rename = "If-None-Match")]
    #[param(required = false)]
    if_none_match: Option<String>,
}

/// What a reader has already.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is described, and read by hand")]
pub(in crate::http) struct Known {
    /// Answer 304 without the value if the register has one of these tags.
    #[serde(rename = "If-None-Match")]
    #[param(required = false)]
    if_none_match: Option<String>,
}

/// A value as it is, as a body.
pub(in crate::http) struct Bytes;

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(bytes()))
    }
}

impl ToSchema for Bytes {}

/// A value as it is.
pub(super) fn bytes() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .content_media_type("application/octet-stream")
        .build()
}
