//! Bytes as a schedule: what clients ask of a few lanes, and what befalls those meanwhile.
//!
//! Most steps take two bytes, and none more than three, so that a small mutation is a small change
//! of the schedule. Whatever the bytes are, they are a schedule.

use arbitrary::{Arbitrary, Result, Unstructured};

/// The most steps of a schedule. What follows in the bytes is not looked at.
const STEPS_MAX: usize = 512;

/// A whole schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Schedule {
    /// Whether each operation ends before the next one begins.
    pub(crate) one_at_a_time: bool,
    /// Whether what is to be made durable is so only when a step says it.
    pub(crate) slow_disks: bool,
    pub(crate) steps: Vec<Step>,
}

/// What happens at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// A client asks this of a node.
    Ask { at: u64, register: u8, asked: Asked },
    /// One of the messages on their way arrives, numbered from the oldest on.
    Deliver(u8),
    /// The newest message arrives.
    DeliverNewest,
    /// All that passes between these nodes arrives, and what it leads to.
    DeliverAmong(Nodes),
    /// One arrives, and will once more.
    Repeat(u8),
    /// One is lost.
    Lose(u8),
    /// All that is for these nodes is lost.
    LoseFor(Nodes),
    /// So many milliseconds pass.
    Pass(u8),
    /// The failure detector of a node says something of another.
    Tell { at: u64, peer: u64, word: Word },
    /// A node wants the members to change, or a change to end.
    Propose { at: u64, choice: u8 },
    /// A node hears of the newest configuration that any node has entered.
    Learn { at: u64 },
    /// The disk of a node has caught up.
    Persist { at: u64 },
    /// A node dies, the first time that this is said.
    Die { at: u64 },
}

/// What is asked of a register. Values are not in the schedule: each is told from all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    Read,
    Write,
    Delete,
    Add,
    /// Set it, or delete it, if it is so.
    Set {
        expected: Guess,
        deletes: bool,
    },
}

/// What a client believes that a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guess {
    /// What was last answered of it.
    Latest,
    /// The tag of that.
    LatestTag,
    Nothing,
    /// What was written last, answered or not.
    Written,
    Something,
}

/// The words of a failure detector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    Alive,
    Suspect,
    Down,
}

/// A set of nodes, a bit for each, from the first on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Nodes(u8);

impl Nodes {
    pub(crate) fn contains(self, node: u64) -> bool {
        self.0 & (1 << (node - 1)) != 0
    }
}

/// How many registers there are.
pub(crate) const REGISTERS: u8 = 3;

/// How many nodes there are; the first three are the members at first.
pub(crate) const NODES: u64 = 5;

impl<'a> Arbitrary<'a> for Schedule {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let manner: u8 = bytes.arbitrary()?;
        let mut steps = Vec::new();
        while !bytes.is_empty() && steps.len() < STEPS_MAX {
            steps.push(bytes.arbitrary()?);
        }
        Ok(Schedule {
            one_at_a_time: manner & 1 != 0,
            slow_disks: manner & 6 == 6,
            steps,
        })
    }
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let kind: u8 = bytes.arbitrary()?;
        let detail: u8 = bytes.arbitrary()?;
        // Those that are members from the beginning are named more often.
        let node = |bits: u8| [1, 2, 3, 1, 2, 3, 4, 5][usize::from(bits % 8)];
        let at = node(detail);
        Ok(match kind % 64 {
            0..10 => Step::Ask {
                at,
                register: [0, 0, 0, 0, 0, 0, 1, 2][usize::from(detail / 8 % 8)],
                asked: bytes.arbitrary()?,
            },
            10..26 => Step::Deliver(detail),
            26..30 => Step::DeliverNewest,
            30..40 => Step::DeliverAmong(Nodes(detail)),
            40..43 => Step::Repeat(detail),
            43..46 => Step::Lose(detail),
            46..48 => Step::LoseFor(Nodes(detail)),
            48..53 => Step::Pass(detail),
            53..56 => Step::Tell {
                at,
                peer: node(detail / 8),
                word: match detail / 64 {
                    0 => Word::Alive,
                    1 => Word::Suspect,
                    _ => Word::Down,
                },
            },
            56..58 => Step::Propose {
                at,
                choice: detail / 8,
            },
            58..60 => Step::Learn { at },
            60..63 => Step::Persist { at },
            _ => Step::Die { at },
        })
    }
}

impl<'a> Arbitrary<'a> for Asked {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let kind: u8 = bytes.arbitrary()?;
        Ok(match kind % 16 {
            0..4 => Asked::Read,
            4..7 => Asked::Write,
            7 => Asked::Delete,
            8..12 => Asked::Add,
            _ => Asked::Set {
                expected: match kind / 16 % 8 {
                    0..3 => Guess::Latest,
                    3 => Guess::LatestTag,
                    4 | 5 => Guess::Nothing,
                    6 => Guess::Written,
                    _ => Guess::Something,
                },
                deletes: kind / 128 == 1 && kind.is_multiple_of(4),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(bytes: &[u8]) -> Schedule {
        Unstructured::new(bytes).arbitrary().unwrap_or(Schedule {
            one_at_a_time: false,
            slow_disks: false,
            steps: Vec::new(),
        })
    }

    #[test]
    fn every_step_and_everything_that_is_asked_has_bytes() {
        let mut names = std::collections::BTreeSet::new();
        for kind in 0..=255 {
            for detail in [0, 0x40, 0x80, 0xff] {
                for step in schedule(&[0, kind, detail, kind]).steps {
                    let text = format!("{step:?}");
                    names.extend(text.split([' ', '(']).next().map(str::to_owned));
                }
            }
            if let Step::Ask { asked, .. } = schedule(&[0, 0, 0, kind]).steps[0] {
                names.insert(format!("{asked:?}"));
            }
        }
        for name in [
            "Ask",
            "Deliver",
            "DeliverNewest",
            "DeliverAmong",
            "Repeat",
            "Lose",
            "LoseFor",
            "Pass",
            "Tell",
            "Propose",
            "Learn",
            "Persist",
            "Die",
            "Read",
            "Write",
            "Delete",
            "Add",
            "Set { expected: LatestTag, deletes: false }",
            "Set { expected: Something, deletes: false }",
        ] {
            assert!(names.contains(name), "{name} is not among {names:?}");
        }
    }

    #[test]
    fn a_schedule_ends_where_its_bytes_do_or_at_its_bound() {
        assert_eq!(schedule(&[]).steps, []);
        assert_eq!(schedule(&[3, 48, 7]).steps, [Step::Pass(7)]);
        assert!(schedule(&[3, 48, 7]).one_at_a_time);
        assert_eq!(schedule(&[48; 4096]).steps.len(), STEPS_MAX);
    }
}
