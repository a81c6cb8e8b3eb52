//! Short stories of registers, good and bad, and what the checker says about them.

use checker::{Action, Bound, History, Limits, Reply, Verdict, Witness, check};

/// A history of the register `x`, told one operation a line.
struct Story(History<&'static str>);

const NOTHING: Option<&str> = None;

impl Story {
    fn new() -> Self {
        Story(History::new())
    }

    fn write(mut self, client: u64, call: u64, end: u64, value: &'static str) -> Self {
        let id = self.0.call(client, "x", Action::Write(value), call);
        self.0.done(id, end, Reply::Written);
        self
    }

    fn unknown_write(mut self, client: u64, call: u64, value: &'static str) -> Self {
        let id = self.0.call(client, "x", Action::Write(value), call);
        self.0.unknown(id);
        self
    }

    fn refused_write(mut self, client: u64, call: u64, end: u64, value: &'static str) -> Self {
        let id = self.0.call(client, "x", Action::Write(value), call);
        self.0.refused(id, end);
        self
    }

    fn delete(mut self, client: u64, call: u64, end: u64) -> Self {
        let id = self.0.call(client, "x", Action::Delete, call);
        self.0.done(id, end, Reply::Written);
        self
    }

    fn unknown_delete(mut self, client: u64, call: u64) -> Self {
        let id = self.0.call(client, "x", Action::Delete, call);
        self.0.unknown(id);
        self
    }

    fn read(
        mut self,
        client: u64,
        call: u64,
        end: u64,
        value: impl Into<Option<&'static str>>,
    ) -> Self {
        let id = self.0.call(client, "x", Action::Read, call);
        self.0.done(id, end, Reply::Read(value.into()));
        self
    }

    fn unknown_read(mut self, client: u64, call: u64) -> Self {
        self.0.call(client, "x", Action::Read, call);
        self
    }

    #[track_caller]
    fn expect_linearizable(self) {
        check(&self.0, Limits::default()).expect_linearizable();
    }

    #[track_caller]
    fn expect_violation(self, operations: usize, explanation: &str) -> Witness<&'static str> {
        let witness = violation(check(&self.0, Limits::default()));
        assert_eq!(witness.explanation, explanation);
        assert_eq!(witness.operations.len(), operations, "{witness}");
        witness
    }
}

#[track_caller]
fn violation(verdict: Verdict<&'static str>) -> Witness<&'static str> {
    match verdict {
        Verdict::Violation(witness) => witness,
        other => panic!("expected a violation: {other}"),
    }
}

#[test]
fn a_history_without_operations_is_linearizable() {
    Story::new().expect_linearizable();
}

#[test]
fn a_read_before_any_write_returns_nothing() {
    Story::new()
        .read(1, 1, 2, NOTHING)
        .write(1, 3, 4, "a")
        .expect_linearizable();
}

#[test]
fn a_read_sees_the_write_before_it() {
    Story::new()
        .write(1, 1, 2, "a")
        .read(2, 3, 4, "a")
        .expect_linearizable();
}

#[test]
fn a_read_beside_a_write_may_see_either_value() {
    for seen in ["a", "b"] {
        Story::new()
            .write(1, 1, 2, "a")
            .write(2, 3, 6, "b")
            .read(3, 4, 5, seen)
            .expect_linearizable();
    }
}

#[test]
fn a_stale_read_is_a_violation() {
    Story::new().write(1, 1, 2, "a").write(2, 3, 4, "b").read(3, 5, 6, "a").expect_violation(
        3,
        "the read by client 3 returned \"a\" after the write of \"b\" by client 2 had returned; \
         yet the write of \"a\" by client 1 had returned before that one was called, \
         and \"a\" was written only once",
    );
}

#[test]
fn the_witness_of_a_stale_read_leaves_out_the_rest_of_a_long_history() {
    let mut story = Story::new();
    for round in 0..100 {
        story = story.read(4, 10 * round, 10 * round + 5, NOTHING);
    }
    let story = story
        .write(1, 2001, 2002, "a")
        .read(4, 2003, 2004, "a")
        .write(2, 2005, 2006, "b");
    let story = story.read(4, 2007, 2008, "b").read(3, 2009, 2010, "a");
    story.write(1, 2011, 2012, "c").expect_violation(
        3,
        "the read by client 3 returned \"a\" after the write of \"b\" by client 2 had returned; \
         yet the write of \"a\" by client 1 had returned before that one was called, \
         and \"a\" was written only once",
    );
}

#[test]
fn a_new_value_and_then_the_old_one_is_a_violation() {
    let story = Story::new().write(1, 1, 2, "a").write(2, 3, 20, "b");
    story
        .read(3, 4, 5, "b")
        .read(4, 6, 7, "a")
        .expect_violation(
            4,
            "the read by client 4 returned \"a\" after the read of \"b\" by client 3 had returned; \
         yet the write of \"a\" by client 1 had returned before the write of \"b\" by client 2 \
         was called, \
         and \"a\" was written only once",
        );
}

#[test]
fn the_old_value_and_then_the_new_one_is_fine() {
    let story = Story::new().write(1, 1, 2, "a").write(2, 3, 20, "b");
    story
        .read(3, 4, 5, "a")
        .read(4, 6, 7, "b")
        .expect_linearizable();
}

#[test]
fn new_and_old_may_be_seen_by_reads_that_overlap() {
    let story = Story::new().write(1, 1, 2, "a").write(2, 3, 20, "b");
    story
        .read(3, 4, 6, "b")
        .read(4, 5, 7, "a")
        .expect_linearizable();
}

#[test]
fn readers_must_agree_on_the_order_of_two_writes() {
    let story = Story::new().write(1, 1, 20, "a").write(2, 1, 20, "b");
    story
        .read(3, 2, 3, "a")
        .read(3, 4, 5, "b")
        .read(4, 6, 7, "a")
        .expect_violation(
            5,
            "the read by client 4 returned \"a\" after the read of \"b\" by client 3 had returned; \
         yet the read of \"a\" by client 3 had returned before that one was called, \
         and \"a\" was written only once",
        );
}

#[test]
fn a_value_from_nowhere_is_a_violation() {
    Story::new()
        .write(1, 1, 2, "a")
        .read(2, 3, 4, "b")
        .expect_violation(
            1,
            "the read by client 2 returned \"b\", which was never written",
        );
}

#[test]
fn the_value_of_a_refused_write_is_a_violation() {
    Story::new()
        .refused_write(1, 1, 2, "a")
        .read(2, 3, 4, "a")
        .expect_violation(
            2,
            "the read by client 2 returned \"a\", which was never written: \
         the write of \"a\" by client 1 was refused",
        );
}

#[test]
fn a_refused_write_that_is_tried_again_may_be_read() {
    let story = Story::new().refused_write(1, 1, 2, "a").write(1, 3, 4, "a");
    story.read(2, 5, 6, "a").expect_linearizable();
}

#[test]
fn a_value_read_before_its_write_was_called_is_a_violation() {
    Story::new()
        .read(2, 1, 2, "a")
        .write(1, 3, 4, "a")
        .expect_violation(
            2,
            "the read by client 2 returned \"a\" before the write of \"a\" by client 1, \
         the first of that value, was called",
        );
}

#[test]
fn a_lost_write_is_a_violation() {
    Story::new()
        .write(1, 1, 2, "a")
        .read(2, 3, 4, NOTHING)
        .expect_violation(
            2,
            "the read by client 2 returned nothing, though the write of \"a\" by client 1 \
         had returned before it was called, and no delete took effect",
        );
}

#[test]
fn a_write_lost_after_it_was_read_is_a_violation() {
    Story::new()
        .unknown_write(1, 1, "a")
        .read(2, 2, 3, "a")
        .read(3, 4, 5, NOTHING)
        .expect_violation(
            3,
            "the read by client 3 returned nothing, though the read of \"a\" by client 2 \
         had returned before it was called, and no delete took effect",
        );
}

#[test]
fn a_deleted_value_is_gone() {
    let story = Story::new().write(1, 1, 2, "a").delete(2, 3, 4);
    story.read(3, 5, 6, NOTHING).expect_linearizable();
}

#[test]
fn a_value_that_comes_back_after_its_delete_is_a_violation() {
    Story::new()
        .write(1, 1, 2, "a")
        .delete(2, 3, 4)
        .read(3, 5, 6, "a")
        .expect_violation(
            3,
            "the read by client 3 returned \"a\" after the delete by client 2 had returned; \
         yet the write of \"a\" by client 1 had returned before that one was called, \
         and \"a\" was written only once",
        );
}

#[test]
fn an_unknown_write_may_never_take_effect() {
    let story = Story::new().write(1, 1, 2, "a").unknown_write(2, 3, "b");
    story
        .read(3, 10, 11, "a")
        .read(3, 20, 21, "a")
        .expect_linearizable();
}

#[test]
fn an_unknown_write_may_take_effect_late() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .unknown_write(2, 3, "b")
        .write(1, 5, 6, "c");
    story
        .read(3, 10, 11, "c")
        .read(3, 20, 21, "b")
        .expect_linearizable();
}

#[test]
fn an_unknown_write_takes_effect_only_once() {
    let story = Story::new()
        .unknown_write(2, 1, "b")
        .read(3, 2, 3, "b")
        .write(1, 4, 5, "c");
    story.read(3, 6, 7, "b").expect_violation(
        4,
        "the read by client 3 returned \"b\" after the write of \"c\" by client 1 had returned; \
         yet the read of \"b\" by client 3 had returned before that one was called, \
         and \"b\" was written only once",
    );
}

#[test]
fn an_unknown_write_cannot_take_effect_before_its_call() {
    Story::new()
        .read(3, 1, 2, "b")
        .unknown_write(2, 3, "b")
        .expect_violation(
            2,
            "the read by client 3 returned \"b\" before the write of \"b\" by client 2, \
         the first of that value, was called",
        );
}

#[test]
fn an_unknown_read_says_nothing() {
    Story::new()
        .write(1, 1, 2, "a")
        .unknown_read(2, 3)
        .read(3, 4, 5, "a")
        .expect_linearizable();
}

#[test]
fn operations_with_equal_times_are_concurrent() {
    Story::new()
        .write(1, 1, 2, "a")
        .read(2, 2, 3, NOTHING)
        .expect_linearizable();
    Story::new()
        .read(2, 1, 2, "a")
        .write(1, 2, 3, "a")
        .expect_linearizable();
    Story::new()
        .write(1, 5, 5, "a")
        .write(2, 5, 5, "b")
        .read(3, 5, 5, "a")
        .expect_linearizable();
}

#[test]
fn repeated_deletes_may_explain_nothing_again_and_again() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .delete(2, 3, 4)
        .read(3, 5, 6, NOTHING);
    let story = story
        .write(1, 7, 8, "b")
        .read(3, 9, 10, "b")
        .delete(2, 11, 12);
    story.read(3, 13, 14, NOTHING).expect_linearizable();
}

#[test]
fn one_unknown_delete_cannot_explain_nothing_twice() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .unknown_delete(9, 3)
        .read(3, 4, 5, NOTHING);
    let story = story
        .write(1, 6, 7, "b")
        .read(3, 8, 9, "b")
        .read(3, 10, 11, NOTHING);
    let witness = story.expect_violation(
        5,
        "the read by client 3 returned nothing, but no order of these operations allows that",
    );
    assert!(witness.to_string().contains("delete"), "{witness}");
}

#[test]
fn two_unknown_deletes_explain_nothing_twice() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .unknown_delete(9, 3)
        .read(3, 4, 5, NOTHING);
    let story = story
        .unknown_delete(8, 3)
        .write(1, 6, 7, "b")
        .read(3, 8, 9, "b");
    story.read(3, 10, 11, NOTHING).expect_linearizable();
}

#[test]
fn nothing_between_two_reads_of_a_value_is_a_violation_whatever_was_deleted() {
    let mut story = Story::new();
    for client in 10..15 {
        story = story.unknown_delete(client, 1);
    }
    let story = story
        .write(1, 2, 3, "a")
        .read(2, 4, 5, NOTHING)
        .read(3, 6, 7, "a");
    story.expect_violation(
        3,
        "the read by client 3 returned \"a\" after the read of nothing by client 2 had returned; \
         yet the write of \"a\" by client 1 had returned before that one was called, \
         and \"a\" was written only once",
    );
}

#[test]
fn a_value_written_twice_may_come_back() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .write(2, 3, 4, "b")
        .write(1, 5, 6, "a");
    story.read(3, 7, 8, "a").expect_linearizable();
}

#[test]
fn registers_are_checked_each_for_itself() {
    let mut history = History::new();
    for (register, value) in [("x", "a"), ("y", "b")] {
        let write = history.call(1, register, Action::Write(value), 1);
        history.done(write, 2, Reply::Written);
    }
    let good = history.call(2, "x", Action::Read, 3);
    history.done(good, 4, Reply::Read(Some("a")));
    let bad = history.call(2, "y", Action::Read, 5);
    history.done(bad, 6, Reply::Read(Some("a")));
    let witness = violation(check(&history, Limits::default()));
    assert_eq!(witness.register.as_bytes(), b"y");
}

#[test]
fn figures_tell_what_was_looked_at() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .delete(2, 3, 4)
        .read(3, 5, 6, NOTHING);
    let mut history = story.0;
    history.call(1, "y", Action::Read, 7);
    let figures = check(&history, Limits::default()).expect_linearizable();
    assert_eq!(
        (figures.operations, figures.registers, figures.searched),
        (4, 2, 1)
    );
    assert!(figures.steps > 0);
}

#[test]
fn a_search_that_reaches_its_bound_decides_nothing() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .delete(2, 3, 4)
        .read(3, 5, 6, NOTHING);
    let verdict = check(
        &story.0,
        Limits {
            steps: 2,
            ..Limits::default()
        },
    );
    let Verdict::Undecided(undecided) = verdict else {
        panic!("expected no decision: {verdict}");
    };
    assert_eq!(undecided.bound, Bound::Steps(2));
    assert_eq!(
        undecided.to_string(),
        "undecided: the search on register \"x\" reached its bound of 2 steps"
    );
}

#[test]
fn a_violation_counts_even_if_another_register_is_undecided() {
    let story = Story::new()
        .write(1, 1, 2, "a")
        .delete(2, 3, 4)
        .read(3, 5, 6, NOTHING);
    let mut history = story.0;
    let read = history.call(2, "y", Action::Read, 5);
    history.done(read, 6, Reply::Read(Some("b")));
    let witness = violation(check(
        &history,
        Limits {
            steps: 2,
            ..Limits::default()
        },
    ));
    assert_eq!(witness.register.as_bytes(), b"y");
}

#[test]
fn a_witness_is_printed_as_a_table_with_a_drawing() {
    let story = Story::new().write(1, 10, 20, "a").unknown_write(2, 30, "b");
    let verdict = check(
        &story.read(13, 40, 50, "b").read(4, 60, 160, "a").0,
        Limits::default(),
    );
    let expected = "\
register \"x\" is not linearizable: the read by client 4 returned \"a\" after the read of \"b\" \
by client 13 had returned; yet the write of \"a\" by client 1 had returned before the write \
of \"b\" by client 2 was called, and \"a\" was written only once.
  client 1   write \"a\"  10 .. 20       [===]
  client 2   write \"b\"  30 .. unknown          [===================>
  client 13  read  \"b\"  40 .. 50                   [===]
  client 4   read  \"a\"  60 .. 160                          [===]
";
    assert_eq!(verdict.to_string(), expected);
}

#[test]
fn a_refused_write_and_an_instant_are_drawn_as_such() {
    let story = Story::new().refused_write(1, 1, 3, "a").read(2, 2, 2, "a");
    let expected = "\
register \"x\" is not linearizable: the read by client 2 returned \"a\", which was never written: \
the write of \"a\" by client 1 was refused.
  client 1  write \"a\"  1 .. 3 refused  [xxxxxxx]
  client 2  read  \"a\"  2 .. 2              |
";
    assert_eq!(check(&story.0, Limits::default()).to_string(), expected);
}
