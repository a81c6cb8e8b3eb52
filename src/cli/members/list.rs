//! `shardedmemory members list`.

use super::progress::describe;
use super::voices::Voices;
use crate::cli::client::{ClientArgs, MemberView, MembersView};
use crate::cli::failure::Failure;
use crate::cli::figures::grouped;
use crate::cli::output;
use comfy_table::{Table, presets};

/// Shows the members as the first node tells them that knows them.
pub(super) async fn run(arguments: &ClientArgs) -> Result<(), Failure> {
    let mut voices = Voices::new(arguments)?;
    let (written, view) = voices.first_view().await?;
    if arguments.json {
        output::line(&written.to_string());
    } else {
        output::line(&to_text(&view));
    }
    Ok(())
}

fn to_text(view: &MembersView) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "ADDRESS", "ID", "STATE", "STANDING", "WEIGHT", "SLOTS", "LACKING",
    ]);
    let mut members: Vec<&MemberView> = view.members.iter().collect();
    members.sort_by_key(|member| (&member.address, &member.id));
    for member in members {
        let state = match member.lost {
            true => "lost".to_owned(),
            false => member.state.to_string(),
        };
        table.add_row([
            member.address.clone(),
            member.id.clone(),
            state,
            member.standing.to_string(),
            member.weight.to_string(),
            grouped(member.slots),
            grouped(member.lacking_slots),
        ]);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let mut text = table.trim_fmt();
    if let Some(change) = &view.change {
        text.push_str(&format!(
            "\n\na change is under way in epoch {}: {}",
            change.epoch,
            describe(change)
        ));
    }
    text
}
