//! Sends the blocks of a window together: the kernel cuts one buffer into datagrams (`UDP_SEGMENT`, udp(7)), so a window
//! costs one system call and one walk through the network stack, not one for each block.

use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// The largest number of datagrams in one call that every kernel since 4.18 accepts.
const MAX_DATAGRAMS: u64 = 64;
/// The largest number of bytes in one call: the content of one IPv4 datagram before it is cut.
const MAX_BYTES: u64 = 65_507;

/// Splits a window into the largest parts that can be sent with one call. `packet` is the length of every packet but the
/// last one, in bytes.
pub(super) fn parts(blocks: RangeInclusive<u64>, packet: u64) -> impl Iterator<Item = RangeInclusive<u64>> {
    let most = (MAX_BYTES / packet.max(1)).clamp(1, MAX_DATAGRAMS);
    let last = *blocks.end();
    blocks.step_by(most as usize).map(move |first| first..=last.min(first + most - 1))
}

/// Sends packets of two parts each, which have the length of the first one; only the last may be shorter.
pub(super) fn send<const N: usize>(socket: &impl AsRawFd, packets: &[([u8; N], &[u8])]) -> io::Result<()> {
    let Some((head, body)) = packets.first() else { return Ok(()) };
    let length = u16::try_from(head.len() + body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let slices: Vec<IoSlice<'_>> =
        packets.iter().flat_map(|(head, body)| [IoSlice::new(head), IoSlice::new(body)]).collect();
    let cut = [ControlMessage::UdpGsoSegments(&length)];
    sendmsg::<()>(socket.as_raw_fd(), &slices, &cut, MsgFlags::empty(), None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_window_is_split_where_the_kernel_accepts_no_more() {
        let split = |blocks, packet| parts(blocks, packet).collect::<Vec<_>>();
        assert_eq!(split(1..=16, 1472), [1..=16]);
        assert_eq!(split(5..=68, 1472), [5..=48, 49..=68]);
        assert_eq!(split(1..=130, 516), [1..=64, 65..=128, 129..=130]);
        assert_eq!(split(7..=7, 1472), [7..=7]);
        assert_eq!(split(1..=2, 65_000), [1..=1, 2..=2]);
    }

    #[test]
    fn what_is_sent_together_arrives_as_packets_of_their_own() {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (ours, peer) = (bind(), bind());
        ours.connect(peer.local_addr().unwrap()).unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let content: Vec<u8> = (0..4000u32).map(|n| n as u8).collect();
        for last in [0, 1, 999, 1000] {
            let bodies = [&content[..1000], &content[1000..2000], &content[2000..2000 + last]];
            let packets: Vec<_> = bodies.iter().zip(0u8..).map(|(body, n)| ([0, 3, 0, n], *body)).collect();
            send(&ours, &packets).unwrap();
            for (head, body) in packets {
                let mut packet = [0; 2000];
                let length = peer.recv(&mut packet).unwrap();
                assert_eq!(packet[..length], [&head[..], body].concat(), "last packet of {last} bytes");
            }
        }
    }
}
