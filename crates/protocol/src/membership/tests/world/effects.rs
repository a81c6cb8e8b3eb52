//! What processes want done: connections, messages and all else that their membership puts out.

use super::*;

impl World {
    pub(super) fn dial(&mut self, id: NodeId, address: Address) {
        let Some(index) = self.index_of(id) else {
            return;
        };
        if self.wait_for_thaw(index, Event::Dial(id, address.clone())) {
            return;
        }
        self.at_mut(index).dialling.remove(&address);
        if !self.at(index).membership.dial().any(|a| a == address) {
            return;
        }
        let target = self.addresses.iter().position(|a| *a == address);
        let answers = target
            .filter(|&target| !self.cut.contains(&(index, target)))
            .and_then(|target| self.processes[target].as_ref())
            .filter(|target| !target.frozen)
            .map(|target| target.id);
        let Some(node) = answers else {
            // It is tried again, and not too often.
            self.at_mut(index).dialling.insert(address.clone());
            let at = self.now + ms(20) + random_up_to(&mut self.random, ms(150));
            return self.schedule(at, Event::Dial(id, address));
        };
        let now = self.now;
        let process = self.at_mut(index);
        process.connections.insert(address.clone(), node);
        let boot = Boot::FIRST;
        let incarnation = Incarnation { node, boot };
        process
            .membership
            .handle_link_up(now, &address, incarnation);
        self.settle(index);
        self.keep_connections(index);
    }

    pub(super) fn close(&mut self, index: usize, address: &Address) {
        let now = self.now;
        let Some(process) = self.processes[index].as_mut() else {
            return;
        };
        if let Some(node) = process.connections.remove(address) {
            let id = process.id;
            process.membership.handle_link_down(now, address);
            // What was sent by it and has not arrived never will.
            self.events.retain(|_, event| {
                !matches!(event, Event::Deliver(delivery) if delivery.from == id && delivery.to == node)
            });
        }
    }

    /// Does what the membership wants done.
    pub(super) fn settle(&mut self, index: usize) {
        while let Some(process) = &mut self.processes[index]
            && let Some(output) = process.membership.poll_output()
        {
            self.carry_out(index, output);
        }
        if self.processes[index].is_none() {
            return;
        }
        let process = self.at_mut(index);
        process.timeout = process.membership.next_timeout().map(|(at, _)| at);
        if process.is_stopped {
            let id = process.id;
            self.stopped.push(id);
            self.crash(index);
        }
    }

    /// Closes the connections that the membership does not want, and dials those it lacks.
    pub(super) fn keep_connections(&mut self, index: usize) {
        if self.processes[index].is_none() {
            return;
        }
        let wanted: BTreeSet<Address> = self.at(index).membership.dial().collect();
        let connected = self.at(index).connections.keys().cloned();
        let unwanted: Vec<Address> = connected.filter(|a| !wanted.contains(a)).collect();
        for address in unwanted {
            self.close(index, &address);
            self.settle(index);
        }
        for address in wanted {
            if self.processes[index].is_none() {
                return;
            }
            let process = self.at_mut(index);
            let connected = process.connections.contains_key(&address);
            if !connected && process.dialling.insert(address.clone()) {
                let id = process.id;
                let at = self.now + ms(1) + random_up_to(&mut self.random, ms(50));
                self.schedule(at, Event::Dial(id, address));
            }
        }
    }

    pub(super) fn carry_out(&mut self, index: usize, output: MembershipOutput) {
        let now = self.now;
        let process = self.processes[index].as_mut().expect("it made an output");
        match output {
            MembershipOutput::Send { to, message } => {
                let from = process.id;
                if process.connections.values().any(|&node| node == to) {
                    let message = Delivery { from, to, message };
                    self.send(index, message);
                }
            }
            MembershipOutput::PeerState { peer, state } => {
                let mut changes = process.changes.iter().rev();
                let former = changes.find(|(_, node, _)| *node == peer);
                assert_ne!(
                    former.map(|&(_, _, state)| state),
                    Some(state),
                    "said twice"
                );
                process.changes.push((now, peer, state));
            }
            MembershipOutput::Event(event) => process.events.push(event),
            MembershipOutput::Configuration(configuration) => {
                self.enter(index, &configuration);
            }
            MembershipOutput::Decide { base, next } => {
                let id = process.id;
                self.assert_may_follow(id, base, &next);
                let delay = self.network.delay;
                let at = self.now + random_up_to(&mut self.random, delay * 4);
                self.schedule(
                    at,
                    Event::Decide {
                        index,
                        id,
                        base,
                        next,
                    },
                );
            }
            MembershipOutput::EnteredByMajority(epoch) => {
                assert!(!process.majorities.contains(&epoch), "said twice");
                process.majorities.push(epoch);
                let id = process.id;
                self.assert_entered_by_majority(id, epoch);
            }
            MembershipOutput::ChangeAnswer { ticket, answer } => {
                let former = process.answers.insert(ticket, answer);
                assert_eq!(former, None, "answered twice");
            }
            MembershipOutput::Stop { by, .. } => {
                assert!(!process.is_stopped, "told twice");
                process.is_stopped = true;
                let id = process.id;
                self.assert_is_replaced(id, by);
            }
        }
    }

    pub(super) fn send(&mut self, index: usize, delivery: Delivery) {
        if (self.hold)(&delivery) {
            self.held.push(delivery);
            return;
        }
        let target = self.index_of(delivery.to);
        if target.is_some_and(|target| self.cut.contains(&(index, target))) {
            return;
        }
        let copies = 1 + u64::from(self.random.chance(self.network.doubled));
        for _ in 0..copies {
            if self.random.chance(self.network.lost) {
                continue;
            }
            let slow = self.network.is_slow[kind(&delivery.message)];
            let delayed = self.network.delayed + if slow { 60 } else { 0 };
            let delay = match self.random.chance(delayed) {
                true => self.network.delay_long,
                false => self.network.delay,
            };
            let at = self.now + ms(0) + random_up_to(&mut self.random, delay);
            self.schedule(at, Event::Deliver(delivery.clone()));
        }
    }

    pub(super) fn assert_one_cluster(&self) {
        let known: BTreeSet<ClusterId> = self.live().filter_map(Process::cluster).collect();
        // Some may not have heard yet of what theirs was recovered as.
        let configurations = self.live().filter_map(|p| p.membership.configuration());
        let former: BTreeSet<ClusterId> = configurations.filter_map(|c| c.predecessor()).collect();
        let latest = known.difference(&former).count();
        assert!(latest <= 1, "split: {known:?} {}", self.describe());
    }
}
