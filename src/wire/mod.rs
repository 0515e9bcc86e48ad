//! Packets: bytes to values and back. No socket, no clock; `server` moves the bytes.

pub mod datagram;
pub mod dhcp;
pub mod dns;
pub mod ntp;
pub mod router_advertisement;
pub mod syslog;
pub mod tftp;
