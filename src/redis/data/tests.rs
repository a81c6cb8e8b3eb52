//! Commands as clients spell them, done to records in memory, and the replies as these read them.

mod failures;
mod keys;
mod strings;

use super::plan::DataError;
use super::{DataLimits, Plan, apply};
use bytes::BytesMut;
use commands::Command;
use protocol::{Outcome, Record, RegisterName, UnixMillis};
use resp::{Dialect, Limits, ReplyWriter, RequestParser};
use std::collections::HashMap;

/// What a value may have at most in these tests.
const LIMITS: DataLimits = DataLimits {
    value_bytes_max: 64,
};

/// What the wall clock shows at first: the 1st of January 2026.
const WALL: UnixMillis = UnixMillis(1_767_225_600_000);

/// Registers in memory, and one client that asks something of them.
struct Registers {
    records: HashMap<RegisterName, Record>,
    wall: UnixMillis,
    dialect: Dialect,
}

impl Registers {
    fn new(dialect: Dialect) -> Self {
        Self {
            records: HashMap::new(),
            wall: WALL,
            dialect,
        }
    }

    /// Does what the request asks, and gives the reply as it is sent.
    fn reply(&mut self, request: &str) -> String {
        match plan(request, self.wall) {
            Ok(plan) => {
                let operations = plan.operations.as_slice().iter();
                let outcomes: Vec<Outcome> = operations
                    .map(|operation| {
                        let record = self.records.entry(operation.name().clone());
                        let record = record.or_insert(Record::EMPTY);
                        apply(operation, record, self.wall, LIMITS.value_bytes_max)
                    })
                    .collect();
                written(self.dialect, |to| {
                    plan.reply.write(&outcomes, self.wall, to)
                })
            }
            Err(error) => written(self.dialect, |to| error.write(to)),
        }
    }
}

/// What the request asks for, at this time.
fn plan(request: &str, wall: UnixMillis) -> Result<Plan, DataError> {
    let mut requests = RequestParser::new(Limits::default());
    let mut received = BytesMut::from(format!("{request}\r\n").as_str());
    let parsed = requests.next(&mut received).unwrap();
    let now = commands::UnixMillis(i64::try_from(wall.0).unwrap());
    match commands::parse(&parsed.unwrap(), now).unwrap() {
        Command::String(command) => Plan::of_string(command, &LIMITS),
        Command::Key(command) => Plan::of_key(command),
        other => panic!("{other:?} is not about data"),
    }
}

fn written(dialect: Dialect, write: impl FnOnce(&mut ReplyWriter<'_>)) -> String {
    let mut out = BytesMut::new();
    write(&mut ReplyWriter::new(&mut out, dialect));
    String::from_utf8(out.to_vec()).unwrap()
}

/// Asserts that these requests, one after the other, get these replies.
#[track_caller]
fn assert_replies(story: &[(&str, &str)]) {
    assert_replies_in(Dialect::Resp2, story);
}

#[track_caller]
fn assert_replies_in(dialect: Dialect, story: &[(&str, &str)]) {
    let mut registers = Registers::new(dialect);
    for (request, expected) in story {
        assert_eq!(registers.reply(request), *expected, "{request}");
    }
}
