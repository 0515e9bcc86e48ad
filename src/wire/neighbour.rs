//! One question about a neighbour in the words of rtnetlink(7), and the kernel's answer to it.

use std::net::Ipv4Addr;

use crate::site::Mac;

const REQUEST_BYTES: usize = HEADER + ENTRY + 8;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `struct ndmsg`.
const ENTRY: usize = 12;
const AF_INET: u8 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// `NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT`: the entry holds a card. `NUD_NOARP` is not among
/// them: such an entry was never asked for on the link.
const COMPLETE: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

/// What the kernel answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The entry is complete, and this is its card.
    Card(Mac),
    /// There is an entry without a card.
    Incomplete,
    /// The kernel refused, with this error number; `ENOENT` when there is no entry.
    Error(i32),
}

/// Asks for the one entry of `address` on the interface with this index.
pub(crate) fn question(address: Ipv4Addr, interface: u32, sequence: u32) -> [u8; REQUEST_BYTES] {
    let mut packet = [0; REQUEST_BYTES];
    packet[..4].copy_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
    packet[4..6].copy_from_slice(&RTM_GETNEIGH.to_ne_bytes());
    packet[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    packet[8..12].copy_from_slice(&sequence.to_ne_bytes());
    packet[HEADER] = AF_INET;
    packet[HEADER + 4..HEADER + 8].copy_from_slice(&interface.to_ne_bytes());
    packet[HEADER + ENTRY..][..2].copy_from_slice(&8u16.to_ne_bytes());
    packet[HEADER + ENTRY + 2..][..2].copy_from_slice(&NDA_DST.to_ne_bytes());
    packet[HEADER + ENTRY + 4..].copy_from_slice(&address.octets());
    packet
}

/// Reads the answer to the question with this sequence number about this address; `None` for any other message.
pub(crate) fn answer(packet: &[u8], address: Ipv4Addr, interface: u32, sequence: u32) -> Option<Answer> {
    let (header, body) = packet.split_at_checked(HEADER)?;
    if number(header, 8)? != sequence {
        return None;
    }
    let body = body.get(..(number(header, 0)? as usize).checked_sub(HEADER)?)?;
    match half(header, 4)? {
        NLMSG_ERROR => Some(Answer::Error((number(body, 0)? as i32).wrapping_neg())),
        RTM_NEWNEIGH => {
            let (entry, attributes) = body.split_at_checked(ENTRY)?;
            let is_it = entry[0] == AF_INET
                && number(entry, 4)? == interface
                && attribute(attributes, NDA_DST)? == address.octets();
            let card = attribute(attributes, NDA_LLADDR).and_then(|card| <[u8; 6]>::try_from(card).ok());
            let is_complete = half(entry, 8)? & COMPLETE != 0;
            is_it.then(|| card.filter(|_| is_complete).map_or(Answer::Incomplete, |card| Answer::Card(Mac(card))))
        }
        _ => None,
    }
}

/// The content of the first attribute of a kind; attributes begin at multiples of four bytes.
fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(half(attributes, 0)?);
        let content = attributes.get(4..length)?;
        if half(attributes, 2)? == kind {
            return Some(content);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    /// What Linux 6.18 answered to question 7 about that address on interface 4.
    const ANSWER: &[u8] = b"L\0\0\0\x1c\0\0\0\x07\0\0\x006i\0\0\
        \x02\0\0\0\x04\0\0\0\x02\0\0\x01\x08\0\x01\0\xc0\0\x02\x01\x0a\0\x02\0\x02\xfc\0\0\0\x05\0\0\
        \x08\0\x04\0\x01\0\0\0\x14\0\x03\0\xa2\0\0\0\xe6\x03\0\0\xe6\x03\0\0\x02\0\0\0";

    #[cfg(target_endian = "little")]
    #[test]
    fn an_answer_of_a_kernel_is_read_and_only_as_the_answer_to_this_question() {
        let read = |packet: &[u8]| answer(packet, ADDRESS, 4, 7);
        let card = Answer::Card(Mac([2, 0xfc, 0, 0, 0, 5]));
        assert_eq!(read(ANSWER), Some(card));
        assert_eq!(answer(ANSWER, ADDRESS, 4, 8), None, "another question");
        assert_eq!(answer(ANSWER, ADDRESS, 5, 7), None, "another interface");
        assert_eq!(answer(ANSWER, Ipv4Addr::new(192, 0, 2, 2), 4, 7), None, "another address");
        for (state, expected) in [(0x80, card), (0x04, card), (0x01, Answer::Incomplete), (0x40, Answer::Incomplete)] {
            let mut other = ANSWER.to_vec();
            other[24] = state;
            assert_eq!(read(&other), Some(expected), "state {state:#x}");
        }
        for length in 0..ANSWER.len() {
            assert_eq!(read(&ANSWER[..length]), None, "cut to {length} bytes");
        }
        let error = [&[36, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0][..], &(-2i32).to_ne_bytes(), &[0; 16]].concat();
        assert_eq!(read(&error), Some(Answer::Error(2)));
    }

    #[test]
    fn no_packet_whatever_its_lengths_is_read_beyond_its_end() {
        for place in 0..ANSWER.len() {
            for byte in 0..=255 {
                let mut packet = ANSWER.to_vec();
                packet[place] = byte;
                let _ = answer(&packet, ADDRESS, 4, 7);
            }
        }
    }
}
