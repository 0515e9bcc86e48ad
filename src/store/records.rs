//! The records of all nodes, found by MAC, and by every token whose holder may speak for a node.

use std::collections::HashMap;
use std::ops::Deref;

use super::record::Record;
use crate::lifecycle::TokenHash;
use crate::site::Mac;

/// All records. Reads like a map by MAC.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    by_mac: HashMap<Mac, Record>,
    by_token: HashMap<TokenHash, Mac>,
}

impl Records {
    /// The node for which the holder of this token may speak.
    pub(crate) fn owner(&self, token: &TokenHash) -> Option<Mac> {
        self.by_token.get(token).copied()
    }

    /// Puts each record in the place of the former one of its node.
    pub(crate) fn extend(&mut self, fresh: HashMap<Mac, Record>) {
        for (mac, record) in fresh {
            for gone in self.by_mac.get(&mac).into_iter().flat_map(|former| former.state.tokens()) {
                if self.by_token.get(gone) == Some(&mac) {
                    self.by_token.remove(gone);
                }
            }
            self.by_token.extend(record.state.tokens().map(|token| (token.clone(), mac)));
            self.by_mac.insert(mac, record);
        }
    }
}

impl From<HashMap<Mac, Record>> for Records {
    fn from(by_mac: HashMap<Mac, Record>) -> Self {
        let mut records = Self::default();
        records.extend(by_mac);
        records
    }
}

impl Deref for Records {
    type Target = HashMap<Mac, Record>;
    fn deref(&self) -> &Self::Target {
        &self.by_mac
    }
}
