//! What the log tells of changes of members: [`ChangeLog`].

use super::node::told_of_recovery;
use super::shares::slots;
use protocol::{ChangeView, Configuration, Epoch, Group, Member, Slot, Time};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Follows the configurations that a node enters, and tells from them when a change of members
/// began, how far it is, and how it ended.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    under_way: Option<UnderWay>,
    /// The latest epoch of whose configuration there was something to say.
    told_of: Epoch,
}

#[derive(Debug)]
struct UnderWay {
    epoch: Epoch,
    since: Time,
    told: Time,
}

/// How long a change goes on without a line in the log.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Something about a change of members that an operator should read in the log. Its `Display` is
/// the sentence.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ChangeNote {
    /// A change has begun.
    Begun {
        /// The joint configuration.
        configuration: Arc<Configuration>,
    },
    /// So far is it.
    Progress {
        /// The change.
        change: ChangeView,
        /// Since when this node knows of it.
        after: Duration,
    },
    /// It is done.
    Finished {
        /// Its epoch.
        change: Epoch,
        /// The configuration that stands now.
        configuration: Arc<Configuration>,
        /// How long it took, as this node saw it.
        after: Duration,
    },
    /// It was given up.
    Aborted {
        /// Its epoch.
        change: Epoch,
        /// The configuration that stands now.
        configuration: Arc<Configuration>,
        /// How long that took, as this node saw it.
        after: Duration,
    },
    /// It has ended, and this node missed how.
    Ended {
        /// Its epoch.
        change: Epoch,
        /// The configuration that stands now.
        configuration: Arc<Configuration>,
    },
}

impl ChangeLog {
    /// The node enters this configuration: what there is to say about it, in order.
    pub(crate) fn entered(
        &mut self,
        now: Time,
        configuration: &Arc<Configuration>,
    ) -> Vec<ChangeNote> {
        let mut notes = Vec::new();
        if let Some(UnderWay { epoch, since, .. }) = self.under_way.take() {
            let (configuration, after) = (Arc::clone(configuration), now.since(since));
            let change = epoch;
            // What follows on a change and is one itself has overtaken it: a recovery.
            let follows = change.next() == configuration.epoch() && !configuration.is_joint();
            notes.push(match (follows, configuration.is_aborted()) {
                (true, false) => ChangeNote::Finished {
                    change,
                    configuration,
                    after,
                },
                (true, true) => ChangeNote::Aborted {
                    change,
                    configuration,
                    after,
                },
                (false, _) => ChangeNote::Ended {
                    change,
                    configuration,
                },
            });
        }
        if configuration.is_joint() {
            self.under_way = Some(UnderWay {
                epoch: configuration.epoch(),
                since: now,
                told: now,
            });
            notes.push(ChangeNote::Begun {
                configuration: Arc::clone(configuration),
            });
        }
        if !notes.is_empty() {
            self.told_of = configuration.epoch();
        }
        notes
    }

    /// Whether there was something to say when the node entered the configuration of this epoch.
    pub(crate) fn has_told_of(&self, epoch: Epoch) -> bool {
        self.told_of == epoch
    }

    /// How far the change is that is under way, if it is time to say so.
    pub(crate) fn progress(
        &mut self,
        now: Time,
        change: impl FnOnce() -> Option<ChangeView>,
    ) -> Option<ChangeNote> {
        let under_way = self.under_way.as_mut()?;
        if now.since(under_way.told) < PROGRESS_INTERVAL {
            return None;
        }
        under_way.told = now;
        Some(ChangeNote::Progress {
            change: change()?,
            after: now.since(under_way.since),
        })
    }
}

impl fmt::Display for ChangeNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeNote::Begun { configuration } => {
                let epoch = configuration.epoch();
                write!(f, "a change of members has begun in epoch {epoch}: ")?;
                let members = configuration.members().iter();
                let joining = members
                    .clone()
                    .filter(|member| !configuration.contains_before(member.id));
                let leaving = members.filter(|member| !configuration.contains_after(member.id));
                let joining: Vec<String> = joining.map(named).collect();
                let leaving: Vec<String> = leaving.map(named).collect();
                if !joining.is_empty() {
                    write!(f, "{} to come, ", joining.join(", "))?;
                }
                if !leaving.is_empty() {
                    write!(f, "{} to go, ", leaving.join(", "))?;
                }
                let changed = slots(configuration.changed_groups().count());
                write!(f, "{changed} of {} slots to change hands", Slot::COUNT)?;
                match told_of_recovery(configuration) {
                    Some(told) => write!(f, "; {told}"),
                    None => Ok(()),
                }
            }
            ChangeNote::Progress { change, after } => {
                write!(
                    f,
                    "the change of members of epoch {} is under way for {:.0} s: {} of {} groups \
                     of {} slots copied, {} registers with {} bytes so far",
                    change.epoch,
                    after.as_secs_f64(),
                    change.groups_copied,
                    change.groups,
                    Group::SLOTS,
                    change.registers,
                    change.bytes,
                )?;
                if change.stalled_for >= PROGRESS_INTERVAL {
                    let stalled = change.stalled_for.as_secs_f64();
                    write!(f, "; nothing has moved for {stalled:.0} s")?;
                }
                Ok(())
            }
            ChangeNote::Finished {
                change,
                configuration,
                after,
            } => write!(
                f,
                "the change of members of epoch {change} is done after {:.1} s; the cluster has {} \
                 member(s) in epoch {}",
                after.as_secs_f64(),
                configuration.members().len(),
                configuration.epoch(),
            ),
            ChangeNote::Aborted {
                change,
                configuration,
                after,
            } => write!(
                f,
                "the change of members of epoch {change} was given up after {:.1} s; nothing is \
                 lost, and the {} member(s) in epoch {} are those before it",
                after.as_secs_f64(),
                configuration.members().len(),
                configuration.epoch(),
            ),
            ChangeNote::Ended {
                change,
                configuration,
            } => write!(
                f,
                "the change of members of epoch {change} has ended, and this node missed how; the \
                 cluster is in epoch {}",
                configuration.epoch(),
            ),
        }
    }
}

fn named(member: &Member) -> String {
    format!("{} ({})", member.address, member.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ClusterId, NodeId};

    fn member(number: u64) -> Member {
        let address = format!("127.0.0.1:{}", 3029 + number);
        Member::new(NodeId::new(number), address.parse().unwrap())
    }

    fn founded() -> Configuration {
        let members = (1..=3).map(member).collect();
        Configuration::new(ClusterId(7), Epoch::FIRST, members, 3).unwrap()
    }

    /// Node 4 comes, node 1 goes.
    fn joint() -> Configuration {
        let members = (2..=4).map(member).collect();
        founded().joint(members, 3).unwrap()
    }

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    fn sentences(notes: &[ChangeNote]) -> Vec<String> {
        notes.iter().map(ChangeNote::to_string).collect()
    }

    #[test]
    fn a_cluster_that_is_founded_has_not_changed() {
        let mut log = ChangeLog::default();
        assert_eq!(log.entered(at(0), &Arc::new(founded())), []);
        assert!(!log.has_told_of(Epoch::FIRST));
    }

    #[test]
    fn a_change_is_told_from_its_beginning_to_its_end() {
        let mut log = ChangeLog::default();
        let begun = log.entered(at(1_000), &Arc::new(joint()));
        assert_eq!(
            sentences(&begun),
            [
                "a change of members has begun in epoch 2: 127.0.0.1:3033 (0000000000000004) to \
                 come, 127.0.0.1:3030 (0000000000000001) to go, 16384 of 16384 slots to change \
                 hands"
            ]
        );
        let done = log.entered(at(4_200), &Arc::new(joint().finished()));
        assert_eq!(
            sentences(&done),
            [
                "the change of members of epoch 2 is done after 3.2 s; the cluster has 3 member(s) \
                 in epoch 3"
            ]
        );
        assert!(log.has_told_of(Epoch(3)) && !log.has_told_of(Epoch(4)));
        assert_eq!(log.progress(at(60_000), || panic!("nothing goes on")), None);
    }

    #[test]
    fn a_change_that_was_given_up_is_told_as_such() {
        let mut log = ChangeLog::default();
        let _ = log.entered(at(0), &Arc::new(joint()));
        let ended = log.entered(at(31_000), &Arc::new(joint().aborted()));
        assert!(matches!(ended[..], [ChangeNote::Aborted { .. }]));
        let sentence = ended[0].to_string();
        assert!(sentence.contains("given up after 31.0 s"), "{sentence}");
    }

    #[test]
    fn a_recovery_is_told_with_the_slots_that_are_not_served_and_has_not_finished_what_it_overtakes()
     {
        let mut log = ChangeLog::default();
        let forced = Group::new(2).into_iter().collect();
        let begun = log.entered(at(0), &Arc::new(joint().forcing(forced)));
        let told = &sentences(&begun)[0];
        assert!(
            told.contains("held the slots 32-47: they are not served"),
            "{told}"
        );
        let recovered = joint().recovered(ClusterId(8), &[NodeId::new(2)]).unwrap();
        let notes = log.entered(at(10), &Arc::new(recovered));
        assert!(matches!(
            notes[..],
            [ChangeNote::Ended { .. }, ChangeNote::Begun { .. }]
        ));
        let told = &sentences(&notes)[1];
        for part in [
            "cluster 0000000000000007 is left",
            "as cluster 0000000000000008",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn how_a_change_ended_is_not_guessed_where_its_end_was_missed() {
        let mut log = ChangeLog::default();
        let _ = log.entered(at(0), &Arc::new(joint()));
        let later = joint().finished().joint((1..=4).map(member).collect(), 3);
        let notes = log.entered(at(10), &Arc::new(later.unwrap()));
        assert!(matches!(
            notes[..],
            [ChangeNote::Ended { .. }, ChangeNote::Begun { .. }]
        ));
    }

    #[test]
    fn progress_is_told_every_few_seconds_and_says_when_nothing_moves() {
        let mut log = ChangeLog::default();
        let _ = log.entered(at(0), &Arc::new(joint()));
        let change = |stalled_secs| ChangeView {
            epoch: Epoch(2),
            joining: vec![NodeId::new(4)],
            leaving: vec![NodeId::new(1)],
            groups: 1024,
            groups_copied: 100,
            registers: 5,
            bytes: 70,
            stalled_for: Duration::from_secs(stalled_secs),
        };
        assert_eq!(log.progress(at(4_999), || Some(change(0))), None);
        let told = log.progress(at(5_000), || Some(change(1))).unwrap();
        assert_eq!(
            told.to_string(),
            "the change of members of epoch 2 is under way for 5 s: 100 of 1024 groups of 16 slots \
             copied, 5 registers with 70 bytes so far"
        );
        assert_eq!(log.progress(at(9_999), || Some(change(5))), None);
        let told = log.progress(at(10_000), || Some(change(6))).unwrap();
        assert!(told.to_string().ends_with("; nothing has moved for 6 s"));
    }
}
