//! `/v1/cluster`: the cluster as this node sees it.

use super::members_json::{ChangeJson, MemberJson};
use super::openapi::answers;
use super::{Face, NEVER_CACHED, Registers};
use crate::disk::Pressure;
use crate::metrics::{Metrics, OperationKind};
use crate::server::{ClusterView, Standing, slots};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CACHE_CONTROL;
use protocol::Address;
use serde::Serialize;
use utoipa::ToSchema;

/// `GET /v1/cluster`: 200, always.
#[utoipa::path(
    get,
    path = "/v1/cluster",
    tag = "cluster",
    operation_id = "cluster",
    summary = "The cluster as this node sees it",
    responses(
        (status = 200, description = "The cluster.", body = ClusterJson),
        answers::OfAnyone
    )
)]
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

/// The name of how a node's disk is doing.
fn pressure(pressure: Pressure) -> &'static str {
    match pressure {
        Pressure::None => "ok",
        Pressure::Behind => "behind",
        Pressure::Full => "full",
    }
}

/// The cluster as one node sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Cluster)]
struct ClusterJson {
    node: String,
    boot: u32,
    address: String,
    standing: &'static str,
    replaced_by: Option<String>,
    cluster: Option<String>,
    epoch: u64,
    replication: Option<u8>,
    members: Vec<MemberJson>,
    former: Vec<String>,
    change: Option<ChangeJson>,
    awaited: Vec<String>,
    quorum: bool,
    slots_without_quorum: usize,
    losses_survived: Option<usize>,
    quorum_lost: bool,
    slots_lost: usize,
    lacking_slots: usize,
    registers: usize,
    bytes: u64,
    memory_bytes: u64,
    tombstones: usize,
    tombstones_dropped: u64,
    memory_limit: Option<u64>,
    disk: Option<&'static str>,
    copied_registers: u64,
    copied_bytes: u64,
    repaired_registers: u64,
    operations_running: usize,
    rounds: OperationsJson,
    durability: String,
    version: &'static str,
    commit: &'static str,
}

/// How many of this node's operations were done in so many rounds of messages.
#[derive(Serialize, ToSchema)]
#[schema(as = OperationRounds)]
struct OperationsJson {
    read: RoundsJson,
    write: RoundsJson,
    delete: RoundsJson,
    modify: RoundsJson,
}

/// How many operations took so many rounds.
#[derive(Serialize, ToSchema)]
#[schema(as = Rounds)]
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
            replaced_by: view.replaced_by.map(|node| node.to_string()),
            cluster: view.cluster.map(|cluster| cluster.to_string()),
            epoch: view.epoch.0,
            replication: view.replication,
            members: view.members.iter().map(MemberJson::new).collect(),
            former: view.former.iter().map(text).collect(),
            change: view.change.as_ref().map(ChangeJson::new),
            awaited: view.awaited.iter().map(text).collect(),
            quorum: view.quorum(),
            slots_without_quorum: slots(view.without_quorum.len()),
            losses_survived: view.losses_survived,
            quorum_lost: view.quorum_lost,
            slots_lost: slots(view.groups_lost.len()),
            lacking_slots: view.lacking_slots,
            registers: view.registers,
            bytes: view.bytes,
            memory_bytes: view.memory_bytes,
            tombstones: view.tombstones,
            tombstones_dropped: view.tombstones_dropped,
            memory_limit: view.memory_limit,
            disk: view.disk.map(|disk| pressure(disk.pressure)),
            copied_registers: view.copied_registers,
            copied_bytes: view.copied_bytes,
            repaired_registers: view.registers_repaired,
            operations_running: view.operations_running,
            rounds: OperationsJson {
                read: RoundsJson::new(metrics, OperationKind::Read),
                write: RoundsJson::new(metrics, OperationKind::Write),
                delete: RoundsJson::new(metrics, OperationKind::Delete),
                modify: RoundsJson::new(metrics, OperationKind::Modify),
            },
            durability: view.durability.to_string(),
            version: metrics.build().version,
            commit: metrics.build().commit,
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
    use crate::disk::{DiskFigures, Durability, Pressure};
    use crate::http::double::{Server, change_of_epoch};
    use crate::server::{DiskView, MemberStanding, Standing};
    use protocol::{Epoch, Group, PeerState};
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
            state.view.members[1].standing = MemberStanding::Leaving;
            state.view.members[1].lacking_slots = 16;
            state.view.former = vec!["127.0.0.1:3039".parse().unwrap()];
            state.view.change = Some(change_of_epoch(1));
            state.view.without_quorum = Group::all().take(3).collect();
            state.view.losses_survived = Some(0);
            state.view.groups_lost = Group::all().take(1).collect();
            state.view.lacking_slots = 32;
            state.view.registers = 5;
            state.view.bytes = 500;
            state.view.memory_bytes = 2_500;
            state.view.tombstones = 2;
            state.view.tombstones_dropped = 3;
            state.view.registers_repaired = 6;
            state.view.memory_limit = Some(1_000_000);
            state.view.durability = Durability::Interval;
            state.view.disk = Some(DiskView {
                pressure: Pressure::Behind,
                figures: DiskFigures::default(),
            });
            state.view.copied_registers = 4;
            state.view.copied_bytes = 400;
        });
        let answer = server.get("/v1/cluster").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let expected = json!({
            "node": "0000000000000001",
            "boot": 1,
            "address": "127.0.0.1:3030",
            "standing": "member",
            "replaced_by": null,
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
                    "weight": 100,
                    "state": "suspect",
                    "lost": true,
                    "standing": "leaving",
                    "slots": 16384,
                    "lacking_slots": 16,
                },
            ],
            "former": ["127.0.0.1:3039"],
            "change": {
                "epoch": 1,
                "joining": ["0000000000000002"],
                "leaving": [],
                "groups": 1024,
                "groups_copied": 100,
                "registers": 5,
                "bytes": 70,
                "stalled_for_ms": 1500,
            },
            "awaited": [],
            "quorum": false,
            "slots_without_quorum": 48,
            "losses_survived": 0,
            "quorum_lost": false,
            "slots_lost": 16,
            "lacking_slots": 32,
            "registers": 5,
            "bytes": 500,
            "memory_bytes": 2500,
            "tombstones": 2,
            "tombstones_dropped": 3,
            "memory_limit": 1_000_000,
            "disk": "behind",
            "copied_registers": 4,
            "copied_bytes": 400,
            "repaired_registers": 6,
            "operations_running": 0,
            "rounds": {
                "read": { "one": 2, "two": 0, "more": 0 },
                "write": { "one": 0, "two": 1, "more": 0 },
                "delete": { "one": 0, "two": 1, "more": 0 },
                "modify": { "one": 0, "two": 0, "more": 0 },
            },
            "durability": "interval",
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
            state.view.replication = None;
            state.view.losses_survived = None;
            state.view.members.clear();
            state.view.awaited = vec!["127.0.0.1:3032".parse().unwrap()];
        });
        let answer = server.get("/v1/cluster").await;
        assert_eq!(answer.status, 200);
        let json = answer.json();
        assert_eq!(json["standing"], "fresh");
        assert_eq!(json["cluster"], json!(null));
        assert_eq!(json["replication"], json!(null));
        assert_eq!(json["losses_survived"], json!(null));
        assert_eq!(json["members"], json!([]));
        assert_eq!(json["awaited"], json!(["127.0.0.1:3032"]));
    }
}
