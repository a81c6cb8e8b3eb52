//! Waiting until no member lacks anything: [`until_whole`].

use super::progress::Progress;
use super::voices::Voices;
use crate::cli::client::{MemberView, MembersView, State};
use crate::cli::figures::{counted, grouped};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the members are asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// For how long nothing may move.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until no member that is up lacks anything that it is to hold. A change is done before, as
/// soon as a majority of each replica set has everything; until the others have it too, the next
/// loss of a node weighs more.
///
/// Returns the members, as a node wrote them in the end, and what there is to say: nothing, if
/// nobody lacked anything. It is no failure if somebody goes on lacking something.
pub(super) async fn until_whole(
    voices: &mut Voices,
    written: Value,
    after: &MembersView,
) -> (Value, Option<String>) {
    let began = Instant::now();
    let most = lacking(after);
    if most == 0 {
        return (written, None);
    }
    let mut progress = Progress::begin(format!("copying what {} lacks", who(after)));
    let mut latest = (written, after.clone());
    let (mut least, mut moved) = (most, Instant::now());
    while moved.elapsed() < PATIENCE {
        if let Ok((written, view)) = voices.view().await {
            let left = lacking(&view);
            latest = (written, view);
            if left == 0 {
                let after = began.elapsed().as_secs_f64();
                let told = format!("no member lacks anything any more, {after:.1} s later");
                return (latest.0, Some(told));
            }
            if left < least {
                (least, moved) = (left, Instant::now());
            }
            let text = format!("{} to go", counted(left, "slot", "slots"));
            progress.show(most.saturating_sub(left), most, &text);
        }
        sleep(POLL_INTERVAL).await;
    }
    let told = format!(
        "{} still lacks something in {} slots, and nothing has moved for {} s: \
         'shardedmemory status' shows how the members are",
        who(&latest.1),
        grouped(least),
        PATIENCE.as_secs()
    );
    (latest.0, Some(told))
}

/// Those who lack something and can copy it.
fn copying(view: &MembersView) -> impl Iterator<Item = &MemberView> {
    let members = view.members.iter();
    members.filter(|member| member.lacking_slots > 0 && member.state != State::Down)
}

/// How many slots are lacking, over all members.
fn lacking(view: &MembersView) -> u64 {
    copying(view).map(|member| member.lacking_slots).sum()
}

fn who(view: &MembersView) -> String {
    let addresses: Vec<&str> = copying(view)
        .map(|member| member.address.as_str())
        .collect();
    match addresses.as_slice() {
        [one] => (*one).to_owned(),
        many => counted(many.len() as u64, "member", "members"),
    }
}
