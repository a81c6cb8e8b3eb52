use super::*;
use crate::tag::Tag;
use alloc::vec::Vec;

const WALL: UnixMillis = UnixMillis(1000);

fn record(content: Option<&'static str>) -> Record {
    Record {
        content: content.map(|text| Bytes::from_static(text.as_bytes())),
        ..Record::EMPTY
    }
}

fn expiring(content: &'static str, at: u64) -> Record {
    Record {
        expiry: Some(UnixMillis(at)),
        ..record(Some(content))
    }
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn apply(condition: Condition, effect: Effect, record: &Record) -> Applied {
    Change { condition, effect }.apply(record, WALL, 16)
}

fn put(content: &'static str) -> Effect {
    let (content, expiry) = (Some(bytes(content)), NewExpiry::Never);
    Effect::Put { content, expiry }
}

fn expire(at: u64, condition: ExpiryCondition) -> Effect {
    let at = Some(UnixMillis(at));
    Effect::Expire { at, condition }
}

/// What it is to hold by an effect, and until when.
fn by(effect: Effect, record: &Record) -> Result<(Option<Bytes>, Option<u64>), Unmet> {
    let applied = apply(Condition::Always, effect, record);
    match (applied.write, applied.unmet) {
        (Some(changed), None) => Ok((changed.content, changed.expiry.map(|at| at.0))),
        (_, unmet) => Err(unmet.expect("something is written, or unmet")),
    }
}

fn content_by(effect: Effect, record: &Record) -> Result<Bytes, Unmet> {
    by(effect, record).map(|(content, _)| content.expect("something"))
}

#[test]
fn a_sum_is_of_integers_in_their_one_spelling_and_within_64_bits() {
    let add = |amount, content| content_by(Effect::Add(amount), &record(content));
    assert_eq!(add(3, None).unwrap(), "3");
    assert_eq!(add(-5, Some("3")).unwrap(), "-2");
    for bad in [
        "",
        "x",
        "03",
        "+3",
        " 3",
        "3.0",
        "-0",
        "9223372036854775808",
    ] {
        assert_eq!(add(1, Some(bad)), Err(Unmet::NotAnInteger), "{bad}");
    }
    let most = "9223372036854775807";
    assert_eq!(add(1, Some(most)), Err(Unmet::Overflow));
}

#[test]
fn decimals_are_added_in_decimal() {
    let add = |amount, content| content_by(Effect::AddDecimal(bytes(amount)), &record(content));
    assert_eq!(add("0.1", Some("10.50")).unwrap(), "10.6");
    assert_eq!(add("3", None).unwrap(), "3");
    assert_eq!(add("1", Some("x")), Err(Unmet::NotANumber));
    let most = Some("1700000000000000000000");
    assert_eq!(add("1e20", most), Err(Unmet::OutOfRange));
}

#[test]
fn a_value_is_put_only_if_the_register_is_as_expected() {
    let is_put = |condition, content| {
        let applied = apply(condition, put("new"), &record(content));
        assert_eq!(applied.write.is_some(), applied.unmet.is_none());
        applied.unmet.is_none()
    };
    use xxhash_rust::xxh3::xxh3_64;
    let old = || bytes("old");
    let digest = xxh3_64(b"old");
    for (condition, on_old, on_other, on_nothing) in [
        (Condition::Always, true, true, true),
        (Condition::Absent, false, false, true),
        (Condition::Present, true, true, false),
        (Condition::Equal(old()), true, false, false),
        (Condition::Unequal(old()), false, true, true),
        (Condition::DigestEqual(digest), true, false, false),
        (Condition::DigestUnequal(digest), false, true, true),
        (Condition::Tag(Tag::ZERO), true, true, true),
    ] {
        let held = [Some("old"), Some("other"), None];
        let puts: Vec<bool> = held.map(|held| is_put(condition.clone(), held)).to_vec();
        assert_eq!(puts, [on_old, on_other, on_nothing], "{condition:?}");
    }
}

#[test]
fn to_delete_what_is_not_there_changes_nothing() {
    let applied = apply(Condition::Always, Effect::DELETE, &record(None));
    assert_eq!(
        (applied.write, applied.unmet),
        (None, Some(Unmet::Condition))
    );
}

#[test]
fn parts_are_added_and_replaced_within_what_a_value_may_have() {
    let append = |part, content| content_by(Effect::Append(bytes(part)), &record(content));
    assert_eq!(append("cd", Some("ab")).unwrap(), "abcd");
    assert_eq!(append("cd", None).unwrap(), "cd");
    assert_eq!(append("", None).unwrap(), "");
    assert_eq!(append("12345", Some("123456789012")), Err(Unmet::TooLong));

    let replace = |offset, part, content| {
        let part = bytes(part);
        content_by(Effect::SetRange { offset, part }, &record(content))
    };
    assert_eq!(replace(1, "xx", Some("abcd")).unwrap(), "axxd");
    assert_eq!(replace(3, "xx", Some("abcd")).unwrap(), "abcxx");
    assert_eq!(replace(5, "x", Some("abc")).unwrap(), "abc\0\0x");
    assert_eq!(replace(2, "x", None).unwrap(), "\0\0x");
    assert_eq!(replace(16, "x", None), Err(Unmet::TooLong));
    assert_eq!(replace(u64::MAX, "x", None), Err(Unmet::TooLong));
    assert_eq!(replace(u64::MAX, "", None), Err(Unmet::Condition));
}

#[test]
fn what_changes_a_part_keeps_the_expiry_and_what_replaces_the_whole_says_what_becomes_of_it() {
    let old = expiring("1", 2000);
    for effect in [
        Effect::Add(1),
        Effect::Append(bytes("0")),
        Effect::AddDecimal(bytes("1")),
        Effect::SetRange {
            offset: 1,
            part: bytes("x"),
        },
    ] {
        assert_eq!(by(effect, &old).unwrap().1, Some(2000));
    }
    let put = |expiry| {
        let content = Some(bytes("2"));
        by(Effect::Put { content, expiry }, &old).unwrap()
    };
    assert_eq!(put(NewExpiry::Never).1, None);
    assert_eq!(put(NewExpiry::Keep).1, Some(2000));
    assert_eq!(put(NewExpiry::At(UnixMillis(3000))).1, Some(3000));
    assert_eq!(put(NewExpiry::At(WALL)), (None, None));
}

#[test]
fn an_expiry_is_set_where_something_is_and_its_condition_holds() {
    let free = ExpiryCondition::default;
    let set = |at, condition, old: &Record| by(expire(at, condition), old).map(|it| it.1);
    let (never, late) = (record(Some("x")), expiring("x", 3000));
    assert_eq!(set(2000, free(), &record(None)), Err(Unmet::Condition));
    assert_eq!(set(2000, free(), &never), Ok(Some(2000)));
    assert_eq!(by(expire(900, free()), &never), Ok((None, None)));
    let at = None;
    let persist = Effect::Expire {
        at,
        condition: ExpiryCondition {
            present: true,
            ..free()
        },
    };
    assert_eq!(by(persist.clone(), &late), Ok((Some(bytes("x")), None)));
    assert_eq!(by(persist, &never), Err(Unmet::Condition));

    let absent = ExpiryCondition {
        absent: true,
        ..free()
    };
    let later = ExpiryCondition {
        later: true,
        ..free()
    };
    let earlier = ExpiryCondition {
        earlier: true,
        ..free()
    };
    let unmet = Err(Unmet::Condition);
    assert_eq!(set(2000, absent, &late), unmet);
    assert_eq!(set(2000, absent, &never), Ok(Some(2000)));
    assert_eq!(set(2000, later, &late), unmet);
    assert_eq!(set(3000, later, &late), unmet);
    assert_eq!(set(4000, later, &late), Ok(Some(4000)));
    assert_eq!(set(4000, later, &never), unmet);
    assert_eq!(set(4000, earlier, &never), Ok(Some(4000)));
    assert_eq!(set(4000, earlier, &late), unmet);
}

#[test]
fn what_has_expired_counts_as_nothing_and_that_is_written_if_nothing_else_is() {
    let expired = expiring("5", 1000);
    let written = |condition, effect| apply(condition, effect, &expired);
    let added = written(Condition::Always, Effect::Add(1));
    let changed = Changed {
        content: Some(bytes("1")),
        expiry: None,
    };
    assert_eq!((added.write, added.unmet), (Some(changed), None));
    for (condition, effect) in [
        (Condition::Present, put("new")),
        (Condition::Equal(bytes("5")), put("new")),
        (Condition::Always, Effect::DELETE),
        (Condition::Always, expire(9000, ExpiryCondition::default())),
    ] {
        let unmet = written(condition, effect);
        assert_eq!(unmet.write, Some(Changed::NOTHING));
        assert_eq!(unmet.unmet, Some(Unmet::Condition));
    }
}

#[test]
fn to_expire_deletes_what_has_expired_and_nothing_else() {
    let expired = Change::EXPIRE.apply(&expiring("x", 1000), WALL, 16);
    assert_eq!(expired.write, Some(Changed::NOTHING));
    for other in [expiring("x", 1001), record(Some("x")), record(None)] {
        assert_eq!(Change::EXPIRE.apply(&other, WALL, 16).write, None);
    }
}
