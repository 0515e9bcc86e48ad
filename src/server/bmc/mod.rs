//! Conversations with BMCs: short, bounded, one at a time for each node, and with nobody but the BMC.

mod http;
mod ipmitool;
mod redfish;
mod tls;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Waiting, OwnedMutexGuard};

use crate::power::{Action, Fault, Seen};
use crate::secrets::SecretValue;
use crate::site::{Bmc, Firmware, Mac, Power};

use super::lock::lock;

/// How long a whole conversation may take: some BMCs need seconds for each answer.
const LIMIT: Duration = Duration::from_secs(120);

/// Nobody means the same order twice within this time.
const TWICE: Duration = Duration::from_secs(5);

/// Whose turn it is with which BMC, and which overrides are to be taken back.
#[derive(Default)]
pub struct Bmcs {
    turns: Mutex<HashMap<Mac, Arc<Waiting<()>>>>,
    /// Nodes whose next boot was overridden for an arming, with what is remembered about it.
    overrides: Mutex<HashMap<Mac, Override>>,
    /// What was done to each node last, and when.
    done: Mutex<HashMap<Mac, (Action, Instant)>>,
}

/// An override of the next boot that rackstart set for an arming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Override {
    /// The attempt that was armed.
    pub attempt: String,
    /// How many installers it had been served before.
    pub boots: u8,
    /// How often taking it back has failed.
    pub failures: u32,
}

impl Bmcs {
    /// Waits until nobody else talks to the BMC of a node.
    pub(crate) async fn turn(&self, mac: Mac) -> OwnedMutexGuard<()> {
        let turn = lock(&self.turns).entry(mac).or_default().clone();
        turn.lock_owned().await
    }

    /// Remembers what was done to a node.
    pub(crate) fn did(&self, mac: Mac, action: Action) {
        lock(&self.done).insert(mac, (action, Instant::now()));
    }

    /// Whether the same was done to a node a moment ago: then the order was sent twice.
    pub(crate) fn just_did(&self, mac: Mac, action: Action) -> bool {
        lock(&self.done).get(&mac).is_some_and(|(done, at)| *done == action && at.elapsed() < TWICE)
    }

    /// Remembers an override.
    pub(crate) fn remember(&self, mac: Mac, set: Override) {
        lock(&self.overrides).insert(mac, set);
    }

    /// Forgets an override, if it still is the one that is meant.
    pub(crate) fn forget(&self, mac: Mac, set: &Override) {
        let mut overrides = lock(&self.overrides);
        if overrides.get(&mac) == Some(set) {
            overrides.remove(&mac);
        }
    }

    /// The overrides that are remembered.
    pub(crate) fn overrides(&self) -> Vec<(Mac, Override)> {
        lock(&self.overrides).iter().map(|(mac, set)| (*mac, set.clone())).collect()
    }
}

/// A BMC with all that is needed to talk to it.
pub(crate) struct Line<'a> {
    /// Where it is, and the account.
    pub power: &'a Power,
    /// The password of the account.
    pub password: &'a SecretValue,
    /// How the node boots.
    pub firmware: Firmware,
}

impl Line<'_> {
    /// What the BMC shows.
    pub(crate) async fn look(&self) -> Result<Seen, Fault> {
        let seen = self.bounded(async {
            match &self.power.bmc {
                Bmc::Redfish { at, trust, system } => {
                    redfish::look(self, redfish::Where { at, trust, system: system.as_deref() }).await
                }
                Bmc::Ipmi(at) => ipmitool::look(self, at).await,
            }
        });
        Ok(seen.await?.map(|text| self.clean(text)))
    }

    /// Carries an action out. `allowed` is asked again before everything that changes something, because the
    /// conversation before it takes seconds; an error of it ends the conversation.
    pub(crate) async fn act(&self, action: Action, allowed: impl Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        self.bounded(async {
            match &self.power.bmc {
                Bmc::Redfish { at, trust, system } => {
                    let at = redfish::Where { at, trust, system: system.as_deref() };
                    redfish::act(self, at, action, &allowed).await
                }
                Bmc::Ipmi(at) => ipmitool::act(self, at, action, &allowed).await,
            }
        })
        .await
    }

    /// Takes an override of the next boot back, if there is still one to the network.
    pub(crate) async fn take_back(&self) -> Result<(), Fault> {
        self.bounded(async {
            match &self.power.bmc {
                Bmc::Redfish { at, trust, system } => {
                    redfish::take_back(self, redfish::Where { at, trust, system: system.as_deref() }).await
                }
                Bmc::Ipmi(at) => ipmitool::take_back(self, at).await,
            }
        })
        .await
    }

    /// Limits the time, and removes the password from whatever the BMC said.
    async fn bounded<T>(&self, talk: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let late = || {
            let text = format!("{} took longer than {} s", self.power.bmc, LIMIT.as_secs());
            Err(Fault::new(text, "try again; some BMCs need a restart of their own"))
        };
        let outcome = tokio::time::timeout(LIMIT, talk).await.unwrap_or_else(|_| late());
        outcome.map_err(|fault| Fault::new(self.clean(fault.text), self.clean(fault.help)))
    }

    /// A text of the BMC, without the password and without what a request carries of it.
    fn clean(&self, text: String) -> String {
        let carried = http::credentials(&self.power.user, self.password.reveal());
        text.replace(&carried, crate::secrets::MASK).replace(self.password.reveal(), crate::secrets::MASK)
    }
}
