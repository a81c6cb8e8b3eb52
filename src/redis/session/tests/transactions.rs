//! `MULTI`, `EXEC` and their like.

use super::Client;
use crate::redis::MultiRegister;
use protocol::{Operation, Outcome, Refusal, RegisterName};

fn name(text: &'static str) -> RegisterName {
    RegisterName::new(text).unwrap()
}

#[tokio::test]
async fn commands_are_queued_and_done_in_one_go() {
    let mut client = Client::new();
    let answer = client
        .say("MULTI\nSET a 5\nINCR a\nPING\nGET a\nEXEC")
        .await;
    assert_eq!(
        answer,
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n:6\r\n+PONG\r\n$1\r\n6\r\n"
    );
    let state = client.node.state.lock();
    assert_eq!(state.content("a").unwrap(), "6");
    // One read, and one compare-and-set.
    assert_eq!(state.asked.len(), 2);
}

#[tokio::test]
async fn what_only_reads_one_register_is_one_read() {
    let mut client = Client::new();
    client.say("SET a 5").await;
    client.node.state.lock().asked.clear();
    let answer = client.say("MULTI\nGET a\nSTRLEN a\nEXISTS a a\nEXEC").await;
    assert!(
        answer.ends_with("*3\r\n$1\r\n5\r\n:1\r\n:2\r\n"),
        "{answer}"
    );
    let asked = client.node.state.lock().asked.clone();
    assert_eq!(asked, [Operation::Read { name: name("a") }]);
}

#[tokio::test]
async fn rivals_between_read_and_write_make_it_begin_again() {
    let mut client = Client::new();
    client.node.state.lock().rival = Some((name("a"), 1));
    let answer = client.say("MULTI\nAPPEND a x\nGET a\nEXEC").await;
    assert!(
        answer.ends_with("*2\r\n:11\r\n$11\r\nof a rivalx\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_was_watched_and_has_changed_undoes_all() {
    let mut client = Client::new();
    let mut other = client.another();
    client.say("SET a 1").await;
    assert_eq!(client.say("WATCH a").await, "+OK\r\n");
    other.say("SET a 2").await;
    let answer = client.say("MULTI\nSET a 3\nEXEC").await;
    assert!(answer.ends_with("*-1\r\n"), "{answer}");
    assert_eq!(client.node.state.lock().content("a").unwrap(), "2");
    // It is watched once.
    assert!(
        client
            .say("MULTI\nSET a 4\nEXEC")
            .await
            .ends_with("*1\r\n+OK\r\n")
    );
    // In RESP3 nothing has a form of its own.
    client.say("HELLO 3\nWATCH a").await;
    other.say("SET a 2").await;
    assert!(client.say("MULTI\nGET a\nEXEC").await.ends_with("_\r\n"));
}

#[tokio::test]
async fn a_rival_at_the_last_moment_undoes_what_was_tied_by_watch() {
    let mut client = Client::new();
    client.say("WATCH a\nMULTI\nSET a mine").await;
    client.node.state.lock().rival = Some((name("a"), 1));
    assert_eq!(client.say("EXEC").await, "*-1\r\n");
    assert_eq!(client.node.state.lock().content("a").unwrap(), "of a rival");
}

#[tokio::test]
async fn what_was_watched_and_is_the_same_lets_it_through() {
    let mut client = Client::new();
    let answer = client.say("WATCH a\nWATCH a\nMULTI\nSET a 3\nEXEC").await;
    assert!(answer.ends_with("*1\r\n+OK\r\n"), "{answer}");
    // The register that is watched need not be written.
    let answer = client.say("WATCH a\nMULTI\nPING\nEXEC").await;
    assert!(answer.ends_with("*1\r\n+PONG\r\n"), "{answer}");
    let answer = client.say("WATCH a\nMULTI\nEXEC").await;
    assert!(answer.ends_with("*0\r\n"), "{answer}");
    // What is watched no longer may change.
    let mut other = client.another();
    client.say("WATCH a\nUNWATCH").await;
    other.say("SET a 2").await;
    assert!(
        client
            .say("MULTI\nGET a\nEXEC")
            .await
            .ends_with("*1\r\n$1\r\n2\r\n")
    );
}

#[tokio::test]
async fn watching_other_registers_than_those_that_change_is_refused() {
    for lines in [
        "WATCH b\nMULTI\nSET a 1\nEXEC",
        "WATCH a b\nMULTI\nSET a 1\nEXEC",
        "WATCH a\nWATCH b\nMULTI\nSET a 1\nEXEC",
        "WATCH a\nMULTI\nSET a 1\nSET b 1\nEXEC",
        "WATCH a\nMULTI\nDBSIZE\nEXEC",
    ] {
        let mut client = Client::new();
        let answer = client.say(lines).await;
        let last = answer.trim_end().lines().last().unwrap();
        assert!(
            last.starts_with("-EXECABORT ") && last.ends_with("nothing was done"),
            "{last}"
        );
        assert_eq!(client.node.state.lock().content("a"), None, "{lines}");
        assert!(
            client
                .say("MULTI\nSET a 1\nEXEC")
                .await
                .ends_with("*1\r\n+OK\r\n")
        );
    }
}

#[tokio::test]
async fn a_watch_that_failed_is_not_passed_over() {
    let mut client = Client::new();
    client.node.state.lock().next = vec![Outcome::Refused(Refusal::NoQuorum)];
    let answer = client.say("WATCH a\nMULTI\nSET a 1\nEXEC").await;
    assert!(answer.starts_with("-CLUSTERDOWN "), "{answer}");
    assert!(answer.contains("\r\n-EXECABORT "), "{answer}");
    assert_eq!(client.node.state.lock().content("a"), None);
}

#[tokio::test]
async fn several_registers_change_one_after_another_or_not_at_all() {
    let lines = "MULTI\nSET a 1\nSET b 2\nINCR a\nMGET a b\nGET nothing\nEXEC";
    let mut client = Client::new();
    let answer = client.say(lines).await;
    let expected = "*5\r\n+OK\r\n+OK\r\n:2\r\n*2\r\n$1\r\n2\r\n$1\r\n2\r\n$-1\r\n";
    assert!(answer.ends_with(expected), "{answer}");

    let mut client = Client::with(None, MultiRegister::Refused);
    let answer = client.say(lines).await;
    let last = answer.trim_end().lines().last().unwrap();
    assert!(
        last.starts_with("-EXECABORT ") && last.contains("--multi-register"),
        "{last}"
    );
    assert!(client.node.state.lock().asked.is_empty());
    // One register is as good as before.
    assert!(
        client
            .say("MULTI\nSET a 1\nINCR a\nEXEC")
            .await
            .ends_with("*2\r\n+OK\r\n:2\r\n")
    );
    assert!(
        client
            .say("MULTI\nDBSIZE\nEXEC")
            .await
            .ends_with("*1\r\n:1\r\n")
    );
}

#[tokio::test]
async fn one_command_in_a_transaction_is_as_good_as_by_itself() {
    let mut client = Client::new();
    client.say("MULTI\nSET a 1\nPING\nEXEC").await;
    let asked = client.node.state.lock().asked.clone();
    assert!(matches!(asked[..], [Operation::Write { .. }]), "{asked:?}");
}

#[tokio::test]
async fn an_error_while_commands_are_queued_undoes_all() {
    for wrong in ["NONSENSE", "GET", "CLIENT NONSENSE", "SET a"] {
        let mut client = Client::new();
        let answer = client
            .say(&format!("MULTI\nSET a 1\n{wrong}\nSET a 2\nEXEC"))
            .await;
        assert!(answer.contains("+QUEUED\r\n-ERR "), "{answer}");
        let expected =
            "+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n";
        assert!(answer.ends_with(expected), "{answer}");
        assert!(client.node.state.lock().asked.is_empty());
    }
}

#[tokio::test]
async fn an_error_in_a_queued_command_is_its_answer_and_the_others_are_done() {
    let mut client = Client::new();
    let answer = client
        .say("MULTI\nSET a x\nINCR a\nSET a y EX\nGET a\nEXEC")
        .await;
    let expected = "*4\r\n+OK\r\n-ERR value is not an integer or out of range\r\n\
        -ERR syntax error\r\n$1\r\nx\r\n";
    assert!(answer.ends_with(expected), "{answer}");
}

#[tokio::test]
async fn what_came_of_the_write_is_told_of_the_whole() {
    for (outcome, begin) in [
        (Outcome::Unknown, "-UNKNOWN "),
        (Outcome::Refused(Refusal::NoQuorum), "-CLUSTERDOWN "),
        (Outcome::Refused(Refusal::Busy), "-BUSY "),
        (Outcome::Refused(Refusal::Contended), "-BUSY "),
    ] {
        let mut client = Client::new();
        client.say("MULTI\nSET a 1\nINCR a").await;
        let read = Outcome::Read {
            record: protocol::Record::EMPTY,
            rounds: 1,
        };
        client.node.state.lock().next = vec![outcome, read];
        let answer = client.say("EXEC").await;
        assert!(answer.starts_with(begin), "{answer}");
    }
}

#[tokio::test]
async fn commands_of_transactions_out_of_place_are_refused() {
    let mut client = Client::new();
    for (line, answer) in [
        ("EXEC", "-ERR EXEC without MULTI\r\n"),
        ("DISCARD", "-ERR DISCARD without MULTI\r\n"),
        ("UNWATCH", "+OK\r\n"),
        ("MULTI", "+OK\r\n"),
        ("MULTI", "-ERR MULTI calls can not be nested\r\n"),
        ("WATCH a", "-ERR WATCH inside MULTI is not allowed\r\n"),
        ("UNWATCH", "+QUEUED\r\n"),
        ("EXEC", "*1\r\n+OK\r\n"),
        ("MULTI", "+OK\r\n"),
        ("SET a 1", "+QUEUED\r\n"),
        ("DISCARD", "+OK\r\n"),
        ("EXEC", "-ERR EXEC without MULTI\r\n"),
        ("MULTI", "+OK\r\n"),
        ("SET a 1", "+QUEUED\r\n"),
        (
            "EXEC now",
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' \
             command\r\n",
        ),
        ("EXEC", "-ERR EXEC without MULTI\r\n"),
    ] {
        assert_eq!(client.say(line).await, answer, "{line}");
    }
    assert!(client.node.state.lock().asked.is_empty());
}

#[tokio::test]
async fn a_transaction_that_is_longer_than_there_is_room_for_is_refused_as_it_comes() {
    let mut client = Client::new();
    client.say("MULTI").await;
    let long = format!("SET a {}", "x".repeat(60_000));
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(client.say(&long).await);
    }
    assert_eq!(answers[0], "+QUEUED\r\n");
    let refused = answers
        .iter()
        .find(|answer| *answer != "+QUEUED\r\n")
        .unwrap();
    assert!(refused.starts_with("-BUSY "), "{refused}");
    assert!(client.say("EXEC").await.starts_with("-EXECABORT "));
    assert!(client.node.state.lock().asked.is_empty());
    // All of it was given back.
    client.say("MULTI").await;
    assert_eq!(client.say(&long).await, "+QUEUED\r\n");
}

#[tokio::test]
async fn hello_in_a_transaction_changes_the_dialect_where_it_stands() {
    let mut client = Client::new();
    let answer = client.say("MULTI\nGET a\nHELLO 3\nGET a\nEXEC").await;
    let (_, done) = answer.rsplit_once("*3\r\n").unwrap();
    assert!(
        done.starts_with("$-1\r\n%7\r\n") && done.ends_with("_\r\n"),
        "{done}"
    );
}
