//! The release that a node is installed with: a number of EL (CentOS, RHEL and their derivatives), whose kickstart
//! commands differ by major and, on EL6, by minor; or Debian, which rackstart's own installer installs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The major number of Debian. EL's end before it, so one number says both; whoever compares majors finds Debian 13 later
/// than EL10, which has the same kernel and older file system tools.
const DEBIAN: u8 = 13;
/// Debian as it is written in a site file.
const DEBIAN_WORD: &str = "debian13";

/// A release such as 6.3, 6.10, 9 or debian13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Release {
    /// Major version: 6 to 10 of EL, 13 of Debian.
    pub major: u8,
    /// Minor version; the last one of the major when the site file gives none.
    pub minor: u8,
}

/// The minor that stands for one that is not given: the last one of EL6 to EL8, or the last one expected for later
/// releases.
const fn last_minor(major: u8) -> u8 {
    match major {
        6 | 8 => 10,
        DEBIAN => 0,
        _ => 9,
    }
}

/// Why a text is not a supported release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a supported release: write for example 6.3, 6.10, 7, 8, 9, 10 or debian13")]
pub struct ReleaseError(pub String);

impl Release {
    /// pykickstart's name of the syntax, for example `RHEL6`. The installer for Debian reads some commands of EL10's.
    pub fn syntax(&self) -> String {
        format!("RHEL{}", self.reads_like().major)
    }

    /// The EL release whose kickstart syntax the installer reads.
    pub(crate) fn reads_like(self) -> Self {
        if self.is_debian() { Self { major: 10, minor: last_minor(10) } } else { self }
    }

    /// Major and minor in any case, `9.9`: for programs, and for storage. Debian's is `debian13`.
    pub(crate) fn number(&self) -> String {
        if self.is_debian() { DEBIAN_WORD.into() } else { format!("{}.{}", self.major, self.minor) }
    }

    /// The name for people while no install tree tells a better one: `EL9`, `Debian 13`.
    pub(crate) fn system(&self) -> String {
        if self.is_debian() { format!("Debian {}", self.major) } else { format!("EL{self}") }
    }

    /// Whether rackstart's own installer installs it, from an archive of a root file system. Anaconda installs the others.
    pub fn is_debian(&self) -> bool {
        self.major == DEBIAN
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
        if text == DEBIAN_WORD {
            return Ok(Self { major: DEBIAN, minor: last_minor(DEBIAN) });
        }
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
            _ if self.is_debian() => f.write_str(DEBIAN_WORD),
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
    fn debian_has_a_word_in_place_of_a_number() {
        let debian: Release = "debian13".parse().unwrap();
        assert!(debian.is_debian() && !debian.is_el6() && debian > "10".parse().unwrap());
        assert_eq!((debian.to_string().as_str(), debian.number().as_str()), ("debian13", "debian13"));
        assert_eq!(String::from(debian).parse(), Ok(debian), "what is stored");
        assert_eq!((debian.syntax().as_str(), debian.system().as_str()), ("RHEL10", "Debian 13"));
        assert_eq!("9".parse::<Release>().unwrap().system(), "EL9");
    }

    #[test]
    fn unsupported_releases_are_refused() {
        for bad in ["5", "6.11", "11", "13", "", "6.x", "centos6", "debian12", "Debian13"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }
}
