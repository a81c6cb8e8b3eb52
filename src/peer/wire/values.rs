//! The protocol's values on the wire: identities, tags, names, records, configurations.

use super::WireError;
use super::field::{Field, Reader};
use bytes::Bytes;
use protocol::{
    Address, Boot, ClusterId, Configuration, Counter, Epoch, Incarnation, Member, NodeId,
    OperationId, Record, RegisterName, Tag, UnixMillis,
};

/// The longest configuration: every member at the longest address.
pub(super) const CONFIGURATION_BYTES_MAX: usize =
    8 + 8 + 1 + 1 + Configuration::MEMBERS_MAX * (8 + 2 + Address::BYTES_MAX + 4);

macro_rules! numbers {
    ($($name:ident: $new:expr, $get:expr;)*) => {$(
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $get(self).put(out);
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                reader.take().map($new)
            }
        }
    )*};
}

numbers! {
    NodeId: NodeId::new, |id: &NodeId| id.get();
    Boot: Boot::new, |boot: &Boot| boot.get();
    ClusterId: ClusterId, |id: &ClusterId| id.0;
    Counter: Counter, |counter: &Counter| counter.0;
    UnixMillis: UnixMillis, |at: &UnixMillis| at.0;
}

impl Field for Epoch {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.countable("epoch").map(Epoch)
    }
}

impl Field for Incarnation {
    fn put(&self, out: &mut Vec<u8>) {
        self.node.put(out);
        self.boot.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Incarnation {
            node: reader.take()?,
            boot: reader.take()?,
        })
    }
}

impl Field for Tag {
    fn put(&self, out: &mut Vec<u8>) {
        self.seq.put(out);
        self.writer.put(out);
        self.step.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Tag {
            seq: reader.countable("seq")?,
            writer: reader.take()?,
            step: reader.take()?,
        })
    }
}

impl Field for OperationId {
    fn put(&self, out: &mut Vec<u8>) {
        self.origin.put(out);
        self.counter.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(OperationId {
            origin: reader.take()?,
            counter: reader.take()?,
        })
    }
}

/// A text or name of less than 65,536 bytes: its length in two bytes, then it.
fn put_short(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(bytes.len()).expect("names and addresses are bounded");
    length.put(out);
    out.extend_from_slice(bytes);
}

fn take_short<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    let length: u16 = reader.take()?;
    reader.bytes(length.into())
}

impl Field for RegisterName {
    fn put(&self, out: &mut Vec<u8>) {
        put_short(self.as_bytes(), out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let invalid = WireError::Invalid { what: "name" };
        let name = take_short(reader)?;
        if name.len() > RegisterName::BYTES_MAX {
            return Err(invalid);
        }
        RegisterName::new(Bytes::copy_from_slice(name)).map_err(|_| invalid)
    }
}

impl Field for Address {
    fn put(&self, out: &mut Vec<u8>) {
        put_short(self.as_str().as_bytes(), out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let invalid = WireError::Invalid { what: "address" };
        let text = core::str::from_utf8(take_short(reader)?).map_err(|_| invalid)?;
        text.parse().map_err(|_| invalid)
    }
}

impl Field for Record {
    fn put(&self, out: &mut Vec<u8>) {
        self.tag.put(out);
        self.content.put(out);
        self.expiry.put(out);
        self.operation.put(out);
        self.settled.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Record {
            tag: reader.take()?,
            content: reader.take()?,
            expiry: reader.take()?,
            operation: reader.take()?,
            settled: reader.take()?,
        })
    }
}

impl Field for Configuration {
    fn put(&self, out: &mut Vec<u8>) {
        self.cluster().put(out);
        self.epoch().put(out);
        self.replication().put(out);
        let count = u8::try_from(self.members().len()).expect("members are bounded");
        count.put(out);
        for member in self.members() {
            member.id.put(out);
            member.address.put(out);
            member.weight.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let cluster = reader.take()?;
        let epoch = reader.take()?;
        let replication = reader.take()?;
        let members = (0..reader.count(Configuration::MEMBERS_MAX, "count of members")?)
            .map(|_| {
                Ok(Member {
                    id: reader.take()?,
                    address: reader.take()?,
                    weight: reader.take()?,
                })
            })
            .collect::<Result<_, _>>()?;
        Configuration::new(cluster, epoch, members, replication).map_err(|_| WireError::Invalid {
            what: "configuration",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{read, written};
    use super::super::strategies;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_reads_back_what_it_wrote(record in strategies::record()) {
            prop_assert_eq!(read::<Record>(&written(&record)), Ok(record));
        }

        #[test]
        fn a_configuration_reads_back_what_it_wrote(it in strategies::configuration()) {
            let bytes = written(&it);
            prop_assert!(bytes.len() <= CONFIGURATION_BYTES_MAX);
            prop_assert_eq!(read::<Configuration>(&bytes), Ok(it));
        }
    }

    #[test]
    fn a_tag_whose_seq_could_overflow_is_malformed() {
        let tag = Tag {
            seq: 1 << 63,
            ..Tag::ZERO
        };
        let invalid = WireError::Invalid { what: "seq" };
        assert_eq!(read::<Tag>(&written(&tag)), Err(invalid));
    }

    #[test]
    fn a_name_that_is_too_long_is_malformed() {
        let mut bytes = Vec::new();
        put_short(&[b'x'; 1025], &mut bytes);
        let invalid = WireError::Invalid { what: "name" };
        assert_eq!(read::<RegisterName>(&bytes), Err(invalid));
    }

    #[test]
    fn members_that_make_no_configuration_are_malformed() {
        let member = |address: &str| Member {
            id: NodeId::new(7),
            address: address.parse().expect("an address"),
            weight: Member::WEIGHT_DEFAULT,
        };
        let mut bytes = Vec::new();
        ClusterId(1).put(&mut bytes);
        Epoch::FIRST.put(&mut bytes);
        bytes.extend_from_slice(&[2, 2]);
        for member in [member("a:1"), member("b:1")] {
            member.id.put(&mut bytes);
            member.address.put(&mut bytes);
            member.weight.put(&mut bytes);
        }
        let what = "configuration";
        assert_eq!(
            read::<Configuration>(&bytes),
            Err(WireError::Invalid { what })
        );
    }

    #[test]
    fn an_address_that_is_none_is_malformed() {
        let mut bytes = Vec::new();
        put_short(b"nowhere", &mut bytes);
        let what = "address";
        assert_eq!(read::<Address>(&bytes), Err(WireError::Invalid { what }));
    }
}
