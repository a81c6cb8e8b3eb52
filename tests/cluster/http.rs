//! Conditions, expiry, batches and the description, over HTTP.

use crate::harness::{Answer, Client, Cluster, Lost, Node, PATIENCE, Request, eventually, run};
use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, ORIGIN};
use serde_json::{Value, json};
use std::net::SocketAddr;

const PATH: &str = "/v1/registers/x";

fn with(mut request: Request, name: HeaderName, value: &str) -> Request {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
    request
}

async fn put_if(node: &Node, tag: &str, value: &str) -> Answer {
    node.ask(with(Client::put(PATH, value), IF_MATCH, tag))
        .await
}

/// Adds one to what `x` holds, through this node, again and again until it has been done so often.
/// What the outcome of an attempt was is found out by reading.
async fn count_up(node: SocketAddr, times: usize) -> usize {
    let mut client = Client::new(node);
    let (mut done, mut unmet) = (0, 0);
    while done < times {
        let read = client.send(Client::get(PATH), PATIENCE).await.unwrap();
        let etag = read.assert_status(200).header("etag").unwrap().to_owned();
        let next = (read.text().parse::<usize>().unwrap() + 1).to_string();
        let write = with(Client::put(PATH, next), IF_MATCH, &etag);
        match client.send(write, PATIENCE).await {
            Ok(answer) if answer.status == 204 => done += 1,
            Ok(answer) if answer.status == 412 => {
                answer.assert_problem(412, "condition-failed", "refused");
                assert_ne!(answer.header("etag"), Some(&*etag));
                unmet += 1;
            }
            Ok(answer) => {
                answer.assert_problem(429, "busy", "refused");
            }
            Err(lost @ (Lost::Broken | Lost::Late | Lost::Unsent)) => panic!("{lost:?}"),
        }
    }
    unmet
}

#[tokio::test]
async fn of_those_who_write_under_one_tag_one_succeeds_so_no_count_is_lost() {
    let cluster = Cluster::start(3).await;
    cluster[0].put(PATH, "0").await.assert_status(204);
    let counting = (0..6).map(|client| {
        let node = cluster[client % 3].address();
        tokio::spawn(count_up(node, 15))
    });
    let mut unmet = 0;
    for counting in counting.collect::<Vec<_>>() {
        unmet += counting.await.unwrap();
    }
    for node in cluster.nodes() {
        assert_eq!(node.get(PATH).await.text(), "90");
    }
    println!("90 writes were done, and {unmet} found that another had come first");
}

#[tokio::test]
async fn a_register_is_created_once_wherever_that_is_asked_for() {
    let cluster = Cluster::start(3).await;
    let creating = (0..9).map(|client| {
        let node = &cluster[client % 3];
        let create = Client::put(PATH, client.to_string());
        tokio::spawn(node.ask(with(create, IF_NONE_MATCH, "*")))
    });
    let mut created = Vec::new();
    for (client, creating) in creating.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = creating.await.unwrap();
        match answer.status {
            204 => created.push(client.to_string()),
            412 => drop(answer.assert_problem(412, "condition-failed", "refused")),
            _ => drop(answer.assert_problem(429, "busy", "refused")),
        }
    }
    let [one] = created.as_slice() else {
        panic!("created by {created:?}");
    };
    assert_eq!(cluster[1].get(PATH).await.text(), one);

    let delete = || with(Client::delete(PATH), IF_MATCH, "*");
    let deleted = cluster[2].ask(delete()).await;
    let tombstone = deleted
        .assert_status(204)
        .header("etag")
        .unwrap()
        .to_owned();
    cluster[0]
        .ask(delete())
        .await
        .assert_problem(412, "condition-failed", "refused");
    let nothing = cluster[1].get(PATH).await;
    let tag = nothing.assert_status(404).header("etag");
    assert!(tag.is_none() || tag == Some(&*tombstone), "{tag:?}");
    let again = put_if(&cluster[1], &tombstone, "again").await;
    let found = cluster[0].get(PATH).await;
    match again.status {
        204 => assert_eq!(found.text(), "again"),
        // On a slow machine the tombstone, and its tag with it, has been dropped meanwhile.
        _ => {
            again.assert_problem(412, "condition-failed", "refused");
            assert_eq!(found.assert_status(404).header("etag"), None);
        }
    }
}

#[tokio::test]
async fn a_value_that_expires_is_gone_at_every_node_and_stays_gone() {
    let cluster = Cluster::start(3).await;
    let put = cluster[0].put(&format!("{PATH}?ttl_ms=300"), "short").await;
    let put = put.assert_status(204);
    let tag = put.header("etag").unwrap().to_owned();
    let expires_ms: u64 = put
        .header("shardedmemory-expires-ms")
        .unwrap()
        .parse()
        .unwrap();
    let now = std::time::SystemTime::now();
    let now_ms = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    assert!(u128::from(expires_ms) < now_ms + 300);
    for node in cluster.nodes() {
        eventually("it has expired", async || {
            node.get(PATH).await.status == 404
        })
        .await;
    }
    for node in cluster.nodes() {
        let nothing = node.get(PATH).await;
        nothing.assert_problem(404, "nothing", "done");
        assert_ne!(nothing.header("etag"), Some(&*tag));
        assert_eq!(nothing.header("shardedmemory-expires-ms"), None);
    }
    put_if(&cluster[1], &tag, "late")
        .await
        .assert_problem(412, "condition-failed", "refused");
    let body = json!({ "addr": 7, "value": "x", "ttl_ms": 3_600_000 });
    let written = cluster[1].ask(Client::post("/write", &body)).await;
    let expires = written
        .assert_status(200)
        .header("shardedmemory-expires-ms");
    let read = cluster[2].get("/read/7").await;
    assert_eq!(read.header("shardedmemory-expires-ms"), expires);
}

#[tokio::test]
async fn a_batch_reads_and_writes_many_registers_at_once() {
    let cluster = Cluster::start(3).await;
    let batch = async |node: usize, operations: Vec<Value>| {
        let body = json!({ "operations": operations });
        let answer = cluster[node].ask(Client::post("/v1/batch", &body)).await;
        let json = answer.assert_status(200).json();
        json["results"].as_array().unwrap().clone()
    };
    let name = |number: usize| format!("r{number}");
    let writes = (0..1000)
        .map(|number| json!({ "op": "write", "name": name(number), "value": number.to_string() }));
    let written = batch(0, writes.collect()).await;
    assert!(
        written.iter().all(|result| result["status"] == 204),
        "{written:?}"
    );
    let reads = (0..1000).map(|number| json!({ "op": "read", "name": name(number) }));
    let read = batch(1, reads.collect()).await;
    for (number, (read, written)) in read.iter().zip(&written).enumerate() {
        assert_eq!(
            (&read["status"], &read["value"]),
            (&json!(200), &json!(number.to_string()))
        );
        assert_eq!(read["tag"], written["tag"]);
    }
    // A tag is of one register: at another one it may be the same.
    let newer = cluster[0].put("/v1/registers/r0", "newer").await;
    let newer = newer.assert_status(204).header("etag").unwrap();
    let newer = newer.trim_matches('"');
    let mixed = batch(
        2,
        vec![
            json!({ "op": "write", "name": "r1", "value": "new", "if_tag": written[1]["tag"] }),
            json!({ "op": "write", "name": "r2", "value": "new", "if_tag": newer }),
            json!({ "op": "delete", "name": "r3" }),
            json!({ "op": "write", "name": "r4", "value": "new", "if_absent": true }),
            json!({ "op": "read", "name": "nobody wrote this" }),
        ],
    );
    let statuses: Vec<Value> = mixed
        .await
        .iter()
        .map(|result| result["status"].clone())
        .collect();
    assert_eq!(statuses, [204, 412, 204, 412, 404].map(Value::from));
    assert_eq!(cluster[0].get("/v1/registers/r1").await.text(), "new");
    assert_eq!(cluster[0].get("/v1/registers/r2").await.text(), "2");
    cluster[0].get("/v1/registers/r3").await.assert_status(404);
}

#[tokio::test]
async fn the_command_line_writes_under_conditions_too() {
    let cluster = Cluster::start(3).await;
    let nodes = cluster.addresses().join(",");
    let at = async |arguments: &[&str]| run(&[arguments, &["--node", &nodes]].concat()).await;
    let created = at(&["write", "x", "1", "--if-absent", "--json"]).await;
    let tag = created.assert_code(0).json()["tag"]
        .as_str()
        .unwrap()
        .to_owned();
    for arguments in [
        &["write", "x", "2", "--if-absent"][..],
        &["write", "y", "2", "--if-present"],
        &["delete", "y", "--if-present"],
        &["write", "y", "2", "--if-tag", &tag],
    ] {
        let unmet = at(arguments).await;
        unmet.assert_code(10);
        assert!(unmet.stderr.contains("did not happen"), "{unmet:?}");
    }
    let terms = ["--if-tag", &tag, "--ttl-ms", "3600000", "--json"];
    let written = at(&[&["write", "x", "2"], &terms[..]].concat()).await;
    let written = written.assert_code(0).json();
    assert!(written["expires_ms"].is_u64(), "{written}");
    let read = at(&["read", "x", "--json"]).await.assert_code(0).json();
    assert_eq!(
        (&read["value"], &read["tag"]),
        (&json!("2"), &written["tag"])
    );
    assert_eq!(read["expires_ms"], written["expires_ms"]);
    at(&["delete", "x", "--if-tag", &tag]).await.assert_code(10);
    at(&["delete", "x", "--if-present"]).await.assert_code(0);
    at(&["read", "x"]).await.assert_code(4);
}

#[tokio::test]
async fn a_page_of_another_site_writes_nothing() {
    let cluster = Cluster::start(1).await;
    for (name, value) in [
        (HeaderName::from_static("sec-fetch-site"), "cross-site"),
        (ORIGIN, "https://a-page.example"),
    ] {
        let answer = cluster[0]
            .ask(with(Client::put(PATH, "1"), name, value))
            .await;
        answer.assert_problem(403, "cross-site", "refused");
    }
    cluster[0].get(PATH).await.assert_status(404);
    let own_page = with(Client::put(PATH, "1"), ORIGIN, "http://node");
    cluster[0].ask(own_page).await.assert_status(204);
}

#[tokio::test]
async fn a_node_serves_the_description_that_the_program_prints() {
    let cluster = Cluster::start(1).await;
    let served = cluster[0].get("/openapi.json").await;
    let printed = run(&["openapi"]).await;
    printed.assert_code(0);
    assert_eq!(served.assert_status(200).json(), printed.json());
    let postman = run(&["openapi", "--postman"]).await.json();
    assert_eq!(postman["info"]["name"], "shardedmemory");
}
