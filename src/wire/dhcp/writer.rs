//! Writes options into a bounded space, in the order given: the least important come last, and what does not fit is
//! left out.

use dhcproto::v4::DhcpOption;
use dhcproto::{Encodable, Encoder};

use super::options::code;

/// A BOOTP message is at least this long (RFC 951); old ROMs and relay agents drop shorter ones.
const MIN_MESSAGE: usize = 300;
const END_MARK: usize = 1;

/// The bytes of a message under construction.
pub(crate) struct OptionWriter {
    bytes: Vec<u8>,
    limit: usize,
    /// Where an option is encoded before it is known to fit.
    scratch: Vec<u8>,
    /// Space kept free for an option that is written later.
    reserved: usize,
}

impl OptionWriter {
    /// Starts after `header` (fixed fields and magic cookie); the message will have at most `limit` bytes.
    pub(crate) fn new(header: Vec<u8>, limit: usize) -> Self {
        Self { bytes: header, limit, scratch: Vec::new(), reserved: END_MARK }
    }

    /// Writes an option unless it does not fit; returns whether it was written.
    pub(crate) fn push(&mut self, option: &DhcpOption) -> bool {
        let mut encoded = std::mem::take(&mut self.scratch);
        encoded.clear();
        let written = option.encode(&mut Encoder::new(&mut encoded)).is_ok() && self.append(&encoded);
        self.scratch = encoded;
        written
    }

    /// Writes raw bytes as an option, split by RFC 3396 if longer than 255 bytes, unless they do not fit.
    pub(crate) fn push_raw(&mut self, number: u8, data: &[u8]) -> bool {
        self.append(&raw(number, data))
    }

    /// Reserves space for a raw option that must come last, if there is enough; returns whether it was reserved.
    pub(crate) fn reserve_raw(&mut self, number: u8, data: &[u8]) -> bool {
        let length = raw(number, data).len();
        let fits = self.fits(length);
        if fits {
            self.reserved += length;
        }
        fits
    }

    /// Releases the reserved space.
    pub(crate) fn release(&mut self) {
        self.reserved = END_MARK;
    }

    /// Ends the options and pads to the minimum length that every client accepts.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(code::END);
        if self.bytes.len() < MIN_MESSAGE {
            self.bytes.resize(MIN_MESSAGE, code::PAD);
        }
        self.bytes
    }

    fn append(&mut self, encoded: &[u8]) -> bool {
        let fits = self.fits(encoded.len());
        if fits {
            self.bytes.extend_from_slice(encoded);
        }
        fits
    }

    fn fits(&self, length: usize) -> bool {
        self.bytes.len() + length + self.reserved <= self.limit
    }
}

fn raw(number: u8, data: &[u8]) -> Vec<u8> {
    if data.is_empty() {
        return vec![number, 0];
    }
    let mut encoded = Vec::with_capacity(data.len() + 2);
    for piece in data.chunks(255) {
        encoded.push(number);
        // A piece has at most 255 bytes.
        encoded.push(piece.len() as u8);
        encoded.extend_from_slice(piece);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_padded_to_300_bytes_after_its_end_mark() {
        let mut writer = OptionWriter::new(vec![7; 240], 548);
        assert!(writer.push(&DhcpOption::AddressLeaseTime(1)));
        let bytes = writer.finish();
        assert_eq!(bytes.len(), 300);
        assert_eq!(bytes[240..248], [51, 4, 0, 0, 0, 1, 255, 0]);
    }

    #[test]
    fn option_that_does_not_fit_stays_out_and_smaller_ones_go_on() {
        let mut writer = OptionWriter::new(vec![0; 240], 250);
        assert!(!writer.push_raw(61, &[1; 8]));
        assert!(writer.push_raw(61, &[1; 7]));
        assert!(!writer.push_raw(12, &[]));
        assert_eq!(writer.finish()[240..250], [61, 7, 1, 1, 1, 1, 1, 1, 1, 255]);
    }

    #[test]
    fn reserved_room_is_not_used_by_others() {
        let mut writer = OptionWriter::new(vec![0; 240], 250);
        assert!(writer.reserve_raw(82, &[9; 4]));
        assert!(!writer.push_raw(12, &[1; 2]));
        assert!(writer.push_raw(12, &[1]));
        writer.release();
        assert!(writer.push_raw(82, &[9; 4]));
        assert_eq!(writer.finish()[240..250], [12, 1, 1, 82, 4, 9, 9, 9, 9, 255]);
    }

    #[test]
    fn long_raw_option_is_split() {
        let mut writer = OptionWriter::new(vec![0; 240], 1472);
        assert!(writer.push_raw(82, &[5; 300]));
        let bytes = writer.finish();
        assert_eq!(bytes[240..242], [82, 255]);
        assert_eq!(bytes[497..499], [82, 45]);
        assert_eq!(bytes[544], 255);
    }
}
