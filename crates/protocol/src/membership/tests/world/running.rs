//! Virtual time: what will happen in a world, and how it comes about.

use super::*;

#[derive(Clone, Debug)]
pub(super) enum Event {
    Deliver(Delivery),
    Dial(NodeId, Address),
    Broken(NodeId, Address),
    Thaw(NodeId),
    /// What a process proposed is decided, if it can be.
    Decide {
        index: usize,
        id: NodeId,
        base: Epoch,
        next: Arc<Configuration>,
    },
    /// A process is told how that ended.
    Decided {
        id: NodeId,
        base: Epoch,
        decision: Decision,
    },
    /// A process's lanes hear of a configuration.
    Learn(NodeId, Arc<Configuration>),
    /// A process's lanes have copied what they can.
    Copy(NodeId, Epoch),
}

impl World {
    pub(in super::super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Runs until a message that is looked for has been taken in.
    pub(in super::super) fn run_until_delivered(
        &mut self,
        is: impl Fn(&MembershipMessage) -> bool,
    ) {
        let end = self.now + ms(20_000);
        while self.now < end {
            if self.step().is_some_and(|delivery| is(&delivery.message)) {
                return;
            }
        }
        panic!("no such message came");
    }

    pub(in super::super) fn run_until(&mut self, what: &str, is: impl Fn(&World) -> bool) {
        let end = self.now + ms(60_000);
        while !is(self) {
            assert!(self.now < end, "not {what}: {}", self.describe());
            self.step();
        }
    }

    pub(in super::super) fn run_until_all(&mut self, what: &str, is: impl Fn(&Process) -> bool) {
        let end = self.now + ms(20_000);
        while !self.live().all(&is) {
            assert!(self.now < end, "not everyone {what}: {}", self.describe());
            self.step();
        }
    }

    /// The next thing that happens, happens; if it is a delivery, says which.
    pub(in super::super) fn step(&mut self) -> Option<Delivery> {
        let event = self.events.first_key_value().map(|(&(at, _), _)| at);
        let timer = self.next_timer();
        let timer_at = timer.map(|(at, _)| at);
        let Some(next) = event.into_iter().chain(timer_at).min() else {
            // Nobody is there.
            self.now = self.now + ms(1);
            return None;
        };
        self.now = self.now.max(next);
        // At one instant, timers and events come in any order.
        let timer_first = timer.is_some_and(|(at, _)| {
            event.is_none_or(|event| at < event || at == event && self.random.chance(50))
        });
        let delivery = if timer_first {
            let (_, index) = timer.expect("looked at just now");
            let now = self.now;
            self.at_mut(index).membership.handle_timeout(now);
            self.settle(index);
            let due = self.processes[index].as_ref().and_then(|p| p.timeout);
            assert!(due.is_none_or(|at| at > now), "it spins: {due:?}");
            self.keep_connections(index);
            None
        } else {
            let (_, event) = self.events.pop_first().expect("looked at just now");
            self.happen(event)
        };
        self.assert_one_cluster();
        delivery
    }

    pub(super) fn next_at(&self) -> Option<Time> {
        let event = self.events.first_key_value().map(|(&(at, _), _)| at);
        event
            .into_iter()
            .chain(self.next_timer().map(|(at, _)| at))
            .min()
    }

    pub(super) fn next_timer(&self) -> Option<(Time, usize)> {
        let processes = self.processes.iter().enumerate();
        let timers = processes.filter_map(|(index, process)| {
            let process = process.as_ref().filter(|process| !process.frozen)?;
            Some((process.timeout?, index))
        });
        timers.min()
    }

    pub(super) fn happen(&mut self, event: Event) -> Option<Delivery> {
        match event {
            Event::Deliver(delivery) => {
                let index = self.index_of(delivery.to)?;
                if self.wait_for_thaw(index, Event::Deliver(delivery.clone())) {
                    return None;
                }
                let now = self.now;
                let (from, message) = (delivery.from, delivery.message.clone());
                self.at_mut(index)
                    .membership
                    .handle_message(now, from, message);
                self.settle(index);
                // Most messages are these, and change nothing about connections.
                if !matches!(kind(&delivery.message), 0 | 1) {
                    self.keep_connections(index);
                }
                Some(delivery)
            }
            Event::Dial(id, address) => {
                self.dial(id, address);
                None
            }
            Event::Broken(id, address) => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Broken(id, address.clone())) {
                    self.close(index, &address);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
            Event::Thaw(id) => {
                let index = self.index_of(id)?;
                self.at_mut(index).frozen = false;
                None
            }
            Event::Decide {
                index,
                id,
                base,
                next,
            } => {
                self.resolve(index, id, base, &next);
                None
            }
            Event::Decided { id, base, decision } => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Decided { id, base, decision }) {
                    let now = self.now;
                    let membership = &mut self.at_mut(index).membership;
                    membership.handle_decision(now, base, decision);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
            Event::Learn(id, configuration) => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Learn(id, configuration.clone())) {
                    let now = self.now;
                    let membership = &mut self.at_mut(index).membership;
                    membership.handle_configuration(now, configuration);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
            Event::Copy(id, epoch) => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Copy(id, epoch)) {
                    self.copy(index, epoch);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
        }
    }

    /// A frozen process finds what came to it when it thaws.
    pub(super) fn wait_for_thaw(&mut self, index: usize, event: Event) -> bool {
        let frozen = self.at(index).frozen;
        if frozen {
            let at = self.now + ms(10) + random_up_to(&mut self.random, ms(10));
            self.schedule(at, event);
        }
        frozen
    }

    pub(super) fn schedule_soon(&mut self, event: Event) {
        let delay = self.network.delay;
        let at = self.now + random_up_to(&mut self.random, delay);
        self.schedule(at, event);
    }

    pub(super) fn schedule(&mut self, at: Time, event: Event) {
        self.events_count += 1;
        self.events.insert((at, self.events_count), event);
    }
}
