//! The sizes in a kickstart's lines, in the form of a layout.

use crate::grammar::Arranged;
use crate::site::{Mib, SizeSpec};

use super::autopart::SWAP;

/// Extents of every volume group, in MiB.
pub(crate) const EXTENT: u64 = 4;

/// A size, and how it differs from the line.
pub(crate) struct Sized {
    pub size: SizeSpec,
    pub notes: Vec<String>,
    /// The limit of its growth, if it grows.
    pub most: Option<Mib>,
    /// The share of its volume group, in percent.
    pub percent: Option<u64>,
}

/// Reads `--size`, `--grow`, `--maxsize`, `--percent`, `--recommended` and `--hibernation`.
pub(crate) fn read(line: &Arranged) -> Sized {
    let number = |option: &str| line.value(option).and_then(|value| value.parse::<u64>().ok());
    let mut notes = Vec::new();
    let by_memory = line.has("--recommended") || line.has("--hibernation");
    let size = match number("--size") {
        _ if by_memory => {
            notes.push(format!("the installer derives it from the machine's memory; the layout says {SWAP} MiB"));
            SWAP
        }
        Some(size) => size.max(1),
        None => 1,
    };
    let grows = line.has("--grow") && !by_memory;
    let size = if grows { SizeSpec::Grow(Mib(size)) } else { SizeSpec::Exact(Mib(size)) };
    let most = number("--maxsize").filter(|_| grows).map(Mib);
    Sized { size, notes, most, percent: number("--percent") }
}

/// Rounds up to whole extents, as the installer does.
pub(crate) fn in_extents(size: SizeSpec) -> SizeSpec {
    let round = |Mib(size): Mib| Mib(size.max(1).div_ceil(EXTENT) * EXTENT);
    match size {
        SizeSpec::Exact(size) => SizeSpec::Exact(round(size)),
        SizeSpec::Grow(size) => SizeSpec::Grow(size),
    }
}

/// Gives sizes their limits. Something that grows up to a limit gets that limit as its size where there is room: on a
/// disk, beside something that grows without one, or in a group that grows. In a group with a fixed size it grows
/// without its limit. Returns the differences, by index.
pub(crate) fn limit(sizes: &mut [(SizeSpec, Option<Mib>)], has_room: bool) -> Vec<(usize, String)> {
    let has_room = has_room || sizes.iter().any(|(size, most)| size.grows() && most.is_none());
    let mut notes = Vec::new();
    for (index, (size, most)) in sizes.iter_mut().enumerate() {
        let Some(most) = most.filter(|_| size.grows()) else { continue };
        if has_room {
            *size = SizeSpec::Exact(most);
            notes.push((index, format!("it grows up to `--maxsize`: the layout says {most}")));
        } else {
            notes.push((index, "`--maxsize` is left out: it takes what remains of its group".into()));
        }
    }
    notes
}
