//! A node's disk gets full, and has room again.

use super::{Disks, Identity};
use crate::harness::{Cluster, Load, LoadPlan, Registers, eventually};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A file system of its own in memory, as small as a test wants it.
struct Small(PathBuf);

impl Small {
    /// Mounts one at a path, if this process may.
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).expect("a directory can be made");
        let size = format!("size={BYTES}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path);
        let ended = mount.output().ok()?;
        match ended.status.success() {
            true => Some(Self(path.to_owned())),
            false => {
                let why = String::from_utf8_lossy(&ended.stderr);
                println!("skipped: no file system can be mounted here: {why}");
                None
            }
        }
    }

    /// Writes a file until so much is left, or until nothing is.
    fn fill(&self, but: usize) {
        let mut file = File::create(self.filler()).expect("it can be made");
        let free = || {
            let found = nix::sys::statvfs::statvfs(&self.0).expect("it is mounted");
            found.blocks_available() as usize * found.fragment_size() as usize
        };
        let bytes = vec![0; 1 << 20];
        while free() > but {
            let more = bytes.len().min(free() - but).max(1);
            if file.write_all(&bytes[..more]).is_err() {
                return;
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A tenth of this is what a node leaves free.
const BYTES: usize = 100 << 20;

/// Whose disk is small.
const TIGHT: usize = 0;

const OTHERS: [usize; 2] = [1, 2];

/// How full it gets, and what the node says of it.
struct Filling {
    but: usize,
    says: &'static str,
    /// How often it is tried until the node says that.
    rounds: usize,
}

#[tokio::test]
async fn a_node_whose_disk_has_little_room_left_stops_acknowledging_until_there_is_room() {
    fill_and_make_room(Filling {
        but: 5 << 20,
        says: "the disk is full (there is little room left)",
        rounds: 1,
    })
    .await;
}

#[tokio::test]
async fn a_node_whose_disk_is_full_in_the_middle_of_a_write_goes_on_when_there_is_room() {
    // The node looks for room once a second: in few rounds that happens before it writes again.
    fill_and_make_room(Filling {
        but: 0,
        says: "No space left on device",
        rounds: 6,
    })
    .await;
}

async fn fill_and_make_room(filling: Filling) {
    let disks = Disks::new();
    let Some(small) = Small::mount(&disks.of(9)) else {
        return;
    };
    let mut cluster = Cluster::start_each(3, |node| match node {
        TIGHT => {
            let mut flags = disks.flags(TIGHT, &[]);
            let directory = small.0.join("data").display().to_string();
            let mut told = flags.iter_mut().skip_while(|flag| *flag != "--data-dir");
            *told.nth(1).expect("a directory follows") = directory;
            flags
        }
        _ => disks.flags(node, &[]),
    })
    .await;
    let registers = Registers::small(300);
    registers.write(&cluster[1]).await;
    let before = Identity::of(&cluster[TIGHT]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    for round in 1.. {
        load.progress(&[0, 1, 2], 20).await;
        let said = cluster[TIGHT].log().matches("the disk is full").count();
        small.fill(filling.but);
        eventually("the node says that its disk is full", async || {
            cluster[TIGHT].log().matches("the disk is full").count() > said
        })
        .await;
        assert_goes_on_without_it(&cluster, &load).await;
        small.make_room();
        let made = Instant::now();
        eventually("the node says that there is room again", async || {
            let put = cluster[TIGHT].put("/v1/registers/since", "x").await;
            put.status == 204
        })
        .await;
        println!("it took writes again {:?} after", made.elapsed());
        load.progress(&[0, 1, 2], 20).await;
        if cluster[TIGHT].log().contains(filling.says) {
            break;
        }
        assert!(round < filling.rounds, "{}", cluster[TIGHT].log());
    }
    load.sum(&OTHERS).assert_none_failed();
    cluster.whole(&[0, 1, 2]).await;
    assert_eq!(Identity::of(&cluster[TIGHT]).await, before);

    // It counts as a full replica, and what it wrote since is on its disk.
    cluster.kill_all();
    for node in [TIGHT, 1] {
        cluster[node].start();
    }
    for node in [TIGHT, 1] {
        eventually("both are ready", async || cluster[node].is_ready().await).await;
        registers.assert_held(&cluster[node]).await;
    }
    assert_eq!(Identity::of(&cluster[TIGHT]).await, before.restarted());
    load.leave(2);
    load.progress(&[TIGHT, 1], 20).await;
    println!("{}; {}", load.sum(&[0, 1, 2]), load.finish().await);
}

/// The node refuses writes clearly, and everything else goes on.
async fn assert_goes_on_without_it(cluster: &Cluster, load: &Load) {
    let refused = cluster[TIGHT].put("/v1/registers/refused", "x").await;
    refused.assert_problem(429, "busy", "refused");
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("disk is full"), "{detail}");
    cluster[1]
        .put("/v1/registers/meanwhile", "y")
        .await
        .assert_status(204);
    let read = cluster[TIGHT].get("/v1/registers/meanwhile").await;
    assert_eq!(read.text(), "y");
    load.progress(&OTHERS, 50).await;
}
