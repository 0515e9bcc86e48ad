//! Nodes that are armed without an order: those in the site file that were never installed, and only for a blank disk.
//! An arming that is not possible when it is due is remembered and done as soon as possible.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::audit::{Actor, Order};
use crate::lifecycle::{Event, Refused, WipeScope};
use crate::server::{operate, random};
use crate::site::{Mac, Node, Site};
use crate::store::{Change, ChangeError, Record, Store};

/// How many nodes are armed in one commit. Other changes wait for it, so it is not the whole of a large site.
const AT_ONCE: usize = 1024;

/// Nodes that could not be armed because the disk of the store was full. Clones share the set.
#[derive(Debug, Clone, Default)]
pub struct Unarmed(Arc<Mutex<BTreeSet<Mac>>>);

impl Unarmed {
    /// Arms the nodes of a site for which no operator decided otherwise; does nothing while installations are stopped.
    pub(in crate::server) async fn arm_new(&self, site: &Site, store: &Store) -> Result<(), ChangeError> {
        if store.stopped().is_some() {
            tracing::warn!(
                "installations are stopped: no new node is armed; `rackstart stop --lift` allows them again"
            );
            return Ok(());
        }
        self.arm(site.nodes.iter(), store).await
    }

    /// Arms the nodes that could not be armed before.
    pub(in crate::server) async fn make_good(&self, site: &Site, store: &Store) -> Result<(), ChangeError> {
        let late = std::mem::take(&mut *self.0.lock().expect("no holder of this lock panics"));
        self.arm(late.iter().filter_map(|mac| site.node_by_mac(*mac)), store).await
    }

    async fn arm(&self, nodes: impl Iterator<Item = &Node>, store: &Store) -> Result<(), ChangeError> {
        let due: Vec<&Node> = nodes.filter(|node| is_due(node, store)).collect();
        for nodes in due.chunks(AT_ONCE) {
            let changes = nodes.iter().map(|node| {
                let order = Order::new(&Actor::daemon(), "arm", &node.name);
                let order = order.detail(format!("it was never installed; its installer {}", WipeScope::BlankDiskOnly));
                let event = Event::Armed { id: random::attempt_id(), scope: WipeScope::BlankDiskOnly };
                (node.mac, Change::Event { event, mark: None }, order)
            });
            match store.change_all(changes.collect()).await {
                Ok(outcomes) => nodes.iter().zip(outcomes).for_each(|(node, outcome)| tell(node, outcome)),
                Err(ChangeError::NoRoom) => {
                    for node in nodes {
                        tracing::warn!(node = %node.name, mac = %node.mac, "not armed by itself yet: the disk of the store is full");
                    }
                    let mut late = self.0.lock().expect("no holder of this lock panics");
                    late.extend(nodes.iter().map(|node| node.mac));
                }
                Err(stopped) => return Err(stopped),
            }
        }
        Ok(())
    }
}

/// Whether a node is armed without an order.
fn is_due(node: &Node, store: &Store) -> bool {
    let record = store.record(node.mac);
    if !operate::is_armed_by_itself(record.as_ref()) {
        return false;
    }
    let may_be_damaged = record.is_none() && store.damage().hides_nodes();
    if may_be_damaged {
        tracing::warn!(node = %node.name, mac = %node.mac, "not armed by itself: its record may be one that is damaged");
    }
    !may_be_damaged
}

fn tell(node: &Node, outcome: Result<Record, Refused>) {
    match outcome {
        Ok(_) => {
            tracing::info!(node = %node.name, mac = %node.mac, "armed: its next network boot installs it if its disk is blank");
        }
        Err(refused) => tracing::info!(node = %node.name, mac = %node.mac, %refused, "not armed by itself"),
    }
}
