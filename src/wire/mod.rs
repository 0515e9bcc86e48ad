//! Packets: bytes to values and back. There is no socket and no clock here; `server` moves the bytes.

pub(crate) mod datagram;
pub mod dhcp;
pub(crate) mod dns;
pub(crate) mod neighbour;
pub(crate) mod ntp;
pub(crate) mod router_advertisement;
pub mod syslog;
pub mod tftp;
