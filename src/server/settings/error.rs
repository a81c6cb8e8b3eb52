//! What is wrong with settings, and what to do about it: [`SettingsError`].

use crate::disk::Durability;
use crate::server::password::{Password, PasswordError};
use protocol::{Address, Configuration, Member};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A setting's name, as its flag has it, and its value.
type NamedDuration = (&'static str, Duration);

/// Why a node cannot work with its settings. `Display` says what is wrong, [`Self::hint`] what
/// to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SettingsError {
    /// There is no address to listen on.
    ListensNowhere,
    /// Port 0 stands for any free port, which no peer could know.
    ListensAnywhere(SocketAddr),
    /// An address to listen on is given twice.
    ListensTwice(SocketAddr),
    /// It would listen where strangers can reach it.
    Exposed(SocketAddr),
    /// What was given is no password.
    Password(PasswordError),
    /// The file with the password cannot be read, for this reason.
    PasswordFile(PathBuf, String),
    /// The password is given, and a file with it.
    PasswordTwice,
    /// No node can be reached at "all addresses".
    AdvertisesEverywhere(Address),
    /// There are no peers, or more than a cluster can have.
    PeersCount(usize),
    /// It would found a cluster and join another.
    PeersAndJoin,
    /// The one node that it would ask to be let in is itself.
    JoinsItself(Address),
    /// This list names "all addresses", at which no node can be reached.
    PeerEverywhere(&'static str, Address),
    /// This list names a node twice.
    PeerTwice(&'static str, Address),
    /// Nothing is to be on disk, and there is a directory to keep it in.
    MemoryOnDisk,
    /// Promises are to be on disk, and there is no directory.
    DurableNowhere(Durability),
    /// A loss on a disk is accepted, and there is no disk.
    NothingToLose,
    /// No member can have this weight.
    Weight(u32),
    /// Those who found a cluster all have the usual weight.
    WeightOfFounder(u32),
    /// Slots cannot be held on so many members.
    Replication(u8),
    /// The first must not be longer than the second.
    Order {
        /// The one that is too long.
        lesser: NamedDuration,
        /// Its bound.
        greater: NamedDuration,
    },
    /// A peer would be down before it could have been suspect.
    DownBeforeSuspect {
        /// The setting.
        down_after: Duration,
        /// When the first missed pong is noticed.
        suspect_after: Duration,
    },
    /// Not one value of the longest kind would fit.
    BodiesBelowValue {
        /// The room for bodies.
        bodies: usize,
        /// The longest value.
        value: usize,
    },
}

impl SettingsError {
    /// What would make it work.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::ListensNowhere => "give --listen HOST:PORT".to_owned(),
            Self::ListensAnywhere(_) => "name the port, as in --listen 127.0.0.1:3030".to_owned(),
            Self::ListensTwice(_) | Self::PeerTwice(..) => "leave one of the two out".to_owned(),
            Self::Exposed(_) => "give --password-file FILE, listen on a loopback address such as \
                127.0.0.1:3030, or say --insecure if only those whom you trust can reach that \
                network"
                .to_owned(),
            Self::Password(_) => format!(
                "give {} to {} visible characters without spaces; 'openssl rand -hex 32' makes some",
                Password::LENGTHS.start(),
                Password::LENGTHS.end()
            ),
            Self::PasswordFile(..) => "give --password-file FILE, with the password alone in it, \
                on one line"
                .to_owned(),
            Self::PasswordTwice => "leave one of the two out; --password-file keeps the password \
                out of the list of processes"
                .to_owned(),
            Self::MemoryOnDisk => "leave one of the two out".to_owned(),
            Self::DurableNowhere(_) => "give --data-dir DIR".to_owned(),
            Self::NothingToLose => "leave it out, or give --data-dir DIR".to_owned(),
            Self::AdvertisesEverywhere(address) => format!(
                "give --advertise HOST:{}, the address at which the other nodes reach this one",
                address.port()
            ),
            Self::PeersAndJoin => "give --peers to found a cluster together with those nodes, or \
                --join to be added to the one that they serve"
                .to_owned(),
            Self::JoinsItself(_) => "name nodes that serve the cluster already".to_owned(),
            Self::PeerEverywhere(..) => "give the address at which that node is reached".to_owned(),
            Self::Weight(_) => format!(
                "give --weight from 1 to {}; {} is usual",
                Member::WEIGHT_MAX,
                Member::WEIGHT_DEFAULT
            ),
            Self::WeightOfFounder(_) => "leave --weight out, or give --join".to_owned(),
            Self::Replication(_) => format!(
                "give --replication from 1 to {}; {} is usual",
                Configuration::REPLICATION_MAX,
                Configuration::REPLICATION_DEFAULT
            ),
            Self::PeersCount(_) => format!(
                "give --peers A,B,C with all nodes of the cluster, this one among them, up to {}",
                Configuration::MEMBERS_MAX
            ),
            Self::Order { lesser, greater } => {
                format!("lower --{} or raise --{}", lesser.0, greater.0)
            }
            Self::DownBeforeSuspect { suspect_after, .. } => {
                format!("give --down-after-ms {} or more", suspect_after.as_millis())
            }
            Self::BodiesBelowValue { value, .. } => {
                format!("give --body-bytes-in-flight-max {value} or more")
            }
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListensNowhere => write!(f, "the node has no address to listen on"),
            Self::ListensAnywhere(address) => write!(
                f,
                "to listen on {address} is to take any free port, which no other node could know"
            ),
            Self::ListensTwice(address) => write!(f, "--listen names {address} twice"),
            Self::Exposed(address) => write!(
                f,
                "{address} is not a loopback address, and this node lets everyone who reaches it \
                 read and write"
            ),
            Self::Password(error) => error.fmt(f),
            Self::PasswordFile(path, error) => write!(
                f,
                "the file with the password, {}, cannot be read: {error}",
                path.display()
            ),
            Self::PasswordTwice => {
                write!(f, "--password and --password-file are both given")
            }
            Self::MemoryOnDisk => write!(
                f,
                "--durability memory keeps nothing on disk, and --data-dir is given"
            ),
            Self::DurableNowhere(durability) => write!(
                f,
                "--durability {durability} keeps promises on disk, and there is no --data-dir"
            ),
            Self::NothingToLose => write!(
                f,
                "--accept-loss is for a node with a disk, and there is no --data-dir"
            ),
            Self::AdvertisesEverywhere(address) => write!(
                f,
                "the node would tell the others to reach it at {address}, which is no one's \
                 address"
            ),
            Self::PeersCount(count) => write!(
                f,
                "a cluster has 1 to {} nodes, and --peers names {count}",
                Configuration::MEMBERS_MAX
            ),
            Self::PeersAndJoin => {
                write!(
                    f,
                    "--peers and --join are both given, and exclude each other"
                )
            }
            Self::JoinsItself(address) => {
                write!(f, "--join names {address} alone, which is this node itself")
            }
            Self::PeerEverywhere(list, peer) => {
                write!(f, "--{list} names {peer}, which is no one's address")
            }
            Self::PeerTwice(list, peer) => write!(f, "--{list} names {peer} twice"),
            Self::Weight(weight) => write!(f, "--weight ({weight}) is no weight of a member"),
            Self::WeightOfFounder(weight) => write!(
                f,
                "--weight ({weight}) is for a node that joins a cluster, and without --join this \
                 one founds one"
            ),
            Self::Replication(replication) => write!(
                f,
                "--replication ({replication}) is no number of members that a slot is held on"
            ),
            Self::Order { lesser, greater } => write!(
                f,
                "--{} ({}) is longer than --{} ({})",
                lesser.0,
                lesser.1.as_millis(),
                greater.0,
                greater.1.as_millis()
            ),
            Self::DownBeforeSuspect {
                down_after,
                suspect_after,
            } => write!(
                f,
                "--down-after-ms ({}) ends before a first missed pong can be noticed, which takes \
                 --ping-interval-ms and --pong-timeout-ms together ({})",
                down_after.as_millis(),
                suspect_after.as_millis()
            ),
            Self::BodiesBelowValue { bodies, value } => write!(
                f,
                "--body-bytes-in-flight-max ({bodies}) has no room for one value of \
                 --value-bytes-max ({value})"
            ),
        }
    }
}

impl std::error::Error for SettingsError {}
