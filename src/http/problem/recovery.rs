//! Recoveries that were not begun.

use super::{Kind, Problem};
use protocol::{ChangeRefusal, Group};

impl Problem {
    /// The recovery was not begun, or is not known to have been.
    pub(in crate::http) fn recovery_refused(refusal: ChangeRefusal) -> Self {
        match refusal {
            ChangeRefusal::Lost { groups } => {
                let slots = groups * usize::from(Group::SLOTS);
                let detail = format_args!(
                    "{slots} slots have lost a majority of those that held them, and are not named \
                     in slots; nothing was changed; GET /v1/recover lists them all"
                );
                Self::new(Kind::SlotsLost, detail)
            }
            ChangeRefusal::Alive(member) => {
                let detail = format_args!(
                    "member {member} is alive, so it is not lost; nothing was changed; to go on \
                     without it, stop its process first"
                );
                Self::new(Kind::MemberAlive, detail)
            }
            ChangeRefusal::NoAgreement => {
                let detail = "not enough of the members that are left agreed in time: one may not \
                              be reached, or may be connected to a member that is taken for lost; \
                              nothing was changed; of fewer than a majority each one has to agree, \
                              so name those as lost, too, that are gone for good";
                Self {
                    retry: true,
                    ..Self::new(Kind::NoAgreement, detail)
                }
            }
            refusal => Self::change_refused(refusal),
        }
    }
}
