//! Numbers and byte strings as they are written: numbers in big-endian order, byte strings after
//! their length.

use hyper::body::{Buf, Bytes};

/// What remains to be read. Everything that is taken is a part of the same bytes, not a copy.
pub(super) struct Fields(pub(super) Bytes);

/// Why a field is none.
pub(super) type Malformed = &'static str;

const ENDS: Malformed = "it ends in the midst of a field";

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| ENDS)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.0.try_get_u16().map_err(|_| ENDS)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32().map_err(|_| ENDS)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64().map_err(|_| ENDS)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.0.len() {
            return Err(ENDS);
        }
        Ok(self.0.split_to(length))
    }

    /// Text after its length in two bytes.
    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let length = self.u16()?;
        let bytes = self.bytes(length.into())?;
        String::from_utf8(bytes.into()).map_err(|_| "a text is no UTF-8")
    }

    /// That all was read.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self.is_empty() {
            true => Ok(()),
            false => Err("it has more bytes than fields"),
        }
    }
}

/// Writes a text after its length, without what is beyond `TEXT_BYTES_MAX`.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text.as_bytes());
}

/// The longest text that is written.
const TEXT_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_early_is_no_field() {
        let fields = |bytes: &'static [u8]| Fields(Bytes::from_static(bytes));
        assert!(fields(b"").u8().is_err());
        assert!(fields(b"1").u16().is_err());
        assert!(fields(b"123").u32().is_err());
        assert!(fields(b"1234567").u64().is_err());
        assert!(fields(b"\x00\x02a").text().is_err());
        assert!(fields(b"\x00\x01\xff").text().is_err());
        assert_eq!(fields(b"\x00\x01ab").text().unwrap(), "a");
        assert!(fields(b"a").end().is_err());
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let mut out = Vec::new();
        put_text(&mut out, &format!("{}é", "x".repeat(TEXT_BYTES_MAX - 1)));
        let mut fields = Fields(out.into());
        assert_eq!(fields.text().unwrap(), "x".repeat(TEXT_BYTES_MAX - 1));
        assert!(fields.is_empty());
    }
}
