//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`: commands that are gathered first.

mod budget;
mod execute;
mod items;

use super::answers::Answer;
use super::{Registers, Session, Step, Wait};
use crate::redis::data;
pub(super) use budget::Budget;
use budget::Hold;
use bytes::BytesMut;
use commands::TransactionCommand;
use protocol::{Operation, Outcome, RegisterName, Tag};
use resp::{OwnedRequest, ReplyWriter, Request};
use std::sync::Arc;

/// Commands that were gathered since `MULTI`.
#[derive(Debug)]
pub(super) struct Gathered {
    requests: Vec<OwnedRequest>,
    /// Whether one of them was refused when it came; then none is carried out.
    is_spoilt: bool,
    hold: Hold,
}

/// What has to stay as it is for the next `EXEC` to do anything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Watched {
    #[default]
    Nothing,
    /// One register, which had this tag.
    One(RegisterName, Tag),
    /// More than one. That all of them are unchanged cannot be known in the instant of a write, so
    /// it is not noted how they were.
    Several,
    /// Something that could not be read.
    Unread,
}

/// What follows from a command.
#[derive(Debug)]
pub(super) enum Next {
    Answer(Answer),
    Wait(Wait),
}

const NESTED: Answer = Answer::Error("ERR MULTI calls can not be nested");
const EXEC_ALONE: Answer = Answer::Error("ERR EXEC without MULTI");
const DISCARD_ALONE: Answer = Answer::Error("ERR DISCARD without MULTI");
const WATCH_LATE: Answer = Answer::Error("ERR WATCH inside MULTI is not allowed");
const ABORTED: Answer =
    Answer::Error("EXECABORT Transaction discarded because of previous errors.");
const TOO_LONG: Answer = Answer::Error(
    "ERR the transaction is longer than 64 MiB; nothing of it will be done, send it in parts",
);
const NO_ROOM: Answer = Answer::Error(
    "BUSY this node holds as much of clients' requests as it may; nothing of the transaction will \
     be done, try again later",
);
const NAME_TOO_LONG: &str = "ERR a key has at most 1024 bytes; nothing was done, use a shorter one";

/// The most bytes that may be gathered by one connection: as many as one request may have.
const GATHERED_BYTES_MAX: usize = 64 << 20;

/// What is held of a request beside the bytes of its arguments.
const REQUEST_BYTES: usize = size_of::<OwnedRequest>();
const ARGUMENT_BYTES: usize = 24;

impl Gathered {
    fn new(budget: &Arc<Budget>) -> Self {
        Self {
            requests: Vec::new(),
            is_spoilt: false,
            hold: Hold::new(budget),
        }
    }

    /// Nothing of it is carried out any more, so nothing of it need be kept.
    fn spoil(&mut self) {
        self.is_spoilt = true;
        self.requests = Vec::new();
        self.hold.release();
    }

    /// # Errors
    /// What to answer if there is no room for it. Then it is spoilt.
    fn add(&mut self, request: &Request<'_>) -> Result<(), Answer> {
        if self.is_spoilt {
            return Ok(());
        }
        let arguments = request
            .iter()
            .map(|argument| argument.len() + ARGUMENT_BYTES);
        let bytes = REQUEST_BYTES + arguments.sum::<usize>();
        let answer = if self.hold.bytes() + bytes > GATHERED_BYTES_MAX {
            TOO_LONG
        } else if !self.hold.grow(bytes) {
            NO_ROOM
        } else {
            self.requests.push(request.to_owned());
            return Ok(());
        };
        self.spoil();
        Err(answer)
    }
}

impl<N: Registers> Session<N> {
    pub(super) fn transact(&mut self, command: TransactionCommand) -> Next {
        let answer = match command {
            TransactionCommand::Multi if self.gathered.is_some() => NESTED,
            TransactionCommand::Multi => {
                self.gathered = Some(Gathered::new(&self.shared.budget));
                self.client.note_gathered(Some(0));
                Answer::Ok
            }
            TransactionCommand::Exec => {
                let Some(gathered) = self.discard() else {
                    return Next::Answer(EXEC_ALONE);
                };
                let watched = self.set_watched(Watched::Nothing);
                if !gathered.is_spoilt {
                    return Next::Wait(Wait::Execute(gathered, watched));
                }
                ABORTED
            }
            TransactionCommand::Discard => match self.discard() {
                None => DISCARD_ALONE,
                Some(_) => {
                    self.set_watched(Watched::Nothing);
                    Answer::Ok
                }
            },
            TransactionCommand::Watch(_) if self.gathered.is_some() => WATCH_LATE,
            TransactionCommand::Watch(keys) => {
                let mut names = Vec::new();
                for key in keys {
                    match RegisterName::new(key) {
                        Ok(name) => names.push(name),
                        Err(_) => return Next::Answer(Answer::Error(NAME_TOO_LONG)),
                    }
                }
                return self.begin_watch(names);
            }
            TransactionCommand::Unwatch => {
                self.set_watched(Watched::Nothing);
                Answer::Ok
            }
        };
        Next::Answer(answer)
    }

    fn begin_watch(&mut self, names: Vec<RegisterName>) -> Next {
        let mut names = names.into_iter();
        let first = names.next().expect("WATCH takes a key at least");
        let is_one = names.all(|name| name == first);
        match &self.watched {
            Watched::Nothing if is_one => return Next::Wait(Wait::Watch(first)),
            Watched::One(known, _) if is_one && *known == first => {}
            Watched::Unread => {}
            _ => drop(self.set_watched(Watched::Several)),
        }
        Next::Answer(Answer::Ok)
    }

    /// Notes how a register is.
    pub(super) async fn watch(&mut self, name: RegisterName, out: &mut BytesMut) {
        let read = Operation::Read { name: name.clone() };
        let node = &self.shared.node;
        let outcome = node.execute(read, node.limits().timeout_default).await;
        let to = &mut ReplyWriter::new(out, self.dialect);
        let watched = match outcome {
            Outcome::Read { record, .. } => {
                to.simple("OK");
                Watched::One(name, record.tag)
            }
            Outcome::Refused(refusal) => {
                to.error(data::refused(refusal));
                Watched::Unread
            }
            _ => {
                to.error(data::unknown());
                Watched::Unread
            }
        };
        self.set_watched(watched);
    }

    /// There is no such command as this. Then none of what is gathered is carried out; and if it was
    /// to be, it is forgotten.
    pub(super) fn spoil(&mut self, request: &Request<'_>) {
        if request.name().eq_ignore_ascii_case(b"exec") {
            self.discard();
            self.set_watched(Watched::Nothing);
        } else if let Some(gathered) = &mut self.gathered {
            gathered.spoil();
        }
    }

    /// Adds a request to those that are gathered.
    pub(super) fn gather(&mut self, request: &Request<'_>, out: &mut BytesMut) -> Step {
        let gathered = self.gathered.as_mut().expect("MULTI came before");
        let added = gathered.add(request);
        self.client.note_gathered(Some(gathered.requests.len()));
        let answer = added.err().unwrap_or(Answer::Queued);
        self.refuse(|to| answer.write(to), out)
    }

    /// Takes what was gathered.
    pub(super) fn discard(&mut self) -> Option<Gathered> {
        self.client.note_gathered(None);
        self.gathered.take()
    }

    pub(super) fn set_watched(&mut self, watched: Watched) -> Watched {
        self.client.note_watched(match &watched {
            Watched::Nothing => 0,
            Watched::One(..) | Watched::Unread => 1,
            Watched::Several => 2,
        });
        std::mem::replace(&mut self.watched, watched)
    }
}
