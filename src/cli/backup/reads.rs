//! Reads registers, many at a time: [`Reads`].

use super::pace::Pace;
use super::writing::Filling;
use crate::backup::Register;
use crate::cli::client::{Ask, End, NoAnswer, Nodes, Problem, register_path};
use crate::cli::failure::Failure;
use crate::cli::read::text_or_base64;
use crate::cli::transfer::{Patience, Tally, is_worth_another_try};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use protocol::RegisterName;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};

/// One of several that read at the same time. It has one request under way.
pub(super) struct Reads {
    /// Whom it asks.
    pub(super) nodes: Nodes,
    /// For how long nothing may come of that.
    pub(super) limit: Duration,
    /// What it counts for all.
    pub(super) tally: Arc<Tally>,
    /// Where to.
    pub(super) to: Sender<Filling>,
}

/// What a try came to.
#[derive(Default)]
struct Try {
    registers: Vec<Register>,
    /// How many are done with: read, or seen to hold nothing.
    done: usize,
    /// Those for whose values the answer had no room.
    no_room: Vec<RegisterName>,
    /// Those that could not be read, and why the last of them could not.
    failed: Vec<RegisterName>,
    reason: String,
}

impl Reads {
    /// Takes page after page, and reads what they name.
    pub(super) async fn run(
        mut self,
        pages: Arc<Mutex<Receiver<Vec<RegisterName>>>>,
    ) -> Result<(), Failure> {
        let mut pace = Pace::new();
        loop {
            let page = pages.lock().await.recv().await;
            let Some(page) = page else { return Ok(()) };
            if !self.read(page.into(), &mut pace).await? {
                return Ok(());
            }
        }
    }

    /// Reads all of these. Says whether anybody wants more.
    async fn read(
        &mut self,
        mut left: VecDeque<RegisterName>,
        pace: &mut Pace,
    ) -> Result<bool, Failure> {
        let mut patience = Patience::of(self.limit);
        while !left.is_empty() {
            let names: Vec<_> = left.drain(..pace.count().min(left.len())).collect();
            let count = names.len();
            let tried = self.try_batch(names).await?;
            let bytes = tried.registers.iter().map(|it| it.value.len()).sum();
            match tried.no_room.is_empty() {
                true => pace.read(count, bytes),
                false => pace.slow_down(),
            }
            left.extend(tried.no_room);
            if tried.done > 0 {
                patience.renew();
            }
            if !tried.failed.is_empty() {
                left.extend(tried.failed);
                if !patience.wait().await {
                    return Err(not_read(left.len(), self.limit, &tried.reason));
                }
            }
            if !tried.registers.is_empty() {
                let name_bytes = tried.registers.iter().map(|it| it.name.as_bytes().len());
                let bytes = bytes + name_bytes.sum::<usize>();
                self.tally.add(tried.registers.len() as u64, bytes as u64);
                // If nobody takes them, the writing ended early, and says why.
                if self
                    .to
                    .send(Filling::Registers(tried.registers))
                    .await
                    .is_err()
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn try_batch(&mut self, names: Vec<RegisterName>) -> Result<Try, Failure> {
        let path = format!("/v1/batch?timeout_ms={}", self.nodes.timeout().as_millis());
        let ask = Ask::post(path, request(&names));
        let answer = match self.nodes.ask(&ask).await {
            Ok((_, answer)) => answer,
            // An answer has more bytes than the values in it, so that even these may be too many.
            Err(NoAnswer::TooLong) => return self.no_room(names).await,
            Err(none) => {
                return Ok(Try {
                    failed: names,
                    reason: none.to_string(),
                    ..Try::default()
                });
            }
        };
        let results = results(&answer, names.len()).map_err(Failure::failed)?;
        let is_alone = names.len() == 1;
        let mut tried = Try::default();
        for (name, result) in names.into_iter().zip(results) {
            let (status, outcome) = (result.status, result.outcome());
            match status {
                200 => {
                    let register = result.register(name).map_err(Failure::failed)?;
                    tried.registers.push(register);
                    tried.done += 1;
                }
                // It was deleted, or has expired, since it was listed.
                404 if outcome == Some(End::Done) => tried.done += 1,
                413 if is_alone => return self.no_room(vec![name]).await,
                413 => tried.no_room.push(name),
                status if is_worth_another_try(status) => {
                    tried.failed.push(name);
                    tried.reason = result.reason();
                }
                _ => {
                    let reason = result.reason();
                    let message = format!("the register {name:?} cannot be read: {reason}");
                    return Err(Failure::failed(message));
                }
            }
        }
        Ok(tried)
    }

    /// These are too long for the answer to a batch. One alone is read as it is.
    async fn no_room(&mut self, mut names: Vec<RegisterName>) -> Result<Try, Failure> {
        let mut tried = Try::default();
        if names.len() > 1 {
            tried.no_room = names;
            return Ok(tried);
        }
        let Some(name) = names.pop() else {
            return Ok(tried);
        };
        let timeout_ms = self.nodes.timeout().as_millis();
        let path = format!("{}?timeout_ms={timeout_ms}", register_path(&name));
        match self.nodes.ask(&Ask::get(path)).await {
            Ok((_, answer)) => match alone(name, &answer)? {
                Some(register) => {
                    tried.registers.push(register);
                    tried.done = 1;
                }
                None => tried.done = 1,
            },
            Err(none) => {
                tried.failed.push(name);
                tried.reason = none.to_string();
            }
        }
        Ok(tried)
    }
}

fn not_read(count: usize, limit: Duration, reason: &str) -> Failure {
    let message = format!(
        "{count} registers and more could not be read for {} s, so there is no backup: {reason}",
        limit.as_secs_f64()
    );
    Failure::failed(message)
        .hint("'shardedmemory status' shows which nodes are up; a majority must be")
}

fn request(names: &[RegisterName]) -> Vec<u8> {
    let read = |name: &RegisterName| {
        let mut operation = Map::new();
        operation.insert("op".to_owned(), "read".into());
        text_or_base64(&mut operation, "name", Some(name.as_bytes()));
        Value::Object(operation)
    };
    let operations: Vec<Value> = names.iter().map(read).collect();
    json!({ "operations": operations }).to_string().into()
}

/// What a register holds that was read by itself.
fn alone(name: RegisterName, answer: &Response<Bytes>) -> Result<Option<Register>, Failure> {
    if answer.status().is_success() {
        let expires = answer.headers().get("shardedmemory-expires-ms");
        let expires = expires.and_then(|it| it.to_str().ok()?.parse().ok());
        return Ok(Some(Register {
            name,
            value: answer.body().clone(),
            expires_ms: expires,
        }));
    }
    let problem = Problem::read(answer.body());
    if answer.status() == StatusCode::NOT_FOUND && problem.outcome == Some(End::Done) {
        return Ok(None);
    }
    let reason = problem.reason(answer.status());
    Err(Failure::failed(format!(
        "the register {name:?} cannot be read: {reason}"
    )))
}

/// The results of a batch, one for each of its operations.
fn results(answer: &Response<Bytes>, count: usize) -> Result<Vec<ResultJson>, String> {
    if !answer.status().is_success() {
        let reason = Problem::read(answer.body()).reason(answer.status());
        return Err(format!("the registers cannot be read: {reason}"));
    }
    #[derive(Deserialize)]
    struct ResultsJson {
        results: Vec<ResultJson>,
    }
    match serde_json::from_slice(answer.body()) {
        Ok(ResultsJson { results }) if results.len() == count => Ok(results),
        Ok(_) => Err("a node's answer makes no sense: it has not one result for each read".into()),
        Err(error) => Err(format!("a node's answer makes no sense: {error}")),
    }
}

/// What became of one read.
#[derive(Deserialize)]
struct ResultJson {
    status: u16,
    value: Option<String>,
    value_base64: Option<String>,
    expires_ms: Option<u64>,
    problem: Option<Problem>,
}

impl ResultJson {
    fn outcome(&self) -> Option<End> {
        self.problem.as_ref()?.outcome
    }

    fn reason(self) -> String {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        self.problem.unwrap_or_default().reason(status)
    }

    fn register(self, name: RegisterName) -> Result<Register, String> {
        let value = match (self.value, self.value_base64) {
            (Some(text), None) => Ok(Bytes::from(text)),
            (None, Some(text)) => BASE64_STANDARD
                .decode(text)
                .map(Bytes::from)
                .map_err(|error| error.to_string()),
            _ => Err("there is either value or value_base64".to_owned()),
        };
        Ok(Register {
            value: value
                .map_err(|error| format!("a node's answer of {name:?} makes no sense: {error}"))?,
            name,
            expires_ms: self.expires_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::stub::{Stub, json as answer};
    use crate::cli::client::{ClientArgs, Credentials};
    use crate::cli::password::PasswordArgs;
    use tokio::sync::mpsc;

    /// One that asks a single node.
    fn reads(node: &Stub, limit: Duration) -> (Reads, Receiver<Filling>) {
        let arguments = ClientArgs {
            nodes: vec![node.address.clone()],
            timeout_ms: Duration::from_secs(5),
            password: PasswordArgs::default(),
            json: false,
        };
        let (to, from) = mpsc::channel(100);
        let reads = Reads {
            nodes: Nodes::of(&arguments, &Credentials::NONE),
            limit,
            tally: Arc::default(),
            to,
        };
        (reads, from)
    }

    async fn read(node: &Stub, names: &[&'static str]) -> Result<Vec<(String, String)>, Failure> {
        let (mut reads, mut from) = reads(node, Duration::from_millis(200));
        let names = names.iter().map(|&name| RegisterName::new(name).unwrap());
        reads.read(names.collect(), &mut Pace::new()).await?;
        drop(reads);
        let mut read = Vec::new();
        while let Some(Filling::Registers(registers)) = from.recv().await {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            read.extend((registers.iter()).map(|it| (text(it.name.as_bytes()), text(&it.value))));
        }
        read.sort();
        Ok(read)
    }

    fn held(names: &[&str]) -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| (name.to_string(), format!("of {name}")))
            .collect()
    }

    /// What a node answers to a batch, if it answers each of its reads like this.
    fn results(asked: &str, mut result: impl FnMut(&str) -> Value) -> String {
        let (_, body) = asked.split_once(" {").expect("a body");
        let body: Value = serde_json::from_str(&format!("{{{body}")).expect("JSON");
        let operations = body["operations"].as_array().expect("operations").iter();
        let results = operations.map(|operation| result(operation["name"].as_str().unwrap()));
        answer(
            200,
            &json!({ "results": results.collect::<Vec<_>>() }).to_string(),
        )
    }

    fn found(name: &str) -> Value {
        json!({ "status": 200, "value": format!("of {name}"), "rounds": 1 })
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_and_what_holds_nothing_is_left_out() {
        let mut tries = 0;
        let node = Stub::start(move |asked| {
            tries += 1;
            Some(match tries {
                1 => answer(503, "{}"),
                tries => results(asked, |name| match name {
                    "gone" => json!({ "status": 404, "problem": { "outcome": "done" } }),
                    "busy" if tries == 2 => json!({ "status": 429 }),
                    name => found(name),
                }),
            })
        });
        let node = node.await;
        assert_eq!(
            read(&node, &["a", "busy", "gone", "b"]).await,
            Ok(held(&["a", "b", "busy"]))
        );
        let last = node.asked().pop().unwrap();
        assert!(!last.contains("gone"), "{last}");
    }

    #[tokio::test]
    async fn values_for_which_there_is_no_room_are_read_in_smaller_batches_and_in_the_end_alone() {
        let node = Stub::start(|asked| {
            Some(match asked.strip_prefix("GET /v1/registers/") {
                Some(name) => {
                    let (name, _) = name.split_once('?').unwrap();
                    answer(200, &format!("of {name}"))
                }
                // A long one never has room, and others only where it is not.
                None => {
                    let is_there = asked.contains("long");
                    results(asked, |name| match is_there {
                        true => json!({ "status": 413, "problem": { "outcome": "refused" } }),
                        false => found(name),
                    })
                }
            })
        });
        let node = node.await;
        assert_eq!(
            read(&node, &["a", "long", "b", "c"]).await,
            Ok(held(&["a", "b", "c", "long"]))
        );
    }

    #[tokio::test]
    async fn what_never_can_be_read_ends_it() {
        for (status, words) in [(503, "could not be read"), (401, "cannot be read")] {
            let node = Stub::start(move |asked| {
                Some(results(asked, |name| match name {
                    "a" => json!({ "status": status, "problem": { "detail": "not now" } }),
                    name => found(name),
                }))
            });
            let failure = read(&node.await, &["a", "b"]).await.unwrap_err();
            let message = failure.message.unwrap();
            assert!(
                message.contains(words) && message.contains("not now"),
                "{message}"
            );
        }
        let node = Stub::start(|_| Some(answer(200, r#"{"results":[]}"#))).await;
        assert!(read(&node, &["a"]).await.is_err());
    }
}
