//! An attacker with an address that belongs to no node. It takes what it can get: connections that say nothing, heads
//! that never end, downloads that nobody reads, TFTP requests, DHCP requests of ever new cards, log lines in the name
//! of nodes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::sleep;

use super::node::SERVER;
use super::site::address;
use crate::support::dhcp_packets::packet;
use crate::support::dice::Dice;

/// The number of connections of each kind that are held at once.
const HELD: usize = 6;

/// Attacks until the task is aborted.
pub async fn attacks(n: u16, nodes: u16) {
    let own = Ipv4Addr::new(10, 77, 100, n as u8 + 1);
    let holds = (0..3 * HELD).map(|kind| hold(own, kind % 3));
    tokio::join!(futures_util::future::join_all(holds), packets(own, n, nodes));
}

/// Holds one connection; takes a new one when it is closed.
async fn hold(own: Ipv4Addr, kind: usize) {
    loop {
        if let Ok(mut stream) = connect(own).await {
            let _ = match kind {
                0 => Ok(()),
                1 => stream.write_all(b"GET /boot/52-54-00-00-00-01 HTTP/1.1\r\n").await,
                _ => stream.write_all(b"GET /tree/centos6/images/pxeboot/initrd.img HTTP/1.1\r\nHost: x\r\n\r\n").await,
            };
            for _ in 0..60 {
                sleep(Duration::from_millis(500)).await;
                if kind == 1 && stream.write_all(b"X-More: and more\r\n").await.is_err() {
                    break;
                }
            }
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn connect(own: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((own, 0)))?;
    socket.connect(SocketAddr::from((SERVER, 80))).await
}

/// Ten packets of each kind a second.
async fn packets(own: Ipv4Addr, n: u16, nodes: u16) {
    let mut dice = Dice::new(u64::from(n) + 1000);
    let Ok(socket) = UdpSocket::bind((own, 0)).await else { return };
    let mut discover = packet("unknown-mac-discover");
    loop {
        discover[28..34].copy_from_slice(&[&[2][..], &dice.bytes(5)].concat());
        let _ = socket.send_to(&discover, SocketAddr::from((SERVER, 67))).await;
        let _ = socket.send_to(b"\0\x01undionly.kpxe\0octet\0", SocketAddr::from((SERVER, 69))).await;
        // In the name of a node: a request for its boot program that it never asked for, and a line of its log.
        let victim = Ipv4Addr::from(address(dice.below(usize::from(nodes)) as u16));
        if let Ok(forged) = UdpSocket::bind((victim, 0)).await {
            let _ = forged.send_to(b"\0\x01undionly.kpxe\0octet\0", SocketAddr::from((SERVER, 69))).await;
            let _ = forged.send_to(b"<13>anaconda: forged", SocketAddr::from((SERVER, 514))).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
}
