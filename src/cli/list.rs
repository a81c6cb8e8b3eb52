//! `shardedmemory list`.

use crate::cli::client::{ClientArgs, Connection, Credentials, Problem};
use crate::cli::failure::{Exit, Failure};
use crate::cli::read::text_or_base64;
use crate::cli::{output, small_runtime};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use hyper::Method;
use hyper::body::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use protocol::Address;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

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

/// How much longer than its deadline a page may take to arrive.
const ANSWER_GRACE: Duration = Duration::from_secs(1);

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
    let credentials = client.credentials()?;
    let mut nodes = Nodes::of(&client.nodes, &credentials, client.timeout_ms);
    let (mut cursor, mut printed) = (None, 0);
    loop {
        let left = arguments
            .limit
            .map_or(PAGE, |limit| (limit - printed).min(PAGE));
        let path = path(arguments, cursor.as_deref(), left);
        let page = (nodes.page(&path).await).map_err(|reasons| not_listed(&reasons, printed))?;
        for register in &page.registers {
            print(&register.bytes().map_err(Failure::failed)?);
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

fn not_listed(reasons: &[(&Address, String)], printed: u64) -> Failure {
    let mut message = match printed {
        0 => "no node could list the names:".to_owned(),
        printed => format!("only {printed} names could be listed; the next ones could not:"),
    };
    for (node, reason) in reasons {
        let _ = write!(message, "\n  {node}: {reason}");
    }
    Failure::new(Exit::Failed, message)
}

/// The nodes that may be asked; any of them goes on where another one stopped.
struct Nodes<'a> {
    addresses: &'a [Address],
    credentials: &'a Credentials,
    timeout: Duration,
    /// The one that answered last, and which one that is.
    connection: Option<Connection>,
    at: usize,
}

impl<'a> Nodes<'a> {
    fn of(addresses: &'a [Address], credentials: &'a Credentials, timeout: Duration) -> Self {
        Self {
            addresses,
            credentials,
            timeout,
            connection: None,
            at: 0,
        }
    }

    /// Asks for a page: the node that gave the last one, and if that fails each of them once.
    ///
    /// # Errors
    /// What each of them said.
    async fn page(&mut self, path: &str) -> Result<PageJson, Vec<(&'a Address, String)>> {
        let mut reasons = Vec::new();
        for _ in 0..self.addresses.len() {
            let node = &self.addresses[self.at];
            match self.page_of(node, path).await {
                Ok(page) => return Ok(page),
                Err(reason) => reasons.push((node, reason)),
            }
            self.connection = None;
            self.at = (self.at + 1) % self.addresses.len();
        }
        Err(reasons)
    }

    async fn page_of(&mut self, node: &Address, path: &str) -> Result<PageJson, String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open_answering(node)
                .await
                .map_err(|unreachable| unreachable.to_string())?
                .saying(self.credentials),
        };
        let deadline = self.timeout + ANSWER_GRACE;
        let answer = connection.request(Method::GET, path, Bytes::new(), deadline);
        let answer = answer.await.map_err(|lost| lost.to_string())?;
        if !answer.status().is_success() {
            return Err(Problem::read(answer.body()).reason(answer.status()));
        }
        let page = serde_json::from_slice(answer.body());
        let page = page.map_err(|error| format!("its answer makes no sense: {error}"))?;
        self.connection = Some(connection);
        Ok(page)
    }
}

/// A page, as a node writes it.
#[derive(Deserialize)]
struct PageJson {
    registers: Vec<NameJson>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
enum NameJson {
    #[serde(rename = "name")]
    Text(String),
    #[serde(rename = "name_base64")]
    Base64(String),
}

impl NameJson {
    fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            NameJson::Text(text) => Ok(text.as_bytes().to_owned()),
            NameJson::Base64(text) => (BASE64_STANDARD.decode(text))
                .map_err(|error| format!("a node's answer makes no sense: {error}")),
        }
    }
}

/// A name as text of one line, from which it can be told what it was.
fn escaped(name: &[u8]) -> String {
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
    use clap::Parser;

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
