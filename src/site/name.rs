//! Names that end up in host names, file names and shell words. They are checked once, here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::one_line::one_line;

/// A node's name: one RFC 1123 host label in lower case, at most 63 bytes. It is short, never fully qualified, because
/// services identify their hosts by the bare host name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host name: use 1 to 63 lower-case letters, digits and inner hyphens")]
pub struct NameError(pub String);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (1..=63).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !is_number(text)
            && text != "localhost";
        if good { Ok(Self(text.into())) } else { Err(NameError(text.chars().take(80).collect())) }
    }
}

/// Whether resolvers would take the text for an address: all digits, or 0x and hexadecimal digits (inet_aton(3)).
fn is_number(text: &str) -> bool {
    let hexadecimal = text.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || text.bytes().all(|b| b.is_ascii_digit())
}

one_line!(NodeName);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_labels_are_names_and_everything_else_is_refused() {
        for good in ["compute1", "c", "0xen", "2compute", "rack-7-node-12"] {
            assert_eq!(good.parse::<NodeName>().unwrap().as_str(), good);
        }
        for bad in ["", "Compute1", "-a", "a-", "a.b", "a b", "a'b", "123", "0x10", "localhost", "é", &"a".repeat(64)]
        {
            assert!(bad.parse::<NodeName>().is_err(), "{bad}");
        }
    }
}
