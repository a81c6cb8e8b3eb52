//! What a recovery would do: [`Plan`].

use crate::cli::client::{MembersView, ask_for};
use crate::cli::failure::Failure;
use crate::cli::figures::{counted, grouped};
use crate::cli::members::{RECOVER_PATH, Voices};
use crate::cli::output;
use crate::slots::count;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;

/// What `GET /v1/recover` answers.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// The ids of the members that are lost.
    pub(super) lost: Vec<String>,
    /// The ids of those that go on.
    survivors: Vec<String>,
    /// Whether they go on as a new cluster.
    as_new_cluster: bool,
    /// The slots of which no majority is left.
    forced_slots: String,
    /// Those of them that nobody holds who is left.
    gone_slots: String,
}

/// So many ranges are shown to people.
const RANGES_SHOWN_MAX: usize = 12;

impl Plan {
    /// Asks one node after the other what a recovery would do, until one says it: as it writes it,
    /// and as it is understood. It is that node's turn then.
    ///
    /// # Errors
    /// Why no node can say it.
    pub(super) async fn ask(
        voices: &mut Voices,
        lost: &[String],
    ) -> Result<(Value, Self), Failure> {
        let path = match lost {
            [] => RECOVER_PATH.to_owned(),
            lost => format!("{RECOVER_PATH}?lost={}", lost.join(",")),
        };
        let mut reasons = String::new();
        for _ in 0..voices.count() {
            let node = voices.current().clone();
            let deadline = voices.deadline();
            let answer = match voices.connection().await {
                Ok(connection) => ask_for::<Self>(connection, &path, deadline).await,
                Err(unreachable) => Err(unreachable.to_string()),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(reason) => {
                    let _ = write!(reasons, "\n  {node}: {reason}");
                    voices.turn();
                }
            }
        }
        let message = format!("no node can go on without others; nothing happened{reasons}");
        Err(Failure::failed(message)
            .hint("'shardedmemory status' shows which nodes are up, and what is served"))
    }

    /// It, as people read it.
    pub(super) fn to_text(&self, members: &MembersView) -> String {
        let names = |ids: &[String]| -> String {
            let name = |id: &String| match members.member(id) {
                Some(member) => format!("\n  {}  {id}", member.address),
                None => format!("\n  {id}"),
            };
            ids.iter().map(name).collect()
        };
        let mut text = format!("lost for good:{}", names(&self.lost));
        let _ = write!(text, "\n\nleft:{}\n\n", names(&self.survivors));
        text.push_str(match self.as_new_cluster {
            true => {
                "Those that are left are no majority of the members: they go on as a new cluster, \
                 and each of them has to agree. No slot is served until all of them have gathered \
                 what any of them holds."
            }
            false => {
                "Those that are left are a majority of the members, and go on without the others."
            }
        });
        if self.forced_slots.is_empty() {
            text.push_str("\nEvery slot has kept its majority: no register is lost.");
            return text;
        }
        let (forced, gone) = (count(&self.forced_slots), count(&self.gone_slots));
        let _ = write!(
            text,
            "\n{} of 16,384 have lost the majority of those that held them ({}). What was \
             acknowledged last there may be lost; of each register the newest value wins that \
             anyone left has. They are not served until that is gathered.",
            counted(forced, "slot", "slots"),
            shortened(&self.forced_slots)
        );
        match gone {
            0 => text.push_str(" Of each of them at least one holder is left."),
            _ => {
                let _ = write!(
                    text,
                    "\nOf these, nobody is left who held {} ({}): the registers in them are lost, \
                     and will hold nothing.",
                    counted(gone, "slot", "slots"),
                    shortened(&self.gone_slots)
                );
            }
        }
        text
    }

    /// The command that does it.
    pub(super) fn how_to(&self, slots: Option<&str>) -> String {
        let slots = slots.map_or(String::new(), |slots| format!(" --slots {slots}"));
        format!(
            "\nnothing was changed; if these members can never come back, do it by\n  {} recover \
             --lost {}{slots} --force",
            output::program(),
            self.lost.join(",")
        )
    }
}

/// Some of the ranges, and how many there are beside.
fn shortened(ranges: &str) -> String {
    let all: Vec<&str> = ranges.split(',').collect();
    match all.len().checked_sub(RANGES_SHOWN_MAX) {
        None | Some(0) => ranges.to_owned(),
        Some(more) => format!(
            "{} and {} more ranges, all of which --json shows",
            all[..RANGES_SHOWN_MAX].join(","),
            grouped(more as u64)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members() -> MembersView {
        let member = |number: u8| {
            json!({
                "id": format!("{number:016x}"), "address": format!("host-{number}:1"),
                "state": "alive", "standing": "member",
            })
        };
        MembersView::deserialize(json!({
            "cluster": "c", "epoch": 2, "replication": 3,
            "members": [member(1), member(2), member(3)], "former": [], "change": null,
        }))
        .unwrap()
    }

    fn plan(as_new_cluster: bool, forced_slots: &str, gone_slots: &str) -> Plan {
        let id = |number: u8| format!("{number:016x}");
        Plan {
            lost: vec![id(2), id(3)],
            survivors: vec![id(1)],
            as_new_cluster,
            forced_slots: forced_slots.to_owned(),
            gone_slots: gone_slots.to_owned(),
        }
    }

    #[test]
    fn what_is_lost_is_told_as_it_is() {
        let text = plan(true, "0-16383", "32-47").to_text(&members());
        for part in [
            "host-2:1  0000000000000002",
            "left:\n  host-1:1  0000000000000001",
            "go on as a new cluster",
            "16,384 slots of 16,384 have lost the majority",
            "nobody is left who held 16 slots (32-47)",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = plan(false, "0-15", "").to_text(&members());
        assert!(text.contains("at least one holder is left"), "{text}");
        let text = plan(false, "", "").to_text(&members());
        assert!(text.ends_with("no register is lost."), "{text}");
    }

    #[test]
    fn of_many_ranges_some_are_shown() {
        let ranges: Vec<String> = (0..20)
            .map(|n| format!("{}-{}", n * 32, n * 32 + 15))
            .collect();
        let text = shortened(&ranges.join(","));
        assert!(text.contains("352-367 and 8 more ranges"), "{text}");
        assert_eq!(shortened("0-15,32-47"), "0-15,32-47");
    }

    #[test]
    fn the_command_names_the_lost_ones_and_the_slots_that_were_named() {
        let command = plan(true, "0-15", "").how_to(Some("0-15"));
        let end = "recover --lost 0000000000000002,0000000000000003 --slots 0-15 --force";
        assert!(command.ends_with(end), "{command}");
    }
}
