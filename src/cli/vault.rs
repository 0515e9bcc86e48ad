//! Where the verbs about secrets, audit log and backups get their answers: from the daemon or, while none runs, from
//! the store itself, through the functions that the daemon also calls.

use std::path::Path;

use super::Failure;
use super::client::{Client, StoreArgs, acts_for, runtime};
use crate::audit::Actor;
use crate::config::{self, Alone, SitePaths};
use crate::failure::Kind;
use crate::render::Templates;
use crate::server::operate::{Person, Refusal};
use crate::server::{self, Need, Resting, ServerError};
use crate::site::{Blueprint, Site};
use crate::store::{self, Store};

/// Where one verb gets its answers.
pub(crate) struct Answers<'a> {
    place: SitePaths<'a>,
    args: StoreArgs,
    need: Need,
    /// Whether the store is used when no daemon answers, although it was not named.
    falls_back: bool,
}

impl<'a> Answers<'a> {
    /// For verbs that need no secret.
    pub(crate) fn new(place: SitePaths<'a>, args: StoreArgs) -> Self {
        Self { place, args, need: Need::Nothing, falls_back: true }
    }

    /// For verbs that ask repeatedly, also while a daemon starts: reading the store takes its lock, and the starting
    /// daemon would find it taken. The store is read only if it was named.
    pub(crate) fn watching(place: SitePaths<'a>, args: StoreArgs) -> Self {
        Self { falls_back: false, ..Self::new(place, args) }
    }

    /// For verbs that need the secrets opened.
    pub(crate) fn opening(place: SitePaths<'a>, args: StoreArgs, need: Need) -> Self {
        Self { place, args, need, falls_back: true }
    }

    /// Asks once: the daemon if it answers, otherwise the store.
    pub(crate) fn ask<T>(
        &self,
        daemon: impl FnOnce(&Client) -> Result<T, Failure>,
        store: impl AsyncFnOnce(&Site, &Store, &Person) -> Result<T, Refusal>,
    ) -> Result<T, Failure> {
        if self.args.state.is_some() {
            return self.on_the_store(store, None);
        }
        match daemon(&self.args.daemon.clone().client(self.place.file)) {
            Err(failure) if failure.kind == Kind::Unreachable && !self.falls_back => {
                Err(failure.hint("`--state DIR` shows what the store of a stopped daemon holds"))
            }
            Err(failure) if failure.kind == Kind::Unreachable => self.on_the_store(store, Some(failure)),
            other => other,
        }
    }

    fn on_the_store<T>(
        &self,
        ask: impl AsyncFnOnce(&Site, &Store, &Person) -> Result<T, Refusal>,
        unreachable: Option<Failure>,
    ) -> Result<T, Failure> {
        let resting = resting(self.place, self.args.state.as_deref())?;
        let state = resting.site.server.state.clone();
        // Secrets may be set before the first start, in a directory that was created for it; nothing else creates a
        // store.
        let may_begin = matches!(self.need, Need::Opened(_)) && state.is_dir();
        if !store::exists(&state) && !may_begin {
            return Err(no_store(&state, unreachable));
        }
        if !store::exists(&state) {
            let made = format!(
                "there was no store in {}: it is made now, with new passwords; if there were installed nodes, \
                 `rackstart restore` brings back theirs",
                state.display()
            );
            super::tell_notes(&[made]);
        }
        if !resting.knows_its_nodes && config::find(self.place.file).is_ok_and(|file| file.exists()) {
            let note =
                "the site file has mistakes, which `rackstart check` lists; the nodes are those that the store knows";
            // `timeline -f` calls this every second.
            static TOLD: std::sync::Once = std::sync::Once::new();
            TOLD.call_once(|| super::tell_notes(&[note.into()]));
        }
        runtime()?.block_on(async {
            let (site, store, task) = server::at_rest(resting, self.need.clone()).await.map_err(unopened)?;
            // A person who may open the store counts as its owner.
            let answer = ask(&site, &store, &Person { actor: console(), is_owner: true }).await;
            // The store is closed before the answer counts.
            drop(store);
            task.await.map_err(Failure::bug)?.map_err(Failure::fixable)?;
            answer.map_err(|refusal| refusal.help().iter().fold(Failure::fixable(&refusal), Failure::hint))
        })
    }
}

/// The site of a store that no daemon uses: from its site file or, if that cannot be loaded, from the store.
pub(crate) fn resting(place: SitePaths<'_>, state: Option<&Path>) -> Result<Resting, Failure> {
    let file = config::find(place.file).ok();
    let loaded = file.as_ref().map(|file| config::read_to_plan(file, place.templates));
    let mut resting = match loaded {
        Some(Ok(loaded)) => Resting { site: loaded.site, knows_its_nodes: true },
        _ => {
            let Alone { state, key, blueprint, templates, .. } = config::alone(place.file);
            let own = config::templates_of(place.templates, templates.as_deref());
            let named = blueprint.as_deref().and_then(|name| config::blueprint(name, &own)?.ok());
            let blueprint = named.unwrap_or_else(|| any_blueprint(&own));
            Resting { site: Site::bare(state, key, blueprint), knows_its_nodes: false }
        }
    };
    if let Some(state) = state {
        resting.site.server.state = std::path::absolute(state).unwrap_or_else(|_| state.into());
    }
    Ok(resting)
}

/// Everything that any blueprint declares, for a store whose blueprint is not known.
fn any_blueprint(own: &Templates) -> Blueprint {
    let names = config::blueprint_names(own);
    let all = names.iter().filter_map(|name| config::blueprint(name, own)?.ok());
    Blueprint { secrets: all.flat_map(|blueprint| blueprint.secrets).collect(), ..Blueprint::default() }
}

/// Explains why the store cannot be opened from this shell.
fn unopened(error: ServerError) -> Failure {
    let failure = Failure::fixable(&error);
    match error {
        ServerError::Store(error) if error.is_for_others() => failure.hint(AS_OTHERS),
        _ => failure,
    }
}

/// What to do about files that belong to other users.
pub(crate) const AS_OTHERS: &str = "use `sudo`, or run it as the user of the daemon";

/// Reports that there is neither a daemon nor a store, and what to do.
fn no_store(state: &Path, unreachable: Option<Failure>) -> Failure {
    let gone = format!("there is no store in {}: nothing was ever kept there, or it was removed", state.display());
    match unreachable {
        None => Failure::fixable(gone).hint("name the directory that `server.state` of the site file names"),
        Some(failure) => Failure { error: format!("{}; and {gone}", failure.error), ..failure },
    }
}

/// The user of this shell, and the user who called sudo, as sudo reports it.
pub(crate) fn console() -> Actor {
    let actor = Actor::console(rustix::process::getuid().as_raw());
    acts_for().iter().fold(actor, |actor, user| actor.by_its_own_word_for(user))
}
