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
    // Only a change forces groups, and only what follows one was given up.
    if before.is_none() && !forced.is_empty() || before.is_some() && aborted {
        return None;
    }
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
mod tests;
