//! The alphabet: [`Field`], how a thing is put into bytes and taken out of them again.

use super::{CONFIGURATIONS_MAX, WireError};
use bytes::Bytes;

/// Something with a place on the wire. Integers are big-endian and of fixed width, so that each
/// thing has one spelling.
pub(super) trait Field: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it off the front.
    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// Bytes that are taken off the front until none are left.
pub(super) struct Reader<'a> {
    left: &'a [u8],
    configurations_left: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            left: bytes,
            configurations_left: CONFIGURATIONS_MAX,
        }
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = (self.left.split_at_checked(count)).ok_or(WireError::Short)?;
        self.left = rest;
        Ok(taken)
    }

    /// The next thing.
    pub(super) fn take<F: Field>(&mut self) -> Result<F, WireError> {
        F::take(self)
    }

    /// The next number, one that its readers count on from: below 2^63, so that one more never
    /// overflows.
    pub(super) fn countable(&mut self, what: &'static str) -> Result<u64, WireError> {
        match self.take()? {
            number if number < 1 << 63 => Ok(number),
            _ => Err(WireError::Invalid { what }),
        }
    }

    /// The next byte, as a count of at most `max`.
    pub(super) fn count(&mut self, max: usize, what: &'static str) -> Result<usize, WireError> {
        match usize::from(self.take::<u8>()?) {
            count if count <= max => Ok(count),
            _ => Err(WireError::Invalid { what }),
        }
    }

    /// Counts a configuration that is taken.
    pub(super) fn count_configuration(&mut self) -> Result<(), WireError> {
        let left = self.configurations_left.checked_sub(1);
        let what = "count of configurations";
        self.configurations_left = left.ok_or(WireError::Invalid { what })?;
        Ok(())
    }

    pub(super) fn bytes_left(&self) -> usize {
        self.left.len()
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(self) -> Result<(), WireError> {
        match self.left {
            [] => Ok(()),
            _ => Err(WireError::Trailing),
        }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Field for $integer {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                let bytes = reader.bytes(size_of::<Self>())?;
                Ok(Self::from_be_bytes(bytes.try_into().expect("as many as were asked for")))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128, i64);

/// In a place of its own, for the sake of memory: the wire does not show it.
impl<T: Field> Field for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.take().map(Box::new)
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(WireError::Unknown {
                what: "truth value",
                found,
            }),
        }
    }
}

/// Whether it is there, then it.
impl<F: Field> Field for Option<F> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(field) = self {
            field.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            true => Ok(Some(reader.take()?)),
            false => Ok(None),
        }
    }
}

/// One after the other.
impl<F: Field + Copy + Default, const COUNT: usize> Field for [F; COUNT] {
    fn put(&self, out: &mut Vec<u8>) {
        for field in self {
            field.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut fields = [F::default(); COUNT];
        for field in &mut fields {
            *field = reader.take()?;
        }
        Ok(fields)
    }
}

/// One, then the other.
impl<F: Field, G: Field> Field for (F, G) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok((reader.take()?, reader.take()?))
    }
}

/// A value: its length in four bytes, then it.
impl Field for Bytes {
    fn put(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.len()).expect("a value is shorter than a batch");
        length.put(out);
        out.extend_from_slice(self);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let length: u32 = reader.take()?;
        let length = usize::try_from(length).map_err(|_| WireError::Short)?;
        Ok(Bytes::copy_from_slice(reader.bytes(length)?))
    }
}

/// The bytes of one field.
#[cfg(test)]
pub(super) fn written<F: Field>(field: &F) -> Vec<u8> {
    let mut out = Vec::new();
    field.put(&mut out);
    out
}

/// The one field that these bytes are.
#[cfg(test)]
pub(super) fn read<F: Field>(bytes: &[u8]) -> Result<F, WireError> {
    let mut reader = Reader::new(bytes);
    let field = reader.take()?;
    reader.finish()?;
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_is_not_there_is_short_and_nothing_is_allocated_for_it() {
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert_eq!(reader.take::<Bytes>(), Err(WireError::Short));
    }

    #[test]
    fn a_number_that_is_counted_on_from_has_room_for_one_more() {
        let mut out = Vec::new();
        ((1u64 << 63) - 1).put(&mut out);
        (1u64 << 63).put(&mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.countable("seq"), Ok((1 << 63) - 1));
        assert_eq!(
            reader.countable("seq"),
            Err(WireError::Invalid { what: "seq" })
        );
    }

    #[test]
    fn a_truth_value_is_nought_or_one() {
        assert!(Reader::new(&[2]).take::<bool>().is_err());
    }
}
