//! Parses a request (RFC 1350 section 5, RFC 2347): lenient with what firmware gets wrong, strict with sizes.

use std::fmt;
use std::str::FromStr;

use tftpd::{ErrorCode, Opcode, OptionType, TransferOption};
use thiserror::Error;

use crate::letters::is_unprintable;

/// The largest size of a request in bytes (RFC 2347: "the maximum size of a request packet is 512 octets").
const MAX_REQUEST_BYTES: usize = 512;
/// The longest name in bytes: what DHCP option 67 can carry.
const MAX_NAME_BYTES: usize = 255;

/// A read request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The name as asked. Control characters and bytes that are not UTF-8 become U+FFFD, so it is safe in a log line
    /// and never equals a published name. It is a key to look up, never a path.
    pub name: String,
    /// The options that are known and have a numeric value, in the client's order; the first of each kind.
    pub options: Vec<TransferOption>,
}

/// Why a packet at the listening port is not a read request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Not a request at all. Never answered: two servers would answer each other for ever.
    #[error("the packet is not a TFTP request")]
    NotARequest,
    /// A write request.
    #[error("this server is read-only")]
    Write,
    /// Larger than the RFC allows.
    #[error("the request is longer than 512 bytes")]
    TooLong,
    /// The name is not terminated, or no mode follows it.
    #[error("the request has no end of name or no mode")]
    Unterminated,
    /// No name.
    #[error("the request names no file")]
    NoName,
    /// A name longer than any published one.
    #[error("the name is longer than 255 bytes")]
    NameTooLong,
    /// Neither octet nor netascii.
    #[error("mode `{0}` is not served, only octet")]
    Mode(String),
}

impl RequestError {
    /// The error code for the client; `None` where no answer may be sent.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::NotARequest => None,
            Self::Write => Some(ErrorCode::AccessViolation),
            Self::NoName => Some(ErrorCode::FileNotFound),
            Self::TooLong | Self::Unterminated | Self::NameTooLong | Self::Mode(_) => Some(ErrorCode::IllegalOperation),
        }
    }
}

impl Request {
    /// Parses a request. Netascii is treated as octet: the served files are either binary or already have their line
    /// ends. A last string without its NUL, and NULs after the end, are accepted.
    pub fn parse(packet: &[u8]) -> Result<Self, RequestError> {
        let [high, low, body @ ..] = packet else { return Err(RequestError::NotARequest) };
        match Opcode::from_u16(u16::from_be_bytes([*high, *low])) {
            Ok(Opcode::Rrq) => {}
            Ok(Opcode::Wrq) => return Err(RequestError::Write),
            _ => return Err(RequestError::NotARequest),
        }
        if packet.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLong);
        }
        let mut strings = body.split(|byte| *byte == 0);
        let (Some(name), Some(mode)) = (strings.next(), strings.next()) else { return Err(RequestError::Unterminated) };
        // Old firmware takes the name from DHCP's options and reads on to a zero byte, past the options' end mark.
        let name = match name.iter().position(|byte| *byte == 0xff) {
            Some(end @ 1..) => &name[..end],
            _ => name,
        };
        if name.is_empty() {
            return Err(RequestError::NoName);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(RequestError::NameTooLong);
        }
        if !mode.eq_ignore_ascii_case(b"octet") && !mode.eq_ignore_ascii_case(b"netascii") {
            return Err(RequestError::Mode(printable(mode).chars().take(16).collect()));
        }
        let mut options: Vec<TransferOption> = Vec::new();
        while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
            if let Some(read) = option(name, value)
                && options.iter().all(|earlier| earlier.option != read.option)
            {
                options.push(read);
            }
        }
        Ok(Self { name: printable(name), options })
    }

    /// The value of an option, if the client sent a readable one.
    pub(super) fn option(&self, wanted: OptionType) -> Option<u64> {
        self.options.iter().find(|read| read.option == wanted).map(|read| read.value)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.options.iter().try_for_each(|read| write!(f, " {}={}", read.option.as_str(), read.value))
    }
}

/// Parses one option. An unknown name or a value that is not a number is treated as if the client had not asked.
fn option(name: &[u8], value: &[u8]) -> Option<TransferOption> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let value = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    Some(TransferOption { option: OptionType::from_str(&name).ok()?, value })
}

/// Bytes from the wire as text that can neither forge a log line nor control a terminal.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Request, RequestError> {
        Request::parse(format!("\0\x01{text}").as_bytes())
    }

    #[test]
    fn name_ends_at_its_nul_and_is_taken_as_asked() {
        assert_eq!(read("undionly.kpxe\0octet\0").unwrap().name, "undionly.kpxe");
        let read_on = Request::parse(b"\0\x01undionly.kpxe\xff\x00octet\0").unwrap();
        assert_eq!(
            read_on.name, "undionly.kpxe",
            "without the end mark of the options, which old firmware asks for too"
        );
        assert_eq!(read("../../etc/passwd\0octet\0").unwrap().name, "../../etc/passwd");
        assert_eq!(read("a\0b\0octet\0"), Err(RequestError::Mode("b".into())));
    }

    #[test]
    fn one_bad_option_value_does_not_cost_the_others() {
        let request =
            read("f\0octet\0tsize\0many\0BlkSize\x001468\0windowsize\0-4\0timeout\x002\0colour\x007\0").unwrap();
        assert_eq!(request.to_string(), "f blksize=1468 timeout=2");
    }

    #[test]
    fn first_of_two_equal_options_counts() {
        assert_eq!(read("f\0octet\0blksize\x001024\0blksize\x0099\0").unwrap().to_string(), "f blksize=1024");
    }

    #[test]
    fn missing_last_nul_and_trailing_nuls_are_accepted() {
        assert_eq!(read("f\0octet").unwrap().options, []);
        assert_eq!(read("f\0OCTET\0tsize\x000").unwrap().to_string(), "f tsize=0");
        assert_eq!(read("f\0NetAscii\0tsize\x000\0\0\0\0").unwrap().to_string(), "f tsize=0");
    }

    #[test]
    fn requests_that_cannot_be_served_say_why() {
        assert_eq!(read("f"), Err(RequestError::Unterminated));
        assert_eq!(read("\0octet\0"), Err(RequestError::NoName));
        assert_eq!(read("f\0mail\0"), Err(RequestError::Mode("mail".into())));
        assert_eq!(read(&format!("{}\0octet\0", "n".repeat(256))), Err(RequestError::NameTooLong));
        assert_eq!(read(&format!("{}\0octet\0", "n".repeat(600))), Err(RequestError::TooLong));
        assert_eq!(Request::parse(b"\0\x02f\0octet\0"), Err(RequestError::Write));
        assert_eq!(RequestError::Write.code(), Some(ErrorCode::AccessViolation));
    }

    #[test]
    fn other_packets_at_the_listening_port_get_no_answer() {
        for packet in
            [&b""[..], b"\0", b"\0\x03\0\x01data", b"\0\x04\0\x01", b"\0\x05\0\x01no\0", b"\0\x06", b"\x01\0f\0octet\0"]
        {
            assert_eq!(Request::parse(packet).unwrap_err().code(), None, "{packet:?}");
        }
    }

    #[test]
    fn name_cannot_forge_a_log_line() {
        let name = read("a\nERROR b\x1b[2J\u{202e}c\0octet\0").unwrap().name;
        assert_eq!(name, "a\u{fffd}ERROR b\u{fffd}[2J\u{fffd}c");
        assert_eq!(Request::parse(b"\0\x01\xff\xfe\0octet\0").unwrap().name, "\u{fffd}\u{fffd}");
    }

    proptest! {
        #[test]
        fn no_packet_makes_the_parser_panic(packet in prop::collection::vec(any::<u8>(), 0..700), opcode in 0u8..7) {
            let _ = Request::parse(&packet);
            let _ = Request::parse(&[&[0, opcode], &packet[..]].concat());
        }
    }
}
