//! Looking at a request: [`Request`].

use super::{Argument, OwnedRequest};
use bytes::Bytes;
use core::fmt;
use core::ops::Index;

/// One request: the name of a command, and its arguments. It has at least the name.
///
/// It borrows what it shows, so it is gone when the next one is asked for. What is kept is taken
/// out with [`Request::bytes`], or all of it with [`Request::to_owned`].
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub(super) frame: &'a [u8],
    pub(super) arguments: &'a [Argument],
    pub(super) large: &'a [Bytes],
}

impl<'a> Request<'a> {
    /// How many arguments, the name among them; never 0.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.arguments.len()
    }

    /// The name of the command, as the client spelt it.
    pub fn name(&self) -> &'a [u8] {
        self.at(self.arguments[0])
    }

    /// An argument; 0 is the name.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.arguments.get(index).map(|argument| self.at(*argument))
    }

    /// An argument to keep, which holds on to nothing but its own bytes: a short one is copied,
    /// since it lies in a buffer with much else, and a long one that was read into an allocation of
    /// its own is shared.
    ///
    /// # Panics
    /// If there is no such argument.
    pub fn bytes(&self, index: usize) -> Bytes {
        match self.arguments[index] {
            Argument::Framed { .. } => Bytes::copy_from_slice(&self[index]),
            Argument::Large(at) => self.large[at as usize].clone(),
        }
    }

    /// All arguments, the name first.
    pub fn iter(&self) -> Arguments<'a> {
        Arguments {
            request: *self,
            next: 0,
        }
    }

    /// The request, to be kept as a whole.
    pub fn to_owned(&self) -> OwnedRequest {
        OwnedRequest::new(self)
    }

    /// Whether this is a browser that a hostile page has talked into sending HTTP to a Redis port:
    /// `POST`, or the header `Host:`. Such a connection is closed without an answer, before a line
    /// of the body is taken for a command.
    pub fn is_cross_protocol(&self) -> bool {
        let name = self.name();
        name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
    }

    fn at(&self, argument: Argument) -> &'a [u8] {
        match argument {
            Argument::Framed { start, end } => &self.frame[start as usize..end as usize],
            Argument::Large(at) => &self.large[at as usize],
        }
    }
}

impl Index<usize> for Request<'_> {
    type Output = [u8];

    /// # Panics
    /// If there is no such argument.
    fn index(&self, index: usize) -> &[u8] {
        self.at(self.arguments[index])
    }
}

impl<'a> IntoIterator for &Request<'a> {
    type Item = &'a [u8];
    type IntoIter = Arguments<'a>;

    fn into_iter(self) -> Arguments<'a> {
        self.iter()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for argument in self {
            list.entry(&format_args!("\"{}\"", argument.escape_ascii()));
        }
        list.finish()
    }
}

/// The arguments of a [`Request`].
#[derive(Clone)]
pub struct Arguments<'a> {
    request: Request<'a>,
    next: usize,
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let argument = self.request.get(self.next)?;
        self.next += 1;
        Some(argument)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.request.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Arguments<'_> {}
