//! Slots as operators write them: ranges, as in `0-15,32`.

use protocol::{Group, Groups, Slot};
use std::fmt;

/// Groups of slots, written as the ranges of their slots. No group is the empty text.
pub(crate) struct SlotRanges(pub(crate) Groups);

impl fmt::Display for SlotRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u16> = self.0.iter().map(|group| group.number()).collect();
        let runs = numbers.chunk_by(|one, next| one + 1 == *next);
        for (index, run) in runs.enumerate() {
            let first = run[0] * Group::SLOTS;
            let last = run[run.len() - 1] * Group::SLOTS + (Group::SLOTS - 1);
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{first}-{last}")?;
        }
        Ok(())
    }
}

/// The groups of the slots that a text names, each by any of its slots.
///
/// # Errors
/// What is wrong with the text, in words.
pub(crate) fn named_groups(text: &str) -> Result<Groups, String> {
    let mut groups = Groups::NONE;
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (slot(first), slot(last)) {
            (Some(first), Some(last)) if first <= last => {
                let numbers = first / Group::SLOTS..=last / Group::SLOTS;
                groups = groups.union(numbers.filter_map(Group::new).collect());
            }
            _ => {
                let range: String = range.chars().take(QUOTED_CHARS_MAX).collect();
                return Err(format!(
                    "{range:?} is no range of slots: they are written as in 0-15,32, from 0 to {}",
                    Slot::COUNT - 1
                ));
            }
        }
    }
    Ok(groups)
}

/// How many slots a text names that is a [`SlotRanges`].
pub(crate) fn count(text: &str) -> u64 {
    let groups = named_groups(text).unwrap_or(Groups::NONE);
    groups.len() as u64 * u64::from(Group::SLOTS)
}

fn slot(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number)?;
    (number < Slot::COUNT).then_some(number)
}

/// How much of what somebody wrote is said back.
const QUOTED_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(numbers: &[u16]) -> Groups {
        numbers.iter().filter_map(|&n| Group::new(n)).collect()
    }

    #[test]
    fn groups_are_written_as_the_ranges_of_their_slots_and_read_back() {
        let cases: [(&[u16], &str); 4] = [
            (&[0], "0-15"),
            (&[0, 1, 2, 5], "0-47,80-95"),
            (&[1023], "16368-16383"),
            (&[7, 9, 10], "112-127,144-175"),
        ];
        for (numbers, text) in cases {
            let some = groups(numbers);
            assert_eq!(SlotRanges(some).to_string(), text);
            assert_eq!(named_groups(text), Ok(some));
            assert_eq!(count(text), numbers.len() as u64 * 16);
        }
        assert_eq!(SlotRanges(Groups::NONE).to_string(), "");
        assert_eq!(count(""), 0);
        let all: Groups = Group::all().collect();
        assert_eq!(SlotRanges(all).to_string(), "0-16383");
    }

    #[test]
    fn any_slot_names_its_group() {
        assert_eq!(named_groups("32"), Ok(groups(&[2])));
        assert_eq!(named_groups("15-16,33,40"), Ok(groups(&[0, 1, 2])));
        assert_eq!(named_groups("16383"), Ok(groups(&[1023])));
    }

    #[test]
    fn what_names_no_slots_is_refused() {
        for text in [
            "",
            ",",
            "0,",
            "16384",
            "5-4",
            "0-16384",
            "a",
            "-1",
            "1-",
            "-",
            "+1",
            " 1",
            "1-2-3",
            "99999999999",
        ] {
            let error = named_groups(text).unwrap_err();
            assert!(error.contains("as in 0-15,32"), "{text}: {error}");
        }
    }
}
