//! The protocol's values on the wire: identities, tags, names, records, configurations.

use super::WireError;
use super::field::{Field, Reader};
use bytes::Bytes;
use protocol::{
    Address, Boot, ClusterId, Configuration, Counter, Epoch, Incarnation, NodeId, OperationId,
    Record, RegisterName, Tag, UnixMillis,
};

/// The most bytes of a configuration, with its length.
pub(super) const CONFIGURATION_BYTES_MAX: usize = 4 + Configuration::ENCODED_BYTES_MAX;

/// The length that no name has: that of the reserved register's name, which no bytes spell.
const RESERVED_NAME: u16 = u16::MAX;

const _: () = assert!(RegisterName::BYTES_MAX < RESERVED_NAME as usize);

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
        match reader.take().map(Epoch)? {
            epoch if epoch <= Epoch::MAX => Ok(epoch),
            _ => Err(WireError::Invalid { what: "epoch" }),
        }
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

/// The name of a register that clients can reach.
impl Field for RegisterName {
    fn put(&self, out: &mut Vec<u8>) {
        assert!(!self.is_reserved(), "the reserved register is no client's");
        put_short(self.as_bytes(), out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = reader.take()?;
        take_spelled_name(length, reader)
    }
}

/// Appends the name of any register, the reserved one too.
pub(super) fn put_any_name(name: &RegisterName, out: &mut Vec<u8>) {
    match name.is_reserved() {
        true => RESERVED_NAME.put(out),
        false => name.put(out),
    }
}

/// Takes the name of any register off the front, the reserved one too.
pub(super) fn take_any_name(reader: &mut Reader<'_>) -> Result<RegisterName, WireError> {
    match reader.take()? {
        RESERVED_NAME => Ok(RegisterName::CONFIGURATION),
        length => take_spelled_name(length, reader),
    }
}

fn take_spelled_name(length: u16, reader: &mut Reader<'_>) -> Result<RegisterName, WireError> {
    let invalid = WireError::Invalid { what: "name" };
    let length = usize::from(length);
    if length > RegisterName::BYTES_MAX {
        return Err(invalid);
    }
    let name = Bytes::copy_from_slice(reader.bytes(length)?);
    RegisterName::new(name).map_err(|_| invalid)
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
        let record = Record {
            tag: reader.take()?,
            content: reader.take()?,
            expiry: reader.take()?,
            operation: reader.take()?,
            settled: reader.take()?,
        };
        match can_be(&record) {
            true => Ok(record),
            false => Err(WireError::Invalid { what: "record" }),
        }
    }
}

/// Nothing is held of a register that nobody wrote, and a plain write is no read-modify-write.
fn can_be(record: &Record) -> bool {
    let is_empty = (&record.content, record.expiry) == (&None, None);
    (is_empty || !record.tag.is_zero()) && (record.operation.is_none() || record.tag.step > 0)
}

impl Field for Configuration {
    fn put(&self, out: &mut Vec<u8>) {
        self.encode().put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let invalid = WireError::Invalid {
            what: "configuration",
        };
        reader.count_configuration()?;
        let length: u32 = reader.take()?;
        let length = usize::try_from(length).map_err(|_| invalid)?;
        if length > Configuration::ENCODED_BYTES_MAX {
            return Err(invalid);
        }
        Configuration::decode(reader.bytes(length)?).map_err(|_| invalid)
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
    fn a_record_that_cannot_be_is_malformed() {
        let operation = Some(OperationId {
            origin: Tag::ZERO.writer,
            counter: Counter(1),
        });
        let seq_1 = Tag {
            seq: 1,
            ..Tag::ZERO
        };
        let value = Some(Bytes::from_static(b"a"));
        for record in [
            Record {
                content: value.clone(),
                ..Record::EMPTY
            },
            Record {
                expiry: Some(UnixMillis(1)),
                ..Record::EMPTY
            },
            Record {
                operation,
                ..Record::EMPTY
            },
            Record {
                tag: seq_1,
                content: value,
                operation,
                ..Record::EMPTY
            },
        ] {
            let invalid = WireError::Invalid { what: "record" };
            assert_eq!(read::<Record>(&written(&record)), Err(invalid));
        }
        for record in [
            Record::EMPTY,
            Record {
                tag: Tag { step: 1, ..seq_1 },
                operation,
                ..Record::EMPTY
            },
        ] {
            assert_eq!(read::<Record>(&written(&record)), Ok(record));
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_malformed() {
        let mut bytes = Vec::new();
        put_short(&[b'x'; 1025], &mut bytes);
        let invalid = WireError::Invalid { what: "name" };
        assert_eq!(read::<RegisterName>(&bytes), Err(invalid));
    }

    #[test]
    fn the_reserved_name_stands_where_any_register_may_and_nowhere_else() {
        let mut bytes = Vec::new();
        put_any_name(&RegisterName::CONFIGURATION, &mut bytes);
        assert_eq!(bytes, [0xff, 0xff]);
        let name = take_any_name(&mut Reader::new(&bytes));
        assert_eq!(name, Ok(RegisterName::CONFIGURATION));
        let invalid = WireError::Invalid { what: "name" };
        assert_eq!(read::<RegisterName>(&bytes), Err(invalid));
    }

    #[test]
    fn any_register_with_a_spelled_name_is_written_as_that_of_a_client() {
        let name = RegisterName::new(&b"a"[..]).expect("short");
        let mut bytes = Vec::new();
        put_any_name(&name, &mut bytes);
        assert_eq!(bytes, written(&name));
        assert_eq!(take_any_name(&mut Reader::new(&bytes)), Ok(name));
    }

    #[test]
    fn an_epoch_beyond_the_last_is_malformed() {
        let beyond = Epoch(Epoch::MAX.0 + 1);
        let invalid = WireError::Invalid { what: "epoch" };
        assert_eq!(read::<Epoch>(&written(&Epoch::MAX)), Ok(Epoch::MAX));
        assert_eq!(read::<Epoch>(&written(&beyond)), Err(invalid));
    }

    #[test]
    fn bytes_that_are_no_configuration_are_malformed() {
        let what = "configuration";
        let invalid = Err(WireError::Invalid { what });
        for bytes in [&b""[..], &b"nonsense"[..], &[0; 100]] {
            let bytes = written(&Bytes::copy_from_slice(bytes));
            assert_eq!(read::<Configuration>(&bytes), invalid);
        }
        let mut endless = Vec::new();
        u32::MAX.put(&mut endless);
        assert_eq!(read::<Configuration>(&endless), invalid);
    }

    #[test]
    fn an_address_that_is_none_is_malformed() {
        let mut bytes = Vec::new();
        put_short(b"nowhere", &mut bytes);
        let what = "address";
        assert_eq!(read::<Address>(&bytes), Err(WireError::Invalid { what }));
    }
}
