//! A connection on which answers come in the order of the requests: [`StreamLink`].

use super::{Batch, Broken, Listener, Node};
use crate::cli::bench::operation::{Answer, Kind};
use crate::cli::bench::template::Values;
use crate::cli::bench::wire::Wire;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A connection on which answers come in the order of the requests.
///
/// A batch is written with one call of the system, as long as the other side takes it. What is
/// received is looked at where it lies; nothing is allocated for it.
pub(in crate::cli::bench) struct StreamLink<W> {
    stream: TcpStream,
    wire: Rc<W>,
    values: Rc<Values>,
    timeout: Duration,
    /// Goes off at some deadline that is past or the one in force: it is set anew only when it has
    /// gone off, not for each batch.
    alarm: Pin<Box<Sleep>>,
    requests: Vec<u8>,
    /// What was received and not looked at yet is `received[from..to]`.
    received: Vec<u8>,
    from: usize,
    to: usize,
    words: String,
}

/// How much is read at once; more if an answer is longer.
const RECEIVED_BYTES: usize = 64 << 10;

impl<W: Wire> StreamLink<W> {
    pub(super) async fn open(node: &Node, wire: &Rc<W>) -> Result<Self, Broken> {
        let stream = TcpStream::connect(node.address.as_str())
            .await
            .map_err(Broken::connecting)?;
        stream.set_nodelay(true).map_err(Broken::connecting)?;
        let mut link = Self {
            stream,
            wire: Rc::clone(wire),
            values: Rc::clone(&node.values),
            timeout: node.timeout,
            alarm: Box::pin(tokio::time::sleep(node.timeout)),
            requests: Vec::new(),
            received: vec![0; RECEIVED_BYTES],
            from: 0,
            to: 0,
            words: String::new(),
        };
        if let Some(greeting) = wire.greeting() {
            link.greet(greeting).await?;
        }
        Ok(link)
    }

    async fn greet(&mut self, greeting: Vec<u8>) -> Result<(), Broken> {
        self.requests = greeting;
        let mut refused = None;
        let mut listener = |_, _, answer: Answer<'_>| {
            if let Answer::Error { words, .. } = answer {
                refused = Some(words.to_owned());
            }
        };
        self.run(1, |_| Kind::Write, &mut listener).await?;
        match refused {
            Some(words) => Err(Broken::connecting(words)),
            None => Ok(()),
        }
    }

    pub(super) async fn exchange(
        &mut self,
        batch: &Batch,
        listener: &mut impl Listener,
    ) -> Result<(), Broken> {
        self.requests.clear();
        for operation in batch.operations() {
            let template = self.wire.template(operation.kind);
            template.write(operation, &self.values, &mut self.requests);
        }
        self.run(batch.len(), |index| batch.get(index).0, listener)
            .await
    }

    /// Sends the requests, so many of them and of these kinds, and receives an answer to each.
    async fn run(
        &mut self,
        count: usize,
        kind: impl Fn(usize) -> Kind,
        listener: &mut impl Listener,
    ) -> Result<(), Broken> {
        let deadline = Instant::now() + self.timeout;
        let (mut written, mut answered) = (0, 0);
        while answered < count {
            poll_fn(|context| self.poll_some(context, &mut written, deadline)).await?;
            let now = Instant::now();
            while answered < count {
                let received = &self.received[self.from..self.to];
                let answer = (self.wire).answer(received, kind(answered), &mut self.words);
                let Some((bytes, answer)) = answer.map_err(Broken::strange)? else {
                    break;
                };
                self.from += bytes;
                listener.answered(answered, now, answer);
                answered += 1;
            }
        }
        if self.from != self.to {
            let words = "there are more answers than requests";
            return Err(Broken::strange(words));
        }
        Ok(())
    }

    /// Writes what can be written, and reads something. Both go on at once: a node that cannot
    /// get rid of its answers may take no more requests.
    fn poll_some(
        &mut self,
        context: &mut Context<'_>,
        written: &mut usize,
        deadline: Instant,
    ) -> Poll<Result<(), Broken>> {
        while *written < self.requests.len() {
            let rest = &self.requests[*written..];
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(bytes)) => *written += bytes,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::closed(error))),
                Poll::Pending => break,
            }
        }
        self.make_room();
        let mut room = ReadBuf::new(&mut self.received[self.to..]);
        match Pin::new(&mut self.stream).poll_read(context, &mut room) {
            Poll::Ready(Ok(())) if room.filled().is_empty() => {
                let words = "the other side closed the connection";
                return Poll::Ready(Err(Broken::closed(words)));
            }
            Poll::Ready(Ok(())) => {
                self.to += room.filled().len();
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::closed(error))),
            Poll::Pending => {}
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(Err(Broken::late(self.timeout)));
            }
            self.alarm.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }

    fn make_room(&mut self) {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.to == self.received.len() {
            self.received.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if self.to > self.received.len() / 2 {
                self.received.resize(self.received.len() * 2, 0);
            }
        }
    }
}
