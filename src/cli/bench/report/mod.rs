//! What there is to say of a load: [`text`] for people, [`json`] for programs.

mod for_people;
mod for_programs;
mod remarks;
mod took;

pub(super) use for_people::text;
pub(super) use for_programs::json;
pub(super) use remarks::load_in_words;
pub(super) use took::Took;

/// The letter that a system is called by.
pub(super) fn letter(index: usize) -> String {
    match u8::try_from(index).ok().filter(|index| *index < 26) {
        Some(index) => char::from(b'A' + index).to_string(),
        None => format!("#{}", index + 1),
    }
}
