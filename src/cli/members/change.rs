//! A change of members, as it is asked for, and what it is to lead to: [`Change`], [`Goal`].

use super::name::MemberName;
use crate::cli::client::{ENCODED, MemberStanding, MembersView};
use crate::cli::figures::counted;
use hyper::Method;
use hyper::body::Bytes;
use percent_encoding::percent_encode;
use protocol::Address;
use serde_json::{Map, Value, json};
use std::fmt;

/// A change of members, as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Let in the node at an address.
    Add {
        /// Where it is.
        address: Address,
        /// Its weight, if it is not to be the usual one.
        weight: Option<u32>,
    },
    /// Let a member go.
    Remove {
        /// The member.
        member: MemberName,
    },
    /// Let the node at an address come in a member's place.
    Replace {
        /// The member.
        member: MemberName,
        /// Where the other node is.
        address: Address,
    },
    /// Give up the change that is under way.
    Abort,
    /// Go on without members that are lost for good.
    Recover {
        /// Their ids.
        lost: Vec<String>,
        /// The slots that may be forced, if not all that have to be.
        slots: Option<String>,
    },
}

/// Where nodes tell what a recovery would do, and are asked for one.
pub(crate) const RECOVER_PATH: &str = "/v1/recover";

/// What the members are to be like in the end. By it a change is recognised whose answer was lost,
/// and one that was given up is told from one that is done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Goal {
    /// Addresses at which there is to be a member.
    present: Vec<String>,
    /// Ids of nodes that are to be none.
    absent: Vec<String>,
}

impl Change {
    /// What is asked of a node.
    pub(crate) fn request(&self) -> (Method, String, Bytes) {
        let body = |fields: Map<String, Value>| Bytes::from(Value::Object(fields).to_string());
        let mut fields = Map::new();
        match self {
            Self::Add { address, weight } => {
                fields.insert("address".to_owned(), address.as_str().into());
                if let Some(weight) = weight {
                    fields.insert("weight".to_owned(), json!(weight));
                }
                (Method::POST, "/v1/members".to_owned(), body(fields))
            }
            Self::Remove { member } => {
                let member = member.to_string();
                let member = percent_encode(member.as_bytes(), ENCODED);
                (
                    Method::DELETE,
                    format!("/v1/members/{member}"),
                    Bytes::new(),
                )
            }
            Self::Replace { member, address } => {
                fields.insert("address".to_owned(), address.as_str().into());
                fields.insert("replaces".to_owned(), member.to_string().into());
                (Method::POST, "/v1/members".to_owned(), body(fields))
            }
            Self::Abort => (
                Method::DELETE,
                "/v1/members/change".to_owned(),
                Bytes::new(),
            ),
            Self::Recover { lost, slots } => {
                fields.insert("lost".to_owned(), lost.as_slice().into());
                if let Some(slots) = slots {
                    fields.insert("slots".to_owned(), slots.as_str().into());
                }
                (Method::POST, RECOVER_PATH.to_owned(), body(fields))
            }
        }
    }

    /// What it is to lead to, given the members before it. Whom it names that is no member, the
    /// node that is asked will say.
    pub(crate) fn goal(&self, before: &MembersView) -> Goal {
        let id_of = |name: &MemberName| {
            let member = before.members.iter().find(|member| match name {
                MemberName::Id(id) => member.id == *id,
                MemberName::Address(address) => member.address == address.as_str(),
            });
            member.map(|member| member.id.clone()).into_iter().collect()
        };
        match self {
            Self::Add { address, .. } => Goal {
                present: vec![address.to_string()],
                absent: Vec::new(),
            },
            Self::Remove { member } => Goal {
                present: Vec::new(),
                absent: id_of(member),
            },
            Self::Replace { member, address } => Goal {
                present: vec![address.to_string()],
                absent: id_of(member),
            },
            Self::Abort => match &before.change {
                Some(change) => Goal {
                    present: (change.leaving.iter())
                        .filter_map(|id| Some(before.member(id)?.address.clone()))
                        .collect(),
                    absent: change.joining.clone(),
                },
                None => Goal::default(),
            },
            Self::Recover { lost, .. } => Goal {
                present: Vec::new(),
                absent: lost.clone(),
            },
        }
    }

    /// Whether no other node is to be asked once one has refused it.
    pub(crate) fn is_asked_of_one(&self) -> bool {
        matches!(self, Self::Recover { .. })
    }

    /// Its name on the command line.
    pub(crate) fn verb(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Remove { .. } => "remove",
            Self::Replace { .. } => "replace",
            Self::Abort => "abort",
            Self::Recover { .. } => "recover",
        }
    }

    /// What is so once it is done.
    pub(crate) fn done(&self) -> String {
        match self {
            Self::Add { address, .. } => format!("{address} is a member"),
            Self::Remove { member } => format!("{member} is a member no longer"),
            Self::Replace { member, address } => format!("{address} has come in {member}'s place"),
            Self::Abort => "the change is given up, and the members are those before it".to_owned(),
            Self::Recover { lost, .. } => {
                let lost = counted(lost.len() as u64, "lost member", "lost members");
                format!("the cluster goes on without {lost}")
            }
        }
    }

    /// What is so if it came to nothing.
    pub(crate) fn undone(&self) -> String {
        match self {
            Self::Abort => {
                "the change was all but done, and was finished instead of given up".to_owned()
            }
            _ => {
                format!("{self} was given up; the members are those before it, and nothing is lost")
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { address, .. } => write!(f, "adding {address}"),
            Self::Remove { member } => write!(f, "removing {member}"),
            Self::Replace { member, address } => write!(f, "replacing {member} by {address}"),
            Self::Abort => f.write_str("giving up the change"),
            Self::Recover { lost, .. } => {
                let lost = counted(lost.len() as u64, "lost member", "lost members");
                write!(f, "going on without {lost}")
            }
        }
    }
}

impl Goal {
    /// Whether the members are as they are to be, or will be once the change that is under way is
    /// done.
    pub(crate) fn is_met(&self, view: &MembersView) -> bool {
        let mut staying =
            (view.members.iter()).filter(|member| member.standing != MemberStanding::Leaving);
        let is_absent = |id: &String| !staying.clone().any(|member| member.id == *id);
        self.absent.iter().all(is_absent)
            && (self.present.iter())
                .all(|address| staying.clone().any(|member| member.address == *address))
            && staying.next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// Members by id and address; one that is to come begins with `+`, one that is to go with `-`.
    fn view(members: &[(&str, &str)]) -> MembersView {
        let ids = |sign: char| -> Vec<&str> {
            let signed = members.iter().filter_map(|(id, _)| id.strip_prefix(sign));
            signed.collect()
        };
        let change = json!({
            "epoch": 2, "joining": ids('+'), "leaving": ids('-'), "groups": 1, "groups_copied": 0,
            "registers": 0, "bytes": 0, "stalled_for_ms": 0,
        });
        let members: Vec<Value> = members
            .iter()
            .map(|(id, address)| {
                let standing = match id.chars().next() {
                    Some('+') => "joining",
                    Some('-') => "leaving",
                    _ => "member",
                };
                let id = id.trim_start_matches(['+', '-']);
                json!({ "id": id, "address": address, "state": "alive", "standing": standing })
            })
            .collect();
        MembersView::deserialize(json!({
            "cluster": "c", "epoch": 2, "replication": 3, "members": members, "former": [],
            "change": change,
        }))
        .unwrap()
    }

    fn name(text: &str) -> MemberName {
        match text.parse() {
            Ok(address) => MemberName::Address(address),
            Err(_) => MemberName::Id(text.to_owned()),
        }
    }

    fn remove(member: &str) -> Change {
        Change::Remove {
            member: name(member),
        }
    }

    fn replace(member: &str, address: &str) -> Change {
        Change::Replace {
            member: name(member),
            address: address.parse().unwrap(),
        }
    }

    #[test]
    fn each_change_has_its_request() {
        let add = |weight| Change::Add {
            address: "b:1".parse().unwrap(),
            weight,
        };
        let asks = |change: Change| {
            let (method, path, body) = change.request();
            format!("{method} {path} {}", String::from_utf8_lossy(&body))
        };
        assert_eq!(asks(add(None)), r#"POST /v1/members {"address":"b:1"}"#);
        assert_eq!(
            asks(add(Some(5))),
            r#"POST /v1/members {"address":"b:1","weight":5}"#
        );
        assert_eq!(
            asks(replace("aa", "b:1")),
            r#"POST /v1/members {"address":"b:1","replaces":"aa"}"#
        );
        assert_eq!(
            asks(remove("[::1]:7")),
            "DELETE /v1/members/%5B%3A%3A1%5D%3A7 "
        );
        assert_eq!(asks(Change::Abort), "DELETE /v1/members/change ");
        let recover = |slots: Option<&str>| Change::Recover {
            lost: vec!["aa".to_owned(), "bb".to_owned()],
            slots: slots.map(str::to_owned),
        };
        assert_eq!(
            asks(recover(None)),
            r#"POST /v1/recover {"lost":["aa","bb"]}"#
        );
        assert_eq!(
            asks(recover(Some("0-15"))),
            r#"POST /v1/recover {"lost":["aa","bb"],"slots":"0-15"}"#
        );
    }

    #[test]
    fn a_goal_is_met_when_the_members_are_as_they_are_to_be_or_will_be() {
        let before = view(&[("1", "a:1"), ("2", "b:1")]);
        let add = Change::Add {
            address: "c:1".parse().unwrap(),
            weight: None,
        };
        let cases = [
            (add, vec![("1", "a:1"), ("2", "b:1"), ("+3", "c:1")]),
            (remove("b:1"), vec![("1", "a:1")]),
            (remove("2"), vec![("1", "a:1"), ("-2", "b:1")]),
            (replace("2", "c:1"), vec![("1", "a:1"), ("3", "c:1")]),
            // A process that has restarted comes in its own former place.
            (
                replace("b:1", "b:1"),
                vec![("1", "a:1"), ("3", "b:1"), ("-2", "b:1")],
            ),
        ];
        for (change, after) in cases {
            let goal = change.goal(&before);
            assert!(!goal.is_met(&before), "{change}");
            assert!(goal.is_met(&view(&after)), "{change}");
        }
    }

    #[test]
    fn a_change_is_given_up_when_those_who_were_to_go_stay_and_the_others_stay_away() {
        let under_way = view(&[("1", "a:1"), ("-2", "b:1"), ("+3", "c:1")]);
        let goal = Change::Abort.goal(&under_way);
        assert!(!goal.is_met(&under_way));
        assert!(goal.is_met(&view(&[("1", "a:1"), ("2", "b:1")])));
        assert!(!goal.is_met(&view(&[("1", "a:1"), ("3", "c:1")])));
    }
}
