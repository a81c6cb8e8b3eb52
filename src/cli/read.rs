//! `shardedmemory read`.

use crate::cli::client::{ClientArgs, Request, Verb};
use crate::cli::failure::{Exit, Failure};
use crate::cli::values::register_name;
use crate::cli::{output, small_runtime};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use protocol::RegisterName;
use serde_json::{Map, Value};

/// Print what is in a register
///
/// Prints the value's bytes as they are, and on a terminal ends the line. Exits with 4 if nobody
/// wrote the register, or the last write was a delete.
#[derive(Args, Debug)]
pub(crate) struct ReadArgs {
    /// The register's name, up to 1,024 bytes
    #[arg(value_parser = register_name())]
    name: RegisterName,

    #[command(flatten)]
    client: ClientArgs,
}

/// Reads a register and prints it.
pub(crate) fn run(arguments: &ReadArgs) -> Result<(), Failure> {
    let request = Request {
        name: &arguments.name,
        verb: Verb::Read,
    };
    let done = small_runtime()?.block_on(request.run(&arguments.client))?;
    if arguments.client.json {
        let mut object = Map::new();
        text_or_base64(&mut object, "name", Some(arguments.name.as_bytes()));
        text_or_base64(&mut object, "value", done.value.as_deref());
        object.insert("tag".to_owned(), done.tag.into());
        if let Some(expires_ms) = done.expires_ms {
            object.insert("expires_ms".to_owned(), expires_ms.into());
        }
        object.insert("rounds".to_owned(), done.rounds.into());
        object.insert("node".to_owned(), done.node.as_str().into());
        output::line(&Value::Object(object).to_string());
    } else if let Some(value) = &done.value {
        output::data(value);
        if output::on_terminal() && !value.ends_with(b"\n") {
            output::data(b"\n");
        }
    }
    match done.value {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            Exit::Nothing,
            format!("there is nothing in {:?}", arguments.name),
        )),
    }
}

/// Bytes as a string if they are one, else in base64 under a name that says so.
pub(crate) fn text_or_base64(object: &mut Map<String, Value>, field: &str, bytes: Option<&[u8]>) {
    let (field, value) = match bytes.map(|bytes| (bytes, str::from_utf8(bytes))) {
        None => (field.to_owned(), Value::Null),
        Some((_, Ok(text))) => (field.to_owned(), text.into()),
        Some((bytes, Err(_))) => (
            format!("{field}_base64"),
            BASE64_STANDARD.encode(bytes).into(),
        ),
    };
    object.insert(field, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_that_are_no_text_are_given_in_base64() {
        let mut object = Map::new();
        text_or_base64(&mut object, "text", Some("é".as_bytes()));
        text_or_base64(&mut object, "bytes", Some(b"\xff\x00"));
        text_or_base64(&mut object, "nothing", None);
        let expected = json!({ "text": "é", "bytes_base64": "/wA=", "nothing": null });
        assert_eq!(Value::Object(object), expected);
    }
}
