//! What client and server agree on (RFC 2347): each option is answered with a value that is safe here, or left out.

use std::time::Duration;

use tftpd::{OptionType, Packet, TransferOption};

use super::Request;

/// Block size without the option, bytes (RFC 1350).
const DEFAULT_BLKSIZE: u16 = 512;
/// The range of `blksize`, bytes (RFC 2348).
const BLKSIZE_RANGE: std::ops::RangeInclusive<u16> = 8..=65464;
/// IPv4, UDP and TFTP headers of a DATA packet, bytes: what the network's MTU must carry besides the block.
const HEADERS_BYTES: u32 = 20 + 8 + 4;
/// The range of `timeout`, seconds (RFC 2349).
const TIMEOUT_RANGE: std::ops::RangeInclusive<u64> = 1..=255;
/// The largest window served, blocks. RFC 7440 allows 65535, which no switch buffer holds.
const MAX_WINDOWSIZE: u16 = 64;

/// The largest values that the server grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes per block.
    pub blksize: u16,
    /// Blocks per window.
    pub windowsize: u16,
}

impl Limits {
    /// The limits for a link of this MTU (bytes), so that no DATA packet is ever fragmented.
    pub fn for_mtu(mtu: u32) -> Self {
        let blksize = u16::try_from(mtu.saturating_sub(HEADERS_BYTES)).unwrap_or(u16::MAX);
        Self { blksize: blksize.clamp(*BLKSIZE_RANGE.start(), *BLKSIZE_RANGE.end()), windowsize: MAX_WINDOWSIZE }
    }
}

/// The terms of one transfer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agreed {
    /// Bytes per block.
    pub blksize: u16,
    /// Blocks per window.
    pub windowsize: u16,
    /// The client's own retransmission timeout, if it asked for one.
    pub timeout: Option<Duration>,
    /// The options that the OACK acknowledges; empty when there is no OACK.
    acknowledged: Vec<TransferOption>,
}

impl Agreed {
    /// Decides the terms. A value outside an option's range is treated as if the client had not asked.
    pub(crate) fn decide(request: &Request, content_len: u64, limits: Limits) -> Self {
        let asked =
            |option, range: std::ops::RangeInclusive<u64>| request.option(option).filter(|value| range.contains(value));
        let at_most = |limit: u16| move |value: u64| u16::try_from(value).unwrap_or(u16::MAX).min(limit);
        let blksize = asked(OptionType::BlockSize, u64::from(*BLKSIZE_RANGE.start())..=u64::MAX);
        let blksize = blksize.map(at_most(limits.blksize));
        let windowsize = asked(OptionType::WindowSize, 1..=u64::MAX).map(at_most(limits.windowsize));
        let timeout = asked(OptionType::Timeout, TIMEOUT_RANGE);
        let tsize = asked(OptionType::TransferSize, 0..=u64::MAX).map(|_| content_len);

        let answers = [
            (OptionType::BlockSize, blksize.map(u64::from)),
            (OptionType::TransferSize, tsize),
            (OptionType::Timeout, timeout),
            (OptionType::WindowSize, windowsize.map(u64::from)),
        ];
        let answer = |(option, value): (OptionType, Option<u64>)| value.map(|value| TransferOption { option, value });
        Self {
            blksize: blksize.unwrap_or(DEFAULT_BLKSIZE),
            windowsize: windowsize.unwrap_or(1),
            timeout: timeout.map(Duration::from_secs),
            acknowledged: answers.into_iter().filter_map(answer).collect(),
        }
    }

    /// Whether an OACK starts the transfer. Without one, the first DATA does.
    pub(crate) fn has_oack(&self) -> bool {
        !self.acknowledged.is_empty()
    }

    /// Whether the client asked how large the content is.
    pub(super) fn tells_size(&self) -> bool {
        self.acknowledged.iter().any(|said| said.option == OptionType::TransferSize)
    }

    /// The OACK packet.
    pub(crate) fn oack(&self) -> Vec<u8> {
        Packet::Oack(self.acknowledged.clone()).serialize().expect("an OACK always has bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(options: &str, mtu: u32) -> Agreed {
        let packet = format!("\0\x01f\0octet\0{}\0", options.replace(' ', "\0"));
        Agreed::decide(&Request::parse(packet.as_bytes()).unwrap(), 74_000, Limits::for_mtu(mtu))
    }

    fn oack(options: &str) -> String {
        String::from_utf8(agree(options, 1500).oack()[2..].to_vec()).unwrap().replace('\0', " ")
    }

    #[test]
    fn transfer_without_options_has_the_sizes_of_rfc_1350() {
        let agreed = agree("", 1500);
        assert_eq!((agreed.blksize, agreed.windowsize, agreed.timeout, agreed.has_oack()), (512, 1, None, false));
    }

    #[test]
    fn oack_has_just_what_was_asked() {
        assert_eq!(oack("tsize 0 blksize 1468 windowsize 4"), "blksize 1468 tsize 74000 windowsize 4 ");
        assert_eq!(oack("timeout 3 utimeout 5 multicast x"), "timeout 3 ");
    }

    #[test]
    fn sizes_are_clamped_to_the_link_and_the_window_cap() {
        assert_eq!(oack("blksize 65464 windowsize 65535"), "blksize 1468 windowsize 64 ");
        assert_eq!(oack("blksize 99999999999 windowsize 99999999999"), "blksize 1468 windowsize 64 ");
        assert_eq!(agree("blksize 65464", 9000).blksize, 8968);
        assert_eq!(agree("blksize 65464", 65536).blksize, 65464);
        assert_eq!(agree("blksize 65464", 0).blksize, 8);
    }

    #[test]
    fn values_out_of_range_are_left_out() {
        assert!(!agree("blksize 7 windowsize 0 timeout 0", 1500).has_oack());
        assert!(!agree("blksize 0 timeout 256", 1500).has_oack());
        assert_eq!(agree("timeout 255", 1500).timeout, Some(Duration::from_secs(255)));
    }
}
