//! Disk sizes as people write them: bytes, MiB and GiB, or the capacity on a drive's label.

use std::ops::Range;

use super::reader::Section;
use crate::words::quote;

/// A smaller number was probably meant to have a unit.
const MIN_BYTES: u64 = 1 << 20;
/// 4 EiB; a larger number is a typing error.
const MAX_BYTES: u64 = 1 << 62;
/// The labels for which drive makers agree on a number of sectors.
const LABELS_GB: std::ops::RangeInclusive<u64> = 50..=8000;
/// Labels in that range which are excluded: SAS drives have other numbers of sectors than SATA drives with the same
/// label, or no common one.
const SAS_LABELS_GB: [u64; 6] = [72, 73, 146, 147, 300, 450];
const HELP: &str = "write \"250 GB\" as the drive's label says, \"238475 MiB\", \"232 GiB\", or the number of bytes";

/// A size in bytes, and where it is written.
pub(super) struct Size {
    pub bytes: u64,
    pub at: Range<usize>,
}

/// Reads a size: a number of bytes, or a text with a unit.
pub(super) fn read(section: &Section<'_>, key: &str) -> Option<Size> {
    if section.is_number(key) {
        let bytes = section.number(key, 1..=MAX_BYTES)?;
        let number = *bytes.get_ref();
        if number < MIN_BYTES {
            let message = format!("{}: `{key}` is {number} bytes, which is not the size of a disk", section.place);
            let help = format!("a number without a unit counts bytes: do you mean `{key} = \"{number} GB\"`?");
            section.found.report(bytes.span(), message, help);
            return None;
        }
        return Some(Size { bytes: *bytes.get_ref(), at: bytes.span() });
    }
    let text = section.text(key)?;
    match parse(text.get_ref()) {
        Ok(bytes) => Some(Size { bytes, at: text.span() }),
        Err(problem) => {
            let message = format!("{}: `{key}` {} {}", section.place, quote(text.get_ref()), problem.message());
            section.found.report(text.span(), message, problem.help());
            None
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SizeProblem {
    NoSize,
    NoAgreedLabel,
}

impl SizeProblem {
    fn message(self) -> &'static str {
        match self {
            Self::NoSize => "is not a size",
            Self::NoAgreedLabel => "is a label on which drive makers do not agree",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::NoSize => HELP,
            Self::NoAgreedLabel => {
                "write `sectors = N` instead, from `blockdev --getsz /dev/sda`; labels work from 50 GB to 8 TB, but not for the sizes of SAS drives"
            }
        }
    }
}

fn parse(text: &str) -> Result<u64, SizeProblem> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let whole = |factor: u64| {
        let number = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        number.filter(|bytes| (1..=MAX_BYTES).contains(bytes)).ok_or(SizeProblem::NoSize)
    };
    match unit {
        "" | "B" => whole(1),
        "MiB" => whole(1 << 20),
        "GiB" => whole(1 << 30),
        "TiB" => whole(1 << 40),
        "GB" => label(whole(1)?),
        "TB" => label(thousandths(number).ok_or(SizeProblem::NoSize)?),
        _ => Err(SizeProblem::NoSize),
    }
}

/// The size in whole MiB that a string with a unit means, decimal units included.
pub(super) fn mib(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let factor: u64 = match text[digits..].trim() {
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    Some(text[..digits].parse::<u64>().ok()?.checked_mul(factor)? >> 20).filter(|mib| *mib > 0)
}

/// Reads `1.5` as 1500.
fn thousandths(number: &str) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let good = (1..=3).contains(&fraction.len()) && fraction.bytes().all(|letter| letter.is_ascii_digit());
    let fraction: u64 = format!("{fraction:0<3}").parse().ok().filter(|_| good)?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction)
}

/// The bytes of a drive that is sold as this many GB, by LBA1-02 of the drive makers' association IDEMA. The formula
/// gives the sectors of the paper's disks (156301488 for 80 GB, 488397168 for 250 GB) and of nearly every drive since,
/// with 512 or 4096 bytes per sector.
fn label(gb: u64) -> Result<u64, SizeProblem> {
    if !LABELS_GB.contains(&gb) || SAS_LABELS_GB.contains(&gb) {
        return Err(SizeProblem::NoAgreedLabel);
    }
    Ok((97_696_368 + 1_953_504 * (gb - 50)) * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_sectors_that_real_drives_have() {
        let real = [
            ("80 GB", 156_301_488),
            ("250 GB", 488_397_168),
            ("256GB", 500_118_192),
            ("960 GB", 1_875_385_008),
            ("1 TB", 1_953_525_168),
            ("1.5 TB", 2_930_277_168),
            ("4 TB", 7_814_037_168),
            ("8 TB", 15_628_053_168),
        ];
        for (text, sectors) in real {
            assert_eq!(parse(text), Ok(sectors * 512), "{text}");
        }
        assert_eq!(parse("8 TB").unwrap() % 4096, 0, "a 4Kn drive has the same bytes");
    }

    #[test]
    fn units_of_two_are_exact() {
        assert_eq!(parse("238475 MiB"), Ok(238_475 << 20));
        assert_eq!(parse("232GiB"), Ok(232 << 30));
        assert_eq!(parse("250059350016"), Ok(250_059_350_016));
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in ["", "GB", "1.5 GiB", "250 gb", "-1", "0", "99999999999999999999", "1..5 TB", "1.2345 TB", "big"] {
            assert_eq!(parse(bad), Err(SizeProblem::NoSize), "{bad}");
        }
        for label in ["40 GB", "10 TB", "8.001 TB", "146 GB", "300 GB"] {
            assert_eq!(parse(label), Err(SizeProblem::NoAgreedLabel), "{label}");
        }
    }
}
