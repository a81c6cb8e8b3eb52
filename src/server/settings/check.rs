//! Which settings go together: [`Settings::check`].

use super::{Settings, SettingsError};
use protocol::{Address, Configuration, Member};
use std::collections::BTreeSet;
use std::net::SocketAddr;

impl Settings {
    /// One more than a cluster can have members.
    const TOO_MANY_PEERS: usize = Configuration::MEMBERS_MAX + 1;

    /// Whether a node can work with these settings together.
    ///
    /// # Errors
    /// The first rule that they break.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.check_addresses()?;
        self.check_peers()?;
        self.check_share()?;
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
        if let Some(replace_after) = self.replace_after
            && replace_after < self.down_after
        {
            return Err(SettingsError::Order {
                lesser: ("down-after-ms", self.down_after),
                greater: ("replace-after-ms", replace_after),
            });
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
            if !address.ip().is_loopback() && !self.insecure && self.password.is_none() {
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
        match (self.peers.len(), self.join.len()) {
            (1.., 1..) => return Err(SettingsError::PeersAndJoin),
            (0, 1..) => {}
            (0, 0) | (Self::TOO_MANY_PEERS.., 0) => {
                return Err(SettingsError::PeersCount(self.peers.len()));
            }
            (_, 0) => {}
        }
        let lists = [(PEERS, &self.peers), (JOIN, &self.join)];
        for (list, addresses) in lists {
            let mut seen = BTreeSet::new();
            for address in addresses {
                if is_no_ones(address) {
                    return Err(SettingsError::PeerEverywhere(list, address.clone()));
                }
                if !seen.insert(address) {
                    return Err(SettingsError::PeerTwice(list, address.clone()));
                }
            }
        }
        if let [only] = self.join.as_slice()
            && *only == self.advertise
        {
            return Err(SettingsError::JoinsItself(only.clone()));
        }
        Ok(())
    }

    /// What it takes part in, and how much of it.
    fn check_share(&self) -> Result<(), SettingsError> {
        if !(1..=Member::WEIGHT_MAX).contains(&self.weight) {
            return Err(SettingsError::Weight(self.weight));
        }
        if self.weight != Member::WEIGHT_DEFAULT && self.join.is_empty() {
            return Err(SettingsError::WeightOfFounder(self.weight));
        }
        if !(1..=Configuration::REPLICATION_MAX).contains(&self.replication) {
            return Err(SettingsError::Replication(self.replication));
        }
        Ok(())
    }
}

/// The names of the lists of nodes, as their flags have them.
const PEERS: &str = "peers";
const JOIN: &str = "join";

/// Whether it is `0.0.0.0` or `[::]`: something to listen on, and nobody's address.
fn is_no_ones(address: &Address) -> bool {
    let socket = address.as_str().parse::<SocketAddr>();
    socket.is_ok_and(|socket| socket.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::MultiRegister;
    use crate::server::Password;
    use std::time::Duration;

    fn settings() -> Settings {
        let address: Address = "127.0.0.1:3030".parse().unwrap();
        Settings {
            listen: vec!["127.0.0.1:3030".parse().unwrap()],
            advertise: address.clone(),
            peers: vec![address],
            join: vec![],
            weight: Member::WEIGHT_DEFAULT,
            replication: Configuration::REPLICATION_DEFAULT,
            password: None,
            disk: None,
            multi_register: MultiRegister::PerCommand,
            insecure: false,
            timeout: Duration::from_secs(5),
            timeout_max: Duration::from_secs(60),
            value_bytes_max: 1024 * 1024,
            body_bytes_in_flight_max: 256 * 1024 * 1024,
            memory_bytes_max: None,
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
            replace_after: None,
            change_stalled_after: Duration::from_secs(30),
            leave_on_stop: false,
            leave_timeout: Duration::from_secs(60),
            copy_bytes_per_second_max: Some(64 << 20),
            repair_interval: Some(Duration::from_millis(100)),
        }
    }

    fn error_after(change: impl FnOnce(&mut Settings)) -> SettingsError {
        let mut settings = settings();
        assert_eq!(settings.check(), Ok(()));
        change(&mut settings);
        settings.check().unwrap_err()
    }

    #[test]
    fn an_address_that_strangers_reach_needs_a_password_or_the_word_insecure() {
        let open: SocketAddr = "0.0.0.0:3030".parse().unwrap();
        assert_eq!(
            error_after(|s| s.listen = vec![open]),
            SettingsError::Exposed(open)
        );
        let mut insecure = settings();
        insecure.listen = vec![open];
        insecure.insecure = true;
        assert_eq!(insecure.check(), Ok(()));
        let mut guarded = settings();
        guarded.listen = vec![open];
        guarded.password = Some(Password::new("correct-horse-battery").unwrap());
        assert_eq!(guarded.check(), Ok(()));
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
        assert_eq!(error, SettingsError::PeerEverywhere("peers", address));
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
    fn a_cluster_is_founded_by_one_to_sixty_four_different_peers() {
        assert_eq!(
            error_after(|s| s.peers.clear()),
            SettingsError::PeersCount(0)
        );
        let many = |count| (1..=count).map(|port| format!("127.0.0.1:{port}").parse().unwrap());
        let mut full = settings();
        full.peers = many(64).collect();
        assert_eq!(full.check(), Ok(()));
        assert_eq!(
            error_after(|s| s.peers = many(65).collect()),
            SettingsError::PeersCount(65)
        );
        let error = error_after(|s| s.peers.extend(s.peers.clone()));
        assert!(
            matches!(error, SettingsError::PeerTwice("peers", _)),
            "{error}"
        );
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

    #[test]
    fn a_node_that_joins_names_nodes_of_the_cluster_and_no_peers() {
        let seeds: Vec<Address> = ["a:1", "b:1"].map(|seed| seed.parse().unwrap()).to_vec();
        let mut joining = settings();
        joining.peers.clear();
        joining.join = seeds.clone();
        assert_eq!(joining.check(), Ok(()));
        assert_eq!(
            error_after(|s| s.join = seeds.clone()),
            SettingsError::PeersAndJoin
        );
        let joins = |seeds: &[&str]| {
            error_after(|s| {
                s.peers.clear();
                s.join = seeds.iter().map(|seed| seed.parse().unwrap()).collect();
            })
        };
        let error = joins(&["a:1", "a:1"]);
        assert_eq!(error.to_string(), "--join names a:1 twice");
        let error = joins(&["0.0.0.0:1"]);
        assert!(error.to_string().contains("--join names 0.0.0.0:1"));
        let itself = joins(&["127.0.0.1:3030"]);
        assert!(
            matches!(itself, SettingsError::JoinsItself(_)),
            "{itself:?}"
        );
    }

    #[test]
    fn weight_and_replication_have_their_bounds() {
        for weight in [0, 10_001] {
            let error = error_after(|s| s.weight = weight);
            assert_eq!(error, SettingsError::Weight(weight));
        }
        let error = error_after(|s| s.weight = 99);
        assert_eq!(error, SettingsError::WeightOfFounder(99));
        let mut joining = settings();
        joining.join = std::mem::take(&mut joining.peers);
        joining.join.push("a:1".parse().unwrap());
        joining.weight = 99;
        assert_eq!(joining.check(), Ok(()));
        for replication in [0, 8] {
            let error = error_after(|s| s.replication = replication);
            assert_eq!(error, SettingsError::Replication(replication));
        }
    }

    #[test]
    fn a_member_is_down_before_it_is_replaced() {
        let error = error_after(|s| s.replace_after = Some(Duration::from_millis(1999)));
        assert_eq!(
            error.to_string(),
            "--down-after-ms (2000) is longer than --replace-after-ms (1999)"
        );
    }
}
