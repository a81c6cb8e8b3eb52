//! Registers one after another, as blocks hold them.

use super::fields::{Fields, Malformed};
use super::{BLOCK_BYTES, Register, VALUE_BYTES_MAX};
use hyper::body::Bytes;
use protocol::RegisterName;

/// What a register takes in a block beside its name and its value, at most.
pub(super) const REST_BYTES_MAX: usize = 2 + 1 + 8 + 4;

/// What follows a name whose value never expires.
const STAYS: u8 = 0;

/// What follows a name whose value expires: then comes when.
const EXPIRES: u8 = 1;

/// How many bytes a register takes in a block, at most.
pub(super) fn room(register: &Register) -> usize {
    register.name.as_bytes().len() + register.value.len() + REST_BYTES_MAX
}

/// Writes a register to the end of a block.
pub(super) fn put(out: &mut Vec<u8>, register: &Register) {
    let (name, value) = (register.name.as_bytes(), &register.value);
    out.extend((name.len() as u16).to_be_bytes());
    out.extend(name);
    match register.expires_ms {
        None => out.push(STAYS),
        Some(at) => {
            out.push(EXPIRES);
            out.extend(at.to_be_bytes());
        }
    }
    out.extend((value.len() as u32).to_be_bytes());
    out.extend(&value[..]);
}

/// The registers of a block. There is at least one, and in a block of more than [`BLOCK_BYTES`] no
/// other: however short they are, there are never so many that they take much memory.
pub(super) fn decode(content: Bytes) -> Result<Vec<Register>, Malformed> {
    let registers_max = match content.len() {
        0..=BLOCK_BYTES => usize::MAX,
        _ => 1,
    };
    let mut fields = Fields(content);
    let mut registers = Vec::new();
    while !fields.is_empty() {
        if registers.len() == registers_max {
            return Err("a block that is so long has one register");
        }
        registers.push(register(&mut fields)?);
    }
    match registers.is_empty() {
        true => Err("a block is never empty"),
        false => Ok(registers),
    }
}

fn register(fields: &mut Fields) -> Result<Register, Malformed> {
    let length = fields.u16()?;
    let name = RegisterName::new(fields.bytes(length.into())?);
    let name = name.map_err(|_| "a name is longer than names may be")?;
    let expires_ms = match fields.u8()? {
        STAYS => None,
        EXPIRES => Some(fields.u64()?),
        _ => return Err("it is not told whether a register expires"),
    };
    let length = fields.u32()? as usize;
    if length > VALUE_BYTES_MAX {
        return Err("a value is longer than values may be");
    }
    Ok(Register {
        name,
        value: fields.bytes(length)?,
        expires_ms,
    })
}
