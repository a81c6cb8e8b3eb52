//! Commands that somebody types into telnet: words, with quotes and escapes.

use super::Argument;
use crate::fault::ProtocolFault;
use alloc::vec::Vec;

/// Splits the line at `start..end` of `frame` into arguments. Their quotes and escapes are taken
/// out in place, which works since no spelling is shorter than what it spells.
///
/// The dialect is Redis': words are parted by white space; `"..."` knows `\n`, `\r`, `\t`, `\b`,
/// `\a`, `\xHH`, and takes any other escaped byte as it is; `'...'` knows `\'` alone; a quote may
/// begin within a word, and what follows a closing quote must be white space.
///
/// # Errors
/// [`ProtocolFault::UnbalancedQuotes`].
pub(super) fn split(
    frame: &mut [u8],
    start: usize,
    end: usize,
    arguments: &mut Vec<Argument>,
) -> Result<(), ProtocolFault> {
    let line = &mut frame[..end];
    let mut at = start;
    loop {
        while line.get(at).is_some_and(is_blank) {
            at += 1;
        }
        if at == end {
            return Ok(());
        }
        let word = at;
        let mut written = at;
        let next = take_word(line, at, &mut written)?;
        arguments.push(Argument::Framed {
            start: word as u32,
            end: written as u32,
        });
        at = next;
    }
}

/// Takes the word at `at`, writes what it spells from `written` on, and gives where it ends.
fn take_word(line: &mut [u8], mut at: usize, written: &mut usize) -> Result<usize, ProtocolFault> {
    let mut quote = None;
    loop {
        let Some(&byte) = line.get(at) else {
            return match quote {
                None => Ok(at),
                Some(_) => Err(ProtocolFault::UnbalancedQuotes),
            };
        };
        let (spelt, used) = match (quote, byte) {
            // Vertical tabs and form feeds part no words, although they are skipped between them.
            (None, b' ' | b'\n' | b'\r' | b'\t') => return Ok(at),
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                at += 1;
                continue;
            }
            (Some(open), close) if open == close => {
                return match line.get(at + 1) {
                    Some(next) if !is_blank(next) => Err(ProtocolFault::UnbalancedQuotes),
                    _ => Ok(at + 1),
                };
            }
            (Some(b'"'), b'\\') => unescape(&line[at..]),
            (Some(b'\''), b'\\') if line.get(at + 1) == Some(&b'\'') => (b'\'', 2),
            (_, byte) => (byte, 1),
        };
        line[*written] = spelt;
        *written += 1;
        at += used;
    }
}

/// What the escape at the start of `text` spells, and its length.
fn unescape(text: &[u8]) -> (u8, usize) {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    match *text {
        [_, b'x', high, low, ..] if let (Some(high), Some(low)) = (digit(high), digit(low)) => {
            (high << 4 | low, 4)
        }
        [_, b'n', ..] => (b'\n', 2),
        [_, b'r', ..] => (b'\r', 2),
        [_, b't', ..] => (b'\t', 2),
        [_, b'b', ..] => (0x08, 2),
        [_, b'a', ..] => (0x07, 2),
        [_, other, ..] => (other, 2),
        _ => (b'\\', 1),
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolFault> {
        let mut frame = line.to_vec();
        let mut arguments = Vec::new();
        split(&mut frame, 0, line.len(), &mut arguments)?;
        let word = |argument| match argument {
            Argument::Framed { start, end } => frame[start as usize..end as usize].to_vec(),
            Argument::Large(_) => unreachable!("a word lies in its line"),
        };
        Ok(arguments.into_iter().map(word).collect())
    }

    #[test]
    fn words_are_parted_by_any_white_space() {
        assert_eq!(
            words(b" \tset\x0b k  v \r").unwrap(),
            [&b"set\x0b"[..], b"k", b"v"]
        );
        assert_eq!(words(b"").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(words(b" \x0b\x0c ").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn quotes_hold_a_word_together() {
        assert_eq!(
            words(br#"set "a b" ''"#).unwrap(),
            [&b"set"[..], b"a b", b""]
        );
        assert_eq!(
            words(br#"a"b c" 'it\'s'"#).unwrap(),
            [&b"ab c"[..], b"it's"]
        );
    }

    #[test]
    fn escapes_are_taken_out_of_double_quotes_alone() {
        assert_eq!(
            words(br#""\x41\xfF\n\r\t\b\a\q\"\\" '\n' \n "\xg1""#).unwrap(),
            [&b"A\xff\n\r\t\x08\x07q\"\\"[..], br"\n", br"\n", b"xg1"]
        );
    }

    #[test]
    fn an_open_quote_is_a_fault() {
        for line in [
            &br#"a "b"#[..],
            b"'",
            br#""a"b"#,
            br"'a'b",
            br#""\"#,
            br#""\""#,
            br"'\'",
        ] {
            assert_eq!(
                words(line),
                Err(ProtocolFault::UnbalancedQuotes),
                "{line:?}"
            );
        }
    }
}
