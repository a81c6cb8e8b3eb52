//! On which terms a register is changed: [`Terms`].

use clap::Args;
use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use protocol::Tag;

/// What must hold of a register for a change to happen.
#[derive(Args, Clone, PartialEq, Eq, Default, Debug)]
#[group(multiple = false)]
pub(crate) struct ConditionArgs {
    /// Only if the register's tag is this, as a read or a write has told it; else exit with 10
    #[arg(long, value_name = "TAG")]
    pub(crate) if_tag: Option<Tag>,

    /// Only if the register holds something; else exit with 10
    #[arg(long)]
    pub(crate) if_present: bool,
}

/// On which terms a register is changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Terms {
    /// After how many milliseconds the value expires, if it does.
    pub(crate) ttl_ms: Option<u64>,
    /// What the register must hold.
    pub(crate) condition: Option<Wanted>,
}

/// What a register must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// Whatever was written under this tag.
    Tag(Tag),
    /// Something.
    Something,
    /// Nothing.
    Nothing,
}

impl ConditionArgs {
    /// What must hold, if anything.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        match (self.if_tag, self.if_present) {
            (Some(tag), _) => Some(Wanted::Tag(tag)),
            (None, true) => Some(Wanted::Something),
            (None, false) => None,
        }
    }
}

impl Wanted {
    /// The same as a header.
    pub(super) fn header(&self) -> (HeaderName, HeaderValue) {
        match self {
            Wanted::Tag(tag) => {
                let quoted = HeaderValue::try_from(format!("\"{tag}\""));
                (IF_MATCH, quoted.expect("a tag is digits and hyphens"))
            }
            Wanted::Something => (IF_MATCH, HeaderValue::from_static("*")),
            Wanted::Nothing => (IF_NONE_MATCH, HeaderValue::from_static("*")),
        }
    }
}
