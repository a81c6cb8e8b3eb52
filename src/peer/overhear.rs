//! What a node says first on a connection, for whoever stands between two nodes: [`overhear`].

use super::wire::{Greeting, WireError};
use protocol::NodeId;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads the greeting of the node that dialled, and gives its bytes, which are to be passed on, and
/// who it is.
///
/// # Errors
/// If the connection ends, or if what comes is no greeting.
pub(crate) async fn overhear(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<(Vec<u8>, NodeId)> {
    let mut head = [0; Greeting::HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let foreign = |error: WireError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let mut rest = vec![0; Greeting::decode_head(head).map_err(foreign)?];
    stream.read_exact(&mut rest).await?;
    let greeting = Greeting::decode_rest(&rest).map_err(foreign)?;
    Ok(([&head[..], &rest].concat(), greeting.incarnation.node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::wire::VERSIONS;
    use protocol::{Boot, Incarnation};

    #[tokio::test]
    async fn a_greeting_is_passed_on_as_it_came_and_tells_who_dialled() {
        let greeting = Greeting {
            refusal: None,
            versions: VERSIONS,
            incarnation: Incarnation {
                node: NodeId::new(7),
                boot: Boot::FIRST,
            },
            process: 9,
            cluster: None,
            predecessor: None,
            challenge: None,
            recovered: None,
        };
        let bytes = greeting.encode();
        let mut said = &[&bytes[..], b"frames"].concat()[..];
        let (passed_on, node) = overhear(&mut said).await.unwrap();
        assert_eq!((passed_on, node), (bytes, NodeId::new(7)));
        assert_eq!(said, b"frames");
        assert!(overhear(&mut &b"GET / HTTP/1.1\r\n"[..]).await.is_err());
    }
}
