//! Keeping a request: [`OwnedRequest`].

use super::{Argument, Request};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// A request that is kept, as those between `MULTI` and `EXEC`: its short arguments side by side in
/// one allocation, its long ones as they were read.
#[derive(Clone)]
pub struct OwnedRequest {
    frame: Box<[u8]>,
    arguments: Box<[Argument]>,
    large: Box<[Bytes]>,
}

impl OwnedRequest {
    pub(super) fn new(request: &Request<'_>) -> Self {
        let framed = request.arguments.iter().map(|argument| match argument {
            Argument::Framed { start, end } => (end - start) as usize,
            Argument::Large(_) => 0,
        });
        let mut frame = Vec::with_capacity(framed.sum());
        let arguments = request.arguments.iter().map(|argument| match *argument {
            Argument::Framed { start, end } => {
                let place = frame.len() as u32;
                frame.extend_from_slice(&request.frame[start as usize..end as usize]);
                Argument::Framed {
                    start: place,
                    end: place + (end - start),
                }
            }
            large => large,
        });
        Self {
            arguments: arguments.collect(),
            frame: frame.into(),
            large: request.large.into(),
        }
    }

    /// The request, as it was when it came.
    pub fn view(&self) -> Request<'_> {
        Request {
            frame: &self.frame,
            arguments: &self.arguments,
            large: &self.large,
        }
    }
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}
