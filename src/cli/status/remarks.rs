//! What is unusual in a cluster, and what to do about it: [`remarks`].

use super::Status;
use super::health::of_slots;
use crate::cli::client::{MemberStanding, MemberView, Standing, State, View};

/// A sentence for each thing that is not as it should be.
pub(super) fn remarks(status: &Status) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut members: Vec<&MemberView> = status.view.members.iter().collect();
    members.sort_by_key(|member| (&member.address, &member.id));
    for member in members {
        remarks.extend(member_remark(status, member));
    }
    for (address, answer) in &status.answers {
        if let Ok((_, own)) = answer {
            remarks.extend(node_remark(status, address.as_str(), own));
        }
    }
    remarks.extend(change_remark(&status.view));
    remarks
}

/// What is unusual in how the others see a member.
fn member_remark(status: &Status, member: &MemberView) -> Option<String> {
    let MemberView {
        id,
        address,
        state,
        lost,
        standing,
        lacking_slots,
        ..
    } = member;
    let answers = status.answers.iter();
    let answer = answers
        .filter(|(asked, _)| asked.as_str() == address)
        .find_map(|(_, answer)| answer.as_ref().err());
    let silence = match answer {
        Some(error) => format!(" (here: {error})"),
        None => String::new(),
    };
    if *lost {
        return Some(format!(
            "{address} is lost: the process there has an empty memory. By itself it comes back in \
             its old place as soon as a majority of the members agrees."
        ));
    }
    match state {
        State::Down | State::Suspect if *standing == MemberStanding::Joining => Some(format!(
            "{address} is {state}{silence}, and is to come: the change waits for it. 'members \
             abort' gives that up at once, and it is given up by itself if this goes on."
        )),
        State::Down if *standing == MemberStanding::Leaving => Some(format!(
            "{address} is down, and leaving{silence}: what it holds is copied from others."
        )),
        State::Down => Some(format!(
            "{address} is down{silence}. If it has died, start it again, and it comes back by \
             itself; if it is gone for good, let it go with 'members remove {id}'."
        )),
        State::Suspect => Some(format!(
            "{address} is suspect{silence}: it is late to answer, and others are asked first. If \
             this goes on, it is frozen, overloaded or cut off."
        )),
        State::Alive if *lacking_slots > 0 => Some(format!(
            "{address} may lack something in {} that it is to hold, and is copying it from others.",
            of_slots(*lacking_slots)
        )),
        State::Alive => answer
            .map(|error| format!("{address} answers {}, and not here: {error}.", status.asked)),
    }
}

/// What is unusual in what a node says of itself.
fn node_remark(status: &Status, address: &str, own: &View) -> Option<String> {
    if let Some(by) = &own.replaced_by {
        return Some(format!(
            "{address} has been replaced by {by} and serves no more; it is about to exit."
        ));
    }
    let known = status.view.cluster.as_ref()?;
    let is_member = status
        .view
        .members
        .iter()
        .any(|member| member.id == own.node);
    match (&own.cluster, own.standing) {
        (Some(other), _) if other != known => {
            Some(format!("{address} belongs to another cluster, {other}."))
        }
        (_, Standing::Fresh) => Some(format!(
            "{address} is fresh: it runs and knows of no cluster. Either it has just started, or \
             it reaches none of the nodes that its --peers or --join name."
        )),
        (_, Standing::Outsider) if is_member => None,
        (_, Standing::Outsider) => Some(format!(
            "{address} is an outsider: it holds nothing and passes requests on. It asks to be let \
             in by itself if it was started with --join or its address is a member's; else \
             'members add {address}' lets it in."
        )),
        (_, Standing::Member) => None,
    }
}

/// What is unusual in the change that is under way.
fn change_remark(view: &View) -> Option<String> {
    /// Above it, more is amiss than a busy machine.
    const STALLED_MS: u64 = 5_000;
    let change = view.change.as_ref()?;
    (change.stalled_for_ms >= STALLED_MS).then(|| {
        "The change of members does not move on; it is given up by itself if that goes on, or at \
         once by 'members abort'."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::health::Health;
    use super::super::testing::{member, own, status, view};
    use super::*;
    use serde_json::{Value, json};

    fn health(fields: Value) -> Health {
        let others = vec![(2, Ok(own(2, "member"))), (3, Ok(own(3, "member")))];
        Health::of(&status(view(fields), others))
    }

    fn changed(number: u8, field: &str, value: Value) -> Value {
        let mut member = member(number);
        member[field] = value;
        member
    }

    #[test]
    fn each_unusual_state_of_a_member_has_its_sentence() {
        for (field, value, part) in [
            (
                "lost",
                json!(true),
                "127.0.0.1:2 is lost: the process there",
            ),
            ("state", json!("down"), "members remove 0000000000000002"),
            ("state", json!("suspect"), "127.0.0.1:2 is suspect"),
            (
                "lacking_slots",
                json!(160),
                "may lack something in 160 of 16,384 slots",
            ),
        ] {
            let members = json!([member(1), changed(2, field, value), member(3)]);
            let health = health(json!({ "members": members }));
            assert!(health.serves);
            assert_eq!(health.remarks.len(), 1, "{:?}", health.remarks);
            assert!(health.remarks[0].contains(part), "{:?}", health.remarks);
        }
    }

    #[test]
    fn a_change_that_waits_for_a_node_that_is_to_come_can_be_given_up() {
        for state in ["suspect", "down"] {
            let mut joining = changed(4, "state", json!(state));
            joining["standing"] = json!("joining");
            let members = json!([member(1), member(2), member(3), joining]);
            let remarks = health(json!({ "members": members })).remarks;
            assert_eq!(remarks.len(), 1, "{remarks:?}");
            assert!(remarks[0].contains("'members abort'"), "{remarks:?}");
        }
    }

    #[test]
    fn a_node_that_is_no_member_is_told_what_it_is() {
        let remarks = |own: View| Health::of(&status(view(json!({})), vec![(4, Ok(own))])).remarks;
        for (own, part) in [
            (own(4, "outsider"), "members add 127.0.0.1:4"),
            (own(4, "fresh"), "127.0.0.1:4 is fresh"),
            (
                view(json!({ "node": "04", "cluster": "00000000000000c2" })),
                "belongs to another cluster, 00000000000000c2",
            ),
            (
                view(json!({ "node": "04", "replaced_by": "0a" })),
                "has been replaced by 0a",
            ),
        ] {
            let remarks = remarks(own);
            assert_eq!(remarks.len(), 1, "{remarks:?}");
            assert!(remarks[0].contains(part), "{remarks:?}");
        }
    }

    #[test]
    fn a_member_that_answers_the_others_and_not_here_is_told() {
        let status = status(view(json!({})), vec![(2, Err("no answer in 1000 ms"))]);
        let remarks = Health::of(&status).remarks;
        assert_eq!(
            remarks,
            ["127.0.0.1:2 answers 127.0.0.1:1, and not here: no answer in 1000 ms."]
        );
    }

    #[test]
    fn a_change_that_does_not_move_on_is_told() {
        let change = |stalled_for_ms| {
            let change = json!({
                "epoch": 2, "joining": [], "leaving": [], "groups": 4, "groups_copied": 1,
                "registers": 0, "bytes": 0, "stalled_for_ms": stalled_for_ms,
            });
            health(json!({ "change": change })).remarks
        };
        assert_eq!(change(4_999), [""; 0]);
        assert!(change(5_000)[0].contains("members abort"));
    }
}
