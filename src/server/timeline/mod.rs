//! What is known of a MAC while it happens: in memory at once, and in the store as soon as it has time.

pub(in crate::server) mod keeper;
pub(crate) mod recent;
