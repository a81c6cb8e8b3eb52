//! What an action does to a state: [`Draft`].

use super::Space;
use super::state::{Fault, State, has_two_contents};
use crate::history::{Client, ClientState};
use crate::names::Place;
use crate::needless::{Parties, is_needless};
use crate::scenario::{NODES_MAX, Planned};
use crate::store::{Event, LaneId, MessageId, Step};
use protocol::{Body, Tag};
use std::sync::Arc;

/// A state that is being worked on.
pub(super) struct Draft<'a> {
    space: &'a Space,
    pub(super) state: State,
    network: Vec<MessageId>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(space: &'a Space, state: &State) -> Self {
        Self {
            space,
            network: state.network.to_vec(),
            state: state.clone(),
        }
    }

    pub(super) fn enter(&mut self, place: Place, planned: usize) {
        self.state.entered |= 1 << planned;
        self.happen(place, Event::Enter(planned));
    }

    pub(super) fn make(&mut self, number: usize, first: Option<usize>, is_heard: bool) {
        let ended = self.state.clients.iter().enumerate();
        let ended = ended.filter(|(_, client)| client.has_ended());
        self.state.clients[number] = Client {
            before: ended.map(|(it, _)| 1 << it).sum(),
            state: ClientState::Waiting,
            rounds: 0,
        };
        let at = self.space.scenario.requests[number].at;
        let step = self.happen(at, Event::Request(number));
        if let Some(first) = first {
            self.arrive(step.sent[first], is_heard);
        }
    }

    pub(super) fn arrive(&mut self, message: MessageId, is_heard: bool) {
        let known = self.space.store.message(message);
        if !self.space.scenario.duplicates {
            self.network.retain(|&it| it != message);
        }
        let from = known.from;
        if !self.space.hears_at_once(from) {
            self.happen(known.to, Event::Arrival(message));
            return;
        }
        let step = self.take(known.to, Event::Arrival(message));
        for &reply in &step.sent {
            let known = self.space.store.message(reply);
            let is_answer = known.to == from && known.answers().is_some();
            match is_answer {
                true if is_heard && self.state.lanes[from] != LaneId::DEAD => {
                    self.happen(from, Event::Arrival(reply));
                }
                true => {}
                false => self.network.push(reply),
            }
        }
    }

    pub(super) fn check(&mut self, message: MessageId) {
        let known = self.space.store.message(message);
        let checked = self.space.store.intern_message(known.message.clone(), true);
        self.network.retain(|&it| it != message);
        self.network.push(checked);
    }

    pub(super) fn crash(&mut self, crashed: Place) {
        self.state.lanes[crashed] = LaneId::DEAD;
        for place in 0..self.state.lanes.len() {
            if self.state.lanes[place] != LaneId::DEAD {
                self.happen(place, Event::Down(crashed));
            }
        }
    }

    /// Something happens to a lane, and what it sends may arrive.
    pub(super) fn happen(&mut self, place: Place, event: Event) -> Arc<Step> {
        let step = self.take(place, event);
        self.network.extend(&step.sent);
        step
    }

    /// Something happens to a lane.
    pub(super) fn take(&mut self, place: Place, event: Event) -> Arc<Step> {
        let space = self.space;
        let former = self.state.lanes[place];
        let step = space.store.step(former, event);
        self.state.lanes[place] = step.lane;
        if let Some(words) = &step.panic {
            let mut last_words = space.last_words.lock();
            let known = last_words.iter().position(|it| it == words);
            let number = known.unwrap_or_else(|| {
                last_words.push(words.clone());
                last_words.len() - 1
            });
            self.state.fault = Some(Fault::Stopped(number as u16));
        }
        if step.has_copied {
            let view = space.store.view();
            let lane = view.lane(step.lane).expect("it lives");
            let epoch = lane.lane.epoch();
            let is_of_copied = |planned: &Planned| {
                planned.configuration.epoch() == epoch && planned.configuration.is_joint()
            };
            let planned = space.scenario.configurations.iter().position(is_of_copied);
            if let Some(planned) = planned {
                self.state.copied |= 1 << (planned * NODES_MAX + place);
            }
        }
        for (number, ending, rounds) in &step.ended {
            let client = &mut self.state.clients[*number];
            client.state = ClientState::Ended(space.histories.number(ending.clone()));
            client.rounds = *rounds;
        }
        if !step.ended.is_empty() && self.state.fault.is_none() {
            let requests = &space.scenario.requests;
            let fault = space.histories.fault(requests, &self.state.clients);
            self.state.fault = fault.map(|_| Fault::NotLinearizable);
        }
        let view = space.store.view();
        let tag = |id| view.lane(id).map(|lane| lane.holds.0);
        // One that comes back into the replica set drops what it kept, and copies it anew.
        let may_drop = matches!(event, Event::Enter(_)) && tag(step.lane) == Some(Tag::ZERO);
        if tag(former) > tag(step.lane) && !may_drop {
            self.state.fault = Some(Fault::TagWentDown);
        }
        step
    }

    pub(super) fn finish(mut self) -> State {
        self.forget_the_idle();
        let view = self.space.store.view();
        self.network.sort_unstable();
        self.network.dedup();
        if self.space.scenario.drops_needless {
            let (lanes, planted) = (&self.state.lanes, self.space.scenario.planted);
            self.network.retain(|&message| {
                let known = view.message(message);
                let receiver = view.lane(lanes[known.to]);
                let sender = view.lane(lanes[known.from]);
                let parties = Parties {
                    receiver,
                    sender,
                    planted,
                };
                !is_needless(known, parties)
            });
        }
        drop(view);
        self.drop_vain_queries();
        let view = self.space.store.view();
        self.state.network = std::mem::take(&mut self.network).into();
        if self.state.fault.is_none() && has_two_contents(&self.state, &view) {
            self.state.fault = Some(Fault::TwoContents);
        }
        self.state.hash = self.space.hash(&self.state, &view);
        self.state
    }

    /// Queries of a node in an epoch in which it cannot have a quorum any more tell it nothing that
    /// it does not forget in the next.
    pub(super) fn drop_vain_queries(&mut self) {
        let (space, state) = (self.space, &self.state);
        self.network.retain(|&message| {
            let known = space.store.message(message);
            let Body::Query { counter, .. } = known.message.body else {
                return true;
            };
            let lane = state.lanes[known.from];
            let has_answered = |node| {
                let view = space.store.view();
                view.lane(lane)
                    .is_some_and(|it| it.lane.has_answer_of(counter, node))
            };
            let is_coordinator = space.hears_at_once(known.from);
            !is_coordinator || space.may_have_quorum(state, lane, has_answered)
        });
    }

    /// Nodes that only coordinate, and have nothing more to coordinate, are as good as gone.
    pub(super) fn forget_the_idle(&mut self) {
        let space = self.space;
        let requests = space.scenario.requests.iter();
        let open = requests
            .zip(&self.state.clients)
            .filter(|(_, client)| !client.has_ended());
        let busy: Vec<Place> = open.map(|(request, _)| request.at).collect();
        for (place, lane) in self.state.lanes.iter_mut().enumerate() {
            if space.hears_at_once(place) && !busy.contains(&place) {
                *lane = LaneId::DEAD;
            }
        }
    }
}
