//! The MAC address: the key of a node. Any common spelling is read, and one is printed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::one_line::one_line;

/// A six-byte Ethernet address. It prints in lower case with colons; `hyphenated` is the spelling for URLs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// Why a text is not a MAC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a MAC address: write six hexadecimal bytes such as 52:54:00:a8:01:01")]
pub struct MacError(pub String);

impl Mac {
    /// The spelling used in URLs, pxelinux file names and `BOOTIF`: `52-54-00-a8-01-01`.
    pub(crate) fn hyphenated(&self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Whether this is a multicast or broadcast address, which no machine can own.
    pub(crate) fn is_multicast(&self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether every byte is zero, as firmware without a programmed address shows.
    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; 6]
    }
}

impl FromStr for Mac {
    type Err = MacError;

    /// Accepts `52:54:00:a8:01:01`, `52-54-00-A8-01-01`, `5254.00a8.0101` and `525400a80101`.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let error = || MacError(text.chars().take(40).collect());
        let is_written = |separator: char, length: usize| {
            let mut parts = text.split(separator);
            parts.all(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let well_formed = is_written(':', 2) || is_written('-', 2) || is_written('.', 4) || is_written(':', 12);
        if digits.len() != 12 || !well_formed {
            return Err(error());
        }
        let mut bytes = [0; 6];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[index * 2..index * 2 + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

one_line!(Mac);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_spelling_reads_as_the_same_mac() {
        for text in ["52:54:00:A8:01:01", "52-54-00-a8-01-01", "5254.00a8.0101", "525400a80101"] {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), "52:54:00:a8:01:01");
        }
    }

    #[test]
    fn a_text_that_is_no_mac_is_refused_and_named() {
        for text in [
            "",
            "52:54:00:a8:01",
            "5:254:00:a8:01:01",
            "52:54-00:a8:01:01",
            "52:54:00:a8:01:0g",
            "52:54:00:a8:01:01:02",
            "é2:54:00:a8:01:01",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(MacError(text.into())), "{text}");
        }
    }

    #[test]
    fn urls_use_hyphens() {
        assert_eq!("525400a80101".parse::<Mac>().unwrap().hyphenated(), "52-54-00-a8-01-01");
    }
}
