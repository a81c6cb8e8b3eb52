//! `EXEC`: carrying out what was gathered.
//!
//! If it is all about one register, it takes effect in one instant: the register is read, the
//! commands are carried out in memory, and what they make of it is written by a compare-and-set on
//! the tag that was read, again and again until nobody came between. What only reads is one read.
//!
//! Several registers cannot change in one instant. Then each command is carried out by itself, in
//! order, or none is; see [`MultiRegister`].

use super::super::local::Local;
use super::super::one_register::{Compute, Ended};
use super::super::shared::MultiRegister;
use super::super::{Registers, Session, answers};
use super::items::{Done, Item};
use super::{Gathered, Watched};
use crate::redis::data::{self, DataLimits};
use bytes::BytesMut;
use commands::{Command, TransactionCommand, UnixMillis};
use futures_util::future::join_all;
use protocol::{Operation, Outcome, Refusal, RegisterName};
use resp::ReplyWriter;
use std::time::{Duration, Instant};

/// The most bytes of contents that one answer may have.
const ANSWER_BYTES_MAX: usize = 64 << 20;

const ANSWER_TOO_LONG: &str = "EXECABORT Transaction discarded because its answer would be longer \
    than 64 MiB; nothing was done, send it in parts";
const REST_TOO_LONG: &str = "ERR not done: the answer of this transaction is longer than 64 MiB; \
    send it in parts";
const SEVERAL_REGISTERS: &str = "EXECABORT Transaction discarded because it is about several \
    registers, which cannot change in one instant, and this node is set to refuse that \
    (--multi-register); nothing was done, send the commands without MULTI";
const WATCH_ELSEWHERE: &str = "EXECABORT Transaction discarded because it can be tied by WATCH to \
    one register only, the one that it is about; nothing was done";
const WATCH_UNREAD: &str = "EXECABORT Transaction discarded because a WATCH before it failed; \
    nothing was done";

/// How a transaction can be carried out.
enum Manner {
    /// In one instant, on this register.
    OneRegister(RegisterName),
    /// Each command by itself.
    PerCommand,
    /// Not at all, and why.
    Refused(&'static str),
}

impl<N: Registers> Session<N> {
    pub(in super::super) async fn execute(
        &mut self,
        gathered: Gathered,
        watched: Watched,
        out: &mut BytesMut,
    ) {
        let limits = DataLimits {
            value_bytes_max: self.shared.node.limits().value_bytes_max,
        };
        let now = answers::wall_clock();
        let scripts = &self.shared.scripts;
        let requests = gathered.requests.iter();
        let items = requests.map(|request| Item::of(request, now, &limits, scripts));
        let items: Vec<Item> = items.collect();
        match manner(&items, &watched, self.shared.settings.multi_register) {
            Manner::OneRegister(name) => {
                self.execute_at_once(&name, &items, &watched, now, out)
                    .await;
            }
            Manner::PerCommand => self.execute_in_order(&items, now, out).await,
            Manner::Refused(why) => ReplyWriter::new(out, self.dialect).error(why),
        }
    }

    /// All of it, in one instant.
    async fn execute_at_once(
        &mut self,
        name: &RegisterName,
        items: &[Item],
        watched: &Watched,
        now: UnixMillis,
        out: &mut BytesMut,
    ) {
        let base = match watched {
            Watched::One(_, tag) => Some(*tag),
            _ => None,
        };
        let compute = |local: &mut Local| {
            let mut done = Vec::with_capacity(items.len());
            let mut content_bytes = 0;
            for item in items {
                done.push(item.apply(local));
                content_bytes += done.last().map_or(0, Done::content_bytes);
                if content_bytes > ANSWER_BYTES_MAX {
                    return Compute::GiveUp;
                }
            }
            Compute::Done(done)
        };
        let to = &mut ReplyWriter::new(out, self.dialect);
        let within = self.shared.node.limits().timeout_default;
        match (self.shared.on_one_register(name, base, within, compute)).await {
            Ended::Done(done, wall) => {
                to.array(items.len());
                for (item, done) in items.iter().zip(&done) {
                    let Done::Outcomes(outcomes) = done else {
                        self.answer_item(item, now, out);
                        continue;
                    };
                    let to = &mut ReplyWriter::new(out, self.dialect);
                    match item {
                        Item::Data { shape, .. } => shape.write(outcomes, wall, to),
                        Item::Deed(deed) => deed.write(&outcomes[0], wall, to),
                        Item::Refused(_) | Item::Listing(_) | Item::Own(_) => {}
                    }
                }
            }
            Ended::Moved => to.nil_array(),
            Ended::GivenUp => to.error(ANSWER_TOO_LONG),
            Ended::Refused(refusal) => to.error(data::refused(refusal)),
            Ended::Unknown => to.error(data::unknown()),
        }
    }

    /// Each command by itself, one after another. What cannot begin before the deadline of the
    /// whole is refused.
    async fn execute_in_order(&mut self, items: &[Item], now: UnixMillis, out: &mut BytesMut) {
        let deadline = Instant::now() + self.shared.node.limits().timeout_default;
        let start = out.len();
        ReplyWriter::new(out, self.dialect).array(items.len());
        for item in items {
            let left = deadline.saturating_duration_since(Instant::now());
            if out.len() - start > ANSWER_BYTES_MAX {
                ReplyWriter::new(out, self.dialect).error(REST_TOO_LONG);
                continue;
            }
            match item {
                Item::Data { operations, shape } => {
                    let outcomes = self.run_all(operations.as_slice(), left).await;
                    let to = &mut ReplyWriter::new(out, self.dialect);
                    shape.write(&outcomes, answers::protocol_wall_clock(), to);
                }
                Item::Deed(deed) => self.shared.run_deed(deed, left, self.dialect, out).await,
                Item::Listing(command) => {
                    let to = &mut ReplyWriter::new(out, self.dialect);
                    self.shared.node.list(command.clone(), to).await;
                }
                Item::Refused(_) | Item::Own(_) => self.answer_item(item, now, out),
            }
        }
    }

    /// The operations of one command run side by side.
    async fn run_all(&self, operations: &[Operation], left: Duration) -> Vec<Outcome> {
        if left.is_zero() {
            let refused = Outcome::Refused(Refusal::NoQuorum);
            return operations.iter().map(|_| refused.clone()).collect();
        }
        let node = &self.shared.node;
        let operations = operations.iter().cloned();
        join_all(operations.map(|operation| node.execute(operation, left))).await
    }

    /// Answers what is about no register.
    fn answer_item(&mut self, item: &Item, now: UnixMillis, out: &mut BytesMut) {
        match item {
            Item::Refused(answer) => out.extend_from_slice(answer),
            // What was watched is watched no longer.
            Item::Own(Command::Transaction(TransactionCommand::Unwatch)) => {
                ReplyWriter::new(out, self.dialect).simple("OK");
            }
            Item::Own(command) => self.answer(command.clone(), now, out),
            Item::Data { .. } | Item::Deed(_) | Item::Listing(_) => {
                unreachable!("it is about registers")
            }
        }
    }
}

fn manner(items: &[Item], watched: &Watched, multi_register: MultiRegister) -> Manner {
    let mut names = items.iter().flat_map(Item::names);
    let first = names.next();
    let is_one = names.all(|name| Some(name) == first);
    let lists = items.iter().any(|item| matches!(item, Item::Listing(_)));
    let is_one = is_one && !lists;
    match (watched, first) {
        (Watched::Unread, _) => Manner::Refused(WATCH_UNREAD),
        (Watched::Several, _) => Manner::Refused(WATCH_ELSEWHERE),
        // A read of it tells whether it has changed.
        (Watched::One(watched, _), None) if is_one => Manner::OneRegister(watched.clone()),
        (Watched::One(watched, _), Some(name)) if is_one && watched == name => {
            Manner::OneRegister(name.clone())
        }
        (Watched::One(..), _) => Manner::Refused(WATCH_ELSEWHERE),
        // What is one operation, or none, takes effect in one instant by itself.
        (Watched::Nothing, _) if is_one && is_single(items) => Manner::PerCommand,
        (Watched::Nothing, Some(name)) if is_one => Manner::OneRegister(name.clone()),
        (Watched::Nothing, _) if lists && items.len() == 1 => Manner::PerCommand,
        (Watched::Nothing, _) => match multi_register {
            MultiRegister::PerCommand => Manner::PerCommand,
            MultiRegister::Refused => Manner::Refused(SEVERAL_REGISTERS),
        },
    }
}

fn is_single(items: &[Item]) -> bool {
    items.iter().flat_map(Item::names).nth(1).is_none()
}
