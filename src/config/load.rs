//! The site file on disk: finds it, reads it, and looks at the install trees that it names.
//!
//! Apart from `templates`, `media` and `packages`, this is the only file of this folder that does I/O.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use super::Proved;
use super::alone::Alone;
use super::media::RepositoryUse;
use super::problem::{Problem, Problems};
use super::shelf::Held;
use super::trees::TreeUse;
use super::{apart, media, packages, trees};
use crate::failure::Failure;
use crate::media::{CopyRecord, Media};
use crate::mirror::TREEINFO;
use crate::render::{Renderer, Templates};
use crate::site::{Release, RootArchive, Site};
use crate::words::duration;

/// Where a site file is looked for when none is named, in this order.
const PLACES: [&str; 2] = ["rackstart.toml", "/etc/rackstart/rackstart.toml"];
/// The largest site file that is read, in MiB; 100,000 nodes with all their keys take less than half of it.
const MAX_MIB: u64 = 64;
const MAX_BYTES: u64 = MAX_MIB << 20;
/// The files that the boot script and the installer fetch from every install tree.
const TREE_FILES: [&str; 3] = [TREEINFO, "images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"];

/// A site, and the file it came from.
pub(crate) struct Loaded {
    /// The validated site.
    pub site: Site,
    /// The file it was read from.
    pub path: PathBuf,
    /// The renderer with the operator's templates, proved on the site.
    pub renderer: Renderer,
    /// Observations about repositories, images and templates that are allowed but worth a look.
    pub notes: Vec<String>,
}

/// The paths by which a verb finds the site.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SitePaths<'a> {
    /// The site file, when one is named.
    pub file: Option<&'a Path>,
    /// The folder of templates, when one is named; it takes precedence over the key of the site file.
    pub templates: Option<&'a Path>,
}

/// Why the site could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The file cannot be found or read.
    Unreadable(Failure),
    /// The file was read and has mistakes.
    Problems(Problems),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(failure) => failure.fmt(f),
            Self::Problems(problems) => problems.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// Loads the site for a verb: mistakes are printed to stderr, and the failure that is returned has nothing to add.
pub(crate) fn load(place: SitePaths<'_>) -> Result<Loaded, Failure> {
    read(&find(place.file)?, place.templates).map_err(print)
}

/// Loads the site for a plan, which needs the release but not the files of an install tree: the tree may not exist yet.
pub(crate) fn load_to_plan(place: SitePaths<'_>) -> Result<Loaded, Failure> {
    read_with(&find(place.file)?, place.templates, Depth::Plan, &[]).map_err(print)
}

/// Loads the site for making an install tree, so no install tree is looked at: a broken one may be what is made anew.
pub(crate) fn load_to_build(place: SitePaths<'_>) -> Result<Loaded, Failure> {
    read_with(&find(place.file)?, place.templates, Depth::Build, &[]).map_err(print)
}

/// Prints the mistakes of a site file to stderr, coloured on a terminal.
fn print(error: LoadError) -> Failure {
    match error {
        LoadError::Unreadable(failure) => failure,
        LoadError::Problems(problems) => {
            // Nobody may be there to read it; the exit code reports the failure, too.
            let _ = io::stderr().write_all(problems.render(wants_colour()).as_bytes());
            Failure::fixable("")
        }
    }
}

/// Whether to use colour: on a terminal, unless the user refuses it.
pub(crate) fn wants_colour() -> bool {
    use io::IsTerminal;
    io::stderr().is_terminal() && !refuses_colour()
}

/// Whether the user wants no colours (<https://no-color.org>; an empty `NO_COLOR` counts as unset), or has a terminal that
/// would print the escape sequences instead.
pub(crate) fn refuses_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !knows_escapes()
}

/// Whether the terminal understands escape sequences. One without a name, and one that calls itself dumb, prints them.
pub(crate) fn knows_escapes() -> bool {
    understands(std::env::var_os("TERM").as_deref())
}

fn understands(term: Option<&std::ffi::OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Returns the site file to use: the named one, or the first of the usual places that exists.
pub(crate) fn find(path: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = path {
        return Ok(path.into());
    }
    let found = PLACES.iter().map(Path::new).find(|place| place.exists());
    found.map(Path::to_path_buf).ok_or_else(|| {
        Failure::fixable(format!("there is no site file: neither ./{} nor {}", PLACES[0], PLACES[1]))
            .hint("`rackstart init` writes one to begin with; `-c FILE` names another place")
    })
}

/// Where the daemon of a site file listens for commands, and where its store and the key for its secrets are. Reads
/// only these keys and never fails, whatever has become of the rest of the file.
pub(crate) fn alone(path: Option<&Path>) -> Alone {
    let text = find(path).ok().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    super::alone::read(&String::from_utf8_lossy(&text))
}

/// The operator's templates in the folder that a verb or `[site]` names; none when they cannot be read.
pub(crate) fn templates_of(named: Option<&Path>, key: Option<&str>) -> Templates {
    let folder = named.or(key.map(Path::new));
    folder.and_then(|folder| super::templates::read(folder).ok()).unwrap_or_default()
}

/// Reads a site file as [`load_to_plan`] does. Prints nothing.
pub(crate) fn read_to_plan(path: &Path, templates: Option<&Path>) -> Result<Loaded, LoadError> {
    read_with(path, templates, Depth::Plan, &[])
}

/// Reads and proves a site file, including the install trees and the templates that it names. Prints nothing.
pub(crate) fn read(path: &Path, templates: Option<&Path>) -> Result<Loaded, LoadError> {
    read_with(path, templates, Depth::Whole, &[])
}

/// Reads a site file as [`read`] does, and proves no text of a site that equals a proved one.
pub(crate) fn read_again(path: &Path, templates: Option<&Path>, proved: Proved<'_>) -> Result<Loaded, LoadError> {
    read_with(path, templates, Depth::Whole, proved)
}

/// Proves a text as if it were the content of a site file, which is not changed. Prints nothing.
pub(crate) fn read_as(path: &Path, text: &str, templates: Option<&Path>) -> Result<Loaded, LoadError> {
    examine(path, text, templates, Depth::Whole, &[])
}

/// How much of what the site file names is examined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Everything that is sent to nodes.
    Whole,
    /// Only the install trees that exist, without their packages.
    Plan,
    /// Nothing.
    Build,
}

fn read_with(path: &Path, templates: Option<&Path>, depth: Depth, proved: Proved<'_>) -> Result<Loaded, LoadError> {
    let text = read_text(path).map_err(LoadError::Unreadable)?;
    examine(path, &text, templates, depth, proved)
}

/// Reads a text that is to become this site file as [`load_to_plan`] does, and prints its mistakes.
pub(crate) fn load_edited_to_plan(path: &Path, text: &str, templates: Option<&Path>) -> Result<Loaded, Failure> {
    examine(path, text, templates, Depth::Plan, &[]).map_err(print)
}

/// Proves a text that is to become this site file, like [`load`], and prints its mistakes.
pub(crate) fn load_edited(path: &Path, text: &str, templates: Option<&Path>) -> Result<Loaded, Failure> {
    examine(path, text, templates, Depth::Whole, &[]).map_err(print)
}

fn examine(
    path: &Path,
    text: &str,
    templates: Option<&Path>,
    depth: Depth,
    proved: Proved<'_>,
) -> Result<Loaded, LoadError> {
    let fetch = |key: Option<&str>| match templates.or(key.map(Path::new)) {
        Some(folder) => super::templates::read(folder),
        None => Ok(Templates::default()),
    };
    // What is guarded is a part of the site that is compared with the proved ones.
    let complete = |site: &mut Site, repositories: &[RepositoryUse]| {
        media::complete(site, repositories);
        site.guarded = apart::guarded(site, path);
    };
    let mut examined = super::examine(text, &fetch, &complete, proved);
    let matters = |tree: &&TreeUse| depth == Depth::Whole || (depth == Depth::Plan && tree.path.exists());
    examined.problems.extend(examined.trees.iter().filter(matters).filter_map(check_tree));
    // If they cannot be read, nothing is armed; the file may be checked all the same.
    let own = crate::own_cards::read().unwrap_or_default();
    examined.problems.extend(super::this_machine::check(&examined.cards, &own));
    if let Some(site) = &examined.site {
        examined.problems.extend(apart::check(site, path, &examined.served));
    }
    let mut notes = Vec::new();
    if depth == Depth::Plan {
        let missing = examined.trees.iter().filter(|tree| !tree.path.exists());
        notes.extend(missing.map(|tree| {
            let path = tree.path.display();
            format!("the install tree {path} is not there yet: it is assumed to hold the release that the file names")
        }));
    }
    if depth == Depth::Whole {
        examined.problems.extend(media::check_keys(&examined.repositories));
        examined.problems.extend(media::check_container_keys(&examined.keys));
        let guarded = examined.site.as_ref().map(|site| site.guarded.clone()).unwrap_or_default();
        examined.problems.extend(media::check_loaders(&examined.loaders, &guarded));
        if let (Some(site), Some(renderer)) = (&examined.site, &examined.renderer) {
            let tree_at = examined.trees.first().map_or(0..0, |tree| tree.at.clone());
            examined.problems.extend(media::check_images(site, &examined.images, tree_at));
            let verdict = packages::check(site, renderer, &examined.trees, &examined.repositories);
            examined.problems.extend(verdict.problems);
            notes = verdict.notes;
            notes.extend(media::unserved(site));
            notes.extend(examined.copies.iter().filter_map(age_note));
            notes.extend(renderer.own_templates());
        } else {
            examined.problems.extend(media::check_paths(&examined.served));
        }
    }
    match (examined.site, examined.renderer) {
        (Some(site), Some(renderer)) if examined.problems.is_empty() => {
            Ok(Loaded { site, path: path.into(), renderer, notes })
        }
        _ => {
            let name = path.display().to_string();
            Err(LoadError::Problems(Problems::new(&name, text, examined.problems, &examined.secrets)))
        }
    }
}

/// The text of a site file.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let failed = |error: io::Error| {
        let failure = Failure::fixable(format!("cannot read the site file {name}: {}", reason(&error)));
        match error.kind() {
            io::ErrorKind::NotFound => failure.hint("`rackstart init` writes one to begin with"),
            io::ErrorKind::PermissionDenied => failure.hint("run as the user who owns it, or change its permissions"),
            _ => failure.hint("name a readable file with `-c FILE`"),
        }
    };
    let meta = fs::metadata(path).map_err(failed)?;
    let too_long = |bytes: u64| {
        let size = bytes.div_ceil(1 << 20);
        Failure::fixable(format!("{name} has {size} MiB, and a site file may have {MAX_MIB}"))
            .hint("if it is another file, name the site file with `-c FILE`; if not, divide the site")
    };
    if meta.is_file() && meta.len() > MAX_BYTES {
        return Err(too_long(meta.len()));
    }
    let mut bytes = Vec::new();
    // The limit also holds for what has no length of its own, such as a pipe.
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_long(bytes.len() as u64));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::fixable(format!("{name}:{line}: the site file is not UTF-8 text"))
            .hint("save it as UTF-8; `iconv -f latin1 -t utf8` converts")
    })
}

/// How old a copy is, for what the site file gives an URL.
fn age_note(held: &Held) -> Option<String> {
    let (name, what, url) = (&held.name, held.kind.word(), held.url.as_ref()?);
    let record = CopyRecord::read(&held.path);
    let age = |finished: u64| duration(crate::clock::unix_now().saturating_sub(finished));
    let more = match record.and_then(|record| Some((record.url == *url, age(record.finished?)))) {
        Some((true, age)) => {
            format!("was copied from {url} {age} ago; `rackstart media add {name}` copies what is newer")
        }
        Some((false, _)) => format!("is no copy of {url}, but of another URL; `rackstart media list` shows it"),
        None => format!("is no whole copy of {url}; `rackstart media add {name}` makes one"),
    };
    Some(format!("the {what} `{name}` {more}"))
}

/// What is missing in an install tree. If the whole tree is missing, that is one mistake and not four.
fn check_tree(tree: &TreeUse) -> Option<Problem> {
    let name = tree.path.display();
    let problem = |message: String, help: &str| Some(Problem::new(tree.at.clone(), message, help));
    let content = match Media::open(&tree.path) {
        Ok(content) => content,
        Err(error) => {
            let message = format!("the install tree {name} cannot be used: {}", reason(&error));
            if tree.releases.iter().any(Release::is_debian) {
                return problem(message, &format!("make it with `rackstart image build {name}`, or correct the path"));
            }
            let help = "copy an installation DVD there, name its ISO image, fetch it by `rackstart media add`, or correct \
                        the path";
            return problem(message, help);
        }
    };
    let missing: Vec<&str> = TREE_FILES.into_iter().filter(|file| !content.has(file)).collect();
    if !missing.is_empty() {
        let message = format!("the install tree {name} is incomplete: it has no readable {}", missing.join(", "));
        return problem(message, "copy the whole tree, including names that begin with a dot");
    }
    let treeinfo = media::treeinfo(&content)?;
    let treeinfo = treeinfo.as_str();
    // The installer of another architecture cannot start, or starts and finds no package for its kernel.
    if let Some(arch) = trees::architecture(treeinfo).filter(|arch| !["x86_64", "amd64"].contains(arch)) {
        let message = format!("the install tree {name} is for {}, and nodes are x86_64", arch.escape_debug());
        return problem(message, "use the x86_64 tree of that release");
    }
    let version = trees::release(treeinfo)?;
    let version = version.as_str();
    let Some(release) = tree.releases.iter().find(|release| !trees::agrees(version, **release)) else {
        let lacks = tree.releases.iter().any(Release::is_debian) && media::root_archive(&content).is_none();
        let [archive, packages] = [RootArchive::FILE, RootArchive::PACKAGES];
        let message = format!(
            "the install tree {name} has no root file system: it needs {archive} with its line in SHA256SUMS, and the \
             list `{packages}`"
        );
        return lacks
            .then(|| problem(message, &format!("make it again with `rackstart image build {name}`")))
            .flatten();
    };
    let held = trees::distribution(treeinfo)
        .map_or_else(|| format!("version {}", version.escape_debug()), |distribution| distribution.to_string());
    let message = format!("the install tree {name} holds {held}, not the release {release}");
    problem(message, &format!("set `release = \"{}\"`, or use another tree", trees::number(version).escape_debug()))
}

pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a directory".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_is_dumb_or_has_no_name_gets_lines_alone() {
        let is = |term: &str| understands(Some(std::ffi::OsStr::new(term)));
        assert!(is("xterm-256color") && is("linux") && is("vt100"));
        assert!(!is("dumb") && !is("") && !understands(None));
    }
}
