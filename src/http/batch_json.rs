//! The JSON of batches: what a request asks for, and what its answer has.

use super::batch::{Done, Ended, OPERATIONS_MAX};
use super::conditions::Precondition;
use super::expires::Expires;
use super::json::{self, object};
use super::operations::Write;
use super::original_json::{given, text_or_base64};
use super::problem::{Problem, ProblemJson};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{Condition, RegisterName, Tag, UnixMillis};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use utoipa::ToSchema;

/// One operation of a batch.
pub(super) enum Step {
    Read(RegisterName),
    Write(Write),
}

/// The operations of a batch, each on a register of its own.
pub(super) fn parse(body: &[u8], value_bytes_max: usize) -> Result<Vec<Step>, Problem> {
    const SHAPE: &str = r#"the body is {"operations":[{"op":"read","name":"a"},{"op":"write","name":"b","value":"text"},{"op":"delete","name":"c"}]}"#;
    let batch: BatchJson = object(body, SHAPE)?;
    if !(1..=OPERATIONS_MAX).contains(&batch.operations.len()) {
        return Err(Problem::malformed(format_args!(
            "a batch has from 1 to {OPERATIONS_MAX} operations, and this one {}; nothing was done",
            batch.operations.len()
        )));
    }
    let mut names = HashSet::new();
    let mut steps = Vec::with_capacity(batch.operations.len());
    for (index, operation) in batch.operations.into_iter().enumerate() {
        let step = step(operation, value_bytes_max)
            .map_err(|problem| problem.within(format_args!("operation {index} of the batch")))?;
        if !names.insert(step.name().clone()) {
            return Err(Problem::malformed(format_args!(
                "operation {index} of the batch names a register that one before it names: they \
                 run side by side, so which comes first could not be told; nothing was done"
            )));
        }
        steps.push(step);
    }
    Ok(steps)
}

impl Step {
    fn name(&self) -> &RegisterName {
        match self {
            Step::Read(name) => name,
            Step::Write(write) => &write.name,
        }
    }
}

fn step(operation: OperationJson<'_>, value_bytes_max: usize) -> Result<Step, Problem> {
    let OperationJson {
        op,
        name,
        name_base64,
        value,
        value_base64,
        ttl_ms,
        expires_ms,
        if_tag,
        if_absent,
        if_present,
    } = operation;
    // It may be empty, which no path can say: Redis clients have a register of that name, too.
    let name = text_or_base64("name", name, name_base64)?;
    let name = name.ok_or_else(|| Problem::malformed("there is a name"))?;
    let name = RegisterName::new(name).map_err(Problem::malformed)?;
    let content = text_or_base64("value", value, value_base64)?;
    let expires = Expires::of(ttl_ms, expires_ms)?;
    let is_conditional = if_tag.is_some() || if_absent.is_some() || if_present.is_some();
    let precondition = precondition(if_tag.as_deref(), if_absent, if_present)?;
    match (op, content) {
        (OpJson::Read, None) if expires.is_none() && !is_conditional => Ok(Step::Read(name)),
        (OpJson::Read, _) => Err(Problem::malformed("a read has a name and nothing else")),
        (OpJson::Write, Some(content)) if content.len() > value_bytes_max => Err(
            Problem::too_large(format_args!("a value has at most {value_bytes_max} bytes")),
        ),
        (OpJson::Write, Some(content)) => Ok(Step::Write(Write {
            name,
            content: Some(content),
            expires,
            precondition,
        })),
        (OpJson::Write, None) => Err(Problem::malformed("a write has value or value_base64")),
        (OpJson::Delete, None) if expires.is_none() => Ok(Step::Write(Write {
            name,
            content: None,
            expires: None,
            precondition,
        })),
        (OpJson::Delete, _) => Err(Problem::malformed(
            "a delete has a name, a condition if it likes, and nothing else",
        )),
    }
}

fn precondition(
    if_tag: Option<&str>,
    if_absent: Option<bool>,
    if_present: Option<bool>,
) -> Result<Precondition, Problem> {
    match (if_tag, if_absent, if_present) {
        (None, None, None) => Ok(Precondition::None),
        (Some(tag), None, None) => Ok(Precondition::if_tag(tag.as_bytes())),
        (None, Some(true), None) => Ok(Precondition::Some(Condition::Absent)),
        (None, None, Some(true)) => Ok(Precondition::Some(Condition::Present)),
        _ => Err(Problem::malformed(
            "a condition is one of if_tag, \"if_absent\":true and \"if_present\":true",
        )),
    }
}

/// Operations on registers, each on one of its own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Batch)]
pub(super) struct BatchJson<'a> {
    #[schema(min_items = 1, max_items = 1000)]
    #[serde(borrow)]
    operations: Vec<OperationJson<'a>>,
}

/// An operation on a register, with either its name or that in base64. A write has either a value
/// or one in base64; it and a delete may have one condition.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchOperation)]
struct OperationJson<'a> {
    op: OpJson,
    /// The register's name, as text; it may be empty.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    name: Option<Cow<'a, str>>,
    /// The register's name, in base64 with padding.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    name_base64: Option<Cow<'a, str>>,
    /// The value, as text.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    value: Option<Cow<'a, str>>,
    /// The value, in base64 with padding.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    value_base64: Option<Cow<'a, str>>,
    /// After how many milliseconds the value expires.
    #[schema(value_type = u64, required = false, minimum = 1, maximum = 9007199254740991u64)]
    #[serde(default, deserialize_with = "json::given")]
    ttl_ms: Option<u64>,
    /// When the value expires, in milliseconds since 1970, as the result of a read says it; instead
    /// of ttl_ms. If that has passed, the register holds nothing after the write.
    #[schema(value_type = u64, required = false, minimum = 1)]
    #[serde(default, deserialize_with = "json::given")]
    expires_ms: Option<u64>,
    /// Write only if the register has this tag.
    #[schema(value_type = String, required = false)]
    #[serde(borrow, default, deserialize_with = "given")]
    if_tag: Option<Cow<'a, str>>,
    /// With true: write only if the register holds nothing.
    #[schema(value_type = bool, required = false)]
    #[serde(default, deserialize_with = "json::given")]
    if_absent: Option<bool>,
    /// With true: write only if the register holds something.
    #[schema(value_type = bool, required = false)]
    #[serde(default, deserialize_with = "json::given")]
    if_present: Option<bool>,
}

/// What to do.
#[derive(Deserialize, Clone, Copy, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BatchVerb)]
enum OpJson {
    Read,
    Write,
    Delete,
}

/// What became of the operations of a batch, in their order.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResults)]
pub(super) struct AnswersJson {
    results: Vec<AnswerJson>,
}

/// What became of one operation.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResult)]
struct AnswerJson {
    /// As it would have been answered by itself.
    status: u16,
    /// What was read, as text.
    #[schema(value_type = String, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// What was read, in base64, if it is no UTF-8.
    #[schema(value_type = String, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    /// The register's tag, unless nobody ever wrote it.
    #[schema(value_type = String, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// When the value expires, in milliseconds since 1970, if it does.
    #[schema(value_type = u64, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_ms: Option<u64>,
    /// How many rounds of messages it took.
    #[schema(value_type = u8, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<u8>,
    /// What went wrong, if anything did.
    #[schema(value_type = ProblemJson, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemJson>,
}

impl AnswersJson {
    pub(super) fn new(ended: impl Iterator<Item = Ended>) -> Self {
        Self {
            results: ended.map(AnswerJson::new).collect(),
        }
    }
}

impl AnswerJson {
    fn new(ended: Ended) -> Self {
        let (status, value, about, problem) = match ended {
            Ok(Done::Read(value, about)) => (200, Some(value), Some(about), None),
            Ok(Done::Written(about)) => (204, None, Some(about), None),
            Err(problem) => (
                problem.status(),
                None,
                problem.about().copied(),
                Some(problem),
            ),
        };
        let (value, value_base64) = match value.map(|value| String::from_utf8(value.into())) {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(bytes)) => (None, Some(STANDARD.encode(bytes.as_bytes()))),
        };
        let tag = about.and_then(|about| about.known_tag());
        let expiry = about.and_then(|about| about.expiry);
        Self {
            status,
            value,
            value_base64,
            tag: tag.as_ref().map(Tag::to_string),
            expires_ms: expiry.map(|UnixMillis(at)| at),
            rounds: about.map(|about| about.rounds),
            problem: problem.map(Problem::into_json),
        }
    }
}
