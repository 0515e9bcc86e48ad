//! The operator's own templates: files that stand in for embedded ones of the same name, and hooks that add to them.

use std::collections::BTreeMap;

use super::engine::{KickstartFiles, TemplateFiles};

/// The hooks of a kickstart, empty unless the operator fills them; `kickstart/README.md` says where each stands.
pub(super) const HOOKS: [&str; 4] = ["commands", "packages", "pre", "post"];

/// The folder of the hooks, and the only files in it.
const SNIPPETS: &str = "kickstart/snippets/";
const SNIPPET_FILES: [&str; 4] = ["commands.ks.j2", "packages.ks.j2", "pre.sh.j2", "post.sh.j2"];

/// Steps of the operator's own that belong to no step set. Below it a file may have any name.
pub(super) const STEPS: &str = "templates/firstboot/steps/";
/// The step sets, a folder each.
pub(crate) const STEP_SETS: &str = "templates/steps/";
/// The blueprints, a folder each.
pub(crate) const BLUEPRINTS: &str = "templates/blueprints/";
/// The file of a blueprint's folder that holds its data.
pub(crate) const BLUEPRINT_FILE: &str = "/blueprint.toml";
/// The file with the rules of variables, in the folder of a blueprint or of a step set.
pub(crate) const RULES_FILE: &str = "rules.toml";
/// What else the folder of a blueprint may hold: parts of the payload of every node.
pub(super) const BLUEPRINT_PARTS: [&str; 3] = ["env.j2", "order", "ports"];

/// So many files are named; the rest is counted.
const NAMED: usize = 6;

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
    pub(crate) fn place(&self, name: &str) -> String {
        match self.files.contains_key(name) && !self.folder.is_empty() {
            true => format!("{}/{name}", self.folder.trim_end_matches('/')),
            false => name.into(),
        }
    }

    /// Whether the operator's file stands in for one of rackstart's; a hook only adds to it.
    pub(super) fn replaces(&self, name: &str) -> bool {
        self.files.contains_key(name) && !name.starts_with(SNIPPETS)
    }

    /// The hooks alone, where other files stand in for parts of rackstart's kickstart: what these are measured by.
    pub(super) fn measure(&self) -> Option<Self> {
        let replaces = self.files.keys().any(|name| name.starts_with("kickstart/") && self.replaces(name));
        let hooks = self.files.iter().filter(|(name, _)| !self.replaces(name));
        let hooks = hooks.map(|(name, text)| (name.clone(), text.clone())).collect();
        replaces.then(|| Self { folder: self.folder.clone(), files: hooks })
    }

    /// Which files are in use, in words; none when it is none.
    pub(super) fn in_use(&self) -> Option<String> {
        let named: Vec<&str> = self.files.keys().take(NAMED).map(String::as_str).collect();
        let more = match self.files.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!named.is_empty()).then(|| format!("templates from {}: {}{more}", self.folder, named.join(", ")))
    }

    /// Whether a file of this name has an effect; else the one thing to do.
    pub(crate) fn check_name(name: &str) -> Result<(), String> {
        if let Some(file) = name.strip_prefix(SNIPPETS) {
            let help = || format!("the files in {SNIPPETS} are {}", SNIPPET_FILES.join(", "));
            return if SNIPPET_FILES.contains(&file) { Ok(()) } else { Err(help()) };
        }
        if name.starts_with("templates/site/") {
            return Err("the file that `init` writes is inside rackstart: edit what it wrote".into());
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
        let scored = known().map(|known| (strsim::jaro_winkler(&known, name), known));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
        Err(match best.filter(|(score, _)| *score > 0.8) {
            Some((_, nearest)) => format!("did you mean {nearest}?"),
            None => format!("own files belong in {SNIPPETS}, {STEPS}, {STEP_SETS}NAME/ or {BLUEPRINTS}NAME/"),
        })
    }
}

/// Every template that is inside rackstart and that the operator's file of the same name can stand in for: name and text.
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

/// The names of all files below `templates` that are inside rackstart.
pub(crate) fn shipped_names() -> Vec<String> {
    TemplateFiles::iter().map(std::borrow::Cow::into_owned).collect()
}

/// A text file that is inside rackstart.
pub(crate) fn shipped_file(name: &str) -> Option<String> {
    String::from_utf8(TemplateFiles::get(name)?.data.into_owned()).ok()
}

/// Whether the file fills the hook.
pub(super) fn is_hook(name: &str, hook: &str) -> bool {
    let file = name.strip_prefix(SNIPPETS).unwrap_or_default();
    file.strip_suffix(".sh.j2").or_else(|| file.strip_suffix(".ks.j2")) == Some(hook)
}
