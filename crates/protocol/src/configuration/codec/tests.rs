use super::*;
use alloc::format;
use alloc::vec;
use proptest::collection::{btree_set, vec as any_vec};
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = Shape> {
    let member = (1u64.., 1u32..=Member::WEIGHT_MAX, any::<u64>());
    let hosts = prop_oneof![Just("127.0.0.1"), Just("[::1]"), Just("db.example")];
    let members = btree_set(1u16.., 1..8)
        .prop_flat_map(move |ports| (any_vec(member.clone(), ports.len()), Just(ports)));
    (members, hosts, 1..=Configuration::REPLICATION_MAX).prop_filter_map(
        "members differ",
        |((members, ports), host, replication)| {
            let members = members.iter().zip(ports);
            let members = members.map(|(&(id, weight, seat), port)| Member {
                id: NodeId::new(id),
                address: format!("{host}:{port}").parse().unwrap(),
                weight,
                seat: Seat(seat),
            });
            Shape::new(members.collect(), replication).ok()
        },
    )
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let former = any_vec(1u16.., 0..=Configuration::FORMER_MAX);
    let groups = any_vec(0..Group::COUNT, 0..20);
    (
        any::<u64>(),
        1..Epoch::MAX.0,
        shape(),
        proptest::option::of(shape()),
        former,
        groups,
        proptest::option::of(any::<u64>()),
        any::<bool>(),
    )
        .prop_map(
            |(cluster, epoch, after, before, former, groups, predecessor, aborted)| {
                let former = former
                    .iter()
                    .map(|port| format!("old:{port}").parse().unwrap());
                let groups = groups.iter().filter_map(|group| Group::new(*group));
                let is_joint = before.is_some();
                Configuration::of(Definition {
                    cluster: ClusterId(cluster),
                    epoch: Epoch(epoch),
                    after,
                    before,
                    former: former.collect(),
                    forced: groups.filter(|_| is_joint).collect(),
                    predecessor: predecessor.map(ClusterId),
                    aborted: aborted && !is_joint,
                })
                .unwrap()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_configuration_reads_back_what_it_wrote(configuration in configuration()) {
        let bytes = configuration.encode();
        prop_assert!(bytes.len() <= Configuration::ENCODED_BYTES_MAX);
        let read = Configuration::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &configuration);
        prop_assert_eq!(read.encode(), bytes);
        for group in Group::all().step_by(97) {
            prop_assert_eq!(read.group_quorums(group), configuration.group_quorums(group));
        }
    }

    #[test]
    fn nothing_but_the_whole_is_a_configuration(configuration in configuration()) {
        let bytes = configuration.encode();
        for length in 0..bytes.len() {
            prop_assert!(Configuration::decode(&bytes[..length]).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(Configuration::decode(&longer).is_err());
    }

    #[test]
    fn whatever_reads_as_a_configuration_is_spelled_in_its_one_way(
        configuration in configuration(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = configuration.encode().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = Configuration::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn garbage_is_no_configuration(bytes in any_vec(any::<u8>(), 0..200)) {
        let with_version = [&[VERSION], &bytes[..]].concat();
        prop_assert!(Configuration::decode(&bytes).is_err());
        prop_assert!(Configuration::decode(&with_version).is_err());
    }
}

#[test]
fn groups_that_are_forced_by_no_change_and_a_change_that_was_given_up_are_nonsense() {
    let plain = |id| Shape::new(vec![Member::new(NodeId::new(id), long_address(id, 'a'))], 1);
    let definition = Definition {
        cluster: ClusterId(1),
        epoch: Epoch(2),
        after: plain(1).unwrap(),
        before: None,
        former: Vec::new(),
        forced: Group::all().take(1).collect(),
        predecessor: None,
        aborted: false,
    };
    let joint = Definition {
        before: Some(plain(2).unwrap()),
        aborted: true,
        ..definition.clone()
    };
    for nonsense in [definition, joint] {
        let bytes = Configuration::of(nonsense).unwrap().encode();
        assert!(Configuration::decode(&bytes).is_err());
    }
}

#[test]
fn the_largest_configuration_has_as_many_bytes_as_are_allowed() {
    let member = |number: u64, host: char| Member {
        weight: Member::WEIGHT_MAX,
        ..Member::new(NodeId::new(number), long_address(number, host))
    };
    let shape = |first: u64, host| {
        let members = (first..first + 64).map(|number| member(number, host));
        Shape::new(members.collect(), 7).unwrap()
    };
    let largest = Configuration::of(Definition {
        cluster: ClusterId(u64::MAX),
        epoch: Epoch(Epoch::MAX.0 - 1),
        after: shape(1, 'a'),
        before: Some(shape(100, 'b')),
        former: (0..16).map(|number| long_address(number, 'c')).collect(),
        forced: Group::all().collect(),
        predecessor: Some(ClusterId(1)),
        aborted: false,
    });
    let bytes = largest.unwrap().encode();
    assert_eq!(bytes.len(), Configuration::ENCODED_BYTES_MAX);
    assert!(Configuration::decode(&bytes).is_ok());
}

fn long_address(number: u64, host: char) -> Address {
    let host = vec![host; Address::BYTES_MAX - 6];
    let host: alloc::string::String = host.into_iter().collect();
    format!("{host}:{}", 10_000 + number).parse().unwrap()
}

#[test]
fn the_layout_is_the_one_that_is_written_down() {
    let members = [(1u64, 7u32, 0x11u64), (2, 300, 0x22)].map(|(id, weight, seat)| Member {
        id: NodeId::new(id),
        address: format!("n{id}:1").parse().unwrap(),
        weight,
        seat: Seat(seat),
    });
    let configuration = Configuration::new(ClusterId(0xc1), Epoch(5), members.into(), 3).unwrap();
    let expected: &[&[u8]] = &[
        &[1],
        &[0, 0, 0, 0, 0, 0, 0, 0xc1],
        &[0, 0, 0, 0, 0, 0, 0, 5],
        &[3, 2],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0, 4, b'n', b'1', b':', b'1'],
        &[0, 0, 0, 7],
        &[0, 0, 0, 0, 0, 0, 0, 0x11],
        &[0, 0, 0, 0, 0, 0, 0, 2],
        &[0, 4, b'n', b'2', b':', b'1'],
        &[0, 0, 1, 44],
        &[0, 0, 0, 0, 0, 0, 0, 0x22],
        &[0, 0, 0, 0, 0],
    ];
    assert_eq!(configuration.encode(), expected.concat());
}
