//! Directories that a node must not use, and flags that make no sense together.

use super::Disks;
use crate::harness::{Ended, free_ports, run};
use std::collections::BTreeMap;
use std::path::Path;

/// Starts a node that is a cluster by itself, and ends by itself.
async fn serve(port: u16, flags: &[&str]) -> Ended {
    let listen = format!("127.0.0.1:{port}");
    let alone = ["serve", "--listen", &listen, "--peers", &listen];
    run(&[&alone, flags].concat()).await
}

async fn serve_from(directory: &Path) -> Ended {
    let directory = directory.to_str().expect("a path of text");
    serve(free_ports(1)[0], &["--data-dir", directory]).await
}

/// That it failed, said why and what to do, and touched nothing.
#[track_caller]
fn assert_failed(ended: &Ended, says: &[&str]) {
    ended.assert_code(1);
    for what in says {
        assert!(ended.stderr.contains(what), "{what}: {}", ended.stderr);
    }
}

/// All files under a directory, with what is in them.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("it is a directory") {
            let path = entry.expect("it can be read").path();
            match path.is_dir() {
                true => directories.push(path),
                false => {
                    let bytes = std::fs::read(&path).expect("it can be read");
                    found.insert(path.display().to_string(), bytes);
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn a_directory_that_another_process_uses_is_refused() {
    let disks = Disks::new();
    let cluster = disks.start(1, &[]).await;
    let ended = serve_from(&disks.of(0)).await;
    assert_failed(&ended, &["is in use by another process", "of its own"]);
    cluster[0]
        .put("/v1/registers/a", "still here")
        .await
        .assert_status(204);
}

#[tokio::test]
async fn a_directory_with_something_else_in_it_is_left_as_it_is() {
    let disks = Disks::new();
    let directory = disks.of(0);
    std::fs::create_dir(&directory).expect("it can be made");
    std::fs::write(directory.join("letters.txt"), "Dear ...").expect("it can be written");
    let before = files(&directory);
    let ended = serve_from(&directory).await;
    assert_failed(&ended, &["is no data directory", "give --data-dir another"]);
    assert_eq!(files(&directory), before);
}

#[tokio::test]
async fn a_directory_of_another_version_is_left_as_it_is() {
    let disks = Disks::new();
    let mut cluster = disks.start(1, &[]).await;
    cluster[0].kill();
    let directory = disks.of(0);
    let line = "shardedmemory data directory, version 2\n";
    std::fs::write(directory.join("format"), line).expect("it can be written");
    let before = files(&directory);
    let ended = serve_from(&directory).await;
    assert_failed(&ended, &["another version", "version 2", "start it with"]);
    assert_eq!(files(&directory), before);
}

#[tokio::test]
async fn a_directory_of_another_node_is_refused_and_serves_its_own_again() {
    let disks = Disks::new();
    let mut cluster = disks.start(1, &[]).await;
    cluster[0]
        .put("/v1/registers/a", "x")
        .await
        .assert_status(204);
    cluster[0].kill();
    let ended = serve_from(&disks.of(0)).await;
    let own = cluster[0].address().to_string();
    assert_failed(
        &ended,
        &["belongs to the node at", &own, "give --advertise"],
    );
    cluster.start_all().await;
    assert_eq!(cluster[0].get("/v1/registers/a").await.text(), "x");
}

#[tokio::test]
async fn a_path_that_is_no_directory_is_refused() {
    let disks = Disks::new();
    std::fs::write(disks.of(0), "a file").expect("it can be written");
    for path in [disks.of(0), disks.of(0).join("below")] {
        let ended = serve_from(&path).await;
        assert_failed(&ended, &[path.to_str().expect("a path of text")]);
    }
}

#[tokio::test]
async fn flags_that_contradict_each_other_are_refused_with_a_hint() {
    let disks = Disks::new();
    let directory = disks.of(0);
    let directory = directory.to_str().expect("a path of text");
    let memory_on_disk = ["--durability", "memory", "--data-dir", directory];
    let wrong: [(&[&str], &str); 4] = [
        (&["--durability", "sync"], "give --data-dir"),
        (&["--durability", "interval"], "give --data-dir"),
        (&["--accept-loss"], "give --data-dir"),
        (&memory_on_disk, "--data-dir"),
    ];
    for (flags, hint) in wrong {
        let ended = serve(free_ports(1)[0], flags).await;
        ended.assert_code(2);
        assert!(ended.stderr.contains("hint: "), "{ended:?}");
        assert!(ended.stderr.contains(hint), "{ended:?}");
    }
    assert!(!disks.of(0).exists(), "nothing was made");
}
