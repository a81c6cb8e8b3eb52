//! `shardedmemory write`, and what it shares with `delete`.

use crate::cli::client::{ClientArgs, ConditionArgs, Request, Terms, Verb, Wanted};
use crate::cli::failure::Failure;
use crate::cli::read::text_or_base64;
use crate::cli::values::register_name;
use crate::cli::{output, small_runtime};
use crate::server::Settings;
use clap::Args;
use hyper::body::Bytes;
use protocol::RegisterName;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

/// Put a value into a register
///
/// Returns when a majority of the nodes holds the value. Exits with 3 if it is unknown whether
/// the write happened; then it is not tried again, for that would be a second write.
#[derive(Args, Debug)]
pub(crate) struct WriteArgs {
    /// The register's name, up to 1,024 bytes
    #[arg(value_parser = register_name())]
    name: RegisterName,

    /// The value; '-' reads it from standard input
    #[arg(allow_negative_numbers = true)]
    value: OsString,

    /// Let the value expire so many milliseconds from now
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    ttl_ms: Option<u64>,

    #[command(flatten)]
    condition: ConditionArgs,

    /// Only if the register holds nothing; else exit with 10
    #[arg(long, conflicts_with_all = ["if_tag", "if_present"])]
    if_absent: bool,

    #[command(flatten)]
    client: ClientArgs,
}

/// Writes a register.
pub(crate) fn run(arguments: &WriteArgs) -> Result<(), Failure> {
    let value = match arguments.value.as_encoded_bytes() {
        b"-" => from_standard_input()?,
        _ => arguments.value.clone().into_vec(),
    };
    let condition = match arguments.if_absent {
        true => Some(Wanted::Nothing),
        false => arguments.condition.wanted(),
    };
    let terms = Terms {
        ttl_ms: arguments.ttl_ms,
        condition,
    };
    let verb = Verb::Write(Bytes::from(value));
    change(&arguments.name, verb, &terms, &arguments.client)
}

/// Changes a register, and tells its new tag.
pub(crate) fn change(
    name: &RegisterName,
    verb: Verb,
    terms: &Terms,
    client: &ClientArgs,
) -> Result<(), Failure> {
    let request = Request { name, verb };
    let done = small_runtime()?.block_on(request.run_on(terms, client))?;
    if client.json {
        let mut object = Map::new();
        text_or_base64(&mut object, "name", Some(name.as_bytes()));
        object.insert("tag".to_owned(), done.tag.into());
        if let Some(expires_ms) = done.expires_ms {
            object.insert("expires_ms".to_owned(), expires_ms.into());
        }
        object.insert("rounds".to_owned(), done.rounds.into());
        object.insert("node".to_owned(), done.node.as_str().into());
        output::line(&Value::Object(object).to_string());
    } else {
        let tag = done
            .tag
            .map_or_else(String::new, |tag| format!(", tag {tag}"));
        output::note(&format!("done: {request} through {}{tag}", done.node));
    }
    Ok(())
}

fn from_standard_input() -> Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    // One byte more than any node takes, to see that it is too long.
    let most = Settings::VALUE_BYTES_CEILING as u64 + 1;
    std::io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut value)
        .map_err(|error| {
            Failure::failed(format!(
                "cannot read the value from standard input: {error}"
            ))
        })?;
    if value.len() > Settings::VALUE_BYTES_CEILING {
        return Err(Failure::failed(format!(
            "the value on standard input is longer than any node takes, {} bytes; nothing happened",
            Settings::VALUE_BYTES_CEILING
        )));
    }
    Ok(value)
}
