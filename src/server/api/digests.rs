//! The digests, and the shared texts, of the site that is served and of the site file as somebody looked at it last.
//! Rendering thousands of nodes takes seconds, so it happens once for each of them, and outside of any request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use tokio::sync::{OnceCell, watch};

use super::error::ApiError;
use super::texts::{self, SiteDigest};
use crate::render::{Renderer, Texts, texts_of_site};
use crate::site::Site;

/// Sites whose digests are kept: the one that is served, and that of the file.
const KEPT: usize = 2;

/// The digests, or why a text cannot be rendered; none while they are being made.
type Made = Option<Result<Arc<SiteDigest>, String>>;

/// The digests of the sites that were asked for last.
#[derive(Default)]
pub(super) struct Digests(Mutex<VecDeque<Kept>>);

struct Kept {
    site: Arc<Site>,
    renderer: Arc<Renderer>,
    made: watch::Receiver<Made>,
    shared: Arc<OnceCell<Arc<Texts>>>,
}

impl Kept {
    /// Whether the texts are the same: an operator's templates may differ where the sites do not.
    fn is_of(&self, site: &Arc<Site>, renderer: &Arc<Renderer>) -> bool {
        let has_own = |renderer: &Renderer| renderer.own_templates().is_some();
        let is_it = Arc::ptr_eq(&self.site, site) && Arc::ptr_eq(&self.renderer, renderer);
        is_it || (!has_own(&self.renderer) && !has_own(renderer) && is_same(&self.site, site))
    }
}

/// Whether two sites are the same, which costs nothing when they are one.
fn is_same(one: &Arc<Site>, other: &Arc<Site>) -> bool {
    Arc::ptr_eq(one, other) || **one == **other
}

impl Digests {
    /// The digests of this site. They are being made from here on, whether anybody waits or not.
    pub(super) fn of(&self, site: &Arc<Site>, renderer: &Arc<Renderer>) -> Wanted {
        self.kept(site, renderer, |kept| Wanted(kept.made.clone()))
    }

    /// The texts that all nodes share, without passwords.
    pub(super) async fn shared(&self, site: &Arc<Site>, renderer: &Arc<Renderer>) -> Result<Arc<Texts>, ApiError> {
        let cell = self.kept(site, renderer, |kept| kept.shared.clone());
        let (site, renderer) = (site.clone(), renderer.clone());
        let make = || texts::blocking(move || texts_of_site(&renderer, &site.masked()).map(Arc::new));
        cell.get_or_try_init(make).await.cloned()
    }

    /// What is kept of this site, which becomes the newest.
    fn kept<T>(&self, site: &Arc<Site>, renderer: &Arc<Renderer>, of: impl Fn(&Kept) -> T) -> T {
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        if let Some(at) = kept.iter().position(|one| one.is_of(site, renderer)) {
            let known = kept.remove(at).expect("it was found");
            let wanted = of(&known);
            kept.push_back(known);
            return wanted;
        }
        let (tell, made) = watch::channel(None);
        let (site, renderer) = (site.clone(), renderer.clone());
        let new = Kept { site: site.clone(), renderer: renderer.clone(), made, shared: Arc::default() };
        let wanted = of(&new);
        kept.push_back(new);
        if kept.len() > KEPT {
            kept.pop_front();
        }
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
        let first = digests.of(&served, &renderer).wait().await.unwrap();
        let file = digests.of(&edited("a"), &renderer).wait().await.unwrap();
        assert_eq!(first.nodes.iter().filter(|(name, digest)| file.nodes[*name] != **digest).count(), 1);
        let again = digests.of(&edited("a"), &Arc::new(Renderer::new().unwrap())).wait().await.unwrap();
        assert!(Arc::ptr_eq(&file, &again), "an equal site has equal texts");
        assert!(Arc::ptr_eq(&first, &digests.of(&served, &renderer).wait().await.unwrap()));
        digests.of(&edited("b"), &renderer).wait().await.unwrap();
        let others = digests.of(&edited("a"), &renderer).wait().await.unwrap();
        assert!(!Arc::ptr_eq(&file, &others) && *file == *others, "it was forgotten, and made again");
    }
}
