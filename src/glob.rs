//! Patterns as Redis has them: [`matches()`].

/// Whether a pattern matches all of a text: `*` any bytes, `?` any one, `[a-c]` and `[^a]` one that
/// is or is not among these, and a backslash takes the meaning from what follows.
///
/// It takes no longer than the pattern's length times that of the text.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_by(pattern, text, |byte| byte)
}

/// The same, but letters of either case are the same.
pub(crate) fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_by(pattern, text, |byte| byte.to_ascii_lowercase())
}

/// The same for bytes of which `fold` tells which are the same.
fn matches_by(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    let (mut at, mut of) = (0, 0);
    // Where to go on if what follows the last star does not match: the star takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, of));
            continue;
        }
        let matched = match text.get(of) {
            Some(&byte) => one(&pattern[at..], fold(byte), &fold),
            None if at == pattern.len() => return true,
            None => return false,
        };
        if let Some(taken) = matched {
            at += taken;
            of += 1;
        } else if let Some((star, taken)) = retry {
            retry = Some((star, taken + 1));
            (at, of) = (star, taken + 1);
        } else {
            return false;
        }
    }
}

/// If the pattern begins with something that matches this byte: how much of the pattern that is.
fn one(pattern: &[u8], byte: u8, fold: &impl Fn(u8) -> u8) -> Option<usize> {
    let is = |other: u8| fold(other) == byte;
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => among(class, byte, fold).map(|taken| taken + 1),
        [b'\\', literal, ..] => is(*literal).then_some(2),
        [literal, ..] => is(*literal).then_some(1),
    }
}

/// The same for what follows a `[`. A class that is not closed ends with the pattern.
fn among(class: &[u8], byte: u8, fold: &impl Fn(u8) -> u8) -> Option<usize> {
    let (negated, mut at) = match class {
        [b'^', ..] => (true, 1),
        _ => (false, 0),
    };
    let mut found = false;
    loop {
        match &class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                found |= fold(*literal) == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                let (first, last) = (fold(*first), fold(*last));
                found |= (first.min(last)..=first.max(last)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= fold(*literal) == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_all_of_a_text_or_not_at_all() {
        for (pattern, text, expected) in [
            ("save", "save", true),
            ("SAVE", "save", true),
            ("sav", "save", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("max*", "maxmemory", true),
            ("*policy", "maxmemory-policy", true),
            ("*m*o*y", "maxmemory", true),
            ("*m*o*z", "maxmemory", false),
            ("s?ve", "save", true),
            ("s[a-c]ve", "save", true),
            ("s[c-a]ve", "save", true),
            ("s[^a]ve", "save", false),
            ("s[^b]ve", "save", true),
            ("s\\?ve", "save", false),
            ("s\\*", "s*", true),
            ("[\\]]", "]", true),
            ("[ab", "b", true),
            ("***a", "bca", true),
        ] {
            let got = matches_ignoring_case(pattern.as_bytes(), text.as_bytes());
            assert_eq!(got, expected, "{pattern} {text}");
        }
    }

    #[test]
    fn letters_of_another_case_are_other_letters_unless_it_is_ignored() {
        for (pattern, text) in [("Ab*", "abc"), ("[A-C]", "b"), ("\\A", "a")] {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            assert!(matches_ignoring_case(pattern, text));
            assert!(!matches(pattern, text));
        }
        assert!(matches(b"[A-C]?", b"Bb"));
    }

    #[test]
    fn what_ends_too_early_stands_for_itself() {
        for (pattern, text, expected) in [
            ("a\\", "a\\", true),
            ("[", "[", false),
            ("[]", "]", false),
            ("[]a]", "]", false),
            ("[^]", "a", true),
            ("[a-", "-", true),
            ("[\\", "\\", true),
            ("[^a", "b", true),
            ("a]", "a]", true),
        ] {
            let got = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(got, expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_more_than_its_length_times_that_of_the_text() {
        let pattern = b"*a".repeat(2_000);
        let text = [&b"a".repeat(1_999)[..], b"b"].concat();
        assert!(!matches(&pattern, &text));
    }
}
