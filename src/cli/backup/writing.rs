//! The thread that writes a backup: [`write()`].

use super::destination::Sink;
use crate::backup::{Counts, Header, Register, Writer};
use std::io;
use tokio::sync::mpsc::Receiver;

/// What it is given.
pub(super) enum Filling {
    /// Registers.
    Registers(Vec<Register>),
    /// There are no more; it is this late, in milliseconds since 1970. Where this does not come
    /// something is missing, and the backup is not to be ended as if it were whole.
    End(u64),
}

/// What was written.
pub(super) struct Written {
    /// What is in it.
    pub(super) counts: Counts,
    /// How many bytes it has.
    pub(super) bytes: u64,
}

/// Writes a backup of what comes. Nothing comes of it if its end does not come.
pub(super) fn write(
    sink: Sink,
    header: &Header,
    mut from: Receiver<Filling>,
) -> io::Result<Option<Written>> {
    let mut writer = Writer::begin(sink, header)?;
    while let Some(filling) = from.blocking_recv() {
        match filling {
            Filling::Registers(registers) => {
                for register in &registers {
                    writer.push(register)?;
                }
            }
            Filling::End(now_ms) => {
                let (sink, footer, bytes) = writer.finish(now_ms)?;
                sink.sync()?;
                let counts = footer.counts;
                return Ok(Some(Written { counts, bytes }));
            }
        }
    }
    Ok(None)
}
