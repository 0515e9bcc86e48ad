//! Loads an edited site file without a restart: load, test the templates, check for hindrances, arm the new nodes,
//! swap. The swap is one assignment between two packets. A failure before it leaves the running site unchanged.

mod add;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use crate::audit::Actor;
use crate::clock::unix_now;
use crate::config::{self, LoadError, Loaded};
use crate::failure::Failure;
use crate::lifecycle::{Hindrance, hindrances, withdrawn};
use crate::server::error::ServerError;
use crate::server::lock::lock;
use crate::server::operate::arming::Unarmed;
use crate::server::operate::differs;
use crate::server::operate::installed::record_what_is_installed;
use crate::server::operate::watchdog;
use crate::server::served::{Proven, RefusedReload, Served};
use crate::server::{key, notify};
use crate::site::{Node, Site};
use crate::store::Store;

pub(crate) use add::{NotAdded, adopted};

/// The paths of a daemon's site file and templates. They are absolute, so that nothing depends on the working
/// directory.
#[derive(Debug, Clone)]
pub struct Source {
    /// The site file.
    pub file: PathBuf,
    /// The folder of templates, if the command line names one.
    pub templates: Option<PathBuf>,
}

/// The result of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(crate) enum Reloaded {
    /// The site was swapped.
    Swapped {
        /// How many nodes it has.
        nodes: usize,
        /// Names of nodes that the old site did not have.
        added: Vec<String>,
        /// Names of nodes that the new site does not have.
        removed: Vec<String>,
        /// Nodes that were installed differently from what the new site says, in words.
        #[serde(default)]
        differ: Vec<String>,
    },
    /// Nothing was changed.
    Refused {
        /// Every reason, ready to print.
        why: String,
    },
}

/// Why a reload of the current site file would be refused, apart from keys that are read only at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Foreseen {
    /// The site file that a reload reads.
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// Each hindrance in one sentence, with what to do about it.
    pub against: Vec<Against>,
}

/// One reason against a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Against {
    /// The reason.
    pub what: String,
    /// One thing to do about it.
    pub help: String,
}

/// What a reload would serve.
pub(crate) struct Preview {
    /// The site of the file as it is now.
    pub file: Proven,
    /// What speaks against it.
    pub foreseen: Foreseen,
}

/// Reloads the site, one reload at a time.
#[derive(Clone)]
pub struct Reloader {
    source: Arc<Source>,
    served: watch::Sender<Arc<Served>>,
    store: Store,
    unarmed: Unarmed,
    one_at_a_time: Arc<Mutex<()>>,
    /// The site file as it was looked at last, when it could be loaded and has no templates but those of rackstart.
    looked_at: Arc<std::sync::Mutex<Option<Proven>>>,
}

impl Reloader {
    /// A reloader that replaces the content of `served` with that of `source` on request.
    pub fn new(source: Source, served: watch::Sender<Arc<Served>>, store: Store, unarmed: Unarmed) -> Self {
        Self {
            source: Arc::new(source),
            served,
            store,
            unarmed,
            one_at_a_time: Arc::default(),
            looked_at: Arc::default(),
        }
    }

    /// Loads, tests and swaps, or keeps the running site and says why. The audit log records who ordered it.
    pub(crate) async fn reload(&self, who: &Actor) -> Reloaded {
        let _guard = self.one_at_a_time.lock().await;
        notify::reloading();
        let outcome = match self.load().await {
            Ok(loaded) => self.take_over(loaded).await,
            Err(why) => Err(why.to_string()),
        };
        give_memory_back().await;
        let outcome = match outcome {
            Ok(swapped) => swapped,
            Err(why) => self.refuse(why),
        };
        let (action, detail) = match &outcome {
            Reloaded::Swapped { nodes, added, removed, differ } => {
                let named = |what, names: &[String]| match names {
                    [] => String::new(),
                    names => format!("; {what}: {}", names.join(" ")),
                };
                (
                    "reload",
                    format!(
                        "{nodes} nodes{}{}{}",
                        named("added", added),
                        named("removed", removed),
                        named("differ", differ)
                    ),
                )
            }
            Reloaded::Refused { why } => ("reload-refused", why.lines().next().unwrap_or_default().to_string()),
        };
        let site = self.served.borrow().site.name.clone();
        if let Err(error) = self.store.audit(who, action, &site, &detail).await {
            tracing::error!("the reload could not be written to the audit log: {error}");
        }
        notify::ready();
        outcome
    }

    /// Runs the checks of a reload and changes nothing. Problems of a file that does not load are left to `check`.
    pub(crate) async fn foresee(&self) -> Foreseen {
        match self.load().await {
            Ok(Loaded { site, .. }) => self.foreseen(&site),
            Err(_) => Foreseen { file: self.source.file.clone(), against: Vec::new() },
        }
    }

    fn foreseen(&self, site: &Site) -> Foreseen {
        let restarts = |hindrance: &Hindrance| matches!(hindrance, Hindrance::NeedsRestart { .. });
        let told = |hindrance: Hindrance| Against { what: hindrance.to_string(), help: hindrance.help() };
        let against = self.against(site).into_iter().filter(|hindrance| !restarts(hindrance)).map(told).collect();
        Foreseen { file: self.source.file.clone(), against }
    }

    /// The site file that a reload reads.
    pub(crate) fn file(&self) -> &std::path::Path {
        &self.source.file
    }

    /// What a reload would load and what speaks against it, or every problem of the file. Nothing is loaded.
    pub(crate) async fn preview(&self) -> Result<Preview, LoadError> {
        let this = self.clone();
        self.at_work(move |loaded| {
            let file = this.look_at(loaded);
            let foreseen = this.foreseen(&file.site);
            Preview { file, foreseen }
        })
        .await
    }

    /// Remembers what was loaded. What equals a known site is given back as that one, which others recognise by its place
    /// in memory, without a comparison.
    fn look_at(&self, Loaded { site, renderer, .. }: Loaded) -> Proven {
        let new = Proven { site: Arc::new(site), renderer: Arc::new(renderer) };
        let file = self.known().into_iter().find(|known| known.is_same(&new)).unwrap_or(new);
        *lock(&self.looked_at) = Some(file.clone()).filter(Proven::is_ours);
        file
    }

    /// Loads the site file.
    async fn load(&self) -> Result<Loaded, LoadError> {
        self.at_work(|loaded| loaded).await
    }

    /// Loads the site file, and goes on with it. Reading and rendering thousands of nodes takes seconds, and neither
    /// packets nor pages must wait for it.
    async fn at_work<T: Send + 'static>(
        &self,
        with: impl FnOnce(Loaded) -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let source = self.source.clone();
        let proved: Vec<_> = self.known().into_iter().map(|known| known.site).collect();
        let load = move || config::read_again(&source.file, source.templates.as_deref(), &proved).map(with);
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(problems)) => Err(problems),
            Err(panic) => {
                let failure = Failure::fixable(format!("reading the site file failed: {panic}"));
                Err(LoadError::Unreadable(failure.hint("report this as a bug")))
            }
        }
    }

    /// What is served and what was looked at last, where rackstart's own templates make the texts.
    fn known(&self) -> Vec<Proven> {
        let served = self.served.borrow().proven();
        let looked_at = lock(&self.looked_at).clone();
        Some(served).filter(Proven::is_ours).into_iter().chain(looked_at).collect()
    }

    async fn take_over(&self, loaded: Loaded) -> Result<Reloaded, String> {
        let Loaded { site, renderer, .. } = loaded;
        self.refuse_hindered(&site)?;
        self.make_secrets(&site).await?;
        // Recorded by the site that they were installed from, before another one replaces it.
        let running = self.served.borrow().site.clone();
        let known = record_what_is_installed(&running, &self.store).await;
        known.map_err(|error| format!("error: cannot record what is installed: {error}"))?;
        // Before the swap, so that no new node asks before it is armed.
        let armed = self.unarmed.arm_new(&site, &self.store).await;
        armed.map_err(|error| format!("error: cannot arm the new nodes: {error}"))?;
        // A node may have booted its installer since the first check. From here on nothing waits.
        self.refuse_hindered(&site)?;
        let new = Arc::new(Served::new(site, renderer, unix_now()));
        let old = self.served.send_replace(new.clone());
        let state = |mac| self.store.record(mac).map(|record| record.state);
        for (mac, why) in withdrawn(&old.site, &new.site, state) {
            watchdog::withdraw(&self.store, mac, &why).await;
        }
        let names_missing = |from: &Site, to: &Site| {
            let missing = from.nodes.iter().filter(|node| to.node_by_mac(node.mac).is_none());
            missing.map(|node| node.name.to_string()).collect::<Vec<_>>()
        };
        let (added, removed) = (names_missing(&new.site, &old.site), names_missing(&old.site, &new.site));
        let nodes = new.site.nodes.len();
        tracing::info!(nodes, added = added.join(" "), removed = removed.join(" "), "reloaded the site file");
        let differs = |node: &Node| {
            let said = differs(&new.site, node, &self.store.record(node.mac)?)?;
            Some(format!("{}: {said}", node.name))
        };
        let differ: Vec<String> = new.site.nodes.iter().filter_map(differs).collect();
        for said in &differ {
            tracing::warn!(
                "{said}; its next installation will change that; until then rackstart protects what is installed"
            );
        }
        Ok(Reloaded::Swapped { nodes, added, removed, differ })
    }

    /// Makes the secrets that the new blueprint declares and the running one does not.
    async fn make_secrets(&self, site: &Site) -> Result<(), String> {
        if site.blueprint.secrets.keys().all(|name| self.served.borrow().site.blueprint.secrets.contains_key(name)) {
            return Ok(());
        }
        let key = key::read(&site.key).map_err(|error| format!("error: {error}"))?;
        let made = self.store.open_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint).await;
        made.map_err(|source| format!("error: {}", ServerError::secrets(site, source)))
    }

    fn against(&self, site: &Site) -> Vec<Hindrance> {
        let running = self.served.borrow().site.clone();
        self.store.look(|memory| hindrances(&running, site, |mac| memory.record(mac).map(|record| &record.state)))
    }

    fn refuse_hindered(&self, site: &Site) -> Result<(), String> {
        let against = self.against(site);
        let tell = |hindrance: &Hindrance| format!("error: {hindrance}\nhelp: {}\n\n", hindrance.help());
        let why: String = against.iter().map(tell).collect();
        match against.len() {
            0 => Ok(()),
            count => Err(format!("{why}reload refused: {count} problem{}\n", if count == 1 { "" } else { "s" })),
        }
    }

    fn refuse(&self, why: String) -> Reloaded {
        let file = self.source.file.display();
        tracing::warn!(%file, "the reload was refused, the running site stays:\n{why}");
        let refused = Some(RefusedReload { at: unix_now(), why: why.clone() });
        self.served.send_modify(|served| *served = Arc::new(Served { refused, ..(**served).clone() }));
        Reloaded::Refused { why }
    }
}

/// Gives memory back to the system that glibc keeps although it was freed: the text of a site and what it was read into,
/// and after a reload the former site.
#[allow(unsafe_code)]
pub(in crate::server) async fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) has no precondition and may run beside any other use of the allocator.
    let _ = tokio::task::spawn_blocking(|| unsafe { libc::malloc_trim(0) }).await;
}

#[cfg(test)]
mod tests;
