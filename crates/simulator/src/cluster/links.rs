//! Connections between processes, and the messages on them.

use super::{Cluster, Event};
use crate::network::{ConnectionNumber, Fate, ProcessNumber, Site};
use crate::process::{Input, State};
use protocol::{Address, MembershipMessage, Message, NodeId};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// What one process sends to another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Frame {
    Lane(Box<Message>),
    /// All that a process sends another about copying at one moment. Most groups have nothing to
    /// bring, so it is a great many messages that say little.
    Copying(Vec<Message>),
    Membership {
        from: NodeId,
        to: NodeId,
        message: Box<MembershipMessage>,
    },
}

/// A message on its way from one process to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent<'a> {
    /// From lane to lane.
    Lane(&'a Message),
    /// About the cluster itself.
    Membership(&'a MembershipMessage),
}

/// Which messages are not to arrive, by the sites they go from and to.
pub(crate) struct Rule {
    pub(crate) names: RuleNames,
    /// Whether they are held back, to be sent on later; else they are lost.
    pub(crate) holds: bool,
}

type RuleNames = Box<dyn Fn(Site, Site, Sent<'_>) -> bool>;

/// A frame that was held back.
#[derive(Debug)]
pub(super) struct Held {
    process: ProcessNumber,
    to: ProcessNumber,
    frame: Frame,
}

/// Where a frame is on its way, for the trace.
#[derive(Hash)]
struct Passage<'a> {
    event: &'static str,
    from: Site,
    to: Site,
    frame: &'a Frame,
}

impl fmt::Display for Passage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event,
            from,
            to,
            frame,
        } = self;
        write!(f, "  {event} {}->{}: ", from + 1, to + 1)?;
        let lane = |f: &mut fmt::Formatter<'_>, message: &Message| {
            let Message {
                to,
                epoch,
                low_water,
                body,
                ..
            } = message;
            write!(
                f,
                "{body:?} (to {to}, epoch {epoch}, low water {low_water:?})"
            )
        };
        match frame {
            Frame::Lane(message) => lane(f, message),
            Frame::Copying(messages) => messages.iter().try_for_each(|message| {
                lane(f, message)?;
                f.write_str("; ")
            }),
            Frame::Membership { message, .. } => write!(f, "{message:?}"),
        }
    }
}

impl Cluster {
    /// From now on the messages that the rule names do not arrive, until the cluster heals.
    pub(crate) fn add_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Sends on what rules have held back, and forgets all rules.
    pub(crate) fn release(&mut self) {
        self.rules.clear();
        for Held { process, to, frame } in std::mem::take(&mut self.held) {
            self.pass_on(process, to, frame);
        }
    }

    /// What is left of a frame once the rules have had their way.
    fn ruled(&mut self, process: ProcessNumber, to: ProcessNumber, frame: Frame) -> Option<Frame> {
        let (from, target) = (self.processes[process].site, self.processes[to].site);
        let ruled = |sent: Sent<'_>| {
            let mut rules = self.rules.iter();
            let rule = rules.find(|rule| (rule.names)(from, target, sent));
            rule.map(|rule| rule.holds)
        };
        let (left, caught) = match frame {
            Frame::Copying(messages) => {
                let (mut left, mut caught) = (Vec::new(), Vec::new());
                for message in messages {
                    match ruled(Sent::Lane(&message)) {
                        None => left.push(message),
                        Some(holds) => caught.push((Frame::Copying(vec![message]), holds)),
                    }
                }
                ((!left.is_empty()).then_some(Frame::Copying(left)), caught)
            }
            Frame::Lane(ref message) => match ruled(Sent::Lane(message)) {
                None => (Some(frame), Vec::new()),
                Some(holds) => (None, vec![(frame, holds)]),
            },
            Frame::Membership { ref message, .. } => match ruled(Sent::Membership(message)) {
                None => (Some(frame), Vec::new()),
                Some(holds) => (None, vec![(frame, holds)]),
            },
        };
        for (frame, holds) in caught {
            match holds {
                true => self.held.push(Held { process, to, frame }),
                false => self.lost(from, target, &frame),
            }
        }
        left
    }

    /// Begins to dial every site that the process wants a connection to and has none, and closes
    /// the connections that it wants no more.
    pub(super) fn dial_all(&mut self, number: ProcessNumber) {
        let site = self.processes[number].site;
        if self.processes[number].state == State::Dead {
            return;
        }
        let wanted: BTreeSet<Address> = self.processes[number].membership().dial().collect();
        for to in 0..self.sites() {
            let is_connected = self.is_connected(number, to);
            if !wanted.contains(&self.places[to].address) {
                if is_connected {
                    self.network.close(site, to);
                }
            } else if !is_connected && self.processes[number].dialling.insert(to) {
                let after = self
                    .chance
                    .span(Duration::ZERO..=self.machines.redial_max / 4);
                let after = if site == to { Duration::ZERO } else { after };
                self.calendar.enter(
                    self.now + after,
                    Event::Dial {
                        process: number,
                        to,
                    },
                );
            }
        }
    }

    /// The process tries to connect, and tries again later if that fails.
    pub(super) fn dial(&mut self, number: ProcessNumber, to: Site) {
        let process = &self.processes[number];
        let (from, state) = (process.site, process.state);
        let wanted = process
            .membership()
            .dial()
            .any(|address| address == self.places[to].address);
        if state == State::Dead || !wanted {
            self.processes[number].dialling.remove(&to);
            return;
        }
        let passes = !self.network.is_cut(from, to) && !self.network.is_cut(to, from);
        if state == State::Frozen || self.state(to) != State::Running || !passes {
            let after = self
                .chance
                .span(self.machines.redial_max / 4..=self.machines.redial_max);
            self.calendar.enter(
                self.now + after,
                Event::Dial {
                    process: number,
                    to,
                },
            );
            return;
        }
        let peer = self.places[to].process.expect("it runs");
        self.processes[number].dialling.remove(&to);
        self.network.open(from, to, number, peer);
        let peer = self.processes[peer].incarnation;
        let dialler = self.processes[number].incarnation.node;
        self.trace.tell(
            self.now,
            format_args!("{dialler} is connected to {}", peer.node),
        );
        let address = self.places[to].address.clone();
        if from == to {
            // It has found itself on the list, and does not go on talking to itself.
            self.network.close(from, to);
        }
        self.deliver(number, Input::LinkUp { address, peer });
    }

    fn is_connected(&self, number: ProcessNumber, to: Site) -> bool {
        let connection = self.network.connection(self.processes[number].site, to);
        connection.is_some_and(|connection| connection.dialler == number)
    }

    /// Breaks a link's connection: what is on its way is lost, and who dialled learns of it.
    pub(super) fn break_connection(&mut self, from: Site, to: Site) {
        let Some(connection) = self.network.close(from, to) else {
            return;
        };
        let dialler = &mut self.processes[connection.dialler];
        if dialler.state == State::Dead {
            return;
        }
        self.trace.tell(
            self.now,
            format_args!("connection {}->{} is closed", from + 1, to + 1),
        );
        let address = self.places[to].address.clone();
        self.deliver(connection.dialler, Input::LinkDown { address });
        self.dial_all(connection.dialler);
    }

    /// Who dialled this connection learns that its other end is gone.
    pub(super) fn notice(&mut self, from: Site, to: Site, number: ConnectionNumber) {
        if self
            .network
            .connection(from, to)
            .is_some_and(|connection| connection.number == number)
        {
            self.break_connection(from, to);
        }
    }

    /// A process is gone; those who are connected to it will notice.
    pub(super) fn connections_lose_their_end(&mut self, to: Site, process: ProcessNumber) {
        for from in 0..self.sites() {
            if let Some(connection) = self.network.connection(from, to)
                && connection.peer == process
            {
                self.notice_soon(from, to, connection.number);
            }
        }
    }

    fn notice_soon(&mut self, from: Site, to: Site, connection: ConnectionNumber) {
        let after = self
            .chance
            .span(Duration::from_millis(1)..=self.machines.notice_max);
        self.calendar.enter(
            self.now + after,
            Event::Notice {
                from,
                to,
                connection,
            },
        );
    }

    /// A process sends a frame over its connection to that node, if it has one.
    pub(super) fn send(&mut self, number: ProcessNumber, to: NodeId, frame: Frame) {
        let target = self.directory.get(&to).copied();
        let Some(target) = target else {
            self.fail(format!("a message is sent to {to}, which is nobody"));
            return;
        };
        self.figures.messages.sent += 1;
        let frame = match self.rules.is_empty() {
            true => Some(frame),
            false => self.ruled(number, target, frame),
        };
        if let Some(frame) = frame {
            self.pass_on(number, target, frame);
        }
    }

    /// A frame goes onto the network, if the process has a connection to the other one.
    fn pass_on(&mut self, number: ProcessNumber, target: ProcessNumber, frame: Frame) {
        let (from, to) = (self.processes[number].site, self.processes[target].site);
        let connection = self.network.connection(from, to);
        let connection = connection
            .filter(|connection| (connection.dialler, connection.peer) == (number, target));
        let fate = match connection {
            Some(_) => self.network.send(self.now, from, to),
            None => Fate::Lost,
        };
        let (Some(connection), true) = (connection, fate != Fate::Lost) else {
            return self.lost(from, to, &frame);
        };
        self.trace.note(
            self.now,
            &Passage {
                event: "sent",
                from,
                to,
                frame: &frame,
            },
        );
        let connection = connection.number;
        match fate {
            Fate::Lost => {}
            Fate::Arrives(at) => {
                self.calendar.enter(
                    at,
                    Event::Arrival {
                        from,
                        to,
                        connection,
                        frame,
                    },
                );
            }
            Fate::ArrivesTwice(at, again) => {
                self.figures.messages.duplicated += 1;
                let copy = frame.clone();
                self.calendar.enter(
                    at,
                    Event::Arrival {
                        from,
                        to,
                        connection,
                        frame,
                    },
                );
                self.calendar.enter(
                    again,
                    Event::Arrival {
                        from,
                        to,
                        connection,
                        frame: copy,
                    },
                );
            }
        }
    }

    /// A frame arrives, if its connection still stands and nothing cuts the link.
    pub(super) fn arrive(&mut self, from: Site, to: Site, number: ConnectionNumber, frame: Frame) {
        let connection = self.network.numbered(from, to, number);
        let target = self.places[to].process;
        let target = target.filter(|target| self.processes[*target].state != State::Dead);
        let (Some(connection), Some(target)) = (connection, target) else {
            return self.lost(from, to, &frame);
        };
        let is_another = connection.peer != target;
        if is_another {
            self.notice_soon(from, to, number);
        }
        if self.network.is_cut(from, to) || (is_another && !self.machines.misdelivery) {
            return self.lost(from, to, &frame);
        }
        self.trace.note(
            self.now,
            &Passage {
                event: "got",
                from,
                to,
                frame: &frame,
            },
        );
        match frame {
            Frame::Lane(message) => self.deliver(target, Input::Message(message)),
            Frame::Copying(messages) => self.deliver_together(target, messages),
            // These are for whom the handshake met, and name nobody themselves.
            Frame::Membership { from, message, .. } if !is_another => {
                self.deliver(target, Input::Membership { from, message });
            }
            Frame::Membership { .. } => {}
        }
    }

    fn lost(&mut self, from: Site, to: Site, frame: &Frame) {
        self.figures.messages.lost += 1;
        self.trace.note(
            self.now,
            &Passage {
                event: "lost",
                from,
                to,
                frame,
            },
        );
    }
}
