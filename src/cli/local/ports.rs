//! Which ports a local cluster takes.

use crate::cli::failure::Failure;
use std::net::{Ipv4Addr, TcpListener};

/// Sees that a cluster can be had on these ports.
///
/// # Errors
/// Names the first port that is taken.
pub(crate) fn check_free(first: u16, nodes: usize) -> Result<Vec<u16>, Failure> {
    let ports = range(first, nodes).ok_or_else(|| {
        Failure::usage(format!(
            "{nodes} nodes from port {first} on would need ports above 65535"
        ))
        .hint("give a lower --port")
    })?;
    for &port in &ports {
        if let Err(error) = probe(port) {
            return Err(Failure::failed(format!(
                "port {port} cannot be listened on ({error}); nothing was started"
            ))
            .hint("stop what runs there, or choose others with --port"));
        }
    }
    Ok(ports)
}

/// The first ports, from this one on, that are free and lie side by side.
///
/// # Errors
/// If there are none up to the end.
pub(crate) fn first_free(from: u16, nodes: usize) -> Result<Vec<u16>, Failure> {
    (from..=u16::MAX)
        .map_while(|first| range(first, nodes))
        .find(|ports| ports.iter().all(|&port| probe(port).is_ok()))
        .ok_or_else(|| Failure::failed(format!("no {nodes} ports are free from {from} on")))
}

fn range(first: u16, nodes: usize) -> Option<Vec<u16>> {
    let last = usize::from(first).checked_add(nodes)?.checked_sub(1)?;
    Some((first..=u16::try_from(last).ok()?).collect())
}

fn probe(port: u16) -> std::io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_named_and_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let failure = check_free(port, 1).unwrap_err();
        assert!(failure.message.unwrap().contains(&format!("port {port} ")));
        if let Ok(ports) = first_free(port, 1) {
            assert!(ports[0] > port);
        }
    }

    #[test]
    fn ports_end_at_65535() {
        assert_eq!(range(65_534, 2), Some(vec![65_534, 65_535]));
        assert_eq!(range(65_534, 3), None);
        assert!(check_free(65_535, 2).is_err());
    }
}
