//! Writes registers, many at a time: [`Writes`].

use super::batch::{self, Batch, is_long};
use super::outcome::Outcome;
use crate::backup::Register;
use crate::cli::client::{Ask, Nodes, Problem, register_path};
use crate::cli::failure::Failure;
use crate::cli::transfer::{Patience, is_worth_another_try};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;

/// One of several that write at the same time. It has one request under way.
pub(super) struct Writes {
    /// Whom it asks.
    pub(super) nodes: Nodes,
    /// For how long nothing may come of that.
    pub(super) limit: Duration,
    /// Whether registers that hold something stay as they are.
    pub(super) skip_existing: bool,
    /// What it counts for all.
    pub(super) outcome: Arc<Outcome>,
}

/// What a try came to.
#[derive(Default)]
struct Try {
    /// Those that were not written, or may not have been.
    left: Vec<Register>,
    /// Why not the last of them.
    reason: String,
    /// They are too many for one request, or one of them is too long for any.
    too_long: bool,
}

impl Writes {
    /// Takes batch after batch, and writes it.
    pub(super) async fn run(mut self, batches: Arc<Mutex<Receiver<Batch>>>) -> Result<(), Failure> {
        loop {
            let batch = batches.lock().await.recv().await;
            let Some(batch) = batch else { return Ok(()) };
            self.write(batch.into_registers()).await?;
        }
    }

    /// Writes all of these.
    async fn write(&mut self, mut left: Vec<Register>) -> Result<(), Failure> {
        let mut patience = Patience::of(self.limit);
        let mut at_once = left.len();
        while !left.is_empty() {
            let these = left.split_off(left.len().saturating_sub(at_once));
            let count = these.len();
            let tried = match &these[..] {
                [register] if is_long(register) => self.try_alone(these).await?,
                _ => self.try_batch(these).await?,
            };
            let failed = tried.left.len();
            left.extend(tried.left);
            if tried.too_long {
                at_once = count / 2;
                continue;
            }
            if failed < count {
                patience.renew();
            }
            if failed > 0 && !patience.wait().await {
                return Err(Failure::failed(format!(
                    "{} registers could not be written for {} s: {}",
                    left.len(),
                    self.limit.as_secs_f64(),
                    tried.reason
                )));
            }
        }
        Ok(())
    }

    async fn try_batch(&mut self, registers: Vec<Register>) -> Result<Try, Failure> {
        let timeout_ms = self.nodes.timeout().as_millis();
        let path = format!("/v1/batch?timeout_ms={timeout_ms}");
        let ask = Ask::post(path, batch::request(&registers, self.skip_existing));
        let answer = match self.nodes.ask(&ask).await {
            Ok((_, answer)) => answer,
            Err(none) => {
                return Ok(Try {
                    left: registers,
                    reason: none.to_string(),
                    ..Try::default()
                });
            }
        };
        if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return match &registers[..] {
                [register] => {
                    let reason = Problem::read(answer.body()).reason(answer.status());
                    Err(refused(register, &reason))
                }
                _ => Ok(Try {
                    left: registers,
                    too_long: true,
                    ..Try::default()
                }),
            };
        }
        let results = results(&answer, registers.len())?;
        let mut tried = Try::default();
        for (register, result) in registers.into_iter().zip(results) {
            match result.status {
                204 => self.outcome.note_written(&register),
                412 if self.skip_existing => self.outcome.note_kept(&register),
                status if is_worth_another_try(status) => {
                    tried.left.push(register);
                    tried.reason = result.reason();
                }
                _ => return Err(refused(&register, &result.reason())),
            }
        }
        Ok(tried)
    }

    async fn try_alone(&mut self, mut registers: Vec<Register>) -> Result<Try, Failure> {
        let register = &registers[0];
        let timeout_ms = self.nodes.timeout().as_millis();
        let mut path = format!("{}?timeout_ms={timeout_ms}", register_path(&register.name));
        if let Some(at) = register.expires_ms {
            path.push_str(&format!("&expires_ms={at}"));
        }
        let mut headers = HeaderMap::new();
        if self.skip_existing {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let ask = Ask {
            method: Method::PUT,
            path,
            headers,
            body: register.value.clone(),
        };
        let reason = match self.nodes.ask(&ask).await {
            Err(none) => none.to_string(),
            Ok((_, answer)) => {
                match answer.status() {
                    status if status.is_success() => self.outcome.note_written(register),
                    StatusCode::PRECONDITION_FAILED if self.skip_existing => {
                        self.outcome.note_kept(register);
                    }
                    status => {
                        let reason = Problem::read(answer.body()).reason(status);
                        return Err(refused(register, &reason));
                    }
                }
                registers.clear();
                String::new()
            }
        };
        Ok(Try {
            left: registers,
            reason,
            too_long: false,
        })
    }
}

fn refused(register: &Register, reason: &str) -> Failure {
    Failure::failed(format!(
        "the register {:?} with a value of {} bytes was refused: {reason}",
        register.name,
        register.value.len()
    ))
}

/// The results of a batch, one for each of its operations.
fn results(answer: &Response<Bytes>, count: usize) -> Result<Vec<ResultJson>, Failure> {
    if !answer.status().is_success() {
        let reason = Problem::read(answer.body()).reason(answer.status());
        return Err(Failure::failed(format!("a batch was refused: {reason}")));
    }
    #[derive(Deserialize)]
    struct ResultsJson {
        results: Vec<ResultJson>,
    }
    let results = serde_json::from_slice(answer.body()).map(|it: ResultsJson| it.results);
    match results {
        Ok(results) if results.len() == count => Ok(results),
        Ok(_) => Err(Failure::failed(
            "a node's answer makes no sense: it has not one result for each write",
        )),
        Err(error) => Err(Failure::failed(format!(
            "a node's answer makes no sense: {error}"
        ))),
    }
}

/// What became of one write.
#[derive(Deserialize)]
struct ResultJson {
    status: u16,
    problem: Option<Problem>,
}

impl ResultJson {
    fn reason(self) -> String {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        self.problem.unwrap_or_default().reason(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::stub::{Stub, json as answer};
    use crate::cli::client::{ClientArgs, Credentials};
    use crate::cli::password::PasswordArgs;
    use protocol::RegisterName;
    use serde_json::{Value, json};

    fn writes(node: &Stub, skip_existing: bool) -> Writes {
        let arguments = ClientArgs {
            nodes: vec![node.address.clone()],
            timeout_ms: Duration::from_secs(5),
            password: PasswordArgs::default(),
            json: false,
        };
        Writes {
            nodes: Nodes::of(&arguments, &Credentials::NONE),
            limit: Duration::from_millis(200),
            skip_existing,
            outcome: Arc::default(),
        }
    }

    fn registers(names: &[&'static str]) -> Vec<Register> {
        let register = |&name| Register {
            name: RegisterName::new(name).unwrap(),
            value: Bytes::from_static(b"1"),
            expires_ms: None,
        };
        names.iter().map(register).collect()
    }

    /// What a node answers to a batch, if each of its writes ends with this status.
    fn results(asked: &str, mut status: impl FnMut(&str) -> u16) -> String {
        let (_, body) = asked.split_once(" {").expect("a body");
        let body: Value = serde_json::from_str(&format!("{{{body}")).expect("JSON");
        let operations = body["operations"].as_array().expect("operations").iter();
        let results = operations.map(|operation| {
            let status = status(operation["name"].as_str().expect("text"));
            json!({ "status": status, "problem": { "detail": format!("it is {status}") } })
        });
        let results: Vec<Value> = results.collect();
        answer(200, &json!({ "results": results }).to_string())
    }

    #[tokio::test]
    async fn a_write_in_doubt_is_made_again_and_one_that_was_done_is_not() {
        let mut tries = 0;
        let node = Stub::start(move |asked| {
            tries += 1;
            match tries {
                // The connection breaks: all of them may have happened.
                1 => None,
                2 => Some(results(asked, |name| if name == "a" { 204 } else { 504 })),
                _ => Some(results(asked, |_| 204)),
            }
        });
        let node = node.await;
        let mut writes = writes(&node, false);
        writes.write(registers(&["a", "b"])).await.unwrap();
        assert_eq!(writes.outcome.counts().written, 2);
        let asked = node.asked();
        assert_eq!(asked.len(), 3);
        assert!(!asked[2].contains("\"a\""), "{asked:?}");
    }

    #[tokio::test]
    async fn what_holds_something_is_kept_only_where_that_is_wanted() {
        let node = Stub::start(|asked| Some(results(asked, |_| 412))).await;
        let mut kept = writes(&node, true);
        kept.write(registers(&["a"])).await.unwrap();
        let counts = kept.outcome.counts();
        assert_eq!((counts.kept, counts.written), (1, 0));
        assert!(node.asked()[0].contains("if_absent"));
        let refused = writes(&node, false).write(registers(&["a"])).await;
        assert!(refused.unwrap_err().message.unwrap().contains("it is 412"));
    }

    #[tokio::test]
    async fn a_batch_that_is_too_long_is_parted_until_it_is_known_what_is() {
        let node = Stub::start(|asked| {
            Some(match asked.contains("long") {
                true => answer(413, r#"{"detail":"a value has at most 9 bytes"}"#),
                false => results(asked, |_| 204),
            })
        });
        let node = node.await;
        let mut writes = writes(&node, false);
        let failure = writes
            .write(registers(&["long", "a", "b"]))
            .await
            .unwrap_err();
        let message = failure.message.unwrap();
        for part in ["long", "a value has at most 9 bytes"] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(writes.outcome.counts().written, 2);
    }

    #[tokio::test]
    async fn it_is_given_up_when_nothing_comes_of_it() {
        let node = Stub::start(|asked| Some(results(asked, |_| 503))).await;
        let failure = writes(&node, false).write(registers(&["a"])).await;
        let message = failure.unwrap_err().message.unwrap();
        assert!(
            message.contains("could not be written for 0.2 s"),
            "{message}"
        );
    }
}
