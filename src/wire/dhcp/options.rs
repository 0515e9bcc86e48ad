//! The options of one packet, still as bytes. Parsing is lenient on purpose: each option stands alone, so a malformed
//! one never hides another. Nothing is interpreted here; `request` does that.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Numbers of the options that rackstart reads or writes itself, without a dhcproto type.
pub(crate) mod code {
    #![allow(missing_docs)]
    pub(crate) const HOST_NAME: u8 = 12;
    pub(crate) const DOMAIN_NAME: u8 = 15;
    pub(crate) const BROADCAST_ADDRESS: u8 = 28;
    pub(crate) const VENDOR_SPECIFIC: u8 = 43;
    pub(crate) const REQUESTED_ADDRESS: u8 = 50;
    pub(crate) const OVERLOAD: u8 = 52;
    pub(crate) const MESSAGE_TYPE: u8 = 53;
    pub(crate) const SERVER_IDENTIFIER: u8 = 54;
    pub(crate) const PARAMETER_REQUEST_LIST: u8 = 55;
    pub(crate) const MAX_MESSAGE_SIZE: u8 = 57;
    pub(crate) const VENDOR_CLASS: u8 = 60;
    pub(crate) const CLIENT_IDENTIFIER: u8 = 61;
    pub(crate) const BOOT_FILE: u8 = 67;
    pub(crate) const USER_CLASS: u8 = 77;
    pub(crate) const RELAY_INFORMATION: u8 = 82;
    pub(crate) const CLIENT_ARCH: u8 = 93;
    pub(crate) const MACHINE_UUID: u8 = 97;
    pub(crate) const DOMAIN_SEARCH: u8 = 119;
    pub(crate) const IPXE: u8 = 175;
    pub(crate) const PAD: u8 = 0;
    pub(crate) const END: u8 = 255;
}

/// Every option of a packet by its number, joined over repeats (RFC 3396) and over the `file` and `sname` fields when
/// option 52 says that they hold options too.
#[derive(Debug, Default)]
pub(crate) struct RawOptions {
    by_code: BTreeMap<u8, Vec<u8>>,
    truncated: bool,
}

impl RawOptions {
    /// Reads the options field, then `file`, then `sname`: the order in which RFC 3396 joins them. A packet under 240
    /// bytes has no options.
    pub(crate) fn read(packet: &[u8]) -> Self {
        let mut options = Self::default();
        options.read_area(packet.get(240..).unwrap_or_default());
        let overload = options.get(code::OVERLOAD).and_then(|data| data.first().copied()).unwrap_or(0);
        if overload & 1 == 1 {
            options.read_area(&packet[108..236]);
        }
        if overload & 2 == 2 {
            options.read_area(&packet[44..108]);
        }
        options
    }

    fn read_area(&mut self, mut area: &[u8]) {
        while let Some((&number, rest)) = area.split_first() {
            area = match number {
                code::PAD => rest,
                code::END => return,
                _ => match split_value(rest) {
                    Some((value, after)) => {
                        self.by_code.entry(number).or_default().extend_from_slice(value);
                        after
                    }
                    None => {
                        self.truncated = true;
                        return;
                    }
                },
            };
        }
    }

    /// The joined bytes of an option, if it was sent; may be empty.
    pub(crate) fn get(&self, number: u8) -> Option<&[u8]> {
        self.by_code.get(&number).map(Vec::as_slice)
    }

    /// The `N` bytes of an option of fixed size. A repeated option counts once; `None` for any other length.
    pub(crate) fn fixed<const N: usize>(&self, number: u8) -> Option<[u8; N]> {
        let data = self.get(number)?;
        if data.is_empty() || data.len() % N != 0 {
            return None;
        }
        data.first_chunk().copied()
    }

    /// An option that holds one address.
    pub(crate) fn address(&self, number: u8) -> Option<Ipv4Addr> {
        self.fixed::<4>(number).map(Ipv4Addr::from)
    }

    /// Whether the last option extends past the end of its field; the options before it are kept.
    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// Splits the length byte and its value off the front.
fn split_value(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = rest.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// Finds a sub-option of option 82 or 175, which have neither padding nor an end mark (RFC 3046 section 2.0).
pub(crate) fn sub_option(mut data: &[u8], number: u8) -> Option<&[u8]> {
    while let Some((&found, rest)) = data.split_first() {
        let (value, after) = split_value(rest)?;
        if found == number {
            return Some(value);
        }
        data = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[u8]) -> RawOptions {
        read_with(&[], &[], options)
    }

    fn read_with(sname: &[u8], file: &[u8], options: &[u8]) -> RawOptions {
        let mut packet = vec![0; 240];
        packet[44..44 + sname.len()].copy_from_slice(sname);
        packet[108..108 + file.len()].copy_from_slice(file);
        packet.extend_from_slice(options);
        RawOptions::read(&packet)
    }

    #[test]
    fn option_split_over_repeats_is_joined_even_when_others_stand_between() {
        let options = read(&[43, 2, 1, 2, 12, 1, b'a', 0, 43, 1, 3, 255]);
        assert_eq!(options.get(43), Some(&[1, 2, 3][..]));
        assert_eq!(options.get(12), Some(&b"a"[..]));
    }

    #[test]
    fn overloaded_file_and_sname_are_read_in_this_order() {
        let options = read_with(&[77, 1, b'2', 255], &[77, 1, b'1', 255], &[52, 1, 3, 77, 1, b'0', 255]);
        assert_eq!(options.get(77), Some(&b"012"[..]));
    }

    #[test]
    fn file_and_sname_are_left_alone_without_overload() {
        let options = read_with(&[77, 1, b'2', 255], &[77, 1, b'1', 255], &[53, 1, 1, 255]);
        assert_eq!(options.get(77), None);
    }

    #[test]
    fn truncated_option_leaves_those_before_it() {
        for tail in [&[60, 200, 1][..], &[60]] {
            let options = read(&[&[53, 1, 1][..], tail].concat());
            assert_eq!(options.get(53), Some(&[1][..]));
            assert_eq!(options.get(60), None);
            assert!(options.is_truncated());
        }
    }

    #[test]
    fn nothing_is_read_after_the_end_mark() {
        assert_eq!(read(&[53, 1, 1, 255, 60, 1, 1]).get(60), None);
    }

    #[test]
    fn fixed_size_takes_the_first_of_a_repeat_and_refuses_odd_lengths() {
        let options = read(&[54, 4, 1, 2, 3, 4, 54, 4, 5, 6, 7, 8, 50, 3, 1, 2, 3, 57, 0, 255]);
        assert_eq!(options.address(54), Some(Ipv4Addr::new(1, 2, 3, 4)));
        assert_eq!(options.address(50), None);
        assert_eq!(options.fixed::<2>(57), None);
    }

    #[test]
    fn sub_option_is_found_and_a_broken_one_is_none() {
        let data = [1, 2, 9, 9, 5, 4, 10, 0, 0, 1, 2, 7];
        assert_eq!(sub_option(&data, 5), Some(&[10, 0, 0, 1][..]));
        assert_eq!(sub_option(&data, 2), None);
        assert_eq!(sub_option(&data, 9), None);
    }
}
