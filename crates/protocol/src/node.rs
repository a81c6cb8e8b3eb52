//! Who a process is: [`NodeId`], [`Boot`], the two together, and its [`Address`].

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

/// The identity of one node's memory, unique for ever.
///
/// A random 64-bit number, minted when a process starts without memory. A process that lost its
/// memory comes back under a new id, so that it is never counted as holding what it forgot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(u64);

impl NodeId {
    /// The id with this number. Zero is reserved: it is the writer of a register nobody wrote.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many times a node has started under its [`NodeId`].
///
/// A node without a disk starts once only: its boot is always [`Boot::FIRST`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Boot(u32);

impl Boot {
    /// The boot of a node that has just been given its id.
    pub const FIRST: Boot = Boot(1);

    /// The boot with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One run of one node: what makes a tag's writer and a request's number unique.
///
/// A node that restarts has forgotten which numbers it issued, so every number is qualified by
/// the boot that drew it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Incarnation {
    /// The node.
    pub node: NodeId,
    /// Its boot.
    pub boot: Boot,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.node, self.boot)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address under which a node is dialled, as `host:port`.
///
/// It is compared as text: two spellings of one address are two addresses. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<str>);

/// Why a text is not an [`Address`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressError {
    /// There is no `:port` at the end, or it is not a number from 1 to 65,535.
    Port,
    /// There is nothing before the port.
    Host,
    /// It is longer than [`Address::BYTES_MAX`].
    Long,
}

impl Address {
    /// The longest address, in bytes: the longest DNS name and a port.
    pub const BYTES_MAX: usize = 260;

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The port it ends with.
    pub fn port(&self) -> u16 {
        split(&self.0).expect("checked at construction").1
    }
}

fn split(text: &str) -> Result<(&str, u16), AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::Port)?;
    let port: u16 = port.parse().map_err(|_| AddressError::Port)?;
    if port == 0 {
        return Err(AddressError::Port);
    }
    if host.is_empty() {
        return Err(AddressError::Host);
    }
    Ok((host, port))
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > Self::BYTES_MAX {
            return Err(AddressError::Long);
        }
        split(text)?;
        Ok(Self(Arc::from(text)))
    }
}

impl From<&Address> for String {
    fn from(address: &Address) -> String {
        String::from(&*address.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressError::Port => "it must end with a port from 1 to 65535, as in 127.0.0.1:3030",
            AddressError::Host => "it must have a host before the port, as in 127.0.0.1:3030",
            AddressError::Long => "it is longer than 260 bytes",
        })
    }
}

impl core::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:3030", "[::1]:3030", "db-1.example:1"] {
            let address: Address = good.parse().unwrap();
            assert_eq!(address.to_string(), good);
        }
        assert_eq!("a:3030".parse::<Address>().unwrap().port(), 3030);
        for (bad, why) in [
            ("127.0.0.1", AddressError::Port),
            ("127.0.0.1:", AddressError::Port),
            ("127.0.0.1:0", AddressError::Port),
            ("127.0.0.1:65536", AddressError::Port),
            (":3030", AddressError::Host),
        ] {
            assert_eq!(bad.parse::<Address>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_writer_is_written_as_sixteen_hex_digits_and_the_boot() {
        let writer = Incarnation {
            node: NodeId::new(0xabc),
            boot: Boot::new(2),
        };
        assert_eq!(writer.to_string(), "0000000000000abc-2");
    }
}
