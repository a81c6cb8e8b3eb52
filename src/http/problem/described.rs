//! Which problems requests may meet, for the description of the interface.

use super::{Kind, ProblemJson};
use crate::http::openapi::answers::{about_register, header};
use std::collections::BTreeMap;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

/// Names a set of problems.
macro_rules! problems {
    ($(#[$doc:meta] $name:ident = $($of:expr),+;)+) => {$(
        #[$doc]
        pub(in crate::http) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                described(&[$($of),+])
            }
        }
    )+};
}

problems! {
    /// Those of every request.
    OfAnyone = &GUARDED;
    /// Those of a read of a register.
    OfReads = &GUARDED, &MALFORMED, &OPERATIONS, &[Kind::Nothing];
    /// Those of a read that tells where nothing is in another way.
    OfAddresses = &GUARDED, &MALFORMED, &OPERATIONS;
    /// Those of a write.
    OfWrites = &GUARDED, &CHANGING, &MALFORMED, &BODIES, &OPERATIONS, &WRITES;
    /// Those of a batch as a whole.
    OfBatches = &GUARDED, &CHANGING, &MALFORMED, &BODIES;
    /// Those of a change of members.
    OfChanges = &GUARDED, &CHANGING, &MALFORMED, &BODIES, &CHANGES;
    /// Those of a look at what a recovery would do.
    OfRecoveries = &GUARDED, &MALFORMED, &CHANGES;
}

const GUARDED: [Kind; 1] = [Kind::Unauthorized];
const CHANGING: [Kind; 1] = [Kind::CrossSite];
const MALFORMED: [Kind; 1] = [Kind::Malformed];
const BODIES: [Kind; 3] = [Kind::BodyTimeout, Kind::TooLarge, Kind::Busy];
const OPERATIONS: [Kind; 6] = [
    Kind::Busy,
    Kind::NoCluster,
    Kind::NoQuorum,
    Kind::NoMember,
    Kind::QuorumLost,
    Kind::Replaced,
];
const WRITES: [Kind; 4] = [
    Kind::ConditionFailed,
    Kind::NotImplemented,
    Kind::Unknown,
    Kind::Exhausted,
];
const CHANGES: [Kind; 16] = [
    Kind::NoCluster,
    Kind::UnknownMember,
    Kind::NoChange,
    Kind::ChangeUnderWay,
    Kind::AlreadyMember,
    Kind::MemberAlive,
    Kind::LastMember,
    Kind::InvalidMembers,
    Kind::SlotsLost,
    Kind::NothingLost,
    Kind::Recovering,
    Kind::Unreachable,
    Kind::Elsewhere,
    Kind::NotMember,
    Kind::NoAgreement,
    Kind::ChangeUnknown,
];

/// One answer a status, which tells which problems have it.
fn described(sets: &[&[Kind]]) -> BTreeMap<String, RefOr<Response>> {
    let mut kinds: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for &kind in sets.iter().copied().flatten() {
        let of_status = kinds.entry(kind.parts().0.as_u16()).or_default();
        if !of_status.contains(&kind) {
            of_status.push(kind);
        }
    }
    let described = kinds
        .into_iter()
        .map(|(status, kinds)| (status.to_string(), RefOr::T(answer(status, &kinds))));
    described.collect()
}

fn answer(status: u16, kinds: &[Kind]) -> Response {
    let listed: Vec<String> = (kinds.iter())
        .map(|kind| {
            let (_, name, title) = kind.parts();
            format!("`urn:shardedmemory:problem:{name}`: {title}.")
        })
        .collect();
    let schema = Ref::from_schema_name(ProblemJson::name());
    let mut response = ResponseBuilder::new()
        .description(listed.join("\n\n"))
        .content("application/problem+json", Content::new(Some(schema)));
    if kinds.contains(&Kind::ConditionFailed) || kinds.contains(&Kind::Nothing) {
        response = about_register(response);
    }
    if matches!(status, 429 | 503) {
        let retry_after = "After how many seconds trying again may help. Not there if it may not.";
        response = response.header("Retry-After", header(Type::Integer, retry_after));
    }
    if status == 401 {
        let challenge = "What the node wants: a Bearer token, which is its password.";
        response = response.header("WWW-Authenticate", header(Type::String, challenge));
    }
    response.build()
}
