//! The small packets of a running transfer: what a client may send, and the headers of what it receives.

use tftpd::{ErrorCode, Opcode, Packet};

use super::request::printable;

/// Bytes before the block in a DATA packet.
pub(crate) const DATA_HEADER_BYTES: usize = 4;
/// The largest number of characters of an error text: it must fit a firmware's screen and the smallest receive buffer.
const MAX_ERROR_CHARS: usize = 200;

/// A packet that the client sent to the transfer's own port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientPacket {
    /// Acknowledges everything up to this block number (as on the wire: modulo 65536).
    Ack(u16),
    /// The client ends the transfer.
    Error {
        /// RFC 1350 and 2347 define 0 to 8; clients also send others.
        code: u16,
        /// The client's error text, safe to print.
        text: String,
    },
}

impl ClientPacket {
    /// Parses a packet; `None` for anything but an ACK or an ERROR.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let [high, low, body @ ..] = packet else { return None };
        match Opcode::from_u16(u16::from_be_bytes([*high, *low])).ok()? {
            Opcode::Ack => match Packet::deserialize(packet).ok()? {
                Packet::Ack(block) => Some(Self::Ack(block)),
                _ => None,
            },
            // Not parsed with the crate's type: it knows only the codes of the RFCs, and the end of a transfer must not
            // be missed.
            Opcode::Error => {
                let (code, text) = body.split_first_chunk()?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = printable(text).chars().take(MAX_ERROR_CHARS).collect();
                Some(Self::Error { code: u16::from_be_bytes(*code), text })
            }
            _ => None,
        }
    }
}

/// The header of the DATA packet of a block. Blocks are counted from 1 without wrapping; on the wire 65535 is followed
/// by 0.
pub(crate) fn data_header(block: u64) -> [u8; DATA_HEADER_BYTES] {
    let [high, low] = block_number(block).to_be_bytes();
    [0, 3, high, low]
}

/// The number of a block on the wire.
pub(super) fn block_number(block: u64) -> u16 {
    (block & 0xffff) as u16
}

/// An ERROR packet. The text appears on the client's screen; a long one is cut.
pub(crate) fn error(code: ErrorCode, text: &str) -> Vec<u8> {
    let msg = printable(text.as_bytes()).chars().take(MAX_ERROR_CHARS).collect();
    Packet::Error { code, msg }.serialize().expect("an ERROR always has bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_65535_is_followed_by_block_0() {
        assert_eq!(data_header(1), [0, 3, 0, 1]);
        assert_eq!(data_header(65535), [0, 3, 255, 255]);
        assert_eq!(data_header(65536), [0, 3, 0, 0]);
        assert_eq!(data_header(65537), [0, 3, 0, 1]);
    }

    #[test]
    fn client_errors_are_read_whatever_their_code_and_text() {
        let read = |packet: &[u8]| ClientPacket::parse(packet);
        let error = |code, text: &str| Some(ClientPacket::Error { code, text: text.into() });
        assert_eq!(read(b"\0\x05\0\x08User aborted\0"), error(8, "User aborted"));
        assert_eq!(read(b"\0\x05\x12\x34"), error(0x1234, ""));
        assert_eq!(read(b"\0\x05\0\0caf\xe9\n"), error(0, "caf\u{fffd}\u{fffd}"));
    }

    #[test]
    fn broken_and_foreign_packets_are_nothing() {
        for packet in [
            &b""[..],
            b"\0",
            b"\0\x04",
            b"\0\x04\0",
            b"\0\x05\0",
            b"\0\x01f\0octet\0",
            b"\0\x03\0\x01x",
            b"\xff\xff\0\0",
        ] {
            assert_eq!(ClientPacket::parse(packet), None, "{packet:?}");
        }
        assert_eq!(ClientPacket::parse(b"\0\x04\0\x07\0\0padding"), Some(ClientPacket::Ack(7)));
    }

    #[test]
    fn error_text_is_cut_and_cannot_end_early() {
        let packet = error(ErrorCode::FileNotFound, &format!("no\0{}", "x".repeat(900)));
        assert_eq!(packet[..4], [0, 5, 0, 1]);
        assert!(packet.len() < 300 && packet.ends_with(b"x\0"));
        assert_eq!(packet.iter().filter(|byte| **byte == 0).count(), 3, "two in the head, one at the end");
    }
}
