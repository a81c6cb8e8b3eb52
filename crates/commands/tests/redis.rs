//! Against redis-server 7.0: the table byte by byte, and every error that comes before any data is
//! looked at. Skipped, with a line that says so, where it is not installed.

#[path = "../../resp/tests/redis/server.rs"]
mod server;

use bytes::BytesMut;
use commands::{CommandInfo, UnixMillis, commands, parse};
use resp::{
    Dialect, Limits, Reply, ReplyLimits, ReplyParser, ReplyWriter, RequestParser, write_request,
};
use server::RedisServer;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is sent before each line, so that nothing of the line before stays.
const BEFORE: &str = "RESET\r\nMSET k 5 n 0\r\n";

fn read_all(bytes: &[u8]) -> Vec<Reply> {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let mut buffer = BytesMut::from(bytes);
    std::iter::from_fn(|| parser.next(&mut buffer).expect("replies")).collect()
}

/// What the server answers to each line.
fn answers(server: &RedisServer, lines: &[String]) -> Vec<Reply> {
    let mut answers = Vec::new();
    for lines in lines.chunks(200) {
        let sent: String = lines
            .iter()
            .map(|line| format!("{BEFORE}{line}\r\n"))
            .collect();
        let count = 3 * lines.len();
        let got = server.answer(sent.as_bytes(), |answer| read_all(answer).len() >= count);
        let got = read_all(&got);
        assert_eq!(got.len(), count, "one answer each");
        answers.extend(got.into_iter().skip(2).step_by(3));
    }
    answers
}

/// The error for a line, as it is written; nothing if it is a command.
fn error(line: &str) -> Option<Reply> {
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::from(format!("{line}\r\n").as_bytes());
    let request = parser
        .next(&mut buffer)
        .expect("no fault")
        .expect("a request");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let error = parse(&request, UnixMillis(now.as_millis() as i64)).err()?;
    let mut out = BytesMut::new();
    error.write(&mut ReplyWriter::new(&mut out, Dialect::Resp2));
    read_all(&out).pop()
}

/// Each line has the same error from both, or none from either.
fn assert_same(server: &RedisServer, lines: &[String]) {
    let mut wrong = Vec::new();
    for (line, answer) in lines.iter().zip(answers(server, lines)) {
        let expected = matches!(answer, Reply::Error(_)).then_some(answer);
        let got = error(line);
        if got != expected {
            wrong.push(format!("{line}\n  redis: {expected:?}\n   ours: {got:?}"));
        }
    }
    let count = wrong.len();
    wrong.truncate(40);
    assert!(
        wrong.is_empty(),
        "{count} of {} lines differ:\n{}",
        lines.len(),
        wrong.join("\n")
    );
    println!("{} lines compared", lines.len());
}

/// All lines that begin with `start` and go on with up to `most` of `options`, in every order.
fn combined(start: &str, options: &[&str], most: usize) -> Vec<String> {
    let mut lines = vec![start.to_string()];
    let mut longest = lines.clone();
    for _ in 0..most {
        let longer = longest
            .iter()
            .flat_map(|line| options.iter().map(move |option| format!("{line} {option}")));
        longest = longer.collect();
        lines.extend(longest.iter().cloned());
    }
    lines
}

/// What may stand where an integer should.
const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "-1",
    "10",
    "007",
    "+1",
    "-0",
    "1.5",
    "abc",
    "''",
    "' 1'",
    "'1 '",
    "0x10",
    "1e3",
    "2147483647",
    "2147483648",
    "9223372036854775",
    "9223372036854776",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
];

#[test]
fn the_options_of_set_and_getex_go_together_as_in_redis() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let options = [
        "NX",
        "xx",
        "Get",
        "KEEPTTL",
        "EX 10",
        "px 10",
        "EXAT 9999999999",
        "PXAT 9999999999999",
        "EX",
        "PERSIST",
        "EX 0",
        "PX abc",
        "nonsense",
        "''",
    ];
    assert_same(&server, &combined("SET k v", &options, 3));
    assert_same(&server, &combined("GETEX k", &options, 3));
}

#[test]
fn numbers_are_read_as_redis_reads_them() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let mut lines = Vec::new();
    for number in NUMBERS {
        for command in [
            "SET k v EX",
            "SET k v PX",
            "SET k v EXAT",
            "SET k v PXAT",
            "SET new v NX EX",
            "SET new v XX PX",
            "GETEX k EX",
            "GETEX k PX",
            "GETEX k EXAT",
            "GETEX k PXAT",
            "EXPIRE k",
            "PEXPIRE k",
            "EXPIREAT k",
            "PEXPIREAT k",
            "EXPIRE none",
            "PEXPIREAT none",
            "GETRANGE k 0",
            "SUBSTR k 0",
            "DECRBY n",
            "INCRBY n",
            "SCAN 0 COUNT",
            "SCAN",
            "CLIENT LIST ID",
            "WAIT 0",
            "EVAL 'return 1'",
            "HELLO",
            "INCRBYFLOAT n",
        ] {
            // That is a float in C.
            if (command, number) != ("INCRBYFLOAT n", "0x10") {
                lines.push(format!("{command} {number}"));
            }
        }
        lines.push(format!("SETEX k {number} v"));
        lines.push(format!("PSETEX k {number} v"));
        lines.push(format!("GETRANGE k {number} 1"));
        lines.push(format!("EXPIRE k {number} NX"));
        lines.push(format!("EXPIRE k {number} what"));
        lines.push(format!("SETRANGE k {number} ''"));
        lines.push(format!("WAIT {number} 1"));
        lines.push(format!("EVAL 'return 1' {number} a b"));
        lines.push(format!("CLIENT LIST ID 1 {number}"));
        lines.push(format!("SCAN 0 COUNT {number} MATCH a*"));
    }
    // A string that long is not made, only refused.
    for number in NUMBERS
        .into_iter()
        .filter(|number| number.len() < 3 || number.len() > 9)
    {
        lines.push(format!("SETRANGE k {number} v"));
    }
    assert_same(&server, &lines);
}

#[test]
fn floats_are_read_as_redis_reads_them() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let lines = [
        "1", "-1.5", "+1.5", ".5", "5.", "1e5", "1E+5", "1e-5", "1.5e3", "nan", "-nan", "abc",
        "''", "' 1'", "'1 '", "1e", "e5", ".", "-", "+", "--1", "1.2.3", "1,5", "1e5.5", "in",
        "infinit", "007", "0.1e1x",
    ]
    .map(|number| format!("INCRBYFLOAT k {number}"));
    assert_same(&server, &lines);
}

#[test]
fn the_conditions_of_expire_go_together_as_in_redis() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let options = ["NX", "xx", "GT", "Lt", "nonsense"];
    for start in [
        "EXPIRE k 100",
        "PEXPIRE none 100",
        "EXPIREAT k abc",
        "PEXPIREAT k -5",
    ] {
        assert_same(&server, &combined(start, &options, 3));
    }
}

#[test]
fn the_options_of_all_others_go_together_as_in_redis() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let mut lines = Vec::new();
    let scan = [
        "COUNT 5",
        "COUNT",
        "MATCH a*",
        "match",
        "TYPE string",
        "type what",
        "COUNT 0",
        "x",
    ];
    lines.extend(combined("SCAN 0", &scan, 3));
    let hello = [
        "AUTH default ''",
        "AUTH default",
        "SETNAME me",
        "SETNAME",
        "SETNAME 'a b'",
        "x",
    ];
    lines.extend(combined("HELLO 3", &hello, 2));
    lines.extend(combined("HELLO 2", &hello, 2));
    lines.extend(combined("HELLO", &["4", "1", "x", "AUTH"], 2));
    lines.extend(combined(
        "CLIENT LIST",
        &["TYPE", "normal", "Replica", "ID", "1", "x", "pubsub"],
        3,
    ));
    lines.extend(combined(
        "CLIENT",
        &["NO-EVICT on", "no-evict", "SETNAME", "getname", "x", "ID"],
        2,
    ));
    lines.extend(combined(
        "COMMAND LIST",
        &["FILTERBY", "ACLCAT", "pattern", "MODULE", "x"],
        3,
    ));
    lines.extend(combined(
        "COMMAND",
        &["COUNT", "INFO", "get", "DOCS", "nonsense"],
        2,
    ));
    lines.extend(combined("SCRIPT FLUSH", &["SYNC", "async", "x"], 2));
    lines.extend(combined(
        "SCRIPT",
        &["LOAD 'return 1'", "EXISTS", "nonsense"],
        2,
    ));
    lines.extend(combined("CONFIG", &["GET", "save", "nonsense"], 3));
    lines.extend(combined("AUTH", &["x"], 4).into_iter().skip(3));
    lines.extend(combined("EVAL 'return 1'", &["0", "1", "2", "-1", "x"], 3));
    lines.extend(combined("MSET", &["a 1", "b"], 3));
    lines.extend(combined("PING", &["a"], 3));
    lines.extend(combined("GET", &["k"], 3));
    lines.extend(combined("INFO", &["server", "nonsense"], 2));
    for name in [
        "me",
        "''",
        "'a b'",
        "a\tb",
        "\"a\\nb\"",
        "é",
        "~!",
        "\"\\x7f\"",
    ] {
        lines.push(format!("CLIENT SETNAME {name}"));
        lines.push(format!("HELLO 3 SETNAME {name}"));
    }
    for database in ["0", "16", "-1", "x", "''", "99999999999", "007"] {
        lines.push(format!("SELECT {database}"));
    }
    assert_same(&server, &lines);
}

#[test]
fn what_is_unknown_is_named_as_redis_names_it() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let long = "x".repeat(200);
    let mut lines: Vec<String> = [
        "FOO",
        "FOO bar baz",
        "foo 'a b' \"c\\nd\" ''",
        "\"a\\r\\nb\"",
        "''",
        "'' a",
        "FOO \"a\\x00b\" c",
        "\"FO\\x00O\" a",
        "GETS k",
        "G",
        "é",
        "get| k",
        "client|list",
        "CLIENT FOO",
        "CLIENT 'a b' c",
        "CLIENT ''",
        "CLIENT \"a\\x00b\"",
        "CLUSTER FOO",
        "COMMAND FOO bar",
        "CONFIG FOO",
        "SCRIPT FOO 1",
        "CLIENT client|list",
        "\"a\\n\"",
        "FOO \"a\\n\"",
    ]
    .map(String::from)
    .into();
    lines.push(format!("FOO {long} b"));
    lines.push(format!("{long} a"));
    lines.push(format!("FOO {} b c", &long[..124]));
    lines.push(format!("FOO {} b c", &long[..125]));
    lines.push(format!("FOO {} b c", &long[..126]));
    lines.push(format!("FOO {}", "a ".repeat(100)));
    lines.push(format!("CLIENT {long}"));
    assert_same(&server, &lines);
}

/// All that are commands of redis-server 7.0.
fn compared() -> impl Iterator<Item = &'static CommandInfo> {
    let newer = ["delex", "digest", "client|no-touch", "client|setinfo"];
    let all = commands()
        .iter()
        .flat_map(|info| std::iter::once(info).chain(info.subcommands));
    all.filter(move |info| !newer.contains(&info.name))
}

#[test]
fn every_command_takes_as_many_arguments_as_in_redis() {
    let Some(server) = RedisServer::start(&["--cluster-enabled", "yes"]) else {
        return;
    };
    let mut lines = Vec::new();
    for info in compared() {
        let name = info.name.replace('|', " ");
        let least = info.arity.unsigned_abs() as usize - name.split(' ').count();
        let is_fixed = info.arity > 0;
        for count in 0..5 {
            let is_right = count == least || (!is_fixed && count > least);
            if !is_right {
                lines.push(format!("{name}{}", " k".repeat(count)));
            }
        }
    }
    assert!(lines.len() > 150);
    let sent: Vec<Reply> = lines
        .chunks(100)
        .flat_map(|lines| {
            let bytes = lines.join("\r\n") + "\r\n";
            read_all(&server.answer(bytes.as_bytes(), |answer| {
                read_all(answer).len() >= lines.len()
            }))
        })
        .collect();
    for (line, expected) in lines.iter().zip(sent) {
        assert_eq!(error(line), Some(expected), "{line}");
    }
}

#[test]
fn the_table_is_written_as_redis_does() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    for (dialect, hello) in [(Dialect::Resp2, "2"), (Dialect::Resp3, "3")] {
        for info in compared() {
            let mut bytes = BytesMut::new();
            write_request(&mut bytes, ["HELLO", hello]);
            write_request(&mut bytes, ["COMMAND", "INFO", info.name]);
            let answer = server.answer(&bytes, |answer| read_all(answer).len() == 2);
            let expected = read_all(&answer).pop();
            let mut out = BytesMut::new();
            info.write(&mut ReplyWriter::new(&mut out, dialect));
            let got = Some(Reply::Array(read_all(&out)));
            assert_eq!(comparable(got), comparable(expected), "{}", info.name);
        }
    }
}

/// Without the remarks for humans, and without subcommands, of which Redis has more.
fn comparable(reply: Option<Reply>) -> Reply {
    let Some(Reply::Array(mut commands)) = reply else {
        panic!("an array is expected, not {reply:?}");
    };
    let Some(Reply::Array(fields)) = commands.first_mut() else {
        panic!("a command is expected, not {commands:?}");
    };
    fields.truncate(9);
    let notes = Reply::Bulk("notes".into());
    let Some(Reply::Array(keys) | Reply::Set(keys)) = fields.last_mut() else {
        panic!("keys are expected");
    };
    for key in keys {
        match key {
            Reply::Map(entries) => entries.retain(|(name, _)| *name != notes),
            Reply::Array(entries) if entries.first() == Some(&notes) => drop(entries.drain(..2)),
            _ => {}
        }
    }
    Reply::Array(commands)
}

/// Where the two differ, and why.
#[test]
fn the_differences_are_these() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let error_of = |text: &'static str| Some(Reply::Error(text.into()));
    let unknown = error_of("ERR unknown subcommand 'HELP'. Try CLIENT HELP.");
    let lines = [
        // There is one database.
        ("SELECT 1", error_of("ERR DB index is out of range"), None),
        // The expiry is looked at whether or not there is such a register.
        (
            "GETEX none EX 0",
            error_of("ERR invalid expire time in 'getex' command"),
            None,
        ),
        // Nobody spells numbers in base 16.
        (
            "INCRBYFLOAT k 0x10",
            error_of("ERR value is not a valid float"),
            None,
        ),
        // Help is in the documents.
        ("CLIENT HELP", unknown, None),
        // What there is since 8.4.
        ("SET k v IFEQ 5", None, error_of("ERR syntax error")),
        (
            "SET k v IFEQ",
            error_of("ERR syntax error"),
            error_of("ERR syntax error"),
        ),
        (
            "SET k v NX IFEQ 5",
            error_of("ERR syntax error"),
            error_of("ERR syntax error"),
        ),
        (
            "SET k v IFEQ 5 IFNE 5",
            error_of("ERR syntax error"),
            error_of("ERR syntax error"),
        ),
    ];
    for (line, ours, theirs) in lines {
        assert_eq!(error(line), ours, "{line}");
        let answer = answers(&server, &[line.to_string()]).pop();
        assert_eq!(
            answer.filter(|answer| matches!(answer, Reply::Error(_))),
            theirs,
            "{line}"
        );
    }
    for line in [
        "DELEX k",
        "DELEX k IFEQ 5",
        "DIGEST k",
        "CLIENT SETINFO LIB-NAME me",
    ] {
        assert_eq!(error(line), None, "{line}");
    }
    for (line, text) in [
        ("DELEX k IFEQ", "ERR syntax error"),
        ("DELEX k NX", "ERR syntax error"),
        ("DELEX k IFEQ 5 x", "ERR syntax error"),
        (
            "DIGEST",
            "ERR wrong number of arguments for 'digest' command",
        ),
        ("CLIENT SETINFO x y", "ERR Unrecognized option 'x'"),
        (
            "CLIENT SETINFO LIB-VER 'a b'",
            "ERR lib-ver cannot contain spaces, newlines or special characters.",
        ),
    ] {
        assert_eq!(error(line), error_of(text), "{line}");
    }
}
