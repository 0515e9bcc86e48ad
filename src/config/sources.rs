//! Reads `[[repository]]` and `[[image]]`. It opens no file: `media` does that.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::Problem;
use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use super::text;
use crate::packages::{Algorithm, Checksum};
use crate::site::{Blueprint, DISK_FORMATS, Image, Release, ReleaseRule, Repository};
use crate::words::{quote, suggest};

/// One `[[repository]]` as written.
pub(super) struct RepositoryKeys<'a> {
    pub at: Range<usize>,
    pub name: Option<Spanned<&'a str>>,
    pub path: Option<Spanned<&'a str>>,
    pub url: Option<Spanned<&'a str>>,
    pub gpg_key: Option<Spanned<&'a str>>,
    releases: Vec<ReleaseRule>,
    roles: Vec<Spanned<&'a str>>,
    install_trees: Vec<Spanned<&'a str>>,
    expect: BTreeMap<String, String>,
    /// Where each expectation is written.
    pub expect_at: BTreeMap<String, Range<usize>>,
}

/// One `[[image]]` as written.
pub(super) struct ImageKeys<'a> {
    pub name: Option<Spanned<&'a str>>,
    pub path: Option<Spanned<&'a str>>,
    checksum: Option<Checksum>,
    format: Option<Spanned<&'static str>>,
}

const REPOSITORY: [&str; 8] = ["name", "path", "url", "gpg_key", "releases", "roles", "install_trees", "expect"];
const IMAGE: [&str; 6] = ["name", "path", "sha256", "sha512", "md5", "format"];

/// Reads every `[[repository]]`.
pub(super) fn read_repositories<'a>(top: &Section<'a>) -> Vec<RepositoryKeys<'a>> {
    let read = |(at, table): (Range<usize>, &'a DeTable<'a>)| {
        let section = Section::open(place("repository", table), at.clone(), table, &REPOSITORY, top.found);
        section.need("name", "name = \"extra\"");
        section.need("path", "path = \"/srv/rackstart/extra\"");
        let (expect, expect_at) = read_expect(&section);
        RepositoryKeys {
            at,
            name: text::source_name(&section, "a name for a repository"),
            path: text::absolute_path(&section, "path"),
            url: text::web_address(&section),
            gpg_key: text::absolute_path(&section, "gpg_key"),
            releases: read_releases(&section),
            roles: section.texts("roles"),
            install_trees: section.texts("install_trees"),
            expect,
            expect_at,
        }
    };
    let all: Vec<_> = top.tables("repository", "`[[repository]]` with two brackets").into_iter().map(read).collect();
    duplicates(all.iter().map(|keys| keys.name.as_ref()), "repositories", top.found);
    all
}

/// Reads every `[[image]]`.
pub(super) fn read_images<'a>(top: &Section<'a>) -> Vec<ImageKeys<'a>> {
    let read = |(at, table): (Range<usize>, &'a DeTable<'a>)| {
        let section = Section::open(place("image", table), at, table, &IMAGE, top.found);
        section.need("name", "name = \"small\"");
        section.need("path", "path = \"/srv/rackstart/images/small.img\"");
        let formats = DISK_FORMATS.map(|format| (format, format));
        ImageKeys {
            name: text::image_name(&section),
            path: text::absolute_path(&section, "path"),
            checksum: read_checksum(&section),
            format: section.word("format", &formats),
        }
    };
    let all: Vec<_> = top.tables("image", "`[[image]]` with two brackets").into_iter().map(read).collect();
    duplicates(all.iter().map(|keys| keys.name.as_ref()), "images", top.found);
    all
}

pub(super) fn place(what: &str, table: &DeTable<'_>) -> String {
    match table.get("name").and_then(|name| name.get_ref().as_str()) {
        Some(name) => format!("{what} {}", quote(name)),
        None => format!("`[[{what}]]`"),
    }
}

pub(super) fn duplicates<'a>(names: impl Iterator<Item = Option<&'a Spanned<&'a str>>>, what: &str, found: &Collector) {
    let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for name in names.flatten() {
        if let Some(first) = seen.get(name.get_ref()) {
            let message = format!("two {what} have the name {}", quote(name.get_ref()));
            let problem = Problem::new(name.span(), message, "give one of them another name");
            found.add(problem.also(first.clone(), "first used here"));
        }
        seen.entry(name.get_ref()).or_insert(name.span());
    }
}

fn read_releases(section: &Section<'_>) -> Vec<ReleaseRule> {
    let help = "write a list such as [\"6.10\"], or [\"6\"] for every minor";
    let texts = section.texts("releases").into_iter();
    let rule = |text: Spanned<&str>| {
        let has_minor = text.get_ref().contains('.');
        let release = section.parse_text::<Release>(text, "a supported release", help)?;
        Some(ReleaseRule { release: *release.get_ref(), has_minor })
    };
    texts.filter_map(rule).collect()
}

/// Reads the expectations: the value and the place of each, by package.
fn read_expect(section: &Section<'_>) -> (BTreeMap<String, String>, BTreeMap<String, Range<usize>>) {
    let (mut expect, mut places) = (BTreeMap::new(), BTreeMap::new());
    let example = "expect = { \"postgresql-server\" = \"13.14\" }";
    let Some((at, table)) = section.table("expect", &format!("`{example}`")) else { return (expect, places) };
    let names: Vec<&str> = table.keys().map(|key| &**key.get_ref()).collect();
    let inner = Section::open(format!("`expect` of {}", section.place), at, table, &names, section.found);
    for name in names {
        let Some(version) = inner.text(name) else { continue };
        let letters = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        if name.is_empty() || !letters(name, "._+-") {
            let message = format!("{} names {}, which is not a package", inner.place, quote(name));
            inner.found.report(version.span(), message, "write the name of a package without its version");
        } else if version.get_ref().is_empty() || !letters(version.get_ref(), "._+-:~^*") {
            let message = format!("{}: {} is not a version", inner.place, quote(version.get_ref()));
            inner.found.report(
                version.span(),
                message,
                "write `2012.1`, `2012.1-4.el6`, or a beginning with `*`: `2012.1*`",
            );
        } else {
            expect.insert(name.to_string(), version.get_ref().to_string());
            places.insert(name.to_string(), version.span());
        }
    }
    (expect, places)
}

fn read_checksum(section: &Section<'_>) -> Option<Checksum> {
    let algorithms = [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Md5];
    let mut written = algorithms.into_iter().filter_map(|algorithm| Some((algorithm, section.text(algorithm.name())?)));
    let Some((algorithm, text)) = written.next() else {
        if !algorithms.iter().any(|algorithm| section.has(algorithm.name())) {
            let message = format!("{} has no checksum", section.place);
            section.found.report(section.at.clone(), message, "add `sha256 = \"...\"`, as `sha256sum FILE` prints it");
        }
        return None;
    };
    if let Some((_, other)) = written.next() {
        let message = format!("{} has two checksums", section.place);
        section.found.report(other.span(), message, "keep the stronger one");
    }
    let checksum = Checksum::new(algorithm, text.get_ref());
    if checksum.is_none() {
        let name = algorithm.name();
        let message = format!("{}: {} is not a {name}", section.place, quote(text.get_ref()));
        let help = format!("write its {} hexadecimal digits, as `{name}sum FILE` prints them", algorithm.digits());
        section.found.report(text.span(), message, help);
    }
    checksum
}

impl RepositoryKeys<'_> {
    /// The repository, or none when it has a mistake. The key and the folders are not read yet.
    pub(crate) fn resolve(&self, file: &SiteFile<'_>, blueprint: &Blueprint, found: &Collector) -> Option<Repository> {
        let name = self.name.as_ref()?.get_ref().to_string();
        let trees = || file.trees.iter().filter_map(|tree| Some(*tree.name.as_ref()?.get_ref()));
        for role in self.roles.iter().filter(|role| !blueprint.roles.contains_key(*role.get_ref())) {
            let message = format!("repository `{name}` is for unknown role {}", quote(role.get_ref()));
            found.report(
                role.span(),
                message,
                suggest(role.get_ref(), "roles", blueprint.roles.keys().map(String::as_str)),
            );
        }
        for tree in self.install_trees.iter().filter(|tree| trees().all(|known| known != *tree.get_ref())) {
            let message = format!("repository `{name}` is for unknown install tree {}", quote(tree.get_ref()));
            found.report(tree.span(), message, suggest(tree.get_ref(), "install trees", trees()));
        }
        let owned = |texts: &[Spanned<&str>]| texts.iter().map(|text| text.get_ref().to_string()).collect();
        Some(Repository {
            name,
            path: PathBuf::from(*self.path.as_ref()?.get_ref()),
            gpg_key: None,
            releases: self.releases.clone(),
            roles: owned(&self.roles),
            install_trees: owned(&self.install_trees),
            expect: self.expect.clone(),
            folders: vec![String::new()],
        })
    }
}

impl ImageKeys<'_> {
    /// The image, or none when it has a mistake.
    pub(crate) fn resolve(&self) -> Option<Image> {
        Some(Image {
            name: self.name.as_ref()?.get_ref().to_string(),
            path: PathBuf::from(*self.path.as_ref()?.get_ref()),
            checksum: self.checksum.clone()?,
            format: self.format.as_ref().map_or("qcow2", |format| format.get_ref()).to_string(),
        })
    }
}
