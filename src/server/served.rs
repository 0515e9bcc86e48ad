//! What is served: a site and the renderer that was proved on it, always together. A reload swaps both in one go, so no
//! packet and no page ever sees the old of one and the new of the other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::media::Guarded;
use crate::render::Renderer;
use crate::site::Site;

/// A site, its renderer, and what became of the newest try to load another.
#[derive(Clone)]
pub struct Served {
    /// The site.
    pub site: Arc<Site>,
    /// What is in none of its answers.
    pub guarded: Arc<Guarded>,
    /// Proved on that site, with the operator's templates in it.
    pub renderer: Arc<Renderer>,
    /// Unix seconds of the start or of the reload that brought it.
    pub since: u64,
    /// The newest reload, if it was refused: then this site is no longer what the file says.
    pub refused: Option<RefusedReload>,
}

/// A reload that changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefusedReload {
    /// Unix seconds.
    pub at: u64,
    /// Every reason, as `check` prints the problems of a site file.
    pub why: String,
}

impl Served {
    /// A site that nobody tried to replace yet. `renderer` has proved itself on `site`.
    pub fn new(site: Site, renderer: Renderer, now: u64) -> Self {
        let guarded = Arc::new(Guarded::of(&site.guarded));
        Self { site: Arc::new(site), guarded, renderer: Arc::new(renderer), since: now, refused: None }
    }
}

impl AsRef<Site> for Served {
    fn as_ref(&self) -> &Site {
        &self.site
    }
}
