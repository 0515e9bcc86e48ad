//! Reads `[[container]]`, finds that of a node's role, and says why a node cannot be made of it.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use super::sources::{duplicates, place};
use super::text;
use crate::site::{Blueprint, Container, KeyFile, Layout, Node};
use crate::words::{quote, suggest};

/// One `[[container]]` as written.
pub(super) struct ContainerKeys<'a> {
    pub name: Option<Spanned<&'a str>>,
    image: Option<Spanned<&'a str>>,
    /// The key of its signature. The inner `None`: the file says that the signature is not checked. The outer `None`:
    /// the file says neither.
    signed_by: Option<Option<Spanned<&'a str>>>,
    authority: Option<Spanned<&'a str>>,
    user: Option<Spanned<&'a str>>,
    stateroot: Option<Spanned<&'a str>>,
    remote: Option<Spanned<&'a str>>,
}

/// A file that a container or a BMC names, to be examined.
pub(super) struct KeyUse {
    pub path: PathBuf,
    pub at: Range<usize>,
    /// The file and what names it, for messages.
    pub owner: String,
    /// The text with which a valid file begins.
    pub begins: &'static str,
    /// What to do about a file that is not valid.
    pub help: &'static str,
}

/// How the two kinds of files begin.
pub(super) const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----";
pub(super) const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

const KEYS: [&str; 8] = ["name", "image", "signed_by", "signature", "ca", "user", "stateroot", "remote"];
/// The only directories below `/var` that are there when the installer mounts file systems on them.
const BELOW_VAR: [&str; 5] = ["/var/home", "/var/opt", "/var/srv", "/var/mnt", "/var/media"];

/// Reads every `[[container]]`.
pub(super) fn read_all<'a>(top: &Section<'a>) -> Vec<ContainerKeys<'a>> {
    let read = |(at, table): (Range<usize>, &'a DeTable<'a>)| {
        let section = Section::open(place("container", table), at, table, &KEYS, top.found);
        section.need("name", "name = \"web\"");
        section.need("image", "image = \"registry.example.com/web/el9:1\"");
        ContainerKeys {
            name: text::source_name(&section, "a name for a container"),
            image: text::container_image(&section),
            signed_by: read_signature(&section),
            authority: text::absolute_path(&section, "ca"),
            user: text::registry_user(&section),
            stateroot: text::ostree_name(&section, "stateroot"),
            remote: text::ostree_name(&section, "remote"),
        }
    };
    let all: Vec<_> = top.tables("container", "`[[container]]` with two brackets").into_iter().map(read).collect();
    duplicates(all.iter().map(|keys| keys.name.as_ref()), "containers", top.found);
    all
}

/// A container has a signature that is checked, or the file says that it is not.
fn read_signature<'a>(section: &Section<'a>) -> Option<Option<Spanned<&'a str>>> {
    let unchecked = section.word("signature", &[("unchecked", ())]);
    match (section.has("signed_by"), section.has("signature")) {
        (true, false) => text::absolute_path(section, "signed_by").map(Some),
        (false, true) => unchecked.map(|_| None),
        (both, _) => {
            let message = match both {
                true => format!("{} has both `signed_by` and `signature`", section.place),
                false => format!("{} does not say who signed it", section.place),
            };
            let help = "write `signed_by = \"/etc/rackstart/cosign.pub\"`, or `signature = \"unchecked\"` when anybody may \
                        change what your nodes start";
            section.found.report(section.at.clone(), message, help);
            None
        }
    }
}

impl ContainerKeys<'_> {
    /// The container, or none when one of its values is wrong. Its files are not read yet.
    fn resolve(&self) -> Option<Container> {
        let file = |path: &Spanned<&str>| KeyFile { path: path.get_ref().into(), lines: Vec::new() };
        let owned = |text: &Option<Spanned<&str>>| text.as_ref().map(|text| text.get_ref().to_string());
        Some(Container {
            name: owned(&self.name)?,
            image: owned(&self.image)?,
            signed_by: self.signed_by.as_ref()?.as_ref().map(file),
            authority: self.authority.as_ref().map(file),
            user: owned(&self.user),
            stateroot: owned(&self.stateroot),
            remote: owned(&self.remote),
        })
    }
}

/// The files that containers name.
pub(super) fn key_uses(file: &SiteFile<'_>) -> Vec<KeyUse> {
    let of = |keys: &ContainerKeys<'_>| {
        let name = keys.name.as_ref().map_or("?", |name| name.get_ref());
        let found = |path: &Spanned<&str>, what: &str, begins| KeyUse {
            path: path.get_ref().into(),
            at: path.span(),
            owner: format!("the {what} {} of container `{name}`", path.get_ref()),
            begins,
            help: "name a text file in PEM; `cosign public-key` prints such a key",
        };
        let key = keys.signed_by.as_ref().and_then(Option::as_ref).map(|path| found(path, "key", PUBLIC_KEY));
        [key, keys.authority.as_ref().map(|path| found(path, "certificate", CERTIFICATE))].into_iter().flatten()
    };
    file.containers.iter().flat_map(of).collect()
}

/// The container that the role of a node names; none when it names none, or none that can be used.
pub(super) fn of_role(file: &SiteFile<'_>, role: &str, found: &Collector) -> Option<Container> {
    let wanted = file.own.container(role)?;
    let known = file.containers.iter().find(|keys| keys.name.as_ref().is_some_and(|n| n.get_ref() == wanted.get_ref()));
    if known.is_none() && !found.has_at(&wanted.span()) {
        let names = file.containers.iter().filter_map(|keys| Some(*keys.name.as_ref()?.get_ref()));
        let message = format!("role `{role}` names unknown container {}", quote(wanted.get_ref()));
        let help = match file.containers.is_empty() {
            true => "add a `[[container]]` with its name and image".into(),
            false => suggest(wanted.get_ref(), "containers", names),
        };
        found.report(wanted.span(), message, help);
    }
    known?.resolve()
}

/// Reports the first thing that keeps a node from being made of its container, once for a role.
pub(super) fn check(file: &SiteFile<'_>, blueprint: &Blueprint, node: &Node, found: &Collector) {
    let (Some(container), Some(at)) = (&node.container, file.own.container(&node.role).map(Spanned::span)) else {
        return;
    };
    if let Some((why, help)) = objection(blueprint, node).filter(|_| !found.has_at(&at)) {
        let message = format!("node `{}` cannot be made of container `{}`: {why}", node.name, container.name);
        found.report(at, message, help);
    }
}

/// Why a node cannot be in image mode, and one thing to do.
fn objection(blueprint: &Blueprint, node: &Node) -> Option<(String, String)> {
    if node.release.is_debian() || (node.release.major, node.release.minor) < Container::FIRST_RELEASE {
        let why = format!("the installer of release {} has no image mode", node.release);
        return Some((why, "give the role a release of EL from 9.4 on, or take `container` out".into()));
    }
    if !blueprint.steps.is_empty() {
        let why =
            format!("the steps of blueprint `{}` install packages, and its `/usr` cannot be written", blueprint.name);
        return Some((why, "use the blueprint `plain`, and put into the image what the node needs".into()));
    }
    let role = blueprint.roles.get(&node.role);
    if let Some(package) = role.and_then(|role| role.software.packages.first()) {
        let why = format!("its role has packages (`{package}`), and an image brings its own");
        return Some((why, "put them into the image, and take `packages` out of the role".into()));
    }
    unusable(&node.layout)
}

/// What an ostree system cannot have on its disks, and one thing to do.
fn unusable(layout: &Layout) -> Option<(String, String)> {
    let place = format!("layout `{}`", layout.name);
    if layout.mirror.is_some() {
        let why = format!("{place} mirrors its disks, and the boot loader of an image goes onto one of them");
        return Some((why, "use a layout without `mirror`".into()));
    }
    let has_var = layout.mounts("/var");
    let fits = |mount: &str| match mount {
        "/" | "/boot" | "/var" => true,
        _ => mount.starts_with("/var/") && (has_var || BELOW_VAR.contains(&mount)),
    };
    let mount = layout.mount_points().find(|mount| !fits(mount))?;
    let why = format!("{place} mounts `{mount}`, which cannot be a file system of its own in an ostree system");
    let help = match BELOW_VAR.iter().find(|below| below.ends_with(mount)) {
        Some(below) => format!("mount it at `{below}`, where `{mount}` leads"),
        None if mount.starts_with("/var/") => "give `/var` a file system of its own as well, or leave it out".into(),
        None => "keep `/`, `/boot`, `/var` and what is below `/var`".into(),
    };
    Some((why, help))
}
