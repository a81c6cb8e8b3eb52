//! One Redis client's connection, from its first request to its last: [`Connection`].

mod order;
mod replies;

use super::data::{DataLimits, Operations, Plan};
use super::listing;
use super::session::{Later, Session, Step};
use crate::http::Registers;
use crate::server::{Batch, Node, Place};
use bytes::BytesMut;
use commands::Command;
use order::Order;
use protocol::{Operation, Outcome};
use replies::{Form, Replies};
use resp::{Limits, ReplyWriter, RequestParser};
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How many operations of one connection may be under way before no more of its requests are
/// taken. A single request may have more.
const UNDER_WAY_MAX: usize = 256;

/// How many bytes may be held for operations that are under way and for replies that wait for
/// others, before no more requests are taken. A single request may have more.
const HELD_BYTES_MAX: usize = 4 << 20;

/// How many bytes of replies are put together before the client has taken them. A single reply may
/// have more.
const REPLY_BYTES_MAX: usize = 256 << 10;

/// How many bytes the buffer of replies may keep when it is empty.
const BUFFER_BYTES_KEPT: usize = 64 << 10;

/// How long the client may take no byte of its replies.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is looked whether something takes too long, while anything is under way.
const TICK: Duration = Duration::from_secs(1);

/// For how long a client is let send on when its connection is closed: one that is closed with
/// bytes unread is reset, and the last replies may be lost on the way.
const LINGER: Duration = Duration::from_secs(1);

/// One connection. All that has come is taken together: its operations begin as one batch and run
/// side by side, and replies leave in order, as many at a time as there are.
pub(super) struct Connection<'a> {
    node: &'a Node,
    session: Session<Node>,
    reader: ReadHalf<'a>,
    writer: WriteHalf<'a>,
    requests: RequestParser,
    received: BytesMut,
    batch: Batch,
    order: Order,
    replies: Replies,
    /// What the client is to be sent, but for the first bytes, which it has been.
    out: BytesMut,
    sent: usize,
    /// Since when the client has taken nothing of it, if it takes nothing now.
    blocked: Option<Instant>,
    /// What is to be done alone, once all before it is done.
    alone: Option<Alone>,
    ended: Vec<(Place, Outcome)>,
    limits: DataLimits,
    timeout: Duration,
    stage: Stage,
}

/// What takes a while, and runs beside nothing else of its connection.
enum Alone {
    Session(Later),
    Listing(Command),
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Requests are taken.
    Open,
    /// What was asked is answered, and nothing else is taken.
    Closing,
}

impl<'a> Connection<'a> {
    pub(super) fn new(node: &'a Node, session: Session<Node>, stream: &'a mut TcpStream) -> Self {
        let (reader, writer) = stream.split();
        let limits = node.limits();
        let mut requests = RequestParser::new(Limits::default());
        requests.set_authenticated(session.is_authenticated());
        Self {
            node,
            session,
            reader,
            writer,
            requests,
            received: BytesMut::new(),
            batch: node.batch(),
            order: Order::default(),
            replies: Replies::default(),
            out: BytesMut::new(),
            sent: 0,
            blocked: None,
            alone: None,
            ended: Vec::new(),
            limits: DataLimits {
                value_bytes_max: limits.value_bytes_max,
            },
            timeout: limits.timeout_default,
            stage: Stage::Open,
        }
    }

    /// Serves the client until it goes or sends what is no request, or until `shutdown` ends and
    /// what runs is answered.
    pub(super) async fn serve(mut self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let mut shutdown = pin!(shutdown);
        let mut is_stopping = false;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_all_taken = self.take_requests();
            self.batch.begin();
            self.collect();
            self.reply()?;
            if self.replies.is_empty() {
                if let Some(alone) = self.alone.take() {
                    self.carry_out(alone).await;
                    continue;
                }
                if self.stage == Stage::Closing && self.out.is_empty() {
                    return self.close().await;
                }
            }
            let has_room = self.has_room();
            if has_room && !is_all_taken {
                continue;
            }
            let is_busy = !self.replies.is_empty() || !self.out.is_empty();
            let mut space = self.requests.read_space(&mut self.received);
            tokio::select! {
                read = self.reader.read_buf(&mut space), if has_room => {
                    // The client may have closed its side and still read the answers.
                    if read? == 0 {
                        self.stage = Stage::Closing;
                    }
                }
                () = self.batch.ended(), if self.batch.under_way() > 0 => {}
                writable = self.writer.writable(), if !self.out.is_empty() => writable?,
                () = &mut shutdown, if !is_stopping => {
                    is_stopping = true;
                    self.stage = Stage::Closing;
                }
                _ = tick.tick(), if is_busy => {
                    if self.blocked.is_some_and(|since| since.elapsed() > WRITE_TIMEOUT) {
                        return Ok(());
                    }
                    self.batch.end_overdue(&mut self.ended);
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        let under_way = self.batch.under_way();
        self.stage == Stage::Open
            && self.alone.is_none()
            && under_way < UNDER_WAY_MAX
            && self.out.len() < REPLY_BYTES_MAX
            && self.replies.expects_at_most(HELD_BYTES_MAX, under_way)
    }

    /// Takes the requests that have come, as far as there is room for them. Says whether none is
    /// left.
    fn take_requests(&mut self) -> bool {
        let asked = Instant::now();
        let wall = self.node.wall_clock();
        let now = commands::UnixMillis(i64::try_from(wall.0).unwrap_or(i64::MAX));
        while self.has_room() {
            let next = self.batch.next();
            let request = match self.requests.next(&mut self.received) {
                Ok(Some(request)) => request,
                Ok(None) => return true,
                Err(fault) => {
                    (self.replies).write(next, &mut self.out, |out| fault.write(out));
                    self.stage = Stage::Closing;
                    return true;
                }
            };
            if request.is_cross_protocol() {
                self.received.clear();
                self.stage = Stage::Closing;
                return true;
            }
            let session = &mut self.session;
            let step =
                (self.replies).write(next, &mut self.out, |out| session.step(&request, now, out));
            match step {
                Step::Answered => {}
                Step::Close => self.stage = Stage::Closing,
                Step::Later(later) => self.alone = Some(Alone::Session(later)),
                Step::Data(command) => self.begin(command, asked),
            }
            self.requests
                .set_authenticated(self.session.is_authenticated());
        }
        false
    }

    /// Enters the operations of a command.
    fn begin(&mut self, command: Command, asked: Instant) {
        let plan = match command {
            Command::String(command) => Plan::of_string(command, &self.limits),
            Command::Key(command) if !listing::is_listing(&command) => Plan::of_key(command),
            on_names => {
                self.alone = Some(Alone::Listing(on_names));
                return;
            }
        };
        let dialect = self.session.dialect();
        let first = self.batch.next();
        let Plan { operations, reply } = match plan {
            Ok(plan) => plan,
            Err(error) => {
                return self.replies.write(first, &mut self.out, |out| {
                    error.write(&mut ReplyWriter::new(out, dialect));
                });
            }
        };
        let form = Form {
            shape: reply,
            dialect,
        };
        match operations {
            Operations::One(operation) => {
                self.replies.expect_one(first, &operation, form);
                self.enter(operation, asked);
            }
            Operations::Many(operations) => {
                self.replies.expect_many(first, &operations, form);
                for operation in operations {
                    self.enter(operation, asked);
                }
            }
        }
    }

    fn enter(&mut self, operation: Operation, asked: Instant) {
        let place = self.batch.enter(&operation, asked, self.timeout);
        if let Some(operation) = self.order.admit(place, operation) {
            self.batch.gather(place, operation);
        }
    }

    /// Takes in what has ended, and begins what waited for it.
    fn collect(&mut self) {
        loop {
            self.batch.take(&mut self.ended);
            if self.ended.is_empty() {
                return;
            }
            for (place, outcome) in self.ended.drain(..) {
                if let Some(at) = self.replies.end(place, outcome) {
                    let batch = &mut self.batch;
                    self.order
                        .ended(at, |place, operation| batch.gather(place, operation));
                }
            }
            self.batch.begin();
        }
    }

    async fn carry_out(&mut self, alone: Alone) {
        match alone {
            Alone::Session(later) => self.session.carry_out(later, &mut self.out).await,
            Alone::Listing(command) => {
                let mut writer = ReplyWriter::new(&mut self.out, self.session.dialect());
                listing::carry_out(self.node, command, &mut writer).await;
            }
        }
    }

    /// Sends the replies that are known, as far as the client takes them.
    fn reply(&mut self) -> io::Result<()> {
        let wall = self.node.wall_clock();
        loop {
            (self.replies).flush(wall, &mut self.out, REPLY_BYTES_MAX);
            if self.out.is_empty() || !self.send()? {
                return Ok(());
            }
        }
    }

    /// Says whether the client has taken all that there was.
    fn send(&mut self) -> io::Result<bool> {
        while self.sent < self.out.len() {
            match self.writer.try_write(&self.out[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    self.blocked = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked.get_or_insert_with(Instant::now);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.sent = 0;
        self.out.clear();
        if self.out.capacity() > BUFFER_BYTES_KEPT {
            self.out = BytesMut::new();
        }
        Ok(true)
    }

    /// Closes the connection, on which nothing waits to be sent.
    async fn close(mut self) -> io::Result<()> {
        self.writer.shutdown().await?;
        let reading = async {
            let mut unread = [0; 4096];
            while let Ok(1..) = self.reader.read(&mut unread).await {}
        };
        let _ = timeout(LINGER, reading).await;
        Ok(())
    }
}
