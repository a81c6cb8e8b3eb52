//! etcd by gRPC: [`EtcdNode`] and [`EtcdLink`].

use super::{Batch, Broken, Listener, Node};
use crate::cli::bench::operation::{Kind, Operation};
use crate::cli::bench::template::Values;
use crate::cli::bench::wire::etcd::{self, Etcd, Trailers};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::client::{self, SendRequest};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A node of etcd as the clients of one thread know it, with the connections that they share.
#[derive(Clone)]
pub(in crate::cli::bench) struct EtcdNode {
    etcd: Rc<Etcd>,
    /// If there are none, each client has its own.
    shared: Rc<[RefCell<Option<SendRequest<Bytes>>>]>,
}

/// A client's way to a node: streams on a connection that may be shared.
pub(in crate::cli::bench) struct EtcdLink {
    etcd: Rc<Etcd>,
    values: Rc<Values>,
    timeout: Duration,
    streams: SendRequest<Bytes>,
    requests: [Request<()>; Kind::COUNT],
}

/// How much the other side may send before it is told that there is room again.
const WINDOW_BYTES: u32 = 16 << 20;

impl EtcdNode {
    /// Clients of this node in this thread share so many connections, or none.
    pub(in crate::cli::bench) fn new(etcd: Rc<Etcd>, connections: Option<usize>) -> Self {
        let shared = (0..connections.unwrap_or_default()).map(|_| RefCell::new(None));
        Self {
            etcd,
            shared: shared.collect(),
        }
    }

    pub(super) async fn open(&self, node: &Node, client: usize) -> Result<EtcdLink, Broken> {
        let streams = match self.shared.len() {
            0 => connect(node).await?,
            connections => {
                let shared = &self.shared[client % connections];
                let known = shared.borrow().clone();
                let alive = match known {
                    Some(known) => known.ready().await.ok(),
                    None => None,
                };
                match alive {
                    Some(streams) => streams,
                    None => {
                        // Another client may do the same meanwhile. Its connection is then used by
                        // itself alone, or by all: neither does harm.
                        let streams = connect(node).await?;
                        *shared.borrow_mut() = Some(streams.clone());
                        streams
                    }
                }
            }
        };
        let request = |kind| {
            Request::builder()
                .method(Method::POST)
                .uri(format!("http://{}{}", node.address, etcd::path(kind)))
                .header(header::CONTENT_TYPE, "application/grpc")
                .header(header::TE, "trailers")
                .body(())
                .map_err(Broken::connecting)
        };
        Ok(EtcdLink {
            etcd: Rc::clone(&self.etcd),
            values: Rc::clone(&node.values),
            timeout: node.timeout,
            streams,
            requests: [
                request(Kind::Read)?,
                request(Kind::Write)?,
                request(Kind::Conditional)?,
            ],
        })
    }
}

async fn connect(node: &Node) -> Result<SendRequest<Bytes>, Broken> {
    let stream = TcpStream::connect(node.address.as_str())
        .await
        .map_err(Broken::connecting)?;
    stream.set_nodelay(true).map_err(Broken::connecting)?;
    let (streams, connection) = client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .enable_push(false)
        .handshake(stream)
        .await
        .map_err(Broken::connecting)?;
    // It ends with the last of those that use it. What is wrong with it they are told, too.
    tokio::task::spawn_local(connection);
    streams.ready().await.map_err(Broken::connecting)
}

impl EtcdLink {
    pub(super) async fn exchange(
        &mut self,
        batch: &Batch,
        listener: &mut impl Listener,
    ) -> Result<(), Broken> {
        let link = &*self;
        let all = async {
            if let [operation] = &batch.operations[..] {
                let (message, trailers) = link.ask(&operation.0).await?;
                return listen(0, operation.0.kind, &message, &trailers, listener);
            }
            let mut asking: FuturesUnordered<_> = (batch.operations().enumerate())
                .map(|(index, operation)| async move {
                    (index, operation.kind, link.ask(operation).await)
                })
                .collect();
            while let Some((index, kind, asked)) = asking.next().await {
                let (message, trailers) = asked?;
                listen(index, kind, &message, &trailers, listener)?;
            }
            Ok(())
        };
        match timeout(self.timeout, all).await {
            Ok(ended) => ended,
            Err(_) => Err(Broken::late(self.timeout)),
        }
    }

    /// One call: the message that is the answer, and the status in what follows it.
    async fn ask(&self, operation: &Operation) -> Result<(Vec<u8>, HeaderMap), Broken> {
        let mut request = Vec::new();
        let template = self.etcd.template(operation.kind);
        template.write(operation, &self.values, &mut request);
        let ready = self.streams.clone().ready().await;
        let mut streams = ready.map_err(Broken::closed)?;
        let head = self.requests[operation.kind as usize].clone();
        let (response, mut sending) = streams.send_request(head, false).map_err(Broken::closed)?;
        sending
            .send_data(request.into(), true)
            .map_err(Broken::closed)?;
        let (head, mut body) = response.await.map_err(Broken::closed)?.into_parts();
        if head.status != StatusCode::OK {
            return Err(Broken::strange(format!(
                "etcd answered HTTP {}",
                head.status
            )));
        }
        let mut message = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.map_err(Broken::closed)?;
            let _ = body.flow_control().release_capacity(data.len());
            message.extend_from_slice(&data);
        }
        let trailers = body.trailers().await.map_err(Broken::closed)?;
        // An answer without a body has its trailers in its head.
        Ok((message, trailers.unwrap_or(head.headers)))
    }
}

fn listen(
    index: usize,
    kind: Kind,
    message: &[u8],
    trailers: &HeaderMap,
    listener: &mut impl Listener,
) -> Result<(), Broken> {
    let mut words = String::new();
    let header = |name| trailers.get(name).and_then(|value| value.to_str().ok());
    let trailers = Trailers {
        status: header("grpc-status"),
        message: header("grpc-message"),
    };
    let answer = etcd::answer(kind, message, trailers, &mut words).map_err(Broken::strange)?;
    listener.answered(index, Instant::now(), answer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cli::bench::load::tests::load;
    use crate::cli::bench::load::{Load, Span};
    use crate::cli::bench::round::{Round, Running};
    use crate::cli::interrupt::Interrupt;
    use h2::server;
    use hyper::body::Bytes;
    use hyper::{HeaderMap, Response};
    use std::time::Duration;
    use tokio::net::TcpListener;

    /// Answers each call with this message and status, if it answers at all.
    async fn serve(listener: TcpListener, message: &'static [u8], status: Option<&'static str>) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut calls = server::handshake(stream).await.unwrap();
                let mut held = Vec::new();
                while let Some(Ok((call, mut respond))) = calls.accept().await {
                    assert!(call.uri().path().starts_with("/etcdserverpb.KV/"));
                    assert_eq!(call.headers()["content-type"], "application/grpc");
                    let Some(status) = status else {
                        // One that is dropped is an answer.
                        held.push(respond);
                        continue;
                    };
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", status.parse().unwrap());
                    if status != "0" {
                        let mut head = Response::new(());
                        *head.headers_mut() = trailers;
                        respond.send_response(head, true).unwrap();
                        continue;
                    }
                    let length = (message.len() as u32).to_be_bytes();
                    let framed = [&[0][..], &length, message].concat();
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    body.send_data(Bytes::from(framed), false).unwrap();
                    body.send_trailers(trailers).unwrap();
                }
            });
        }
    }

    async fn run(load: &Load, message: &'static [u8], status: Option<&'static str>) -> Round {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("etcd://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, message, status));
        let running = Running::begin(load, &url.parse().unwrap()).unwrap();
        let mut interrupt = Interrupt::new().unwrap();
        running.finish(&mut interrupt, |_| {}).await.unwrap()
    }

    fn some(operations: u64) -> Load {
        Load {
            clients: 4,
            threads: 2,
            read_share: 0.5,
            conditional_share: 0.25,
            span: Span::Operations(operations),
            timeout: Duration::from_secs(20),
            ..load()
        }
    }

    /// Both a count and that a condition held.
    const DONE: &[u8] = &[0x10, 1, 0x20, 1];

    #[tokio::test]
    async fn calls_are_answered_on_connections_of_ones_own_and_on_shared_ones() {
        for (pipeline, connections) in [(1, None), (5, None), (1, Some(2)), (5, Some(1))] {
            let load = Load {
                pipeline,
                etcd_connections: connections,
                ..some(400)
            };
            let round = run(&load, DONE, Some("0")).await;
            assert_eq!(round.recorder.counts(), (400, 0));
            let [reads, _, conditional] = &round.recorder.kinds;
            assert_eq!((reads.nothing, conditional.unmet), (0, 0));
        }
    }

    #[tokio::test]
    async fn what_was_not_found_and_what_did_not_hold_is_counted() {
        let round = run(&some(400), b"", Some("0")).await;
        let [reads, _, conditional] = &round.recorder.kinds;
        assert_eq!(reads.nothing, reads.done());
        assert_eq!(conditional.unmet, conditional.done());
        assert!(reads.nothing > 0 && conditional.unmet > 0);
    }

    #[tokio::test]
    async fn a_status_is_an_error_and_silence_another() {
        let round = run(&some(50), b"", Some("14")).await;
        assert_eq!(round.recorder.counts(), (0, 50));
        assert_eq!(round.recorder.errors.by_count()[0].0, "gRPC 14");
        let impatient = Load {
            timeout: Duration::from_millis(20),
            ..some(10)
        };
        let round = run(&impatient, b"", None).await;
        assert_eq!(round.recorder.counts(), (0, 10));
        assert_eq!(round.recorder.errors.by_count()[0].0, "no answer in time");
    }
}
