//! What all listeners have in common: binding to one interface, identifying peers, and limiting the log.

pub mod listen;
pub(in crate::server) mod log_limit;
pub(crate) mod machines;
pub mod neighbours;
pub(in crate::server) mod pace;
pub(in crate::server) mod packet;
pub(in crate::server) mod pinned;
pub mod router_advertisement;
