//! The table of a cluster's nodes: [`NodeRow`].

use super::{Answer, Status};
use crate::cli::client::{MemberView, State};
use crate::cli::figures::{bytes, grouped};
use protocol::{Address, Slot};

/// One node: how the others see it, and what it says of itself.
pub(super) struct NodeRow<'a> {
    address: &'a Address,
    member: Option<&'a MemberView>,
    answer: Option<&'a Answer>,
}

/// What a column shows, from the most important to the least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    Node,
    State,
    Standing,
    Slots,
    Registers,
    Bytes,
    Lacking,
    Id,
    Running,
    OneRoundReads,
    Version,
}

impl Column {
    /// All columns, from the most important to the least.
    pub(super) const ALL: [Column; 11] = [
        Column::Node,
        Column::State,
        Column::Standing,
        Column::Slots,
        Column::Registers,
        Column::Bytes,
        Column::Lacking,
        Column::Id,
        Column::Running,
        Column::OneRoundReads,
        Column::Version,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Column::Node => "NODE",
            Column::State => "STATE",
            Column::Standing => "STANDING",
            Column::Slots => "SLOTS HELD",
            Column::Registers => "REGISTERS",
            Column::Bytes => "BYTES",
            Column::Lacking => "LACKING",
            Column::Id => "ID",
            Column::Running => "RUNNING",
            Column::OneRoundReads => "ONE-ROUND READS",
            Column::Version => "VERSION",
        }
    }

    /// Whether it is a number, which is set to the right.
    pub(super) fn is_number(self) -> bool {
        matches!(
            self,
            Column::Registers
                | Column::Bytes
                | Column::Lacking
                | Column::Running
                | Column::OneRoundReads
        )
    }
}

impl<'a> NodeRow<'a> {
    /// The rows of a cluster: each address that answers or is a member's, and two of an address
    /// where one comes in another's place.
    pub(super) fn all(status: &'a Status) -> Vec<NodeRow<'a>> {
        let mut rows = Vec::new();
        for (address, answer) in &status.answers {
            let own = answer.as_ref().ok().map(|(_, view)| &view.node);
            let members: Vec<&MemberView> = status.members_at(address).collect();
            // Whose process it is that answers there: its own, or with one member, that one's.
            let answering = members.iter().position(|member| Some(&member.id) == own);
            let answering = answering.or((members.len() == 1).then_some(0));
            if answering.is_none() {
                rows.push(NodeRow {
                    address,
                    member: None,
                    answer: Some(answer),
                });
            }
            rows.extend(members.iter().enumerate().map(|(index, &member)| NodeRow {
                address,
                member: Some(member),
                answer: (Some(index) == answering).then_some(answer),
            }));
        }
        rows
    }

    /// What it has in a column.
    pub(super) fn cell(&self, column: Column, bar: impl Fn(f64) -> String) -> String {
        let own = self.answer.and_then(|answer| answer.as_ref().ok());
        let own = own.map(|(_, view)| view);
        let cell = match column {
            Column::Node => Some(self.address.to_string()),
            Column::State => self.member.map(|member| match member.lost {
                true => "lost".to_owned(),
                false => member.state.to_string(),
            }),
            Column::Standing => match (self.member, own) {
                (Some(member), Some(own)) if member.id != own.node => {
                    Some(own.standing.to_string())
                }
                (Some(member), _) => Some(member.standing.to_string()),
                (None, own) => own.map(|own| own.standing.to_string()),
            },
            Column::Slots => self.member.map(|member| {
                let share = member.slots as f64 / f64::from(Slot::COUNT);
                format!("{}{:5.1} %", bar(share), share * 100.0)
            }),
            Column::Registers => own.map(|own| grouped(own.registers)),
            Column::Bytes => own.map(|own| bytes(own.bytes)),
            Column::Lacking => match (own, self.member) {
                (Some(own), Some(member)) if own.node == member.id => Some(own.lacking_slots),
                (_, member) => member.map(|member| member.lacking_slots),
            }
            .map(|slots| match slots {
                0 => "-".to_owned(),
                slots => grouped(slots),
            }),
            Column::Id => match (own, self.member) {
                (Some(own), _) => Some(own.node.clone()),
                (None, member) => member.map(|member| member.id.clone()),
            },
            Column::Running => own.map(|own| grouped(own.operations_running)),
            Column::OneRoundReads => own
                .and_then(|own| own.rounds.read.share_of_one())
                .map(|share| format!("{:.1} %", share * 100.0)),
            Column::Version => own.map(|own| own.version.clone()),
        };
        cell.unwrap_or_else(|| "-".to_owned())
    }

    /// How the others see it, if it is a member.
    pub(super) fn state(&self) -> Option<State> {
        self.member.map(|member| match member.lost {
            true => State::Down,
            false => member.state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{address, member, own, status, view};
    use super::*;
    use serde_json::json;

    fn cells(row: &NodeRow<'_>) -> Vec<String> {
        let cells = Column::ALL
            .iter()
            .map(|&column| row.cell(column, |_| String::new()));
        cells.collect()
    }

    #[test]
    fn a_node_is_shown_as_the_others_see_it_and_in_its_own_words() {
        let status = status(view(json!({})), vec![(2, Err("refused"))]);
        let rows = NodeRow::all(&status);
        assert_eq!(
            cells(&rows[0]),
            [
                "127.0.0.1:1",
                "alive",
                "member",
                "100.0 %",
                "60,000",
                "4.00 MiB",
                "-",
                "0000000000000001",
                "3",
                "99.9 %",
                "0.1.0",
            ]
        );
        assert_eq!(
            cells(&rows[1]),
            [
                "127.0.0.1:2",
                "alive",
                "member",
                "100.0 %",
                "-",
                "-",
                "-",
                "0000000000000002",
                "-",
                "-",
                "-",
            ]
        );
    }

    #[test]
    fn a_process_that_is_not_the_member_at_its_address_is_shown_as_what_it_is() {
        let mut lost = member(2);
        lost["lost"] = json!(true);
        let view = view(json!({ "members": [member(1), lost, member(3)] }));
        let status = status(view, vec![(2, Ok(own(9, "outsider")))]);
        let rows = NodeRow::all(&status);
        let cells = cells(&rows[1]);
        assert_eq!(cells[..3], ["127.0.0.1:2", "lost", "outsider"]);
        assert_eq!(cells[7], "0000000000000009");
    }

    #[test]
    fn one_that_comes_in_the_others_place_and_that_one_have_a_row_each() {
        let mut old = member(2);
        old["standing"] = json!("leaving");
        old["state"] = json!("down");
        let mut new = member(9);
        new["address"] = json!(address(2).as_str());
        new["standing"] = json!("joining");
        let view = view(json!({ "members": [member(1), old, new] }));
        let status = status(view, vec![(2, Ok(own(9, "outsider")))]);
        let rows: Vec<Vec<String>> = NodeRow::all(&status).iter().map(cells).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1][..3], ["127.0.0.1:2", "down", "leaving"]);
        assert_eq!(rows[1][4], "-");
        assert_eq!(rows[2][..3], ["127.0.0.1:2", "alive", "joining"]);
        assert_eq!(rows[2][4], "60,000");
    }
}
