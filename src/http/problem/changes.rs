//! Changes of members that were not begun.

use super::{Kind, Problem};
use protocol::{ChangeRefusal, Refusal};

impl Problem {
    /// There is no cluster whose members could be changed.
    pub(in crate::http) fn no_cluster() -> Self {
        let refusal = Refusal::NoCluster;
        let detail = format_args!("{refusal}; nothing was done, try again in a moment");
        Self {
            retry: true,
            ..Self::new(Kind::NoCluster, detail)
        }
    }

    /// There is no member with such an id or address.
    pub(in crate::http) fn unknown_member(id_or_address: &str) -> Self {
        let id_or_address: String = id_or_address.chars().take(QUOTED_CHARS_MAX).collect();
        let detail = format_args!(
            "there is no member with the id or address {id_or_address}; nothing was done; \
             /v1/members lists the members"
        );
        Self::new(Kind::UnknownMember, detail)
    }

    /// The change was not begun, or is not known to have been.
    pub(in crate::http) fn change_refused(refusal: ChangeRefusal) -> Self {
        let (kind, advice) = match &refusal {
            ChangeRefusal::UnknownMember(_) => {
                (Kind::UnknownMember, "/v1/members lists the members")
            }
            ChangeRefusal::NoChange => (Kind::NoChange, "there is nothing to give up"),
            ChangeRefusal::Recovering => (
                Kind::Recovering,
                "it goes on as soon as all survivors answer",
            ),
            ChangeRefusal::NothingLost => (
                Kind::NothingLost,
                "name the members that are lost; nothing else needs a recovery",
            ),
            ChangeRefusal::Busy => (
                Kind::ChangeUnderWay,
                "try again when /v1/members shows no change; DELETE /v1/members/change gives one up",
            ),
            ChangeRefusal::AlreadyMember(_) => (
                Kind::AlreadyMember,
                "give the new node an address of its own, or name the member that it replaces",
            ),
            ChangeRefusal::Alive(_) => (
                Kind::MemberAlive,
                "stop that process first, or remove the member",
            ),
            ChangeRefusal::LastMember => (Kind::LastMember, "to end the cluster, stop the process"),
            ChangeRefusal::Lost { .. } => (
                Kind::SlotsLost,
                "`shardedmemory recover` declares lost what nobody holds any more",
            ),
            ChangeRefusal::Invalid(_) => (Kind::InvalidMembers, "ask for another change"),
            ChangeRefusal::Unreachable(_) => (
                Kind::Unreachable,
                "see that a node runs there and that this one reaches it",
            ),
            ChangeRefusal::Elsewhere(_) => (
                Kind::Elsewhere,
                "start the node anew with --join and the addresses of members of this cluster",
            ),
            ChangeRefusal::NotMember => (Kind::NotMember, "ask a member"),
            ChangeRefusal::NoAgreement => (
                Kind::NoAgreement,
                "see that the members and the new node are up and reach each other",
            ),
            ChangeRefusal::Unknown => return Self::change_unknown(&refusal),
        };
        Self {
            retry: matches!(kind, Kind::NotMember | Kind::NoAgreement),
            ..Self::new(
                kind,
                format_args!("{refusal}; nothing was changed; {advice}"),
            )
        }
    }

    /// Without `Retry-After`, so that no proxy asks for a second change.
    fn change_unknown(refusal: &ChangeRefusal) -> Self {
        Self {
            outcome: "unknown",
            ..Self::new(Kind::ChangeUnknown, refusal)
        }
    }
}

/// How much of what a client said is said back to it.
const QUOTED_CHARS_MAX: usize = 300;
