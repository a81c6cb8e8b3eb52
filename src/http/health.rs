//! `/livez` and `/readyz`: whether to restart the process, and whether to send it clients.
//!
//! They are two questions: a node without a quorum is not ready, and to restart it would only
//! cost its memory.

use super::{Face, NEVER_CACHED, Registers};
use crate::server::{ClusterView, Standing};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use protocol::PeerState;
use std::fmt::{self, Display};

/// `GET /livez`: 200 as long as the process answers.
pub(super) async fn live() -> Response {
    ([(CACHE_CONTROL, NEVER_CACHED)], "live\n").into_response()
}

/// `GET /readyz`: 200 if an operation that starts here can be expected to end well, else 503. The
/// body has one line for each failed check; with `?verbose`, for every check.
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

fn checks(view: &ClusterView) -> [Check; 3] {
    [cluster(view), quorum(view), memory(view)]
}

fn cluster(view: &ClusterView) -> Check {
    let cluster = view.cluster.map(|id| id.to_string()).unwrap_or_default();
    let epoch = view.epoch;
    Check {
        passed: view.standing != Standing::Fresh,
        name: "cluster",
        finding: match view.standing {
            Standing::Member => format!("a member of cluster {cluster} in epoch {epoch}"),
            Standing::Outsider => format!(
                "no member of cluster {cluster} (epoch {epoch}): this node started without \
                 memory after the cluster was founded; it holds no registers and forwards to \
                 members"
            ),
            Standing::Fresh if view.awaited.is_empty() => {
                "none yet; all listed nodes answer and have not agreed so far: if this goes on, \
                 the nodes' logs say why"
                    .into()
            }
            Standing::Fresh => {
                let awaited: Vec<_> = view.awaited.iter().map(|each| each.as_str()).collect();
                format!("none yet; founding one waits for {}", awaited.join(", "))
            }
        },
    }
}

fn quorum(view: &ClusterView) -> Check {
    let is_alive = |member: &&_| is_alive(member);
    let (members, alive) = (
        view.members.len(),
        view.members.iter().filter(is_alive).count(),
    );
    Check {
        passed: view.quorum,
        name: "quorum",
        finding: if members == 0 {
            "none without a cluster".into()
        } else {
            format!(
                "{alive} of {members} members alive, {} needed",
                needed(view)
            )
        },
    }
}

fn memory(view: &ClusterView) -> Check {
    let members = view.members.len();
    let lost = view.members.iter().filter(|member| member.lost).count();
    Check {
        passed: !view.quorum_lost,
        name: "memory",
        finding: if view.quorum_lost {
            format!(
                "{lost} of {members} members lost theirs, and {} are needed: the cluster's data \
                 is gone, and the cluster must be started anew",
                needed(view)
            )
        } else {
            format!("{lost} of {members} members lost theirs")
        },
    }
}

fn is_alive(member: &crate::server::MemberView) -> bool {
    member.state == PeerState::Alive && !member.lost
}

/// How many members make a quorum.
fn needed(view: &ClusterView) -> usize {
    view.members.len() / 2 + 1
}

#[cfg(test)]
mod tests {
    use crate::http::double::Server;
    use crate::server::{ClusterView, Standing};
    use protocol::PeerState;

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
            view.quorum = false;
            view.awaited = vec!["a:1".parse().unwrap(), "b:2".parse().unwrap()];
        };
        let (status, body) = ready_after(change, "/readyz").await;
        assert_eq!(status, 503);
        assert_eq!(
            body,
            "[-] cluster: none yet; founding one waits for a:1, b:2\n\
             [-] quorum: none without a cluster\n\
             not ready\n"
        );
    }

    #[tokio::test]
    async fn without_a_quorum_it_is_not_ready_and_counts() {
        let change = |view: &mut ClusterView| {
            view.members[1].state = PeerState::Down;
            view.members[2].state = PeerState::Suspect;
            view.quorum = false;
        };
        let (status, body) = ready_after(change, "/readyz").await;
        assert_eq!(status, 503);
        assert_eq!(
            body,
            "[-] quorum: 1 of 3 members alive, 2 needed\nnot ready\n"
        );
    }

    #[tokio::test]
    async fn when_the_data_is_gone_it_says_so() {
        let change = |view: &mut ClusterView| {
            view.members[1].lost = true;
            view.members[2].lost = true;
            view.quorum = false;
            view.quorum_lost = true;
        };
        let (status, body) = ready_after(change, "/readyz?verbose").await;
        assert_eq!(status, 503);
        assert!(body.contains("[-] quorum: 1 of 3 members alive"), "{body}");
        let gone = "[-] memory: 2 of 3 members lost theirs, and 2 are needed: the cluster's data \
                    is gone";
        assert!(body.contains(gone), "{body}");
    }
}
