//! What went wrong, by kind: [`Errors`].

use std::collections::BTreeMap;

/// How many operations failed, by what was wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Errors(BTreeMap<String, Error>);

/// What is known of the errors of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Error {
    pub(super) count: u64,
    /// What was said of the first of them.
    pub(super) example: String,
}

/// A system that makes up a new kind of error each time does not fill the memory.
const KINDS_MAX: usize = 100;

/// Under what the rest is counted.
const REST: &str = "other errors";

/// How much is kept of an example.
const EXAMPLE_CHARACTERS_MAX: usize = 300;

impl Errors {
    pub(super) fn add(&mut self, kind: &str, example: &str) {
        let kind = match self.0.len() < KINDS_MAX || self.0.contains_key(kind) {
            true => kind,
            false => REST,
        };
        if let Some(error) = self.0.get_mut(kind) {
            error.count += 1;
            return;
        }
        let example = example.chars().take(EXAMPLE_CHARACTERS_MAX).collect();
        self.0.insert(kind.to_owned(), Error { count: 1, example });
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (kind, error) in other.0 {
            match self.0.get_mut(&kind) {
                Some(known) => known.count += error.count,
                None => {
                    self.0.insert(kind, error);
                }
            }
        }
    }

    /// The most frequent kind first.
    pub(super) fn by_count(&self) -> Vec<(&str, &Error)> {
        let mut errors: Vec<_> = self
            .0
            .iter()
            .map(|(kind, error)| (kind.as_str(), error))
            .collect();
        errors.sort_by_key(|(_, error)| std::cmp::Reverse(error.count));
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_kind_with_the_first_as_example() {
        let mut errors = Errors::default();
        errors.add("BUSY", "BUSY one");
        let mut others = Errors::default();
        others.add("BUSY", "BUSY two");
        others.add("UNKNOWN", "UNKNOWN one");
        errors.merge(others);
        let listed = errors.by_count();
        let listed: Vec<_> = (listed.iter())
            .map(|(kind, error)| (*kind, error.count, error.example.as_str()))
            .collect();
        assert_eq!(
            listed,
            [("BUSY", 2, "BUSY one"), ("UNKNOWN", 1, "UNKNOWN one")]
        );
    }

    #[test]
    fn kinds_and_examples_are_bounded_and_nothing_is_left_out() {
        let mut errors = Errors::default();
        for number in 0..10_000 {
            errors.add(&format!("E{number}"), &"x".repeat(10_000));
        }
        let listed = errors.by_count();
        assert_eq!(listed.len(), KINDS_MAX + 1);
        assert_eq!(
            listed.iter().map(|(_, error)| error.count).sum::<u64>(),
            10_000
        );
        assert!(listed.iter().all(|(_, error)| error.example.len() <= 300));
    }
}
