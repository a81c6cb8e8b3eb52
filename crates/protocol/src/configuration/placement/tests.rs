use super::*;
use crate::configuration::{ClusterId, Configuration, Epoch, Seat};
use alloc::format;
use alloc::vec;
use std::println;
use xxhash_rust::xxh3::xxh3_64;

fn member(number: u64, weight: u32) -> Member {
    let address = format!("10.0.0.{number}:3030").parse().unwrap();
    Member {
        weight,
        ..Member::new(NodeId::new(number), address)
    }
}

fn of(members: Vec<Member>, replication: u8) -> Configuration {
    Configuration::new(ClusterId(7), Epoch::FIRST, members, replication).unwrap()
}

/// Nodes 1 to `size`, alike, with slots on three of them.
fn alike(size: u64) -> Configuration {
    of((1..=size).map(|number| member(number, 100)).collect(), 3)
}

fn places(configuration: &Configuration) -> Vec<Vec<u64>> {
    let nodes = |group| configuration.group_quorums(group).after().nodes();
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.get()).collect();
    Group::all().map(|group| numbers(nodes(group))).collect()
}

/// How many of the groups each node holds.
fn shares(configuration: &Configuration) -> BTreeMap<u64, usize> {
    let mut shares = BTreeMap::new();
    for node in places(configuration).into_iter().flatten() {
        *shares.entry(node).or_default() += 1;
    }
    shares
}

/// The places that are new in `to`, and those that are gone.
fn moved(from: &Configuration, to: &Configuration) -> (Vec<u64>, Vec<u64>) {
    let (mut come, mut gone) = (vec![], vec![]);
    for (from, to) in places(from).iter().zip(places(to)) {
        come.extend(to.iter().filter(|node| !from.contains(node)));
        gone.extend(from.iter().filter(|node| !to.contains(node)));
    }
    (come, gone)
}

/// Nodes of several versions place alike, or they would count different quorums. The values were
/// computed apart from this code.
#[test]
fn groups_are_placed_as_every_version_places_them() {
    let members = [(11, 100), (22, 100), (33, 200), (44, 50), (55, 1)];
    let members = members.map(|(number, weight)| member(number, weight));
    let placed = places(&of(members.into(), 3));
    for (group, nodes) in [
        (0, [11, 22, 33]),
        (3, [11, 33, 44]),
        (4, [22, 33, 44]),
        (1023, [11, 22, 33]),
    ] {
        assert_eq!(placed[group], nodes, "group {group}");
    }
    let of_light = placed
        .iter()
        .enumerate()
        .filter(|(_, nodes)| nodes.contains(&55));
    let of_light: Vec<usize> = of_light.map(|(group, _)| group).collect();
    assert_eq!(of_light[..5], [38, 375, 376, 595, 690]);
    let weighed = placed
        .iter()
        .zip(1u64..)
        .map(|(nodes, n)| n * nodes.iter().sum::<u64>());
    assert_eq!(weighed.sum::<u64>(), 41_490_922);
}

#[test]
fn the_order_of_members_their_ids_and_addresses_place_nothing() {
    let placed = places(&alike(9));
    let reversed = (1..=9).rev().map(|number| member(number, 100)).collect();
    assert_eq!(places(&of(reversed, 3)), placed);
    // Other nodes on the same seats, in another order of ids.
    let others = (1..=9).map(|number| Member {
        seat: Seat(number),
        ..member(100 - number, 100)
    });
    let mut others = places(&of(others.collect(), 3));
    for nodes in &mut others {
        nodes.iter_mut().for_each(|node| *node = 100 - *node);
        nodes.sort_unstable();
    }
    assert_eq!(others, placed);
}

#[test]
fn every_group_is_held_by_as_many_as_it_should() {
    for (size, replication) in [(1, 1), (1, 7), (3, 3), (4, 3), (5, 1), (7, 7), (9, 7)] {
        let members = (1..=size).map(|number| member(number, 100)).collect();
        let expected = usize::from(replication).min(usize::try_from(size).unwrap());
        for nodes in places(&of(members, replication)) {
            assert_eq!(nodes.len(), expected);
        }
    }
}

#[test]
fn one_that_comes_takes_its_share_and_nothing_else_moves() {
    for size in 4..=50 {
        let (come, gone) = moved(&alike(size - 1), &alike(size));
        assert!(come.iter().all(|node| *node == size), "{size}");
        assert_eq!(come.len(), gone.len());
        let fair = 3.0 * f64::from(Group::COUNT) / size as f64;
        let share = come.len() as f64 / fair;
        assert!((0.7..1.3).contains(&share), "{size}: {share} of a share");
    }
}

#[test]
fn one_that_leaves_gives_its_share_to_all_others_and_nothing_else_moves() {
    for size in 4..=50 {
        let whole = alike(size);
        let rest = (1..=size).filter(|number| *number != 2);
        let rest = of(rest.map(|number| member(number, 100)).collect(), 3);
        let (come, gone) = moved(&whole, &rest);
        assert!(gone.iter().all(|node| *node == 2), "{size}");
        assert_eq!(gone.len(), shares(&whole)[&2]);
        let heirs: alloc::collections::BTreeSet<u64> = come.into_iter().collect();
        assert!(
            heirs.len() as u64 >= (size - 1).min(12),
            "{size}: {heirs:?}"
        );
    }
}

#[test]
fn one_that_comes_in_the_place_of_another_takes_that_ones_groups_and_nothing_else_moves() {
    for size in [4, 7, 50] {
        let whole = alike(size);
        let mut members: Vec<Member> = (1..=size).map(|number| member(number, 100)).collect();
        members[2].id = NodeId::new(1000);
        let (come, gone) = moved(&whole, &of(members, 3));
        assert!(come.iter().all(|node| *node == 1000));
        assert!(gone.iter().all(|node| *node == 3));
        assert_eq!(come.len(), shares(&whole)[&3]);
    }
}

/// Nodes 1 to `size`, alike, on seats as they are drawn at random.
fn seated(size: u64, chance: u64, weight: impl Fn(u64) -> u32) -> Configuration {
    let members = (1..=size).map(|number| Member {
        seat: Seat(xxh3_64(&[size, chance, number].map(|n| n as u8))),
        ..member(number, weight(number))
    });
    of(members.collect(), 3)
}

#[test]
fn members_of_equal_weight_hold_shares_that_are_about_equal() {
    for size in 3..=50 {
        let mean = 3.0 * f64::from(Group::COUNT) / size as f64;
        let (mut max, mut min) = (f64::MIN, f64::MAX);
        for chance in 0..5 {
            let shares = shares(&seated(size, chance, |_| 100));
            assert_eq!(shares.len() as u64, size);
            max = max.max(*shares.values().max().unwrap() as f64 / mean);
            min = min.min(*shares.values().min().unwrap() as f64 / mean);
        }
        println!("{size} members: from {min:.2} to {max:.2} of the mean share");
        // As even as chance makes it: the greatest and the least of up to 250 shares.
        let taken = 3.0 / size as f64;
        let deviation = ((1.0 - taken) / (taken * f64::from(Group::COUNT))).sqrt();
        let off = (max - 1.0).max(1.0 - min);
        assert!(off <= 4.5 * deviation, "{size}: {min} {max}");
    }
}

#[test]
fn a_member_of_twice_the_weight_holds_about_twice_as_much() {
    for size in [7, 20, 50] {
        let weight = |number| if number % 5 == 0 { 200 } else { 100 };
        let mut held: BTreeMap<bool, Vec<usize>> = BTreeMap::new();
        for chance in 0..5 {
            for (number, groups) in shares(&seated(size, chance, weight)) {
                held.entry(number % 5 == 0).or_default().push(groups);
            }
        }
        let mean = |heavy| held[&heavy].iter().sum::<usize>() as f64 / held[&heavy].len() as f64;
        let ratio = mean(true) / mean(false);
        println!("{size} members: {ratio:.2} times as much");
        // No group is held twice by one node, so that a heavy one among few falls short.
        let least = if size < 10 { 1.5 } else { 1.8 };
        assert!((least..2.1).contains(&ratio), "{size}: {ratio}");
    }
}

#[test]
fn the_logarithm_falls_and_keeps_to_its_line() {
    assert_eq!(minus_log2(1), 64 << FRACTION_BITS);
    assert_eq!(minus_log2(1 << 63), 1 << FRACTION_BITS);
    let mut x = 1u64;
    for step in 0..200_000 {
        let next = x.saturating_add((x >> 9) + step % 3 + 1);
        assert!(minus_log2(next) <= minus_log2(x), "{x} {next}");
        let exact = 64.0 - (x as f64).log2();
        let off = minus_log2(x) as f64 / (1u64 << FRACTION_BITS) as f64 - exact;
        assert!((-1e-9..3e-6).contains(&off), "{x}: {off}");
        if next == u64::MAX {
            return;
        }
        x = next;
    }
    panic!("the greatest number was not reached");
}

#[test]
#[ignore = "it measures"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn placing_64_members_takes() {
    let members: Vec<Member> = (1..=64)
        .map(|number| member(number, 90 + number as u32))
        .collect();
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        std::hint::black_box(of(members.clone(), 3));
    }
    println!("placing 64 members: {:?}", begun.elapsed() / 20);
}
