//! What a node can be told on the command line, by its environment, or by a file: [`ServeArgs`].

mod addresses;
mod disk;
mod limits;
mod log;
mod members;
mod redis;
mod times;

use crate::cli::failure::Failure;
use crate::cli::password::PasswordArgs;
use crate::disk::Durability;
use crate::server::{Settings, SettingsError};
use addresses::AddressArgs;
use clap::Args;
use disk::DiskArgs;
use limits::LimitArgs;
use log::LogArgs;
use members::MemberArgs;
use protocol::Address;
use redis::RedisArgs;
use std::net::SocketAddr;
use std::path::PathBuf;
use times::TimeArgs;

/// Run one node
///
/// A node serves clients and the other nodes on the same port. Nodes that are started with the
/// same --peers found one cluster as soon as all of them are up; later ones --join it. A node with a
/// --data-dir that restarts goes on as the one that it was. One without has lost its memory: by
/// itself it comes back in its old place, as soon as a majority of the members agrees, and copies
/// what it is to hold from the others. Until then it passes requests on.
///
/// Every setting can be given as a flag, as the environment variable that is named beside it, or in
/// a file, under the flag's name in snake_case. The flag wins over the variable, the variable over
/// the file. 'shardedmemory config print' shows what is in force, and why.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArgs {
    /// Take settings from this TOML file, as in 'ping_interval_ms = 500' or 'peers = ["a:1", "b:1"]'
    #[arg(long, env = "SHARDEDMEMORY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten, next_help_heading = "Addresses")]
    pub(crate) addresses: AddressArgs,

    #[command(flatten, next_help_heading = "Access")]
    pub(crate) password: PasswordArgs,

    #[command(flatten, next_help_heading = "Disk")]
    pub(crate) disk: DiskArgs,

    #[command(flatten, next_help_heading = "Members")]
    pub(crate) members: MemberArgs,

    #[command(flatten, next_help_heading = "Limits")]
    pub(crate) limits: LimitArgs,

    #[command(flatten, next_help_heading = "Redis")]
    pub(crate) redis: RedisArgs,

    #[command(flatten, next_help_heading = "Times, in milliseconds")]
    pub(crate) times: TimeArgs,

    #[command(flatten, next_help_heading = "Log, on standard error")]
    pub(crate) log: LogArgs,

    /// Stop, as at SIGTERM, when standard input ends: so that a child never outlives its parent
    #[arg(long, hide = true)]
    pub(crate) exit_with_parent: bool,
}

const AFTER_HELP: &str = "\
Examples:
  One node by itself:
    shardedmemory serve

  One of three on this machine (start it for each of the ports):
    shardedmemory serve --listen 127.0.0.1:3030 \\
      --peers 127.0.0.1:3030,127.0.0.1:3031,127.0.0.1:3032

  The same with a disk, so that nothing is lost when all of them stop:
    shardedmemory serve --listen 127.0.0.1:3030 --data-dir data-3030 \\
      --peers 127.0.0.1:3030,127.0.0.1:3031,127.0.0.1:3032

  A fourth one for them, later:
    shardedmemory serve --listen 127.0.0.1:3033 --join 127.0.0.1:3030,127.0.0.1:3031

  One of three machines, with a password (the same on each; 'openssl rand -hex 32' makes one):
    shardedmemory serve --listen 0.0.0.0:3030 --advertise db-1:3030 \\
      --peers db-1:3030,db-2:3030,db-3:3030 --password-file password

  The same by its environment:
    SHARDEDMEMORY_LISTEN=0.0.0.0:3030 SHARDEDMEMORY_ADVERTISE=db-1:3030 \\
      SHARDEDMEMORY_PEERS=db-1:3030,db-2:3030,db-3:3030 SHARDEDMEMORY_PASSWORD_FILE=password \\
      shardedmemory serve

  The same by a file:
    shardedmemory config print --toml --listen 0.0.0.0:3030 --advertise db-1:3030 \\
      --peers db-1:3030,db-2:3030,db-3:3030 --password-file password > node.toml
    shardedmemory serve --config node.toml

A password decides who is let in. It hides nothing from those who can listen in on the network:
where strangers can, let a tunnel or a private network carry the traffic.

SIGTERM and Ctrl-C stop a node: it accepts nothing new, finishes what runs, and exits. With
--leave-on-stop it first leaves the cluster, and the others copy what it holds.

Exit codes:
  0    stopped, as told
  1    could not start, or an error ended it
  2    a setting is wrong: nothing was started
  6    another process has taken this node's place: it stopped serving
  7    stopped, as told, but is not known to have left: it may be a member still, that is down";

impl ServeArgs {
    /// The settings that these arguments mean.
    ///
    /// # Errors
    /// The first rule that they break.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        let Self {
            addresses,
            password,
            disk,
            members,
            limits,
            redis,
            times,
            ..
        } = self;
        let advertise = match &addresses.advertise {
            Some(address) => address.clone(),
            None => first_address(&addresses.listen)?,
        };
        let peers = match addresses.peers.as_slice() {
            [] if addresses.join.is_empty() => vec![advertise.clone()],
            peers => peers.to_vec(),
        };
        let settings = Settings {
            listen: addresses.listen.clone(),
            advertise,
            peers,
            join: addresses.join.clone(),
            weight: members.weight,
            replication: members.replication,
            password: password.password()?,
            disk: disk.settings()?,
            multi_register: redis.multi_register,
            insecure: addresses.insecure,
            timeout: limits.timeout_ms,
            timeout_max: limits.timeout_max_ms,
            value_bytes_max: limits.value_bytes_max,
            body_bytes_in_flight_max: limits.body_bytes_in_flight_max,
            memory_bytes_max: Some(limits.memory_limit.0).filter(|&bytes| bytes > 0),
            operations_max: limits.operations_max,
            connections_max: limits.connections_max,
            lanes: limits.lanes.unwrap_or_else(cores),
            ping_interval: times.ping_interval_ms,
            pong_timeout: times.pong_timeout_ms,
            down_after: times.down_after_ms,
            founding_wait: times.founding_wait_ms,
            resend_first: times.resend_first_ms,
            resend_max: times.resend_max_ms,
            shutdown_timeout: times.shutdown_timeout_ms,
            replace_after: Some(members.replace_after_ms).filter(|after| !after.is_zero()),
            change_stalled_after: members.change_stalled_after_ms,
            leave_on_stop: members.leave_on_stop,
            leave_timeout: members.leave_timeout_ms,
            copy_bytes_per_second_max: Some(members.copy_bytes_per_second_max)
                .filter(|&bytes| bytes > 0),
            repair_interval: Some(members.repair_interval_ms).filter(|it| !it.is_zero()),
        };
        settings.check()?;
        Ok(settings)
    }

    /// The same, for a command that ends if they break one.
    ///
    /// # Errors
    /// The first rule that they break, and what to do about it.
    pub(crate) fn checked_settings(&self) -> Result<Settings, Failure> {
        let settings = self.settings();
        settings.map_err(|error| Failure::usage(error.to_string()).hint(error.hint()))
    }

    /// What a setting is that was not given, if it depends on others or on the machine.
    pub(crate) fn derived(&self, key: &str) -> Option<Vec<String>> {
        let addresses = &self.addresses;
        match key {
            "advertise" => {
                let first = first_address(&addresses.listen).ok()?;
                Some(vec![first.to_string()])
            }
            "peers" if addresses.join.is_empty() => match &addresses.advertise {
                Some(address) => Some(vec![address.to_string()]),
                None => self.derived("advertise"),
            },
            "lanes" => Some(vec![cores().to_string()]),
            "durability" => {
                let durability = match self.disk.data_dir {
                    Some(_) => Durability::Sync,
                    None => Durability::Memory,
                };
                Some(vec![durability.to_string()])
            }
            _ => None,
        }
    }
}

/// The first address that is listened on, as others would dial it.
fn first_address(listen: &[SocketAddr]) -> Result<Address, SettingsError> {
    let first = listen.first().ok_or(SettingsError::ListensNowhere)?;
    // Port 0 is the one thing about a socket's address that no one can dial.
    let address = first.to_string().parse();
    address.map_err(|_| SettingsError::ListensAnywhere(*first))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(Settings::LANES_CEILING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::time::Duration;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn settings(line: &str) -> Result<Settings, SettingsError> {
        let line = Line::try_parse_from(format!("serve {line}").split_whitespace());
        line.unwrap_or_else(|error| panic!("{error}"))
            .serve
            .settings()
    }

    #[test]
    fn a_node_that_is_told_nothing_is_a_cluster_of_its_own_on_port_3030() {
        let settings = settings("").unwrap();
        assert_eq!(settings.listen, ["127.0.0.1:3030".parse().unwrap()]);
        assert_eq!(settings.advertise.as_str(), "127.0.0.1:3030");
        assert_eq!(settings.peers, std::slice::from_ref(&settings.advertise));
        assert!(settings.lanes >= 1);
        assert_eq!(settings.timeout, Duration::from_secs(5));
    }

    #[test]
    fn lists_are_separated_by_commas_or_given_several_times() {
        let together = settings("--listen 127.0.0.1:1,127.0.0.1:2 --peers a:1,b:1").unwrap();
        let apart =
            settings("--listen 127.0.0.1:1 --listen 127.0.0.1:2 --peers a:1 --peers b:1").unwrap();
        assert_eq!(together.listen.len(), 2);
        assert_eq!(together.listen, apart.listen);
        assert_eq!(together.peers.len(), 2);
        assert_eq!(together.peers, apart.peers);
    }

    #[test]
    fn the_first_address_that_is_listened_on_is_advertised() {
        let settings = settings("--listen 127.0.0.1:7 --listen 127.0.0.1:8").unwrap();
        assert_eq!(settings.advertise.as_str(), "127.0.0.1:7");
    }

    #[test]
    fn an_address_for_everyone_needs_insecure_and_an_advertised_one() {
        let everywhere: Address = "0.0.0.0:3030".parse().unwrap();
        let exposed = SettingsError::Exposed("0.0.0.0:3030".parse().unwrap());
        assert_eq!(settings("--listen 0.0.0.0:3030").unwrap_err(), exposed);
        assert_eq!(
            settings("--listen 0.0.0.0:3030 --insecure").unwrap_err(),
            SettingsError::AdvertisesEverywhere(everywhere)
        );
        assert!(settings("--listen 0.0.0.0:3030 --insecure --advertise db-1:3030").is_ok());
    }

    #[test]
    fn port_zero_is_no_address_for_a_node() {
        let any = SettingsError::ListensAnywhere("127.0.0.1:0".parse().unwrap());
        assert_eq!(settings("--listen 127.0.0.1:0").unwrap_err(), any);
    }
}
