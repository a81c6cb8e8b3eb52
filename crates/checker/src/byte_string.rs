//! Values that are any bytes, as a history from outside may hold them: [`ByteString`].

use std::fmt::{self, Debug, Display};

use crate::history::Value;

/// A value that consists of bytes, which need not be text. Printed in quotes, with escapes where it
/// is not plain ASCII.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ByteString(Box<[u8]>);

impl ByteString {
    /// The bytes that the value consists of.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into_boxed_slice())
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

/// As that of text.
impl Value for ByteString {
    fn as_integer(&self) -> Option<i64> {
        str::from_utf8(&self.0).ok()?.as_integer()
    }
}

impl Display for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_an_integer_if_they_are_one_as_text() {
        assert_eq!(ByteString::from("-7").as_integer(), Some(-7));
        for none in [&b"07"[..], b"", b"\xff", b"a"] {
            assert_eq!(ByteString::from(none).as_integer(), None, "{none:?}");
        }
    }

    #[test]
    fn bytes_are_printed_with_escapes() {
        assert_eq!(
            ByteString::from(&b"a\"\xff\n"[..]).to_string(),
            r#""a\"\xff\n""#
        );
    }
}
