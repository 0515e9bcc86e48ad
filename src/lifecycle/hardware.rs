//! Which machine a node is: the SMBIOS UUID and the serial number that it showed first. Neither grants anything. A
//! different one means a different machine, and only a person can accept that.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

/// Texts that boards show in place of a serial number, in lower case.
const NO_SERIALS: [&str; 14] = [
    "",
    "0",
    "none",
    "n/a",
    "na",
    "empty",
    "unknown",
    "invalid",
    "default string",
    "not specified",
    "not applicable",
    "system serial number",
    "to be filled by o.e.m.",
    "0123456789",
];

/// The longest serial number that is kept, in characters.
const LONGEST_SERIAL: usize = 64;

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

impl From<SmbiosUuid> for String {
    fn from(uuid: SmbiosUuid) -> Self {
        uuid.to_string()
    }
}

impl TryFrom<String> for SmbiosUuid {
    type Error = NoUuid;

    fn try_from(text: String) -> Result<Self, NoUuid> {
        text.parse()
    }
}

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

/// What a machine reports about itself at one moment; every part may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shown {
    /// Its SMBIOS UUID.
    pub uuid: Option<SmbiosUuid>,
    /// Its serial number.
    pub serial: Option<String>,
}

impl Shown {
    /// Reads what a machine reported. Placeholders and nonsense count as nothing.
    pub(crate) fn of(uuid: Option<&str>, serial: Option<&str>) -> Self {
        Self { uuid: uuid.and_then(|text| text.trim().parse().ok()), serial: serial.and_then(plain_serial) }
    }

    fn is_nothing(&self) -> bool {
        self.uuid.is_none() && self.serial.is_none()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.uuid, &self.serial) {
            (Some(uuid), Some(serial)) => write!(f, "UUID {uuid}, serial number {serial}"),
            (Some(uuid), None) => write!(f, "UUID {uuid}"),
            (None, Some(serial)) => write!(f, "serial number {serial}"),
            (None, None) => f.write_str("nothing"),
        }
    }
}

/// The serial number as reported, or none for a placeholder. Only letters, digits and `-_./:` are kept: it travels in a
/// URL and in a header, which treat blanks and other characters differently, and must come out the same from both.
pub(crate) fn plain_serial(text: &str) -> Option<String> {
    if NO_SERIALS.contains(&text.trim().to_lowercase().as_str()) {
        return None;
    }
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || "-_./:".contains(*c);
    let plain: String = text.chars().filter(is_kept).take(LONGEST_SERIAL).collect();
    (!plain.is_empty()).then_some(plain)
}

/// The machine of a node as it was first seen, and the different one that has asked since.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hardware {
    /// The identity that counts.
    pub pinned: Shown,
    /// The identity that was shown instead and waits for a person to accept it.
    pub other: Option<Shown>,
}

/// What it means that a machine was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The known machine; there is nothing to record.
    Known,
    /// A part of the identity that was unknown so far is pinned now.
    Pinned(Hardware),
    /// A different machine.
    Other(Hardware),
}

impl Hardware {
    /// Compares what a machine reports with what is known of the node.
    pub(crate) fn sees(&self, shown: &Shown) -> Sight {
        if shown.is_nothing() {
            return Sight::Known;
        }
        let same_uuid = match (self.pinned.uuid, shown.uuid) {
            (Some(pinned), Some(shown)) => pinned.is(shown),
            _ => true,
        };
        let same_serial = match (&self.pinned.serial, &shown.serial) {
            (Some(pinned), Some(shown)) => pinned == shown,
            _ => true,
        };
        if !(same_uuid && same_serial) {
            return Sight::Other(Self { pinned: self.pinned.clone(), other: Some(shown.clone()) });
        }
        let uuid = self.pinned.uuid.or(shown.uuid);
        let serial = self.pinned.serial.clone().or_else(|| shown.serial.clone());
        let now = Self { pinned: Shown { uuid, serial }, other: None };
        if now == *self { Sight::Known } else { Sight::Pinned(now) }
    }

    /// A person confirms that the other machine is the node from now on.
    pub(crate) fn accept(&self) -> Option<Self> {
        let other = self.other.clone()?;
        Some(Self { pinned: other, other: None })
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
        assert_eq!(Shown::of(Some("${uuid}"), Some("To be filled by O.E.M.")), Shown::default());
        assert_eq!(plain_serial(" AB\u{1b}12 \n").as_deref(), Some("AB12"));
        assert_eq!(plain_serial("CN 70163+A1"), plain_serial("CN 70163 A1"), "a URL makes a blank of a plus");
    }

    #[test]
    fn the_first_sight_is_pinned_and_another_machine_waits_for_a_person() {
        let nobody = Hardware::default();
        assert_eq!(nobody.sees(&Shown::default()), Sight::Known);
        let Sight::Pinned(by_uuid) = nobody.sees(&Shown::of(Some(UUID), None)) else { panic!("the first sight") };
        let Sight::Pinned(both) = by_uuid.sees(&Shown::of(Some(UUID), Some("S1"))) else { panic!("the serial is new") };
        assert_eq!(both.sees(&Shown::of(None, Some("S1"))), Sight::Known);
        for shown in [
            Shown::of(Some("4c4c4544-0051-3510-8050-b4c04f4a3533"), Some("S1")),
            Shown::of(Some(UUID), Some("S2")),
            Shown::of(None, Some("S2")),
        ] {
            let Sight::Other(other) = both.sees(&shown) else { panic!("{shown}") };
            assert_eq!(other.pinned, both.pinned, "nothing is forgotten");
            assert_eq!(other.accept().unwrap().pinned, shown);
            let back = Sight::Pinned(both.clone());
            assert_eq!(other.sees(&Shown::of(Some(UUID), Some("S1"))), back, "the old board is back");
        }
    }

    #[test]
    fn a_stored_uuid_reads_back() {
        let text = serde_json::to_string(&Shown::of(Some(UUID), Some("S1"))).unwrap();
        assert_eq!(serde_json::from_str::<Shown>(&text).unwrap(), Shown::of(Some(UUID), Some("S1")));
    }
}
