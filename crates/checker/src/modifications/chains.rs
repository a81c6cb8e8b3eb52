//! Updates that must follow each other, taken together.
//!
//! Let a value be in the register once only: one operation makes it. An update of that value then
//! takes place right where this value ends, and what saw the value took place between the two. So
//! the operations that saw either value stand in one piece, with an order that is known: a *chain*.
//! Inside, that order must agree with the times. Seen from outside, a chain is what a write and its
//! reads are: one write of something that all the others see. With all chains taken together a
//! history of distinct values has no updates left, and the near-linear decision for writes and
//! reads decides it.
//!
//! What stays an update is one from, or to, a value that more than one operation makes.

use super::deeds::{Deed, Deeds, Does};
use crate::trace::{Effect, Step, Trace, ValueId};

/// Deeds with their chains taken together.
#[derive(Clone, Debug)]
pub(super) struct Chained {
    /// What stays of the deeds. Those inside of a chain observe its first value.
    pub(super) deeds: Deeds,
    /// By deed: where it stands in its chain, if it is in one.
    places: Vec<Option<Place>>,
}

/// Where a deed stands: in the chain that begins with this value, so many links behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    chain: ValueId,
    /// Even for the deed that makes a value, odd for those that see it.
    position: usize,
}

/// Deeds that contradict each other. Deeds are named by their operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) kind: ClashKind,
    /// All that is needed to see it.
    pub(super) operations: Vec<usize>,
}

/// How deeds contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClashKind {
    /// Nothing can have made the value that it saw.
    Nowhere { seen_by: usize },
    /// Both updated a value that was there once.
    Twice { first: usize, second: usize },
    /// The later one saw what came of the earlier one, directly or by way of others, and yet had
    /// returned before that was called.
    TooEarly { later: usize, earlier: usize },
    /// It saw what came of itself.
    Circle { seen_by: usize },
}

/// Takes chains together.
pub(super) fn chain(mut deeds: Deeds) -> Result<Chained, Clash> {
    let links = loop {
        let links = Links::of(&deeds)?;
        if links.doubtful.is_empty() {
            break links;
        }
        let mut doubtful = links.doubtful.into_iter().peekable();
        let mut index = 0;
        deeds.list.retain(|_| {
            index += 1;
            doubtful.next_if_eq(&(index - 1)).is_none()
        });
    };
    let firsts = links.firsts(&deeds)?;
    let places = deeds.list.iter().map(|deed| links.place(deed, &firsts));
    let chained = Chained {
        places: places.collect(),
        deeds,
    };
    chained.expect_times_to_agree()?;
    Ok(chained.taken_together(&firsts))
}

/// What the values alone say of the deeds.
struct Links {
    /// Deeds of unknown outcome that took no effect, or none that anybody saw.
    doubtful: Vec<usize>,
    /// By value that was there once: the deed that certainly updated it.
    updated_by: Vec<Option<usize>>,
    /// By value: how many deeds make it; the start makes nothing.
    sources: Vec<usize>,
}

impl Links {
    fn of(deeds: &Deeds) -> Result<Links, Clash> {
        let list = &deeds.list;
        let mut sources = vec![0; deeds.values.count()];
        sources[0] = 1;
        let mut seen = vec![0; deeds.values.count()];
        for deed in list {
            if let Some(value) = deed.does.makes() {
                sources[number(value)] += 1;
            }
            if let Some(value) = deed.does.asks_for() {
                seen[number(value)] += 1;
            }
        }
        let mut links = Links {
            doubtful: Vec::new(),
            updated_by: vec![None; deeds.values.count()],
            sources,
        };
        let is_unseen = |deed: &Deed| {
            deed.does
                .makes()
                .is_some_and(|value| seen[number(value)] == 0)
        };
        let is_nowhere = |deed: &Deed| {
            let asks_for = deed.does.asks_for();
            asks_for.is_some_and(|value| links.sources[number(value)] == 0)
        };
        for (index, deed) in list.iter().enumerate() {
            if deed.end.is_none() && (is_unseen(deed) || is_nowhere(deed)) {
                links.doubtful.push(index);
            }
        }
        if !links.doubtful.is_empty() {
            return Ok(links);
        }
        let nowhere = list.iter().filter(|deed| is_nowhere(deed));
        if let Some(deed) = nowhere.min_by_key(|deed| deed.end) {
            return Err(Clash {
                kind: ClashKind::Nowhere {
                    seen_by: deed.operation,
                },
                operations: vec![deed.operation],
            });
        }
        links.find_updates(deeds)?;
        Ok(links)
    }

    /// Finds which deed updated each value that was there once, and which then did not.
    fn find_updates(&mut self, deeds: &Deeds) -> Result<(), Clash> {
        let certain = certain(deeds, &self.sources);
        let updates = deeds.list.iter().enumerate().filter_map(|(index, deed)| {
            let Does::Update { from, .. } = deed.does else {
                return None;
            };
            (self.sources[number(from)] == 1).then_some((index, number(from)))
        });
        let updates: Vec<(usize, usize)> = updates.collect();
        for (index, from) in updates.iter().filter(|(index, _)| certain[*index]) {
            if let Some(first) = self.updated_by[*from].replace(*index) {
                let operation = |index: usize| deeds.list[index].operation;
                let (first, second) = (operation(first), operation(*index));
                let made = Some(ValueId::numbered(*from));
                let maker = deeds.list.iter().find(|deed| deed.does.makes() == made);
                return Err(Clash {
                    kind: ClashKind::Twice { first, second },
                    operations: maker
                        .map(|deed| deed.operation)
                        .into_iter()
                        .chain([first, second])
                        .collect(),
                });
            }
        }
        let is_beaten =
            |(index, from): &&(usize, usize)| !certain[*index] && self.updated_by[*from].is_some();
        self.doubtful = updates
            .iter()
            .filter(is_beaten)
            .map(|(index, _)| *index)
            .collect();
        Ok(())
    }

    /// By value: the first value of its chain, and how many links lie between.
    fn firsts(&self, deeds: &Deeds) -> Result<Vec<Place>, Clash> {
        let count = deeds.values.count();
        // The value to which this one was updated, if the two are links of a chain.
        let next = |value: usize| {
            let to = deeds.list[self.updated_by[value]?].does.makes()?;
            (self.sources[number(to)] == 1).then_some(number(to))
        };
        let mut has_former = vec![false; count];
        for to in (0..count).filter_map(next) {
            has_former[to] = true;
        }
        let mut firsts: Vec<Option<Place>> = vec![None; count];
        for first in (0..count).filter(|value| !has_former[*value]) {
            let (mut value, mut position) = (Some(first), 0);
            while let Some(at) = value {
                firsts[at] = Some(Place {
                    chain: ValueId::numbered(first),
                    position,
                });
                (value, position) = (next(at), position + 1);
            }
        }
        match firsts.iter().position(Option::is_none) {
            None => Ok(firsts.into_iter().flatten().collect()),
            Some(value) => {
                let mut circle = vec![value];
                while let Some(to) = next(circle[circle.len() - 1]).filter(|to| *to != value) {
                    circle.push(to);
                }
                let asks = |deed: &&Deed| {
                    let asks_for = deed.does.asks_for();
                    asks_for.is_some_and(|value| circle.contains(&number(value)))
                };
                let shown = deeds.list.iter().filter(asks);
                let by = self.updated_by[value].expect("it has a former, so it has a next");
                let kind = ClashKind::Circle {
                    seen_by: deeds.list[by].operation,
                };
                let operations = shown.map(|deed| deed.operation).collect();
                Err(Clash { kind, operations })
            }
        }
    }

    /// Where a deed stands, if it is about a value that was there once.
    fn place(&self, deed: &Deed, firsts: &[Place]) -> Option<Place> {
        let first = |value: ValueId| {
            let is_once = self.sources[number(value)] == 1;
            is_once.then(|| firsts[number(value)])
        };
        let made = |place: Place| Place {
            position: 2 * place.position,
            ..place
        };
        let after = |place: Place, by: usize| Place {
            position: 2 * place.position + by,
            ..place
        };
        match deed.does {
            Does::Observe(value) => first(value).map(|place| after(place, 1)),
            Does::Overwrite(value) => first(value).map(made),
            Does::Update { from, to } => match (first(from), first(to)) {
                (Some(from), Some(to)) if from.chain == to.chain => Some(made(to)),
                (Some(from), _) => Some(after(from, 2)),
                (None, to) => to.map(made),
            },
            Does::Add { .. } | Does::Avoid(_) | Does::Replace { .. } => {
                unreachable!("additions were replaced before, and the others are searched")
            }
        }
    }
}

fn number(value: ValueId) -> usize {
    value.index().expect("it is numbered")
}

/// By deed: whether it certainly took effect. One of unknown outcome did if it alone makes a value
/// that was certainly seen.
fn certain(deeds: &Deeds, sources: &[usize]) -> Vec<bool> {
    let list = &deeds.list;
    let mut certain: Vec<bool> = list.iter().map(|deed| deed.end.is_some()).collect();
    let mut seen: Vec<bool> = vec![false; deeds.values.count()];
    let mut maker: Vec<Option<usize>> = vec![None; deeds.values.count()];
    for (index, deed) in list.iter().enumerate() {
        if let Some(value) = deed.does.makes().and_then(ValueId::index) {
            maker[value] = Some(index);
        }
    }
    let mut left: Vec<usize> = (0..list.len()).filter(|index| certain[*index]).collect();
    while let Some(index) = left.pop() {
        let Some(value) = list[index].does.asks_for().and_then(ValueId::index) else {
            continue;
        };
        if !std::mem::replace(&mut seen[value], true)
            && sources[value] == 1
            && let Some(maker) = maker[value]
            && !std::mem::replace(&mut certain[maker], true)
        {
            left.push(maker);
        }
    }
    certain
}

impl Chained {
    /// Nothing in a chain may have returned before what comes earlier in it was called.
    fn expect_times_to_agree(&self) -> Result<(), Clash> {
        let list = &self.deeds.list;
        // The latest call among what comes earlier in the chain.
        let mut latest: Option<usize> = None;
        for group in self
            .in_order()
            .chunk_by(|a, b| self.places[*a] == self.places[*b])
        {
            let chain = |index: usize| self.places[index].map(|place| place.chain);
            latest = latest.filter(|latest| chain(*latest) == chain(group[0]));
            for index in group {
                if let (Some(earlier), Some(end)) = (latest, list[*index].end)
                    && end < list[earlier].call
                {
                    let shown = self.with_links([*index, earlier].into_iter());
                    return Err(Clash {
                        kind: ClashKind::TooEarly {
                            later: list[*index].operation,
                            earlier: list[earlier].operation,
                        },
                        operations: shown.into_iter().map(|i| list[i].operation).collect(),
                    });
                }
            }
            let all = latest.into_iter().chain(group.iter().copied());
            latest = all.max_by_key(|index| list[*index].call);
        }
        Ok(())
    }

    /// The deeds that are in chains, chain by chain and from the first to the last.
    fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.retain(|index| self.places[*index].is_some());
        order.sort_by_key(|index| self.places[*index]);
        order
    }

    /// The same, with every link of a chain but the first made to observe.
    fn taken_together(mut self, firsts: &[Place]) -> Self {
        let first = |value: ValueId| firsts[number(value)].chain;
        // The earliest return among what comes later in the chain.
        let mut returned: Option<(ValueId, u64)> = None;
        for index in self.in_order().into_iter().rev() {
            let chain = self.places[index].map(|place| place.chain);
            returned = returned.filter(|(of, _)| Some(*of) == chain);
            let deed = &mut self.deeds.list[index];
            if let Does::Update { from, to } = deed.does
                && first(from) == first(to)
            {
                // One of unknown outcome was done before the first of those returned that saw what
                // came of it.
                deed.end = deed.end.or(returned.map(|(_, end)| end));
            }
            returned = match (returned, deed.end, chain) {
                (Some((_, end)), Some(own), Some(chain)) => Some((chain, own.min(end))),
                (None, Some(own), Some(chain)) => Some((chain, own)),
                (returned, ..) => returned,
            };
        }
        for deed in &mut self.deeds.list {
            deed.does = match deed.does {
                Does::Observe(value) => Does::Observe(first(value)),
                Does::Overwrite(value) => Does::Overwrite(first(value)),
                Does::Update { from, to } if from != to && first(from) == first(to) => {
                    Does::Observe(first(from))
                }
                Does::Update { from, to } => Does::Update {
                    from: first(from),
                    to: first(to),
                },
                does @ (Does::Add { .. } | Does::Avoid(_) | Does::Replace { .. }) => does,
            };
        }
        self
    }

    /// The same as writes and reads, if no update is left.
    pub(super) fn as_trace(&self) -> Option<Trace> {
        let steps = self.deeds.list.iter().map(|deed| {
            let effect = match deed.does {
                Does::Observe(value) => Effect::Observes(value),
                Does::Overwrite(value) => Effect::Overwrites(value),
                _ => return None,
            };
            Some(Step {
                operation: deed.operation,
                call: deed.call,
                end: deed.end,
                effect,
            })
        });
        Some(Trace {
            steps: steps.collect::<Option<_>>()?,
            values: self.deeds.values.count(),
        })
    }

    /// These deeds, and all that makes the values of their chains up to where they stand.
    pub(super) fn with_links(&self, deeds: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut all: Vec<usize> = deeds.collect();
        let reach: Vec<Place> = all.iter().filter_map(|index| self.places[*index]).collect();
        let is_link = |index: &usize| {
            self.places[*index].is_some_and(|place| {
                let is_before =
                    |end: &Place| end.chain == place.chain && place.position <= end.position;
                place.position % 2 == 0 && reach.iter().any(is_before)
            })
        };
        all.extend((0..self.places.len()).filter(is_link));
        all.sort_unstable();
        all.dedup();
        all
    }
}
