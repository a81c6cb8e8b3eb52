//! The JSON of members: what a request to add one says, and what is said of them and of the change
//! that is under way.

use super::json::{given, object};
use super::problem::Problem;
use crate::server::MemberView;
use protocol::{Address, ChangeView, Member};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a request to add a member says.
pub(super) struct Wanted {
    pub(super) address: Address,
    pub(super) place: Place,
}

/// Which place a node is to have among the members.
pub(super) enum Place {
    /// One of its own, with this weight.
    New { weight: u32 },
    /// That of the member with this id, or at this address.
    Of(String),
}

/// The node that is to be let in, and its place.
pub(super) fn parse(body: &[u8]) -> Result<Wanted, Problem> {
    const SHAPE: &str = r#"the body is {"address":"host:port"}, with "weight":100 if it likes, or with "replaces":"id or host:port""#;
    let wanted: WantedJson = object(body, SHAPE)?;
    let address = wanted.address.parse();
    let address = address.map_err(|error| Problem::malformed(format_args!("address: {error}")))?;
    let place = match (wanted.replaces, wanted.weight) {
        (None, weight) => {
            let weight = weight.unwrap_or(Member::WEIGHT_DEFAULT);
            if !(1..=Member::WEIGHT_MAX).contains(&weight) {
                let max = Member::WEIGHT_MAX;
                return Err(Problem::malformed(format_args!(
                    "a weight is an integer from 1 to {max}"
                )));
            }
            Place::New { weight }
        }
        (Some(member), None) => Place::Of(member),
        (Some(_), Some(_)) => {
            let detail = "a node that comes in another's place takes over its weight: the body has \
                          either weight or replaces";
            return Err(Problem::malformed(detail));
        }
    };
    Ok(Wanted { address, place })
}

/// A node that is to be let in, with its weight or in a member's place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMember)]
pub(super) struct WantedJson {
    /// Where the node is reached, as host:port.
    address: String,
    /// How large a share of the slots it takes, beside the others.
    #[schema(value_type = u32, required = false, minimum = 1, maximum = 10000)]
    #[serde(default, deserialize_with = "given")]
    weight: Option<u32>,
    /// The id or address of the member whose place it takes.
    #[schema(value_type = String, required = false)]
    #[serde(default, deserialize_with = "given")]
    replaces: Option<String>,
}

/// A member, as this node sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
pub(super) struct MemberJson {
    id: String,
    address: String,
    weight: u32,
    state: String,
    lost: bool,
    standing: &'static str,
    slots: usize,
    lacking_slots: usize,
}

impl MemberJson {
    pub(super) fn new(member: &MemberView) -> Self {
        Self {
            id: member.id.to_string(),
            address: member.address.to_string(),
            weight: member.weight,
            state: member.state.to_string(),
            lost: member.lost,
            standing: member.standing.name(),
            slots: member.slots,
            lacking_slots: member.lacking_slots,
        }
    }
}

/// A change of members that is under way.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeJson {
    epoch: u64,
    joining: Vec<String>,
    leaving: Vec<String>,
    groups: usize,
    groups_copied: usize,
    registers: u64,
    bytes: u64,
    stalled_for_ms: u64,
}

impl ChangeJson {
    pub(super) fn new(change: &ChangeView) -> Self {
        Self {
            epoch: change.epoch.0,
            joining: change.joining.iter().map(ToString::to_string).collect(),
            leaving: change.leaving.iter().map(ToString::to_string).collect(),
            groups: change.groups,
            groups_copied: change.groups_copied,
            registers: change.registers,
            bytes: change.bytes,
            stalled_for_ms: u64::try_from(change.stalled_for.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
