//! Which machine a node is: the SMBIOS UUID and the serial number that it showed first. Neither grants anything. A
//! different one means a different machine, and only a person can accept that.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::site::SmbiosUuid;

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
    fn placeholders_count_as_nothing() {
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
    fn a_machine_that_shows_nothing_leaves_the_other_one_waiting() {
        let pinned = Shown::of(Some(UUID), Some("S1"));
        let waits = Hardware { pinned, other: Some(Shown::of(None, Some("S2"))) };
        assert_eq!(waits.sees(&Shown::of(Some("${uuid}"), Some("None"))), Sight::Known);
        assert_eq!(waits.accept().unwrap().pinned.serial.as_deref(), Some("S2"));
    }

    #[test]
    fn a_machine_is_described_by_whatever_it_showed() {
        let uuid = "4c4c4544-0051-3510-8050-b4c04f4a3532";
        for (shown, words) in [
            (Shown::of(Some(UUID), Some("S1")), format!("UUID {uuid}, serial number S1")),
            (Shown::of(Some(UUID), None), format!("UUID {uuid}")),
            (Shown::of(None, Some("S1")), "serial number S1".into()),
            (Shown::default(), "nothing".into()),
        ] {
            assert_eq!(shown.to_string(), words);
        }
    }

    #[test]
    fn a_stored_uuid_reads_back() {
        let text = serde_json::to_string(&Shown::of(Some(UUID), Some("S1"))).unwrap();
        assert_eq!(serde_json::from_str::<Shown>(&text).unwrap(), Shown::of(Some(UUID), Some("S1")));
    }
}
