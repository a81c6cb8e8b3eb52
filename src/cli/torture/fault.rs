//! What can go wrong: [`Fault`].

use super::network::Cuts;
use clap::ValueEnum;
use std::fmt;

/// A fault, and whom it befalls. Nodes are numbered from zero, and shown from one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A node is killed, and started again later with an empty memory.
    Kill(usize),
    /// A node is told to stop, and started again later with an empty memory.
    Restart(usize),
    /// A node is frozen.
    Freeze(usize),
    /// All nodes are frozen.
    FreezeAll,
    /// Links are cut.
    Partition(Partition),
    /// The members are changed.
    Members(Alteration),
}

/// A cut of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Partition {
    /// One node is cut off from all others.
    Isolate(usize),
    /// The nodes fall apart into these and the others.
    Split(Vec<usize>),
    /// The same, but for one node that both sides reach.
    Bridge {
        /// It is on neither side.
        bridge: usize,
        /// Those on the one side.
        side: Vec<usize>,
    },
    /// What one node says does not reach another, which it hears.
    OneWay {
        /// Who is not heard.
        from: usize,
        /// By whom.
        to: usize,
    },
    /// Nobody hears a node, which hears all others.
    Mute(usize),
    /// A node hears nobody, and all others hear it.
    Deaf(usize),
    /// A link between two nodes is cut and mended, again and again.
    Flapping(usize, usize),
}

/// A change of members. Which it is to be depends on who is a member when it is asked for; the
/// number decides among those who can be meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alteration {
    /// One more node is let in.
    Add(usize),
    /// A member is let go.
    Remove(usize),
    /// A node comes in a member's place.
    Replace(usize),
    /// A change is begun and given up at once.
    GiveUp(usize),
}

/// The kinds of faults, for choosing among them and counting them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum FaultKind {
    /// [`Fault::Kill`].
    Kill,
    /// [`Fault::Restart`].
    Restart,
    /// [`Fault::Freeze`].
    Freeze,
    /// [`Fault::FreezeAll`].
    FreezeAll,
    /// [`Partition::Isolate`].
    Isolate,
    /// [`Partition::Split`].
    Split,
    /// [`Partition::Bridge`].
    Bridge,
    /// [`Partition::OneWay`].
    OneWay,
    /// [`Partition::Mute`].
    Mute,
    /// [`Partition::Deaf`].
    Deaf,
    /// [`Partition::Flapping`].
    Flapping,
    /// [`Alteration::Add`].
    Add,
    /// [`Alteration::Remove`].
    Remove,
    /// [`Alteration::Replace`].
    Replace,
    /// [`Alteration::GiveUp`].
    GiveUp,
}

/// Groups of faults that can be asked for.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum FaultGroup {
    /// kill -9, and a start with an empty memory
    Kill,
    /// SIGTERM, and a start with an empty memory
    Restart,
    /// SIGSTOP, and SIGCONT later: one node or all of them
    Freeze,
    /// Links between nodes are cut: both ways, one way, between majority and minority, flapping
    Partition,
    /// Nodes are added, removed and replaced, and changes given up
    Members,
}

impl FaultKind {
    /// All of them, in the order of their telling.
    pub(crate) const ALL: [FaultKind; 15] = [
        FaultKind::Kill,
        FaultKind::Restart,
        FaultKind::Freeze,
        FaultKind::FreezeAll,
        FaultKind::Isolate,
        FaultKind::Split,
        FaultKind::Bridge,
        FaultKind::OneWay,
        FaultKind::Mute,
        FaultKind::Deaf,
        FaultKind::Flapping,
        FaultKind::Add,
        FaultKind::Remove,
        FaultKind::Replace,
        FaultKind::GiveUp,
    ];

    /// The group that it belongs to.
    pub(crate) fn group(self) -> FaultGroup {
        match self {
            Self::Kill => FaultGroup::Kill,
            Self::Restart => FaultGroup::Restart,
            Self::Freeze | Self::FreezeAll => FaultGroup::Freeze,
            Self::Isolate
            | Self::Split
            | Self::Bridge
            | Self::OneWay
            | Self::Mute
            | Self::Deaf
            | Self::Flapping => FaultGroup::Partition,
            Self::Add | Self::Remove | Self::Replace | Self::GiveUp => FaultGroup::Members,
        }
    }

    /// Whether a node loses its memory by it.
    pub(crate) fn forgets(self) -> bool {
        matches!(self, Self::Kill | Self::Restart)
    }

    /// What it is, for a table.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Kill => "kill -9 and start",
            Self::Restart => "stop (SIGTERM) and start",
            Self::Freeze => "freeze (SIGSTOP)",
            Self::FreezeAll => "freeze all nodes",
            Self::Isolate => "cut one node off",
            Self::Split => "majority and minority",
            Self::Bridge => "two sides and a bridge",
            Self::OneWay => "one link cut one way",
            Self::Mute => "one node is not heard",
            Self::Deaf => "one node hears nobody",
            Self::Flapping => "a flapping link",
            Self::Add => "add a node",
            Self::Remove => "remove a node",
            Self::Replace => "replace a node",
            Self::GiveUp => "give a change up",
        }
    }
}

impl Fault {
    /// Its kind.
    pub(crate) fn kind(&self) -> FaultKind {
        match self {
            Self::Kill(_) => FaultKind::Kill,
            Self::Restart(_) => FaultKind::Restart,
            Self::Freeze(_) => FaultKind::Freeze,
            Self::FreezeAll => FaultKind::FreezeAll,
            Self::Partition(partition) => match partition {
                Partition::Isolate(_) => FaultKind::Isolate,
                Partition::Split(_) => FaultKind::Split,
                Partition::Bridge { .. } => FaultKind::Bridge,
                Partition::OneWay { .. } => FaultKind::OneWay,
                Partition::Mute(_) => FaultKind::Mute,
                Partition::Deaf(_) => FaultKind::Deaf,
                Partition::Flapping(..) => FaultKind::Flapping,
            },
            Self::Members(alteration) => match alteration {
                Alteration::Add(_) => FaultKind::Add,
                Alteration::Remove(_) => FaultKind::Remove,
                Alteration::Replace(_) => FaultKind::Replace,
                Alteration::GiveUp(_) => FaultKind::GiveUp,
            },
        }
    }
}

impl Partition {
    /// The links that it cuts among so many nodes.
    pub(crate) fn cuts(&self, nodes: usize) -> Cuts {
        let all: Vec<usize> = (0..nodes).collect();
        let none = Cuts::default();
        match self {
            Self::Isolate(node) => none.both_ways(&[*node], &all),
            Self::Split(side) => none.both_ways(side, &others(&all, side)),
            Self::Bridge { bridge, side } => {
                let across = others(&others(&all, side), &[*bridge]);
                none.both_ways(side, &across)
            }
            Self::OneWay { from, to } => none.one_way(&[*from], &[*to]),
            Self::Mute(node) => none.one_way(&[*node], &all),
            Self::Deaf(node) => none.one_way(&all, &[*node]),
            Self::Flapping(one, other) => none.both_ways(&[*one], &[*other]),
        }
    }
}

fn others(all: &[usize], side: &[usize]) -> Vec<usize> {
    let others = all.iter().filter(|node| !side.contains(node));
    others.copied().collect()
}

/// Names of nodes, for people.
pub(crate) fn names(nodes: &[usize]) -> String {
    let names: Vec<String> = nodes.iter().map(|&node| name(node)).collect();
    names.join(" ")
}

/// The name of a node, for people.
pub(crate) fn name(node: usize) -> String {
    format!("n{}", node + 1)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(node) => write!(f, "kill -9 {}", name(*node)),
            Self::Restart(node) => write!(f, "restart {}", name(*node)),
            Self::Freeze(node) => write!(f, "freeze {}", name(*node)),
            Self::FreezeAll => f.write_str("freeze all"),
            Self::Partition(partition) => partition.fmt(f),
            Self::Members(alteration) => f.write_str(match alteration {
                Alteration::Add(_) => "add a node",
                Alteration::Remove(_) => "remove a node",
                Alteration::Replace(_) => "replace a node",
                Alteration::GiveUp(_) => "begin a change and give it up",
            }),
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolate(node) => write!(f, "cut {} off", name(*node)),
            Self::Split(side) => write!(f, "cut {} from the others", names(side)),
            Self::Bridge { bridge, side } => write!(
                f,
                "cut {} from the others but {}",
                names(side),
                name(*bridge)
            ),
            Self::OneWay { from, to } => {
                write!(f, "{} does not hear {}", name(*to), name(*from))
            }
            Self::Mute(node) => write!(f, "nobody hears {}", name(*node)),
            Self::Deaf(node) => write!(f, "{} hears nobody", name(*node)),
            Self::Flapping(one, other) => {
                write!(f, "the link {}-{} flaps", name(*one), name(*other))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(partition: &Partition) -> Vec<(usize, usize)> {
        let cuts = partition.cuts(5);
        let pairs = (0..5).flat_map(|from| (0..5).map(move |to| (from, to)));
        pairs.filter(|&(from, to)| cuts.is_cut(from, to)).collect()
    }

    #[test]
    fn a_split_leaves_both_sides_whole() {
        let split = parted(&Partition::Split(vec![0, 3]));
        assert_eq!(split.len(), 2 * 2 * 3);
        assert!(!split.contains(&(0, 3)) && !split.contains(&(1, 2)));
        assert!(split.contains(&(0, 1)) && split.contains(&(1, 0)));
    }

    #[test]
    fn a_bridge_sees_both_sides() {
        let bridge = Partition::Bridge {
            bridge: 2,
            side: vec![0, 1],
        };
        let cut = parted(&bridge);
        assert_eq!(cut.len(), 2 * 2 * 2);
        assert!(cut.iter().all(|(from, to)| *from != 2 && *to != 2));
        assert!(cut.contains(&(0, 3)) && !cut.contains(&(3, 4)));
    }

    #[test]
    fn who_is_mute_hears_and_who_is_deaf_speaks() {
        assert_eq!(
            parted(&Partition::Mute(1)),
            [(1, 0), (1, 2), (1, 3), (1, 4)]
        );
        assert_eq!(
            parted(&Partition::Deaf(1)),
            [(0, 1), (2, 1), (3, 1), (4, 1)]
        );
        let one_way = Partition::OneWay { from: 4, to: 0 };
        assert_eq!(parted(&one_way), [(4, 0)]);
        assert_eq!(parted(&Partition::Isolate(0)).len(), 8);
    }
}
