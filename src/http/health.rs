//! `/livez` and `/readyz`: whether to restart the process, and whether to send it clients.
//!
//! They are two questions: a node without a quorum is not ready, and to restart it would only
//! cost its memory.

use super::{Face, NEVER_CACHED, Registers};
use crate::disk::Pressure;
use crate::server::{ClusterView, MemberStanding, MemberView, Standing, slots};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use protocol::{Group, Groups, Slot};
use std::fmt::{self, Display};

/// `GET /livez`: 200 as long as the process answers.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "node",
    operation_id = "live",
    summary = "Whether the process runs",
    security(()),
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain"))
)]
pub(super) async fn live() -> Response {
    ([(CACHE_CONTROL, NEVER_CACHED)], "live\n").into_response()
}

/// `GET /readyz`: 200 if an operation that starts here can be expected to end well, else 503. The
/// body has one line for each failed check; with `?verbose`, for every check.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "node",
    operation_id = "ready",
    summary = "Whether clients should be sent here",
    security(()),
    params(("verbose" = Option<String>, Query, description = "Tell of every check.")),
    responses(
        (status = 200, description = "They should.", body = String, content_type = "text/plain"),
        (
            status = 503,
            description = "They should not, for what is told.",
            body = String,
            content_type = "text/plain"
        )
    )
)]
pub(super) async fn ready<R: Registers>(State(face): State<Face<R>>, request: Request) -> Response {
    let parameters = request.uri().query().unwrap_or_default();
    let verbose = parameters.split('&').any(|parameter| {
        let key = parameter.split_once('=').map_or(parameter, |(key, _)| key);
        key == "verbose"
    });
    let checks = checks(&face.registers.view());
    let ready = checks.iter().all(|check| check.passed);
    let mut body: String = (checks.iter())
        .filter(|check| verbose || !check.passed)
        .map(Check::to_string)
        .collect();
    let (status, verdict) = if ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    };
    body.push_str(verdict);
    (status, [(CACHE_CONTROL, NEVER_CACHED)], body).into_response()
}

struct Check {
    passed: bool,
    name: &'static str,
    finding: String,
}

impl Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed { '+' } else { '-' };
        writeln!(f, "[{mark}] {}: {}", self.name, self.finding)
    }
}

fn checks(view: &ClusterView) -> Vec<Check> {
    let disk = view.disk.as_ref().map(|found| disk(view, found.pressure));
    let checks = [cluster(view), quorum(view), memory(view)];
    checks.into_iter().chain(disk).collect()
}

/// A disk that is behind catches up sooner than whoever asks could act on it.
fn disk(view: &ClusterView, pressure: Pressure) -> Check {
    let durability = view.durability;
    Check {
        passed: pressure != Pressure::Full,
        name: "disk",
        finding: match pressure {
            Pressure::None => format!("keeps up ({durability})"),
            Pressure::Behind => "behind: writes are refused for the moment".to_owned(),
            Pressure::Full => {
                "full: writes are refused until there is room, and reads go on".to_owned()
            }
        },
    }
}

fn cluster(view: &ClusterView) -> Check {
    let cluster = view.cluster.map(|id| id.to_string()).unwrap_or_default();
    let epoch = view.epoch;
    let finding = match (view.replaced_by, view.standing) {
        (Some(by), _) => {
            format!("node {by} has taken the place of this process, which serves no more")
        }
        (None, Standing::Member) => format!("a member of cluster {cluster} in epoch {epoch}"),
        (None, Standing::Outsider) => format!(
            "no member of cluster {cluster} (epoch {epoch}): this node holds no registers and \
             forwards to members"
        ),
        (None, Standing::Fresh) if view.awaited.is_empty() => {
            "none yet; all listed nodes answer and have not agreed so far: if this goes on, \
             the nodes' logs say why"
                .into()
        }
        (None, Standing::Fresh) => {
            let awaited: Vec<_> = view.awaited.iter().map(|each| each.as_str()).collect();
            format!("none yet; waiting for {}", awaited.join(", "))
        }
    };
    Check {
        passed: view.standing != Standing::Fresh && view.replaced_by.is_none(),
        name: "cluster",
        finding,
    }
}

/// Where some slots have no quorum they have none at any node: to send clients elsewhere would
/// not help those, and would cost the others.
fn quorum(view: &ClusterView) -> Check {
    let voters = voters(view);
    let alive = voters.clone().filter(|member| member.is_well()).count();
    Check {
        passed: view.majority && !are_all(view.without_quorum),
        name: "quorum",
        finding: if view.members.is_empty() {
            "none without a cluster".into()
        } else {
            format!(
                "{alive} of {} members alive, {} needed{}",
                voters.count(),
                needed(view),
                Some(view.without_quorum)
                    .filter(|groups| !groups.is_empty())
                    .map(|groups| format!("; {} have no quorum of their own", listed(groups)))
                    .unwrap_or_default()
            )
        },
    }
}

fn memory(view: &ClusterView) -> Check {
    let lost = voters(view).filter(|member| member.lost).count();
    let members = voters(view).count();
    let mut finding = format!("{lost} of {members} members lost theirs");
    if view.quorum_lost {
        finding += &format!(", and {} are needed", needed(view));
    }
    if !view.groups_lost.is_empty() {
        finding += &format!(
            ": the data of {} is gone; `shardedmemory recover` gathers what the others still hold",
            listed(view.groups_lost)
        );
    }
    Check {
        passed: !view.quorum_lost && !are_all(view.groups_lost),
        name: "memory",
        finding,
    }
}

/// Those whose majority decides on the next change.
fn voters(view: &ClusterView) -> impl Iterator<Item = &MemberView> + Clone {
    let members = view.members.iter();
    members.filter(|member| member.standing != MemberStanding::Joining)
}

/// How many of them make a majority.
fn needed(view: &ClusterView) -> usize {
    voters(view).count() / 2 + 1
}

fn are_all(groups: Groups) -> bool {
    groups.len() == usize::from(Group::COUNT)
}

fn listed(groups: Groups) -> String {
    format!("{} of {} slots", slots(groups.len()), Slot::COUNT)
}

#[cfg(test)]
mod tests {
    use crate::disk::{DiskFigures, Durability, Pressure};
    use crate::http::double::Server;
    use crate::server::{ClusterView, DiskView, MemberStanding, Standing};
    use protocol::{Group, NodeId, PeerState};

    async fn ready_after(change: impl FnOnce(&mut ClusterView), path: &str) -> (u16, String) {
        let server = Server::start().await;
        server.change(|state| change(&mut state.view));
        let answer = server.get(path).await;
        // Whatever the cluster is like, the process lives.
        assert_eq!(server.get("/livez").await.status, 200);
        (answer.status, answer.text().to_owned())
    }

    #[tokio::test]
    async fn a_member_with_a_quorum_is_ready() {
        let (status, body) = ready_after(|_| (), "/readyz").await;
        assert_eq!((status, &*body), (200, "ready\n"));
        let (status, body) = ready_after(|_| (), "/readyz?verbose").await;
        assert_eq!(status, 200);
        assert_eq!(
            body,
            "[+] cluster: a member of cluster 00000000000000c1 in epoch 1\n\
             [+] quorum: 3 of 3 members alive, 2 needed\n\
             [+] memory: 0 of 3 members lost theirs\n\
             ready\n"
        );
    }

    #[tokio::test]
    async fn an_outsider_is_ready_and_says_what_it_is() {
        let change = |view: &mut ClusterView| view.standing = Standing::Outsider;
        assert_eq!(ready_after(change, "/readyz").await.0, 200);
        let (_, body) = ready_after(change, "/readyz?verbose=1").await;
        assert!(
            body.starts_with("[+] cluster: no member of cluster"),
            "{body}"
        );
        assert!(body.contains("forwards to members"), "{body}");
    }

    #[tokio::test]
    async fn a_fresh_node_is_not_ready_and_says_whom_it_waits_for() {
        let change = |view: &mut ClusterView| {
            view.standing = Standing::Fresh;
            view.cluster = None;
            view.members.clear();
            view.majority = false;
            view.awaited = vec!["a:1".parse().unwrap(), "b:2".parse().unwrap()];
        };
        let (status, body) = ready_after(change, "/readyz").await;
        assert_eq!(status, 503);
        assert_eq!(
            body,
            "[-] cluster: none yet; waiting for a:1, b:2\n\
             [-] quorum: none without a cluster\n\
             not ready\n"
        );
    }

    #[tokio::test]
    async fn without_a_quorum_it_is_not_ready_and_counts() {
        let change = |view: &mut ClusterView| {
            view.members[1].state = PeerState::Down;
            view.members[2].state = PeerState::Suspect;
            view.majority = false;
        };
        let (status, body) = ready_after(change, "/readyz").await;
        assert_eq!(status, 503);
        assert_eq!(
            body,
            "[-] quorum: 1 of 3 members alive, 2 needed\nnot ready\n"
        );
    }

    #[tokio::test]
    async fn slots_without_a_quorum_are_named_and_keep_nobody_from_the_others() {
        let change = |view: &mut ClusterView| {
            view.without_quorum = Group::all().take(10).collect();
        };
        let (status, body) = ready_after(change, "/readyz?verbose").await;
        assert_eq!(status, 200);
        let named = "[+] quorum: 3 of 3 members alive, 2 needed; 160 of 16384 slots have no quorum \
                     of their own\n";
        assert!(body.contains(named), "{body}");
        let change = |view: &mut ClusterView| view.without_quorum = Group::all().collect();
        assert_eq!(ready_after(change, "/readyz").await.0, 503);
    }

    #[tokio::test]
    async fn a_node_that_is_to_join_has_no_say_yet() {
        let change = |view: &mut ClusterView| {
            view.members[2].standing = MemberStanding::Joining;
            view.members[2].state = PeerState::Down;
        };
        let (status, body) = ready_after(change, "/readyz?verbose").await;
        assert_eq!(status, 200);
        assert!(body.contains("2 of 2 members alive, 2 needed\n"), "{body}");
    }

    #[tokio::test]
    async fn a_node_without_room_on_its_disk_is_not_ready_and_one_whose_disk_is_behind_is() {
        let with = |pressure| {
            move |view: &mut ClusterView| {
                view.durability = Durability::Sync;
                let figures = DiskFigures::default();
                view.disk = Some(DiskView { pressure, figures });
            }
        };
        let (status, body) = ready_after(with(Pressure::Full), "/readyz").await;
        assert_eq!(status, 503);
        assert!(
            body.contains("[-] disk: full: writes are refused"),
            "{body}"
        );
        let (status, body) = ready_after(with(Pressure::Behind), "/readyz?verbose").await;
        assert_eq!(status, 200);
        assert!(body.contains("[+] disk: behind"), "{body}");
        let (status, body) = ready_after(with(Pressure::None), "/readyz?verbose").await;
        assert_eq!(status, 200);
        assert!(body.contains("[+] disk: keeps up (sync)"), "{body}");
    }

    #[tokio::test]
    async fn a_member_that_still_copies_is_ready() {
        let change = |view: &mut ClusterView| {
            view.lacking_slots = 16_384;
            view.members[0].lacking_slots = 16_384;
        };
        assert_eq!(ready_after(change, "/readyz").await.0, 200);
    }

    #[tokio::test]
    async fn a_process_whose_place_was_taken_is_not_ready() {
        let change = |view: &mut ClusterView| {
            view.standing = Standing::Outsider;
            view.replaced_by = Some(NodeId::new(9));
        };
        let (status, body) = ready_after(change, "/readyz").await;
        assert_eq!(status, 503);
        assert!(body.contains("node 0000000000000009 has taken"), "{body}");
    }

    #[tokio::test]
    async fn when_the_data_is_gone_it_says_so() {
        let change = |view: &mut ClusterView| {
            view.members[1].lost = true;
            view.members[2].lost = true;
            view.majority = false;
            view.quorum_lost = true;
            view.groups_lost = Group::all().collect();
        };
        let (status, body) = ready_after(change, "/readyz?verbose").await;
        assert_eq!(status, 503);
        assert!(body.contains("[-] quorum: 1 of 3 members alive"), "{body}");
        let gone = "[-] memory: 2 of 3 members lost theirs, and 2 are needed: the data of 16384 of \
                    16384 slots is gone; `shardedmemory recover`";
        assert!(body.contains(gone), "{body}");
    }
}
