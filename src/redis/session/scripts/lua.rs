//! By what two scripts are the same: [`fingerprint`].

use sha1::{Digest, Sha1};
use std::collections::HashMap;

/// The longest script that is looked at. Those that are known are far shorter.
const SCRIPT_BYTES_MAX: usize = 4 << 10;

/// Names that mean the same in every script; all others are a script's own.
const GLOBALS: [&str; 7] = [
    "KEYS", "ARGV", "redis", "ipairs", "tonumber", "tostring", "math",
];

/// The words of the language.
const KEYWORDS: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local",
    "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// The SHA-1 of what a script says, if it is short enough and every word of it is understood: the
/// same for scripts that differ in white space, comments, semicolons, quotes, the names of their
/// own variables, and, where they call commands, in the case of letters.
pub(super) fn fingerprint(script: &[u8]) -> Option<[u8; 20]> {
    if script.len() > SCRIPT_BYTES_MAX {
        return None;
    }
    let mut own: HashMap<&[u8], usize> = HashMap::new();
    let mut hash = Sha1::new();
    let mut before: [Vec<u8>; 3] = Default::default();
    // How many brackets are open within the call of a command.
    let mut depth = 0usize;
    let mut tokens = Tokens(script);
    while let Some(token) = tokens.next()? {
        let said = match token {
            Token::Name(name) => {
                let is_field = before[2] == b".";
                let is = |known: &&str| known.as_bytes() == name;
                if is_field || GLOBALS.iter().any(&is) || KEYWORDS.iter().any(is) {
                    name.to_vec()
                } else {
                    let next = own.len();
                    let number = *own.entry(name).or_insert(next);
                    format!("${number}").into_bytes()
                }
            }
            Token::Text(text) if depth > 0 => [b"\"", &*text.to_ascii_lowercase()].concat(),
            Token::Text(text) => [b"\"", text].concat(),
            Token::Number(digits) => digits.to_vec(),
            Token::Sign(b";") => continue,
            Token::Sign(sign) => {
                let calls = matches!(&before[2][..], b"call" | b"pcall");
                match sign {
                    b"(" if depth > 0 || calls => depth += 1,
                    b")" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                sign.to_vec()
            }
        };
        hash.update(&said);
        hash.update([0]);
        before.rotate_left(1);
        before[2] = said;
    }
    Some(hash.finalize().into())
}

enum Token<'s> {
    Name(&'s [u8]),
    Number(&'s [u8]),
    /// Without its quotes.
    Text(&'s [u8]),
    Sign(&'s [u8]),
}

/// What is left of a script.
struct Tokens<'s>(&'s [u8]);

impl<'s> Tokens<'s> {
    /// The next token, if there is one; nothing at all if it is not understood.
    #[expect(clippy::option_option, reason = "the end is not a failure")]
    fn next(&mut self) -> Option<Option<Token<'s>>> {
        self.skip();
        let Some(&first) = self.0.first() else {
            return Some(None);
        };
        let token = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                Token::Name(self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
            }
            b'0'..=b'9' => Token::Number(self.take_while(|byte| byte.is_ascii_digit())),
            b'"' | b'\'' => {
                let rest = &self.0[1..];
                let end = rest.iter().position(|byte| *byte == first)?;
                let text = &rest[..end];
                // No known script has anything in a text that needs escaping.
                if text.iter().any(|byte| matches!(byte, b'\\' | b'\n')) {
                    return None;
                }
                self.0 = &rest[end + 1..];
                Token::Text(text)
            }
            _ => {
                let length = match self.0 {
                    [b'=' | b'~' | b'<' | b'>', b'=', ..] | [b'.', b'.', ..] => 2,
                    _ => 1,
                };
                let (sign, rest) = self.0.split_at(length);
                self.0 = rest;
                Token::Sign(sign)
            }
        };
        Some(Some(token))
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            self.take_while(|byte| byte.is_ascii_whitespace());
            match self.0 {
                // A long comment is not understood, and is left where it is.
                [b'-', b'-', b'[', ..] => return,
                [b'-', b'-', ..] => self.take_while(|byte| byte != b'\n'),
                _ => return,
            };
        }
    }

    fn take_while(&mut self, is: impl Fn(u8) -> bool) -> &'s [u8] {
        let end = self.0.iter().position(|byte| !is(*byte));
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_same(one: &str, other: &str) {
        assert_eq!(fingerprint(one.as_bytes()), fingerprint(other.as_bytes()));
        assert!(fingerprint(one.as_bytes()).is_some());
    }

    #[track_caller]
    fn assert_different(one: &str, other: &str) {
        assert_ne!(fingerprint(one.as_bytes()), fingerprint(other.as_bytes()));
    }

    #[test]
    fn how_a_script_is_laid_out_does_not_matter() {
        let script = "local v = redis.call('get', KEYS[1]) if v == ARGV[1] then return 1 end";
        for other in [
            "local v=redis.call('get',KEYS[1])\n\tif v==ARGV[1] then\r\n return 1 end\n",
            "local v = redis.call(\"GET\", KEYS[1]); if v == ARGV[1] then return 1; end",
            "-- what it does\nlocal token = redis.call('get', KEYS[1]) -- so\n\
             if token == ARGV[1] then return 1 end",
        ] {
            assert_same(script, other);
        }
    }

    #[test]
    fn what_a_script_says_matters() {
        let script = "if redis.call('get', KEYS[1]) == ARGV[1] then return 'OK' end";
        for other in [
            "if redis.call('get', KEYS[2]) == ARGV[1] then return 'OK' end",
            "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 'OK' end",
            "if redis.call('get', KEYS[1]) == ARGV[1] then return 'ok' end",
            "if redis.pcall('get', KEYS[1]) == ARGV[1] then return 'OK' end",
            "if redis.call('get', KEYS[1]) == ARGV[1] then return 'OK'",
            "if redis.call('getset', KEYS[1]) == ARGV[1] then return 'OK' end",
            "",
        ] {
            assert_different(script, other);
        }
    }

    #[test]
    fn two_variables_are_not_taken_for_one() {
        assert_different("local a local b return a", "local a local b return b");
        assert_same("local a local b return b", "local x local a return a");
        // A global that is not known is a name like any other, and no known script has one.
        assert_different("return redis.call('a')", "return other.call('a')");
    }

    #[test]
    fn what_is_not_understood_has_no_fingerprint() {
        for script in ["return 'a", "return \"a\\\"b\"", "return 'a\nb'"] {
            assert_eq!(fingerprint(script.as_bytes()), None);
        }
        assert_eq!(fingerprint(&b" ".repeat(5_000)), None);
        assert!(fingerprint(b"\xff\0--[[ ]]").is_some());
    }
}
