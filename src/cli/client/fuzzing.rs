//! For fuzzing: what a stranger can answer where a client looks for a node.

use super::{Connection, MembersView, Reply, Verb, View, ask_for, reply};
use crate::fuzzing::{answering_stranger, run};
use hyper::Method;
use hyper::body::Bytes;
use protocol::Address;
use std::time::Duration;

/// A stranger answers a client's request with this, the first byte apart, which decides in how
/// large pieces it is read. Only a success, or a word of success, is taken for done.
pub fn client_answer(data: &[u8]) {
    let deadline = Duration::from_secs(60);
    for verb in [
        Verb::Read,
        Verb::Write(Bytes::from_static(b"x")),
        Verb::Delete,
    ] {
        let answer = run(async {
            let mut connection = connection(data).await;
            let request = connection.request(Method::GET, "/", Bytes::new(), deadline);
            request.await
        });
        let status = answer.as_ref().ok().map(|answer| answer.status());
        let is_success = status.is_some_and(|status| status.is_success());
        match reply(&verb, answer) {
            Reply::Done { value, .. } => {
                assert!(is_success || verb == Verb::Read && value.is_none());
                assert!(verb == Verb::Read || value.is_none());
            }
            Reply::Unknown(_) => assert_ne!(verb, Verb::Read, "a read is never in doubt"),
            Reply::Elsewhere(_) | Reply::Refused(_) => assert!(!is_success),
        }
    }
    // What they say is shown by commands; here it is only read.
    let _view: Result<_, _> = run(async {
        let mut connection = connection(data).await;
        ask_for::<View>(&mut connection, "/", deadline).await
    });
    let _members: Result<_, _> = run(async {
        let mut connection = connection(data).await;
        MembersView::ask(&mut connection, deadline).await
    });
}

async fn connection(data: &[u8]) -> Connection {
    let (says, hears) = answering_stranger(data);
    let node: Address = "127.0.0.1:1".parse().expect("an address");
    let connection = Connection::over(&node, tokio::io::join(says, hears)).await;
    connection.expect("nothing is exchanged yet")
}
