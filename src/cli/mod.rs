//! The command line: one file a command, and what they share.
//!
//! What a command was asked for goes to standard output, everything else to standard error. An
//! error says what happened and what it means for the data; a hint after it says what to do.

mod backup;
mod bench;
mod canvas;
mod client;
mod cluster;
mod config;
mod delete;
mod demo;
mod environment;
mod failure;
mod figures;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod inspect;
mod interrupt;
mod line;
mod list;
mod local;
mod log;
mod members;
mod openapi;
mod output;
mod password;
mod read;
mod recover;
mod restore;
mod serve;
mod spinner;
mod status;
mod torture;
mod transfer;
mod values;
mod verify;
mod workload;
mod write;

use clap::{Parser, Subcommand};
use failure::Failure;
use line::Line;
use std::ffi::OsString;
use std::process::ExitCode;

/// Run one command of the process's arguments, and say how it ended.
pub(crate) fn main() -> ExitCode {
    match Line::of(line::to_parse(std::env::args_os().collect())).and_then(|line| line.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A fault-tolerant, linearizable shared memory with no leader.
///
/// Registers are named cells that every node of a cluster reads and writes. Each read returns the
/// last completed write or a later one, wherever it was made, as long as a majority of the nodes
/// that hold the register is up: whichever those are, and with no pause when one dies or freezes.
/// Registers live in memory. A node that restarts copies its own from the others; what a majority
/// of those that hold it forget at once is gone.
#[derive(Parser)]
#[command(
    version = crate::VERSION,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    subcommand_value_name = "COMMAND",
    override_usage = "shardedmemory <COMMAND>\n       shardedmemory <PORT>",
    after_help = AFTER_HELP,
)]
struct Cli {
    /// Run one of three nodes, as `serve` does: 3030, 3031 or 3032
    ///
    /// Started three times, with 3030, 3031 and 3032, this makes a cluster on 127.0.0.1.
    #[arg(value_parser = port_or_advice)]
    port: Option<u16>,

    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    failed or refused: nothing happened
  2    the command line or a setting is wrong: nothing happened
  3    unknown: a write or a change may have happened, or may yet
  4    there is nothing in the register
  5    status: there are operations that the cluster cannot serve
  6    serve: another process has taken this node's place
  7    serve --leave-on-stop: the node stopped without having left the cluster
  8    verify, torture: what clients saw is not linearizable
  9    serve: the node found something in it broken and stopped itself; the log's last line says what
  10   write, delete: the register is not as the condition has it: nothing happened
  130  interrupted

Examples:
  shardedmemory demo                     see three nodes work, freeze, die and come back
  shardedmemory cluster                  three nodes in this terminal, until Ctrl-C
  shardedmemory serve --listen 127.0.0.1:3033 --join 127.0.0.1:3030    one more
  shardedmemory status                   how they are
  shardedmemory verify                   whether what clients see of them is linearizable
  shardedmemory torture                  break a cluster of real processes, and check the same
  shardedmemory bench                    how many operations they do, and how long those take
  shardedmemory backup FILE              all registers, to a file; 'restore FILE' writes them back
  shardedmemory write greeting hello     through the first node that takes it
  shardedmemory read greeting --node 127.0.0.1:3031
  curl -X PUT http://127.0.0.1:3032/v1/registers/greeting -d hello";

// Each command's arguments carry what is told of it.
#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Cluster(cluster::ClusterArgs),
    Demo(demo::DemoArgs),
    Torture(Box<torture::TortureArgs>),
    Bench(Box<bench::BenchArgs>),
    Read(read::ReadArgs),
    Write(write::WriteArgs),
    Delete(delete::DeleteArgs),
    List(list::ListArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Inspect(inspect::InspectArgs),
    Status(status::StatusArgs),
    Verify(Box<verify::VerifyArgs>),
    Members(members::MembersArgs),
    Recover(recover::RecoverArgs),
    Config(config::ConfigArgs),
    Openapi(openapi::OpenapiArgs),
}

/// The ports of the original's three nodes.
const ORIGINAL_PORTS: [u16; 3] = [3030, 3031, 3032];

fn port_or_advice(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if ORIGINAL_PORTS.contains(&port) => Ok(port),
        Ok(port) => Err(format!(
            "the three nodes of this form have the ports 3030, 3031 and 3032; for another use\n  \
             shardedmemory serve --listen 127.0.0.1:{port} --peers A,B,C"
        )),
        Err(_) => Err("this is neither a command nor a port; \
             'shardedmemory --help' lists the commands"
            .to_owned()),
    }
}

/// What `shardedmemory PORT` is short for.
fn original(port: u16) -> Result<Line, Failure> {
    let peers = ORIGINAL_PORTS
        .map(|port| format!("127.0.0.1:{port}"))
        .join(",");
    let listen = format!("127.0.0.1:{port}");
    let line = [
        "shardedmemory",
        "serve",
        "--listen",
        &listen,
        "--peers",
        &peers,
    ];
    Line::of(line.map(OsString::from).to_vec())
}

/// A runtime for commands that mostly wait.
fn small_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;
    use line::to_parse;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(to_parse(
            line.split_whitespace().map(OsString::from).collect(),
        ))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_port_of_the_original_is_a_node_with_its_three_peers() {
        assert_eq!(parse("shardedmemory 3031").unwrap().port, Some(3031));
        let Some(Command::Serve(arguments)) = original(3031).unwrap().cli.command else {
            panic!("it serves");
        };
        let settings = arguments.settings().unwrap();
        assert_eq!(settings.listen, ["127.0.0.1:3031".parse().unwrap()]);
        assert_eq!(settings.advertise.as_str(), "127.0.0.1:3031");
        let peers: Vec<_> = settings.peers.iter().map(|peer| peer.port()).collect();
        assert_eq!(peers, ORIGINAL_PORTS);
    }

    #[test]
    fn another_port_is_told_to_use_serve() {
        let error = parse("shardedmemory 4000").err().unwrap().to_string();
        assert!(error.contains("serve --listen 127.0.0.1:4000"), "{error}");
    }

    #[test]
    fn a_word_that_is_no_command_is_told_so() {
        for line in ["shardedmemory raed", "shardedmemory raed greeting --json"] {
            let error = parse(line).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::ValueValidation);
            let text = error.to_string();
            assert!(text.contains("neither a command nor a port"), "{text}");
        }
    }

    #[test]
    fn a_port_and_a_command_exclude_each_other() {
        assert!(parse("shardedmemory 3030 status").is_err());
    }

    #[test]
    fn every_command_has_its_form() {
        for line in [
            "shardedmemory serve",
            "shardedmemory cluster --nodes 5 --port 4000",
            "shardedmemory demo --keep --port 4000",
            "shardedmemory read a --node 127.0.0.1:1 --node 127.0.0.1:2 --json",
            "shardedmemory write a -",
            "shardedmemory write a -1",
            "shardedmemory write --timeout-ms 10 -- -a --b",
            "shardedmemory write a b --ttl-ms 5 --if-absent --password correct-horse-battery",
            "shardedmemory write a b --if-tag 7-0000000000000abc-1-3",
            "shardedmemory delete a --if-present --password-file p",
            "shardedmemory delete a",
            "shardedmemory openapi --postman",
            "shardedmemory status --json",
            "shardedmemory verify --node 127.0.0.1:1,127.0.0.1:2 --seconds 5 --history a --keep",
            "shardedmemory verify --check - --json",
            "shardedmemory backup f --force --give-up-after-ms 1000 --json",
            "shardedmemory restore - --skip-existing --node 127.0.0.1:1",
            "shardedmemory inspect f --names --json",
            "shardedmemory recover --json",
            "shardedmemory recover --lost 127.0.0.1:1,00ab000000000001 --slots 0-15 --force --yes",
            "shardedmemory config print --peers a:1,b:1 --insecure --toml",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_the_door() {
        for line in [
            "shardedmemory cluster --nodes 0",
            "shardedmemory cluster --nodes 65",
            "shardedmemory read",
            "shardedmemory write a",
            "shardedmemory read a --node nowhere",
            "shardedmemory read a --timeout-ms 0",
            "shardedmemory write a b --ttl-ms 0",
            "shardedmemory write a b --if-tag 7",
            "shardedmemory write a b --if-tag 7-0000000000000abc-1-3 --if-absent",
            "shardedmemory write a b --if-present --if-absent",
            "shardedmemory delete a --if-present --if-tag 7-0000000000000abc-1-3",
            "shardedmemory backup",
            "shardedmemory restore f --overwrite --skip-existing",
            "shardedmemory inspect f --node 127.0.0.1:1",
            "shardedmemory recover --yes",
            "shardedmemory recover --force --lost nobody",
            "shardedmemory recover --force --slots 0-16384",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        let long = "x".repeat(1025);
        assert!(Cli::try_parse_from(["shardedmemory", "read", &long]).is_err());
        assert!(Cli::try_parse_from(["shardedmemory", "read", ""]).is_err());
    }
}
