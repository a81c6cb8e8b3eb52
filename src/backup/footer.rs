//! What a backup came to: [`Footer`].

use super::Register;
use super::fields::{Fields, Malformed};
use hyper::body::Bytes;

/// What a backup came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Footer {
    /// When it was ended, in milliseconds since 1970.
    pub(crate) ended_ms: u64,
    /// What is in it.
    pub(crate) counts: Counts,
}

/// What is in a backup.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counts {
    /// How many blocks.
    pub(crate) blocks: u64,
    /// How many registers those hold.
    pub(crate) registers: u64,
    /// How many of these expire.
    pub(crate) expiring: u64,
    /// The bytes of their names.
    pub(crate) name_bytes: u64,
    /// The bytes of their values.
    pub(crate) value_bytes: u64,
}

impl Counts {
    pub(super) fn add(&mut self, register: &Register) {
        self.registers += 1;
        self.expiring += u64::from(register.expires_ms.is_some());
        self.name_bytes += register.name.as_bytes().len() as u64;
        self.value_bytes += register.value.len() as u64;
    }
}

impl Footer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let Counts {
            blocks,
            registers,
            expiring,
            name_bytes,
            value_bytes,
        } = self.counts;
        let fields = [
            self.ended_ms,
            blocks,
            registers,
            expiring,
            name_bytes,
            value_bytes,
        ];
        fields.into_iter().flat_map(u64::to_be_bytes).collect()
    }

    pub(super) fn decode(content: Bytes) -> Result<Self, Malformed> {
        let mut fields = Fields(content);
        let footer = Self {
            ended_ms: fields.u64()?,
            counts: Counts {
                blocks: fields.u64()?,
                registers: fields.u64()?,
                expiring: fields.u64()?,
                name_bytes: fields.u64()?,
                value_bytes: fields.u64()?,
            },
        };
        fields.end()?;
        Ok(footer)
    }
}
