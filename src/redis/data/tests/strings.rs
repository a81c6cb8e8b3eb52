//! Commands on the content of registers.

use super::*;
use protocol::Operation;

#[test]
fn what_is_set_is_what_is_got() {
    assert_replies(&[
        ("GET a", "$-1\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("GET a", "$1\r\n1\r\n"),
        ("SET a \"\"", "+OK\r\n"),
        ("GET a", "$0\r\n\r\n"),
        ("SET a \"two\\r\\nlines\"", "+OK\r\n"),
        ("GET a", "$10\r\ntwo\r\nlines\r\n"),
        ("SET \"\" nameless", "+OK\r\n"),
        ("GET \"\"", "$8\r\nnameless\r\n"),
    ]);
}

#[test]
fn a_set_whose_condition_does_not_hold_answers_nil_and_changes_nothing() {
    assert_replies(&[
        ("SET a 1 XX", "$-1\r\n"),
        ("GET a", "$-1\r\n"),
        ("SET a 1 NX", "+OK\r\n"),
        ("SET a 2 NX", "$-1\r\n"),
        ("GET a", "$1\r\n1\r\n"),
        ("SET a 3 XX", "+OK\r\n"),
        ("GET a", "$1\r\n3\r\n"),
        ("SETNX a 4", ":0\r\n"),
        ("SETNX b 4", ":1\r\n"),
        ("MGET a b", "*2\r\n$1\r\n3\r\n$1\r\n4\r\n"),
    ]);
}

#[test]
fn a_set_can_compare_what_is_there() {
    assert_replies(&[
        ("SET a 2 IFEQ 1", "$-1\r\n"),
        ("SET a 1 IFNE 1", "+OK\r\n"),
        ("SET a 2 IFNE 1", "$-1\r\n"),
        ("SET a 2 IFEQ 1", "+OK\r\n"),
        ("SET a 3 IFEQ 1 GET", "$1\r\n2\r\n"),
        ("SET a 3 IFEQ 2 GET", "$1\r\n2\r\n"),
        ("GET a", "$1\r\n3\r\n"),
    ]);
}

#[test]
fn a_set_can_compare_the_digest_of_what_is_there() {
    assert_replies(&[
        ("DIGEST a", "$-1\r\n"),
        ("SET a x IFDEQ 2d06800538d394c2", "$-1\r\n"),
        ("SET a \"\" IFDNE 2d06800538d394c2", "+OK\r\n"),
        // XXH3-64 of no bytes, as its authors give it.
        ("DIGEST a", "$16\r\n2d06800538d394c2\r\n"),
        ("SET a x IFDNE 2d06800538d394c2", "$-1\r\n"),
        ("SET a x IFDEQ 2D06800538D394C2", "+OK\r\n"),
        ("GET a", "$1\r\nx\r\n"),
        (
            "SET a y IFDEQ 2d06800538d394c",
            "-ERR a digest is 16 hexadecimal digits\r\n",
        ),
        (
            "SET a y IFDNE +d06800538d394c2",
            "-ERR a digest is 16 hexadecimal digits\r\n",
        ),
        (
            "DELEX a IFDEQ nonsense........",
            "-ERR a digest is 16 hexadecimal digits\r\n",
        ),
        ("GET a", "$1\r\nx\r\n"),
    ]);
}

#[test]
fn a_digest_keeps_the_zeros_that_it_begins_with() {
    let mut registers = Registers::new(Dialect::Resp2);
    let short = (0..4096)
        .find(|number| xxhash_rust::xxh3::xxh3_64(format!("{number}").as_bytes()) >> 56 == 0)
        .expect("one in 256 begins with two zeros");
    registers.reply(&format!("SET a {short}"));
    let digest = registers.reply("DIGEST a");
    assert!(digest.starts_with("$16\r\n00"), "{digest}");
    let digest = digest.lines().nth(1).unwrap();
    assert_eq!(
        registers.reply(&format!("DELEX a IFDEQ {digest}")),
        ":1\r\n"
    );
}

#[test]
fn a_set_with_get_answers_what_was_there_whether_it_wrote_or_not() {
    assert_replies(&[
        ("SET a 1 GET", "$-1\r\n"),
        ("SET a 2 GET", "$1\r\n1\r\n"),
        ("SET a 3 NX GET", "$1\r\n2\r\n"),
        ("GET a", "$1\r\n2\r\n"),
        ("SET a 3 XX GET", "$1\r\n2\r\n"),
        ("GET a", "$1\r\n3\r\n"),
        ("SET b 1 XX GET", "$-1\r\n"),
        ("GET b", "$-1\r\n"),
        ("SET b 1 NX GET", "$-1\r\n"),
        ("GET b", "$1\r\n1\r\n"),
        ("GETSET b 2", "$1\r\n1\r\n"),
        ("GETSET c 2", "$-1\r\n"),
        ("GETDEL c", "$1\r\n2\r\n"),
        ("GETDEL c", "$-1\r\n"),
        ("EXISTS c", ":0\r\n"),
    ]);
}

#[test]
fn a_set_forgets_the_expiry_unless_it_is_told_otherwise() {
    assert_replies(&[
        ("SET a 1 EX 100", "+OK\r\n"),
        ("TTL a", ":100\r\n"),
        ("SET a 2 KEEPTTL", "+OK\r\n"),
        ("TTL a", ":100\r\n"),
        ("SET a 3 XX KEEPTTL GET", "$1\r\n2\r\n"),
        ("TTL a", ":100\r\n"),
        ("SET a 4", "+OK\r\n"),
        ("TTL a", ":-1\r\n"),
        ("SET b 1 KEEPTTL", "+OK\r\n"),
        ("TTL b", ":-1\r\n"),
        ("SETEX a 50 5", "+OK\r\n"),
        ("TTL a", ":50\r\n"),
        ("GETSET a 6", "$1\r\n5\r\n"),
        ("TTL a", ":-1\r\n"),
        ("PSETEX a 20000 7", "+OK\r\n"),
        ("TTL a", ":20\r\n"),
        ("MSET a 8", "+OK\r\n"),
        ("TTL a", ":-1\r\n"),
        ("SET a 9 PXAT 4102444800001", "+OK\r\n"),
        ("PEXPIRETIME a", ":4102444800001\r\n"),
        ("SET a 9 EXAT 4102444801", "+OK\r\n"),
        ("PEXPIRETIME a", ":4102444801000\r\n"),
    ]);
}

#[test]
fn a_set_that_expires_in_the_past_is_done_and_leaves_nothing() {
    assert_replies(&[
        ("SET a 1", "+OK\r\n"),
        ("SET a 2 PXAT 1", "+OK\r\n"),
        ("GET a", "$-1\r\n"),
        ("SET a 2 NX PXAT 1", "+OK\r\n"),
        ("GET a", "$-1\r\n"),
        ("SET a 2 NX GET PXAT 1", "$-1\r\n"),
        ("SET a 2 XX PXAT 1", "$-1\r\n"),
        ("SET a 3", "+OK\r\n"),
        ("SET a 2 NX PXAT 1", "$-1\r\n"),
        ("GET a", "$1\r\n3\r\n"),
        ("SET a 2 XX PXAT 1", "+OK\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("SET a 4", "+OK\r\n"),
        ("SET a 5 GET PXAT 1", "$1\r\n4\r\n"),
        ("EXISTS a", ":0\r\n"),
    ]);
    assert_replies(&[
        ("SET a 1 IFNE 2 PXAT 1", "+OK\r\n"),
        ("SET a 1 IFDNE 2d06800538d394c2 PXAT 1", "+OK\r\n"),
        ("SET a 1 IFEQ 2 PXAT 1", "$-1\r\n"),
        ("SET a 1 IFDEQ 2d06800538d394c2 PXAT 1", "$-1\r\n"),
        ("EXISTS a", ":0\r\n"),
    ]);
}

#[test]
fn a_getex_gives_the_content_and_changes_when_it_expires() {
    assert_replies(&[
        ("GETEX a", "$-1\r\n"),
        ("GETEX a EX 10", "$-1\r\n"),
        ("GETEX a PERSIST", "$-1\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("GETEX a EX 10", "$1\r\n1\r\n"),
        ("TTL a", ":10\r\n"),
        ("GETEX a", "$1\r\n1\r\n"),
        ("TTL a", ":10\r\n"),
        ("GETEX a PERSIST", "$1\r\n1\r\n"),
        ("TTL a", ":-1\r\n"),
        ("GETEX a PERSIST", "$1\r\n1\r\n"),
        ("GETEX a PXAT 1", "$1\r\n1\r\n"),
        ("EXISTS a", ":0\r\n"),
    ]);
}

#[test]
fn several_are_set_and_got_in_their_order() {
    assert_replies(&[
        ("MSET a 1 b 2 a 3", "+OK\r\n"),
        (
            "MGET a c b a",
            "*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$1\r\n3\r\n",
        ),
        ("MGET c", "*1\r\n$-1\r\n"),
    ]);
}

#[test]
fn pieces_of_a_string_are_read_and_written() {
    assert_replies(&[
        ("STRLEN a", ":0\r\n"),
        ("APPEND a Hello", ":5\r\n"),
        ("APPEND a \" World\"", ":11\r\n"),
        ("APPEND a \"\"", ":11\r\n"),
        ("STRLEN a", ":11\r\n"),
        ("SETRANGE a 6 Redis", ":11\r\n"),
        ("GET a", "$11\r\nHello Redis\r\n"),
        ("SETRANGE a 11 !", ":12\r\n"),
        ("SETRANGE a 3 \"\"", ":12\r\n"),
        ("SETRANGE b 2 x", ":3\r\n"),
        ("GET b", "$3\r\n\0\0x\r\n"),
        ("SETRANGE c 5 \"\"", ":0\r\n"),
        ("EXISTS c", ":0\r\n"),
        ("APPEND c \"\"", ":0\r\n"),
        ("EXISTS c", ":1\r\n"),
    ]);
    assert_replies(&[
        ("SET a 1 EX 100", "+OK\r\n"),
        ("APPEND a 2", ":2\r\n"),
        ("SETRANGE a 0 5", ":2\r\n"),
        ("INCR a", ":53\r\n"),
        ("INCRBYFLOAT a 1", "$2\r\n54\r\n"),
        ("TTL a", ":100\r\n"),
    ]);
}

#[test]
fn a_range_is_cut_to_what_is_there() {
    assert_replies(&[
        ("SET a \"This is a string\"", "+OK\r\n"),
        ("GETRANGE a 0 3", "$4\r\nThis\r\n"),
        ("GETRANGE a -3 -1", "$3\r\ning\r\n"),
        ("GETRANGE a 0 -1", "$16\r\nThis is a string\r\n"),
        ("GETRANGE a 10 100", "$6\r\nstring\r\n"),
        ("SUBSTR a 15 15", "$1\r\ng\r\n"),
        ("GETRANGE a 16 20", "$0\r\n\r\n"),
        ("GETRANGE a 5 2", "$0\r\n\r\n"),
        ("GETRANGE a -1 -3", "$0\r\n\r\n"),
        ("GETRANGE a -100 2", "$3\r\nThi\r\n"),
        ("GETRANGE a -100 -50", "$1\r\nT\r\n"),
        ("GETRANGE a -50 -100", "$0\r\n\r\n"),
        (
            "GETRANGE a -9223372036854775808 9223372036854775807",
            "$16\r\nThis is a string\r\n",
        ),
        (
            "GETRANGE a 9223372036854775807 9223372036854775807",
            "$0\r\n\r\n",
        ),
        ("GETRANGE b 0 -1", "$0\r\n\r\n"),
        ("GETRANGE b 0 0", "$0\r\n\r\n"),
        ("SET b \"\"", "+OK\r\n"),
        ("GETRANGE b 0 -1", "$0\r\n\r\n"),
    ]);
}

#[test]
fn integers_are_counted() {
    assert_replies(&[
        ("INCR a", ":1\r\n"),
        ("DECR a", ":0\r\n"),
        ("DECR a", ":-1\r\n"),
        ("INCRBY a 11", ":10\r\n"),
        ("DECRBY a 3", ":7\r\n"),
        ("GET a", "$1\r\n7\r\n"),
        ("INCRBY a 9223372036854775800", ":9223372036854775807\r\n"),
        ("INCR a", "-ERR increment or decrement would overflow\r\n"),
        ("GET a", "$19\r\n9223372036854775807\r\n"),
        ("SET a -9223372036854775808", "+OK\r\n"),
        ("DECR a", "-ERR increment or decrement would overflow\r\n"),
        ("SET a 9223372036854775808", "+OK\r\n"),
        ("INCR a", "-ERR value is not an integer or out of range\r\n"),
        ("SET a 01", "+OK\r\n"),
        ("INCR a", "-ERR value is not an integer or out of range\r\n"),
        ("SET a \"\"", "+OK\r\n"),
        ("INCR a", "-ERR value is not an integer or out of range\r\n"),
    ]);
}

#[test]
fn decimal_numbers_are_counted() {
    let infinite = "-ERR increment would produce NaN or Infinity\r\n";
    assert_replies(&[
        ("SET a 10.50", "+OK\r\n"),
        ("INCRBYFLOAT a 0.1", "$4\r\n10.6\r\n"),
        ("INCRBYFLOAT a -5", "$3\r\n5.6\r\n"),
        ("INCRBYFLOAT a -5.6", "$1\r\n0\r\n"),
        ("SET a 5.0e3", "+OK\r\n"),
        ("INCRBYFLOAT a 2.0e2", "$4\r\n5200\r\n"),
        ("INCRBYFLOAT a .5", "$6\r\n5200.5\r\n"),
        ("INCRBYFLOAT b 3", "$1\r\n3\r\n"),
        ("INCR b", ":4\r\n"),
        ("INCRBYFLOAT b inf", infinite),
        ("INCRBYFLOAT b -Infinity", infinite),
        ("GET b", "$1\r\n4\r\n"),
        ("SET b x", "+OK\r\n"),
        ("INCRBYFLOAT b 1", "-ERR value is not a valid float\r\n"),
        ("GET b", "$1\r\nx\r\n"),
    ]);
}

#[test]
fn a_decimal_number_that_does_not_fit_is_refused() {
    let infinite = "-ERR increment would produce NaN or Infinity\r\n";
    assert_replies(&[
        ("INCRBYFLOAT a 1e30", infinite),
        ("INCRBYFLOAT a -1.7e21", infinite),
        ("EXISTS a", ":0\r\n"),
        ("INCRBYFLOAT a 1.6e21", "$22\r\n1600000000000000000000\r\n"),
        ("INCRBYFLOAT a 1.6e21", infinite),
        ("GET a", "$22\r\n1600000000000000000000\r\n"),
    ]);
}

#[test]
fn a_delex_deletes_only_what_its_condition_names() {
    assert_replies(&[
        ("DELEX a", ":0\r\n"),
        ("DELEX a IFNE x", ":0\r\n"),
        ("DELEX a IFEQ x", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("DELEX a IFEQ 2", ":0\r\n"),
        ("DELEX a IFNE 1", ":0\r\n"),
        ("GET a", "$1\r\n1\r\n"),
        ("DELEX a IFEQ 1", ":1\r\n"),
        ("GET a", "$-1\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("DELEX a", ":1\r\n"),
        ("GET a", "$-1\r\n"),
    ]);
}

#[test]
fn resp3_has_a_nil_of_its_own() {
    assert_replies_in(
        Dialect::Resp3,
        &[
            ("GET a", "_\r\n"),
            ("SET a 1 XX", "_\r\n"),
            ("SET a 1 GET", "_\r\n"),
            ("SET a 2 NX GET", "$1\r\n1\r\n"),
            ("MGET a b", "*2\r\n$1\r\n1\r\n_\r\n"),
            ("DIGEST b", "_\r\n"),
            ("GETDEL b", "_\r\n"),
            ("GETEX b", "_\r\n"),
            ("GETSET b 1", "_\r\n"),
            ("INCRBYFLOAT a 0.5", "$3\r\n1.5\r\n"),
            ("GETRANGE c 0 -1", "$0\r\n\r\n"),
        ],
    );
}

#[test]
fn what_needs_no_look_at_the_register_is_a_plain_write_and_what_changes_nothing_a_read() {
    let operation = |request| plan(request, WALL).unwrap().operations.into_iter().next();
    for request in [
        "SET a 1",
        "SET a 1 EX 5",
        "SETEX a 5 1",
        "PSETEX a 5 1",
        "MSET a 1",
    ] {
        let operation = operation(request);
        assert!(
            matches!(operation, Some(Operation::Write { .. })),
            "{request}"
        );
    }
    for request in [
        "GETEX a",
        "SETRANGE a 5 \"\"",
        "STRLEN a",
        "DIGEST a",
        "TTL a",
        "TYPE a",
    ] {
        let operation = operation(request);
        assert!(
            matches!(operation, Some(Operation::Read { .. })),
            "{request}"
        );
    }
    for request in [
        "SET a 1 NX",
        "SET a 1 GET",
        "SET a 1 KEEPTTL",
        "DEL a",
        "INCR a",
    ] {
        let operation = operation(request);
        assert!(
            matches!(operation, Some(Operation::Modify { .. })),
            "{request}"
        );
    }
}
