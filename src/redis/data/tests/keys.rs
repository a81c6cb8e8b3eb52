//! Commands on registers, whatever they hold.

use super::*;

#[test]
fn deleted_and_present_registers_are_counted() {
    assert_replies(&[
        ("DEL a b", ":0\r\n"),
        ("MSET a 1 b 2 c 3", "+OK\r\n"),
        ("EXISTS a b d a", ":3\r\n"),
        ("TOUCH a b d a", ":3\r\n"),
        ("DEL a d a", ":1\r\n"),
        ("UNLINK b c", ":2\r\n"),
        ("EXISTS a b c", ":0\r\n"),
    ]);
}

#[test]
fn a_type_is_string_or_none() {
    assert_replies(&[
        ("TYPE a", "+none\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("TYPE a", "+string\r\n"),
    ]);
}

#[test]
fn an_expiry_is_set_and_told() {
    assert_replies(&[
        ("EXPIRE a 100", ":0\r\n"),
        ("TTL a", ":-2\r\n"),
        ("PTTL a", ":-2\r\n"),
        ("EXPIRETIME a", ":-2\r\n"),
        ("PEXPIRETIME a", ":-2\r\n"),
        ("PERSIST a", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("TTL a", ":-1\r\n"),
        ("PTTL a", ":-1\r\n"),
        ("EXPIRETIME a", ":-1\r\n"),
        ("PEXPIRETIME a", ":-1\r\n"),
        ("PERSIST a", ":0\r\n"),
        ("EXPIRE a 100", ":1\r\n"),
        ("TTL a", ":100\r\n"),
        ("PERSIST a", ":1\r\n"),
        ("TTL a", ":-1\r\n"),
        ("PEXPIRE a 100400", ":1\r\n"),
        ("TTL a", ":100\r\n"),
        ("EXPIREAT a 4102444800", ":1\r\n"),
        ("EXPIRETIME a", ":4102444800\r\n"),
        ("PEXPIREAT a 4102444800499", ":1\r\n"),
        ("EXPIRETIME a", ":4102444800\r\n"),
        ("PEXPIREAT a 4102444800500", ":1\r\n"),
        ("EXPIRETIME a", ":4102444801\r\n"),
        ("PEXPIRETIME a", ":4102444800500\r\n"),
        ("GET a", "$1\r\n1\r\n"),
    ]);
}

#[test]
fn what_is_left_is_rounded_to_the_nearest_second() {
    let mut registers = Registers::new(Dialect::Resp2);
    registers.reply("SET a 1 PX 10000");
    for (passed_ms, seconds, millis) in [
        (0, ":10\r\n", ":10000\r\n"),
        (500, ":10\r\n", ":9500\r\n"),
        (501, ":9\r\n", ":9499\r\n"),
        (9_500, ":1\r\n", ":500\r\n"),
        (9_501, ":0\r\n", ":499\r\n"),
        (9_999, ":0\r\n", ":1\r\n"),
        (10_000, ":-2\r\n", ":-2\r\n"),
    ] {
        registers.wall = UnixMillis(WALL.0 + passed_ms);
        assert_eq!(registers.reply("TTL a"), seconds, "{passed_ms} ms");
        assert_eq!(registers.reply("PTTL a"), millis, "{passed_ms} ms");
    }
}

#[test]
fn what_has_expired_is_not_there() {
    for (request, expected) in [
        ("GET a", "$-1\r\n"),
        ("MGET a", "*1\r\n$-1\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("DEL a", ":0\r\n"),
        ("STRLEN a", ":0\r\n"),
        ("INCR a", ":1\r\n"),
        ("APPEND a x", ":1\r\n"),
        ("GETSET a x", "$-1\r\n"),
        ("SETNX a x", ":1\r\n"),
        ("SET a x XX", "$-1\r\n"),
        ("PERSIST a", ":0\r\n"),
        ("EXPIRE a 5", ":0\r\n"),
        ("TYPE a", "+none\r\n"),
    ] {
        let mut registers = Registers::new(Dialect::Resp2);
        assert_eq!(registers.reply("SET a 41 PX 10"), "+OK\r\n");
        registers.wall = UnixMillis(WALL.0 + 10);
        assert_eq!(registers.reply(request), expected, "{request}");
        let left = registers.reply("TTL a");
        assert!(
            matches!(left.as_str(), ":-1\r\n" | ":-2\r\n"),
            "{request}: {left}"
        );
    }
}

#[test]
fn an_expiry_in_the_past_deletes() {
    for request in [
        "EXPIRE a 0",
        "EXPIRE a -1",
        "PEXPIRE a -1",
        "EXPIREAT a 1",
        "PEXPIREAT a 0",
        "PEXPIREAT a -9223372036854775808",
    ] {
        assert_replies(&[
            (request, ":0\r\n"),
            ("SET a 1", "+OK\r\n"),
            (request, ":1\r\n"),
            ("EXISTS a", ":0\r\n"),
        ]);
    }
}

#[test]
fn an_expiry_is_set_only_if_its_conditions_hold() {
    assert_replies(&[
        ("SET a 1", "+OK\r\n"),
        ("EXPIRE a 100 XX", ":0\r\n"),
        ("EXPIRE a 100 GT", ":0\r\n"),
        ("TTL a", ":-1\r\n"),
        ("EXPIRE a 100 NX", ":1\r\n"),
        ("EXPIRE a 200 NX", ":0\r\n"),
        ("EXPIRE a 50 GT", ":0\r\n"),
        ("EXPIRE a 200 LT", ":0\r\n"),
        ("TTL a", ":100\r\n"),
        ("EXPIRE a 200 GT", ":1\r\n"),
        ("TTL a", ":200\r\n"),
        ("EXPIRE a 50 XX LT", ":1\r\n"),
        ("TTL a", ":50\r\n"),
        ("PERSIST a", ":1\r\n"),
        ("EXPIRE a 60 LT XX", ":0\r\n"),
        ("EXPIRE a 60 LT", ":1\r\n"),
        ("TTL a", ":60\r\n"),
    ]);
}
