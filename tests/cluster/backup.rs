//! `backup` of a cluster that is at work, `restore` to one of another size, and `inspect`.

use crate::harness::{
    Client, Cluster, Load, LoadPlan, PATIENCE, RedisClient, Registers, eventually, program, run,
    run_with_input, signal,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder of a test's own, which goes away with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("backups-{}", rand::random::<u64>()));
        std::fs::create_dir(&path).expect("a folder for a test");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("it is text").to_owned()
    }

    fn names(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.0).expect("it is there");
        let names = files.map(|file| file.expect("it is there").file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A value, and when it expires if it does.
type Held = (Vec<u8>, Option<u64>);

/// What a cluster holds, as one of its nodes reads it, register by register.
async fn contents(client: &mut Client, names: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Held> {
    let mut contents = BTreeMap::new();
    // Few enough that the values have room in an answer.
    for names in names.chunks(7) {
        let read =
            |name: &Vec<u8>| json!({ "op": "read", "name_base64": BASE64_STANDARD.encode(name) });
        let operations: Vec<Value> = names.iter().map(read).collect();
        let request = Client::post("/v1/batch", &json!({ "operations": operations }));
        let answer = client.send(request, PATIENCE).await.expect("an answer");
        let answer = answer.assert_status(200).json();
        for (name, result) in names
            .iter()
            .zip(answer["results"].as_array().expect("results"))
        {
            if result["status"] == 404 {
                continue;
            }
            let value = match result["value"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => BASE64_STANDARD
                    .decode(result["value_base64"].as_str().expect("a value"))
                    .expect("base64"),
            };
            contents.insert(name.clone(), (value, result["expires_ms"].as_u64()));
        }
    }
    contents
}

/// All names that are listed.
async fn names(client: &mut Client) -> Vec<Vec<u8>> {
    let (mut names, mut query) = (Vec::new(), String::new());
    loop {
        let request = Client::get(&format!("/v1/registers?limit=1000{query}"));
        let page = client.send(request, PATIENCE).await.expect("an answer");
        let page = page.assert_status(200).json();
        for name in page["registers"].as_array().expect("names") {
            names.push(match name["name"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => BASE64_STANDARD
                    .decode(name["name_base64"].as_str().expect("a name"))
                    .expect("base64"),
            });
        }
        match page["cursor"].as_str() {
            Some(cursor) => query = format!("&cursor={cursor}"),
            None => return names,
        }
    }
}

fn in_an_hour() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_millis() as u64 + 3_600_000
}

/// Writes registers of every kind, which nobody writes afterwards. Returns what they hold.
async fn write_all_kinds(client: &mut Client) -> BTreeMap<Vec<u8>, Held> {
    let expires = in_an_hour();
    let mut held = BTreeMap::new();
    for number in 0..1500_u32 {
        let mut name = b"kept\xff\x00/".to_vec();
        name.extend(number.to_be_bytes());
        let value = match number % 3 {
            0 => number.to_le_bytes().repeat(number as usize % 50),
            1 => format!("text {number} é").into_bytes(),
            _ => vec![0; number as usize % 7],
        };
        let expires = (number % 5 == 0).then_some(expires + u64::from(number));
        held.insert(name, (value, expires));
    }
    // Longer than answers to batches have room for in all, and one that has no room in a batch.
    for number in 0..12_u8 {
        let mut value = vec![number; 1024 * 1024];
        value[0] = 0xff;
        held.insert(vec![b'l', number], (value, None));
    }
    held.insert(b"zeros".to_vec(), (vec![0; 1024 * 1024], Some(expires)));
    held.insert(b"empty".to_vec(), (Vec::new(), None));
    for (name, (value, expires)) in &held {
        let encoded: String = name.iter().map(|byte| format!("%{byte:02x}")).collect();
        let query = expires.map_or(String::new(), |at| format!("?expires_ms={at}"));
        let path = format!("/v1/registers/{encoded}{query}");
        let written = client
            .send(Client::put(&path, value.as_slice()), PATIENCE)
            .await;
        written.expect("an answer").assert_status(204);
    }
    held
}

#[tokio::test]
async fn a_cluster_at_work_is_backed_up_and_restored_to_clusters_of_other_sizes() {
    let folder = Folder::new();
    let cluster = Cluster::start(3).await;
    let mut client = cluster[0].client();
    let mut held = write_all_kinds(&mut client).await;
    let mut redis = RedisClient::connect(cluster[1].address()).await;
    redis.ask(&["SET", "", "of no name"]).await;
    held.insert(Vec::new(), (b"of no name".to_vec(), None));
    client
        .send(Client::put("/v1/registers/gone", "1"), PATIENCE)
        .await
        .expect("an answer");
    client
        .send(Client::delete("/v1/registers/gone"), PATIENCE)
        .await
        .expect("an answer");
    redis.ask(&["SET", "fleeting", "1", "PX", "1"]).await;
    let plan = LoadPlan {
        one_delete_in: 3,
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);

    let (file, nodes) = (folder.file("b"), cluster.addresses().join(","));
    let ended = run(&["backup", &file, "--node", &nodes, "--json"]).await;
    let summary = ended.assert_code(0).json();
    drop(load);
    assert_eq!(folder.names(), ["b"], "nothing is left beside it");
    assert!(summary["registers"].as_u64().unwrap() >= held.len() as u64);
    let refused = run(&["backup", &file, "--node", &nodes]).await;
    assert!(
        refused.assert_code(1).stderr.contains("--force"),
        "{refused:?}"
    );
    run(&["backup", &file, "--node", &nodes, "--force"])
        .await
        .assert_code(0);

    let inspected = run(&["inspect", &file, "--json"])
        .await
        .assert_code(0)
        .json();
    assert_eq!(inspected["cluster"], summary["cluster"]);
    assert!(inspected["expiring"].as_u64().unwrap() >= 301);
    let lines = run(&["inspect", &file, "--names"]).await;
    for line in ["       0  empty", " 1048576  zeros", "  kept\\xff\\x00/"] {
        assert!(lines.stdout.contains(line), "{line}");
    }
    assert!(!lines.stdout.contains("gone"));

    let in_backup: Vec<Vec<u8>> = held.keys().cloned().collect();
    for size in [1, 5] {
        let target = Cluster::start(size).await;
        let nodes = target.addresses().join(",");
        let restored = run(&["restore", &file, "--node", &nodes, "--json"]).await;
        let restored = restored.assert_code(0).json();
        assert_eq!(restored["expired"], 0);
        assert_eq!(restored["written"], inspected["registers"]);
        let mut client = target[0].client();
        assert!(contents(&mut client, &in_backup).await == held);
        let listed = names(&mut client).await;
        assert_eq!(
            listed.len() as u64,
            inspected["registers"].as_u64().unwrap()
        );
        assert!(!listed.contains(&b"gone".to_vec()));
        assert!(!listed.contains(&b"fleeting".to_vec()));

        // What is there is not written over unless that is wanted.
        let zeros = "/v1/registers/zeros";
        client
            .send(Client::put(zeros, "newer"), PATIENCE)
            .await
            .expect("an answer");
        client
            .send(Client::delete("/v1/registers/empty"), PATIENCE)
            .await
            .expect("an answer");
        let again = run(&["restore", &file, "--node", &nodes]).await;
        assert!(
            again.assert_code(1).stderr.contains("--overwrite"),
            "{again:?}"
        );
        let again = run(&[
            "restore",
            &file,
            "--node",
            &nodes,
            "--skip-existing",
            "--json",
        ])
        .await;
        assert_eq!(again.assert_code(0).json()["written"], 1);
        assert_eq!(target[0].get(zeros).await.text(), "newer");
        assert_eq!(target[0].get("/v1/registers/empty").await.status, 200);
        let again = run(&["restore", &file, "--node", &nodes, "--overwrite"]).await;
        again.assert_code(0);
        assert!(contents(&mut client, &in_backup).await == held);
    }
}

#[tokio::test]
async fn a_backup_goes_on_when_the_node_that_it_asks_dies() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(3_000);
    registers.write(&cluster[0]).await;
    let (file, nodes) = (folder.file("b"), cluster.addresses().join(","));
    let backup = tokio::spawn({
        let (file, nodes) = (file.clone(), nodes.clone());
        async move { run(&["backup", &file, "--node", &nodes, "--json"]).await }
    });
    eventually("it has begun", async || !folder.names().is_empty()).await;
    cluster[0].kill();
    let summary = backup.await.expect("it ends").assert_code(0).json();
    assert_eq!(summary["registers"], 3_000);
    let target = Cluster::start(1).await;
    let nodes = target.addresses().join(",");
    let file = std::fs::read(&file).expect("it is there");
    let restored = run_with_input(&["restore", "-", "--node", &nodes], &file).await;
    restored.assert_code(0);
    registers.assert_held(&target[0]).await;
}

#[tokio::test]
async fn what_has_expired_since_is_left_out_of_a_restore_and_counted() {
    let folder = Folder::new();
    let cluster = Cluster::start(1).await;
    let (file, nodes) = (folder.file("b"), cluster.addresses().join(","));
    cluster[0]
        .put("/v1/registers/stays", "1")
        .await
        .assert_status(204);
    // It may expire before it is read, on a machine that is busy: then it is given longer.
    let mut ttl_ms = 500;
    while {
        let path = format!("/v1/registers/expires?ttl_ms={ttl_ms}");
        cluster[0].put(&path, "1").await.assert_status(204);
        let backup = run(&["backup", &file, "--node", &nodes, "--force", "--json"]).await;
        backup.assert_code(0).json()["expiring"] == 0
    } {
        ttl_ms *= 2;
    }
    eventually("it has expired", async || {
        run(&["inspect", &file, "--json"]).await.json()["expired"] == 1
    })
    .await;
    let restored = run(&["restore", &file, "--overwrite", "--node", &nodes, "--json"]).await;
    let restored = restored.assert_code(0).json();
    assert_eq!(
        (&restored["written"], &restored["expired"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(cluster[0].get("/v1/registers/expires").await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_finished_says_so_and_leaves_no_file() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(3).await;
    Registers::small(100).write(&cluster[0]).await;
    let (file, nodes) = (folder.file("b"), cluster.addresses().join(","));
    let whole = folder.file("whole");
    run(&["backup", &whole, "--node", &nodes])
        .await
        .assert_code(0);
    cluster[1].kill();
    cluster[2].kill();
    let short = [
        "--node",
        &nodes,
        "--timeout-ms",
        "200",
        "--give-up-after-ms",
        "300",
    ];
    let failed = run(&[&["backup", &file], &short[..]].concat()).await;
    failed.assert_code(1);
    assert_eq!(folder.names(), ["whole"]);
    let failed = run(&[&["restore", &whole, "--overwrite"], &short[..]].concat()).await;
    assert!(
        failed.assert_code(3).stderr.contains("0 of 100 registers"),
        "{failed:?}"
    );

    let mut damaged = std::fs::read(&whole).expect("it is there");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&file, &damaged).expect("it can be written");
    for arguments in [
        &["inspect", &file][..],
        &["restore", &file, "--overwrite", "--node", &nodes],
    ] {
        let failed = run(arguments).await;
        let stderr = &failed.assert_code(1).stderr;
        assert!(
            stderr.contains("block 1") && stderr.contains("changed"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn a_backup_that_is_interrupted_leaves_no_file() {
    let folder = Folder::new();
    let cluster = Cluster::start(3).await;
    for node in cluster.nodes() {
        node.freeze().await;
    }
    let (file, nodes) = (folder.file("b"), cluster.addresses().join(","));
    let mut command = program();
    command.args(["backup", &file, "--node", &nodes]);
    let child = command.stderr(Stdio::null()).spawn();
    let mut child = child.expect("the program starts");
    eventually("it has begun", async || !folder.names().is_empty()).await;
    signal(child.id(), Signal::SIGINT);
    let status = tokio::task::spawn_blocking(move || child.wait())
        .await
        .expect("it ends");
    assert_eq!(status.expect("the system tells").code(), Some(130));
    assert!(folder.names().is_empty());
}
