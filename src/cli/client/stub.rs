//! Small servers that play nodes, for tests: [`Stub`].

use protocol::Address;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A node that answers `/livez`, and whatever else as its script has it.
pub(crate) struct Stub {
    /// Where it listens.
    pub(crate) address: Address,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Starts a node that answers each request, of which it is told method, path and body, with
    /// this text; where there is none, it closes the connection instead.
    pub(crate) async fn start(script: impl FnMut(&str) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = address(listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(serve(stream, move |request| {
                    log.lock().unwrap().push(request.to_owned());
                    (script.lock().unwrap())(request)
                }));
            }
        });
        Self { address, asked }
    }

    /// What it was asked for, in order, but for `/livez`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// An address at which nothing listens.
pub(crate) async fn nowhere() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    address(listener.local_addr().unwrap())
}

/// A socket's address, as it is dialled.
pub(crate) fn address(socket: SocketAddr) -> Address {
    socket.to_string().parse().unwrap()
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} \r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Serves one connection until either side has enough.
async fn serve(mut stream: TcpStream, mut answer: impl FnMut(&str) -> Option<String>) {
    let mut heard = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut heard).await {
        let Some(request) = complete(&heard) else {
            continue;
        };
        heard.clear();
        let answer = match request.as_str() {
            "GET /livez" => Some(json(200, "")),
            request => answer(request),
        };
        let Some(answer) = answer else { return };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Method, path and body of a request, once all of it is there.
fn complete(heard: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(heard);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    if body.len() < length.unwrap_or_default() {
        return None;
    }
    let (request, _) = head.split_once(" HTTP/1.1")?;
    Some(format!("{request} {body}").trim_end().to_owned())
}
