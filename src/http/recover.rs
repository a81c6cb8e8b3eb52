//! `/v1/recover`: going on after losses that no quorum survived.
//!
//! Only an operator knows that a member is lost for good, and not cut off: two halves of a cluster
//! that both went on would be two clusters.

use super::json::{given, object};
use super::members::BegunJson;
use super::openapi::answers;
use super::problem::Problem;
use super::{Face, NEVER_CACHED, Registers};
use crate::server::MemberView;
use crate::slots::{SlotRanges, named_groups};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::Uri;
use hyper::header::CACHE_CONTROL;
use percent_encoding::percent_decode_str;
use protocol::{ChangeRequest, ClusterId, NodeId, PeerState, RecoveryView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// `GET /v1/recover?lost=..`: 200 with what a recovery would do if these members, given by id or
/// address and with commas between, were lost for good. Without `lost`, those that are down.
#[utoipa::path(
    get,
    path = "/v1/recover",
    tag = "cluster",
    operation_id = "recoveryView",
    summary = "What going on without lost members would do",
    params(("lost" = Option<String>, Query,
        description = "The ids or addresses of the members that are lost for good, with commas \
            between. If it is not given, those that are down.")),
    responses(
        (status = 200, description = "What a recovery would do.", body = RecoveryJson),
        answers::OfRecoveries
    )
)]
pub(super) async fn view<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let lost = match lost_of(request.uri())? {
        Some(lost) => face.members(lost.split(','))?,
        None => face.lost_members()?,
    };
    let view = face.registers.recovery(&lost);
    let body = RecoveryJson::new(&lost, &view.map_err(Problem::recovery_refused)?);
    Ok(([(CACHE_CONTROL, NEVER_CACHED)], Json(body)).into_response())
}

/// `POST /v1/recover` with `{"lost":["id or host:port"]}`, and the `slots` that may be forced if
/// not all that have to be: 202 once the others go on without these members.
#[utoipa::path(
    post,
    path = "/v1/recover",
    tag = "cluster",
    operation_id = "recover",
    summary = "Go on without members that are lost for good",
    request_body(content = WantedJson, example = json!({ "lost": ["127.0.0.1:3032"] })),
    responses(
        (status = 202, description = "The others go on without them.", body = BegunJson),
        answers::OfChanges
    )
)]
pub(super) async fn recover<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let body = (face.bodies)
        .receive_request(request, BODY_BYTES_MAX)
        .await?;
    let wanted = parse(&body.bytes)?;
    let groups = wanted.slots.as_deref().map(named_groups).transpose();
    let groups = groups.map_err(|error| Problem::malformed(format_args!("slots: {error}")))?;
    let lost = face.members(wanted.lost.iter().map(String::as_str))?;
    let recover = ChangeRequest::Recover {
        lost,
        groups,
        cluster: ClusterId(rand::random_range(1..=u64::MAX)),
    };
    face.begin_or(recover, Problem::recovery_refused).await
}

impl<R: Registers> Face<R> {
    fn members<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<BTreeSet<NodeId>, Problem> {
        names.map(|name| self.member(name)).collect()
    }

    /// Those that do not answer, or whose memory is known to be gone.
    fn lost_members(&self) -> Result<BTreeSet<NodeId>, Problem> {
        let view = self.registers.view();
        if view.cluster.is_none() {
            return Err(Problem::no_cluster());
        }
        let is_lost = |member: &&MemberView| member.lost || member.state == PeerState::Down;
        let lost = view.members.iter().filter(is_lost);
        Ok(lost.map(|member| member.id).collect())
    }
}

/// What a query gives as `lost`. Parameters with other names are nobody's business here.
fn lost_of(uri: &Uri) -> Result<Option<String>, Problem> {
    let mut lost = None;
    for parameter in uri.query().unwrap_or_default().split('&') {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if key != "lost" {
            continue;
        }
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        if value.is_empty() || lost.replace(value).is_some() {
            return Err(Problem::malformed(
                "lost is given once, as the ids or addresses of members with commas between",
            ));
        }
    }
    Ok(lost)
}

fn parse(body: &[u8]) -> Result<WantedJson, Problem> {
    const SHAPE: &str =
        r#"the body is {"lost":["id or host:port"]}, with "slots":"0-15,32" if it likes"#;
    object(body, SHAPE)
}

/// The members that are lost for good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recover)]
struct WantedJson {
    /// Their ids or addresses.
    lost: Vec<String>,
    /// The slots that may be forced, as in 0-15,32, if not all that have to be.
    #[schema(value_type = String, required = false)]
    #[serde(default, deserialize_with = "given")]
    slots: Option<String>,
}

/// What a recovery would do.
#[derive(Serialize, ToSchema)]
#[schema(as = Recovery)]
struct RecoveryJson {
    lost: Vec<String>,
    survivors: Vec<String>,
    as_new_cluster: bool,
    forced_slots: String,
    gone_slots: String,
}

impl RecoveryJson {
    fn new(lost: &BTreeSet<NodeId>, view: &RecoveryView) -> Self {
        Self {
            lost: lost.iter().map(ToString::to_string).collect(),
            survivors: view.survivors.iter().map(ToString::to_string).collect(),
            as_new_cluster: view.as_new_cluster,
            forced_slots: SlotRanges(view.forced).to_string(),
            gone_slots: SlotRanges(view.gone).to_string(),
        }
    }
}

/// What a request for a recovery may have: 64 addresses, and half of the groups one by one.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::Answer;
    use crate::http::double::Server;
    use protocol::{ChangeRefusal, Epoch, Group, Groups};
    use serde_json::json;

    const PATH: &str = "/v1/recover";

    async fn post(server: &Server, body: &str) -> Answer {
        server.request("POST", PATH, body.as_bytes()).await
    }

    fn ids(numbers: &[u64]) -> BTreeSet<NodeId> {
        numbers.iter().map(|&number| NodeId::new(number)).collect()
    }

    fn groups(numbers: &[u16]) -> Groups {
        numbers.iter().filter_map(|&n| Group::new(n)).collect()
    }

    /// A server at which members 2 and 3 are lost, one for being down.
    async fn server() -> Server {
        let server = Server::start().await;
        server.change(|state| {
            state.view.members[1].state = PeerState::Down;
            state.view.members[2].lost = true;
            state.recovery = Ok(RecoveryView {
                survivors: vec![NodeId::new(1)],
                as_new_cluster: true,
                forced: groups(&[0, 1, 4]),
                gone: groups(&[4]),
            });
        });
        server
    }

    #[tokio::test]
    async fn what_a_recovery_would_do_is_told_for_those_that_are_down_or_for_those_that_are_named()
    {
        let server = server().await;
        let answer = server.get(PATH).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let (two, three) = ("0000000000000002", "0000000000000003");
        let expected = json!({
            "lost": [two, three],
            "survivors": ["0000000000000001"],
            "as_new_cluster": true,
            "forced_slots": "0-31,64-79",
            "gone_slots": "64-79",
        });
        assert_eq!(answer.json(), expected);
        for query in [three, "127.0.0.1%3A3032", "127.0.0.1:3032"] {
            let answer = server.get(&format!("{PATH}?x&lost={query}")).await;
            assert_eq!(answer.json()["lost"], json!([three]), "{query}");
        }
        let asked = [ids(&[2, 3]), ids(&[3]), ids(&[3]), ids(&[3])];
        server.change(|state| assert_eq!(state.recoveries, asked));
    }

    #[tokio::test]
    async fn a_recovery_is_begun_for_the_named_members_and_slots() {
        let server = server().await;
        server.change(|state| state.change_answer = Ok(Epoch(4)));
        for (body, named) in [
            (r#"{"lost":["0000000000000002","127.0.0.1:3032"]}"#, None),
            (
                r#"{"lost":["0000000000000002","0000000000000003"],"slots":"0-16,64"}"#,
                Some(groups(&[0, 1, 4])),
            ),
        ] {
            let answer = post(&server, body).await;
            assert_eq!((answer.status, answer.json()), (202, json!({ "epoch": 4 })));
            server.change(|state| {
                let Some(ChangeRequest::Recover {
                    lost,
                    groups,
                    cluster,
                }) = state.changes.pop()
                else {
                    panic!("{:?}", state.changes);
                };
                assert_eq!((lost, groups), (ids(&[2, 3]), named));
                assert_ne!(cluster, ClusterId::NONE);
            });
        }
    }

    #[tokio::test]
    async fn a_request_that_is_wrong_changes_nothing() {
        let server = server().await;
        for (body, status) in [
            ("", 400),
            ("[]", 400),
            ("{}", 400),
            (r#"{"lost":"127.0.0.1:3032"}"#, 400),
            (r#"{"lost":["127.0.0.1:3032"],"slots":null}"#, 400),
            (r#"{"lost":["127.0.0.1:3032"],"slots":"x"}"#, 400),
            (r#"{"lost":["127.0.0.1:3032"],"slots":"0-16384"}"#, 400),
            (r#"{"lost":["127.0.0.1:3032"],"force":true}"#, 400),
            (r#"{"lost":["127.0.0.1:1"]}"#, 404),
            (r#"{"lost":["000000000000000a"]}"#, 404),
        ] {
            let answer = post(&server, body).await;
            answer.assert_problem(status, "refused");
        }
        for (query, status) in [("lost=", 400), ("lost=a&lost=b", 400), ("lost=a", 404)] {
            let answer = server.get(&format!("{PATH}?{query}")).await;
            answer.assert_problem(status, "refused");
        }
        let huge = format!(r#"{{"lost":["{}"]}}"#, "x".repeat(BODY_BYTES_MAX));
        post(&server, &huge).await.assert_problem(413, "refused");
        server.change(|state| assert_eq!(state.changes, []));
    }

    #[tokio::test]
    async fn a_recovery_that_cannot_be_is_told_why() {
        let server = server().await;
        for (why, status) in [
            (ChangeRefusal::NothingLost, 409),
            (ChangeRefusal::Alive(NodeId::new(2)), 409),
            (ChangeRefusal::NotMember, 503),
        ] {
            server.change(|state| state.recovery = Err(why.clone()));
            server.get(PATH).await.assert_problem(status, "refused");
        }
        for (why, status) in [
            (ChangeRefusal::Lost { groups: 7 }, 409),
            (ChangeRefusal::Busy, 409),
            (ChangeRefusal::NoAgreement, 503),
        ] {
            server.change(|state| state.change_answer = Err(why.clone()));
            let answer = post(&server, r#"{"lost":["127.0.0.1:3032"]}"#).await;
            answer.assert_problem(status, "refused");
        }
        server.change(|state| state.view.cluster = None);
        server.get(PATH).await.assert_problem(503, "refused");
    }
}
