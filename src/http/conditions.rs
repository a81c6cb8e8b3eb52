//! What must hold of a register for a write to take place: `If-Match` and `If-None-Match`.

use super::problem::Problem;
use hyper::HeaderMap;
use hyper::header::{
    CONTENT_RANGE, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE,
};
use protocol::{Condition, Tag};

/// What must hold of a register for a write to take place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Precondition {
    /// Nothing.
    None,
    /// This.
    Some(Condition),
    /// A tag that no register ever has.
    Unmeetable,
}

impl Precondition {
    /// What the headers of a write ask for.
    ///
    /// # Errors
    /// If they ask for more than can be kept. A client that sends a condition relies on it: to
    /// write regardless could destroy what it wanted to keep.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        const OF_TIME: [HeaderName; 2] = [IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
        if let Some(condition) = OF_TIME.iter().find(|name| headers.contains_key(*name)) {
            return Err(Problem::not_implemented(format_args!(
                "writes cannot depend on {condition}, as registers have tags and no dates, so \
                 nothing was written; send If-Match with the ETag that GET gives"
            )));
        }
        if headers.contains_key(CONTENT_RANGE) {
            let detail = "a value is written as a whole, so nothing was written";
            return Err(Problem::malformed(detail));
        }
        match (only(headers, IF_MATCH)?, only(headers, IF_NONE_MATCH)?) {
            (None, None) => Ok(Self::None),
            (Some(tag), None) => Self::if_match(tag.as_bytes()),
            (None, Some(tag)) => Self::if_none_match(tag.as_bytes()),
            (Some(_), Some(_)) => Err(Problem::malformed(
                "a write has either If-Match or If-None-Match, so nothing was written",
            )),
        }
    }

    /// The register holds something, or has this very tag.
    fn if_match(tag: &[u8]) -> Result<Self, Problem> {
        if tag == b"*" {
            return Ok(Self::Some(Condition::Present));
        }
        let text = tag
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .filter(|text| !text.contains(&b'"'));
        match text {
            Some(text) => Ok(Self::if_tag(text)),
            None => Err(Problem::malformed(
                "If-Match is one strong entity tag in quotes, as ETag gives it, or *, so nothing \
                 was written; lists and weak tags are not taken",
            )),
        }
    }

    /// The register has this very tag.
    pub(super) fn if_tag(text: &[u8]) -> Self {
        let tag = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match tag {
            // A register that nobody ever wrote has no tag to be named.
            None | Some(Tag::ZERO) => Self::Unmeetable,
            Some(tag) => Self::Some(Condition::Tag(tag)),
        }
    }

    fn if_none_match(tag: &[u8]) -> Result<Self, Problem> {
        match tag {
            b"*" => Ok(Self::Some(Condition::Absent)),
            _ => Err(Problem::malformed(
                "a write takes If-None-Match: *, to write only where nothing is, and no tags, so \
                 nothing was written; for one tag there is If-Match",
            )),
        }
    }
}

/// A header's value, which may be given once.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, Problem> {
    let mut values = headers.get_all(&name).into_iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Problem::malformed(format_args!(
            "{name} is given twice, so nothing was written"
        ))),
    }
}

/// Whether a reader says that it has what this entity tag stands for.
pub(super) fn is_known(headers: &HeaderMap, etag: &[u8]) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).into_iter();
    let mut tags = lists.flat_map(|list| list.as_bytes().split(|&byte| byte == b','));
    tags.any(|tag| {
        let tag = tag.trim_ascii();
        tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "1-0000000000000001-1-0";

    fn of(pairs: &[(&'static str, &str)]) -> Result<Precondition, u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Precondition::of(&headers).map_err(|problem| problem.status())
    }

    #[test]
    fn a_write_depends_on_one_tag_or_on_whether_something_is_there() {
        let quoted = format!("\"{TAG}\"");
        let tag = Condition::Tag(TAG.parse().unwrap());
        for (headers, expected) in [
            (&[][..], Precondition::None),
            (&[("if-match", &*quoted)], Precondition::Some(tag)),
            (&[("if-match", "*")], Precondition::Some(Condition::Present)),
            (
                &[("if-none-match", "*")],
                Precondition::Some(Condition::Absent),
            ),
            // Well-formed, and the tag of no register.
            (&[("if-match", "\"abc\"")], Precondition::Unmeetable),
            (&[("if-match", "\"\"")], Precondition::Unmeetable),
            (
                &[("if-match", "\"0-0000000000000000-0-0\"")],
                Precondition::Unmeetable,
            ),
        ] {
            assert_eq!(of(headers), Ok(expected), "{headers:?}");
        }
    }

    #[test]
    fn a_condition_that_cannot_be_kept_is_refused() {
        let quoted = format!("\"{TAG}\"");
        let (weak, list) = (format!("W/{quoted}"), format!("{quoted}, \"b\""));
        for headers in [
            &[("if-match", TAG)][..],
            &[("if-match", "")],
            &[("if-match", "\"")],
            &[("if-match", &weak)],
            &[("if-match", &list)],
            &[("if-match", &quoted), ("if-match", "\"b\"")],
            &[("if-match", "*"), ("if-none-match", "*")],
            &[("if-none-match", &quoted)],
            &[("if-none-match", "")],
            &[("content-range", "bytes 0-2/9")],
        ] {
            assert_eq!(of(headers), Err(400), "{headers:?}");
        }
        for headers in [
            &[("if-unmodified-since", "Sat, 29 Oct 1994 19:43:31 GMT")][..],
            &[("if-modified-since", "now"), ("if-match", "*")],
        ] {
            assert_eq!(of(headers), Err(501), "{headers:?}");
        }
    }
}
