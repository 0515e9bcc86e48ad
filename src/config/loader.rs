//! `[firmware]`: loaders of the operator's own, and what nodes say about theirs. It opens no file: `media` does that.

use std::ops::Range;
use std::path::PathBuf;

use super::problem::Problem;
use super::reader::Section;
use super::site_file::SiteFile;
use super::text;
use crate::packages::{Algorithm, Checksum};
use crate::site::{Firmware, LoaderChoice, LoaderFile, OwnLoader, Platform, Site};
use crate::words::quote;

const KEYS: [&str; 3] = ["loader", "sha256", "files"];
const FILE_KEYS: [&str; 2] = ["path", "sha256"];
const EXAMPLE: &str = "loader = \"/srv/rackstart/ipxe/ipxe-arm64.efi\"";

/// One `[firmware.PLATFORM]` as written.
pub(super) struct LoaderKeys {
    pub loader: Option<OwnLoader>,
    /// Where each of its files is named, in their order.
    pub places: Vec<Range<usize>>,
}

/// Reads every `[firmware.PLATFORM]`.
pub(super) fn read_all(top: &Section<'_>) -> Vec<LoaderKeys> {
    let words = Platform::ALL.map(|(_, word, _)| word);
    let Some((at, table)) = top.table("firmware", "`[firmware.efi-arm64]`") else { return Vec::new() };
    let all = Section::open("`[firmware]`".into(), at, table, &words, top.found);
    let read = |(platform, word, _): (Platform, &str, &str)| {
        let (at, table) = all.table(word, &format!("`[firmware.{word}]` on a line of its own"))?;
        Some(read(&Section::open(format!("`[firmware.{word}]`"), at, table, &KEYS, all.found), platform))
    };
    Platform::ALL.into_iter().filter_map(read).collect()
}

fn read(section: &Section<'_>, platform: Platform) -> LoaderKeys {
    section.need("loader", EXAMPLE);
    let mut files = vec![read_file(section, "loader")];
    for (at, table) in section.tables("files", "files = [{ path = \"/srv/…\", sha256 = \"…\" }]") {
        let place = format!("`files` of {}", section.place);
        let inner = Section::open(place, at, table, &FILE_KEYS, section.found);
        inner.need("path", "path = \"/srv/rackstart/ipxe/ipxe.efi\"");
        files.push(read_file(&inner, "path"));
    }
    let whole: Option<Vec<_>> = files.into_iter().collect();
    let places = whole.iter().flatten().map(|(_, at)| at.clone()).collect();
    let files = whole.map(|files| files.into_iter().map(|(file, _)| file).collect());
    LoaderKeys { loader: files.map(|files| OwnLoader { platform, files, programs: Vec::new() }), places }
}

fn read_file(section: &Section<'_>, key: &str) -> Option<(LoaderFile, Range<usize>)> {
    let path = text::absolute_path(section, key);
    if section.has(key) {
        section.need("sha256", "sha256 = \"…\", as `sha256sum FILE` prints it");
    }
    let sum = section.text("sha256");
    let checksum = sum.as_ref().and_then(|sum| Checksum::new(Algorithm::Sha256, sum.get_ref()));
    if let (Some(sum), None) = (&sum, &checksum) {
        let message = format!("{}: {} is not a sha256", section.place, quote(sum.get_ref()));
        section.found.report(sum.span(), message, "copy it as `sha256sum FILE` prints it");
    }
    let path = path?;
    let name = path.get_ref().rsplit('/').next().unwrap_or_default();
    // It travels in the field `file` of DHCP, in requests of firmware and in URLs.
    if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
        let message = format!("{}: {} is no name that firmware can ask for", section.place, quote(name));
        section.found.report(path.span(), message, "name the file with letters, digits and any of . _ -");
        return None;
    }
    Some((LoaderFile { path: PathBuf::from(*path.get_ref()), checksum: checksum? }, path.span()))
}

/// Reports nodes that cannot boot as their `loader` says. A tree that nobody has read yet may hold anything.
pub(super) fn check(file: &SiteFile<'_>, site: &Site) -> Vec<Problem> {
    let written = file.nodes.iter().zip(site.nodes.iter());
    let mut problems: Vec<Problem> = Vec::new();
    for (keys, node) in written {
        let Some(at) = file.defaults_of(keys).loader.map(|word| word.span()) else { continue };
        let tree = site.install_tree(&node.install_tree).filter(|tree| tree.distribution.is_some());
        let problem = match (node.loader, node.firmware, tree) {
            (LoaderChoice::Signed, Firmware::Bios, _) => {
                let message = format!("node `{}` has `loader = \"signed\"` and BIOS firmware", node.name);
                Problem::new(at.clone(), message, "signed loaders are for `firmware = \"uefi\"`")
            }
            (LoaderChoice::Signed, _, Some(tree)) if tree.signed_chain(Platform::EfiX64).is_none() => {
                let message = format!("the install tree `{}` has no signed shim and GRUB for x86-64", tree.name);
                let help = "use a tree of EL7 or later with its folder EFI/BOOT, or set `loader = \"auto\"`";
                Problem::new(at.clone(), message, help)
            }
            _ => continue,
        };
        // One word may hold for many nodes.
        if !problems.iter().any(|known| known.at == problem.at) {
            problems.push(problem);
        }
    }
    problems
}
