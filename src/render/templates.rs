//! The operator's own templates: files that replace embedded ones of the same name, and hooks that add to them.

use std::collections::BTreeMap;

use super::engine::{KickstartFiles, TemplateFiles};
use crate::words::did_you_mean;

/// The hooks of a kickstart, empty unless the operator fills them; `kickstart/README.md` says where each one is
/// included.
pub(super) const HOOKS: [&str; 4] = ["commands", "packages", "pre", "post"];

/// The folder of the hooks; it may hold no other files.
const SNIPPETS: &str = "kickstart/snippets/";
const SNIPPET_FILES: [&str; 4] = ["commands.ks.j2", "packages.ks.j2", "pre.sh.j2", "post.sh.j2"];

/// The operator's own steps, which belong to no step set. A file below this folder may have any name.
pub(super) const STEPS: &str = "templates/firstboot/steps/";
/// The step sets, one folder each.
pub(crate) const STEP_SETS: &str = "templates/steps/";
/// The blueprints, one folder each.
pub(crate) const BLUEPRINTS: &str = "templates/blueprints/";
/// The file in a blueprint's folder that holds its data.
pub(crate) const BLUEPRINT_FILE: &str = "/blueprint.toml";
/// The file with the rules of variables, in the folder of a blueprint or of a step set.
pub(crate) const RULES_FILE: &str = "rules.toml";
/// Other files that the folder of a blueprint may hold: parts of the payload of every node.
pub(super) const BLUEPRINT_PARTS: [&str; 3] = ["env.j2", "order", "ports"];

/// How many files are named; the rest is counted.
const NAMED: usize = 6;

/// The files of the operator's template folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    /// The folder, for messages.
    pub folder: String,
    /// Text by the file's name below the folder, such as `kickstart/base.ks.j2`.
    pub files: BTreeMap<String, String>,
}

impl Templates {
    /// How messages name a template: by the operator's file if there is one.
    pub(crate) fn place(&self, name: &str) -> String {
        match self.files.contains_key(name) && !self.folder.is_empty() {
            true => format!("{}/{name}", self.folder.trim_end_matches('/')),
            false => name.into(),
        }
    }

    /// Whether the operator's file replaces one of rackstart's; a hook only adds to it.
    pub(super) fn replaces(&self, name: &str) -> bool {
        self.files.contains_key(name) && !name.starts_with(SNIPPETS)
    }

    /// Only the hooks, if other files replace parts of rackstart's kickstart: the reference for comparing them.
    pub(super) fn measure(&self) -> Option<Self> {
        let replaces = self.files.keys().any(|name| name.starts_with("kickstart/") && self.replaces(name));
        let hooks = self.files.iter().filter(|(name, _)| !self.replaces(name));
        let hooks = hooks.map(|(name, text)| (name.clone(), text.clone())).collect();
        replaces.then(|| Self { folder: self.folder.clone(), files: hooks })
    }

    /// Describes which files are in use; `None` when none is.
    pub(super) fn in_use(&self) -> Option<String> {
        let named: Vec<&str> = self.files.keys().take(NAMED).map(String::as_str).collect();
        let more = match self.files.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!named.is_empty()).then(|| format!("templates from {}: {}{more}", self.folder, named.join(", ")))
    }

    /// Checks that a file of this name has an effect; the error is one thing to do.
    pub(crate) fn check_name(name: &str) -> Result<(), String> {
        if let Some(file) = name.strip_prefix(SNIPPETS) {
            let help = || format!("the files in {SNIPPETS} are {}", SNIPPET_FILES.join(", "));
            return if SNIPPET_FILES.contains(&file) { Ok(()) } else { Err(help()) };
        }
        if name.starts_with("templates/site/") {
            return Err("the file that `init` writes is embedded in rackstart: edit the written file instead".into());
        }
        if let Some((folder, file)) = name.strip_prefix(BLUEPRINTS).and_then(|rest| rest.split_once('/')) {
            let is_part = BLUEPRINT_FILE[1..] == *file || RULES_FILE == file || BLUEPRINT_PARTS.contains(&file);
            let help = || {
                format!(
                    "{BLUEPRINTS}{folder} may hold {}, {RULES_FILE} and {}",
                    &BLUEPRINT_FILE[1..],
                    BLUEPRINT_PARTS.join(", ")
                )
            };
            return if is_part { Ok(()) } else { Err(help()) };
        }
        let known = || KickstartFiles::iter().chain(TemplateFiles::iter());
        let is_of_a_set = name.strip_prefix(STEP_SETS).and_then(|rest| rest.split_once('/'));
        let is_of_a_set = is_of_a_set.is_some_and(|(_, file)| file == RULES_FILE || file.matches('/').count() == 1);
        if name.starts_with(STEPS) || is_of_a_set || known().any(|known| known == name) {
            return Ok(());
        }
        // A file in another folder is more often meant than one whose name looks alike.
        let file = |path: &str| path.rsplit('/').next().unwrap_or(path).to_string();
        let moved = known().find(|known| file(known) == file(name)).map(|known| format!("did you mean `{known}`?"));
        Err(moved.or_else(|| did_you_mean(name, known())).unwrap_or_else(|| {
            format!("own files belong in {SNIPPETS}, {STEPS}, {STEP_SETS}NAME/ or {BLUEPRINTS}NAME/")
        }))
    }
}

/// Every embedded template that the operator's file of the same name can replace: name and text.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let files = |name: &str| KickstartFiles::get(name).or_else(|| TemplateFiles::get(name));
    let names = KickstartFiles::iter().chain(TemplateFiles::iter());
    let mut shipped: Vec<(String, String)> = names
        .filter(|name| !name.ends_with(".md") && Templates::check_name(name).is_ok())
        .filter_map(|name| Some((name.to_string(), String::from_utf8_lossy(&files(&name)?.data).into_owned())))
        .collect();
    shipped.sort();
    shipped
}

/// The names of all embedded files below `templates`.
pub(crate) fn shipped_names() -> Vec<String> {
    TemplateFiles::iter().map(std::borrow::Cow::into_owned).collect()
}

/// An embedded text file.
pub(crate) fn shipped_file(name: &str) -> Option<String> {
    String::from_utf8(TemplateFiles::get(name)?.data.into_owned()).ok()
}

/// Whether the file fills the hook.
pub(super) fn is_hook(name: &str, hook: &str) -> bool {
    let file = name.strip_prefix(SNIPPETS).unwrap_or_default();
    file.strip_suffix(".sh.j2").or_else(|| file.strip_suffix(".ks.j2")) == Some(hook)
}
