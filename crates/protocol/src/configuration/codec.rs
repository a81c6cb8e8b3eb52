//! A configuration as bytes: what the reserved register holds, and what travels.

use super::{ClusterId, Configuration, Definition, Epoch, Groups, Member, Seat, Shape};
use crate::node::{Address, NodeId};
use crate::slot::Group;
use alloc::vec::Vec;
use bytes::{Buf, BufMut, Bytes};
use core::fmt;

/// The layout that [`Configuration::encode`] writes.
const VERSION: u8 = 1;

const MEMBER_BYTES_MAX: usize = 8 + 2 + Address::BYTES_MAX + 4 + 8;
const SHAPE_BYTES_MAX: usize = 1 + 1 + Configuration::MEMBERS_MAX * MEMBER_BYTES_MAX;

/// The bytes are no configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigurationDecodeError;

impl fmt::Display for ConfigurationDecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are no configuration that this version knows")
    }
}

impl core::error::Error for ConfigurationDecodeError {}

impl Configuration {
    /// The most bytes that [`Configuration::encode`] gives.
    pub const ENCODED_BYTES_MAX: usize = 1
        + 8
        + 8
        + SHAPE_BYTES_MAX
        + 1
        + SHAPE_BYTES_MAX
        + 1
        + Self::FORMER_MAX * (2 + Address::BYTES_MAX)
        + 1
        + 1
        + 8
        + 1
        + Group::COUNT as usize / 8;

    /// The configuration as bytes. Integers are big-endian.
    ///
    /// | bytes | what |
    /// | --- | --- |
    /// | 1 | 1, the version of this layout |
    /// | 8 + 8 | cluster, epoch |
    /// | shape | the members, or those after the change |
    /// | 1 (+ shape) | 1 and those before the change, or 0 |
    /// | 1, and for each: 2 and as many | former addresses: their count, and each with its length |
    /// | 1 | 1 if it came of a change that was given up, or 0 |
    /// | 1 (+ 8) | 1 and the cluster that this one was recovered from, or 0 |
    /// | 1 (+ 128) | 1 and the forced groups, as 16 words of 64 bits, or 0 |
    ///
    /// A shape is the replication factor (1), the count of members (1), and for each: id (8),
    /// address with its length (2 and as many), weight (4), seat (8).
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        let definition = &self.definition;
        out.put_u8(VERSION);
        out.put_u64(definition.cluster.0);
        out.put_u64(definition.epoch.0);
        put_shape(&definition.after, &mut out);
        out.put_u8(definition.before.is_some().into());
        if let Some(before) = &definition.before {
            put_shape(before, &mut out);
        }
        out.put_u8(count(definition.former.len()));
        for address in &definition.former {
            put_address(address, &mut out);
        }
        out.put_u8(definition.aborted.into());
        out.put_u8(definition.predecessor.is_some().into());
        if let Some(predecessor) = definition.predecessor {
            out.put_u64(predecessor.0);
        }
        out.put_u8((!definition.forced.is_empty()).into());
        if !definition.forced.is_empty() {
            for word in definition.forced.to_words() {
                out.put_u64(word);
            }
        }
        out.into()
    }

    /// Reads back what [`Configuration::encode`] wrote.
    ///
    /// # Errors
    /// [`ConfigurationDecodeError`], if they are anything else: cut short, longer, of another
    /// version, or breaking a rule of configurations.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, ConfigurationDecodeError> {
        let configuration = take(&mut bytes).ok_or(ConfigurationDecodeError)?;
        match bytes.is_empty() {
            true => Ok(configuration),
            false => Err(ConfigurationDecodeError),
        }
    }
}

fn count(length: usize) -> u8 {
    u8::try_from(length).expect("members and former addresses are bounded")
}

fn put_shape(shape: &Shape, out: &mut Vec<u8>) {
    out.put_u8(shape.replication);
    out.put_u8(count(shape.members.len()));
    for member in &shape.members {
        out.put_u64(member.id.get());
        put_address(&member.address, out);
        out.put_u32(member.weight);
        out.put_u64(member.seat.0);
    }
}

fn put_address(address: &Address, out: &mut Vec<u8>) {
    let text = address.as_str().as_bytes();
    out.put_u16(u16::try_from(text.len()).expect("addresses are bounded"));
    out.put_slice(text);
}

fn take(bytes: &mut &[u8]) -> Option<Configuration> {
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let cluster = ClusterId(bytes.try_get_u64().ok()?);
    let epoch = Epoch(bytes.try_get_u64().ok()?);
    let after = take_shape(bytes)?;
    let before = match take_flag(bytes)? {
        true => Some(take_shape(bytes)?),
        false => None,
    };
    let former = (0..bytes.try_get_u8().ok()?).map(|_| take_address(bytes));
    let former = former.collect::<Option<Vec<Address>>>()?;
    let aborted = take_flag(bytes)?;
    let predecessor = match take_flag(bytes)? {
        true => Some(ClusterId(bytes.try_get_u64().ok()?)),
        false => None,
    };
    let forced = match take_flag(bytes)? {
        true => {
            let mut words = Groups::NONE.to_words();
            for word in &mut words {
                *word = bytes.try_get_u64().ok()?;
            }
            // One set has one spelling.
            Some(Groups::from_words(words)).filter(|groups| !groups.is_empty())?
        }
        false => Groups::NONE,
    };
    Configuration::of(Definition {
        cluster,
        epoch,
        after,
        before,
        former,
        forced,
        predecessor,
        aborted,
    })
    .ok()
}

fn take_flag(bytes: &mut &[u8]) -> Option<bool> {
    match bytes.try_get_u8().ok()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn take_shape(bytes: &mut &[u8]) -> Option<Shape> {
    let replication = bytes.try_get_u8().ok()?;
    let members = (0..bytes.try_get_u8().ok()?).map(|_| {
        Some(Member {
            id: NodeId::new(bytes.try_get_u64().ok()?),
            address: take_address(bytes)?,
            weight: bytes.try_get_u32().ok()?,
            seat: Seat(bytes.try_get_u64().ok()?),
        })
    });
    let members = members.collect::<Option<Vec<Member>>>()?;
    let in_order = members.is_sorted_by_key(|member| member.id);
    Shape::new(members, replication).ok().filter(|_| in_order)
}

fn take_address(bytes: &mut &[u8]) -> Option<Address> {
    let length = usize::from(bytes.try_get_u16().ok()?);
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
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
                    Configuration::of(Definition {
                        cluster: ClusterId(cluster),
                        epoch: Epoch(epoch),
                        after,
                        before,
                        former: former.collect(),
                        forced: groups.collect(),
                        predecessor: predecessor.map(ClusterId),
                        aborted,
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
            aborted: true,
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
        let configuration =
            Configuration::new(ClusterId(0xc1), Epoch(5), members.into(), 3).unwrap();
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
}
