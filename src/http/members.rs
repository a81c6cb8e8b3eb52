//! `/v1/members`: who is a member, and changing that.
//!
//! A change that is asked for is answered as soon as it has begun: 202 with its epoch. It is done
//! when `change` is `null` again; the members tell then how it ended.

use super::members_json::{ChangeJson, MemberJson, Place, Wanted, WantedJson, parse};
use super::openapi::answers;
use super::problem::Problem;
use super::{Face, NEVER_CACHED, Registers, arguments};
use crate::server::{ClusterView, MemberView};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use protocol::{ChangeRefusal, ChangeRequest, NodeId};
use serde::Serialize;
use utoipa::ToSchema;

const PATH: &str = "/v1/members/";

/// `GET /v1/members`: 200, always.
#[utoipa::path(
    get,
    path = "/v1/members",
    tag = "cluster",
    operation_id = "members",
    summary = "The members, and the change that is under way",
    responses(
        (status = 200, description = "The members.", body = MembersJson),
        answers::OfAnyone
    )
)]
pub(super) async fn list<R: Registers>(State(face): State<Face<R>>) -> Response {
    let body = MembersJson::new(&face.registers.view());
    ([(CACHE_CONTROL, NEVER_CACHED)], Json(body)).into_response()
}

/// `POST /v1/members` with `{"address":"host:port"}`, and a `weight` for a new member, or whom it
/// `replaces`: 202 once the change has begun.
#[utoipa::path(
    post,
    path = "/v1/members",
    tag = "cluster",
    operation_id = "addMember",
    summary = "Add a member, or replace one",
    request_body(content = WantedJson, example = json!({ "address": "127.0.0.1:3033" })),
    responses(
        (status = 202, description = "The change has begun.", body = BegunJson),
        answers::OfChanges
    )
)]
pub(super) async fn add<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let body = (face.bodies)
        .receive_request(request, BODY_BYTES_MAX)
        .await?;
    let Wanted { address, place } = parse(&body.bytes)?;
    let request = match place {
        Place::New { weight } => ChangeRequest::Add { address, weight },
        Place::Of(member) => ChangeRequest::Replace {
            member: face.member(&member)?,
            address,
        },
    };
    face.begin(request).await
}

/// `DELETE /v1/members/{id or address}`: 202 once the change that removes it has begun.
#[utoipa::path(
    delete,
    path = "/v1/members/{member}",
    tag = "cluster",
    operation_id = "removeMember",
    summary = "Remove a member",
    params(("member" = String, Path, example = "127.0.0.1:3032",
        description = "The member's id or address.")),
    responses(
        (status = 202, description = "The change has begun.", body = BegunJson),
        answers::OfChanges
    )
)]
pub(super) async fn remove<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let member = arguments::text(request.uri(), PATH)?;
    let member = face.member(&member)?;
    face.begin(ChangeRequest::Remove { member }).await
}

/// `DELETE /v1/members/change`: 202, with the epoch of the change that is given up.
#[utoipa::path(
    delete,
    path = "/v1/members/change",
    tag = "cluster",
    operation_id = "giveUpChange",
    summary = "Give up the change that is under way",
    responses(
        (status = 202, description = "It will be given up.", body = BegunJson),
        answers::OfChanges
    )
)]
pub(super) async fn give_up<R: Registers>(
    State(face): State<Face<R>>,
) -> Result<Response, Problem> {
    face.begin(ChangeRequest::Abort).await
}

impl<R: Registers> Face<R> {
    /// Asks for a change: 202 with its epoch once it has begun.
    async fn begin(&self, request: ChangeRequest) -> Result<Response, Problem> {
        self.begin_or(request, Problem::change_refused).await
    }

    /// The same, with other words for why it has not begun.
    pub(super) async fn begin_or(
        &self,
        request: ChangeRequest,
        refused: fn(ChangeRefusal) -> Problem,
    ) -> Result<Response, Problem> {
        if self.registers.view().cluster.is_none() {
            return Err(Problem::no_cluster());
        }
        let begun = self.registers.change(request).await;
        let epoch = begun.map_err(refused)?.0;
        let headers = [(CACHE_CONTROL, NEVER_CACHED)];
        Ok((StatusCode::ACCEPTED, headers, Json(BegunJson { epoch })).into_response())
    }

    /// The member with this id, or at this address.
    pub(super) fn member(&self, id_or_address: &str) -> Result<NodeId, Problem> {
        let view = self.registers.view();
        if view.cluster.is_none() {
            return Err(Problem::no_cluster());
        }
        let mut members = view.members.iter();
        let is_it = |member: &&MemberView| {
            member.address.as_str() == id_or_address || member.id.to_string() == id_or_address
        };
        let member = members.find(is_it);
        member
            .map(|member| member.id)
            .ok_or_else(|| Problem::unknown_member(id_or_address))
    }
}

/// A change that has begun.
#[derive(Serialize, ToSchema)]
#[schema(as = Begun)]
pub(super) struct BegunJson {
    /// The epoch of the change.
    epoch: u64,
}

/// The members, and the change that is under way.
#[derive(Serialize, ToSchema)]
#[schema(as = Members)]
struct MembersJson {
    cluster: Option<String>,
    epoch: u64,
    replication: Option<u8>,
    members: Vec<MemberJson>,
    former: Vec<String>,
    change: Option<ChangeJson>,
}

impl MembersJson {
    fn new(view: &ClusterView) -> Self {
        Self {
            cluster: view.cluster.map(|cluster| cluster.to_string()),
            epoch: view.epoch.0,
            replication: view.replication,
            members: view.members.iter().map(MemberJson::new).collect(),
            former: view.former.iter().map(ToString::to_string).collect(),
            change: view.change.as_ref().map(ChangeJson::new),
        }
    }
}

/// What a request for a change may have: two addresses, twice escaped, and some room.
const BODY_BYTES_MAX: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::Answer;
    use crate::http::double::{Server, change_of_epoch};
    use crate::server::MemberStanding;
    use protocol::{Address, ChangeRefusal, Epoch};
    use serde_json::json;

    async fn post(server: &Server, body: &str) -> Answer {
        let body = body.as_bytes();
        server.request("POST", "/v1/members", body).await
    }

    async fn delete(server: &Server, path: &str) -> Answer {
        server.request("DELETE", path, b"").await
    }

    fn requests(server: &Server) -> Vec<ChangeRequest> {
        let mut requests = Vec::new();
        server.change(|state| requests = std::mem::take(&mut state.changes));
        requests
    }

    #[tokio::test]
    async fn the_list_has_every_member_and_the_change_under_way() {
        let server = Server::start().await;
        server.change(|state| {
            let view = &mut state.view;
            view.members.truncate(2);
            view.members[1].standing = MemberStanding::Joining;
            view.members[1].weight = 50;
            view.members[1].lacking_slots = 160;
            view.former = vec!["127.0.0.1:3039".parse().unwrap()];
            view.change = Some(change_of_epoch(2));
        });
        let answer = server.get("/v1/members").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let expected = json!({
            "cluster": "00000000000000c1",
            "epoch": 1,
            "replication": 3,
            "members": [
                {
                    "id": "0000000000000001",
                    "address": "127.0.0.1:3030",
                    "weight": 100,
                    "state": "alive",
                    "lost": false,
                    "standing": "member",
                    "slots": 16384,
                    "lacking_slots": 0,
                },
                {
                    "id": "0000000000000002",
                    "address": "127.0.0.1:3031",
                    "weight": 50,
                    "state": "alive",
                    "lost": false,
                    "standing": "joining",
                    "slots": 16384,
                    "lacking_slots": 160,
                },
            ],
            "former": ["127.0.0.1:3039"],
            "change": {
                "epoch": 2,
                "joining": ["0000000000000002"],
                "leaving": [],
                "groups": 1024,
                "groups_copied": 100,
                "registers": 5,
                "bytes": 70,
                "stalled_for_ms": 1500,
            },
        });
        assert_eq!(answer.json(), expected);
        server.change(|state| state.view.change = None);
        assert_eq!(
            server.get("/v1/members").await.json()["change"],
            json!(null)
        );
    }

    #[tokio::test]
    async fn a_change_that_has_begun_is_202_with_its_epoch() {
        let server = Server::start().await;
        server.change(|state| state.change_answer = Ok(Epoch(7)));
        let answers = [
            post(&server, r#"{"address":"127.0.0.1:3033"}"#).await,
            post(&server, r#"{"address":"127.0.0.1:3033","weight":250}"#).await,
            post(
                &server,
                r#"{"address":"127.0.0.1:3033","replaces":"127.0.0.1:3031"}"#,
            )
            .await,
            post(
                &server,
                r#" {"replaces":"0000000000000003","address":"127.0.0.1:3032"}"#,
            )
            .await,
            delete(&server, "/v1/members/0000000000000002").await,
            delete(&server, "/v1/members/127.0.0.1:3031").await,
            delete(&server, "/v1/members/127.0.0.1%3A3031").await,
            delete(&server, "/v1/members/change").await,
        ];
        for answer in answers {
            assert_eq!(answer.status, 202);
            assert_eq!(answer.text(), r#"{"epoch":7}"#);
        }
        let address = |text: &str| text.parse::<Address>().unwrap();
        let (two, three) = (NodeId::new(2), NodeId::new(3));
        let new = address("127.0.0.1:3033");
        let add = |weight| ChangeRequest::Add {
            address: new.clone(),
            weight,
        };
        let replace = |member, address: &Address| ChangeRequest::Replace {
            member,
            address: address.clone(),
        };
        let remove = || ChangeRequest::Remove { member: two };
        assert_eq!(
            requests(&server),
            [
                add(100),
                add(250),
                replace(two, &new),
                replace(three, &address("127.0.0.1:3032")),
                remove(),
                remove(),
                remove(),
                ChangeRequest::Abort,
            ]
        );
    }

    #[tokio::test]
    async fn a_body_that_asks_for_nothing_sensible_is_400_and_asks_the_node_for_nothing() {
        let server = Server::start().await;
        for body in [
            "[]",
            r#"["127.0.0.1:3033"]"#,
            "{}",
            r#"{"address":"nowhere"}"#,
            r#"{"address":7}"#,
            r#"{"address":"a:1","weight":0}"#,
            r#"{"address":"a:1","weight":10001}"#,
            r#"{"address":"a:1","weight":null}"#,
            r#"{"address":"a:1","replaces":null}"#,
            r#"{"address":"a:1","weight":1,"replaces":"127.0.0.1:3031"}"#,
            r#"{"address":"a:1","wieght":1}"#,
            r#"{"address":"a:1"} x"#,
        ] {
            post(&server, body).await.assert_problem(400, "refused");
        }
        post(&server, "").await.assert_problem(400, "refused");
        let long = format!(r#"{{"address":"{}:1"}}"#, "x".repeat(9000));
        post(&server, &long).await.assert_problem(413, "refused");
        let bad_escape = delete(&server, "/v1/members/%zz").await;
        bad_escape.assert_problem(400, "refused");
        assert_eq!(requests(&server), []);
    }

    #[tokio::test]
    async fn a_member_that_does_not_exist_is_404() {
        let server = Server::start().await;
        for answer in [
            delete(&server, "/v1/members/0000000000000009").await,
            delete(&server, "/v1/members/127.0.0.1:9").await,
            delete(&server, "/v1/members/%ff").await,
            post(&server, r#"{"address":"a:1","replaces":"2"}"#).await,
        ] {
            answer.assert_problem(404, "refused");
            let kind = answer.json()["type"].clone();
            assert_eq!(kind, "urn:shardedmemory:problem:unknown-member");
        }
        assert_eq!(requests(&server), []);
    }

    #[tokio::test]
    async fn what_the_cluster_refuses_has_a_status_of_its_own() {
        let server = Server::start().await;
        let (node, address) = (NodeId::new(9), "a:1".parse::<Address>().unwrap());
        let invalid = protocol::ConfigurationError::Size;
        for (refusal, status, outcome) in [
            (ChangeRefusal::UnknownMember(node), 404, "refused"),
            (ChangeRefusal::NoChange, 404, "refused"),
            (ChangeRefusal::Busy, 409, "refused"),
            (
                ChangeRefusal::AlreadyMember(address.clone()),
                409,
                "refused",
            ),
            (ChangeRefusal::Alive(node), 409, "refused"),
            (ChangeRefusal::LastMember, 409, "refused"),
            (ChangeRefusal::Invalid(invalid), 409, "refused"),
            (ChangeRefusal::Lost { groups: 3 }, 409, "refused"),
            (ChangeRefusal::NothingLost, 409, "refused"),
            (ChangeRefusal::Recovering, 409, "refused"),
            (ChangeRefusal::Unreachable(address.clone()), 502, "refused"),
            (ChangeRefusal::Elsewhere(address), 502, "refused"),
            (ChangeRefusal::NotMember, 503, "refused"),
            (ChangeRefusal::NoAgreement, 503, "refused"),
            (ChangeRefusal::Unknown, 504, "unknown"),
        ] {
            server.change(|state| state.change_answer = Err(refusal.clone()));
            let answer = delete(&server, "/v1/members/127.0.0.1:3031").await;
            answer.assert_problem(status, outcome);
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.starts_with(&refusal.to_string()), "{detail}");
        }
    }

    #[tokio::test]
    async fn without_a_cluster_there_is_nothing_to_change() {
        let server = Server::start().await;
        server.change(|state| {
            state.view.cluster = None;
            state.view.members.clear();
        });
        for answer in [
            post(&server, r#"{"address":"a:1"}"#).await,
            delete(&server, "/v1/members/127.0.0.1:3031").await,
            delete(&server, "/v1/members/change").await,
        ] {
            answer.assert_problem(503, "refused");
            let kind = answer.json()["type"].clone();
            assert_eq!(kind, "urn:shardedmemory:problem:no-cluster");
        }
        assert_eq!(server.get("/v1/members").await.json()["members"], json!([]));
    }
}
