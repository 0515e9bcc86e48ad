//! Checks packages: does every node have a repository for everything it needs, in the versions that are expected?
//!
//! Nodes that need the same packages from the same repositories form one group, and each repository is read once for
//! all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::media::RepositoryUse;
use super::problem::Problem;
use super::trees::TreeUse;
use crate::media::{self, Media};
use crate::packages::{self, Metadata, Names, Needs};
use crate::render::{RenderError, Renderer};
use crate::site::{Blueprint, Firmware, Node, Release, Repository, RootArchive, Site};

/// The folder of an EL6 tree for packages that the tree lacks.
const EXTRA: &str = "extra";

/// The findings: problems, and notes about what is allowed but worth a look.
#[derive(Default)]
pub(super) struct Findings {
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
}

/// Nodes that have the same needs for packages.
struct Group<'a> {
    nodes: Vec<&'a Node>,
    kickstart: Needs,
    steps: Needs,
    /// The installer's repositories, by path and folder.
    places: Vec<Mention>,
    /// The repositories that only the installed node has.
    later: Vec<Mention>,
    repositories: Vec<&'a Repository>,
}

type Mention = (PathBuf, String);
type Key<'a> = (&'a str, Release, &'a str, bool, bool, Option<&'a str>);

/// The metadata that was read, by place; an error is a sentence.
type Known = BTreeMap<Mention, Result<Metadata, String>>;

/// Reads the metadata of all repositories and checks every node.
pub(super) fn check(site: &Site, renderer: &Renderer, trees: &[TreeUse], uses: &[RepositoryUse]) -> Findings {
    let groups = match groups(site, renderer) {
        Ok(groups) => groups,
        // The templates were rendered before, so this error was reported already.
        Err(_) => return Findings::default(),
    };
    let mut verdict = Findings::default();
    let known = read_all(site, &groups);
    report_damage(site, uses, trees, &known, &mut verdict);
    report_compression(site, uses, trees, &groups, &known, &mut verdict);
    let mut silent = BTreeSet::new();
    for group in &groups {
        let tree = group.nodes[0].install_tree.as_str();
        if group.nodes[0].release.is_debian() {
            let at = trees.iter().find(|known| known.name == tree).map_or(0..0, |tree| tree.at.clone());
            // Without an archive the tree itself was reported.
            verdict.problems.extend(site.root_of(group.nodes[0]).and_then(|root| group.lacking(root, at)));
            continue;
        }
        let of = |places: &[Mention]| -> Option<Vec<&Metadata>> {
            places.iter().map(|place| known.get(place)?.as_ref().ok()).collect()
        };
        let (Some(early), Some(later)) = (of(&group.places), of(&group.later)) else { continue };
        let all: Vec<&Metadata> = early.iter().chain(&later).copied().collect();
        check_versions(group, &all, uses, &mut verdict);
        note_floors(group, &site.blueprint, &all, &mut verdict);
        let has_tree = group.places.iter().any(|(path, _)| is_of_tree(site, tree, path));
        if !has_tree {
            silent.insert(tree);
            continue;
        }
        let at = trees.iter().find(|known| known.name == tree).map_or(0..0, |tree| tree.at.clone());
        group.report(&group.kickstart, &early, at.clone(), &mut verdict, false);
        // Nodes of later releases have further repositories, which cannot be examined here.
        group.report(&group.steps, &all, at, &mut verdict, !group.nodes[0].release.is_el6());
    }
    for tree in silent {
        verdict.notes.push(format!(
            "the install tree `{tree}` has no package metadata (repodata): whether it has the packages of its nodes is not known"
        ));
    }
    for repository in site.repositories.iter().filter(|repository| repository.gpg_key.is_none()) {
        let name = &repository.name;
        verdict.notes.push(format!(
            "repository `{name}` has no `gpg_key`: nodes install its packages without checking signatures"
        ));
    }
    verdict
}

fn is_of_tree(site: &Site, tree: &str, path: &Path) -> bool {
    site.install_tree(tree).is_some_and(|tree| tree.path == path)
}

fn groups<'a>(site: &'a Site, renderer: &Renderer) -> Result<Vec<Group<'a>>, RenderError> {
    let mut groups: BTreeMap<Key<'a>, Group<'a>> = BTreeMap::new();
    let by_node = renderer.has_own_packages();
    let mut folders: BTreeMap<&str, (Vec<Mention>, Vec<Mention>)> = BTreeMap::new();
    for tree in &site.install_trees {
        folders.insert(&tree.name, places_of_tree(&tree.path));
    }
    for node in site.nodes.iter() {
        let own = by_node.then_some(node.name.as_str());
        let is_uefi = node.firmware == Firmware::Uefi;
        let key = (node.role.as_str(), node.release, node.install_tree.as_str(), is_uefi, node.vlans.is_empty(), own);
        if let Some(group) = groups.get_mut(&key) {
            group.nodes.push(node);
            continue;
        }
        let needs = renderer.packages(site, node)?;
        let (mut places, later) = folders.get(node.install_tree.as_str()).cloned().unwrap_or_default();
        let repositories: Vec<&Repository> = site.repositories_of(node).collect();
        for repository in &repositories {
            places.extend(repository.folders.iter().map(|folder| (repository.path.clone(), folder.clone())));
        }
        let later = if node.release.is_el6() { later } else { Vec::new() };
        let (kickstart, steps) = (needs.kickstart, needs.steps);
        groups.insert(key, Group { nodes: vec![node], kickstart, steps, places, later, repositories });
    }
    Ok(groups.into_values().collect())
}

/// The repositories of a tree for its installer, and the one for packages that the tree lacks.
fn places_of_tree(path: &Path) -> (Vec<Mention>, Vec<Mention>) {
    let Ok(media) = Media::open(path) else { return Default::default() };
    let place = |folder: String| (path.to_path_buf(), folder);
    let has_extra = media.has(&format!("{EXTRA}/repodata/repomd.xml"));
    let extra = has_extra.then(|| place(EXTRA.into())).into_iter().collect();
    (media::folders(&media).into_iter().map(place).collect(), extra)
}

/// Reads once each repository that a group uses or the site file declares.
fn read_all(site: &Site, groups: &[Group<'_>]) -> Known {
    let mut names = Names::new();
    for group in groups {
        let asked = group.kickstart.keys().chain(group.steps.keys());
        names.extend(asked.filter(|name| !name.starts_with(['@', '-'])).cloned());
    }
    names.extend(site.repositories.iter().flat_map(|repository| repository.expect.keys().cloned()));
    let of_groups = groups.iter().flat_map(|group| group.places.iter().chain(&group.later));
    let declared = site
        .repositories
        .iter()
        .flat_map(|repository| repository.folders.iter().map(|folder| (repository.path.clone(), folder.clone())));
    let places: BTreeSet<Mention> = of_groups.cloned().chain(declared).collect();
    let read = |place: Mention| {
        let media = Media::open(&place.0).map_err(|error| super::load::reason(&error));
        let metadata = media.and_then(|media| media::read_repository(&media, &place.1, &names));
        (place, metadata)
    };
    places.into_iter().map(read).collect()
}

/// Reports once each repository that cannot be used.
fn report_damage(site: &Site, uses: &[RepositoryUse], trees: &[TreeUse], known: &Known, verdict: &mut Findings) {
    let mut add =
        |at: Range<usize>, message: String, help: &str| verdict.problems.push(Problem::new(at, message, help));
    for repository in &site.repositories {
        let at = uses.iter().find(|known| known.name == repository.name).map_or(0..0, |known| known.path_at.clone());
        let path = repository.path.display();
        if repository.folders.is_empty() {
            let why = match Media::open(&repository.path) {
                Err(error) => super::load::reason(&error),
                Ok(_) => "it has no repodata/repomd.xml".into(),
            };
            let help = "name the directory or ISO file that holds `repodata`; `createrepo DIRECTORY` makes it";
            add(at, format!("repository `{}` ({path}) cannot be used: {why}", repository.name), help);
            continue;
        }
        for (place, why) in known.iter().filter_map(|(place, read)| Some((place, read.as_ref().err()?))) {
            if place.0 == repository.path && repository.folders.contains(&place.1) {
                let message = format!("the metadata of repository `{}` ({path}) is damaged: {why}", repository.name);
                add(at.clone(), message, "copy the repository again, or run `createrepo` over it");
            }
        }
    }
    for tree in trees {
        let of_tree = known.iter().filter(|((path, _), _)| *path == tree.path);
        for why in of_tree.filter_map(|(_, read)| read.as_ref().err()) {
            let message = format!("the package metadata of the install tree {} is damaged: {why}", tree.path.display());
            add(tree.at.clone(), message, "copy the whole tree again");
        }
    }
}

/// Reports once each repository that yum of EL6 and EL7 cannot read: it does not know zstd, and would stop in the
/// installation.
fn report_compression(
    site: &Site,
    uses: &[RepositoryUse],
    trees: &[TreeUse],
    groups: &[Group<'_>],
    known: &Known,
    verdict: &mut Findings,
) {
    let mut told = BTreeSet::new();
    for group in groups.iter().filter(|group| group.nodes[0].release.major < 8) {
        let all = group.places.iter().chain(&group.later);
        for place in all.filter(|place| matches!(known.get(place), Some(Ok(metadata)) if metadata.has_zstd)) {
            if !told.insert(place.0.clone()) {
                continue;
            }
            let tree = trees.iter().find(|tree| tree.path == place.0).map(|tree| tree.at.clone());
            let at = tree.or_else(|| {
                let name = &site.repositories.iter().find(|repository| repository.path == place.0)?.name;
                Some(uses.iter().find(|known| known.name == *name)?.path_at.clone())
            });
            let release = group.nodes[0].release;
            let message = format!(
                "the package metadata of {} is compressed with zstd (.zst), which yum of EL{release} cannot read",
                place.0.display()
            );
            let help = "make it again with `createrepo_c --general-compress-type=gz DIRECTORY`";
            verdict.problems.push(Problem::new(at.unwrap_or(0..0), message, help));
        }
    }
}

fn check_versions(group: &Group<'_>, all: &[&Metadata], uses: &[RepositoryUse], verdict: &mut Findings) {
    for repository in &group.repositories {
        for (name, expected) in &repository.expect {
            let role = &group.nodes[0].role;
            let found = packages::newest(name, all);
            let why = match found {
                Some(version) if version.is(expected) => continue,
                Some(version) => format!("nodes of role `{role}` would get {version}"),
                None => format!("no repository of role `{role}` has it"),
            };
            let message = format!("repository `{}` expects {name} {expected}, and {why}", repository.name);
            let known = uses.iter().find(|known| known.name == repository.name);
            let at = known.map_or(0..0, |known| known.expect_at.get(name).unwrap_or(&known.at).clone());
            let help = "correct `expect`, or take the other version out of the repositories and run `createrepo` again";
            verdict.problems.push(Problem::new(at, message, help));
        }
    }
}

/// Notes packages of the steps that are older than the steps were written for. Somebody may have built them like that
/// on purpose.
fn note_floors(group: &Group<'_>, blueprint: &Blueprint, all: &[&Metadata], verdict: &mut Findings) {
    let role = &group.nodes[0].role;
    for (name, floor) in blueprint.floors.iter().filter(|(name, _)| group.steps.contains_key(*name)) {
        let Some(found) = packages::newest(name, all).filter(|found| !found.is_at_least(floor)) else { continue };
        verdict.notes.push(format!(
            "nodes of role `{role}` would get {name} {found}, and the steps of blueprint `{}` need {floor} or later: put one \
             into a repository of these nodes and run `createrepo` again",
            blueprint.name
        ));
    }
}

impl Group<'_> {
    /// What the archive of Debian nodes lacks, in one sentence. What their steps install is apt's business.
    fn lacking(&self, root: &RootArchive, at: Range<usize>) -> Option<Problem> {
        let missing: Vec<&str> =
            self.kickstart.keys().map(String::as_str).filter(|name| !root.packages.contains(*name)).collect();
        let first = self.nodes[0];
        let message = format!(
            "node `{}` of role `{}`: the archive of install tree `{}` lacks {}",
            first.name,
            first.role,
            first.install_tree,
            missing.join(", ")
        );
        let help = "build it again: `rackstart image build DIRECTORY` takes what the site file names; no groups, and nothing \
                    to leave out";
        (!missing.is_empty()).then(|| Problem::new(at, message, help))
    }

    /// Reports everything in `needs` that is missing, in one sentence.
    fn report(&self, needs: &Needs, there: &[&Metadata], at: Range<usize>, verdict: &mut Findings, only_note: bool) {
        let missing = packages::missing(needs, there);
        if missing.is_empty() {
            return;
        }
        let list = |by: &BTreeSet<String>| by.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let named: Vec<String> = missing.iter().map(|(name, by)| format!("{name} ({})", list(by))).collect();
        let (first, others) = (&self.nodes[0], self.nodes.len() - 1);
        let who = match others {
            0 => format!("`{}`", first.name),
            others => format!("`{}` and {others} more", first.name),
        };
        let what = if missing.len() == 1 { "package" } else { "packages" };
        let message = format!(
            "node {who} of role `{}`: no repository here has {} {what} of those that are installed: {}",
            first.role,
            missing.len(),
            named.join(", ")
        );
        if only_note {
            verdict.notes.push(format!("{message}; on EL{} other repositories of the node may", first.release.major));
            return;
        }
        let help = match first.release.is_el6() {
            true => format!(
                "name a `[[repository]]` that has them, or put them into the folder `{EXTRA}` of the install tree and run `createrepo` there"
            ),
            false => "name a `[[repository]]` that has them".into(),
        };
        verdict.problems.push(Problem::new(at, message, help));
    }
}
