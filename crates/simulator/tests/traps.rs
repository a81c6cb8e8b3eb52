//! The traps of changing the members: each is put back, and a story of a few steps, in which
//! exactly the wrong things are late or lost, falls into it. Without the fault the same story ends
//! well. Random runs hardly meet most of these.
//!
//! In all of them the fourth node comes in the place of the third one, and the first one missed the
//! last write. A majority of those that are left, the first and the fourth, may serve alone only
//! if one of them has copied.

use protocol::{Body, Epoch, MembershipMessage, PlantedFault, RegisterName};
use simulator::{Asked, Change, Lost, Planted, Sent, Setting, Story};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The story must end well without the fault, and with it somebody must notice something that
/// cannot be.
#[track_caller]
fn expect_trap(fault: PlantedFault, what: &str, story: impl Fn(Option<PlantedFault>)) {
    story(None);
    let told = catch_unwind(AssertUnwindSafe(|| story(Some(fault))));
    let told = told.expect_err("the fault is there, and nobody noticed");
    let text = told.downcast_ref::<String>().map_or("", |text| text);
    assert!(text.contains(what), "{text}");
    println!("{}: {text}", Planted::from(fault));
}

const STALE: &str = "is not linearizable";

/// Nodes that hold everything, and others that were removed and know the cluster.
fn cluster(nodes: usize, others: usize, planted: Option<PlantedFault>) -> Story {
    Story::with(Setting {
        nodes,
        others,
        replication: 3,
        planted: planted.map(Planted::from),
    })
}

/// The first node misses what the others write from now on.
fn keep_writes_from_1(story: &mut Story) {
    for from in [2, 3] {
        story.lose(Lost::Updates, from, 1);
    }
}

/// Begins to let the fourth node come in the place of the third one. Returns the epoch in which
/// that is under way.
#[track_caller]
fn replace_3_by_4(story: &mut Story) -> u64 {
    let change = Change::Replace { member: 3, by: 4 };
    story.change(2, change).expect("nothing speaks against it")
}

#[track_caller]
fn await_epoch(story: &mut Story, epoch: u64) {
    story.wait_until("those who stay have entered the epoch", |story| {
        [1, 2, 4].iter().all(|node| story.epoch(*node) == epoch)
    });
}

/// Reads with nobody left but the first and the fourth node, and lets the clients judge.
#[track_caller]
fn read_with_1_and_4_alone(mut story: Story) {
    story.isolate(&[2]);
    assert!(story.read(1, "r").is_done());
    story.conclude();
}

/// Whether a message is about the group of the register of these stories.
fn is_of_group(sent: Sent<'_>) -> bool {
    let slot = RegisterName::new("r").expect("a short name").slot();
    let Sent::Lane(message) = sent else {
        return false;
    };
    match &message.body {
        Body::Pull { group, .. } | Body::PullReply { group, .. } => slot.group() == Some(*group),
        _ => false,
    }
}

fn is_pull_reply(sent: Sent<'_>) -> bool {
    matches!(sent, Sent::Lane(message) if matches!(message.body, Body::PullReply { .. }))
}

/// Whether a message says how far its sender is in copying.
fn is_progress(sent: Sent<'_>) -> bool {
    matches!(sent, Sent::Membership(MembershipMessage::Progress { .. }))
}

#[test]
fn an_old_member_that_counts_as_copied_without_copying_is_found() {
    expect_trap(PlantedFault::CountOldMemberAsCopied, STALE, |planted| {
        let mut story = cluster(3, 1, planted);
        story.write(2, "r", "old");
        keep_writes_from_1(&mut story);
        assert!(story.write(2, "r", "new").is_done());
        // The newcomer cannot copy, so the old members have to be the majority that has.
        story.lose_if(|from, _, sent| from == 4 && is_of_group(sent));
        let joint = replace_3_by_4(&mut story);
        await_epoch(&mut story, joint + 1);
        read_with_1_and_4_alone(story);
    });
}

#[test]
fn a_copy_from_replicas_that_are_not_in_the_change_yet_is_found() {
    expect_trap(PlantedFault::CopyFromAnyEpoch, STALE, |planted| {
        let mut story = cluster(3, 1, planted);
        story.write(2, "r", "old");
        for (from, to) in [(1, 2), (1, 3), (4, 2), (4, 3)] {
            story.lose(Lost::Configurations, from, to);
        }
        let change = Change::Replace { member: 3, by: 4 };
        let asked = story.begin_change(1, change);
        // The first and the fourth have entered it, and try to copy from the others.
        let joint = story.end_change(asked).expect("a majority accepts it");
        story.wait(Duration::from_secs(2));
        // Those complete a write in the epoch before, since they know of no other.
        keep_writes_from_1(&mut story);
        assert!(story.write(2, "r", "new").is_done());
        story.release();
        await_epoch(&mut story, joint + 1);
        read_with_1_and_4_alone(story);
    });
}

/// A change that everyone copies for, and that is given up.
#[track_caller]
fn change_in_vain(story: &mut Story) {
    let joint = replace_3_by_4(story);
    await_epoch(story, joint);
    story.wait(Duration::from_secs(2));
    story.change(2, Change::Abort).expect("it is under way");
    await_epoch(story, joint + 1);
}

#[test]
fn a_copy_that_survives_an_abort_is_found() {
    expect_trap(PlantedFault::CopiedSurvivesAbort, STALE, |planted| {
        let mut story = cluster(3, 1, planted);
        story.write(2, "r", "old");
        // Nobody learns that a majority has copied.
        story.lose_if(|_, _, sent| is_progress(sent));
        change_in_vain(&mut story);
        story.release();
        story.come_to_rest();
        keep_writes_from_1(&mut story);
        assert!(story.write(2, "r", "new").is_done());
        let joint = replace_3_by_4(&mut story);
        await_epoch(&mut story, joint + 1);
        read_with_1_and_4_alone(story);
    });
}

#[test]
fn a_late_reply_to_a_pull_of_an_earlier_change_is_found() {
    expect_trap(PlantedFault::LatePullReply, STALE, |planted| {
        let mut story = cluster(3, 1, planted);
        story.write(2, "r", "old");
        // What the first and the fourth node are told in the first change comes in the second one.
        story.hold_if(|_, to, sent| to != 2 && is_of_group(sent) && is_pull_reply(sent));
        change_in_vain(&mut story);
        keep_writes_from_1(&mut story);
        assert!(story.write(2, "r", "new").is_done());
        let joint = replace_3_by_4(&mut story);
        await_epoch(&mut story, joint);
        story.wait(Duration::from_millis(200));
        story.release();
        await_epoch(&mut story, joint + 1);
        read_with_1_and_4_alone(story);
    });
}

/// Begins a change, and so long after that some writes at a node that does not hear of it. That
/// one is a silent source too, so that the register of one or the other write is copied early, and
/// others late.
fn write_beside_a_change(planted: Option<PlantedFault>, delay: Duration) {
    let names = || (0..10).map(|n| format!("r{n}"));
    let mut story = cluster(3, 1, planted);
    for name in names() {
        story.write(3, &name, "old");
    }
    keep_writes_from_1(&mut story);
    for from in [1, 2, 4] {
        story.lose(Lost::Configurations, from, 3);
    }
    let asked = story.begin_change(2, Change::Replace { member: 3, by: 4 });
    story.wait(delay);
    let writes: Vec<Asked> = names()
        .map(|name| story.begin_write(3, &name, "new"))
        .collect();
    let joint = story.end_change(asked).expect("nothing speaks against it");
    await_epoch(&mut story, joint + 1);
    for write in writes {
        story.end(write);
    }
    story.isolate(&[2]);
    for name in names() {
        assert!(story.read(1, &name).is_done());
    }
    story.conclude();
}

#[test]
fn an_operation_acknowledged_after_the_pull_that_should_have_shown_it_is_found() {
    // With one of these delays the write reaches the second node right before that enters the
    // change.
    let delays = || (0..8).map(|n| Duration::from_millis(100 * n));
    expect_trap(PlantedFault::SplitEpochCheck, STALE, |planted| {
        delays().for_each(|delay| write_beside_a_change(planted, delay));
    });
}

/// A read whose own replica's vote is from before the change, and the others' from after it.
fn read_across_a_change(planted: Option<PlantedFault>) {
    let mut story = cluster(3, 1, planted);
    story.write(1, "r", "old");
    story.lose(Lost::Updates, 1, 2);
    assert!(story.write(1, "r", "new").is_done());
    // The reader hears of nobody but itself; once the change is done, of the fourth node, which
    // cannot copy.
    let done = Epoch(story.epoch(1) + 2);
    story.lose_if(move |from, to, sent| match sent {
        Sent::Lane(message) if matches!(message.body, Body::Query { .. }) => {
            from == 2 && (to != 4 || message.epoch < done)
        }
        _ => false,
    });
    story.lose_if(|from, _, sent| from == 4 && is_of_group(sent));
    story.with_timeout(Duration::from_secs(20));
    let read: Asked = story.begin_read(2, "r");
    let joint = replace_3_by_4(&mut story);
    await_epoch(&mut story, joint + 1);
    assert!(story.end(read).is_done());
    story.conclude();
}

#[test]
fn replies_of_two_epochs_that_are_counted_together_are_found() {
    expect_trap(PlantedFault::MixEpochs, STALE, read_across_a_change);
}

#[test]
fn messages_that_name_the_newest_epoch_and_not_that_of_their_phase_are_found() {
    expect_trap(PlantedFault::NewestEpochStamp, STALE, |planted| {
        let mut story = cluster(3, 1, planted);
        story.write(3, "r", "old");
        // Its writer alone holds it, until the members are others; then the first one takes it.
        let done = Epoch(story.epoch(1) + 4);
        story.lose_if(move |from, to, sent| match sent {
            Sent::Lane(message) if matches!(message.body, Body::Update { .. }) => {
                from == 3 && (to != 1 || message.epoch < done)
            }
            _ => false,
        });
        story.lose_if(|from, _, sent| from == 3 && is_of_group(sent));
        story.with_timeout(Duration::from_secs(10));
        let write = story.begin_write(3, "r", "new");
        story.wait(Duration::from_millis(20));
        for change in [Change::Remove(3), Change::Add(4)] {
            let joint = story.change(2, change).expect("nothing speaks against it");
            story.wait_until("the change is done", |story| story.epoch(2) == joint + 1);
        }
        await_epoch(&mut story, done.0);
        story.end(write);
        story.isolate(&[1]);
        assert!(story.read(2, "r").is_done());
        story.conclude();
    });
}

#[test]
fn a_restart_that_forgets_is_found() {
    expect_trap(PlantedFault::ForgetEpoch, STALE, |planted| {
        let mut story = cluster(3, 0, planted);
        story.write(2, "r", "old");
        story.lose(Lost::Updates, 2, 3);
        assert!(story.write(2, "r", "new").is_done());
        story.release();
        // The second node comes back: as another one, which has to copy, or as itself.
        story.restart(2);
        story.come_to_rest();
        story.isolate(&[1]);
        assert!(story.read(3, "r").is_done());
        story.conclude();
    });
}

/// Which messages of deciding the next configuration a node gets.
fn is_of_deciding(sent: Sent<'_>) -> bool {
    matches!(sent, Sent::Lane(message) if match &message.body {
        Body::Prepare { name, .. } | Body::Accept { name, .. } => name.is_reserved(),
        _ => false,
    })
}

#[test]
fn a_superseded_step_of_a_greater_ballot_that_hides_a_chosen_one_is_found() {
    let fault = PlantedFault::GreatestBallotOfAll;
    expect_trap(
        fault,
        "one tag of (the configuration) has two contents",
        |planted| {
            let mut story = cluster(3, 2, planted);
            story
                .change(3, Change::Replace { member: 1, by: 4 })
                .unwrap();
            story.come_to_rest();
            // The fourth node has no part in deciding what comes now, and so promises nothing.
            story.lose_if(|_, to, sent| to == 4 && is_of_deciding(sent));
            story
                .change(3, Change::Replace { member: 2, by: 5 })
                .unwrap();
            story.come_to_rest();
            story.release();
            // The fourth and the fifth decide, under a ballot less than that of the last decision,
            // which the third has accepted; and the fifth alone knows that.
            story.lose_if(|from, to, sent| (from, to) == (5, 3) && is_of_deciding(sent));
            for to in [3, 4] {
                story.lose(Lost::Configurations, 5, to);
            }
            story
                .change(5, Change::Remove(4))
                .expect("two of three accept it");
            // The third and the fourth decide.
            story.lose_if(|from, to, sent| {
                let asks = matches!(sent, Sent::Membership(MembershipMessage::Consider { .. }));
                (from, to) == (3, 5) && (asks || is_of_deciding(sent))
            });
            let asked = story.begin_change(3, Change::Remove(5));
            let _ = story.end_change(asked);
            story.conclude();
        },
    );
}
