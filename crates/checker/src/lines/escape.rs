//! Any bytes as a word: `%` and two hexadecimal digits for those that a word cannot have.

use std::io;

/// Writes bytes as a word.
pub(super) fn write_escaped(bytes: &[u8], sink: &mut impl io::Write) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        let (written, others) = rest.split_at(plain);
        sink.write_all(written)?;
        rest = others;
        if let [byte, others @ ..] = rest {
            write!(sink, "%{byte:02X}")?;
            rest = others;
        }
    }
    Ok(())
}

/// The bytes that a word stands for; nothing if a `%` is not followed by two hexadecimal digits.
pub(super) fn unescaped(word: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [byte, others @ ..] = rest {
        rest = others;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, others @ ..] = rest else {
            return None;
        };
        bytes.push(digit(*high)? << 4 | digit(*low)?);
        rest = others;
    }
    Some(bytes)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
