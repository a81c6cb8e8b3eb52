//! What the machines' wall clocks show: [`WallClocks`].
//!
//! They may differ by any amount, and jump either way. They say which registers have expired, and
//! nothing else.

use crate::clocks::Instant;
use crate::network::Site;
use protocol::UnixMillis;
use std::time::Duration;

/// The wall clocks of all sites, with all that they ever showed.
#[derive(Clone, Debug)]
pub(crate) struct WallClocks {
    sites: Vec<Vec<Leg>>,
}

/// From this instant on a clock is that far ahead of the true time, or behind it.
#[derive(Clone, Copy, Debug)]
struct Leg {
    from: Instant,
    ahead_ms: i64,
}

/// What a clock that is right shows when a run begins; one that is behind is to be above zero too.
const START_MS: i64 = 1_700_000_000_000;

impl WallClocks {
    /// Clocks that are so far ahead of the true time.
    pub(crate) fn new(ahead_ms: &[i64]) -> Self {
        let leg = |ahead_ms: &i64| {
            vec![Leg {
                from: Instant::START,
                ahead_ms: *ahead_ms,
            }]
        };
        Self {
            sites: ahead_ms.iter().map(leg).collect(),
        }
    }

    /// What the clock of the site shows now.
    pub(crate) fn read(&self, site: Site, now: Instant) -> UnixMillis {
        shown(true_ms(now) + self.ahead_ms(site))
    }

    /// Sets the clock of the site forward, or back.
    pub(crate) fn jump(&mut self, site: Site, now: Instant, by_ms: i64) {
        let ahead_ms = self.ahead_ms(site) + by_ms;
        self.sites[site].push(Leg {
            from: now,
            ahead_ms,
        });
    }

    /// Sets all clocks to the true time.
    pub(crate) fn set_right(&mut self, now: Instant) {
        for site in 0..self.sites.len() {
            self.jump(site, now, -self.ahead_ms(site));
        }
    }

    /// The first instant, from `since` on, at which some clock shows `at` or later: only from then
    /// on can anything that expires at that moment have expired for anybody.
    pub(crate) fn first_to_show(&self, at: UnixMillis, since: Instant) -> Instant {
        let firsts = self.sites.iter().flat_map(|legs| {
            let ends = legs.iter().skip(1).map(|leg| Some(leg.from));
            let ends = ends.chain([None]);
            legs.iter().zip(ends).filter_map(move |(leg, end)| {
                let shows = instant(at.0 as i64 - leg.ahead_ms);
                let first = shows.max(leg.from).max(since);
                end.is_none_or(|end| first < end).then_some(first)
            })
        });
        firsts.min().expect("every clock comes to show any moment")
    }

    /// Whether every clock showed `at` or later all the time between these instants.
    pub(crate) fn all_show(&self, at: UnixMillis, from: Instant, to: Instant) -> bool {
        self.sites.iter().all(|legs| {
            let ends = legs.iter().skip(1).map(|leg| leg.from).chain([to]);
            let mut within =
                (legs.iter().zip(ends)).filter(|(leg, end)| *end >= from && leg.from <= to);
            within.all(|(leg, _)| shown(true_ms(leg.from.max(from)) + leg.ahead_ms) >= at)
        })
    }

    fn ahead_ms(&self, site: Site) -> i64 {
        let legs = &self.sites[site];
        legs[legs.len() - 1].ahead_ms
    }
}

fn true_ms(now: Instant) -> i64 {
    let since_start = now.since(Instant::START).as_millis();
    START_MS + i64::try_from(since_start).expect("runs are short")
}

/// The first instant at which a clock that is right shows this.
fn instant(ms: i64) -> Instant {
    let after = u64::try_from(ms - START_MS).unwrap_or(0);
    Instant::START + Duration::from_millis(after)
}

fn shown(ms: i64) -> UnixMillis {
    UnixMillis(u64::try_from(ms).expect("no clock is decades behind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    fn moment(ms: i64) -> UnixMillis {
        shown(START_MS + ms)
    }

    #[test]
    fn clocks_differ_and_jump_either_way() {
        let mut clocks = WallClocks::new(&[0, 500]);
        clocks.jump(1, at(1000), -2000);
        assert_eq!(clocks.read(0, at(1000)), moment(1000));
        assert_eq!(clocks.read(1, at(1000)), moment(-500));
        clocks.set_right(at(2000));
        assert_eq!(clocks.read(1, at(2500)), moment(2500));
    }

    #[test]
    fn the_clock_that_is_ahead_is_the_first_to_show_a_moment() {
        let mut clocks = WallClocks::new(&[0, 500]);
        clocks.jump(1, at(1000), -2000);
        assert_eq!(clocks.first_to_show(moment(900), at(0)), at(400));
        assert_eq!(clocks.first_to_show(moment(900), at(600)), at(600));
        // The other one shows it when that one does no longer.
        assert_eq!(clocks.first_to_show(moment(1600), at(0)), at(1600));
        assert_eq!(clocks.first_to_show(moment(1200), at(1100)), at(1200));
    }

    #[test]
    fn a_moment_is_past_for_all_only_while_every_clock_shows_it() {
        let mut clocks = WallClocks::new(&[0, 500]);
        clocks.jump(1, at(1000), -2000);
        assert!(clocks.all_show(moment(500), at(500), at(999)));
        assert!(!clocks.all_show(moment(500), at(499), at(999)));
        assert!(!clocks.all_show(moment(500), at(500), at(1001)));
        assert!(clocks.all_show(moment(-300), at(1200), at(5000)));
    }
}
