//! The client against small servers that play nodes.

use super::stub::{self, Stub, nowhere};
use super::*;
use tokio::net::TcpListener;

/// A node that answers every operation with this text; without one it closes the connection
/// instead.
async fn start(answer: Option<&'static str>) -> Stub {
    Stub::start(move |_| answer.map(str::to_owned)).await
}

/// How many operations it was asked for.
fn operations(stub: &Stub) -> usize {
    stub.asked().len()
}

async fn run(verb: Verb, nodes: &[&Address]) -> Result<Done, Failure> {
    let name = RegisterName::new("a").unwrap();
    let arguments = ClientArgs {
        nodes: nodes.iter().map(|&node| node.clone()).collect(),
        timeout_ms: Duration::from_secs(5),
        password: PasswordArgs::default(),
        json: false,
    };
    Request { name: &name, verb }.run(&arguments).await
}

fn write() -> Verb {
    Verb::Write(Bytes::from_static(b"x"))
}

const WRITTEN: &str = "HTTP/1.1 204 No Content\r\netag: \"7-00000000000000aa-1-0\"\r\n\
    shardedmemory-rounds: 2\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 21\r\n\r\n\
    {\"outcome\":\"refused\"}";
const UNKNOWN: &str = "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 21\r\n\r\n\
    {\"outcome\":\"unknown\"}";
const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 21\r\n\r\n\
    {\"outcome\":\"refused\"}";
const NOTHING: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 18\r\n\r\n\
    {\"outcome\":\"done\"}";

#[tokio::test]
async fn the_next_node_is_asked_when_one_is_away_or_refuses() {
    let (refuses, writes) = (start(Some(REFUSED)).await, start(Some(WRITTEN)).await);
    let nodes = [&nowhere().await, &refuses.address, &writes.address];
    let done = run(write(), &nodes).await.unwrap();
    assert_eq!(done.node, writes.address);
    assert_eq!(done.tag.as_deref(), Some("7-00000000000000aa-1-0"));
    assert_eq!(done.rounds, Some(2));
    assert_eq!((operations(&refuses), operations(&writes)), (1, 1));
}

#[tokio::test]
async fn a_write_in_doubt_is_not_made_again_at_another_node() {
    for answer in [Some(UNKNOWN), None] {
        let (doubtful, writes) = (start(answer).await, start(Some(WRITTEN)).await);
        for verb in [write(), Verb::Delete] {
            let failure = run(verb, &[&doubtful.address, &writes.address])
                .await
                .unwrap_err();
            assert_eq!(failure.exit, Exit::Unknown);
        }
        assert_eq!((operations(&doubtful), operations(&writes)), (2, 0));
    }
}

#[tokio::test]
async fn a_read_goes_on_after_a_broken_connection() {
    let (breaks, misses) = (start(None).await, start(Some(NOTHING)).await);
    let done = run(Verb::Read, &[&breaks.address, &misses.address])
        .await
        .unwrap();
    assert_eq!((done.node, done.value), (misses.address, None));
}

#[tokio::test]
async fn what_every_node_would_refuse_is_asked_once() {
    let (refuses, writes) = (start(Some(TOO_LARGE)).await, start(Some(WRITTEN)).await);
    let failure = run(write(), &[&refuses.address, &writes.address])
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert_eq!(operations(&writes), 0);
}

#[tokio::test]
async fn when_no_node_takes_it_each_ones_reason_is_told() {
    let (away, refuses) = (nowhere().await, start(Some(REFUSED)).await);
    let failure = run(write(), &[&away, &refuses.address]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    let message = failure.message.unwrap();
    for part in ["nothing happened", away.as_str(), refuses.address.as_str()] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn a_node_that_accepts_and_says_nothing_is_given_no_operation() {
    // Nobody accepts: as with a frozen process, the system alone completes the connection.
    let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let writes = start(Some(WRITTEN)).await;
    let nodes = [
        &stub::address(frozen.local_addr().unwrap()),
        &writes.address,
    ];
    assert_eq!(run(write(), &nodes).await.unwrap().node, writes.address);
}

#[test]
fn a_name_is_percent_encoded_unless_it_is_plain() {
    let path = |name: &'static [u8]| register_path(&RegisterName::new(name).unwrap());
    assert_eq!(path(b"a-b_c.d~9"), "/v1/registers/a-b_c.d~9");
    assert_eq!(path(b"a/b?c#d e%"), "/v1/registers/a%2Fb%3Fc%23d%20e%25");
    assert_eq!(path(b"\x00\xff{x}"), "/v1/registers/%00%FF%7Bx%7D");
}
