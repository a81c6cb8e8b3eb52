//! redis-rs: redis-rs-against-shardedmemory PORT...

use redis::cluster::ClusterClient;
use redis::{Client, Commands, Connection, ExistenceCheck, RedisResult, Script, SetExpiry, SetOptions};
use rslock::LockManager;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const RELEASE: &str = r#"
    if redis.call("GET", KEYS[1]) == ARGV[1] then
        return redis.call("DEL", KEYS[1])
    else
        return 0
    end"#;

struct Nodes {
    ports: Vec<String>,
    /// `2` or `resp3`
    protocol: &'static str,
}

impl Nodes {
    fn urls(&self) -> Vec<String> {
        let url = |port: &String| format!("redis://127.0.0.1:{port}/?protocol={}", self.protocol);
        self.ports.iter().map(url).collect()
    }

    fn first(&self) -> RedisResult<Connection> {
        connection(&self.urls()[0])
    }

    fn last(&self) -> RedisResult<Connection> {
        connection(self.urls().last().expect("a port"))
    }
}

fn connection(url: &str) -> RedisResult<Connection> {
    let connection = Client::open(url)?.get_connection()?;
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(connection)
}

fn key(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    format!("rs-{name}-{}-{}", std::process::id(), now.as_nanos())
}

fn handshake(nodes: &Nodes) -> RedisResult<()> {
    let mut here = nodes.first()?;
    let pong: String = redis::cmd("PING").query(&mut here)?;
    assert_eq!(pong, "PONG");
    let info: String = redis::cmd("CLIENT").arg("INFO").query(&mut here)?;
    assert!(info.contains("lib-name=redis-rs"), "{info}");
    let resp = if nodes.protocol == "resp3" { "resp=3" } else { "resp=2" };
    assert!(info.contains(resp), "{info}");
    Ok(())
}

fn get_set(nodes: &Nodes) -> RedisResult<()> {
    let (mut here, mut there) = (nodes.first()?, nodes.last()?);
    let name = key("value");
    let nothing: Option<String> = here.get(&name)?;
    assert_eq!(nothing, None);
    let () = here.set_ex(&name, "a", 100)?;
    let held: Option<String> = there.get(&name)?;
    assert_eq!(held.as_deref(), Some("a"));
    let left: i64 = there.ttl(&name)?;
    assert!((90..=100).contains(&left), "{left}");
    let options = SetOptions::default().conditional_set(ExistenceCheck::NX);
    let refused: Option<String> = here.set_options(&name, "b", options)?;
    assert_eq!(refused, None);
    let options = SetOptions::default().with_expiration(SetExpiry::KEEPTTL).get(true);
    let before: Option<String> = here.set_options(&name, "b", options)?;
    assert_eq!(before.as_deref(), Some("a"));
    let sum: i64 = here.incr(format!("{name}-n"), 42)?;
    assert_eq!(sum, 42);
    let deleted: i64 = there.del(&name)?;
    assert_eq!(deleted, 1);
    Ok(())
}

fn pipeline(nodes: &Nodes) -> RedisResult<()> {
    let mut here = nodes.first()?;
    let name = key("pipeline");
    let mut pipe = redis::pipe();
    for number in 0..500 {
        let name = format!("{name}-{number}");
        pipe.set(&name, number).ignore().get(&name);
    }
    let answers: Vec<i64> = pipe.query(&mut here)?;
    assert!(answers.into_iter().eq(0..500));
    Ok(())
}

fn transaction(nodes: &Nodes) -> RedisResult<()> {
    let (mut here, mut there) = (nodes.first()?, nodes.last()?);
    let name = key("transaction");
    let mut pipe = redis::pipe();
    pipe.atomic().set(&name, 1).ignore().incr(&name, 1).get(&name);
    let answers: (i64, i64) = pipe.query(&mut here)?;
    assert_eq!(answers, (2, 2));
    let answers: (i64,) = redis::transaction(&mut here, &[&name], |connection, pipe| {
        let held: i64 = connection.get(&name)?;
        pipe.set(&name, 2 * held).ignore().get(&name).query(connection)
    })?;
    assert_eq!(answers, (4,));
    let () = redis::cmd("WATCH").arg(&name).query(&mut here)?;
    let () = there.set(&name, "of another")?;
    let mut pipe = redis::pipe();
    let answers: Option<()> = pipe.atomic().set(&name, "mine").ignore().query(&mut here)?;
    assert_eq!(answers, None);
    let held: String = here.get(&name)?;
    assert_eq!(held, "of another");
    Ok(())
}

fn lock_script(nodes: &Nodes) -> RedisResult<()> {
    let mut here = nodes.first()?;
    let name = key("lock");
    let options = SetOptions::default()
        .conditional_set(ExistenceCheck::NX)
        .with_expiration(SetExpiry::PX(30_000));
    let taken: Option<String> = here.set_options(&name, "mine", options)?;
    assert_eq!(taken.as_deref(), Some("OK"));
    let script = Script::new(RELEASE);
    let mut released = |token: &str| -> RedisResult<i64> {
        script.key(&name).arg(token).invoke(&mut here)
    };
    assert_eq!(released("others")?, 0);
    assert_eq!(released("mine")?, 1);
    assert_eq!(released("mine")?, 0);
    Ok(())
}

/// Redlock over all nodes: each is one of its servers, and they agree always.
fn rslock(nodes: &Nodes) -> RedisResult<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let name = key("rslock");
        let locks = LockManager::new(vec![nodes.urls()[0].clone()]);
        let time = Duration::from_secs(30);
        let held = locks.lock(name.as_bytes(), time).await.expect("it is free");
        assert!(locks.lock(name.as_bytes(), time).await.is_err());
        let held = locks.extend(&held, Duration::from_secs(60)).await.expect("it is held");
        locks.unlock(&held).await;
        let again = locks.lock(name.as_bytes(), time).await.expect("it was released");
        locks.unlock(&again).await;
    });
    Ok(())
}

fn cluster(nodes: &Nodes) -> RedisResult<()> {
    let mut cluster = ClusterClient::new(nodes.urls())?.get_connection()?;
    let name = key("cluster");
    for number in 0..200 {
        let () = cluster.set(format!("{name}-{number}"), number)?;
    }
    for number in 0..200 {
        let held: i64 = cluster.get(format!("{name}-{number}"))?;
        assert_eq!(held, number);
    }
    let sum: i64 = cluster.incr(format!("{name}-n"), 1)?;
    assert_eq!(sum, 1);
    Ok(())
}

fn main() -> ExitCode {
    let ports: Vec<String> = std::env::args().skip(1).collect();
    type Test = fn(&Nodes) -> RedisResult<()>;
    let tests: [(&str, Test); 7] = [
        ("handshake", handshake),
        ("get_set", get_set),
        ("pipeline", pipeline),
        ("transaction", transaction),
        ("lock_script", lock_script),
        ("rslock", rslock),
        ("cluster", cluster),
    ];
    let mut failed = false;
    for (dialect, protocol) in [("RESP2", "2"), ("RESP3", "resp3")] {
        for (name, test) in tests {
            let nodes = Nodes {
                ports: ports.clone(),
                protocol,
            };
            let result = std::panic::catch_unwind(|| test(&nodes));
            let outcome = match result {
                Ok(Ok(())) => "ok".to_owned(),
                Ok(Err(error)) => format!("failed\t{error}"),
                Err(_) => "failed\tan assertion, see above".to_owned(),
            };
            failed |= outcome != "ok";
            println!("redis-rs {dialect}\t{name}\t{}", outcome.replace('\n', " "));
        }
    }
    ExitCode::from(u8::from(failed))
}
