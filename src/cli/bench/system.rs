//! What bears a load: [`System`].

use super::link::{EtcdNode, Node, Speech};
use super::load::Load;
use super::template::Values;
use super::wire::etcd::Etcd;
use super::wire::http::Http;
use super::wire::redis::Redis;
use clap::ValueEnum;
use percent_encoding::percent_decode_str;
use protocol::Address;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

/// Nodes that are asked in one of the protocols.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct System {
    pub(super) protocol: Protocol,
    pub(super) nodes: Vec<Address>,
    pub(super) password: Option<String>,
}

/// How nodes are spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Protocol {
    /// The Redis protocol: GET, SET, and SET XX
    Redis,
    /// HTTP: GET and PUT on /v1/registers/{name}, and PUT with If-Match: *
    Http,
    /// etcd's gRPC: linearizable Range, Put, and a Txn that puts if the key exists
    Etcd,
}

impl System {
    /// Its nodes, as the clients of one thread know them.
    pub(super) fn nodes(&self, load: &Load) -> Vec<Node> {
        let values = Rc::new(Values::new(load.value_bytes));
        let redis = Rc::new(Redis::new(load, self.password.clone()));
        let etcd = Rc::new(Etcd::new(load));
        // Of the connections that all threads have to all nodes.
        let shares = load.threads * self.nodes.len();
        let connections = load.etcd_connections.map(|all| all.div_ceil(shares).max(1));
        let nodes = self.nodes.iter().map(|address| Node {
            address: address.clone(),
            speech: match self.protocol {
                Protocol::Redis => Speech::Redis(Rc::clone(&redis)),
                Protocol::Http => {
                    Speech::Http(Rc::new(Http::new(load, address, self.password.as_deref())))
                }
                Protocol::Etcd => Speech::Etcd(EtcdNode::new(Rc::clone(&etcd), connections)),
            },
            values: Rc::clone(&values),
            timeout: load.timeout,
        });
        nodes.collect()
    }

    /// In a few letters: the protocol, and how many nodes.
    pub(super) fn short(&self) -> String {
        match self.nodes.len() {
            1 => self.protocol.name().to_owned(),
            nodes => format!("{} x{nodes}", self.protocol.name()),
        }
    }
}

impl Protocol {
    /// The scheme of its URLs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Http => "http",
            Self::Etcd => "etcd",
        }
    }
}

/// Without the password.
impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<&str> = self.nodes.iter().map(Address::as_str).collect();
        write!(f, "{}://{}", self.protocol.name(), nodes.join(","))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let form = "redis://HOST:PORT,HOST:PORT, http://... or etcd://... is wanted; a password \
                    goes before the first host, as :PASSWORD@";
        let (scheme, rest) = url.split_once("://").ok_or(form)?;
        let protocol = [Protocol::Redis, Protocol::Http, Protocol::Etcd]
            .into_iter()
            .find(|protocol| protocol.name() == scheme)
            .ok_or(form)?;
        let (password, hosts) = match rest.rsplit_once('@') {
            Some((user, hosts)) => (Some(user.strip_prefix(':').ok_or(form)?), hosts),
            None => (None, rest),
        };
        if password.is_some() && protocol == Protocol::Etcd {
            return Err("etcd is asked without a password".to_owned());
        }
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts).split(',');
        let nodes = hosts.map(|host| {
            let node = host.parse::<Address>();
            node.map_err(|error| format!("{host}: {error}"))
        });
        Ok(Self {
            protocol,
            nodes: nodes.collect::<Result<_, _>>()?,
            password: password
                .map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_a_url() {
        let system: System = "redis://127.0.0.1:3030,127.0.0.1:3031".parse().unwrap();
        assert_eq!(system.protocol, Protocol::Redis);
        assert_eq!(system.nodes.len(), 2);
        assert_eq!(system.to_string(), "redis://127.0.0.1:3030,127.0.0.1:3031");
        assert_eq!(system.short(), "redis x2");
        let etcd: System = "etcd://localhost:2379/".parse().unwrap();
        assert_eq!(
            (etcd.protocol, etcd.short().as_str()),
            (Protocol::Etcd, "etcd")
        );
    }

    #[test]
    fn a_password_is_taken_and_never_told() {
        let system: System = "http://:se%3Acret@127.0.0.1:3030".parse().unwrap();
        assert_eq!(system.password.as_deref(), Some("se:cret"));
        assert!(!format!("{system} {system:?}").contains("cret"));
    }

    #[test]
    fn what_is_no_system_is_refused() {
        for url in [
            "127.0.0.1:6379",
            "ftp://127.0.0.1:21",
            "redis://",
            "redis://127.0.0.1",
            "redis://a:1,,b:2",
            "redis://user:pass@a:1",
            "etcd://:pass@a:1",
        ] {
            assert!(url.parse::<System>().is_err(), "{url}");
        }
    }
}
