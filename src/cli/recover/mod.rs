//! `shardedmemory recover`: going on after losses that no quorum survived.

mod consent;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod plan;
#[cfg(test)]
mod tests;

use crate::cli::client::MembersView;
use crate::cli::failure::Failure;
use crate::cli::members::{Change, ChangeArgs, MemberName, Voices, see_through};
use crate::cli::{output, small_runtime};
use crate::slots::named_groups;
use clap::Args;
use plan::Plan;

/// Go on after losing a majority for good
///
/// As long as a majority of those that hold a slot can come back, wait for it, or replace members
/// one by one ('members replace'): nothing is lost by that. This command is for when they are lost
/// for good: registers live in memory, so a node whose process has ended is. Without --force it
/// only shows what it would do, and changes nothing.
///
/// If those that are left are a majority of the members, they go on without the lost ones, and
/// gather anew those slots alone that have lost their majority. If not, they go on as a new
/// cluster, to which each of them has to agree, and gather all slots anew. Of each register the
/// newest value wins that anyone left has. So what was acknowledged last may be lost, where a
/// majority of those that held it is, and so is everything that only the lost ones held. Slots
/// that are gathered anew are not served until that is done.
///
/// A member that is only cut off is not lost: its half may go on serving old values, or new ones
/// that will be lost, until it hears of the others. Stop its process first. When it does hear of
/// them it is told that it is out; start it anew and let it in with 'members add', with nothing in
/// its memory.
#[derive(Args, Debug)]
pub(crate) struct RecoverArgs {
    /// The members that are lost for good; without this, all that are down to the node asked
    #[arg(
        long,
        value_name = "ID|ADDRESS",
        value_delimiter = ',',
        value_parser = MemberName::parse,
    )]
    lost: Vec<MemberName>,

    /// The slots that may lose what was acknowledged last, as in 0-15,32; without this, all that
    /// have lost their majority. It is refused if that is more than these
    #[arg(long, value_name = "RANGES", value_parser = slots)]
    slots: Option<String>,

    /// Do it, instead of showing what would be done
    #[arg(long)]
    force: bool,

    /// Do not ask first
    #[arg(long, requires = "force")]
    yes: bool,

    #[command(flatten)]
    change: ChangeArgs,
}

fn slots(text: &str) -> Result<String, String> {
    named_groups(text).map(|_| text.to_owned())
}

/// Shows what a recovery would do, and does it if it is told to.
pub(crate) fn run(arguments: &RecoverArgs) -> Result<(), Failure> {
    if arguments.change.no_wait && !arguments.force {
        return Err(Failure::usage(
            "--no-wait is for a recovery that is begun, with --force; nothing happened",
        ));
    }
    if arguments.force && !arguments.yes {
        consent::check_possible()?;
    }
    small_runtime()?.block_on(recover(arguments))
}

async fn recover(arguments: &RecoverArgs) -> Result<(), Failure> {
    let json = arguments.change.client.json;
    let mut voices = Voices::new(&arguments.change.client)?;
    let (_, members) = voices.first_view().await?;
    let lost = ids_of(&arguments.lost, &members)?;
    let (written, plan) = Plan::ask(&mut voices, &lost).await?;
    // With both, the answer is one object, which tells how it ended.
    if !json {
        output::line(&plan.to_text(&members));
    } else if !arguments.force {
        output::line(&written.to_string());
    }
    if !arguments.force {
        if !json {
            output::note(&plan.how_to(arguments.slots.as_deref()));
        }
        return Ok(());
    }
    if !arguments.yes {
        consent::ask()?;
    }
    let change = Change::Recover {
        lost: plan.lost,
        slots: arguments.slots.clone(),
    };
    see_through(&change, members, &mut voices, &arguments.change).await
}

/// The ids of members.
fn ids_of(names: &[MemberName], members: &MembersView) -> Result<Vec<String>, Failure> {
    let id = |name: &MemberName| {
        let mut members = members.members.iter();
        let member = members.find(|member| match name {
            MemberName::Id(id) => member.id == *id,
            MemberName::Address(address) => member.address == address.as_str(),
        });
        member.map(|member| member.id.clone()).ok_or_else(|| {
            let message = format!("there is no member {name}; nothing happened");
            Failure::failed(message).hint("'shardedmemory members list' shows the members")
        })
    };
    names.iter().map(id).collect()
}
