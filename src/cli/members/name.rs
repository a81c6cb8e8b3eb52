//! How an operator names a member: [`MemberName`].

use protocol::Address;
use std::fmt;

/// A member, by its id or its address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MemberName {
    /// Its id, as nodes write it.
    Id(String),
    /// Where it is reached.
    Address(Address),
}

impl MemberName {
    /// Reads a name.
    ///
    /// # Errors
    /// If it is neither an id nor an address.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            let address = text.parse().map(Self::Address);
            return address.map_err(|error| error.to_string());
        }
        if text.len() != ID_DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!(
                "a member is named by its id, which has {ID_DIGITS} hexadecimal digits, or by its \
                 address, as in 127.0.0.1:3030"
            ));
        }
        Ok(Self::Id(text.to_ascii_lowercase()))
    }
}

/// How many digits an id has.
const ID_DIGITS: usize = 16;

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_named_by_its_id_or_its_address() {
        let id = MemberName::parse("00AB000000000001").unwrap();
        assert_eq!(id, MemberName::Id("00ab000000000001".to_owned()));
        for address in ["127.0.0.1:3030", "[::1]:3030", "db-1:1"] {
            let name = MemberName::parse(address).unwrap();
            assert_eq!(name, MemberName::Address(address.parse().unwrap()));
        }
        for neither in [
            "",
            "abc",
            "127.0.0.1",
            "a:",
            "a:0",
            "00ab0000000000001",
            "+0ab000000000001",
        ] {
            assert!(MemberName::parse(neither).is_err(), "{neither}");
        }
    }
}
