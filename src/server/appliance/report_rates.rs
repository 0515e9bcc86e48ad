//! Holds every node to the number of reports that [`ReportRate`] allows. Only nodes of the site file are counted, so
//! memory is bounded.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use crate::lifecycle::{Admission, ReportRate};
use crate::site::Mac;

/// The remaining reports of each node.
pub struct ReportRates {
    began: Instant,
    nodes: Mutex<HashMap<Mac, ReportRate>>,
}

impl Default for ReportRates {
    fn default() -> Self {
        Self { began: Instant::now(), nodes: Mutex::default() }
    }
}

impl ReportRates {
    /// Counts one more report of a node, and says whether it is admitted.
    pub(in crate::server) fn admit(&self, mac: Mac) -> Admission {
        let now = self.began.elapsed();
        let mut nodes = self.nodes.lock().expect("no holder of this lock panics");
        let rate = nodes.entry(mac).or_insert_with(|| ReportRate::new(now));
        let (next, verdict) = rate.admit(now);
        *rate = next;
        verdict
    }
}
