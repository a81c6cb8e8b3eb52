//! Registers that are written by one request: [`Batch`].

use crate::backup::Register;
use crate::cli::read::text_or_base64;
use crate::cli::transfer::BATCH_MAX;
use protocol::RegisterName;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Registers that are written by one request.
#[derive(Default, Debug)]
pub(super) struct Batch {
    registers: Vec<Register>,
    /// A batch names each register once. A backup does too; where one does not, the later one is
    /// written later.
    names: HashSet<RegisterName>,
    bytes: usize,
}

/// From how many bytes of values on there are no more, so that a batch, in JSON, which can spend
/// six bytes on one, is far from the longest that a node takes.
const BYTES_MAX: usize = 256 * 1024;

impl Batch {
    /// Whether there is room for one more.
    pub(super) fn takes(&self, register: &Register) -> bool {
        self.is_empty()
            || self.registers.len() < BATCH_MAX
                && self.bytes + register.value.len() <= BYTES_MAX
                && !self.names.contains(&register.name)
    }

    /// One more.
    pub(super) fn push(&mut self, register: Register) {
        self.bytes += register.value.len();
        self.names.insert(register.name.clone());
        self.registers.push(register);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.registers.is_empty()
    }

    /// The registers.
    pub(super) fn into_registers(self) -> Vec<Register> {
        self.registers
    }
}

/// Whether it is written by a request of its own, as bytes: it would be far longer in JSON.
pub(super) fn is_long(register: &Register) -> bool {
    // A path names no register with the empty name.
    register.value.len() > BYTES_MAX && !register.name.as_bytes().is_empty()
}

/// The request that writes these, if they hold nothing or in any case.
pub(super) fn request(registers: &[Register], skip_existing: bool) -> Vec<u8> {
    let write = |register: &Register| {
        let mut operation = Map::new();
        operation.insert("op".to_owned(), "write".into());
        text_or_base64(&mut operation, "name", Some(register.name.as_bytes()));
        text_or_base64(&mut operation, "value", Some(&register.value));
        if let Some(at) = register.expires_ms {
            operation.insert("expires_ms".to_owned(), at.into());
        }
        if skip_existing {
            operation.insert("if_absent".to_owned(), true.into());
        }
        Value::Object(operation)
    };
    let operations: Vec<Value> = registers.iter().map(write).collect();
    json!({ "operations": operations }).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(name: &str, length: usize) -> Register {
        Register {
            name: RegisterName::new(name.to_owned()).unwrap(),
            value: vec![0; length].into(),
            expires_ms: Some(7),
        }
    }

    #[test]
    fn a_batch_has_few_enough_of_each_name_one_and_any_that_is_alone() {
        let mut batch = Batch::default();
        assert!(batch.takes(&register("a", BYTES_MAX + 1)));
        batch.push(register("a", 1));
        assert!(!batch.takes(&register("a", 1)));
        assert!(!batch.takes(&register("b", BYTES_MAX)));
        assert!(batch.takes(&register("b", BYTES_MAX - 1)));
        for number in 1..BATCH_MAX {
            batch.push(register(&number.to_string(), 0));
        }
        assert!(!batch.takes(&register("b", 0)));
    }

    #[test]
    fn a_request_says_what_is_written_on_which_terms() {
        let request = request(&[register("a", 1)], true);
        let request: Value = serde_json::from_slice(&request).unwrap();
        let operation = json!({
            "op": "write", "name": "a", "value": "\u{0}", "expires_ms": 7, "if_absent": true,
        });
        assert_eq!(request, json!({ "operations": [operation] }));
    }
}
