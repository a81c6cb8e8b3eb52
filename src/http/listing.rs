//! `/v1/registers`: the names of registers, a page of them.

use super::openapi::answers;
use super::openapi::parameters::Deadline;
use super::problem::Problem;
use super::{Face, Registers, arguments};
use crate::glob::matches;
use crate::server::{NamesPage, cursor};
use axum::Json;
use axum::extract::{Request, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use percent_encoding::percent_decode;
use protocol::{Position, RegisterName};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

/// How many names a page has that nothing is said about.
const LIMIT_DEFAULT: usize = 100;

/// The most names that a page may be asked to have.
const LIMIT_MAX: usize = 10_000;

/// How many names are looked at in one go, if only some are wanted.
const LOOKED_AT: usize = 1000;

/// A page that holds more bytes of names than this ends.
const NAME_BYTES_MAX: usize = 1 << 20;

/// `GET`: the names that are wanted, `limit` of them at most. One who asks page after page, with
/// the cursor of the one before, until there is none, is told of every register that held a value
/// all the while, and of each once; and of none that never did.
#[utoipa::path(
    get,
    path = "/v1/registers",
    tag = "registers",
    operation_id = "listRegisters",
    summary = "List the names of registers",
    params(Page, Deadline),
    responses(
        (status = 200, description = "Some names, and where to go on.", body = PageJson),
        answers::OfAddresses
    )
)]
pub(super) async fn list<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Json<PageJson>, Problem> {
    let uri = request.uri();
    let deadline = Instant::now() + arguments::timeout(uri, face.registers.limits())?;
    let wanted = Wanted::by(uri)?;
    let mut page = NamesPage {
        names: Vec::new(),
        next: wanted.after,
    };
    let mut bytes = 0;
    loop {
        let missing = wanted.limit - page.names.len();
        let count = match wanted.takes_all() {
            true => missing,
            false => missing.max(LOOKED_AT),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let looked_at = match face.registers.list(page.next, count, left).await {
            Ok(looked_at) => looked_at,
            // What was found counts, if anything was looked at; to go on is to ask again.
            Err(_) if page.next != wanted.after => break,
            Err(reason) => {
                let view = || face.registers.view();
                return Err(Problem::refused(reason.refusal, reason.slot, view));
            }
        };
        page.next = looked_at.next;
        let found = looked_at.names.into_iter().filter(|name| wanted.is(name));
        for name in found {
            bytes += name.as_bytes().len();
            page.names.push(name);
        }
        if page.next.is_none()
            || page.names.len() >= wanted.limit
            || bytes >= NAME_BYTES_MAX
            || Instant::now() >= deadline
        {
            break;
        }
    }
    Ok(Json(PageJson::of(page.cut(wanted.limit))))
}

/// Which names, and how many.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is described, and read by hand")]
struct Page {
    /// How many names at most; 100 if it is not given.
    #[param(minimum = 1, maximum = 10000, required = false)]
    limit: Option<u64>,
    /// Where to go on: what the page before ended with.
    #[param(required = false)]
    cursor: Option<String>,
    /// What the names begin with.
    #[param(required = false)]
    prefix: Option<String>,
    /// A pattern of the names, as Redis has it: *, ?, [a-z], and a backslash before what is meant
    /// as it is.
    #[param(required = false, rename = "match")]
    pattern: Option<String>,
}

/// What a client wants to see.
struct Wanted {
    after: Option<Position>,
    limit: usize,
    prefix: Vec<u8>,
    pattern: Option<Vec<u8>>,
}

impl Wanted {
    fn by(uri: &Uri) -> Result<Self, Problem> {
        let limit = arguments::parameter(uri, "limit", LIMIT_MAX as u64)?;
        let after = match bytes(uri, "cursor")? {
            None => None,
            Some(given) => {
                let number = str::from_utf8(&given).ok().and_then(arguments::decimal);
                let position = number.and_then(cursor::position);
                position.ok_or_else(|| {
                    Problem::malformed("a cursor is what a page before ended with, or 0")
                })?
            }
        };
        Ok(Self {
            after,
            limit: limit.map_or(LIMIT_DEFAULT, |limit| limit as usize),
            prefix: bytes(uri, "prefix")?.unwrap_or_default(),
            pattern: bytes(uri, "match")?,
        })
    }

    fn takes_all(&self) -> bool {
        self.prefix.is_empty() && self.pattern.is_none()
    }

    fn is(&self, name: &RegisterName) -> bool {
        let name = name.as_bytes();
        let pattern = self.pattern.as_ref();
        name.starts_with(&self.prefix) && pattern.is_none_or(|pattern| matches(pattern, name))
    }
}

/// A parameter of the query, any bytes, as forms encode them: a plus is a space.
fn bytes(uri: &Uri, key: &str) -> Result<Option<Vec<u8>>, Problem> {
    let parameters = uri.query().unwrap_or_default().split('&');
    let parameters = parameters.map(|one| one.split_once('=').unwrap_or((one, "")));
    let mut given = parameters.filter(|(name, _)| *name == key);
    let Some((_, value)) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(Problem::malformed(format_args!("{key} is given once")));
    }
    let value = value.replace('+', " ");
    let value = Cow::from(percent_decode(value.as_bytes()));
    if value.len() > RegisterName::BYTES_MAX {
        let most = RegisterName::BYTES_MAX;
        return Err(Problem::malformed(format_args!(
            "{key} has at most {most} bytes"
        )));
    }
    Ok(Some(value.into_owned()))
}

/// Some names of registers.
#[derive(Serialize, ToSchema, Debug)]
#[schema(as = Page)]
pub(super) struct PageJson {
    registers: Vec<NameJson>,
    /// Text, as some programs have no integers so great. Null at the end.
    cursor: Option<String>,
}

/// A register's name: as text, or in base64 if it is none.
#[derive(Serialize, ToSchema, Debug)]
#[schema(as = PageName)]
enum NameJson {
    #[serde(rename = "name")]
    Text(String),
    #[serde(rename = "name_base64")]
    Base64(String),
}

impl PageJson {
    fn of(page: NamesPage) -> Self {
        let registers = page.names.iter().map(|name| name.as_bytes());
        let registers = registers.map(|bytes| match str::from_utf8(bytes) {
            Ok(text) => NameJson::Text(text.to_owned()),
            Err(_) => NameJson::Base64(STANDARD.encode(bytes)),
        });
        Self {
            registers: registers.collect(),
            cursor: page.next.map(|next| cursor::number(Some(next)).to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::http::double::Server;
    use protocol::{Outcome, Refusal};
    use serde_json::{Value, json};

    async fn holding(names: impl IntoIterator<Item = String>) -> Server {
        let server = Server::start().await;
        for name in names {
            let path = format!("/v1/registers/{name}");
            assert_eq!(server.request("PUT", &path, b"1").await.status, 204);
        }
        server
    }

    async fn page(server: &Server, query: &str) -> Value {
        let answer = server.get(&format!("/v1/registers{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.json()
    }

    fn names(page: &Value) -> Vec<&str> {
        let registers = page["registers"].as_array().expect("a list").iter();
        let mut names: Vec<_> = registers.map(|one| one["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn pages_one_after_another_have_each_name_once() {
        let server = holding((0..25).map(|number| format!("r{number}"))).await;
        server.request("DELETE", "/v1/registers/r7", b"").await;
        let (mut all, mut query, mut pages) = (Vec::new(), "?limit=10".to_owned(), 0);
        loop {
            let page = page(&server, &query).await;
            all.extend(names(&page).into_iter().map(str::to_owned));
            pages += 1;
            let Some(cursor) = page["cursor"].as_str() else {
                assert_eq!(page["cursor"], Value::Null);
                break;
            };
            query = format!("?limit=10&cursor={cursor}");
        }
        all.sort();
        all.dedup();
        assert_eq!((all.len(), pages), (24, 3));
        assert!(!all.contains(&"r7".to_owned()));
    }

    #[tokio::test]
    async fn only_what_is_wanted_is_listed() {
        let server = holding(["ab", "ac", "b%20c", "b%2Bc", "%E2%82%ac"].map(str::to_owned)).await;
        for (query, expected) in [
            ("?prefix=a", vec!["ab", "ac"]),
            ("?match=*c", vec!["ac", "b c", "b+c"]),
            ("?prefix=b&match=*c", vec!["b c", "b+c"]),
            ("?prefix=b+c", vec!["b c"]),
            ("?prefix=b%2bc", vec!["b+c"]),
            ("?prefix=%e2%82%ac", vec!["€"]),
            ("?prefix=nothing", vec![]),
            ("?prefix=a&limit=1&cursor=0", vec!["ab"]),
        ] {
            let page = page(&server, query).await;
            match query.contains("limit") {
                true => assert_eq!((names(&page).len(), page["cursor"].is_string()), (1, true)),
                false => assert_eq!((names(&page), &page["cursor"]), (expected, &Value::Null)),
            }
        }
    }

    #[tokio::test]
    async fn a_name_that_is_no_text_is_given_in_base64() {
        let server = holding(["%ff%00".to_owned()]).await;
        let expected = json!({ "registers": [{ "name_base64": "/wA=" }], "cursor": null });
        assert_eq!(page(&server, "").await, expected);
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused() {
        let server = Server::start().await;
        for query in [
            "?limit=0",
            "?limit=10001",
            "?limit=x",
            "?cursor=17",
            "?cursor=",
            "?cursor=-1",
            "?prefix=a&prefix=b",
            "?timeout_ms=0",
        ] {
            let answer = server.get(&format!("/v1/registers{query}")).await;
            answer.assert_problem(400, "refused");
        }
        let long = format!("/v1/registers?match={}", "a".repeat(1025));
        server.get(&long).await.assert_problem(400, "refused");
    }

    #[tokio::test]
    async fn what_cannot_be_listed_says_why() {
        let server = Server::start().await;
        server.change(|state| state.always = Some(Outcome::Refused(Refusal::NoQuorum)));
        let answer = server.get("/v1/registers").await;
        answer.assert_problem(503, "refused");
    }
}
