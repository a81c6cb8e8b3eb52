//! Transactions on a cluster of processes.

use super::client::{Client, bulk, error_of, items, ok};
use crate::harness::Cluster;
use resp::Reply;

/// Clients at different nodes count one register up, each in a transaction that has several steps.
/// None of the steps is ever seen by itself, and none is lost.
#[tokio::test]
async fn transactions_on_one_register_happen_in_one_instant() {
    const CLIENTS: usize = 6;
    const EACH: usize = 30;
    let cluster = Cluster::start(3).await;
    let clients = (0..CLIENTS).map(|index| {
        let address = cluster[index % 3].address();
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let mut done = 0;
            for _ in 0..EACH {
                // Odd only between its steps.
                let lines = "MULTI\nINCR n\nGET n\nINCR n\nEXEC";
                let answers = client.ask_lines(lines).await;
                match &answers[4] {
                    Reply::Array(parts) => {
                        let [Reply::Integer(first), _, Reply::Integer(second)] = parts[..] else {
                            panic!("{parts:?}");
                        };
                        assert_eq!((first % 2, second), (1, first + 1));
                        assert_eq!(parts[1], bulk(&first.to_string()));
                        done += 1;
                    }
                    // Others kept coming between: nothing was done.
                    refused => assert!(error_of(refused).starts_with("BUSY "), "{refused:?}"),
                }
            }
            done
        })
    });
    let mut done = 0;
    for client in clients.collect::<Vec<_>>() {
        done += client.await.expect("the client ends");
    }
    assert!(done > 0);
    let mut client = Client::connect(cluster[0].address()).await;
    assert_eq!(
        client.ask(["GET", "n"]).await,
        bulk(&(2 * done).to_string())
    );
}

/// The classic: read, compute in the client, write if nobody came between.
#[tokio::test]
async fn what_is_watched_at_one_node_and_changed_at_another_undoes_the_transaction() {
    let cluster = Cluster::start(3).await;
    let mut here = Client::connect(cluster[0].address()).await;
    let mut there = Client::connect(cluster[1].address()).await;
    assert_eq!(here.ask(["WATCH", "a"]).await, ok());
    assert_eq!(there.ask(["SET", "a", "of another"]).await, ok());
    let answers = here.ask_lines("MULTI\nSET a mine\nEXEC").await;
    assert_eq!(answers[2], Reply::Nil);
    assert_eq!(there.ask(["GET", "a"]).await, bulk("of another"));
    assert_eq!(here.ask(["WATCH", "a"]).await, ok());
    let answers = here
        .ask_lines("MULTI\nSET a mine\nPEXPIRE a 100000\nEXEC")
        .await;
    assert_eq!(items(&answers[3]), [ok(), Reply::Integer(1)]);
    assert_eq!(there.ask(["GET", "a"]).await, bulk("mine"));
}

/// A transaction, what came before it and what comes after it on one connection take effect in
/// that order, though nobody waits for answers.
#[tokio::test]
async fn a_pipeline_with_transactions_keeps_its_order() {
    let cluster = Cluster::start(3).await;
    let mut client = Client::connect(cluster[0].address()).await;
    let lines = "SET a 1\nMULTI\nINCR a\nGET b\nEXEC\nINCR a\nMULTI\nGET a\nEXEC\nWATCH a\nSET a 9\n\
        MULTI\nGET a\nEXEC\nGET a";
    let answers = client.ask_lines(lines).await;
    assert_eq!(items(&answers[4]), [Reply::Integer(2), Reply::Nil]);
    assert_eq!(answers[5], Reply::Integer(3));
    assert_eq!(items(&answers[8]), [bulk("3")]);
    assert_eq!(answers[13], Reply::Nil);
    assert_eq!(answers[14], bulk("9"));
}

#[tokio::test]
async fn a_setting_refuses_transactions_on_several_registers() {
    let cluster = Cluster::start_with(1, &["--multi-register", "refused"]).await;
    let mut client = Client::connect(cluster[0].address()).await;
    let answers = client
        .ask_lines("MULTI\nSET a 1\nSET b 1\nEXEC\nEXISTS a b")
        .await;
    let error = error_of(&answers[3]);
    assert!(
        error.starts_with("EXECABORT ") && error.contains("--multi-register"),
        "{error}"
    );
    assert_eq!(answers[4], Reply::Integer(0));
    let answers = client.ask_lines("MULTI\nSET a 1\nINCR a\nEXEC").await;
    assert_eq!(items(&answers[3]), [ok(), Reply::Integer(2)]);
}
