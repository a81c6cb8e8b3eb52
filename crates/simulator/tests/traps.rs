//! The traps of changing the members: each is put back, and a story of a few steps, in which
//! exactly the wrong things are late or lost, falls into it. Without the fault the same story ends
//! well. Random runs hardly meet most of these.

use protocol::{Body, PlantedFault, RegisterName};
use simulator::{Change, Lost, Sent, Setting, Story};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Three nodes that hold everything, and a fourth one that waits to be let in.
fn three_and_one(planted: Option<PlantedFault>) -> Story {
    Story::with(Setting {
        nodes: 3,
        others: 1,
        replication: 3,
        planted,
    })
}

/// The story must end well without the fault, and with it clients must see something that cannot
/// be.
#[track_caller]
fn expect_trap(fault: PlantedFault, story: impl Fn(Option<PlantedFault>)) {
    story(None);
    let told = catch_unwind(AssertUnwindSafe(|| story(Some(fault))));
    let told = told.expect_err("the fault is there, and nobody noticed");
    let text = told.downcast_ref::<String>().map_or("", |text| text);
    assert!(text.contains("is not linearizable"), "{text}");
    println!("{}: {text}", simulator::planted_name(fault));
}

/// Whether a message is about the group of the one register of these stories.
fn is_of_group(sent: Sent<'_>) -> bool {
    let slot = RegisterName::new("r").expect("a short name").slot();
    match sent {
        Sent::Lane(message) => match &message.body {
            Body::Pull { group, .. } | Body::PullReply { group, .. } => {
                slot.group() == Some(*group)
            }
            _ => false,
        },
        Sent::Membership(_) => false,
    }
}

fn is_pull_reply(sent: Sent<'_>) -> bool {
    matches!(sent, Sent::Lane(message) if matches!(message.body, Body::PullReply { .. }))
}

/// Whether a message says how far its sender is in copying.
fn is_progress(sent: Sent<'_>) -> bool {
    matches!(
        sent,
        Sent::Membership(protocol::MembershipMessage::Progress { .. })
    )
}

/// Writes a value that the first node does not hear of.
#[track_caller]
fn write_behind_the_back_of_1(story: &mut Story, value: &str) {
    for from in [2, 3] {
        story.lose(Lost::Updates, from, 1);
    }
    assert!(story.write(2, "r", value).is_done());
    story.release();
}

#[track_caller]
fn read_with_1_and_4_alone(story: &mut Story) {
    story.isolate(&[2]);
    assert!(story.read(1, "r").is_done());
}

fn an_old_member_did_not_copy(planted: Option<PlantedFault>) {
    let mut story = three_and_one(planted);
    story.write(2, "r", "old");
    write_behind_the_back_of_1(&mut story, "new");
    // The newcomer cannot copy. The others have to, or it is they who make the majority.
    story.lose_if(|from, _, sent| from == 4 && is_of_group(sent));
    story
        .change(2, Change::Replace { member: 3, by: 4 })
        .unwrap();
    story.wait_until("the change is done", |story| {
        story.epoch(1) == 3 && story.epoch(4) == 3
    });
    read_with_1_and_4_alone(&mut story);
    story.conclude();
}

#[test]
fn an_old_member_that_counts_as_copied_without_copying_is_found() {
    expect_trap(
        PlantedFault::CountOldMemberAsCopied,
        an_old_member_did_not_copy,
    );
}
