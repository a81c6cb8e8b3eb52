//! `/v1/cluster`: the cluster as this node sees it.

use super::{Face, NEVER_CACHED, Registers};
use crate::metrics::{Metrics, OperationKind};
use crate::server::{ClusterView, MemberView, Standing};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CACHE_CONTROL;
use protocol::Address;
use serde::Serialize;

/// `GET /v1/cluster`: 200, always.
pub(super) async fn get<R: Registers>(State(face): State<Face<R>>) -> Response {
    let body = ClusterJson::new(face.registers.view(), face.registers.metrics());
    ([(CACHE_CONTROL, NEVER_CACHED)], Json(body)).into_response()
}

/// The name of what a node is to its cluster.
pub(super) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Fresh => "fresh",
        Standing::Member => "member",
        Standing::Outsider => "outsider",
    }
}

#[derive(Serialize)]
struct ClusterJson {
    node: String,
    boot: u32,
    address: String,
    standing: &'static str,
    cluster: Option<String>,
    epoch: u64,
    members: Vec<MemberJson>,
    awaited: Vec<String>,
    quorum: bool,
    quorum_lost: bool,
    registers: usize,
    operations_running: usize,
    rounds: OperationsJson,
    durability: &'static str,
    version: &'static str,
    commit: &'static str,
}

#[derive(Serialize)]
struct MemberJson {
    id: String,
    address: String,
    state: String,
    lost: bool,
}

/// How many of this node's operations were done in so many rounds of messages.
#[derive(Serialize)]
struct OperationsJson {
    read: RoundsJson,
    write: RoundsJson,
    delete: RoundsJson,
}

#[derive(Serialize)]
struct RoundsJson {
    one: u64,
    two: u64,
    more: u64,
}

impl ClusterJson {
    fn new(view: ClusterView, metrics: &Metrics) -> Self {
        let text = |address: &Address| address.to_string();
        Self {
            node: view.node.node.to_string(),
            boot: view.node.boot.get(),
            address: text(&view.address),
            standing: standing(view.standing),
            cluster: view.cluster.map(|cluster| cluster.to_string()),
            epoch: view.epoch.0,
            members: view.members.iter().map(MemberJson::new).collect(),
            awaited: view.awaited.iter().map(text).collect(),
            quorum: view.quorum,
            quorum_lost: view.quorum_lost,
            registers: view.registers,
            operations_running: view.operations_running,
            rounds: OperationsJson {
                read: RoundsJson::new(metrics, OperationKind::Read),
                write: RoundsJson::new(metrics, OperationKind::Write),
                delete: RoundsJson::new(metrics, OperationKind::Delete),
            },
            durability: "memory",
            version: metrics.build().version,
            commit: metrics.build().commit,
        }
    }
}

impl MemberJson {
    fn new(member: &MemberView) -> Self {
        Self {
            id: member.id.to_string(),
            address: member.address.to_string(),
            state: member.state.to_string(),
            lost: member.lost,
        }
    }
}

impl RoundsJson {
    fn new(metrics: &Metrics, kind: OperationKind) -> Self {
        let rounds = metrics.rounds(kind);
        Self {
            one: rounds.one,
            two: rounds.two,
            more: rounds.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::http::double::Server;
    use crate::server::Standing;
    use protocol::{Epoch, PeerState};
    use serde_json::json;

    #[tokio::test]
    async fn the_view_has_the_members_and_how_reads_went() {
        let server = Server::start().await;
        server.get("/read/1").await;
        server.get("/read/1").await;
        server.request("PUT", "/v1/registers/1", b"x").await;
        server.request("DELETE", "/v1/registers/1", b"").await;
        server.change(|state| {
            state.view.members.truncate(2);
            state.view.members[1].state = PeerState::Suspect;
            state.view.members[1].lost = true;
            state.view.registers = 5;
        });
        let answer = server.get("/v1/cluster").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let expected = json!({
            "node": "0000000000000001",
            "boot": 1,
            "address": "127.0.0.1:3030",
            "standing": "member",
            "cluster": "00000000000000c1",
            "epoch": 1,
            "members": [
                {
                    "id": "0000000000000001",
                    "address": "127.0.0.1:3030",
                    "state": "alive",
                    "lost": false,
                },
                {
                    "id": "0000000000000002",
                    "address": "127.0.0.1:3031",
                    "state": "suspect",
                    "lost": true,
                },
            ],
            "awaited": [],
            "quorum": true,
            "quorum_lost": false,
            "registers": 5,
            "operations_running": 0,
            "rounds": {
                "read": { "one": 2, "two": 0, "more": 0 },
                "write": { "one": 0, "two": 1, "more": 0 },
                "delete": { "one": 0, "two": 1, "more": 0 },
            },
            "durability": "memory",
            "version": "1.2.3",
            "commit": "abc",
        });
        assert_eq!(answer.json(), expected);
    }

    #[tokio::test]
    async fn before_there_is_a_cluster_the_view_says_whom_it_waits_for() {
        let server = Server::start().await;
        server.change(|state| {
            state.view.standing = Standing::Fresh;
            state.view.cluster = None;
            state.view.epoch = Epoch::NONE;
            state.view.members.clear();
            state.view.awaited = vec!["127.0.0.1:3032".parse().unwrap()];
        });
        let answer = server.get("/v1/cluster").await;
        assert_eq!(answer.status, 200);
        let json = answer.json();
        assert_eq!(json["standing"], "fresh");
        assert_eq!(json["cluster"], json!(null));
        assert_eq!(json["members"], json!([]));
        assert_eq!(json["awaited"], json!(["127.0.0.1:3032"]));
    }
}
