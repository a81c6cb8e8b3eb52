//! What a story's clients do.

use super::{Asked, Story, Told, site};
use bytes::Bytes;
use protocol::{Operation, RegisterName};
use std::time::Duration;

impl Story {
    /// From now on clients wait so long.
    pub fn with_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// A new client writes and waits for the answer.
    #[track_caller]
    pub fn write(&mut self, node: usize, name: &str, value: &str) -> Told {
        let asked = self.begin_write(node, name, value);
        self.end(asked)
    }

    /// A new client reads and waits for the answer.
    #[track_caller]
    pub fn read(&mut self, node: usize, name: &str) -> Told {
        let asked = self.begin_read(node, name);
        self.end(asked)
    }

    /// A new client deletes and waits for the answer.
    #[track_caller]
    pub fn delete(&mut self, node: usize, name: &str) -> Told {
        let asked = self.begin(
            node,
            Operation::Write {
                name: register(name),
                content: None,
                expiry: None,
            },
        );
        self.end(asked)
    }

    /// A new client adds to a register and waits for the answer.
    #[track_caller]
    pub fn add(&mut self, node: usize, name: &str, amount: i64) -> Told {
        let change = protocol::Change::add(amount);
        let name = register(name);
        let asked = self.begin(node, Operation::Modify { name, change });
        self.end(asked)
    }

    /// A new client sets a register if it holds what is expected, and waits for the answer.
    #[track_caller]
    pub fn set_if(&mut self, node: usize, name: &str, expected: Option<&str>, new: &str) -> Told {
        let asked = self.begin_set_if(node, name, expected, new);
        self.end(asked)
    }

    /// A new client asks for a register to be set if it holds what is expected.
    pub fn begin_set_if(
        &mut self,
        node: usize,
        name: &str,
        expected: Option<&str>,
        new: &str,
    ) -> Asked {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let change = protocol::Change::set_if(
            protocol::Condition::content(expected.map(bytes)),
            Some(bytes(new)),
        );
        let name = register(name);
        self.begin(node, Operation::Modify { name, change })
    }

    /// A new client asks for a write.
    pub fn begin_write(&mut self, node: usize, name: &str, value: &str) -> Asked {
        let content = Some(Bytes::copy_from_slice(value.as_bytes()));
        self.begin(
            node,
            Operation::Write {
                name: register(name),
                content,
                expiry: None,
            },
        )
    }

    /// A new client asks for a read.
    pub fn begin_read(&mut self, node: usize, name: &str) -> Asked {
        self.begin(
            node,
            Operation::Read {
                name: register(name),
            },
        )
    }

    fn begin(&mut self, node: usize, operation: Operation) -> Asked {
        self.clients += 1;
        Asked(
            self.cluster
                .call(self.clients, site(node), operation, self.timeout),
        )
    }

    /// Waits until an operation ends.
    #[track_caller]
    pub fn end(&mut self, asked: Asked) -> Told {
        self.wait_until("the operation ends", |story| {
            story.ended.contains_key(&asked.0)
        });
        self.ended[&asked.0].clone()
    }
}

fn register(name: &str) -> RegisterName {
    RegisterName::new(name.as_bytes().to_vec()).expect("stories use short names")
}
