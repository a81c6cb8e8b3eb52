//! For tests: a client that sends and reads bytes as they are.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for anything that happens at all on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// One connection of a client.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sending = self.stream.write_all(bytes.as_ref());
        let sent = timeout(SOON, sending).await.expect("sent in time");
        sent.expect("the node takes what is sent");
    }

    /// The next answer, which is not one to HEAD.
    pub(super) async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    pub(super) async fn answer_to(&mut self, method: &str) -> Answer {
        let reading = async {
            let head_length = loop {
                let end = self.unread.windows(4).position(|four| four == b"\r\n\r\n");
                match end {
                    Some(end) => break end + 4,
                    None => assert!(self.read_more().await, "closed before the answer's end"),
                }
            };
            let head: Vec<u8> = self.unread.drain(..head_length).collect();
            let mut answer = Answer::parse(&String::from_utf8(head).unwrap());
            let length = answer
                .header("content-length")
                .map_or(0, |n| n.parse().unwrap());
            let has_body = method != "HEAD" && answer.status != 304;
            let length: usize = if has_body { length } else { 0 };
            while self.unread.len() < length {
                assert!(self.read_more().await, "closed before the body's end");
            }
            answer.body = self.unread.drain(..length).collect();
            answer
        };
        timeout(SOON, reading).await.expect("an answer in time")
    }

    /// Waits until the node closes its side, and returns what it sent before that.
    pub(super) async fn closed(&mut self) -> Vec<u8> {
        let closing = async { while self.read_more().await {} };
        timeout(SOON, closing).await.expect("closed in time");
        std::mem::take(&mut self.unread)
    }

    /// Whether there was more. A reset connection is a closed one.
    async fn read_more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.unread).await;
        read.is_ok_and(|count| count > 0)
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn parse(head: &str) -> Self {
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        Self {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: Vec::new(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    }

    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// That this is a problem as every problem is.
    #[track_caller]
    pub(super) fn assert_problem(&self, status: u16, outcome: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let json = self.json();
        assert_eq!(json["status"], status);
        assert_eq!(json["outcome"], outcome);
        let kind = json["type"].as_str().unwrap();
        assert!(kind.starts_with("urn:shardedmemory:problem:"), "{kind}");
        for member in ["title", "detail"] {
            assert!(!json[member].as_str().unwrap().is_empty(), "{json}");
        }
        assert_eq!(json.as_object().unwrap().len(), 5, "{json}");
    }
}
