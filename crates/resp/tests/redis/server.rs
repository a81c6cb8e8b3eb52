//! A real redis-server to compare with, if there is one.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything that is certain to happen may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A redis-server of our own, on a socket in a directory of its own, which ends with it.
pub(crate) struct RedisServer {
    child: Child,
    directory: PathBuf,
}

impl RedisServer {
    /// Starts redis-server 7.0. Nothing, and a line that says so, where it is not installed.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);

        let version = Command::new("redis-server").arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        match version {
            Ok(version) if version.contains("v=7.0.") => {}
            Ok(version) => {
                println!(
                    "skipped: the replies compared are those of redis-server 7.0, not {version}"
                );
                return None;
            }
            Err(error) => {
                println!("skipped: redis-server 7.0 is not installed ({error})");
                return None;
            }
        }
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("resp-redis-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a directory for the socket");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--enable-debug-command", "yes"])
            .arg("--unixsocket")
            .arg(directory.join("socket"))
            .args(options)
            .current_dir(&directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let server = Self { child, directory };
        let started = Instant::now();
        while UnixStream::connect(server.socket()).is_err() {
            assert!(started.elapsed() < DEADLINE, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    /// All that the server answers to these bytes on a connection of their own, which is closed
    /// from this end when `is_complete`.
    pub(crate) fn answer(&self, bytes: &[u8], is_complete: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let stream = UnixStream::connect(self.socket()).expect("the server accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a deadline");
        // A server that has closed the connection takes no more, which is an answer too.
        let _ = (&stream).write_all(bytes);
        let mut answer = Vec::new();
        let mut piece = vec![0; 1 << 16];
        let mut is_open = true;
        loop {
            if is_open && is_complete(&answer) {
                let _ = stream.shutdown(Shutdown::Write);
                is_open = false;
            }
            match (&stream).read(&mut piece) {
                Ok(count @ 1..) => answer.extend(&piece[..count]),
                Ok(0) => return answer,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return answer,
                Err(error) => panic!(
                    "{error}, after {} bytes in answer to {}",
                    answer.len(),
                    bytes[..bytes.len().min(200)].escape_ascii()
                ),
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
