//! Checksums under the names that repositories and people give them.

use std::fmt;
use std::str::FromStr;

use md5::Digest as _;

use crate::hex::hex;

/// A kind of checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The algorithm with which the images of 2012 were published.
    Md5,
    /// `sha` in the metadata of EL5 and of some repositories for EL6.
    Sha1,
    /// The default of createrepo from EL6 on.
    Sha256,
    /// An option of createrepo.
    Sha512,
}

impl Algorithm {
    /// Its name as in coreutils: `sha256` of `sha256sum`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Its length in hexadecimal digits.
    pub(crate) fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "md5" => Ok(Self::Md5),
            "sha" | "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(()),
        }
    }
}

/// The checksum that a file must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The hexadecimal digits, in lower case.
    pub hex: String,
}

impl Checksum {
    /// Takes digits in either case; none when they cannot be a result of the algorithm.
    pub fn new(algorithm: Algorithm, hex: &str) -> Option<Self> {
        let good = hex.len() == algorithm.digits() && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
        good.then(|| Self { algorithm, hex: hex.to_ascii_lowercase() })
    }

    /// Takes the name of an algorithm, as metadata writes it, and its digits.
    pub(crate) fn named(algorithm: &str, hex: &str) -> Option<Self> {
        Self::new(algorithm.parse().ok()?, hex)
    }
}

/// The checksums and names in a list in the format of `sha256sum`; other lines are left out.
pub(crate) fn sums(list: &str) -> impl Iterator<Item = (Checksum, &str)> {
    list.lines().filter_map(|line| {
        let (sum, name) = line.split_once([' ', '\t'])?;
        Some((Checksum::new(Algorithm::Sha256, sum)?, name.trim_start().trim_start_matches('*')))
    })
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm.name(), self.hex)
    }
}

/// Takes bytes as they come, and returns their checksum at the end.
pub(crate) enum Hasher {
    /// See [`Algorithm::Md5`].
    Md5(md5::Md5),
    /// See [`Algorithm::Sha1`].
    Sha1(sha1::Sha1),
    /// See [`Algorithm::Sha256`].
    Sha256(sha2::Sha256),
    /// See [`Algorithm::Sha512`].
    Sha512(sha2::Sha512),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
        }
    }

    /// Adds more bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hash) => hash.update(bytes),
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The checksum in hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        match self {
            Self::Md5(hash) => hex(&hash.finalize()),
            Self::Sha1(hash) => hex(&hash.finalize()),
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Sha512(hash) => hex(&hash.finalize()),
        }
    }
}
