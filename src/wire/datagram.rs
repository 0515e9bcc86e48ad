//! A UDP datagram with its IPv4 header, built by hand: a machine without an address cannot answer ARP, so the kernel
//! would not send it one. Checksums are always complete: a virtual network card may pass a partial one on to the guest.

use std::net::SocketAddrV4;

use crate::site::Mac;

const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const TIME_TO_LIVE: u8 = 64;
const UDP: u8 = 17;
/// Longest payload: the IP length field has 16 bits.
const MAX_PAYLOAD: usize = u16::MAX as usize - IP_HEADER - UDP_HEADER;

/// Builds the IP packet, without an Ethernet header; `None` when the payload is too long for one packet.
pub(crate) fn udp_in_ipv4(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let udp_length = (UDP_HEADER + payload.len()) as u16;
    let mut packet = Vec::with_capacity(IP_HEADER + usize::from(udp_length));
    packet.extend_from_slice(&ip_header(from, to, udp_length));
    packet.extend_from_slice(&from.port().to_be_bytes());
    packet.extend_from_slice(&to.port().to_be_bytes());
    packet.extend_from_slice(&udp_length.to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload);
    let pseudo_header = addresses(from, to) + u32::from(UDP) + u32::from(udp_length);
    let checksum = match fold(pseudo_header + sum(&packet[IP_HEADER..])) {
        // Zero on the wire means "no checksum" (RFC 768).
        0 => 0xffff,
        checksum => checksum,
    };
    packet[IP_HEADER + 6..IP_HEADER + 8].copy_from_slice(&checksum.to_be_bytes());
    Some(packet)
}

/// Parses the Ethernet frame of a UDP datagram in IPv4; returns its sender on this link and the payload. Checksums are
/// left to the kernel, because a virtual network card may pass a partial one.
pub(crate) fn udp_in_frame(frame: &[u8]) -> Option<(Mac, &[u8])> {
    let (ethernet, ip) = frame.split_at_checked(14)?;
    if ethernet[12..] != [8, 0] || ip.first()? >> 4 != 4 || *ip.get(9)? != UDP {
        return None;
    }
    let from = ethernet[6..12].try_into().ok()?;
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let header = usize::from(ip[0] & 15) * 4;
    // Bytes after the packet only pad the frame to its minimum length.
    let udp = ip.get(header..total)?;
    let length = usize::from(u16::from_be_bytes([*udp.get(4)?, *udp.get(5)?]));
    Some((Mac(from), udp.get(UDP_HEADER..length)?))
}

fn ip_header(from: SocketAddrV4, to: SocketAddrV4, udp_length: u16) -> [u8; IP_HEADER] {
    let mut header = [0; IP_HEADER];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&(IP_HEADER as u16 + udp_length).to_be_bytes());
    header[6] = 0x40; // do not fragment: it fits, and an identification of zero is then right (RFC 6864)
    header[8] = TIME_TO_LIVE;
    header[9] = UDP;
    header[12..16].copy_from_slice(&from.ip().octets());
    header[16..20].copy_from_slice(&to.ip().octets());
    let checksum = fold(sum(&header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn addresses(from: SocketAddrV4, to: SocketAddrV4) -> u32 {
    sum(&from.ip().octets()) + sum(&to.ip().octets())
}

/// Sums 16-bit words; 64 KiB of them cannot overflow 32 bits.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum()
}

/// Folds a sum into the Internet checksum (RFC 1071).
fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const FROM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 254), 67);
    const TO: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 2), 68);

    #[test]
    fn packet_matches_one_computed_elsewhere() {
        let packet = udp_in_ipv4(FROM, TO, b"abc").unwrap();
        let expected = [
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0xb8, 0x7d, 192, 168, 0, 254, 192, 168, 0, 2, // IP
            0, 67, 0, 68, 0, 11, 0xb8, 0x9d, b'a', b'b', b'c',
        ];
        assert_eq!(packet, expected);
    }

    #[test]
    fn receiver_sums_header_and_datagram_to_zero() {
        for length in [0usize, 1, 2, 300, 1471, 1472] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8 ^ 0xa5).collect();
            let packet = udp_in_ipv4(FROM, TO, &payload).unwrap();
            assert_eq!(fold(sum(&packet[..IP_HEADER])), 0);
            let udp_length = (packet.len() - IP_HEADER) as u32;
            assert_eq!(fold(addresses(FROM, TO) + 17 + udp_length + sum(&packet[IP_HEADER..])), 0, "{length}");
        }
    }

    #[test]
    fn payload_over_the_length_field_is_refused() {
        assert!(udp_in_ipv4(FROM, TO, &vec![0; MAX_PAYLOAD]).is_some());
        assert_eq!(udp_in_ipv4(FROM, TO, &vec![0; MAX_PAYLOAD + 1]), None);
    }

    #[test]
    fn a_frame_is_taken_apart_without_its_filling_and_a_cut_one_is_none() {
        let packet = udp_in_ipv4("10.0.0.1:67".parse().unwrap(), "10.0.0.2:68".parse().unwrap(), b"hello").unwrap();
        let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 9], &[8, 0], &packet, &[0; 20]].concat();
        assert_eq!(udp_in_frame(&frame), Some((Mac([2, 0, 0, 0, 0, 9]), &b"hello"[..])));
        for length in 0..14 + packet.len() {
            assert_eq!(udp_in_frame(&frame[..length]), None, "{length}");
        }
        for (place, byte) in [(13, 6), (14, 0x65), (23, 6)] {
            let mut other = frame.clone();
            other[place] = byte;
            assert_eq!(udp_in_frame(&other), None, "byte {place}");
        }
    }
}
