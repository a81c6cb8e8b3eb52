//! `shardedmemory members`: who the members are, and changing that.

mod asking;
mod change;
mod list;
mod name;
mod progress;
#[cfg(test)]
mod tests;
mod voices;
mod waiting;
mod whole;

use crate::cli::client::{ClientArgs, MembersView};
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::{output, small_runtime};
use asking::Begun;
pub(crate) use change::{Change, RECOVER_PATH};
use clap::{Args, Subcommand};
pub(crate) use name::MemberName;
pub(crate) use progress::describe;
use protocol::{Address, Member};
use serde_json::json;
pub(crate) use voices::Voices;
use waiting::Waiting;
use whole::until_whole;

/// Show the members of a cluster, or change them
///
/// Members hold the registers and vote. They change one at a time, while the cluster serves: what
/// moves to another node is copied before the one that held it lets go.
#[derive(Args, Debug)]
pub(crate) struct MembersArgs {
    #[command(subcommand)]
    command: MembersCommand,
}

// Each command's arguments carry what is told of it.
#[derive(Subcommand, Debug)]
enum MembersCommand {
    List(ListArgs),
    Add(AddArgs),
    Remove(RemoveArgs),
    Replace(ReplaceArgs),
    Abort(AbortArgs),
}

/// Show the members, and the change that is under way
#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

/// Let a node in that runs and is no member
///
/// A node that is started with 'serve --join' asks for this by itself. One that was removed and
/// still runs does not, nor does one that was started with --peers that name itself and a member.
#[derive(Args, Debug)]
struct AddArgs {
    /// Where the node is reached, as its --advertise has it
    #[arg(value_name = "ADDRESS")]
    address: Address,

    /// How large a share of the registers it takes, beside the others' 100
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Member::WEIGHT_MAX)),
    )]
    weight: Option<u32>,

    #[command(flatten)]
    change: ChangeArgs,
}

/// Let a member go, which may be alive or dead
///
/// What it holds is copied to others first, from it or from those that hold the same.
#[derive(Args, Debug)]
struct RemoveArgs {
    /// The member's id or address, as 'members list' has them
    #[arg(value_name = "ID|ADDRESS", value_parser = MemberName::parse)]
    member: MemberName,

    #[command(flatten)]
    change: ChangeArgs,
}

/// Let a node that runs come in a member's place
///
/// It gets the very registers of the member that it replaces, and no others move. A node that
/// restarts at its old address asks for this by itself. To come at another address, a node is
/// started with --peers that name itself and a member: so it finds the cluster, and waits.
#[derive(Args, Debug)]
struct ReplaceArgs {
    /// The id or address of the member that is to go, as 'members list' has them
    #[arg(value_name = "ID|ADDRESS", value_parser = MemberName::parse)]
    member: MemberName,

    /// Where the node is reached that is to come
    #[arg(value_name = "NEW_ADDRESS")]
    address: Address,

    #[command(flatten)]
    change: ChangeArgs,
}

/// Give up the change that is under way
///
/// The members are then those before it, and nothing is lost. If it turns out to be all but done,
/// it is finished instead.
#[derive(Args, Debug)]
struct AbortArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

/// What all changes have in common.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChangeArgs {
    /// Return once the change has begun, instead of when it is done and everything is copied
    #[arg(long)]
    pub(crate) no_wait: bool,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Shows the members, or changes them.
pub(crate) fn run(arguments: &MembersArgs) -> Result<(), Failure> {
    let runtime = small_runtime()?;
    let (change, arguments) = match &arguments.command {
        MembersCommand::List(arguments) => return runtime.block_on(list::run(&arguments.client)),
        MembersCommand::Add(arguments) => {
            let change = Change::Add {
                address: arguments.address.clone(),
                weight: arguments.weight,
            };
            (change, &arguments.change)
        }
        MembersCommand::Remove(arguments) => {
            let change = Change::Remove {
                member: arguments.member.clone(),
            };
            (change, &arguments.change)
        }
        MembersCommand::Replace(arguments) => {
            let change = Change::Replace {
                member: arguments.member.clone(),
                address: arguments.address.clone(),
            };
            (change, &arguments.change)
        }
        MembersCommand::Abort(arguments) => (Change::Abort, &arguments.change),
    };
    runtime.block_on(carry_out(&change, arguments))
}

/// Begins a change, and waits for its end unless that is not wanted.
async fn carry_out(change: &Change, arguments: &ChangeArgs) -> Result<(), Failure> {
    let mut voices = Voices::new(&arguments.client)?;
    let (_, before) = voices.first_view().await?;
    see_through(change, before, &mut voices, arguments).await
}

/// Begins a change of these members, and waits for its end unless that is not wanted.
pub(crate) async fn see_through(
    change: &Change,
    before: MembersView,
    voices: &mut Voices,
    arguments: &ChangeArgs,
) -> Result<(), Failure> {
    let client = &arguments.client;
    let goal = change.goal(&before);
    let begun = Begun::ask(change, &goal, voices).await?;
    if arguments.no_wait {
        if client.json {
            let told = json!({ "change": change.verb(), "outcome": "begun", "epoch": begun.epoch });
            output::line(&told.to_string());
        } else {
            output::note(&format!("begun: {change}, in epoch {}", begun.epoch));
        }
        return Ok(());
    }
    let mut interrupt = Interrupt::new()?;
    let waiting = Waiting::new(change, &goal, begun.epoch, before);
    let (written, after, told) = tokio::select! {
        ended = waiting.until_ended(voices) => ended?,
        () = interrupt.wait() => return Err(interrupted(change, begun.epoch)),
    };
    if !client.json {
        output::note(&told);
    }
    let (written, told) = tokio::select! {
        whole = until_whole(voices, written, &after) => whole,
        () = interrupt.wait() => {
            let message = "interrupted; the change is done, and the members go on copying";
            return Err(Failure::new(Exit::Interrupted, message));
        }
    };
    if client.json {
        let told = json!({
            "change": change.verb(), "outcome": "done", "epoch": begun.epoch, "after": written,
        });
        output::line(&told.to_string());
    } else if let Some(told) = told {
        output::note(&told);
    }
    Ok(())
}

fn interrupted(change: &Change, epoch: u64) -> Failure {
    let message = format!(
        "interrupted; {change}, which has begun in epoch {epoch}, goes on without this command"
    );
    Failure::new(Exit::Interrupted, message).hint(match change {
        Change::Recover { .. } => "'shardedmemory members list' shows how far it is",
        _ => "'shardedmemory members list' shows how far it is, 'members abort' gives it up",
    })
}
