//! What is known about a MAC as it happens: in memory at once, and in the store shortly after.

pub(in crate::server) mod keeper;
pub(crate) mod recent;
pub(crate) mod sightings;
