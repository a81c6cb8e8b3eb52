//! A server of the Redis protocol that behaves as a test wants: [`Stub`].

use bytes::BytesMut;
use resp::{Dialect, Limits, ReplyWriter, RequestParser};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A server on a port of its own. It ends with this value.
pub(super) struct Stub {
    address: String,
    over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

/// How a server behaves.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// It answers.
    Well,
    /// It answers nothing for so long, once, when it has had so many requests.
    Stalls { at: usize, stall: Duration },
    /// It answers this error.
    Refuses(&'static str),
    /// It closes each connection after so many requests.
    ClosesAfter(usize),
    /// It accepts connections and says nothing.
    Silent,
    /// It answers those who have said this password.
    Wants(&'static str),
}

impl Stub {
    pub(super) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener
            .local_addr()
            .expect("it has an address")
            .to_string();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let served = Arc::new(AtomicUsize::new(0));
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let served = Arc::clone(&served);
                let stream = stream.expect("somebody has connected");
                // It ends when its client does.
                thread::spawn(move || serve(stream, manner, &served));
            }
        });
        Self {
            address,
            over,
            listening: Some(listening),
        }
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Ends it, and tells where it was.
    pub(super) fn stop(self) -> String {
        self.address()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn serve(mut stream: TcpStream, manner: Manner, served: &AtomicUsize) {
    let mut parser = RequestParser::new(Limits::default());
    let (mut received, mut answers) = (BytesMut::new(), BytesMut::new());
    let mut buffer = [0; 4096];
    let (mut requests, mut known) = (0, false);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(bytes) => received.extend_from_slice(&buffer[..bytes]),
        }
        while let Some(request) = parser.next(&mut received).expect("clients write requests") {
            requests += 1;
            let mut writer = ReplyWriter::new(&mut answers, Dialect::Resp2);
            match manner {
                Manner::Silent => continue,
                Manner::Refuses(error) => {
                    writer.error(error);
                    continue;
                }
                Manner::Wants(password) if request.name() == b"AUTH" => {
                    known = request[1] == *password.as_bytes();
                    match known {
                        true => writer.simple("OK"),
                        false => writer.error("WRONGPASS invalid username-password pair"),
                    }
                    continue;
                }
                Manner::Wants(_) if !known => {
                    writer.error("NOAUTH Authentication required.");
                    continue;
                }
                Manner::Stalls { at, stall } => {
                    if served.fetch_add(1, Ordering::Relaxed) == at {
                        thread::sleep(stall);
                    }
                }
                Manner::ClosesAfter(most) if requests > most => {
                    let _ = stream.write_all(&answers);
                    return;
                }
                Manner::Well | Manner::ClosesAfter(_) | Manner::Wants(_) => {}
            }
            match request.name() {
                b"GET" => writer.bulk("0123456789"),
                _ => writer.simple("OK"),
            }
        }
        if stream.write_all(&answers).is_err() {
            return;
        }
        answers.clear();
    }
}
