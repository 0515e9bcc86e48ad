//! What the site file names outside itself: what repositories and images contain, and whether it is as required.
//!
//! Files are opened through `crate::media`; `crate::packages` decides which packages are missing.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::apart::ServedPath;
use super::container::{CERTIFICATE, KeyUse, PUBLIC_KEY};
use super::load::reason;
use super::problem::Problem;
use super::site_file::SiteFile;
use super::trees;
use crate::media::{self, Content, Guarded, Media, Unserved};
use crate::mirror::TREEINFO;
use crate::packages::{Checksum, sums};
use crate::site::{Image, OwnLoader, RootArchive, Site};

/// The largest public key that is read, in bytes.
const MAX_KEY_BYTES: u64 = 256 * 1024;
/// The largest list of checksums that is read, in bytes.
const MAX_SUMS_BYTES: u64 = 1 << 20;
/// How many names of one tree are looked at: a mirror of a whole release has some hundred thousand.
const MAX_NAMES: usize = 2_000_000;
/// How many names one note lists.
const MAX_NAMED: usize = 10;
/// The largest `.treeinfo` that is read, in bytes.
const MAX_TREEINFO_BYTES: u64 = 1 << 20;
/// The folder of an install tree that holds images, with a list of their checksums.
const IMAGES: &str = "images";
const SUMS: &str = "SHA256SUMS";

/// A `[[repository]]` to examine, with the places of its values.
pub(super) struct RepositoryUse {
    pub name: String,
    pub at: Range<usize>,
    pub path_at: Range<usize>,
    key: Option<(PathBuf, Range<usize>)>,
    pub expect_at: std::collections::BTreeMap<String, Range<usize>>,
}

/// Returns every repository whose name and path could be read.
pub(super) fn repository_uses(file: &SiteFile<'_>) -> Vec<RepositoryUse> {
    let of = |keys: &super::sources::RepositoryKeys<'_>| {
        Some(RepositoryUse {
            name: keys.name.as_ref()?.get_ref().to_string(),
            at: keys.at.clone(),
            path_at: keys.path.as_ref()?.span(),
            key: keys.gpg_key.as_ref().map(|key| (PathBuf::from(*key.get_ref()), key.span())),
            expect_at: keys.expect_at.clone(),
        })
    };
    file.repositories.iter().filter_map(of).collect()
}

/// Returns the place of each `[[image]]`, by name.
pub(super) fn image_places(file: &SiteFile<'_>) -> Vec<(String, Range<usize>)> {
    let of = |keys: &super::sources::ImageKeys<'_>| {
        Some((keys.name.as_ref()?.get_ref().to_string(), keys.path.as_ref()?.span()))
    };
    file.images.iter().filter_map(of).collect()
}

/// Returns the path of every install tree, repository, image and loader, as far as they could be read.
pub(super) fn served(file: &SiteFile<'_>) -> Vec<ServedPath> {
    let trees = file.trees.iter().map(|keys| ("install tree", &keys.name, &keys.path));
    let repositories = file.repositories.iter().map(|keys| ("repository", &keys.name, &keys.path));
    let images = file.images.iter().map(|keys| ("image", &keys.name, &keys.path));
    let named = trees.chain(repositories).chain(images).filter_map(|(kind, name, path)| {
        let (name, path) = (name.as_ref()?.get_ref(), path.as_ref()?);
        Some(ServedPath { owner: format!("{kind} `{name}`"), path: PathBuf::from(*path.get_ref()), at: path.span() })
    });
    let loaders = file.loaders.iter().filter_map(|keys| Some((keys.loader.as_ref()?, &keys.places)));
    let programs =
        loaders.flat_map(|(loader, places)| loader.files.iter().zip(places).map(move |pair| (loader.platform, pair)));
    let programs = programs.map(|(platform, (file, at))| ServedPath {
        owner: format!("{LOADER} `{}`", platform.word()),
        path: file.path.clone(),
        at: at.clone(),
    });
    named.chain(programs).collect()
}

/// How the owner of a loader's path begins.
const LOADER: &str = "loader of";

/// Reports missing paths in a file that still has other mistakes; their contents are examined once it has none. Install
/// trees and loaders are examined in any case.
pub(super) fn check_paths(served: &[ServedPath]) -> impl Iterator<Item = Problem> {
    let elsewhere = |owner: &str| owner.starts_with("install tree") || owner.starts_with(LOADER);
    let gone = move |served: &&ServedPath| !elsewhere(&served.owner) && !served.path.exists();
    served.iter().filter(gone).map(|served| {
        let message = format!("the {} cannot be used: {} does not exist", served.owner, served.path.display());
        Problem::new(served.at.clone(), message, "copy it there, or correct the path")
    })
}

/// Names what lies in the trees and repositories of the site but cannot be served: links that lead outside, what is not
/// a regular file, and hard links to files that nobody may fetch.
pub(super) fn unserved(site: &Site) -> Vec<String> {
    let trees = site.install_trees.iter().map(|tree| (format!("install tree `{}`", tree.name), &tree.path));
    let repositories = site.repositories.iter().map(|known| (format!("repository `{}`", known.name), &known.path));
    let guarded = Guarded::of(&site.guarded);
    let note = |(owner, path): (String, &PathBuf)| {
        let (found, all) = Media::open(path).ok()?.unserved(MAX_NAMES, &guarded);
        let one = |(path, why): &(String, Unserved)| match why {
            Unserved::Outward(target) => format!("{path} (a link that leads out, to {target})"),
            Unserved::Special => format!("{path} (a device, a socket or a FIFO)"),
            Unserved::Guarded(own) => format!("{path} (another name of {own}, which nobody may fetch)"),
        };
        let mut named: Vec<String> = found.iter().take(MAX_NAMED).map(one).collect();
        if found.len() > MAX_NAMED {
            named.push(format!("{} more", found.len() - MAX_NAMED));
        }
        let looked = if all { "" } else { "; it is so large that not all of it was looked at" };
        (!found.is_empty()).then(|| format!("not served from the {owner}: {}{looked}", named.join(", ")))
    };
    trees.chain(repositories).filter_map(note).collect()
}

/// Adds to the site what only the media know. What cannot be read stays empty; [`check_keys`] and the check of packages
/// report why.
pub(super) fn complete(site: &mut Site, uses: &[RepositoryUse]) {
    for tree in &mut site.install_trees {
        let Ok(media) = Media::open(&tree.path) else { continue };
        tree.repositories = media::folders(&media).into_iter().filter(|folder| !folder.is_empty()).collect();
        tree.distribution = treeinfo(&media).and_then(|text| trees::distribution(&text));
        tree.signed = media::signed_chains(&media);
        tree.root = root_archive(&media);
    }
    for repository in &mut site.repositories {
        repository.folders = Media::open(&repository.path).map(|media| media::folders(&media)).unwrap_or_default();
        let key = uses.iter().find(|known| known.name == repository.name).and_then(|known| known.key.as_ref());
        repository.gpg_key = key.and_then(|(path, _)| read_key(path).ok());
    }
    for loader in &mut site.loaders {
        // All of them or none: a chain with a hole in it would stop on the machine's screen.
        // Whether one of them is a guarded file is known later, and then the site is refused.
        let read = |file| media::own_program(file, &Guarded::default());
        loader.programs = loader.files.iter().map(read).collect::<Result<_, _>>().unwrap_or_default();
    }
    complete_containers(site);
    add_images_of_tree(site);
}

/// What a tree of Debian says of its root file system; none when it has none, or not all of it can be read. The archive
/// itself is compared with its checksum by the installer, which has to read all of it anyway.
pub(super) fn root_archive(media: &Media) -> Option<RootArchive> {
    let text = |file: &str| Some(String::from_utf8_lossy(&media.read(file, MAX_SUMS_BYTES).ok()?).into_owned());
    let checksum = sum_of(&text(SUMS)?, RootArchive::FILE).filter(|_| media.has(RootArchive::FILE))?;
    let names = |list: String| list.lines().filter_map(|line| Some(line.split(' ').next()?.to_string())).collect();
    Some(RootArchive { checksum, packages: names(text(RootArchive::PACKAGES)?) })
}

/// Reads the keys and certificates of containers.
fn complete_containers(site: &mut Site) {
    for container in site.nodes.iter_mut().filter_map(|node| node.container.as_mut()) {
        let files = [(&mut container.signed_by, PUBLIC_KEY), (&mut container.authority, CERTIFICATE)];
        for (file, begins) in files {
            let Some(file) = file else { continue };
            let text = read_text(&file.path, begins).unwrap_or_default();
            file.lines = text.lines().map(|line| line.trim_end().to_string()).collect();
        }
    }
}

/// Reports every key or certificate of a container or a BMC that cannot be used.
pub(super) fn check_container_keys(uses: &[KeyUse]) -> Vec<Problem> {
    let wrong = uses.iter().filter_map(|known| {
        let why = read_text(&known.path, known.begins).err()?;
        let message = format!("{} cannot be used: {why}", known.owner);
        Some(Problem::new(known.at.clone(), message, known.help))
    });
    wrong.collect()
}

/// Reports every file of the operator's own loaders that cannot be used, or that nobody may fetch.
pub(super) fn check_loaders(loaders: &[(Option<OwnLoader>, Vec<Range<usize>>)], guarded: &[PathBuf]) -> Vec<Problem> {
    let guarded = Guarded::of(guarded);
    let files = loaders.iter().flat_map(|(loader, places)| loader.iter().flat_map(|own| &own.files).zip(places));
    let wrong = files.filter_map(|(file, at)| {
        let why = media::own_program(file, &guarded).err()?;
        let message = format!("the loader {} cannot be used: {why}", file.path.display());
        Some(Problem::new(at.clone(), message, "copy the file again, or correct its path and its checksum"))
    });
    wrong.collect()
}

/// Reads the `.treeinfo` of a tree; none when there is none that can be read.
pub(super) fn treeinfo(media: &Media) -> Option<String> {
    String::from_utf8(media.read(TREEINFO, MAX_TREEINFO_BYTES).ok()?).ok()
}

/// What the `.treeinfo` of a tree calls it; none when it has none, or none that a screen can show.
pub(crate) fn tree_name(media: &Media) -> Option<String> {
    trees::distribution(&treeinfo(media)?).map(|name| name.to_string())
}

/// Reports every key that cannot be used.
pub(super) fn check_keys(uses: &[RepositoryUse]) -> Vec<Problem> {
    let keys = uses.iter().filter_map(|known| Some((known, known.key.as_ref()?)));
    let wrong = keys.filter_map(|(known, (path, at))| {
        let why = read_key(path).err()?;
        let message = format!("the key {} of repository `{}` cannot be used: {why}", path.display(), known.name);
        Some(Problem::new(
            at.clone(),
            message,
            "name the public key that its packages are signed with, as text (RPM-GPG-KEY-…)",
        ))
    });
    wrong.collect()
}

fn read_key(path: &Path) -> Result<String, String> {
    let text = read_text(path, "-----BEGIN PGP PUBLIC KEY BLOCK-----")?;
    let end = "-----END PGP PUBLIC KEY BLOCK-----";
    if text.contains(end) { Ok(text) } else { Err(format!("it holds no `{end}`")) }
}

/// The text of a file of keys that begins so somewhere in it.
fn read_text(path: &Path, begins: &str) -> Result<String, String> {
    let content = Content::named(path).map_err(|error| reason(&error))?;
    if content.length() > MAX_KEY_BYTES {
        return Err("it is larger than any key".into());
    }
    let bytes = content.bytes(MAX_KEY_BYTES).map_err(|error| reason(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not text".to_string())?;
    if text.contains(begins) { Ok(text) } else { Err(format!("it holds no `{begins}`")) }
}

/// Adds the images in the folders of install trees, except those whose names an `[[image]]` has.
fn add_images_of_tree(site: &mut Site) {
    let variable = |name: &str| site.blueprint.variable(name).unwrap_or_default().to_string();
    let wanted: Vec<(String, String, PathBuf)> = (site.blueprint.tree_images.iter())
        .filter_map(|image| {
            let node = site.nodes_with(&image.of).next()?;
            let folder = site.install_tree(&node.install_tree)?.path.join(IMAGES);
            let name = if image.is_variable { variable(&image.name) } else { image.name.clone() };
            Some((name, variable(&image.file), folder))
        })
        .collect();
    for (name, file, folder) in wanted {
        let list = Media::open(&folder).and_then(|media| media.read(SUMS, MAX_SUMS_BYTES)).unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        // The characters that the name of an `[[image]]` may have.
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let plain = !file.is_empty() && !file.contains('/') && !name.is_empty() && name.chars().all(letters);
        if let Some(checksum) = sum_of(&list, &file).filter(|_| plain && site.image(&name).is_none()) {
            site.images.push(Image { name, path: folder.join(&file), checksum, format: "qcow2".into() });
        }
    }
}

/// The checksum of a file in a list in the format of `sha256sum`.
fn sum_of(list: &str, file: &str) -> Option<Checksum> {
    sums(list).find(|(_, name)| *name == file).map(|(sum, _)| sum)
}

/// Reads every image and reports those that differ from their checksum. `places` tells where the site file names them;
/// an image that it does not name is in the install tree at `tree_at`.
pub(super) fn check_images(site: &Site, places: &[(String, Range<usize>)], tree_at: Range<usize>) -> Vec<Problem> {
    let wrong = site.images.iter().filter_map(|image| {
        let why = prove(site, image).err()?;
        let place = places.iter().find(|(name, _)| *name == image.name);
        let message = format!("the image `{}` ({}) cannot be used: {why}", image.name, image.path.display());
        let help = match place {
            Some(_) => "copy the file again, or correct its path and its checksum",
            None => "copy the file again, or correct its line in SHA256SUMS beside it",
        };
        Some(Problem::new(place.map_or(tree_at.clone(), |(_, at)| at.clone()), message, help))
    });
    wrong.collect()
}

fn prove(site: &Site, image: &Image) -> Result<(), String> {
    let content = Content::of_image(site, image).and_then(|content| content.unless(&Guarded::of(&site.guarded)));
    let mut content = content.map_err(|error| reason(&error))?;
    let found = content.checksum(image.checksum.algorithm).map_err(|error| reason(&error))?;
    match found == image.checksum.hex {
        true => Ok(()),
        false => Err(format!("its {} is {found}, not {}", image.checksum.algorithm.name(), image.checksum.hex)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_checksums_is_read_as_sha256sum_writes_it() {
        let (one, two) = ("a".repeat(64), "b".repeat(64));
        let sums = format!("{one}  cirros.img\n{two} *ubuntu.img\nshort  bad.img\n");
        assert_eq!(sum_of(&sums, "cirros.img").unwrap().hex, one);
        assert_eq!(sum_of(&sums, "ubuntu.img").unwrap().hex, two);
        assert_eq!(sum_of(&sums, "bad.img"), None);
        assert_eq!(sum_of(&sums, "img"), None);
    }
}
