//! Which payload each node has, and which it should have.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::lifecycle::Told;
use crate::secrets::Secrets;
use crate::server::served::Served;
use crate::site::Mac;

/// The payloads that nodes reported, and the digests of those that they should have. Kept in memory only: nodes report
/// again within half a minute.
#[derive(Default)]
pub struct Renewals {
    /// Since when nodes could report, in Unix seconds.
    pub(in crate::server) since: u64,
    pub(in crate::server) told: Mutex<HashMap<Mac, Told>>,
    /// Nodes that asked for errands without reporting a payload.
    pub(in crate::server) older: Mutex<HashSet<Mac>>,
    pub(in crate::server) digests: Mutex<Digests>,
}

/// Digests for one site with one set of secrets; computing one renders a whole payload.
#[derive(Default)]
pub(in crate::server) struct Digests {
    pub(in crate::server) served: Option<Arc<Served>>,
    pub(in crate::server) secrets: Secrets,
    pub(in crate::server) by_node: HashMap<Mac, String>,
}
