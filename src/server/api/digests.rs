//! The digests, and the shared texts, of the site that is served and of the site file as somebody looked at it last.
//! Rendering thousands of nodes takes seconds, so it happens once for each of them, and outside of any request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use tokio::sync::{OnceCell, watch};

use super::error::ApiError;
use super::texts::{self, SiteDigest};
use crate::render::{Texts, texts_of_site};
use crate::server::served::Proven;

/// Sites whose digests are kept: the one that is served, and that of the file.
const KEPT: usize = 2;

/// The digests, or why a text cannot be rendered; none while they are being made.
type Made = Option<Result<Arc<SiteDigest>, String>>;

/// The digests of the sites that were asked for last.
#[derive(Default)]
pub(super) struct Digests(Mutex<VecDeque<Kept>>);

struct Kept {
    of: Proven,
    made: watch::Receiver<Made>,
    shared: Arc<OnceCell<Arc<Texts>>>,
}

impl Digests {
    /// The digests of this site. They are being made from here on, whether anybody waits or not.
    pub(super) fn of(&self, site: &Proven) -> Wanted {
        self.kept(site, |kept| Wanted(kept.made.clone()))
    }

    /// The texts that all nodes share, without passwords.
    pub(super) async fn shared(&self, site: &Proven) -> Result<Arc<Texts>, ApiError> {
        let cell = self.kept(site, |kept| kept.shared.clone());
        let Proven { site, renderer } = site.clone();
        let make = || texts::blocking(move || texts_of_site(&renderer, &site.masked()).map(Arc::new));
        cell.get_or_try_init(make).await.cloned()
    }

    /// What is kept of this site, which becomes the newest.
    fn kept<T>(&self, site: &Proven, of: impl Fn(&Kept) -> T) -> T {
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        if let Some(at) = kept.iter().position(|one| one.of.is_same(site)) {
            let known = kept.remove(at).expect("it was found");
            let wanted = of(&known);
            kept.push_back(known);
            return wanted;
        }
        let (tell, made) = watch::channel(None);
        let new = Kept { of: site.clone(), made, shared: Arc::default() };
        let wanted = of(&new);
        kept.push_back(new);
        if kept.len() > KEPT {
            kept.pop_front();
        }
        let Proven { site, renderer } = site.clone();
        tokio::task::spawn_blocking(move || {
            let digest = SiteDigest::new(&renderer, &site).map(Arc::new).map_err(|error| error.to_string());
            tell.send_replace(Some(digest));
        });
        wanted
    }
}

/// Digests that are there, or will be.
pub(super) struct Wanted(watch::Receiver<Made>);

impl Wanted {
    /// The digests, once they are made.
    pub(super) async fn wait(mut self) -> Result<Arc<SiteDigest>, ApiError> {
        let failed = |error: String| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error, "`rackstart check` tests the templates")
        };
        let made = self.0.wait_for(Option::is_some).await.map_err(|error| failed(error.to_string()))?;
        made.clone().unwrap_or_else(|| Err("nothing was made".into())).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Renderer;
    use crate::site::Site;
    use crate::site::testing::paper_site;

    #[tokio::test]
    async fn a_site_is_rendered_once_and_the_oldest_of_three_is_forgotten() {
        let (digests, renderer) = (Digests::default(), Arc::new(Renderer::new().unwrap()));
        let served = Arc::new(paper_site());
        let edited = |word: &str| {
            let mut site = paper_site();
            let mut node = site.nodes.iter().next().unwrap().clone();
            node.kernel_args = word.into();
            site.nodes = std::iter::once(node).chain(site.nodes.iter().skip(1).cloned()).collect();
            Arc::new(site)
        };
        let with = |site: &Arc<Site>| Proven { site: site.clone(), renderer: renderer.clone() };
        let first = digests.of(&with(&served)).wait().await.unwrap();
        let file = digests.of(&with(&edited("a"))).wait().await.unwrap();
        assert_eq!(first.nodes.iter().filter(|(name, digest)| file.nodes[*name] != **digest).count(), 1);
        let again = digests
            .of(&Proven { renderer: Arc::new(Renderer::new().unwrap()), ..with(&edited("a")) })
            .wait()
            .await
            .unwrap();
        assert!(Arc::ptr_eq(&file, &again), "an equal site has equal texts");
        assert!(Arc::ptr_eq(&first, &digests.of(&with(&served)).wait().await.unwrap()));
        digests.of(&with(&edited("b"))).wait().await.unwrap();
        let others = digests.of(&with(&edited("a"))).wait().await.unwrap();
        assert!(!Arc::ptr_eq(&file, &others) && *file == *others, "it was forgotten, and made again");
    }
}
