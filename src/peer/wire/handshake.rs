//! The handshake: what two nodes tell each other before anything else.

use super::field::{Field, Reader};
use super::{MAGIC, WireError};
use protocol::{ClusterId, Incarnation, NodeId};
use std::fmt;
use std::ops::RangeInclusive;

/// The versions of the wire that this program speaks.
pub(in crate::peer) const VERSIONS: RangeInclusive<u16> = 1..=1;

/// What each side says of itself. The dialling node speaks first; the other one answers with its
/// own, and with what it makes of the dialling one's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::peer) struct Greeting {
    /// Why the connection is refused, if it is. The dialling node refuses by closing.
    pub(in crate::peer) refusal: Option<Refusal>,
    /// The versions of the wire that it speaks.
    pub(in crate::peer) versions: RangeInclusive<u16>,
    /// Who it is.
    pub(in crate::peer) incarnation: Incarnation,
    /// A random number of its process: it tells two processes of one identity apart.
    pub(in crate::peer) process: u64,
    /// Its cluster, once it has one.
    pub(in crate::peer) cluster: Option<ClusterId>,
    /// The cluster that its own was recovered from, if it was: nodes of that one are to learn it.
    pub(in crate::peer) predecessor: Option<ClusterId>,
    /// A random number of this connection, if the node has a password: what proves on this
    /// connection that one knows the password proves it on no other.
    pub(in crate::peer) challenge: Option<u128>,
    /// The number of the last batch that its disk held when it started, if it has a disk.
    pub(in crate::peer) recovered: Option<u64>,
}

/// Why a node refuses to talk to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::peer) enum Refusal {
    /// There is no version of the wire that both speak.
    NoCommonVersion,
    /// Both are in a cluster, not in the same one, and neither was recovered from the other.
    OtherCluster,
    /// It has met itself.
    Itself,
    /// Another process runs under the same identity.
    IdentityTaken,
    /// One of the two has a password, and the other has none.
    NoPassword,
    /// What the other one proved to know is not the password.
    WrongPassword,
    /// It comes with less than it had already: with a former state of its disk, or with one that
    /// another process has too.
    FormerState,
    /// A reason that only a later version of this program knows.
    Other(u8),
}

impl Greeting {
    /// The bytes before the part that [`Greeting::decode_rest`] reads: the magic and a length.
    pub(in crate::peer) const HEAD_BYTES: usize = MAGIC.len() + 2;

    /// The longest rest. Later versions may append fields up to this.
    const REST_BYTES_MAX: usize = 1024;

    /// As it stands on the wire, head and rest.
    pub(in crate::peer) fn encode(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.refusal.map_or(0, Refusal::number).put(&mut rest);
        self.versions.start().put(&mut rest);
        self.versions.end().put(&mut rest);
        self.incarnation.put(&mut rest);
        self.process.put(&mut rest);
        self.cluster.put(&mut rest);
        self.predecessor.put(&mut rest);
        self.challenge.put(&mut rest);
        self.recovered.put(&mut rest);
        let mut out = MAGIC.to_vec();
        let length = u16::try_from(rest.len()).expect("a greeting is short");
        length.put(&mut out);
        out.extend_from_slice(&rest);
        out
    }

    /// Reads the head and gives the length of the rest.
    pub(in crate::peer) fn decode_head(head: [u8; Self::HEAD_BYTES]) -> Result<usize, WireError> {
        let mut reader = Reader::new(&head);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(WireError::Magic);
        }
        match usize::from(reader.take::<u16>()?) {
            length if length <= Self::REST_BYTES_MAX => Ok(length),
            _ => Err(WireError::Invalid {
                what: "length of a greeting",
            }),
        }
    }

    /// Reads the rest. What a later version appended is passed over.
    pub(in crate::peer) fn decode_rest(rest: &[u8]) -> Result<Greeting, WireError> {
        let mut reader = Reader::new(rest);
        let refusal = Refusal::from_number(reader.take()?);
        let versions = reader.take()?..=reader.take()?;
        if versions.is_empty() {
            return Err(WireError::Invalid {
                what: "range of versions",
            });
        }
        let incarnation: Incarnation = reader.take()?;
        if incarnation.node == NodeId::default() {
            return Err(WireError::Invalid { what: "node" });
        }
        Ok(Greeting {
            refusal,
            versions,
            incarnation,
            process: reader.take()?,
            cluster: reader.take()?,
            predecessor: reader.take()?,
            challenge: match reader.bytes_left() {
                // An earlier program, which knows of no passwords.
                0 => None,
                _ => reader.take()?,
            },
            recovered: match reader.bytes_left() {
                // An earlier program, which knows of no disks.
                0 => None,
                _ => reader.take()?,
            },
        })
    }

    /// What this node makes of another's greeting: the version to speak, the greatest that both
    /// know.
    pub(in crate::peer) fn judge(&self, other: &Greeting) -> Result<u16, Refusal> {
        if self.incarnation.node == other.incarnation.node {
            return Err(match self.process == other.process {
                true => Refusal::Itself,
                false => Refusal::IdentityTaken,
            });
        }
        if self.challenge.is_some() != other.challenge.is_some() {
            return Err(Refusal::NoPassword);
        }
        if let (Some(own), Some(others)) = (self.cluster, other.cluster)
            && own != others
            && self.predecessor != Some(others)
            && other.predecessor != Some(own)
        {
            return Err(Refusal::OtherCluster);
        }
        let greatest = *self.versions.end().min(other.versions.end());
        match self.versions.contains(&greatest) && other.versions.contains(&greatest) {
            true => Ok(greatest),
            false => Err(Refusal::NoCommonVersion),
        }
    }
}

impl Refusal {
    /// As it stands on the wire; 0 stands for none.
    pub(in crate::peer) fn number(self) -> u8 {
        match self {
            Refusal::NoCommonVersion => 1,
            Refusal::OtherCluster => 2,
            Refusal::Itself => 3,
            Refusal::IdentityTaken => 4,
            Refusal::NoPassword => 5,
            Refusal::WrongPassword => 6,
            Refusal::FormerState => 7,
            Refusal::Other(number) => number,
        }
    }

    /// Reads what [`Refusal::number`] gives.
    pub(in crate::peer) fn from_number(number: u8) -> Option<Refusal> {
        match number {
            0 => None,
            1 => Some(Refusal::NoCommonVersion),
            2 => Some(Refusal::OtherCluster),
            3 => Some(Refusal::Itself),
            4 => Some(Refusal::IdentityTaken),
            5 => Some(Refusal::NoPassword),
            6 => Some(Refusal::WrongPassword),
            7 => Some(Refusal::FormerState),
            number => Some(Refusal::Other(number)),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoCommonVersion => {
                f.write_str("the two programs speak no common version of the wire")
            }
            Refusal::OtherCluster => f.write_str("the two nodes belong to different clusters"),
            Refusal::Itself => f.write_str("a node has met itself"),
            Refusal::IdentityTaken => {
                f.write_str("another process runs under the same node's identity")
            }
            Refusal::NoPassword => f.write_str(
                "one of the two nodes has a password and the other has none; all nodes of a \
                 cluster are started with the same",
            ),
            Refusal::WrongPassword => f.write_str(
                "the two nodes have different passwords; all nodes of a cluster are started with \
                 the same",
            ),
            Refusal::FormerState => f.write_str(
                "that node comes with a former state of its disk, or with a copy of another \
                 process's: it has forgotten what it promised; move its data directory away and \
                 start it again, and it comes as a new node in its place",
            ),
            Refusal::Other(number) => write!(
                f,
                "a later version of the program gives reason {number}, unknown to this one"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use protocol::Boot;

    fn greeting(node: u64) -> Greeting {
        Greeting {
            refusal: None,
            versions: VERSIONS,
            incarnation: Incarnation {
                node: NodeId::new(node),
                boot: Boot::FIRST,
            },
            process: node,
            cluster: None,
            predecessor: None,
            challenge: None,
            recovered: None,
        }
    }

    fn decode(bytes: &[u8]) -> Result<Greeting, WireError> {
        let (head, rest) = bytes.split_first_chunk().ok_or(WireError::Short)?;
        let length = Greeting::decode_head(*head)?;
        Greeting::decode_rest(rest.get(..length).ok_or(WireError::Short)?)
    }

    proptest! {
        #[test]
        fn a_greeting_reads_back_what_it_wrote(
            refusal in any::<u8>(),
            (min, max) in any::<(u16, u16)>(),
            (node, boot, process) in any::<(u64, u32, u64)>(),
            (cluster, predecessor) in any::<(Option<u64>, Option<u64>)>(),
            challenge in any::<Option<u128>>(),
            recovered in any::<Option<u64>>(),
        ) {
            let greeting = Greeting {
                refusal: Refusal::from_number(refusal),
                versions: min.min(max)..=max.max(min),
                incarnation: Incarnation {
                    node: NodeId::new(node.max(1)),
                    boot: Boot::new(boot),
                },
                process,
                cluster: cluster.map(ClusterId),
                predecessor: predecessor.map(ClusterId),
                challenge,
                recovered,
            };
            prop_assert_eq!(decode(&greeting.encode()), Ok(greeting));
        }

        #[test]
        fn garbage_never_panics(bytes in vec(any::<u8>(), 0..64)) {
            let _ = Greeting::decode_rest(&bytes);
        }
    }

    #[test]
    fn what_is_no_connection_between_nodes_is_told_by_its_first_bytes() {
        let http = decode(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(http, Err(WireError::Magic));
    }

    #[test]
    fn fields_that_a_later_version_appended_are_passed_over() {
        let mut bytes = greeting(1).encode();
        let length = bytes.len() - Greeting::HEAD_BYTES + 5;
        bytes[MAGIC.len()..Greeting::HEAD_BYTES]
            .copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        bytes.extend_from_slice(b"later");
        assert_eq!(decode(&bytes), Ok(greeting(1)));
    }

    #[test]
    fn an_earlier_program_has_no_disk_or_no_password() {
        let bytes = greeting(1).encode();
        for left_out in [1, 2] {
            let rest = &bytes[Greeting::HEAD_BYTES..bytes.len() - left_out];
            assert_eq!(Greeting::decode_rest(rest), Ok(greeting(1)));
        }
    }

    #[test]
    fn a_node_with_a_password_and_one_without_refuse_each_other() {
        let guarded = |node| Greeting {
            challenge: Some(7),
            ..greeting(node)
        };
        assert_eq!(guarded(1).judge(&greeting(2)), Err(Refusal::NoPassword));
        assert_eq!(greeting(1).judge(&guarded(2)), Err(Refusal::NoPassword));
        assert_eq!(guarded(1).judge(&guarded(2)), Ok(1));
        assert_eq!(guarded(1).judge(&guarded(1)), Err(Refusal::Itself));
    }

    #[test]
    fn the_greatest_common_version_is_spoken() {
        let speaking = |node, versions| Greeting {
            versions,
            ..greeting(node)
        };
        let judge = |own, others| speaking(1, own).judge(&speaking(2, others));
        assert_eq!(judge(1..=3, 2..=5), Ok(3));
        assert_eq!(judge(2..=5, 1..=3), Ok(3));
        assert_eq!(judge(1..=1, 1..=1), Ok(1));
        assert_eq!(judge(1..=2, 3..=4), Err(Refusal::NoCommonVersion));
        assert_eq!(judge(3..=4, 1..=2), Err(Refusal::NoCommonVersion));
    }

    #[test]
    fn only_two_nodes_with_different_clusters_refuse_each_other() {
        let of = |node, cluster: Option<u64>| Greeting {
            cluster: cluster.map(ClusterId),
            ..greeting(node)
        };
        let judge = |own, others| of(1, own).judge(&of(2, others));
        assert_eq!(judge(None, None), Ok(1));
        assert_eq!(judge(Some(7), None), Ok(1));
        assert_eq!(judge(None, Some(7)), Ok(1));
        assert_eq!(judge(Some(7), Some(7)), Ok(1));
        assert_eq!(judge(Some(7), Some(8)), Err(Refusal::OtherCluster));
    }

    #[test]
    fn nodes_of_a_recovered_cluster_and_of_the_one_before_it_talk() {
        let old = Greeting {
            cluster: Some(ClusterId(7)),
            ..greeting(1)
        };
        let recovered = Greeting {
            cluster: Some(ClusterId(8)),
            predecessor: Some(ClusterId(7)),
            ..greeting(2)
        };
        assert_eq!(old.judge(&recovered), Ok(1));
        assert_eq!(recovered.judge(&old), Ok(1));
    }

    #[test]
    fn a_node_tells_itself_from_another_process_with_its_identity() {
        let own = greeting(1);
        assert_eq!(own.judge(&own.clone()), Err(Refusal::Itself));
        let twin = Greeting {
            process: 99,
            ..greeting(1)
        };
        assert_eq!(own.judge(&twin), Err(Refusal::IdentityTaken));
    }
}
