//! `shardedmemory list`.

use crate::cli::client::{Ask, ClientArgs, Nodes, Page};
use crate::cli::failure::Failure;
use crate::cli::read::text_or_base64;
use crate::cli::{output, small_runtime};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// Print the names of registers that hold a value
///
/// One a line, in no order that means anything, as they come. In names, control characters,
/// backslashes and bytes that are no text are printed as \n, \\ and \xff. What holds a value all the
/// while is printed, and once; what never does is not. Exits with 1 if not all could be listed.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only names that begin like this
    #[arg(long, value_name = "TEXT")]
    prefix: Option<OsString>,

    /// Only names that this matches: * any bytes, ? any one, [a-c] one of these
    #[arg(long = "match", value_name = "PATTERN")]
    pattern: Option<OsString>,

    /// Stop after so many
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    client: ClientArgs,
}

/// How many names are asked for at once.
const PAGE: u64 = 1000;

/// Lists names and prints them.
pub(crate) fn run(arguments: &ListArgs) -> Result<(), Failure> {
    small_runtime()?.block_on(list(arguments, |name| match arguments.client.json {
        true => {
            let mut object = Map::new();
            text_or_base64(&mut object, "name", Some(name));
            output::line(&Value::Object(object).to_string());
        }
        false => output::line(&escaped(name)),
    }))
}

async fn list(arguments: &ListArgs, mut print: impl FnMut(&[u8])) -> Result<(), Failure> {
    let client = &arguments.client;
    let mut nodes = Nodes::of(client, &client.credentials()?);
    let (mut cursor, mut printed) = (None, 0);
    loop {
        let left = arguments
            .limit
            .map_or(PAGE, |limit| (limit - printed).min(PAGE));
        let path = path(arguments, cursor.as_deref(), left);
        let page = page(&mut nodes, path).await;
        let page = page.map_err(|reasons| not_listed(&reasons, printed))?;
        for name in &page.registers {
            print(name.as_bytes());
            printed += 1;
        }
        cursor = page.cursor;
        if cursor.is_none() || arguments.limit.is_some_and(|limit| printed >= limit) {
            return Ok(());
        }
    }
}

fn path(arguments: &ListArgs, cursor: Option<&str>, limit: u64) -> String {
    let timeout_ms = arguments.client.timeout_ms.as_millis();
    let mut path = format!("/v1/registers?limit={limit}&timeout_ms={timeout_ms}");
    let texts = [("prefix", &arguments.prefix), ("match", &arguments.pattern)];
    for (key, text) in texts {
        if let Some(text) = text {
            let text = percent_encode(text.as_bytes(), NON_ALPHANUMERIC);
            let _ = write!(path, "&{key}={text}");
        }
    }
    if let Some(cursor) = cursor {
        let cursor = percent_encode(cursor.as_bytes(), NON_ALPHANUMERIC);
        let _ = write!(path, "&cursor={cursor}");
    }
    path
}

/// Asks for a page; the error is what is wrong, in lines.
async fn page(nodes: &mut Nodes, path: String) -> Result<Page, String> {
    let answer = nodes.ask(&Ask::get(path)).await;
    let (node, answer) = answer.map_err(|none| none.to_string())?;
    Page::read(&answer).map_err(|reason| format!("\n  {node}: {reason}"))
}

fn not_listed(reasons: &str, printed: u64) -> Failure {
    Failure::failed(match printed {
        0 => format!("no node could list the names:{reasons}"),
        printed => {
            format!("only {printed} names could be listed; the next ones could not:{reasons}")
        }
    })
}

/// A name as text of one line, from which it can be told what it was.
pub(crate) fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                character if character.is_control() => {
                    // Those beyond ASCII are of two bytes, and are told by them.
                    let mut bytes = [0; 4];
                    let bytes = character.encode_utf8(&mut bytes).as_bytes();
                    text.extend(bytes.escape_ascii().map(char::from));
                }
                character => text.push(character),
            }
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::stub::{Stub, json, nowhere};
    use crate::cli::failure::Exit;
    use clap::Parser;
    use protocol::Address;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        list: ListArgs,
    }

    fn arguments(nodes: &[&Address], more: &[&str]) -> ListArgs {
        let nodes = nodes.iter().flat_map(|node| ["--node", node.as_str()]);
        let line = ["list"]
            .into_iter()
            .chain(nodes)
            .chain(more.iter().copied());
        Only::parse_from(line).list
    }

    async fn listed(arguments: &ListArgs) -> (Vec<String>, Result<(), Failure>) {
        let mut names = Vec::new();
        let end = list(arguments, |name| names.push(escaped(name))).await;
        (names, end)
    }

    const FIRST: &str = r#"{"registers":[{"name":"a"},{"name_base64":"/wA="}],"cursor":"17"}"#;
    const LAST: &str = r#"{"registers":[{"name":"b"}],"cursor":null}"#;
    const REFUSED: &str = r#"{"outcome":"refused","detail":"not now"}"#;

    #[test]
    fn a_name_is_one_line_from_which_it_can_be_told() {
        for (name, expected) in [
            (&b"plain text"[..], "plain text"),
            ("größe €".as_bytes(), "größe €"),
            (b"two\nlines\t\x00", "two\\nlines\\t\\x00"),
            (b"back\\slash", "back\\\\slash"),
            (b"\xff\xfea", "\\xff\\xfea"),
            ("\u{85}".as_bytes(), "\\xc2\\x85"),
            (b"", ""),
        ] {
            assert_eq!(escaped(name), expected);
        }
    }

    #[tokio::test]
    async fn pages_are_asked_for_until_there_is_none() {
        let node = Stub::start(|asked| {
            Some(json(
                200,
                if asked.contains("cursor=17") {
                    LAST
                } else {
                    FIRST
                },
            ))
        });
        let node = node.await;
        let (names, end) = listed(&arguments(&[&node.address], &["--prefix", "a b"])).await;
        assert_eq!(end, Ok(()));
        assert_eq!(names, ["a", "\\xff\\x00", "b"]);
        let asked = node.asked();
        assert_eq!(asked.len(), 2);
        assert!(
            asked.iter().all(|asked| asked.contains("&prefix=a%20b")),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn another_node_goes_on_where_one_failed() {
        let mut pages = 0;
        let first = Stub::start(move |_| {
            pages += 1;
            (pages == 1).then(|| json(200, FIRST))
        });
        let first = first.await;
        let refuses = Stub::start(|_| Some(json(503, REFUSED))).await;
        let second = Stub::start(|_| Some(json(200, LAST))).await;
        let nodes = [&first.address, &refuses.address, &second.address];
        let (names, end) = listed(&arguments(&nodes, &[])).await;
        assert_eq!(end, Ok(()));
        assert_eq!(names, ["a", "\\xff\\x00", "b"]);
        assert!(second.asked()[0].contains("cursor=17"));
    }

    #[tokio::test]
    async fn what_could_not_be_listed_is_said() {
        let refuses = Stub::start(|_| Some(json(503, REFUSED))).await;
        let nodes = [&nowhere().await, &refuses.address];
        let (names, end) = listed(&arguments(&nodes, &[])).await;
        assert!(names.is_empty());
        let failure = end.unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.unwrap().contains("not now"));
    }

    #[tokio::test]
    async fn no_more_are_asked_for_than_are_wanted() {
        let node = Stub::start(|_| Some(json(200, FIRST))).await;
        let (names, end) = listed(&arguments(&[&node.address], &["--limit", "2"])).await;
        assert_eq!((names.len(), end), (2, Ok(())));
        let asked = node.asked();
        assert!(
            asked.len() == 1 && asked[0].contains("limit=2&"),
            "{asked:?}"
        );
    }
}
