//! The network between the sites: [`Network`].
//!
//! It knows nothing of what it carries. It is asked for the fate of each message when that is
//! sent, and whether the way is still open when it would arrive.

use crate::chance::Chance;
use crate::clocks::Instant;
use std::time::Duration;

/// A place where a process can run: an address with a machine behind it. One process at a time
/// runs there.
pub(crate) type Site = usize;

/// The number of a process, in the order in which they were started.
pub(crate) type ProcessNumber = usize;

/// How the network behaves while nobody breaks it.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// The shortest time that a message takes.
    pub(crate) delay_least: Duration,
    /// What is added to it on average.
    pub(crate) delay_mean: Duration,
    /// How often a message takes [`Weather::STRAGGLER_DELAY`] times as long.
    pub(crate) stragglers: f64,
    pub(crate) loss: f64,
    pub(crate) duplication: f64,
    /// Whether a link keeps the order of its messages, as TCP does.
    pub(crate) in_order: bool,
}

impl Weather {
    const STRAGGLER_DELAY: u32 = 30;
    /// The longest that it takes on its own: no network holds a message for ever.
    const DELAY_MAX: Duration = Duration::from_secs(3);

    /// The longest mean delay of a network that is whole.
    const HEALED_DELAY: Duration = Duration::from_millis(5);

    /// A network that does what it can: nothing is lost, repeated, or late.
    fn healed(&self) -> Self {
        let delay_mean = self.delay_mean.min(Self::HEALED_DELAY);
        Self {
            delay_mean,
            ..self.calm()
        }
    }

    /// The same delays and order, but nothing lost, repeated, or very late.
    pub(crate) fn calm(&self) -> Self {
        Self {
            stragglers: 0.0,
            loss: 0.0,
            duplication: 0.0,
            ..self.clone()
        }
    }

    /// A network that only takes its time.
    pub(crate) fn fair(delay: Duration) -> Self {
        Self {
            delay_least: delay,
            delay_mean: Duration::ZERO,
            stragglers: 0.0,
            loss: 0.0,
            duplication: 0.0,
            in_order: true,
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Lost,
    Arrives(Instant),
    ArrivesTwice(Instant, Instant),
}

/// Names one connection of one link. A link's next connection has another number, and what was
/// on its way over the former is lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ConnectionNumber(u64);

/// One process's connection to another, over the link between their sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Connection {
    pub(crate) number: ConnectionNumber,
    /// Who dialled, and alone sends over it.
    pub(crate) dialler: ProcessNumber,
    /// Whom the handshake met.
    pub(crate) peer: ProcessNumber,
}

/// Directed links between all sites.
#[derive(Debug)]
pub(crate) struct Network {
    sites: usize,
    /// Indexed by source, then target.
    links: Vec<Link>,
    weather: Weather,
    /// Loss and duplication that storms add.
    storms: Vec<Storm>,
    connections_opened: u64,
    chance: Chance,
}

/// More loss and duplication for a while.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Storm {
    pub(crate) loss: f64,
    pub(crate) duplication: f64,
}

#[derive(Clone, Debug, Default)]
struct Link {
    /// How many partitions it is cut by.
    cuts: u32,
    /// Until when what is sent over it is held back.
    clogged_until: Instant,
    /// When the last message that was sent over it arrives.
    last_arrival: Instant,
    connection: Option<Connection>,
    /// Connections of dead processes. What they sent is still on its way.
    lingering: Vec<Connection>,
}

impl Network {
    pub(crate) fn new(sites: usize, weather: Weather, chance: Chance) -> Self {
        Self {
            sites,
            links: vec![Link::default(); sites * sites],
            weather,
            storms: Vec::new(),
            connections_opened: 0,
            chance,
        }
    }

    /// What becomes of a message that is sent now. A site always reaches itself.
    pub(crate) fn send(&mut self, now: Instant, from: Site, to: Site) -> Fate {
        if from == to {
            return Fate::Arrives(now);
        }
        let (mut loss, mut duplication) = (self.weather.loss, self.weather.duplication);
        for storm in &self.storms {
            loss += storm.loss;
            duplication += storm.duplication;
        }
        if self.is_cut(from, to) || self.chance.happens(loss) {
            return Fate::Lost;
        }
        let first = self.arrival(now, from, to);
        if self.chance.happens(duplication) {
            Fate::ArrivesTwice(first, self.arrival(now, from, to))
        } else {
            Fate::Arrives(first)
        }
    }

    fn arrival(&mut self, now: Instant, from: Site, to: Site) -> Instant {
        let mut delay = self.weather.delay_least + self.chance.about(self.weather.delay_mean);
        if self.chance.happens(self.weather.stragglers) {
            delay *= Weather::STRAGGLER_DELAY;
        }
        let delay = delay.min(Weather::DELAY_MAX);
        let in_order = self.weather.in_order;
        let link = self.link_mut(from, to);
        let mut arrival = now.max(link.clogged_until) + delay;
        if in_order {
            arrival = arrival.max(link.last_arrival);
            link.last_arrival = arrival;
        }
        arrival
    }

    /// Whether messages from one site to the other are lost now.
    pub(crate) fn is_cut(&self, from: Site, to: Site) -> bool {
        from != to && self.link(from, to).cuts > 0
    }

    /// Cuts links until each is mended as often.
    pub(crate) fn cut(&mut self, links: &[(Site, Site)]) {
        for &(from, to) in links {
            self.link_mut(from, to).cuts += 1;
        }
    }

    /// Takes back one [`Network::cut`] of these links.
    pub(crate) fn mend(&mut self, links: &[(Site, Site)]) {
        for &(from, to) in links {
            let cuts = &mut self.link_mut(from, to).cuts;
            *cuts = cuts.saturating_sub(1);
        }
    }

    /// Holds back what will be sent over a link, until then.
    pub(crate) fn clog(&mut self, from: Site, to: Site, until: Instant) {
        let link = self.link_mut(from, to);
        link.clogged_until = link.clogged_until.max(until);
    }

    pub(crate) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    pub(crate) fn begin_storm(&mut self, storm: Storm) {
        self.storms.push(storm);
    }

    pub(crate) fn end_storm(&mut self, storm: Storm) {
        if let Some(index) = self.storms.iter().position(|&other| other == storm) {
            self.storms.remove(index);
        }
    }

    /// Ends all partitions, clogs and storms, all loss and duplication, and long delays. Nothing
    /// that is sent from now on waits for what is still held back.
    pub(crate) fn heal(&mut self, now: Instant) {
        for link in &mut self.links {
            link.cuts = 0;
            link.clogged_until = now;
            link.last_arrival = now;
        }
        self.storms.clear();
        self.weather = self.weather.healed();
    }

    /// Opens a new connection of a link, in the place of the one it had. What another process sent
    /// over that one still arrives, and holds nothing up on the new one.
    pub(crate) fn open(
        &mut self,
        from: Site,
        to: Site,
        dialler: ProcessNumber,
        peer: ProcessNumber,
    ) {
        self.connections_opened += 1;
        let number = ConnectionNumber(self.connections_opened);
        let link = self.link_mut(from, to);
        let former = link.connection.replace(Connection {
            number,
            dialler,
            peer,
        });
        link.lingering
            .extend(former.filter(|former| former.dialler != dialler));
        link.clogged_until = Instant::START;
        link.last_arrival = Instant::START;
    }

    /// The connection of a link that has this number, if it was not closed: its present one, or
    /// that of a dead process.
    pub(crate) fn numbered(
        &self,
        from: Site,
        to: Site,
        number: ConnectionNumber,
    ) -> Option<Connection> {
        let link = self.link(from, to);
        let mut all = link.connection.iter().chain(&link.lingering);
        all.find(|connection| connection.number == number).copied()
    }

    /// The connection that a link has now.
    pub(crate) fn connection(&self, from: Site, to: Site) -> Option<Connection> {
        self.link(from, to).connection
    }

    /// Closes the connection that a link has.
    pub(crate) fn close(&mut self, from: Site, to: Site) -> Option<Connection> {
        self.link_mut(from, to).connection.take()
    }

    fn link(&self, from: Site, to: Site) -> &Link {
        &self.links[from * self.sites + to]
    }

    fn link_mut(&mut self, from: Site, to: Site) -> &mut Link {
        &mut self.links[from * self.sites + to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Stream;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn network(weather: Weather) -> Network {
        Network::new(3, weather, Chance::new(1, Stream::Network))
    }

    fn at(millis: u32) -> Instant {
        Instant::START + MILLISECOND * millis
    }

    #[test]
    fn a_cut_is_one_way_and_lasts_until_it_is_mended_as_often() {
        let mut network = network(Weather::fair(MILLISECOND));
        network.cut(&[(0, 1), (0, 1)]);
        assert_eq!(network.send(at(0), 0, 1), Fate::Lost);
        assert_eq!(network.send(at(0), 1, 0), Fate::Arrives(at(1)));
        network.mend(&[(0, 1)]);
        assert_eq!(network.send(at(0), 0, 1), Fate::Lost);
        network.mend(&[(0, 1)]);
        assert_eq!(network.send(at(0), 0, 1), Fate::Arrives(at(1)));
    }

    #[test]
    fn a_clog_holds_back_and_loses_nothing() {
        let mut network = network(Weather::fair(MILLISECOND));
        network.clog(0, 1, at(50));
        assert_eq!(network.send(at(0), 0, 1), Fate::Arrives(at(51)));
        network.heal(at(10));
        assert_eq!(network.send(at(10), 0, 2), Fate::Arrives(at(11)));
    }

    #[test]
    fn a_link_keeps_the_order_of_its_messages_if_it_is_told_to() {
        let weather = Weather {
            delay_mean: 20 * MILLISECOND,
            ..Weather::fair(MILLISECOND)
        };
        let arrivals = |weather: &Weather| -> Vec<Instant> {
            let mut network = network(weather.clone());
            let send = |n| match network.send(at(n), 0, 1) {
                Fate::Arrives(at) => at,
                other => panic!("{other:?}"),
            };
            (0..100).map(send).collect()
        };
        assert!(arrivals(&weather).is_sorted());
        assert!(
            !arrivals(&Weather {
                in_order: false,
                ..weather
            })
            .is_sorted()
        );
    }

    #[test]
    fn a_storm_loses_and_duplicates_until_it_ends() {
        let mut network = network(Weather::fair(MILLISECOND));
        let storm = Storm {
            loss: 0.3,
            duplication: 0.3,
        };
        network.begin_storm(storm);
        let fates: Vec<Fate> = (0..200).map(|_| network.send(at(0), 0, 1)).collect();
        assert!(fates.contains(&Fate::Lost));
        assert!(fates.contains(&Fate::ArrivesTwice(at(1), at(1))));
        network.end_storm(storm);
        assert!((0..200).all(|_| network.send(at(0), 0, 1) == Fate::Arrives(at(1))));
    }

    #[test]
    fn a_new_connection_closes_the_former_unless_that_was_a_dead_process_s() {
        let mut network = network(Weather::fair(MILLISECOND));
        let mut open = |dialler| {
            network.open(0, 1, dialler, 9);
            let connection = network.connection(0, 1).unwrap();
            (connection.number, network.numbered(0, 1, connection.number))
        };
        let ((first, _), (second, _), (third, present)) = (open(0), open(0), open(1));
        assert!(present.is_some());
        assert_eq!(network.numbered(0, 1, first), None);
        assert!(network.numbered(0, 1, second).is_some());
        network.close(0, 1);
        assert_eq!(network.numbered(0, 1, third), None);
    }
}
