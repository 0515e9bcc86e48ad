//! What is served: a site together with the renderer that was tested on it. A reload swaps both at once, so no packet
//! and no page ever sees an old site with a new renderer, or the reverse.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::media::Guarded;
use crate::render::Renderer;
use crate::site::Site;

/// A site, its renderer, and the result of the last attempt to load another one.
#[derive(Clone)]
pub struct Served {
    /// The site.
    pub site: Arc<Site>,
    /// Files that are never served.
    pub guarded: Arc<Guarded>,
    /// Tested on that site, and holding the operator's templates.
    pub renderer: Arc<Renderer>,
    /// Unix seconds of the start, or of the reload that loaded this site.
    pub since: u64,
    /// The last reload, if it was refused: this site then differs from the file.
    pub refused: Option<RefusedReload>,
}

/// A site, and a renderer that was proved on it: all that texts are made from.
#[derive(Clone)]
pub(crate) struct Proven {
    /// The site.
    pub site: Arc<Site>,
    /// Proved on that site.
    pub renderer: Arc<Renderer>,
}

impl Proven {
    /// Whether no template is the operator's. Then equal sites have equal texts.
    pub(crate) fn is_ours(&self) -> bool {
        self.renderer.own_templates().is_none()
    }

    /// Whether every text is the same. It costs nothing to find that for what is one in memory.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_one = Arc::ptr_eq(&self.site, &other.site);
        let is_it = is_one && Arc::ptr_eq(&self.renderer, &other.renderer);
        is_it || (self.is_ours() && other.is_ours() && (is_one || self.site == other.site))
    }
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
    /// A site that no reload has tried to replace yet. `renderer` was tested on `site`.
    pub fn new(site: Site, renderer: Renderer, now: u64) -> Self {
        let guarded = Arc::new(Guarded::of(&site.guarded));
        Self { site: Arc::new(site), guarded, renderer: Arc::new(renderer), since: now, refused: None }
    }

    /// What its texts are made from.
    pub(crate) fn proven(&self) -> Proven {
        Proven { site: self.site.clone(), renderer: self.renderer.clone() }
    }
}

impl AsRef<Site> for Served {
    fn as_ref(&self) -> &Site {
        &self.site
    }
}
