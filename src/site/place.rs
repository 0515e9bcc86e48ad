//! Where a node is in the racks.

use std::fmt;
use std::str::FromStr;

/// The place of a node: `r3u12` is unit 12 of rack 3, counted from the floor. Two nodes in one unit, as in a chassis of
/// several servers, add a number: `r3u12-2`. The order is that of a person in front of the racks: rack by rack, from
/// the top to the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Number of the rack.
    pub rack: u16,
    /// Its lowest unit, counted from 1 at the floor.
    pub unit: u8,
    /// Which one of the nodes in that unit; 0 when there is one.
    pub slot: u8,
}

/// Why a text is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a rack")]
pub struct PlaceError;

/// The largest number of a rack.
const RACKS: u16 = 9999;
/// The largest number of a unit; racks have 42 to 52.
const UNITS: u8 = 99;

impl FromStr for Place {
    type Err = PlaceError;
    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (rack, rest) = text.strip_prefix('r').and_then(|rest| rest.split_once('u')).ok_or(PlaceError)?;
        let (unit, slot) = match rest.split_once('-') {
            Some((unit, slot)) => (unit, number(slot, u16::from(UNITS))?),
            None => (rest, 0),
        };
        let small = |number: u16| u8::try_from(number).map_err(|_| PlaceError);
        Ok(Self { rack: number(rack, RACKS)?, unit: small(number(unit, u16::from(UNITS))?)?, slot: small(slot)? })
    }
}

/// A number from 1 to `most` without leading zeros, so that each place has one spelling.
fn number(text: &str, most: u16) -> Result<u16, PlaceError> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let number = text.parse().ok().filter(|number| is_plain && (1..=most).contains(number));
    number.ok_or(PlaceError)
}

impl Place {
    fn key(self) -> (u16, std::cmp::Reverse<u8>, u8) {
        (self.rack, std::cmp::Reverse(self.unit), self.slot)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}u{}", self.rack, self.unit)?;
        if self.slot > 0 { write!(f, "-{}", self.slot) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_spelling_and_racks_are_read_from_the_top() {
        let place = |text: &str| text.parse::<Place>();
        for text in ["r3u12", "r3u12-2", "r9999u99", "r1u1-99"] {
            assert_eq!(place(text).unwrap().to_string(), text);
        }
        for text in ["", "r3", "u12", "r0u1", "r1u0", "r01u2", "r1u100", "r1u1-0", "r1u1-", "r10000u1", "r+1u1", "R1u1"]
        {
            assert_eq!(place(text), Err(PlaceError), "{text}");
        }
        let mut places = ["r2u1", "r1u3", "r1u20", "r1u3-2", "r10u1"].map(|text| place(text).unwrap());
        places.sort();
        assert_eq!(places.map(|place| place.to_string()), ["r1u20", "r1u3", "r1u3-2", "r2u1", "r10u1"]);
    }
}
