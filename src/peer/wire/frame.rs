//! Frames: what is written at once, and the unit by which control overtakes data.

use super::field::{Field, Reader};
use super::{PIECE_BYTES_MAX, WireError};

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::peer) enum FrameKind {
    /// A whole batch of membership messages.
    Control,
    /// A piece of a batch of messages between lanes; more pieces follow.
    Piece,
    /// The last piece of such a batch, most often the only one.
    Last,
}

/// What stands before each frame's payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::peer) struct FrameHeader {
    /// What the payload is.
    pub(in crate::peer) kind: FrameKind,
    /// The payload's bytes, from 1 to [`PIECE_BYTES_MAX`].
    pub(in crate::peer) length: usize,
}

impl FrameHeader {
    /// The bytes of a header.
    pub(in crate::peer) const BYTES: usize = 5;

    /// The header of a frame with this payload.
    pub(in crate::peer) fn of(kind: FrameKind, payload: &[u8]) -> FrameHeader {
        debug_assert!((1..=PIECE_BYTES_MAX).contains(&payload.len()));
        FrameHeader {
            kind,
            length: payload.len(),
        }
    }

    /// As it stands on the wire.
    pub(in crate::peer) fn encode(self) -> [u8; Self::BYTES] {
        let kind = match self.kind {
            FrameKind::Control => 1,
            FrameKind::Piece => 2,
            FrameKind::Last => 3,
        };
        let length = u32::try_from(self.length).expect("frames are bounded");
        let [a, b, c, d] = length.to_be_bytes();
        [kind, a, b, c, d]
    }

    /// Reads a header.
    pub(in crate::peer) fn decode(bytes: [u8; Self::BYTES]) -> Result<FrameHeader, WireError> {
        let mut reader = Reader::new(&bytes);
        let kind = match u8::take(&mut reader)? {
            1 => FrameKind::Control,
            2 => FrameKind::Piece,
            3 => FrameKind::Last,
            found => {
                return Err(WireError::Unknown {
                    what: "kind of frame",
                    found,
                });
            }
        };
        match usize::try_from(u32::take(&mut reader)?) {
            Ok(length) if (1..=PIECE_BYTES_MAX).contains(&length) => {
                Ok(FrameHeader { kind, length })
            }
            _ => Err(WireError::Invalid {
                what: "length of a frame",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_what_it_wrote() {
        for kind in [FrameKind::Control, FrameKind::Piece, FrameKind::Last] {
            for length in [1, PIECE_BYTES_MAX] {
                let header = FrameHeader { kind, length };
                assert_eq!(FrameHeader::decode(header.encode()), Ok(header));
            }
        }
    }

    #[test]
    fn a_frame_of_no_known_kind_or_length_is_an_error() {
        assert!(FrameHeader::decode([0, 0, 0, 0, 1]).is_err());
        assert!(FrameHeader::decode([4, 0, 0, 0, 1]).is_err());
        assert!(FrameHeader::decode([1, 0, 0, 0, 0]).is_err());
        assert!(FrameHeader::decode([1, 0, 4, 0, 1]).is_err());
        assert!(FrameHeader::decode([3, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
