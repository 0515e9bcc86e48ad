//! The operator's own templates: files that stand in for embedded ones of the same name, and hooks that add to them.

use std::collections::BTreeMap;

use super::engine::{KickstartFiles, TemplateFiles};

/// The hooks of a kickstart, empty unless the operator fills them; `kickstart/README.md` says where each stands.
pub(super) const HOOKS: [&str; 4] = ["commands", "packages", "pre", "post"];

/// Folders below which a file may have any name.
const OPEN_FOLDERS: [&str; 2] = ["kickstart/snippets/", "templates/firstboot/steps/"];

/// The files of the operator's template folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    /// The folder, for messages.
    pub folder: String,
    /// Name below the folder, such as `kickstart/base.ks.j2`, to text.
    pub files: BTreeMap<String, String>,
}

impl Templates {
    /// How messages name a template: by the operator's file when it is one.
    pub fn place(&self, name: &str) -> String {
        match self.files.contains_key(name) && !self.folder.is_empty() {
            true => format!("{}/{name}", self.folder.trim_end_matches('/')),
            false => name.into(),
        }
    }

    /// Whether a file stands in for a part of rackstart's kickstart; hooks only add to it.
    pub(super) fn replaces_kickstart(&self) -> bool {
        self.files.keys().any(|name| name.starts_with("kickstart/") && !name.starts_with(OPEN_FOLDERS[0]))
    }

    /// Whether a file of this name has an effect; else the nearest name that has.
    pub fn check_name(name: &str) -> Result<(), Option<String>> {
        let in_open_folder = OPEN_FOLDERS.iter().any(|folder| name.starts_with(folder));
        let known = || KickstartFiles::iter().chain(TemplateFiles::iter());
        if in_open_folder || known().any(|known| known == name) {
            return Ok(());
        }
        let scored = known().map(|known| (strsim::jaro_winkler(&known, name), known));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
        Err(best.filter(|(score, _)| *score > 0.8).map(|(_, name)| name.into_owned()))
    }
}

/// Whether the file fills the hook.
pub(super) fn is_hook(name: &str, hook: &str) -> bool {
    let file = name.strip_prefix("kickstart/snippets/").unwrap_or_default();
    file.strip_suffix(".sh.j2").or_else(|| file.strip_suffix(".ks.j2")) == Some(hook)
}
