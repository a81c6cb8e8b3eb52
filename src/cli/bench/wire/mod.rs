//! How a system is spoken to: requests as [`Template`]s, and answers where they lie in what was
//! received.

pub(super) mod etcd;
pub(super) mod http;
pub(super) mod redis;

use super::load::Load;
use super::operation::{Answer, Kind};
use super::template::Template;

/// A protocol in which a connection's answers come one after another, in the order of its requests.
pub(super) trait Wire {
    /// The request for an operation of this kind.
    fn template(&self, kind: Kind) -> &Template;

    /// What must be said and answered before anything else, if anything.
    fn greeting(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes the first answer out of what was received: how many bytes it has, and what it says.
    /// Nothing if it is not all there yet.
    ///
    /// # Errors
    /// If this is no answer. Nobody knows then where the next one would begin.
    fn answer<'a>(
        &self,
        received: &'a [u8],
        kind: Kind,
        words: &'a mut String,
    ) -> Result<Option<(usize, Answer<'a>)>, String>;
}

/// The requests of each kind.
pub(super) type Templates = [Template; Kind::COUNT];

/// The name of a register, but for the number.
fn name(load: &Load) -> Template {
    Template::default().bytes(&load.prefix).number()
}
