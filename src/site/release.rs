//! The number of an EL release (CentOS, RHEL and their derivatives): kickstart commands differ by major and, on EL6, by
//! minor.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release such as 6.3, 6.10 or 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Release {
    /// Major version, 6 to 10.
    pub major: u8,
    /// Minor version; the last one of the major when the site file gives none.
    pub minor: u8,
}

/// The minor that stands for one that is not given: the last one of EL6 to EL8, or the last one expected for later
/// releases.
const fn last_minor(major: u8) -> u8 {
    if matches!(major, 6 | 8) { 10 } else { 9 }
}

/// Why a text is not a supported release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a supported release: write for example 6.3, 6.10, 7, 8, 9 or 10")]
pub struct ReleaseError(pub String);

impl Release {
    /// pykickstart's name of the syntax, for example `RHEL6`.
    pub fn syntax(&self) -> String {
        format!("RHEL{}", self.major)
    }

    /// Major and minor in any case, `9.9`: for programs, and for storage.
    pub(crate) fn number(&self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// Whether this is EL6: GRUB legacy, SysV init, `ks=` without `inst.`.
    pub fn is_el6(&self) -> bool {
        self.major == 6
    }
}

impl FromStr for Release {
    type Err = ReleaseError;
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let error = || ReleaseError(text.chars().take(20).collect());
        let (major, minor) = match text.split_once('.') {
            Some((major, minor)) => (major, Some(minor.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let major: u8 = major.parse().map_err(|_| error())?;
        if !(6..=10).contains(&major) || (major == 6 && minor.is_some_and(|m| m > 10)) {
            return Err(error());
        }
        Ok(Self { major, minor: minor.unwrap_or(last_minor(major)) })
    }
}

impl TryFrom<String> for Release {
    type Error = ReleaseError;
    fn try_from(text: String) -> Result<Self, ReleaseError> {
        text.parse()
    }
}

impl From<Release> for String {
    fn from(release: Release) -> Self {
        release.number()
    }
}

/// The text for people. Nobody wrote a 9.9, so a minor that stands for an open one is left out, except on EL6, where
/// the minors differ.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_el6() || self.minor != last_minor(self.major) {
            true => write!(f, "{}.{}", self.major, self.minor),
            false => write!(f, "{}", self.major),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_of_el6_orders_numerically() {
        let read = |t: &str| t.parse::<Release>().unwrap();
        assert!(read("6.3") < read("6.10"));
        assert_eq!(read("6"), read("6.10"));
        assert_eq!(read("9").syntax(), "RHEL9");
    }

    #[test]
    fn a_minor_that_nobody_wrote_is_not_shown() {
        for (written, shown) in [("6", "6.10"), ("6.3", "6.3"), ("7", "7"), ("7.4", "7.4"), ("9", "9"), ("9.5", "9.5")]
        {
            let release: Release = written.parse().unwrap();
            assert_eq!(release.to_string(), shown);
            assert_eq!(shown.parse(), Ok(release));
            assert_eq!(String::from(release).parse(), Ok(release), "what is stored");
        }
        assert_eq!("9".parse::<Release>().unwrap().number(), "9.9");
    }

    #[test]
    fn unsupported_releases_are_refused() {
        for bad in ["5", "6.11", "11", "", "6.x", "centos6"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }
}
