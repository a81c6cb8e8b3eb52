//! For tests: whether an answer is one that the description has.

use super::document;
use crate::http::client::Answer;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&document()).expect("the description is JSON"));

/// Headers that have to be described where they are given.
const TELLING: [&str; 5] = [
    "etag",
    "shardedmemory-expires-ms",
    "shardedmemory-rounds",
    "retry-after",
    "www-authenticate",
];

/// That a request to this path may be answered so, as the description has it: its status, its
/// headers, the type of its body, and every field of that.
///
/// # Panics
/// If it may not.
#[track_caller]
pub(in crate::http) fn assert_described(method: &str, path: &str, answer: &Answer) {
    let operation = operation(method, path);
    let Some(operation) = operation else {
        assert!(
            matches!(answer.status, 403..=405),
            "{method} {path} {answer:?}"
        );
        return;
    };
    let at = format!("{method} {path}: {}", answer.status);
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{at} is not described");
    for header in TELLING
        .into_iter()
        .filter(|name| answer.header(name).is_some())
    {
        let described = response["headers"].as_object();
        let mut names = described.into_iter().flat_map(|headers| headers.keys());
        assert!(
            names.any(|name| name.eq_ignore_ascii_case(header)),
            "{at} with {header}"
        );
    }
    if answer.body.is_empty() {
        return;
    }
    let given = answer.header("content-type").unwrap_or_default();
    let mut contents = response["content"].as_object().into_iter().flatten();
    let content = contents.find(|(kind, _)| given.starts_with(kind.as_str()));
    let (kind, content) = content.unwrap_or_else(|| panic!("{at} with {given}"));
    if kind.contains("json") {
        let amiss = amiss(&content["schema"], &answer.json(), "$");
        assert_eq!(amiss, None, "{at}");
    }
}

/// What is described of this method of this path.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().expect("there is a first part");
    let paths = DOCUMENT["paths"].as_object().expect("there are paths");
    let parts = |path: &str| path.matches('/').count();
    let is_of = |template: &str| {
        let (start, _) = template.split_once('{').unwrap_or((template, ""));
        // A name that is missing is answered as one that is wrong.
        let is_named = path.len() > start.len() || start == "/v1/registers/";
        path.starts_with(start) && is_named && parts(path) == parts(template)
    };
    let found = paths.get(path).or_else(|| {
        let mut templates = paths.iter().filter(|(template, _)| template.contains('{'));
        templates
            .find(|(template, _)| is_of(template))
            .map(|(_, methods)| methods)
    })?;
    let method = method.to_lowercase();
    found.get(if method == "head" { "get" } else { &method })
}

/// Where a value is not as its schema has it.
fn amiss(schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("it is in the document");
        let schema = DOCUMENT.pointer(pointer).expect("it leads somewhere");
        return amiss(schema, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let fits = |choice: &Value| amiss(choice, value, at).is_none();
        return (!choices.iter().any(fits)).then(|| format!("{at} is none of its kinds"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(several) => several.iter().any(|one| one == kind),
        _ => true,
    };
    if !fits {
        return Some(format!("{at} is a {kind}"));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| amiss(&schema["items"], item, &format!("{at}[{index}]"))),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let mut required = required.filter_map(Value::as_str);
            if let Some(missing) = required.find(|name| !fields.contains_key(*name)) {
                return Some(format!("{at} has no {missing}"));
            }
            // Whatever is said to be an object, and no more, may be any.
            let properties = schema["properties"].as_object()?;
            fields
                .iter()
                .find_map(|(name, field)| match properties.get(name) {
                    Some(property) => amiss(property, field, &format!("{at}.{name}")),
                    None => Some(format!("{at} has {name}, which is not described")),
                })
        }
        _ => None,
    }
}
