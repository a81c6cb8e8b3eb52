//! Messages about the cluster itself on the wire.

use super::WireError;
use super::field::{Field, Reader};
use protocol::{
    Address, Configuration, Founder, FreshNumber, MembershipMessage, Proposal, ProposalId,
};
use std::sync::Arc;

/// The most founders of a proposal: it could not become a configuration with more.
const FOUNDERS_MAX: usize = Configuration::MEMBERS_MAX;

/// The most bytes of a message: those of a proposal with every founder at the longest address,
/// which is longer than any configuration.
pub(super) const BYTES_MAX: usize =
    1 + 16 + 8 + 1 + FOUNDERS_MAX * (2 + Address::BYTES_MAX + 8 + 8);

/// The fewest bytes of a message.
pub(super) const BYTES_MIN: usize = 2;

const PING: u8 = 1;
const PONG: u8 = 2;
const ASK: u8 = 3;
const FRESH: u8 = 4;
const STANDS: u8 = 5;
const PROPOSE: u8 = 6;
const YES: u8 = 7;
const COMMIT: u8 = 8;

impl Field for MembershipMessage {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            MembershipMessage::Ping { number } => {
                PING.put(out);
                number.put(out);
            }
            MembershipMessage::Pong { number, epoch } => {
                PONG.put(out);
                number.put(out);
                epoch.put(out);
            }
            MembershipMessage::Ask { round } => {
                ASK.put(out);
                round.put(out);
            }
            MembershipMessage::Fresh { number } => {
                FRESH.put(out);
                number.put(out);
            }
            MembershipMessage::Stands { configuration } => {
                STANDS.put(out);
                configuration.put(out);
            }
            MembershipMessage::Propose { proposal } => {
                PROPOSE.put(out);
                proposal.put(out);
            }
            MembershipMessage::Yes { proposal } => {
                YES.put(out);
                proposal.put(out);
            }
            MembershipMessage::Commit { proposal } => {
                COMMIT.put(out);
                proposal.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.take()? {
            PING => MembershipMessage::Ping {
                number: reader.take()?,
            },
            PONG => MembershipMessage::Pong {
                number: reader.take()?,
                epoch: reader.take()?,
            },
            ASK => MembershipMessage::Ask {
                round: reader.take()?,
            },
            FRESH => MembershipMessage::Fresh {
                number: reader.take()?,
            },
            STANDS => MembershipMessage::Stands {
                configuration: Arc::new(reader.take()?),
            },
            PROPOSE => MembershipMessage::Propose {
                proposal: Arc::new(reader.take()?),
            },
            YES => MembershipMessage::Yes {
                proposal: reader.take()?,
            },
            COMMIT => MembershipMessage::Commit {
                proposal: reader.take()?,
            },
            found => {
                return Err(WireError::Unknown {
                    what: "kind of membership message",
                    found,
                });
            }
        })
    }
}

impl Field for FreshNumber {
    fn put(&self, out: &mut Vec<u8>) {
        self.round.put(out);
        self.number.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(FreshNumber {
            round: reader.take()?,
            number: reader.take()?,
        })
    }
}

impl Field for ProposalId {
    fn put(&self, out: &mut Vec<u8>) {
        self.proposer.put(out);
        self.round.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ProposalId {
            proposer: reader.take()?,
            round: reader.take()?,
        })
    }
}

impl Field for Proposal {
    fn put(&self, out: &mut Vec<u8>) {
        self.id.put(out);
        self.cluster.put(out);
        let count = u8::try_from(self.founders.len()).expect("founders are bounded");
        count.put(out);
        for founder in &self.founders {
            founder.address.put(out);
            founder.id.put(out);
            founder.number.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Proposal {
            id: reader.take()?,
            cluster: reader.take()?,
            founders: (0..reader.count(FOUNDERS_MAX, "count of founders")?)
                .map(|_| {
                    Ok(Founder {
                        address: reader.take()?,
                        id: reader.take()?,
                        number: reader.take()?,
                    })
                })
                .collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{strategies, values};
    use super::*;
    use proptest::prelude::*;

    const _: () = assert!(values::CONFIGURATION_BYTES_MAX < BYTES_MAX);

    proptest! {
        #[test]
        fn a_membership_message_reads_back_what_it_wrote(message in strategies::membership()) {
            let mut bytes = Vec::new();
            message.put(&mut bytes);
            prop_assert!((BYTES_MIN..=BYTES_MAX).contains(&bytes.len()));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.take::<MembershipMessage>(), Ok(message));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
