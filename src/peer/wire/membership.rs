//! Messages about the cluster itself on the wire.

use super::WireError;
use super::field::{Field, Reader};
use super::values::CONFIGURATION_BYTES_MAX;
use protocol::{
    Address, Configuration, DissentReason, Founder, FreshNumber, MembershipMessage, Proposal,
    ProposalId,
};
use std::sync::Arc;

/// The most founders of a proposal: it could not become a configuration with more.
const FOUNDERS_MAX: usize = Configuration::MEMBERS_MAX;

/// The most bytes of a message with a configuration.
const CONSIDER_BYTES_MAX: usize = 1 + 8 + CONFIGURATION_BYTES_MAX + 1;

/// The most bytes of a message with a proposal: every founder is at the longest address.
const PROPOSE_BYTES_MAX: usize =
    1 + 16 + 8 + 1 + 1 + FOUNDERS_MAX * (2 + Address::BYTES_MAX + 8 + 8);

/// The most bytes of a message that carries neither a configuration nor a proposal: those of one
/// with an address.
const OTHER_BYTES_MAX: usize = 1 + 2 + Address::BYTES_MAX + 1 + 4;

/// The most bytes of a message.
pub(super) const BYTES_MAX: usize = match CONSIDER_BYTES_MAX > PROPOSE_BYTES_MAX {
    true => CONSIDER_BYTES_MAX,
    false => PROPOSE_BYTES_MAX,
};

/// The fewest bytes of a message.
pub(super) const BYTES_MIN: usize = 2;

/// The most bytes that a message of this kind has.
pub(in crate::peer) fn weight_bytes(message: &MembershipMessage) -> usize {
    match message {
        MembershipMessage::Stands { .. } | MembershipMessage::Consider { .. } => CONSIDER_BYTES_MAX,
        MembershipMessage::Propose { .. } => PROPOSE_BYTES_MAX,
        MembershipMessage::Ping { .. }
        | MembershipMessage::Pong { .. }
        | MembershipMessage::Ask { .. }
        | MembershipMessage::Fresh { .. }
        | MembershipMessage::Yes { .. }
        | MembershipMessage::Commit { .. }
        | MembershipMessage::Join { .. }
        | MembershipMessage::Consent { .. }
        | MembershipMessage::Dissent { .. }
        | MembershipMessage::Progress { .. } => OTHER_BYTES_MAX,
    }
}

const PING: u8 = 1;
const PONG: u8 = 2;
const ASK: u8 = 3;
const FRESH: u8 = 4;
const STANDS: u8 = 5;
const PROPOSE: u8 = 6;
const YES: u8 = 7;
const COMMIT: u8 = 8;
const JOIN: u8 = 9;
const CONSIDER: u8 = 10;
const CONSENT: u8 = 11;
const DISSENT: u8 = 12;
const PROGRESS: u8 = 13;

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
            MembershipMessage::Join { address, weight } => {
                JOIN.put(out);
                address.put(out);
                weight.put(out);
            }
            MembershipMessage::Consider {
                number,
                configuration,
                only_if_down,
            } => {
                CONSIDER.put(out);
                number.put(out);
                configuration.put(out);
                only_if_down.put(out);
            }
            MembershipMessage::Consent { number } => {
                CONSENT.put(out);
                number.put(out);
            }
            MembershipMessage::Dissent { number, reason } => {
                DISSENT.put(out);
                number.put(out);
                reason.put(out);
            }
            MembershipMessage::Progress {
                epoch,
                lacking,
                registers,
                bytes,
            } => {
                PROGRESS.put(out);
                epoch.put(out);
                lacking.put(out);
                registers.put(out);
                bytes.put(out);
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
            JOIN => MembershipMessage::Join {
                address: reader.take()?,
                weight: reader.take()?,
            },
            CONSIDER => MembershipMessage::Consider {
                number: reader.take()?,
                configuration: Arc::new(reader.take()?),
                only_if_down: reader.take()?,
            },
            CONSENT => MembershipMessage::Consent {
                number: reader.take()?,
            },
            DISSENT => MembershipMessage::Dissent {
                number: reader.take()?,
                reason: reader.take()?,
            },
            PROGRESS => MembershipMessage::Progress {
                epoch: reader.take()?,
                lacking: reader.take()?,
                registers: reader.take()?,
                bytes: reader.take()?,
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

impl Field for DissentReason {
    fn put(&self, out: &mut Vec<u8>) {
        let number: u8 = match self {
            DissentReason::Alive => 1,
            DissentReason::Elsewhere => 2,
            DissentReason::Outdated => 3,
        };
        number.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            1 => Ok(DissentReason::Alive),
            2 => Ok(DissentReason::Elsewhere),
            3 => Ok(DissentReason::Outdated),
            found => Err(WireError::Unknown {
                what: "reason of a dissent",
                found,
            }),
        }
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
        self.replication.put(out);
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
            replication: reader.take()?,
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
    use super::super::strategies;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_membership_message_reads_back_what_it_wrote(message in strategies::membership()) {
            let mut bytes = Vec::new();
            message.put(&mut bytes);
            prop_assert!((BYTES_MIN..=weight_bytes(&message)).contains(&bytes.len()));
            prop_assert!(weight_bytes(&message) <= BYTES_MAX);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.take::<MembershipMessage>(), Ok(message));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
