//! What a node is told when it starts: [`Settings`].

mod error;

pub(crate) use error::SettingsError;

use protocol::{Address, Configuration};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// Everything that a node is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where it accepts connections, from clients and from nodes alike.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where the other nodes reach it.
    pub(crate) advertise: Address,
    /// The nodes that form a cluster together. Without a node that it finds to be itself among
    /// them, it can only forward to the others.
    pub(crate) peers: Vec<Address>,
    /// Whether it may listen where strangers can reach it, although it asks nobody who they are.
    pub(crate) insecure: bool,

    /// The deadline of an operation whose client names none.
    pub(crate) timeout: Duration,
    /// The longest deadline that a client may name.
    pub(crate) timeout_max: Duration,
    /// The longest value that a client may write.
    pub(crate) value_bytes_max: usize,
    /// How much may be held of requests' bodies that are still being read, over all clients.
    pub(crate) body_bytes_in_flight_max: usize,
    /// How many operations may run at once.
    pub(crate) operations_max: usize,
    /// How many connections may be open at once.
    pub(crate) connections_max: usize,
    /// Into how many lanes the registers are divided; lanes run side by side.
    pub(crate) lanes: usize,

    /// How often each peer is pinged.
    pub(crate) ping_interval: Duration,
    /// How long a pong may take before the peer is suspect.
    pub(crate) pong_timeout: Duration,
    /// How long a peer may be silent before it is down.
    pub(crate) down_after: Duration,
    /// How long a fresh node listens for a standing cluster before it helps to found one.
    pub(crate) founding_wait: Duration,
    /// How long a coordinator waits for replies before it first sends a message again.
    pub(crate) resend_first: Duration,
    /// The longest that it waits; each wait is twice as long as the one before.
    pub(crate) resend_max: Duration,
    /// How long running operations may take to finish once the node is told to stop.
    pub(crate) shutdown_timeout: Duration,
}

impl Settings {
    /// The longest value that can be allowed. A value travels between nodes in one frame of at
    /// most 16 MiB, together with its name and a header.
    pub(crate) const VALUE_BYTES_CEILING: usize = 15 * 1024 * 1024;

    /// The most lanes that a node can have; more than this many cores are of no use to it.
    pub(crate) const LANES_CEILING: usize = 256;

    /// Whether a node can work with these settings together.
    ///
    /// # Errors
    /// The first rule that they break.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.check_addresses()?;
        self.check_peers()?;
        for (lesser, greater) in [
            (
                ("timeout-ms", self.timeout),
                ("timeout-max-ms", self.timeout_max),
            ),
            (
                ("pong-timeout-ms", self.pong_timeout),
                ("ping-interval-ms", self.ping_interval),
            ),
            (
                ("resend-first-ms", self.resend_first),
                ("resend-max-ms", self.resend_max),
            ),
        ] {
            if lesser.1 > greater.1 {
                return Err(SettingsError::Order { lesser, greater });
            }
        }
        if self.down_after < self.ping_interval + self.pong_timeout {
            return Err(SettingsError::DownBeforeSuspect {
                down_after: self.down_after,
                suspect_after: self.ping_interval + self.pong_timeout,
            });
        }
        if self.body_bytes_in_flight_max < self.value_bytes_max {
            return Err(SettingsError::BodiesBelowValue {
                bodies: self.body_bytes_in_flight_max,
                value: self.value_bytes_max,
            });
        }
        Ok(())
    }

    fn check_addresses(&self) -> Result<(), SettingsError> {
        if self.listen.is_empty() {
            return Err(SettingsError::ListensNowhere);
        }
        let mut seen = BTreeSet::new();
        for &address in &self.listen {
            if address.port() == 0 {
                return Err(SettingsError::ListensAnywhere(address));
            }
            if !address.ip().is_loopback() && !self.insecure {
                return Err(SettingsError::Exposed(address));
            }
            if !seen.insert(address) {
                return Err(SettingsError::ListensTwice(address));
            }
        }
        if is_no_ones(&self.advertise) {
            return Err(SettingsError::AdvertisesEverywhere(self.advertise.clone()));
        }
        Ok(())
    }

    fn check_peers(&self) -> Result<(), SettingsError> {
        let count = self.peers.len();
        if count == 0 || count > Configuration::MEMBERS_MAX {
            return Err(SettingsError::PeersCount(count));
        }
        let mut seen = BTreeSet::new();
        for peer in &self.peers {
            if is_no_ones(peer) {
                return Err(SettingsError::PeerEverywhere(peer.clone()));
            }
            if !seen.insert(peer) {
                return Err(SettingsError::PeerTwice(peer.clone()));
            }
        }
        Ok(())
    }
}

/// Whether it is `0.0.0.0` or `[::]`: something to listen on, and nobody's address.
fn is_no_ones(address: &Address) -> bool {
    let socket = address.as_str().parse::<SocketAddr>();
    socket.is_ok_and(|socket| socket.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let address: Address = "127.0.0.1:3030".parse().unwrap();
        Settings {
            listen: vec!["127.0.0.1:3030".parse().unwrap()],
            advertise: address.clone(),
            peers: vec![address],
            insecure: false,
            timeout: Duration::from_secs(5),
            timeout_max: Duration::from_secs(60),
            value_bytes_max: 1024 * 1024,
            body_bytes_in_flight_max: 256 * 1024 * 1024,
            operations_max: 8192,
            connections_max: 10_000,
            lanes: 2,
            ping_interval: Duration::from_millis(500),
            pong_timeout: Duration::from_millis(400),
            down_after: Duration::from_secs(2),
            founding_wait: Duration::from_secs(2),
            resend_first: Duration::from_millis(50),
            resend_max: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(10),
        }
    }

    fn error_after(change: impl FnOnce(&mut Settings)) -> SettingsError {
        let mut settings = settings();
        assert_eq!(settings.check(), Ok(()));
        change(&mut settings);
        settings.check().unwrap_err()
    }

    #[test]
    fn an_address_that_strangers_reach_needs_the_word_insecure() {
        let open: SocketAddr = "0.0.0.0:3030".parse().unwrap();
        assert_eq!(
            error_after(|s| s.listen = vec![open]),
            SettingsError::Exposed(open)
        );
        let mut insecure = settings();
        insecure.listen = vec![open];
        insecure.insecure = true;
        assert_eq!(insecure.check(), Ok(()));
        let mut ipv6 = settings();
        ipv6.listen = vec!["[::1]:3030".parse().unwrap()];
        assert_eq!(ipv6.check(), Ok(()));
    }

    #[test]
    fn an_unspecified_address_cannot_be_advertised() {
        for everywhere in ["0.0.0.0:3030", "[::]:3030"] {
            let address: Address = everywhere.parse().unwrap();
            let error = error_after(|s| s.advertise = address.clone());
            assert_eq!(error, SettingsError::AdvertisesEverywhere(address));
            assert!(
                error.hint().contains("--advertise HOST:3030"),
                "{}",
                error.hint()
            );
        }
    }

    #[test]
    fn an_unspecified_address_is_no_peer() {
        let address: Address = "0.0.0.0:3031".parse().unwrap();
        let error = error_after(|s| s.peers.push(address.clone()));
        assert_eq!(error, SettingsError::PeerEverywhere(address));
    }

    #[test]
    fn a_listening_address_has_a_port_and_is_given_once() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert_eq!(
            error_after(|s| s.listen = vec![any]),
            SettingsError::ListensAnywhere(any)
        );
        assert_eq!(
            error_after(|s| s.listen.clear()),
            SettingsError::ListensNowhere
        );
        let error = error_after(|s| s.listen.extend(s.listen.clone()));
        assert!(matches!(error, SettingsError::ListensTwice(_)), "{error}");
    }

    #[test]
    fn a_cluster_has_one_to_nine_different_peers() {
        assert_eq!(
            error_after(|s| s.peers.clear()),
            SettingsError::PeersCount(0)
        );
        let ten = (1..=10).map(|port| format!("127.0.0.1:{port}").parse().unwrap());
        assert_eq!(
            error_after(|s| s.peers = ten.collect()),
            SettingsError::PeersCount(10)
        );
        let error = error_after(|s| s.peers.extend(s.peers.clone()));
        assert!(matches!(error, SettingsError::PeerTwice(_)), "{error}");
    }

    #[test]
    fn durations_that_contradict_each_other_are_named_with_their_values() {
        let error = error_after(|s| s.pong_timeout = Duration::from_millis(501));
        assert_eq!(
            error.to_string(),
            "--pong-timeout-ms (501) is longer than --ping-interval-ms (500)"
        );
        assert_eq!(
            error.hint(),
            "lower --pong-timeout-ms or raise --ping-interval-ms"
        );
        let error = error_after(|s| s.down_after = Duration::from_millis(899));
        assert_eq!(error.hint(), "give --down-after-ms 900 or more");
        let error = error_after(|s| s.resend_max = Duration::from_millis(49));
        assert!(
            error.to_string().contains("--resend-first-ms (50)"),
            "{error}"
        );
        let error = error_after(|s| s.timeout = Duration::from_secs(61));
        assert!(
            error.to_string().contains("--timeout-max-ms (60000)"),
            "{error}"
        );
    }

    #[test]
    fn one_value_fits_into_the_room_for_bodies() {
        let error = error_after(|s| s.body_bytes_in_flight_max = s.value_bytes_max - 1);
        assert_eq!(
            error.hint(),
            "give --body-bytes-in-flight-max 1048576 or more"
        );
    }
}
