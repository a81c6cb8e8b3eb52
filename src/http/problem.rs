//! What goes wrong, as a client reads it: [`Problem`].

mod changes;
pub(super) mod described;
mod recovery;

use super::NEVER_CACHED;
use super::operations::About;
use crate::server::ClusterView;
use axum::Json;
use axum::body::HttpBody;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, StatusCode};
use protocol::{Refusal, Slot};
use serde::Serialize;
use std::fmt::Display;
use utoipa::ToSchema;

/// An `application/problem+json` answer (RFC 9457).
///
/// Its `outcome` is what the client may believe: `refused`, nothing happened and nothing will;
/// `unknown`, the write may have taken effect, or may yet, or may never; and `done` for a read
/// that found nothing, which is no failure.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    outcome: &'static str,
    detail: String,
    /// What was found out about the register, if anything was.
    about: Option<About>,
    /// Whether trying again soon may help.
    retry: bool,
    /// Whether the rest of the request is left unread, so that the connection ends here.
    close: bool,
}

/// What is wrong. A kind's `type` never changes: programs tell problems apart by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Malformed,
    Unauthorized,
    CrossSite,
    UnknownPath,
    Nothing,
    WrongMethod,
    BodyTimeout,
    ConditionFailed,
    TooLarge,
    Busy,
    NotImplemented,
    NoCluster,
    NoQuorum,
    NoMember,
    QuorumLost,
    Replaced,
    Unknown,
    Exhausted,
    Full,
    UnknownMember,
    NoChange,
    ChangeUnderWay,
    AlreadyMember,
    MemberAlive,
    LastMember,
    InvalidMembers,
    SlotsLost,
    NothingLost,
    Recovering,
    Unreachable,
    Elsewhere,
    NotMember,
    NoAgreement,
    ChangeUnknown,
}

impl Kind {
    /// Status, last part of the `type`, and title.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Kind::Malformed => (S::BAD_REQUEST, "malformed", "Malformed request"),
            Kind::Unauthorized => (
                S::UNAUTHORIZED,
                "unauthorized",
                "No password, or a wrong one",
            ),
            Kind::CrossSite => (
                S::FORBIDDEN,
                "cross-site",
                "Asked for by another site's page",
            ),
            Kind::UnknownPath => (S::NOT_FOUND, "unknown-path", "Unknown path"),
            Kind::Nothing => (S::NOT_FOUND, "nothing", "The register holds nothing"),
            Kind::WrongMethod => (S::METHOD_NOT_ALLOWED, "wrong-method", "Wrong method"),
            Kind::BodyTimeout => (
                S::REQUEST_TIMEOUT,
                "body-timeout",
                "The body came too slowly",
            ),
            Kind::ConditionFailed => (
                S::PRECONDITION_FAILED,
                "condition-failed",
                "The register is not as the condition has it",
            ),
            Kind::TooLarge => (S::PAYLOAD_TOO_LARGE, "too-large", "The value is too large"),
            Kind::Busy => (S::TOO_MANY_REQUESTS, "busy", "The node is busy"),
            Kind::NotImplemented => (S::NOT_IMPLEMENTED, "not-implemented", "Not implemented"),
            Kind::NoCluster => (S::SERVICE_UNAVAILABLE, "no-cluster", "No cluster yet"),
            Kind::NoQuorum => (S::SERVICE_UNAVAILABLE, "no-quorum", "No quorum in time"),
            Kind::NoMember => (S::SERVICE_UNAVAILABLE, "no-member", "No member in time"),
            Kind::QuorumLost => (S::SERVICE_UNAVAILABLE, "quorum-lost", "The data is gone"),
            Kind::Replaced => (S::SERVICE_UNAVAILABLE, "replaced", "The node was replaced"),
            Kind::Unknown => (
                S::GATEWAY_TIMEOUT,
                "unknown",
                "Nobody knows whether it was written",
            ),
            Kind::Exhausted => (
                S::INSUFFICIENT_STORAGE,
                "exhausted",
                "The register is used up",
            ),
            Kind::Full => (S::INSUFFICIENT_STORAGE, "full", "No memory left for more"),
            Kind::UnknownMember => (S::NOT_FOUND, "unknown-member", "No such member"),
            Kind::NoChange => (S::NOT_FOUND, "no-change", "No change is under way"),
            Kind::ChangeUnderWay => (S::CONFLICT, "change-under-way", "A change is under way"),
            Kind::AlreadyMember => (S::CONFLICT, "already-member", "It is a member already"),
            Kind::MemberAlive => (S::CONFLICT, "member-alive", "The member is alive"),
            Kind::LastMember => (S::CONFLICT, "last-member", "It is the last member"),
            Kind::InvalidMembers => (S::CONFLICT, "invalid-members", "No such cluster can be"),
            Kind::SlotsLost => (S::CONFLICT, "slots-lost", "The data of some slots is gone"),
            Kind::NothingLost => (S::CONFLICT, "nothing-lost", "Nothing is lost"),
            Kind::Recovering => (S::CONFLICT, "recovering", "A recovery is under way"),
            Kind::Unreachable => (S::BAD_GATEWAY, "unreachable", "No node answers there"),
            Kind::Elsewhere => (S::BAD_GATEWAY, "elsewhere", "It is in another cluster"),
            Kind::NotMember => (S::SERVICE_UNAVAILABLE, "not-a-member", "Not a member"),
            Kind::NoAgreement => (
                S::SERVICE_UNAVAILABLE,
                "no-agreement",
                "No agreement in time",
            ),
            Kind::ChangeUnknown => (
                S::GATEWAY_TIMEOUT,
                "change-unknown",
                "Nobody knows whether the change was begun",
            ),
        }
    }
}

impl Problem {
    fn new(kind: Kind, detail: impl Display) -> Self {
        Self {
            kind,
            outcome: "refused",
            detail: detail.to_string(),
            about: None,
            retry: false,
            close: false,
        }
    }

    /// The request is not one that this interface has.
    pub(super) fn malformed(detail: impl Display) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    /// The request asks for something that HTTP has and this node has not. It is refused rather
    /// than carried out without it.
    pub(super) fn not_implemented(detail: impl Display) -> Self {
        Self::new(Kind::NotImplemented, detail)
    }

    /// There is nothing at this path.
    pub(super) fn unknown_path(path: &str) -> Self {
        let detail = if path.starts_with("/v1/registers/") {
            "a register is /v1/registers/{name}, where a / within the name is written %2F"
        } else {
            "the paths are /read/{addr}, /write, /status, /v1/registers, /v1/registers/{name}, \
             /v1/batch, /v1/cluster, /v1/members, /v1/members/{id or address}, /v1/members/change, \
             /v1/recover, /livez, /readyz, /metrics and /openapi.json, which describes them"
        };
        Self::new(Kind::UnknownPath, detail)
    }

    /// There is something at this path, but not for this method. The router adds what is allowed.
    pub(super) fn wrong_method(method: &Method) -> Self {
        let detail = format_args!("{method} is not among the methods that the Allow header names");
        Self::new(Kind::WrongMethod, detail)
    }

    /// The register was read, and holds nothing.
    pub(super) fn nothing(about: About) -> Self {
        let detail = match about.known_tag() {
            None => "nobody ever wrote this register",
            Some(_) => "this register was deleted, or has expired; the tag is the delete's",
        };
        Self {
            outcome: "done",
            about: Some(about),
            ..Self::new(Kind::Nothing, detail)
        }
    }

    /// The register is not as the condition of a write has it, so nothing was written.
    pub(super) fn condition_failed(about: About) -> Self {
        let detail = match about.known_tag() {
            None => "nobody ever wrote this register, so nothing was written".to_owned(),
            Some(tag) => format!(
                "the register's tag is {tag}, which is not as the condition has it, so nothing \
                 was written; read it again"
            ),
        };
        Self {
            about: Some(about),
            ..Self::new(Kind::ConditionFailed, detail)
        }
    }

    /// The client said no password, or a wrong one.
    pub(super) fn unauthorized(said: bool) -> Self {
        let detail = match said {
            false => {
                "this node wants a password, so nothing was done; send Authorization: Bearer and \
                 the password"
            }
            true => "this is not this node's password, so nothing was done",
        };
        Self::new(Kind::Unauthorized, detail)
    }

    /// A page of another site had a browser send this.
    pub(super) fn cross_site() -> Self {
        let detail = "a page of another site asked a browser to send this, so nothing was done; \
                      only pages from this very address, and programs that are no browsers, may \
                      change something";
        Self::new(Kind::CrossSite, detail)
    }

    /// The body took too long to arrive.
    pub(super) fn body_timeout() -> Self {
        let detail = "the rest of the body did not arrive in time, so nothing was done";
        Self::new(Kind::BodyTimeout, detail).closing()
    }

    /// The value, or what it comes in, has more bytes than it may have.
    pub(super) fn too_large(detail: impl Display) -> Self {
        Self::new(Kind::TooLarge, detail)
    }

    /// The value was read, and the answer has no room for it.
    pub(super) fn no_room_for_value(about: About) -> Self {
        let detail = "the values before it take all the room that the answer has; read this one in \
                      another request";
        Self {
            about: Some(about),
            ..Self::new(Kind::TooLarge, detail)
        }
    }

    /// The node holds as much of unfinished requests as it may.
    pub(super) fn bodies_busy() -> Self {
        Self {
            retry: true,
            ..Self::new(
                Kind::Busy,
                "this node holds as many bytes of unfinished requests as it may; nothing was \
                 done, try again in a moment",
            )
        }
    }

    /// The operation on a register of this slot did not happen. The view tells whether no later
    /// one can happen either.
    pub(super) fn refused(
        refusal: Refusal,
        slot: Slot,
        view: impl FnOnce() -> ClusterView,
    ) -> Self {
        let kind = match refusal {
            Refusal::Busy | Refusal::Contended | Refusal::Disk => Kind::Busy,
            Refusal::Exhausted => {
                let advice = "nothing was written; use another register";
                return Self::new(Kind::Exhausted, format_args!("{refusal}: {advice}"));
            }
            Refusal::Full => {
                let advice = "nothing was written; reads and deletes go on: delete what is not \
                              needed, add nodes, or raise --memory-limit";
                return Self::new(Kind::Full, format_args!("{refusal}: {advice}"));
            }
            Refusal::NoCluster => Kind::NoCluster,
            Refusal::NoQuorum | Refusal::NoMember => {
                let view = view();
                if let Some(by) = view.replaced_by {
                    return Self::new(
                        Kind::Replaced,
                        format_args!(
                            "node {by} has taken the place of this process, which serves no more; \
                             nothing was done; ask another node"
                        ),
                    );
                }
                let mut group = slot.group().into_iter();
                match (group.any(|group| view.groups_lost.contains(group)), refusal) {
                    (true, _) => Kind::QuorumLost,
                    (false, Refusal::NoMember) => Kind::NoMember,
                    (false, _) => Kind::NoQuorum,
                }
            }
        };
        let detail = if kind == Kind::QuorumLost {
            "this register's data is gone: so many of the nodes that held its slot lost their \
             memory that no quorum of them can ever be had again; nothing was done; \
             `shardedmemory recover` gathers what the other nodes still hold"
                .to_owned()
        } else {
            format!("{refusal}; nothing was done, try again in a moment")
        };
        Self {
            retry: true,
            ..Self::new(kind, detail)
        }
    }

    /// The write may have taken effect, or may yet, or may never. Without `Retry-After`, so that
    /// no proxy makes a second write of it.
    pub(super) fn unknown() -> Self {
        Self {
            outcome: "unknown",
            ..Self::new(
                Kind::Unknown,
                "not enough replicas confirmed the write in time: it may have taken effect, or \
                 may yet, or may never; trying again makes a second write",
            )
        }
    }

    /// Ends the connection after this answer: the rest of the request is left unread.
    pub(super) fn closing(self) -> Self {
        Self {
            close: true,
            ..self
        }
    }

    /// Ends the connection if the request has a body, which nobody will read.
    pub(super) fn closing_if_body(self, body: &impl HttpBody) -> Self {
        if body.is_end_stream() {
            self
        } else {
            self.closing()
        }
    }

    /// The same, and in which part of the request.
    pub(super) fn within(self, part: impl Display) -> Self {
        Self {
            detail: format!("{part}: {}", self.detail),
            ..self
        }
    }

    /// Its HTTP status.
    pub(super) fn status(&self) -> u16 {
        self.kind.parts().0.as_u16()
    }
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemJson {
    /// What kind of problem it is; for programs.
    r#type: String,
    /// The same for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, what it means for the data, and what to do.
    detail: String,
    /// What the client may believe: refused, nothing happened and nothing will; unknown, the write
    /// may have taken effect, or may yet, or may never; done, a read found nothing.
    outcome: &'static str,
}

impl Problem {
    /// What was found out about the register, if anything was.
    pub(super) fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    /// The body that describes it.
    pub(super) fn into_json(self) -> ProblemJson {
        let (status, name, title) = self.kind.parts();
        ProblemJson {
            r#type: format!("urn:shardedmemory:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            outcome: self.outcome,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.parts().0;
        let Problem {
            kind,
            about,
            retry,
            close,
            ..
        } = self;
        let mut response = (status, Json(self.into_json())).into_response();
        let headers = response.headers_mut();
        if let Some(about) = about {
            headers.extend(about.headers());
        }
        if kind == Kind::Unauthorized {
            let challenge = HeaderValue::from_static("Bearer realm=\"shardedmemory\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(NEVER_CACHED));
        if retry {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
