//! Changes of members, and recoveries: [`Changes`], [`Recoveries`].

use protocol::{ChangeRefusal, Configuration, Epoch, Member};
use std::fmt;
use std::ops::AddAssign;

/// Changes of members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Operators asked for them.
    pub asked: u64,
    /// Operators were told that they have begun.
    pub begun_for_operators: u64,
    /// Operators were told that they have not.
    pub refused: u64,
    /// Operators were told that nobody knows.
    pub unknown: u64,
    /// Configurations of a change that stood.
    pub begun: u64,
    /// Those of them by which a node came in the place of one that had been at its address.
    pub rejoins: u64,
    /// Changes that were done.
    pub finished: u64,
    /// Changes that were given up.
    pub aborted: u64,
    /// Processes that stopped, since another one had their place.
    pub stopped: u64,
}

impl Changes {
    /// An operator is told this.
    pub(crate) fn count(&mut self, answer: &Result<Epoch, ChangeRefusal>) {
        match answer {
            Ok(_) => self.begun_for_operators += 1,
            Err(ChangeRefusal::Unknown) => self.unknown += 1,
            Err(_) => self.refused += 1,
        }
    }

    /// A configuration stands after another one.
    pub(crate) fn stands(&mut self, before: Option<&Configuration>, now: &Configuration) {
        if before.is_none() {
            return;
        }
        if !now.is_joint() {
            let which = match now.is_aborted() {
                true => &mut self.aborted,
                false => &mut self.finished,
            };
            *which += 1;
            return;
        }
        self.begun += 1;
        let leaves = |member: &&Member| !now.contains_after(member.id);
        let leaving: Vec<&Member> = now.members_before().iter().filter(leaves).collect();
        let comes_back = |member: &Member| {
            let is_new = !now.contains_before(member.id);
            is_new && leaving.iter().any(|other| other.address == member.address)
        };
        self.rejoins += u64::from(now.members_after().iter().any(comes_back));
    }
}

impl AddAssign for Changes {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.begun_for_operators += other.begun_for_operators;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.begun += other.begun;
        self.rejoins += other.rejoins;
        self.finished += other.finished;
        self.aborted += other.aborted;
        self.stopped += other.stopped;
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Changes {
            asked,
            begun_for_operators,
            refused,
            unknown,
            begun,
            rejoins,
            finished,
            aborted,
            stopped,
        } = self;
        write!(
            f,
            "{begun} begun, {rejoins} of them by restarted nodes: {finished} finished, \
             {aborted} given up; {asked} asked for by operators: {begun_for_operators} begun, \
             {refused} refused, {unknown} unknown; {stopped} nodes stopped that were replaced"
        )
    }
}

/// How clusters went on after a majority was lost for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recoveries {
    /// Operators asked for them.
    pub asked: u64,
    /// Configurations by which those that were left went on in their cluster.
    pub by_majority: u64,
    /// Configurations by which they went on as a new one.
    pub as_new_cluster: u64,
    /// Those of either that were done: everything is served again.
    pub finished: u64,
    /// Registers that were given up by them, and went on from what was left.
    pub registers_given_up: u64,
}

impl AddAssign for Recoveries {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.by_majority += other.by_majority;
        self.as_new_cluster += other.as_new_cluster;
        self.finished += other.finished;
        self.registers_given_up += other.registers_given_up;
    }
}

impl fmt::Display for Recoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recoveries {
            asked,
            by_majority,
            as_new_cluster,
            finished,
            registers_given_up,
        } = self;
        write!(
            f,
            "{asked} asked for; {by_majority} begun by the majority that was left, \
             {as_new_cluster} as a new cluster; {finished} finished; {registers_given_up} registers went on from what was left"
        )
    }
}
