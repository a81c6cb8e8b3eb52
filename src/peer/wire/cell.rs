//! What is kept of a register, as it stands in messages, for others who keep it.

use super::field::{Field, Reader};
use protocol::Cell;

/// Appends it.
pub(crate) fn encode_cell(cell: &Cell, out: &mut Vec<u8>) {
    cell.put(out);
}

/// Reads what [`encode_cell`] wrote, if these bytes are that and nothing else.
pub(crate) fn decode_cell(bytes: &[u8]) -> Option<Cell> {
    let mut reader = Reader::new(bytes);
    let cell = reader.take().ok()?;
    reader.finish().ok()?;
    Some(cell)
}
