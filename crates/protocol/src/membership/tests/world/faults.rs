//! What goes wrong in a world: processes die and sleep, and links are cut.

use super::*;

impl World {
    pub(in super::super) fn crash(&mut self, index: usize) {
        let Some(process) = self.processes[index].take() else {
            return;
        };
        for other in self.processes.iter().flatten() {
            for (address, &node) in &other.connections {
                if node == process.id {
                    let broken = Event::Broken(other.id, address.clone());
                    let delay = self.network.delay;
                    let at = self.now + random_up_to(&mut self.random, delay);
                    self.events_count += 1;
                    self.events.insert((at, self.events_count), broken);
                }
            }
        }
    }

    pub(in super::super) fn restart(&mut self, index: usize) {
        self.crash(index);
        self.start(index);
    }

    pub(in super::super) fn freeze(&mut self, index: usize, span: Duration) {
        let now = self.now;
        if let Some(process) = &mut self.processes[index]
            && !process.frozen
        {
            process.frozen = true;
            let id = process.id;
            self.schedule(now + span, Event::Thaw(id));
        }
    }

    pub(in super::super) fn thaw_all(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            process.frozen = false;
        }
    }

    /// Nothing passes between these and the others.
    pub(in super::super) fn part(&mut self, some: &[usize]) {
        for index in 0..self.addresses.len() {
            for &other in some.iter().filter(|_| !some.contains(&index)) {
                self.cut(index, other);
                self.cut(other, index);
            }
        }
    }

    /// Nothing passes from the one to the other, and what is connected breaks.
    pub(in super::super) fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
        let address = self.addresses[to].clone();
        if let Some(process) = &self.processes[from]
            && process.connections.contains_key(&address)
        {
            let id = process.id;
            self.schedule_soon(Event::Broken(id, address));
        }
    }

    pub(in super::super) fn release(&mut self) {
        self.hold = |_| false;
        for delivery in core::mem::take(&mut self.held) {
            self.schedule_soon(Event::Deliver(delivery));
        }
    }
}
