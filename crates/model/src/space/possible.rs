//! Which actions there are in a state, and which of them make a difference.

use super::Space;
use super::state::{Action, State};
use crate::history::{Client, ClientState};
use crate::names::{Place, node, place};
use crate::scenario::{NODES_MAX, When, name};
use crate::store::{Event, KnownMessage, LaneId, MessageId};
use protocol::{Body, Configuration, Epoch, NodeId, PlantedFault};

impl Space {
    /// Whether the answers to what this node asks arrive at once.
    pub(super) fn hears_at_once(&self, place: Place) -> bool {
        self.scenario.answers_at_once && self.only_coordinate[place]
    }

    /// Whether it matters that the reply to this message is not heard, if these are the lanes of
    /// its sender and of its receiver.
    pub(super) fn may_be_unheard(&self, message: MessageId, asker: LaneId, asked: LaneId) -> bool {
        let known = self.store.message(message);
        let matters = match &known.message.body {
            Body::Prepare { .. } | Body::Accept { .. } => true,
            Body::Update { .. } if self.scenario.configurations.len() > 1 => {
                self.ends_phase(message, asker, asked)
            }
            _ => false,
        };
        matters && self.hears_at_once(known.from)
    }

    /// Whether the reply to a message, if it is heard at once, ends what its sender waits for.
    pub(super) fn ends_phase(&self, message: MessageId, asker: LaneId, asked: LaneId) -> bool {
        let replies = self.store.step(asked, Event::Arrival(message));
        replies.sent.iter().any(|&reply| {
            let request = self.store.message(reply).answers();
            request.is_some_and(|request| {
                let after = self.store.step(asker, Event::Arrival(reply)).lane;
                let view = self.store.view();
                let awaited = |id| view.lane(id)?.lane.awaited(request.counter);
                awaited(asker) != awaited(after)
            })
        })
    }

    /// The configuration that a lane is in, and its epoch.
    pub(super) fn configuration_of(&self, lane: LaneId) -> Option<(&Configuration, Epoch)> {
        let epoch = self.store.view().lane(lane)?.lane.epoch();
        let planned = self
            .scenario
            .configurations
            .iter()
            .map(|it| &*it.configuration);
        let mut planned = planned.filter(|it| it.epoch() == epoch);
        planned.next().map(|configuration| (configuration, epoch))
    }

    /// Whether an operation may still have a quorum of this epoch, given who has answered it: one
    /// that has left the epoch, or is dead, answers no more. With a planted fault that may do.
    pub(super) fn may_have_quorum(
        &self,
        state: &State,
        lane: LaneId,
        has_answered: impl Fn(NodeId) -> bool,
    ) -> bool {
        let Some((configuration, epoch)) = self.configuration_of(lane) else {
            return true;
        };
        let view = self.store.view();
        let may_answer = |it: NodeId| {
            let lane = view.lane(state.lanes[place(it)]);
            lane.is_some_and(|known| known.lane.epoch() <= epoch)
        };
        let quorums = configuration.quorums(name().slot());
        self.scenario.planted.is_some()
            || quorums.is_quorum(|node| has_answered(node) || may_answer(node))
    }

    /// Whether it makes a difference that a node enters a configuration, now and not just before it
    /// asks for something.
    pub(super) fn needs_to_enter(&self, state: &State, place: Place, planned: usize) -> bool {
        let next =
            |epoch: Epoch| self.scenario.configurations[planned].configuration.epoch() <= epoch;
        let follows = self.configuration_of(state.lanes[place]);
        let follows = follows.is_none_or(|(_, epoch)| next(epoch.next()));
        if self.hears_at_once(place) && !follows && self.scenario.planted.is_none() {
            return false;
        }
        let configurations = &self.scenario.configurations[planned..];
        let mut quorums = configurations
            .iter()
            .map(|it| it.configuration.quorums(name().slot()));
        let mut requests = self.scenario.requests.iter().zip(&state.clients);
        let is_busy = |client: &Client| client.state == ClientState::Waiting;
        let has_request = match self.hears_at_once(place) {
            true => requests.any(|(request, client)| request.at == place && is_busy(client)),
            false => requests.any(|(request, client)| request.at == place && !client.has_ended()),
        };
        has_request || quorums.any(|quorums| quorums.contains(node(place)))
    }

    pub(super) fn may_be_made(&self, state: &State, number: usize) -> bool {
        let client = &state.clients[number];
        let request = &self.scenario.requests[number];
        client.state == ClientState::Idle
            && state.lanes[request.at] != LaneId::DEAD
            && match request.when {
                When::AnyTime => true,
                When::NotBefore(other) => state.clients[other].state != ClientState::Idle,
                When::After(other) => state.clients[other].has_ended(),
            }
    }

    pub(super) fn may_be_entered(&self, state: &State, planned: usize) -> bool {
        let plan = &self.scenario.configurations[planned];
        let was_entered = |it: usize| state.entered & (1 << it) != 0;
        if was_entered(planned) {
            return true;
        }
        let is_ready = |former: usize| {
            let configuration = &self.scenario.configurations[former].configuration;
            let after = configuration.quorums(name().slot()).after();
            let has_copied = |place: Place| state.copied & (1 << (former * NODES_MAX + place)) != 0;
            let is_copied = after.is_majority(|it| has_copied(place(it)));
            was_entered(former) && (!plan.needs_copies || is_copied)
        };
        plan.follows.is_none_or(is_ready) && !plan.instead_of.is_some_and(was_entered)
    }

    pub(super) fn ways_to_begin(&self, state: &State, number: usize, actions: &mut Vec<Action>) {
        let at = self.scenario.requests[number].at;
        self.ways_to_begin_in(state, number, None, state.lanes[at], actions);
        if !self.hears_at_once(at) {
            return;
        }
        for planned in 1..self.scenario.configurations.len() {
            if self.may_be_entered(state, planned) {
                let step = self.store.step(state.lanes[at], Event::Enter(planned));
                if step.lane != state.lanes[at] {
                    self.ways_to_begin_in(state, number, Some(planned), step.lane, actions);
                }
            }
        }
    }

    pub(super) fn ways_to_begin_in(
        &self,
        state: &State,
        number: usize,
        enter: Option<usize>,
        lane: LaneId,
        actions: &mut Vec<Action>,
    ) {
        let at = self.scenario.requests[number].at;
        if self.hears_at_once(at) && !self.may_have_quorum(state, lane, |_| false) {
            return;
        }
        let step = self.store.step(lane, Event::Request(number));
        let request = |first, is_heard| Action::Request {
            number,
            enter,
            first,
            is_heard,
        };
        if !self.hears_at_once(at) || step.sent.is_empty() {
            return actions.push(request(None, true));
        }
        for (index, &message) in step.sent.iter().enumerate() {
            let known = self.store.message(message);
            let asked = state.lanes[known.to];
            if asked == LaneId::DEAD || !self.has_effect(state, message, &known) {
                continue;
            }
            actions.push(request(Some(index), true));
            if self.may_be_unheard(message, step.lane, asked) {
                actions.push(request(Some(index), false));
            }
        }
    }

    pub(super) fn ways_to_arrive(
        &self,
        state: &State,
        message: MessageId,
        actions: &mut Vec<Action>,
    ) {
        let known = self.store.message(message);
        if self.scenario.planted == Some(PlantedFault::SplitEpochCheck)
            && matches!(
                known.message.body,
                Body::Update { .. } | Body::Accept { .. }
            )
            && !known.is_checked
            && let Some(lane) = self.store.view().lane(state.lanes[known.to])
            && lane.lane.epoch() == known.message.epoch
        {
            actions.push(Action::Check(message));
        }
        if !self.has_effect(state, message, &known) {
            return;
        }
        actions.push(Action::Arrival {
            message,
            is_heard: true,
        });
        let (asker, asked) = (state.lanes[known.from], state.lanes[known.to]);
        if asker != LaneId::DEAD && self.may_be_unheard(message, asker, asked) {
            actions.push(Action::Arrival {
                message,
                is_heard: false,
            });
        }
    }

    /// Whether anything happens when the message arrives.
    pub(super) fn has_effect(
        &self,
        state: &State,
        message: MessageId,
        known: &KnownMessage,
    ) -> bool {
        let lane = state.lanes[known.to];
        if lane == LaneId::DEAD {
            return false;
        }
        let step = self.store.step(lane, Event::Arrival(message));
        step.lane != lane
            || !step.sent.is_empty()
            || !step.ended.is_empty()
            || step.has_copied
            || step.panic.is_some()
    }
}
