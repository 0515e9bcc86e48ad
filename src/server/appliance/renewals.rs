//! Which payload each node has, and which it should have.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::lifecycle::Told;
use crate::secrets::Secrets;
use crate::server::served::Served;
use crate::site::Mac;

/// What the nodes told of their payloads, and the digests of those that they should have. In memory alone: they tell again
/// within half a minute.
#[derive(Default)]
pub struct Renewals {
    /// Since when nodes could tell, in Unix seconds.
    pub(in crate::server) since: u64,
    pub(in crate::server) told: Mutex<HashMap<Mac, Told>>,
    /// Those that asked for errands and told of no payload.
    pub(in crate::server) older: Mutex<HashSet<Mac>>,
    pub(in crate::server) digests: Mutex<Digests>,
}

/// Digests of one site with one set of secrets; making one renders a whole payload.
#[derive(Default)]
pub(in crate::server) struct Digests {
    pub(in crate::server) served: Option<Arc<Served>>,
    pub(in crate::server) secrets: Secrets,
    pub(in crate::server) by_node: HashMap<Mac, String>,
}
