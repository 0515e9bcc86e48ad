//! Sockets, clocks and tasks. Decides nothing: asks `boot`, `lifecycle` and `render`.

pub mod dhcp;
pub mod packet;
pub mod router_advertisement;
pub mod tftp;
