//! What was gathered, as `EXEC` carries it out: [`Item`].

use super::super::local::Local;
use super::super::scripts::{Deed, Scripts};
use crate::redis::data::{DataLimits, Operations, Plan, ReplyShape};
use crate::redis::listing;
use bytes::BytesMut;
use commands::{Command, ScriptCommand, ServerCommand, UnixMillis, parse};
use protocol::{Operation, Outcome, RegisterName};
use resp::{Dialect, OwnedRequest, ReplyWriter};

/// One command of a transaction.
#[derive(Debug)]
pub(super) enum Item {
    /// It asks for nothing that can be done. Its answer, which is an error.
    Refused(BytesMut),
    /// It is about registers.
    Data {
        operations: Operations,
        shape: ReplyShape,
    },
    /// It is a script, about one register.
    Deed(Deed),
    /// It is about the names of registers.
    Listing(Command),
    /// It is about no register.
    Own(Command),
}

/// What an item did to a register in memory.
#[derive(Debug)]
pub(super) enum Done {
    /// Nothing: it is about no register.
    Nothing,
    /// What its operations came to.
    Outcomes(Vec<Outcome>),
}

impl Item {
    /// What a request asks, when the wall clock shows `now`.
    pub(super) fn of(
        request: &OwnedRequest,
        now: UnixMillis,
        limits: &DataLimits,
        scripts: &Scripts,
    ) -> Self {
        let command = match parse(&request.view(), now) {
            Ok(command) => command,
            Err(error) => return refused(|to| error.write(to)),
        };
        let plan = match command {
            Command::Key(command) if listing::is_listing(&command) => {
                return Item::Listing(Command::Key(command));
            }
            Command::Server(ServerCommand::Size) => return Item::Listing(command),
            Command::Script(ScriptCommand::Run {
                script,
                keys,
                arguments,
            }) => {
                return match scripts.deed(&script, &keys, &arguments, now) {
                    Ok(deed) => Item::Deed(deed),
                    Err(error) => refused(|to| error.write(to)),
                };
            }
            Command::String(command) => Plan::of_string(command, limits),
            Command::Key(command) => Plan::of_key(command),
            command => return Item::Own(command),
        };
        match plan {
            Ok(plan) => Item::Data {
                operations: plan.operations,
                shape: plan.reply,
            },
            Err(error) => refused(|to| error.write(to)),
        }
    }

    /// The registers that it is about, as often as it names them.
    pub(super) fn names(&self) -> impl Iterator<Item = &RegisterName> {
        let (operations, deed) = match self {
            Item::Data { operations, .. } => (operations.as_slice(), None),
            Item::Deed(deed) => (&[][..], Some(deed.name())),
            Item::Refused(_) | Item::Listing(_) | Item::Own(_) => (&[][..], None),
        };
        operations.iter().map(Operation::name).chain(deed)
    }

    /// Carries it out in memory, on the one register that all are about.
    pub(super) fn apply(&self, local: &mut Local) -> Done {
        let operations = match self {
            Item::Data { operations, .. } => operations,
            Item::Deed(deed) => return Done::Outcomes(vec![deed.apply(local)]),
            Item::Refused(_) | Item::Listing(_) | Item::Own(_) => return Done::Nothing,
        };
        let outcomes = operations
            .as_slice()
            .iter()
            .map(|operation| local.apply(operation));
        Done::Outcomes(outcomes.collect())
    }
}

impl Done {
    /// How many bytes of contents its answer may have.
    pub(super) fn content_bytes(&self) -> usize {
        let Done::Outcomes(outcomes) = self else {
            return 0;
        };
        let length = |content: &Option<bytes::Bytes>| content.as_ref().map_or(0, |it| it.len());
        let bytes = outcomes.iter().map(|outcome| match outcome {
            Outcome::Read { record, .. } | Outcome::Unchanged { record, .. } => {
                length(&record.content)
            }
            Outcome::Modified { previous, .. } => length(previous),
            Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => 0,
        });
        bytes.sum()
    }
}

/// Errors look alike in both dialects.
fn refused(write: impl FnOnce(&mut ReplyWriter<'_>)) -> Item {
    let mut answer = BytesMut::new();
    write(&mut ReplyWriter::new(&mut answer, Dialect::Resp2));
    Item::Refused(answer)
}
