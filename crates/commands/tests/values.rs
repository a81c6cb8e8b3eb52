//! What is asked by lines that are commands.

use bytes::{Bytes, BytesMut};
use commands::{
    ClientFilter, Command, Condition, ConnectionCommand, ExpireCondition, Expiry, KeyCommand, Scan,
    ScriptCommand, ScriptName, ServerCommand, Set, StringCommand, TimeUnit, UnixMillis, parse,
};
use resp::{Dialect, Limits, RequestParser};

const NOW: UnixMillis = UnixMillis(1_000_000);

fn command(line: &str) -> Command {
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::from(format!("{line}\r\n").as_bytes());
    let request = parser
        .next(&mut buffer)
        .expect("no fault")
        .expect("a request");
    parse(&request, NOW).expect("a command")
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[track_caller]
fn assert_string(line: &str, expected: StringCommand) {
    assert_eq!(command(line), Command::String(expected), "{line}");
}

#[track_caller]
fn assert_key(line: &str, expected: KeyCommand) {
    assert_eq!(command(line), Command::Key(expected), "{line}");
}

fn set(condition: Option<Condition>, expiry: Expiry, gives_previous: bool) -> StringCommand {
    StringCommand::Set(Set {
        key: bytes("k"),
        value: bytes("v"),
        condition,
        expiry,
        gives_previous,
    })
}

#[test]
fn set_says_when_it_writes_and_when_that_expires() {
    let at = |at| Expiry::At(UnixMillis(at));
    assert_string("set k v", set(None, Expiry::Never, false));
    assert_string("SET k v KEEPTTL get", set(None, Expiry::Keep, true));
    assert_string(
        "SET k v nx EX 5",
        set(Some(Condition::Absent), at(1_005_000), false),
    );
    assert_string(
        "SET k v XX PX 5",
        set(Some(Condition::Present), at(1_000_005), false),
    );
    assert_string("SET k v EXAT 5", set(None, at(5000), false));
    assert_string("SET k v PXAT 5 GET", set(None, at(5), true));
    assert_string("SET k v PX 5 PX 7", set(None, at(1_000_007), false));
    for (option, condition) in [
        ("ifeq", Condition::Equal(bytes("a"))),
        ("IFNE", Condition::Unequal(bytes("a"))),
        ("IFDEQ", Condition::DigestEqual(bytes("a"))),
        ("IFDNE", Condition::DigestUnequal(bytes("a"))),
    ] {
        assert_string(
            &format!("SET k v {option} a"),
            set(Some(condition.clone()), Expiry::Never, false),
        );
        assert_string(
            &format!("DELEX k {option} a"),
            StringCommand::DeleteIf(bytes("k"), Some(condition)),
        );
    }
    assert_string("SETEX k 5 v", set(None, at(1_005_000), false));
    assert_string("PSETEX k 5 v", set(None, at(1_000_005), false));
    assert_string(
        "SETNX k v",
        StringCommand::SetIfAbsent(bytes("k"), bytes("v")),
    );
    assert_string(
        "GETEX k",
        StringCommand::GetExpire(bytes("k"), Expiry::Keep),
    );
    assert_string(
        "GETEX k PERSIST",
        StringCommand::GetExpire(bytes("k"), Expiry::Never),
    );
    assert_string(
        "GETEX k EX 5",
        StringCommand::GetExpire(bytes("k"), at(1_005_000)),
    );
}

#[test]
fn contents_are_read_and_changed_in_parts() {
    assert_string("get k", StringCommand::Get(bytes("k")));
    assert_string("INCR k", StringCommand::Add(bytes("k"), 1));
    assert_string("DECR k", StringCommand::Add(bytes("k"), -1));
    assert_string("INCRBY k -7", StringCommand::Add(bytes("k"), -7));
    assert_string("DECRBY k 7", StringCommand::Add(bytes("k"), -7));
    assert_string(
        "INCRBYFLOAT k 1.5",
        StringCommand::AddFloat(bytes("k"), bytes("1.5")),
    );
    assert_string("DELEX k", StringCommand::DeleteIf(bytes("k"), None));
    assert_string(
        "MGET a b",
        StringCommand::GetMany(vec![bytes("a"), bytes("b")]),
    );
    let pairs = vec![(bytes("a"), bytes("1")), (bytes("b"), bytes("2"))];
    assert_string("MSET a 1 b 2", StringCommand::SetMany(pairs));
    let (key, first, last) = (bytes("k"), 1, -2);
    assert_string(
        "SUBSTR k 1 -2",
        StringCommand::GetRange { key, first, last },
    );
    let (key, offset, part) = (bytes("k"), 9, bytes("x"));
    assert_string(
        "SETRANGE k 9 x",
        StringCommand::SetRange { key, offset, part },
    );
}

#[test]
fn expiries_are_moments_and_may_be_past() {
    let expire = |at, condition| KeyCommand::Expire {
        key: bytes("k"),
        at: UnixMillis(at),
        condition,
    };
    let none = ExpireCondition::default();
    assert_key("EXPIRE k 5", expire(1_005_000, none));
    assert_key("PEXPIRE k -5", expire(999_995, none));
    assert_key("EXPIREAT k -5", expire(-5000, none));
    let both = ExpireCondition {
        present: true,
        later: true,
        ..none
    };
    assert_key("PEXPIREAT k 5 xx gt", expire(5, both));
    assert_key("TTL k", KeyCommand::TimeLeft(bytes("k"), TimeUnit::Seconds));
    assert_key(
        "PEXPIRETIME k",
        KeyCommand::ExpiryTime(bytes("k"), TimeUnit::Millis),
    );
}

#[test]
fn a_scan_says_where_it_goes_on_and_what_it_looks_for() {
    let scan = |cursor, count| Scan {
        cursor,
        pattern: None,
        count,
        of_type: None,
    };
    assert_key("SCAN 0", KeyCommand::Scan(scan(0, 10)));
    assert_key(
        "SCAN 18446744073709551615",
        KeyCommand::Scan(scan(u64::MAX, 10)),
    );
    let whole = Scan {
        pattern: Some(bytes("a*")),
        of_type: Some(bytes("string")),
        ..scan(7, 3)
    };
    assert_key(
        "SCAN 7 match a* COUNT 3 type string",
        KeyCommand::Scan(whole),
    );
}

#[test]
fn scripts_have_keys_and_then_arguments() {
    let run = ScriptCommand::Run {
        script: ScriptName::Sha1(bytes("abc")),
        keys: vec![bytes("k")],
        arguments: vec![bytes("a"), bytes("b")],
    };
    assert_eq!(command("EVALSHA abc 1 k a b"), Command::Script(run));
}

#[test]
fn a_greeting_says_which_dialect_and_who() {
    let Command::Connection(ConnectionCommand::Hello(hello)) =
        command("HELLO 3 SETNAME me AUTH you secret")
    else {
        panic!("a greeting is expected");
    };
    let credentials = hello.credentials.expect("credentials");
    assert_eq!(hello.dialect, Some(Dialect::Resp3));
    assert_eq!(hello.name, Some(bytes("me")));
    assert_eq!(
        (credentials.user.as_deref(), &credentials.password[..]),
        (Some(&b"you"[..]), &b"secret"[..])
    );
    assert!(!format!("{credentials:?}").contains("secret"));
    let listed = ConnectionCommand::ClientList(ClientFilter::Ids(vec![1, 2]));
    assert_eq!(command("CLIENT LIST ID 1 2"), Command::Connection(listed));
    let (replicas, timeout_ms) = (2, 100);
    let wait = ServerCommand::Wait {
        replicas,
        timeout_ms,
    };
    assert_eq!(command("WAIT 2 100"), Command::Server(wait));
}
