//! DNS for the nodes: what the site knows about a name, and how a question is forwarded to a resolver and its reply
//! returned. The packet types are hickory's. A resolver's reply is passed on byte for byte; only the part that
//! identifies its question is parsed.

mod query;
mod zone;

pub(crate) use query::{Asked, Carrier, Query};
pub(crate) use zone::{Found, Zone};
