//! DNS for the nodes: what the site knows of a name, and how a question travels on to a resolver and its reply back.
//! The packet types are hickory's. A reply of a resolver is passed on byte for byte; only what says whose it is is read.

mod query;
mod zone;

pub(crate) use query::{Asked, Carrier, Query};
pub(crate) use zone::{Found, Zone};
