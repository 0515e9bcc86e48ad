//! The SMBIOS UUID of a machine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::one_line::one_line;

/// UUIDs that boards show when nobody assigned one, in the byte order of their text. DSP0134 7.2.1: all zeros means not
/// yet settable, and all ones not settable at all. The others were seen on many boards, and are on the lists of osquery
/// (pull request 4374, issue 8887) and systemd (pull request 11137).
const PLACEHOLDERS: [&str; 9] = [
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
    "03020100-0504-0706-0809-0a0b0c0d0e0f",
    "10000000-0000-8000-0040-000000000000",
    "01010101-0101-0101-0101-010101010101",
    "00010203-0405-0607-0809-0a0b0c0d0e0f",
    "01020304-0506-0708-090a-0b0c0d0e0f10",
    "fefefefe-fefe-fefe-fefe-fefefefefefe",
];

/// An SMBIOS UUID.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SmbiosUuid([u8; 16]);

impl SmbiosUuid {
    /// Makes a UUID from bytes in the order of its text; none for a placeholder.
    pub(crate) fn new(bytes: [u8; 16]) -> Option<Self> {
        let uuid = Self(bytes);
        let is_placeholder = |uuid: Self| PLACEHOLDERS.contains(&uuid.to_string().as_str());
        (!is_placeholder(uuid) && !is_placeholder(uuid.swapped())).then_some(uuid)
    }

    /// Reads bytes as SMBIOS and DHCP option 97 (RFC 4578 section 2.3) have them: the first three groups little-endian.
    pub(crate) fn from_firmware(bytes: [u8; 16]) -> Option<Self> {
        Self::new(Self(bytes).swapped().0)
    }

    /// This UUID with the bytes of the first three groups reversed. They are little-endian since SMBIOS 2.6 and were
    /// not before, and firmware and readers disagree about it (DSP0134 7.2.1).
    fn swapped(mut self) -> Self {
        for group in [0..4, 4..6, 6..8] {
            self.0[group].reverse();
        }
        self
    }

    /// Whether both are the UUID of one machine, in whichever byte order each was reported.
    pub(crate) fn is(self, other: Self) -> bool {
        self == other || self == other.swapped()
    }
}

impl fmt::Display for SmbiosUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SmbiosUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

one_line!(SmbiosUuid);

/// The text identifies no machine: it is not a UUID, or a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is not the UUID of a machine")]
pub struct NoUuid;

impl FromStr for SmbiosUuid {
    type Err = NoUuid;

    fn from_str(text: &str) -> Result<Self, NoUuid> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        if digits.len() != 32 || text.len() > 36 {
            return Err(NoUuid);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NoUuid);
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).map_err(|_| NoUuid)?;
        }
        Self::new(bytes).ok_or(NoUuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "4C4C4544-0051-3510-8050-B4C04F4A3532";

    #[test]
    fn either_byte_order_is_the_same_machine_and_placeholders_are_none() {
        let uuid: SmbiosUuid = UUID.parse().unwrap();
        assert!(uuid.is("44454c4c-5100-1035-8050-b4c04f4a3532".parse().unwrap()));
        assert!(!uuid.is("44454c4c-5100-1035-8050-b4c04f4a3533".parse().unwrap()));
        assert_eq!(uuid.to_string(), UUID.to_lowercase());
        for text in PLACEHOLDERS.iter().chain(&["00020003-0004-0005-0006-000700080009", "", "${uuid}", "4c4c4544"]) {
            assert_eq!(text.parse::<SmbiosUuid>(), Err(NoUuid), "{text}");
        }
    }
}
