//! Locks: at most one client holds one, whoever dies.

use super::client::{Client, ok};
use crate::harness::{Cluster, eventually};
use resp::Reply;

const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
    return redis.call('del', KEYS[1]) else return 0 end";

#[tokio::test]
async fn a_lock_is_held_by_one_and_released_by_who_holds_it() {
    let cluster = Cluster::start(3).await;
    let mut clients = Vec::new();
    for index in 0..3 {
        clients.push(Client::connect(cluster[index].address()).await);
    }
    for round in 0..5 {
        let mut holders = Vec::new();
        for (index, client) in clients.iter_mut().enumerate() {
            let token = format!("{round}-{index}");
            let taken = client
                .ask(["SET", "lock", &token, "NX", "PX", "60000"])
                .await;
            if taken == ok() {
                holders.push(index);
            }
        }
        assert_eq!(holders.len(), 1);
        let token = format!("{round}-{}", holders[0]);
        // Any node may be asked, and only the right word opens it.
        let other = (holders[0] + 1) % 3;
        let wrong = clients[other]
            .ask(["EVAL", RELEASE, "1", "lock", "wrong"])
            .await;
        assert_eq!(wrong, Reply::Integer(0));
        let released = clients[other]
            .ask(["EVAL", RELEASE, "1", "lock", &token])
            .await;
        assert_eq!(released, Reply::Integer(1));
    }
}

#[tokio::test]
async fn a_lock_survives_the_node_at_which_it_was_taken() {
    let mut cluster = Cluster::start(3).await;
    let mut client = Client::connect(cluster[2].address()).await;
    assert_eq!(
        client
            .ask(["SET", "lock", "mine", "NX", "PX", "600000"])
            .await,
        ok()
    );
    cluster[2].kill();
    let mut client = Client::connect(cluster[0].address()).await;
    assert_eq!(
        client
            .ask(["SET", "lock", "others", "NX", "PX", "600000"])
            .await,
        Reply::Nil
    );
    // While it is not known yet that the coordinator has died, an answer may be unknown: the lock
    // is then released already, or still to be.
    eventually("who holds it releases it", async || {
        let answer = client.ask(["EVAL", RELEASE, "1", "lock", "mine"]).await;
        let gone = client.ask(["EXISTS", "lock"]).await == Reply::Integer(0);
        answer == Reply::Integer(1) || gone
    })
    .await;
}
