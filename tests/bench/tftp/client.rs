//! A plain blocking client: it costs little time, sends the requests that firmware sends, and can lose packets on
//! purpose.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// What the client asks for.
pub struct Terms {
    pub blksize: usize,
    pub windowsize: u16,
    /// Drops every DATA packet whose turn is a multiple of this.
    pub loses_every: Option<u32>,
}

/// After this silence the last ACK is sent again.
const SILENCE: Duration = Duration::from_secs(1);
const MAX_SILENCES: u32 = 20;

/// Downloads a file and says how long it took. `turn` counts the DATA packets over all downloads of a client.
pub fn fetch(from: Ipv4Addr, server: SocketAddrV4, name: &str, terms: &Terms, turn: &mut u32) -> io::Result<Duration> {
    let started = Instant::now();
    let socket = UdpSocket::bind((from, 0))?;
    socket.set_read_timeout(Some(SILENCE))?;
    let window = if terms.windowsize > 1 { format!("windowsize\0{}\0", terms.windowsize) } else { String::new() };
    let request = format!("\0\x01{name}\0octet\0blksize\0{}\0{window}", terms.blksize);
    socket.send_to(request.as_bytes(), server)?;

    let (mut peer, mut last, mut since_ack, mut silences) = (None, 0u16, 0, 0);
    let mut windowsize = 1;
    let mut packet = [0; 2048];
    loop {
        let (len, from) = match socket.recv_from(&mut packet) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && silences < MAX_SILENCES => {
                silences += 1;
                match peer {
                    Some(peer) => acknowledge(&socket, peer, last)?,
                    None => drop(socket.send_to(request.as_bytes(), server)?),
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        if *peer.get_or_insert(from) != from {
            continue;
        }
        match packet[1] {
            6 => {
                let grants_window = packet[..len].windows(10).any(|name| name.eq_ignore_ascii_case(b"windowsize"));
                windowsize = if grants_window { terms.windowsize } else { 1 };
                acknowledge(&socket, from, 0)?;
            }
            3 => {
                *turn += 1;
                if terms.loses_every.is_some_and(|every| turn.is_multiple_of(every)) {
                    continue;
                }
                let is_next = u16::from_be_bytes([packet[2], packet[3]]) == last.wrapping_add(1);
                let is_last = is_next && len - 4 < terms.blksize;
                if is_next {
                    (last, since_ack) = (last.wrapping_add(1), since_ack + 1);
                }
                if !is_next || is_last || since_ack == windowsize {
                    acknowledge(&socket, from, last)?;
                    since_ack = 0;
                }
                if is_last {
                    return Ok(started.elapsed());
                }
            }
            _ => return Err(io::Error::other(String::from_utf8_lossy(&packet[4..len]).into_owned())),
        }
    }
}

fn acknowledge(socket: &UdpSocket, peer: std::net::SocketAddr, block: u16) -> io::Result<()> {
    let [high, low] = block.to_be_bytes();
    socket.send_to(&[0, 4, high, low], peer).map(drop)
}
