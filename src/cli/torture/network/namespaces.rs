//! A network of its own for every node, joined by a bridge: [`Namespaces`].
//!
//! ```text
//!   namespace of the clients      bridge 10.77.0.254
//!                                /        |         \        pairs of virtual cards
//!   namespaces of the nodes  10.77.0.1  10.77.0.2  10.77.0.3   each with its own nftables
//! ```
//!
//! None of the namespaces has a name: they exist as long as this process holds them or a node runs
//! in them, and go when the last of these ends, in whatever way, with all that is in them. So
//! nothing is ever left behind, and as none of them is connected to the machine's own network, no
//! address in them clashes with any.
//!
//! A thread enters and leaves namespaces by itself, and what it starts stays in the one that it was
//! started in. So this holds only where everything runs on one thread.

use super::cuts::Cuts;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use protocol::Address;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::{self, Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The port of every node; each has an address of its own.
const PORT: u16 = 3030;

/// Where the clients are.
const CLIENTS: &str = "10.77.0.254/24";

/// How long a change of rules may take.
const RULES_TIMEOUT: Duration = Duration::from_secs(10);

/// Namespaces for so many nodes, and one for this thread.
pub(crate) struct Namespaces {
    hub: File,
    nodes: Vec<File>,
}

/// Why there are no namespaces, in words.
pub(crate) type Reason = String;

impl Namespaces {
    /// Makes the namespaces and moves this thread into that of the clients.
    ///
    /// This must be the process's only thread: whoever is not root becomes so in a user namespace,
    /// where the system allows it, and only a process with one thread may.
    ///
    /// # Errors
    /// Why there are none. The thread has loopback addresses all the same.
    pub(crate) fn make(nodes: usize) -> Result<Self, Reason> {
        let outside = current().map_err(|error| format!("no namespaces here: {error}"))?;
        run("ip", &["-Version"], "")?;
        run("nft", &["--version"], "")?;
        enter_new_as_root()?;
        Self::fill(nodes).inspect_err(|_| {
            // Whoever is not root cannot leave a user namespace. It has loopback addresses of its
            // own, though, which are all that is needed without a network for each node.
            if enter(&outside).is_err() {
                let _ = run("ip", &["link", "set", "lo", "up"], "");
            }
        })
    }

    fn fill(nodes: usize) -> Result<Self, Reason> {
        let cannot = |error: io::Error| format!("cannot make a network namespace: {error}");
        let hub = current().map_err(cannot)?;
        let mut made = Self {
            hub,
            nodes: Vec::new(),
        };
        for _ in 0..nodes {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|error| cannot(error.into()))?;
            made.nodes.push(current().map_err(cannot)?);
            enter(&made.hub).map_err(cannot)?;
        }
        run("ip", &["-batch", "-"], &made.hub_script())?;
        for node in 0..nodes {
            made.inside(node, || run("ip", &["-batch", "-"], &node_script(node)))
                .map_err(cannot)??;
            made.inside(node, || run("nft", &["-f", "-"], RULES))
                .map_err(cannot)??;
        }
        Ok(made)
    }

    fn hub_script(&self) -> String {
        let mut script = format!(
            "link set lo up\n\
             link add bridge type bridge\n\
             address add {CLIENTS} dev bridge\n\
             link set bridge up\n"
        );
        for (node, namespace) in self.nodes.iter().enumerate() {
            let (process, file) = (process::id(), namespace.as_raw_fd());
            script.push_str(&format!(
                "link add node{node} type veth peer name eth0 netns /proc/{process}/fd/{file}\n\
                 link set node{node} master bridge up\n"
            ));
        }
        script
    }

    /// Where a node is, for everyone.
    pub(crate) fn address(&self, node: usize) -> Address {
        format!("{}:{PORT}", ip(node))
            .parse()
            .expect("this is an address and a port")
    }

    /// Starts a process in a node's namespace.
    pub(crate) fn spawn(&self, node: usize, command: &mut Command) -> io::Result<Child> {
        self.inside(node, || command.spawn())?
    }

    /// Has each node lose what it is not to hear. Two nodes that do not hear each other lose every
    /// packet. Where one way is open, what is lost is what the one says on the connections that it
    /// opens; its acknowledgements of what the other one says pass, or TCP would soon break the
    /// open way too.
    ///
    /// # Errors
    /// If rules cannot be changed.
    pub(crate) async fn cut(&self, before: &Cuts, cuts: &Cuts) -> Result<(), Reason> {
        for node in 0..self.nodes.len() {
            let script = rules(cuts, node);
            if script == rules(before, node) {
                continue;
            }
            let changing = self.change_rules(node, &script);
            match timeout(RULES_TIMEOUT, changing).await {
                Ok(changed) => changed?,
                Err(_) => return Err("nft does not end".to_owned()),
            }
        }
        Ok(())
    }

    async fn change_rules(&self, node: usize, script: &str) -> Result<(), Reason> {
        let mut command = Command::new("nft");
        command
            .args(["-f", "-"])
            .env("PATH", tools())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let cannot = |error| format!("cannot run nft: {error}");
        let mut nft = self.spawn(node, &mut command).map_err(cannot)?;
        let mut input = nft.stdin.take().expect("its standard input is piped");
        input.write_all(script.as_bytes()).await.map_err(cannot)?;
        drop(input);
        let output = nft.wait_with_output().await.map_err(cannot)?;
        told("nft", &output)
    }

    /// Does something that does not wait, in a node's namespace.
    fn inside<T>(&self, node: usize, act: impl FnOnce() -> T) -> io::Result<T> {
        enter(&self.nodes[node])?;
        let done = act();
        enter(&self.hub).expect("what was left a moment ago can be entered again");
        Ok(done)
    }
}

/// The rules by which nothing is lost yet.
const RULES: &str = "\
table inet torture {
    set cut {
        type ipv4_addr
    }
    set mute {
        type ipv4_addr
    }
    chain input {
        type filter hook input priority 0
        ip saddr @cut drop
        tcp dport 3030 ip saddr @mute drop
    }
}
";

/// The change of a node's rules by which it loses what it is not to hear.
fn rules(cuts: &Cuts, node: usize) -> String {
    let mut script = String::new();
    let sets = [
        ("cut", cuts.lost_to_each_other(node)),
        ("mute", cuts.mute_towards(node)),
    ];
    for (set, nodes) in sets {
        script.push_str(&format!("flush set inet torture {set}\n"));
        if !nodes.is_empty() {
            let addresses: Vec<String> = nodes.into_iter().map(ip).collect();
            let addresses = addresses.join(", ");
            script.push_str(&format!(
                "add element inet torture {set} {{ {addresses} }}\n"
            ));
        }
    }
    script
}

fn node_script(node: usize) -> String {
    let ip = ip(node);
    format!(
        "link set lo up\n\
         address add {ip}/24 dev eth0\n\
         link set eth0 up\n"
    )
}

fn ip(node: usize) -> String {
    format!("10.77.0.{}", node + 1)
}

/// The namespace that this thread is in.
fn current() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

fn enter(namespace: &File) -> io::Result<()> {
    Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
}

/// Enters a network namespace that is new and may be set up.
fn enter_new_as_root() -> Result<(), Reason> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(()),
        Err(Errno::EPERM) => {}
        Err(error) => return Err(format!("cannot make a network namespace: {error}")),
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(|error| {
        format!("only root may make network namespaces here ({error}, without root)")
    })?;
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ];
    for (file, text) in maps {
        std::fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| format!("cannot become root in a user namespace: {error}"))?;
    }
    Ok(())
}

/// Runs a tool to its end, with this input.
fn run(tool: &str, arguments: &[&str], input: &str) -> Result<(), Reason> {
    let cannot = |error| format!("cannot run {tool}: {error}");
    let mut child = process::Command::new(tool)
        .args(arguments)
        .env("PATH", tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    let mut stdin = child.stdin.take().expect("its standard input is piped");
    stdin.write_all(input.as_bytes()).map_err(cannot)?;
    drop(stdin);
    told(tool, &child.wait_with_output().map_err(cannot)?)
}

/// Where tools are looked for: also where those for administrators are, which others may not look
/// into by themselves.
fn tools() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

fn told(tool: &str, output: &Output) -> Result<(), Reason> {
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = words.lines().map(str::trim).collect();
    Err(format!("{tool} failed: {}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_tell_a_cut_link_from_one_that_is_open_one_way() {
        let cuts = Cuts::default().both_ways(&[0], &[1, 2]).one_way(&[3], &[0]);
        let both_and_one = rules(&cuts, 0);
        assert!(
            both_and_one.contains("add element inet torture cut { 10.77.0.2, 10.77.0.3 }"),
            "{both_and_one}"
        );
        assert!(
            both_and_one.contains("add element inet torture mute { 10.77.0.4 }"),
            "{both_and_one}"
        );
        assert!(!rules(&cuts, 3).contains("add element"));
    }

    #[test]
    fn the_rules_are_for_the_port_of_the_nodes() {
        assert!(RULES.contains(&format!("tcp dport {PORT} ")));
    }
}
