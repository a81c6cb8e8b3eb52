//! What pongs that come late, twice or never make of a peer.

use super::super::detector::Detector;
use super::super::*;
use super::world::ms;
use crate::configuration::ClusterId;
use crate::node::Boot;
use core::time::Duration;
use std::vec::Vec;

const PEER: NodeId = NodeId::new(2);

/// A detector that watches one peer, whose pongs the test makes.
struct Watch {
    now: Time,
    detector: Detector,
    outputs: VecDeque<MembershipOutput>,
}

impl Watch {
    fn new() -> Self {
        let incarnation = Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        };
        let address: Address = "n0:1".parse().unwrap();
        let list = [address.clone()].into();
        let options = MembershipOptions::new(incarnation, address, list, ClusterId(1));
        let mut watch = Self {
            now: Time::from_micros(0),
            detector: Detector::new(&options),
            outputs: VecDeque::new(),
        };
        let peers = [(PEER, true)].into();
        watch.detector.watch(watch.now, peers, &mut watch.outputs);
        watch
    }

    /// Lets time pass in which every ping is answered after this delay, if at all; gives the
    /// states that the peer was in.
    fn run(&mut self, span: Duration, answered_after: Option<Duration>) -> Vec<PeerState> {
        let end = self.now + span;
        let mut pongs: VecDeque<(Time, u64)> = VecDeque::new();
        let mut states = Vec::new();
        loop {
            while let Some(output) = self.outputs.pop_front() {
                match output {
                    MembershipOutput::Send {
                        message: MembershipMessage::Ping { number },
                        ..
                    } => pongs.extend(answered_after.map(|delay| (self.now + delay, number))),
                    MembershipOutput::PeerState { state, .. } => states.push(state),
                    output => panic!("{output:?}"),
                }
            }
            let (timer, _) = self.detector.next_timeout().unwrap();
            let pong = pongs.front().copied().filter(|&(at, _)| at <= timer);
            let next = pong.map_or(timer, |(at, _)| at);
            if next > end {
                self.now = end;
                return states;
            }
            self.now = next;
            if let Some((_, number)) = pong {
                pongs.pop_front();
                self.detector.handle_pong(PEER, number, &mut self.outputs);
                // The same again changes nothing.
                let before = self.detector.clone();
                self.detector.handle_pong(PEER, number, &mut self.outputs);
                assert_eq!(self.detector, before);
            } else {
                self.detector.handle_timeout(self.now, &mut self.outputs);
            }
        }
    }
}

use PeerState::{Alive, Down, Suspect};

#[test]
fn a_peer_is_alive_as_long_as_its_pongs_come_in_time() {
    let mut watch = Watch::new();
    assert_eq!(watch.run(ms(60_000), Some(ms(390))), [Alive]);
}

#[test]
fn a_peer_that_never_answers_is_down_after_three_missed_pongs() {
    let mut watch = Watch::new();
    assert_eq!(watch.run(ms(1_399), None), []);
    assert_eq!(watch.run(ms(1), None), [Down]);
    assert_eq!(watch.run(ms(60_000), None), []);
}

#[test]
fn a_peer_that_always_answers_late_is_suspect_and_not_down() {
    for late in [410, 600, 900, 1_300] {
        let mut watch = Watch::new();
        watch.run(ms(2_010), Some(ms(1)));
        assert_eq!(watch.run(ms(60_000), Some(ms(late))), [Suspect], "{late}");
        assert_eq!(watch.detector.state(PEER), Suspect);
    }
}

#[test]
fn a_late_pong_of_a_peer_that_died_does_not_make_it_alive() {
    let mut watch = Watch::new();
    watch.run(ms(2_000), Some(ms(1)));
    assert_eq!(watch.run(ms(3_000), None), [Suspect, Down]);
    // The eleventh ping has just been sent; these are the pongs of all others.
    for number in 0..=10 {
        let outputs = &mut watch.outputs;
        watch.detector.handle_pong(PEER, number, outputs);
        assert_eq!(watch.detector.state(PEER), Down);
    }
    assert_eq!(watch.run(ms(60_000), None), []);
}

#[test]
fn a_peer_that_answers_in_time_again_is_alive_at_once() {
    let mut watch = Watch::new();
    watch.run(ms(2_000), Some(ms(1)));
    watch.run(ms(30_000), None);
    assert_eq!(watch.run(ms(501), Some(ms(1))), [Alive]);
}

#[test]
fn one_missed_pong_makes_a_peer_suspect_and_the_next_good_one_alive() {
    let mut watch = Watch::new();
    watch.run(ms(2_010), Some(ms(1)));
    assert_eq!(watch.run(ms(950), None), [Suspect]);
    assert_eq!(watch.run(ms(501), Some(ms(1))), [Alive]);
}
