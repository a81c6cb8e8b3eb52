//! What goes wrong: [`Fault`].

use crate::network::{Site, Storm};
use protocol::ChangeRequest;
use std::fmt;
use std::time::Duration;

/// One thing that goes wrong, and for how long.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Fault {
    /// The process is gone with its memory. A new one starts in its place, unless it is to stay
    /// down until the cluster heals.
    Crash {
        site: Site,
        back_after: Option<Duration>,
    },
    /// All processes are gone at once, and a new one starts at each site after its time.
    PowerCut { back_after: Vec<Duration> },
    /// The process does nothing; what is sent to it waits in its sockets.
    Freeze {
        site: Site,
        lasting: Duration,
        /// Whether its clock stands still too.
        clock_stands: bool,
        /// Whether its timers go off before it reads its sockets again.
        timers_first: bool,
    },
    /// Nothing passes over these links.
    Partition {
        kind: &'static str,
        links: Vec<(Site, Site)>,
        lasting: Duration,
        /// Whether their connections break.
        breaks: bool,
    },
    /// What is sent over the link is held back.
    Clog {
        from: Site,
        to: Site,
        lasting: Duration,
    },
    /// Messages are lost and duplicated.
    Storm { storm: Storm, lasting: Duration },
    /// The connection of a link breaks, and what is on its way over it is lost.
    BrokenConnection { from: Site, to: Site },
    /// The clock of a machine skips a span.
    ClockJump { site: Site, by: Duration },
    /// The wall clock of a machine is set forward or back.
    WallClockJump { site: Site, by_ms: i64 },
    /// Operators ask for changes of members: one, or two at once.
    Changes { asked: Vec<(Site, ChangeRequest)> },
    /// A node starts that is none of those that found the cluster, and asks to be let in.
    Start { site: Site },
    /// So many are lost that those that are left cannot go on by themselves, and an operator takes
    /// all of these for lost for good.
    Loss {
        /// Whose memory is gone, and when another process starts there, if one does before the
        /// cluster heals.
        dead: Vec<(Site, Option<Duration>)>,
        /// Who does nothing until the cluster heals, and then remembers.
        asleep: Vec<Site>,
    },
}

impl Fault {
    /// The names of all kinds, in the order of [`Fault::kind`].
    pub(crate) const KINDS: [&str; 12] = [
        "crashes",
        "freezes",
        "partitions",
        "clogged links",
        "storms of loss and duplication",
        "broken connections",
        "jumps of clocks",
        "power cuts",
        "changes of members asked for",
        "nodes started to join",
        "losses of a majority for good",
        "jumps of wall clocks",
    ];

    /// The kind of [`Fault::Crash`].
    pub(crate) const CRASH: usize = 0;
    /// The kind of [`Fault::Clog`].
    pub(crate) const CLOG: usize = 3;
    /// The kind of [`Fault::PowerCut`].
    pub(crate) const POWER_CUT: usize = 7;
    /// The kind of [`Fault::Changes`].
    pub(crate) const CHANGES: usize = 8;
    /// The kind of [`Fault::Start`].
    pub(crate) const START: usize = 9;
    /// The kind of [`Fault::Loss`].
    pub(crate) const LOSS: usize = 10;
    /// The kind of [`Fault::WallClockJump`].
    pub(crate) const WALL_CLOCK_JUMP: usize = 11;

    /// Which of the kinds it is.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Fault::Crash { .. } => Self::CRASH,
            Fault::Freeze { .. } => 1,
            Fault::Partition { .. } => 2,
            Fault::Clog { .. } => Self::CLOG,
            Fault::Storm { .. } => 4,
            Fault::BrokenConnection { .. } => 5,
            Fault::ClockJump { .. } => 6,
            Fault::PowerCut { .. } => Self::POWER_CUT,
            Fault::Changes { .. } => Self::CHANGES,
            Fault::Start { .. } => Self::START,
            Fault::Loss { .. } => Self::LOSS,
            Fault::WallClockJump { .. } => Self::WALL_CLOCK_JUMP,
        }
    }
}

/// What an operator asks for, in words.
pub(crate) struct Asked<'a>(pub(crate) &'a ChangeRequest);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ChangeRequest::Add { address, weight } => write!(f, "add {address}, weight {weight}"),
            ChangeRequest::Remove { member } => write!(f, "remove {member}"),
            ChangeRequest::Replace { member, address } => {
                write!(f, "replace {member} by {address}")
            }
            ChangeRequest::Abort => f.write_str("give up the change under way"),
            ChangeRequest::Recover { lost, cluster, .. } => {
                write!(f, "go on without")?;
                lost.iter().try_for_each(|lost| write!(f, " {lost}"))?;
                write!(f, ", if need be as {cluster}")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Crash {
                site,
                back_after: Some(after),
            } => {
                write!(f, "crash of site {}, back after {after:?}", site + 1)
            }
            Fault::Crash {
                site,
                back_after: None,
            } => {
                write!(f, "crash of site {}, which stays down", site + 1)
            }
            Fault::PowerCut { back_after } => {
                write!(f, "power cut; the sites are back after {back_after:?}")
            }
            Fault::Freeze {
                site,
                lasting,
                clock_stands,
                timers_first,
            } => {
                let clock = if *clock_stands {
                    "stands still"
                } else {
                    "goes on"
                };
                let first = if *timers_first { "timers" } else { "sockets" };
                let site = site + 1;
                write!(
                    f,
                    "freeze of site {site} for {lasting:?}; its clock {clock}; its {first} come first"
                )
            }
            Fault::Partition {
                kind,
                links,
                lasting,
                breaks,
            } => {
                let how = if *breaks { ", connections break" } else { "" };
                write!(f, "partition ({kind}) for {lasting:?}{how}:")?;
                links
                    .iter()
                    .try_for_each(|(from, to)| write!(f, " {}->{}", from + 1, to + 1))
            }
            Fault::Clog { from, to, lasting } => {
                write!(
                    f,
                    "link {}->{} is clogged for {lasting:?}",
                    from + 1,
                    to + 1
                )
            }
            Fault::Storm { storm, lasting } => {
                let Storm { loss, duplication } = storm;
                write!(
                    f,
                    "storm for {lasting:?}: loss {loss}, duplication {duplication}"
                )
            }
            Fault::BrokenConnection { from, to } => {
                write!(f, "connection {}->{} breaks", from + 1, to + 1)
            }
            Fault::ClockJump { site, by } => {
                write!(f, "clock of site {} jumps by {by:?}", site + 1)
            }
            Fault::WallClockJump { site, by_ms } => {
                write!(f, "wall clock of site {} jumps by {by_ms} ms", site + 1)
            }
            Fault::Changes { asked } => {
                f.write_str("operators ask for changes of members:")?;
                asked.iter().try_for_each(|(site, request)| {
                    write!(f, " at site {}: {};", site + 1, Asked(request))
                })
            }
            Fault::Start { site } => write!(f, "site {} starts, to join", site + 1),
            Fault::Loss { dead, asleep } => {
                f.write_str("lost for good:")?;
                dead.iter()
                    .try_for_each(|(site, back_after)| match back_after {
                        Some(after) => write!(f, " site {}, back after {after:?};", site + 1),
                        None => write!(f, " site {};", site + 1),
                    })?;
                f.write_str(" taken for it, but asleep:")?;
                asleep
                    .iter()
                    .try_for_each(|site| write!(f, " site {};", site + 1))
            }
        }
    }
}
