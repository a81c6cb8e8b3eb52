//! What the nodes say of their cluster: [`Board`], and whether all is well.

use super::network::Network;
use super::timeline::{Chronicle, Standing};
use crate::cli::client::{self, State, View, cluster_view};
use parking_lot::Mutex;
use protocol::{Address, NodeId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

/// The latest word of each node that answers, renewed all the time.
pub(crate) struct Board {
    words: Arc<Mutex<Vec<Word>>>,
    _looking: Vec<AbortOnDropHandle<()>>,
}

/// What is known of one node.
#[derive(Clone, Default)]
struct Word {
    /// What it said last, if it answered, and when it was asked.
    view: Option<(Instant, View)>,
    /// The identity of the process that is gone, whose words count no more.
    gone: Option<String>,
}

/// How often each node is asked.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long it may take to answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

impl Board {
    /// Asks all nodes from now on, and tells the chronicle and the network what it learns.
    pub(crate) fn watch(nodes: usize, network: &Arc<Network>, chronicle: &Chronicle) -> Self {
        let words = Arc::new(Mutex::new(vec![Word::default(); nodes]));
        let looking = (0..nodes).map(|node| {
            let (words, chronicle) = (Arc::clone(&words), chronicle.clone());
            let network = Arc::clone(network);
            let looking = tokio::spawn(async move {
                let address = network.listen(node);
                loop {
                    let asked = Instant::now();
                    let view = cluster_view(&address, LOOK_TIMEOUT).await.ok();
                    let view = view.map(|(_, view)| (asked, view));
                    note(&words, node, view, |view| {
                        chronicle.standing(node, standing(view));
                        if let Some(id) = id(view) {
                            network.introduce(node, id);
                        }
                    });
                    sleep(LOOK_INTERVAL).await;
                }
            });
            AbortOnDropHandle::new(looking)
        });
        let looking = looking.collect();
        Self {
            words,
            _looking: looking,
        }
    }

    /// A node's process ends now. What it had said counts no more, even if it comes late.
    pub(crate) fn forget(&self, node: usize) {
        let word = &mut self.words.lock()[node];
        if let Some((_, view)) = word.view.take() {
            word.gone = Some(view.node);
        }
    }

    /// What the nodes say that were asked after this time.
    pub(crate) fn views_since(&self, time: Instant) -> Vec<Option<View>> {
        let words = self.words.lock();
        let views = words.iter().map(|word| match &word.view {
            Some((asked, view)) if *asked >= time => Some(view.clone()),
            _ => None,
        });
        views.collect()
    }

    /// The word of the node that has entered the newest epoch.
    pub(crate) fn newest(&self) -> Option<View> {
        let words = self.words.lock();
        let views = words.iter().filter_map(|word| word.view.as_ref());
        let views = views.map(|(_, view)| view);
        let newest = views
            .filter(|view| view.cluster.is_some())
            .max_by_key(|view| view.epoch);
        newest.cloned()
    }
}

fn note(
    words: &Mutex<Vec<Word>>,
    node: usize,
    view: Option<(Instant, View)>,
    tell: impl FnOnce(&View),
) {
    let mut words = words.lock();
    let word = &mut words[node];
    let view = view.filter(|(_, view)| word.gone.as_ref() != Some(&view.node));
    if let Some((_, view)) = &view {
        tell(view);
    }
    word.view = view;
}

fn id(view: &View) -> Option<NodeId> {
    u64::from_str_radix(&view.node, 16).ok().map(NodeId::new)
}

fn standing(view: &View) -> Standing {
    match view.standing {
        client::Standing::Member if view.lacking_slots == 0 => Standing::Whole,
        client::Standing::Member | client::Standing::Fresh => Standing::Lacking,
        client::Standing::Outsider => Standing::Outside,
    }
}

/// The members' places, if all is well: all members say the same of who is one, no change is under
/// way, and each of them runs, lacks nothing, and is alive to all. Whoever runs answers.
///
/// # Errors
/// What is amiss, in words.
pub(crate) fn whole_members(
    views: &[Option<View>],
    runs: &[bool],
    addresses: &[Address],
) -> Result<Vec<usize>, String> {
    if let Some(silent) = (0..views.len()).find(|&node| runs[node] && views[node].is_none()) {
        return Err(format!("{} does not answer", addresses[silent]));
    }
    // Who is no member hears of changes when it passes something on.
    let members = views.iter().zip(addresses);
    let members = members.filter_map(|(view, address)| Some((view.as_ref()?, address)));
    let members: Vec<(&View, &Address)> = members
        .filter(|(view, _)| view.standing == client::Standing::Member)
        .collect();
    let newest = members.iter().map(|(view, _)| view.epoch).max();
    let newest = newest.ok_or_else(|| "no member answers".to_owned())?;
    for (view, address) in &members {
        if view.epoch != newest {
            let epoch = view.epoch;
            return Err(format!("{address} is in epoch {epoch} of {newest}"));
        }
        if view.change.is_some() {
            return Err(format!("to {address} a change is under way"));
        }
        if view.lacking_slots > 0 {
            return Err(format!("{address} lacks {} slots", view.lacking_slots));
        }
        if let Some(other) = view.members.iter().find(|it| it.state != State::Alive) {
            return Err(format!("to {address} {} is {}", other.address, other.state));
        }
    }
    let places = members[0].0.members.iter().map(|member| {
        let mut places = 0..views.len();
        let place = places.find(|&place| {
            let view = views[place].as_ref();
            addresses[place].as_str() == member.address
                && view.is_some_and(|view| view.node == member.id)
        });
        place.ok_or_else(|| format!("the member at {} is gone", member.address))
    });
    let mut places = places.collect::<Result<Vec<usize>, String>>()?;
    places.sort_unstable();
    match places.len() == members.len() {
        true => Ok(places),
        false => Err("not all members say who they are".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HERE: &str = "a:1";
    const THERE: &str = "b:1";

    fn view(node: &str, standing: &str, epoch: u64, members: &[(&str, &str, &str)]) -> View {
        let members = members
            .iter()
            .map(|(id, address, state)| json!({ "id": id, "address": address, "state": state }));
        let rounds = json!({ "one": 0, "two": 0, "more": 0 });
        serde_json::from_value(json!({
            "node": node, "standing": standing, "cluster": "c", "epoch": epoch,
            "members": members.collect::<Vec<_>>(), "quorum": true, "registers": 0,
            "operations_running": 0, "rounds": { "read": rounds }, "version": "1",
        }))
        .unwrap()
    }

    fn whole(views: [Option<View>; 2]) -> Result<Vec<usize>, String> {
        let addresses = [HERE, THERE].map(|address| address.parse().unwrap());
        let runs = [true, views[1].is_some()];
        whole_members(&views, &runs, &addresses)
    }

    #[test]
    fn all_is_well_when_every_member_says_the_same_and_sees_all() {
        let both = [("1", HERE, "alive"), ("2", THERE, "alive")];
        let member = |node| Some(view(node, "member", 3, &both));
        assert_eq!(whole([member("1"), member("2")]), Ok(vec![0, 1]));
        let alone = [("1", HERE, "alive")];
        let outsider = Some(view("2", "outsider", 1, &alone));
        let member = Some(view("1", "member", 3, &alone));
        assert_eq!(whole([member, outsider]), Ok(vec![0]));
    }

    #[test]
    fn what_is_amiss_is_told() {
        let both = [("1", HERE, "alive"), ("2", THERE, "alive")];
        let member = |node, epoch| Some(view(node, "member", epoch, &both));
        let amiss = |views, part: &str| {
            let told = whole(views).unwrap_err();
            assert!(told.contains(part), "{told}");
        };
        amiss([member("1", 3), member("2", 2)], "epoch 2 of 3");
        amiss([member("1", 3), None], "b:1 is gone");
        amiss([None, member("2", 3)], "a:1 does not answer");
        // Another process is there, which the members do not know.
        amiss([member("1", 3), member("9", 3)], "b:1 is gone");
        let down = [("1", HERE, "alive"), ("2", THERE, "down")];
        let sees_it_down = Some(view("1", "member", 3, &down));
        amiss([sees_it_down, member("2", 3)], "b:1 is down");
        let mut lacking = view("2", "member", 3, &both);
        lacking.lacking_slots = 7;
        amiss([member("1", 3), Some(lacking)], "b:1 lacks 7 slots");
    }
}
