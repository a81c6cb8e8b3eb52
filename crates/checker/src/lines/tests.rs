//! What is written is read, and what cannot be read is told.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::history::{Action, Client, Reply};
use crate::{Limits, Verdict, check};

const FIRST: &str = "shardedmemory-history 1\n";

fn read_lines(text: &[u8]) -> Result<Vec<Line>, ReadError> {
    Reader::new(text)?.collect()
}

/// The one operation of a history with this line.
fn line(text: &str) -> Line {
    let mut lines = read_lines(format!("{FIRST}{text}\n").as_bytes()).unwrap();
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

fn written(lines: &[Line]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text).unwrap();
    for line in lines {
        let notes: Vec<(&str, &str)> = (line.notes.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let written = writer.write(&line.register, &line.operation, line.given_up, &notes);
        written.unwrap();
    }
    writer.finish().unwrap();
    text
}

fn value(bytes: &[u8]) -> ByteString {
    ByteString::from(bytes)
}

#[test]
fn every_action_and_outcome_has_its_words() {
    let set = |expected: Option<&[u8]>, new: Option<&[u8]>| Action::CompareAndSet {
        expected: expected.map(value),
        new: new.map(value),
    };
    let some = |bytes: &[u8]| Some(value(bytes));
    let done = |reply| Outcome::Done { time: 7, reply };
    for (text, action, outcome) in [
        ("5 7 1 x read done -", Action::Read, done(Reply::Read(None))),
        (
            "5 7 1 x read done =",
            Action::Read,
            done(Reply::Read(some(b""))),
        ),
        (
            "5 7 1 x read done =-",
            Action::Read,
            done(Reply::Read(some(b"-"))),
        ),
        (
            "5 7 1 x read refused",
            Action::Read,
            Outcome::Refused { time: 7 },
        ),
        ("5 - 1 x read unknown", Action::Read, Outcome::Unknown),
        (
            "5 7 1 x write =a%20=%25b done",
            Action::Write(value(b"a =%b")),
            done(Reply::Written),
        ),
        ("5 7 1 x delete done", Action::Delete, done(Reply::Written)),
        (
            "5 7 1 x delete refused",
            Action::Delete,
            Outcome::Refused { time: 7 },
        ),
        (
            "5 7 1 x compare-and-set - =a modified =a",
            set(None, Some(b"a")),
            done(Reply::Modified(some(b"a"))),
        ),
        (
            "5 7 1 x compare-and-set =a - unchanged =b",
            set(Some(b"a"), None),
            done(Reply::Unchanged(some(b"b"))),
        ),
        (
            "5 7 1 x compare-and-set =a - unmet",
            set(Some(b"a"), None),
            done(Reply::Unmet),
        ),
        (
            "5 7 1 x set-unless - =a replaced =b",
            Action::SetUnless {
                unexpected: None,
                new: some(b"a"),
            },
            done(Reply::Replaced(some(b"b"))),
        ),
        (
            "5 7 1 x swap - replaced =b",
            Action::Swap(None),
            done(Reply::Replaced(some(b"b"))),
        ),
        (
            "5 7 1 x add -3 modified =-3",
            Action::Add(-3),
            done(Reply::Modified(some(b"-3"))),
        ),
        (
            "5 - 1 x add 9223372036854775807 unknown",
            Action::Add(i64::MAX),
            Outcome::Unknown,
        ),
    ] {
        let line = line(text);
        let operation = Operation {
            client: Client(1),
            action,
            call: 5,
            outcome,
        };
        assert_eq!(line.operation, operation, "{text}");
        assert_eq!(line.register, RegisterName::new("x"));
        let rewritten = String::from_utf8(written(&[line])).unwrap();
        assert_eq!(rewritten, format!("{FIRST}{text}\n"));
    }
}

#[test]
fn an_operation_of_unknown_outcome_may_tell_when_it_was_given_up() {
    let line = line("5 7 1 x delete unknown node=a%20b rounds=2 empty=");
    assert_eq!(line.operation.outcome, Outcome::Unknown);
    assert_eq!(line.given_up, Some(7));
    let notes = [("node", "a b"), ("rounds", "2"), ("empty", "")];
    assert_eq!(
        line.notes,
        notes.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn comments_and_empty_lines_and_ends_of_lines_say_nothing() {
    let text = "shardedmemory-history  1\r\n\n  # nothing\r\n\t5 7  1 x read done =a \r\n\n5 7 1 x read done -";
    let lines = read_lines(text.as_bytes()).unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], line("5 7 1 x read done =a"));
}

#[test]
fn what_somebody_writes_by_hand_is_checked() {
    let history = read(
        "shardedmemory-history 1\n\
         0 10 1 é write =alt done\n\
         20 30 1 é write =neu done\n\
         40 50 2 %c3%a9 read done =alt\n"
            .as_bytes(),
    );
    let Verdict::Violation(witness) = check(&history.unwrap(), Limits::default()) else {
        panic!("the read is stale");
    };
    assert_eq!(witness.operations.len(), 3);
}

#[test]
fn a_bad_line_is_told_with_its_number() {
    for (text, why) in [
        ("x", "its call, \"x\", is no number"),
        ("5", "it ends before its end is told"),
        ("05 7 1 x read done -", "its call, \"05\", is no number"),
        ("+5 7 1 x read done -", "its call, \"+5\", is no number"),
        ("18446744073709551616 - 1 x read unknown", "its call, "),
        ("- 7 1 x read done -", "its call, \"-\", is no number"),
        ("5 4 1 x read done -", "its end, 4, is before its call, 5"),
        ("5 4 1 x read unknown", "its end, 4, is before its call, 5"),
        (
            "5 - 1 x read done -",
            "it is \"done\", and its end is not told",
        ),
        (
            "5 - 1 x read refused",
            "it is \"refused\", and its end is not told",
        ),
        ("5 7 -1 x read done -", "its client, \"-1\", is no number"),
        ("5 7 1", "it ends before its register is told"),
        ("5 7 1 %4 read done -", "a % is not followed by two"),
        ("5 7 1 %+4 read done -", "a % is not followed by two"),
        ("5 7 1 x", "it ends before its action is told"),
        ("5 7 1 x look done -", "\"look\" is no action"),
        ("5 7 1 x read", "it ends before its outcome is told"),
        ("5 7 1 x read done", "it ends before what was read is told"),
        (
            "5 7 1 x read done a",
            "\"a\" stands where what was read should",
        ),
        (
            "5 7 1 x write a done",
            "\"a\" stands where what was written should",
        ),
        (
            "5 7 1 x write - done",
            "a write of nothing is called delete",
        ),
        (
            "5 7 1 x write =a modified =a",
            "\"modified\" is no outcome of its action",
        ),
        ("5 7 1 x add 1 done", "\"done\" is no outcome of its action"),
        (
            "5 7 1 x add =1 modified =1",
            "what was added, \"=1\", is no number",
        ),
        (
            "5 7 1 x delete done =a",
            "\"=a\" stands where only notes can",
        ),
        (
            "5 7 1 x delete done 1a=b",
            "\"1a=b\" stands where only notes can",
        ),
        (
            "5 7 1 x delete done node=%ff",
            "stands where only notes can",
        ),
        (&"x".repeat(1 << 20), &format!("\"{}...\"", "x".repeat(40))),
    ] {
        let error = read_lines(format!("{FIRST}# a comment\n{text}\n").as_bytes()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("line 3: ") && error.contains(why),
            "{text}: {error}"
        );
        assert!(error.len() < 300, "{error}");
    }
}

#[test]
fn what_is_no_history_of_this_version_is_told_so() {
    for text in [
        "",
        "\n",
        "0 1 1 x read done -\n",
        "shardedmemory-history\n",
        "\x7fELF\n",
    ] {
        let error = read_lines(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ReadError::NoHistory), "{text}: {error}");
    }
    let endless = vec![b'x'; 1 << 20];
    assert!(matches!(
        read_lines(&endless).unwrap_err(),
        ReadError::NoHistory
    ));
    let newer = read_lines(b"shardedmemory-history 2\n").unwrap_err();
    assert!(
        matches!(&newer, ReadError::Version(version) if version == "2"),
        "{newer}"
    );
}

#[test]
fn a_line_without_an_end_is_not_taken_into_memory() {
    let endless = io::Read::chain(FIRST.as_bytes(), io::repeat(b'x'));
    let endless = io::BufReader::with_capacity(1 << 20, endless);
    let error = Reader::new(endless).unwrap().next().unwrap().unwrap_err();
    assert!(
        error.to_string().contains("more than 104857600 bytes"),
        "{error}"
    );
}

#[test]
fn after_an_error_there_is_nothing_more() {
    let text = format!("{FIRST}x\n5 7 1 x delete done\n");
    let mut reader = Reader::new(text.as_bytes()).unwrap();
    assert!(reader.next().is_some_and(|line| line.is_err()));
    assert!(reader.next().is_none());
}

#[test]
fn what_has_no_word_is_not_written() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let operation = line("5 7 1 x delete done").operation;
    let nameless = writer.write(&RegisterName::new(""), &operation, None, &[]);
    assert_eq!(nameless.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let note = writer.write(&RegisterName::new("x"), &operation, None, &[("a b", "c")]);
    assert_eq!(note.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

fn any_value() -> impl Strategy<Value = ByteString> {
    vec(any::<u8>(), 0..6).prop_map(ByteString::from)
}

fn any_content() -> impl Strategy<Value = Option<ByteString>> {
    proptest::option::of(any_value())
}

fn any_action() -> impl Strategy<Value = Action<ByteString>> {
    let set = (any_content(), any_content());
    prop_oneof![
        Just(Action::Read),
        any_value().prop_map(Action::Write),
        Just(Action::Delete),
        set.prop_map(|(expected, new)| Action::CompareAndSet { expected, new }),
        (any_content(), any_content())
            .prop_map(|(unexpected, new)| Action::SetUnless { unexpected, new }),
        any_content().prop_map(Action::Swap),
        any::<i64>().prop_map(Action::Add),
    ]
}

/// How an operation with this action can end.
fn any_outcome(
    action: &Action<ByteString>,
    time: u64,
) -> impl Strategy<Value = Outcome<ByteString>> + use<> {
    let action = action.clone();
    (0..5, any_content()).prop_map(move |(ending, content)| {
        let reply = match (&action, ending) {
            (_, 3) => return Outcome::Refused { time },
            (_, 4) => return Outcome::Unknown,
            (Action::Read, _) => Reply::Read(content),
            (Action::Write(_) | Action::Delete, _) => Reply::Written,
            (Action::Swap(_), _) | (Action::SetUnless { .. }, 2) => Reply::Replaced(content),
            (Action::CompareAndSet { .. }, 2) => Reply::Unmet,
            (_, 0) => Reply::Modified(content),
            (_, _) => Reply::Unchanged(content),
        };
        Outcome::Done { time, reply }
    })
}

fn any_line() -> impl Strategy<Value = Line> {
    let times = (any::<u64>(), any::<u64>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let parts = (times, any::<u64>(), vec(any::<u8>(), 1..6), any_action());
    let parts = parts.prop_flat_map(|(times, client, register, action)| {
        let outcome = any_outcome(&action, times.1);
        (Just((times, client, register, action)), outcome)
    });
    let notes = vec(("[a-zA-Z][a-zA-Z0-9_]{0,5}", ".{0,6}"), 0..3);
    let parts = (parts, any::<bool>(), notes);
    parts.prop_map(
        |(((times, client, register, action), outcome), tells, notes)| Line {
            register: RegisterName::new(register),
            given_up: (tells && outcome == Outcome::Unknown).then_some(times.1),
            operation: Operation {
                client: Client(client),
                action,
                call: times.0,
                outcome,
            },
            notes,
        },
    )
}

/// Bytes that are nearly a history.
fn nearly_lines() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        "[0-9]{1,20}",
        Just("-".to_owned()),
        Just("read".to_owned()),
        Just("write".to_owned()),
        Just("delete".to_owned()),
        Just("compare-and-set".to_owned()),
        Just("set-unless".to_owned()),
        Just("swap".to_owned()),
        Just("replaced".to_owned()),
        Just("unmet".to_owned()),
        Just("add".to_owned()),
        Just("done".to_owned()),
        Just("modified".to_owned()),
        Just("unknown".to_owned()),
        Just("\n".to_owned()),
        Just("#".to_owned()),
        "=[%a-f]{0,4}",
        ".{0,3}",
    ];
    vec(words, 0..40).prop_map(|words| format!("{FIRST}{}", words.join(" ")).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(lines in vec(any_line(), 0..6)) {
        let text = written(&lines);
        prop_assert!(text.is_ascii());
        prop_assert_eq!(read_lines(&text).unwrap(), lines);
    }

    #[test]
    fn a_history_that_is_written_and_read_is_the_same(lines in vec(any_line(), 0..6)) {
        let mut history = History::new();
        for line in &lines {
            line.clone().record(&mut history);
        }
        let mut text = Vec::new();
        write(&history, &mut text).unwrap();
        let again = read(&*text).unwrap();
        let operations = |history: &History<ByteString>| -> Vec<_> {
            let operations = history.operations();
            operations.map(|(name, operation)| (name.clone(), operation.clone())).collect()
        };
        prop_assert_eq!(operations(&again), operations(&history));
    }

    #[test]
    fn garbage_is_refused_or_understood_and_never_a_panic(
        garbage in prop_oneof![vec(any::<u8>(), 0..200), nearly_lines()],
    ) {
        let behind_first = [FIRST.as_bytes(), &garbage].concat();
        for text in [&garbage, &behind_first] {
            if let Ok(lines) = read_lines(text) {
                prop_assert_eq!(read_lines(&written(&lines)).unwrap(), lines);
            }
        }
    }

    #[test]
    fn a_history_with_a_byte_changed_is_no_panic(
        lines in vec(any_line(), 1..4),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut text = written(&lines);
        let place = place.index(text.len());
        text[place] = byte;
        let _ = read(&*text).map(|history| check(&history, Limits::default()));
    }
}
