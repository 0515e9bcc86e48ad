//! `rackstart appliance build`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Failure, print, write};
use crate::config::SitePaths;
use crate::config::load_to_plan;
use crate::site::Site;

/// Make an image with your site file, install trees and repositories inside, for a rack without any other source.
///
/// The site file stays as it is, but for the paths of what is put into the image. The appliance uses it until there is
/// a site file of its own on the partition RACKSTART. Other files that it names, such as a key, have to lie below
/// /srv/rackstart, which is that partition. The image is for its owner only, because the site file may hold secrets.
/// Needs xorriso 1.5 or later.
///
/// Example: rackstart appliance build --site rackstart.toml --tree /srv/Rocky-9.iso --out rack1.iso
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The site file that goes into the image.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// A DVD image or a folder that the site file names as an install tree.
    #[arg(long, value_name = "ISO")]
    tree: Vec<PathBuf>,
    /// A folder or an image that the site file names as a repository.
    #[arg(long, value_name = "DIR")]
    repository: Vec<PathBuf>,
    /// Where the image is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The plain image of `make appliance` [default: rackstart-VERSION.iso here or in build/].
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
}

/// Where the appliance mounts its image.
const MEDIUM: &str = "/medium";
/// Where the appliance mounts the partition RACKSTART.
const PARTITION: &str = "/srv/rackstart";
/// Where the appliance keeps the store; its first program puts the partition there.
const STORE: &str = "/var/lib/rackstart";
/// The site file in the image.
const SITE: &str = "/rackstart/site/rackstart.toml";

pub(super) fn run(templates: Option<&Path>, args: &Args) -> Result<(), Failure> {
    if let Some(templates) = templates {
        return Err(Failure::fixable(format!("the image does not take in the templates in {}", templates.display()))
            .hint("put them on the partition RACKSTART, and name them there by `templates` of `[site]`"));
    }
    let base = base(args.image.as_deref())?;
    let (version, _) = write::image(&base)?;
    let out = args.out.display();
    if args.out.exists() {
        return Err(Failure::fixable(format!("{out} already exists and was not changed")).hint("name another file"));
    }
    let loaded = load_to_plan(SitePaths { file: Some(&args.site), templates: None })?;
    let state = loaded.site.server.state.display();
    if state.to_string() != STORE {
        return Err(Failure::fixable(format!("`server.state` is {state}, which an appliance loses with its power"))
            .hint(format!("leave the key out: the appliance keeps {STORE} on its partition RACKSTART")));
    }
    let places = places(&loaded.site, args)?;
    let text = fs::read_to_string(&args.site)
        .map_err(|error| Failure::fixable(format!("cannot read {}: {error}", args.site.display())))?;
    let text = moved(&text, &places)?;
    refuse_absent(&text)?;
    make(&base, &args.out, &text, &places)?;
    let size = fs::metadata(&args.out).map_or(0, |meta| meta.len());
    print(&format!(
        "wrote {out}: rackstart {version} with the site `{}`; trees and repositories inside: {}; {}\n\
         next: `rackstart appliance write {out} DISK`, or attach it as virtual media\n",
        loaded.site.name,
        places.len(),
        super::disks::size(size)
    ))
}

fn base(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.into());
    }
    let name = format!("rackstart-{}.iso", env!("CARGO_PKG_VERSION"));
    let usual = [PathBuf::from(&name), Path::new("build").join(&name)];
    usual.into_iter().find(|path| path.exists()).ok_or_else(|| {
        Failure::fixable(format!("there is no {name}, neither here nor in build/"))
            .hint("`make appliance` makes it; `--image FILE` names another place")
    })
}

/// Makes the image under another name first, so that half an image never has the name of a whole one.
fn make(base: &Path, out: &Path, text: &str, places: &BTreeMap<PathBuf, String>) -> Result<(), Failure> {
    let unwritable = |path: &Path, error: &io::Error| {
        Failure::fixable(format!("cannot write {}: {error}", path.display()))
            .hint("is there such a folder, and room in it?")
    };
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .map_err(|error| unwritable(&part, &error))?;
    let made = scratch().and_then(|folder| {
        let file = folder.join("rackstart.toml");
        let made = fs::write(&file, text).map_err(|error| unwritable(&file, &error));
        let made = made.and_then(|()| xorriso(base, &part, &file, places));
        let _ = fs::remove_dir_all(&folder);
        made.and_then(|()| fs::rename(&part, out).map_err(|error| unwritable(out, &error)))
    });
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made
}

/// A folder of our own for the site file, which only we can read.
fn scratch() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("rackstart-appliance-{}", std::process::id()));
    let made = fs::DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|error| Failure::fixable(format!("cannot make the folder {}: {error}", folder.display())))?;
    Ok(folder)
}

/// What the site file names, and where it lies in the image.
fn places(site: &Site, args: &Args) -> Result<BTreeMap<PathBuf, String>, Failure> {
    let real = |path: &PathBuf| {
        fs::canonicalize(path).map_err(|error| Failure::fixable(format!("there is no {}: {error}", path.display())))
    };
    let trees = args.tree.iter().map(real).collect::<Result<Vec<_>, _>>()?;
    let repositories = args.repository.iter().map(real).collect::<Result<Vec<_>, _>>()?;
    let mut places = BTreeMap::new();
    let mut missing = Vec::new();
    let named = site.install_trees.iter().map(|tree| ("--tree", "trees", &tree.name, &tree.path));
    let named = named.chain(site.repositories.iter().map(|one| ("--repository", "repositories", &one.name, &one.path)));
    for (option, folder, name, path) in named {
        let given = if option == "--tree" { &trees } else { &repositories };
        let is_given = path.canonicalize().is_ok_and(|path| given.contains(&path));
        if is_given {
            // The name in the site file is unique, and needs no escaping.
            places.insert(path.clone(), format!("/rackstart/{folder}/{name}"));
        } else if !path.starts_with(PARTITION) {
            missing.push(format!("`{option} {}`", path.display()));
        }
    }
    for path in trees.iter().chain(&repositories) {
        if !places.keys().any(|named| named.canonicalize().is_ok_and(|named| named == *path)) {
            return Err(Failure::fixable(format!("the site file names no tree and no repository {}", path.display()))
                .hint("add it to the site file, or leave it out"));
        }
    }
    if !missing.is_empty() {
        return Err(Failure::fixable(format!(
            "the image would lack what the site file names: add {}",
            missing.join(" ")
        ))
        .hint("what lies below /srv/rackstart is expected on the partition RACKSTART of the appliance"));
    }
    Ok(places)
}

/// The site file with the paths of the image.
fn moved(text: &str, places: &BTreeMap<PathBuf, String>) -> Result<String, Failure> {
    let mut text = text.to_string();
    for (path, place) in places {
        let (from, to) = (path.display(), format!("{MEDIUM}{place}"));
        let found =
            ['"', '\''].into_iter().map(|quote| format!("{quote}{from}{quote}")).find(|word| text.contains(word));
        let Some(found) = found else {
            return Err(Failure::fixable(format!("the path {from} is not written plainly in the site file"))
                .hint("write it in double quotes and without escapes"));
        };
        text = text.replace(&found, &format!("\"{to}\""));
    }
    Ok(text)
}

/// Refuses a site file that names further files of this machine: keys, images of virtual machines, loaders, templates,
/// programs.
fn refuse_absent(text: &str) -> Result<(), Failure> {
    fn walk(key: &str, value: &toml::Value, found: &mut BTreeSet<String>) {
        match value {
            toml::Value::Array(values) => values.iter().for_each(|value| walk(key, value, found)),
            toml::Value::Table(table) => table.iter().for_each(|(key, value)| walk(key, value, found)),
            toml::Value::String(path) if path.starts_with('/') => {
                let path = Path::new(path);
                let is_there = path.starts_with(MEDIUM) || path.starts_with(PARTITION);
                // Directories are mount points of nodes, but for these keys.
                if !is_there && (path.is_file() || ["path", "templates"].contains(&key)) {
                    found.insert(path.display().to_string());
                }
            }
            _ => {}
        }
    }
    let table: toml::Table =
        toml::from_str(text).map_err(|error| Failure::fixable(format!("cannot read the site file: {error}")))?;
    let mut found = BTreeSet::new();
    table.iter().for_each(|(key, value)| walk(key, value, &mut found));
    if found.is_empty() {
        return Ok(());
    }
    let found = found.into_iter().collect::<Vec<_>>().join(", ");
    Err(Failure::fixable(format!("the site file names files that the image does not take in: {found}"))
        .hint(format!("copy them to the partition RACKSTART, and name them below {PARTITION} in the site file")))
}

fn xorriso(base: &Path, out: &Path, site: &Path, places: &BTreeMap<PathBuf, String>) -> Result<(), Failure> {
    let mut command = Command::new("xorriso");
    command.args(["-report_about", "WARNING", "-indev"]).arg(base).arg("-outdev").arg(out);
    // The loaders and the partition table of the image stay.
    command.args(["-boot_image", "any", "replay"]);
    for (path, place) in places {
        command.arg("-map").arg(path).arg(place);
        // Everybody may read it, as `mkisofs -r` does: the daemon has a user of its own.
        command.args(["-find", place, "-exec", "mkisofs_r", "--"]);
    }
    // That user is 990 in the appliance, and nobody else needs to read the operator's file.
    command.arg("-map").arg(site).args([SITE, "-chown", "990", SITE, "--", "-chmod", "0400", SITE, "--"]);
    // xorriso may give folders that it makes on the way to no one but their owner.
    let folders: BTreeSet<&str> =
        places.values().map(String::as_str).chain([SITE]).filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    command.arg("-chmod").arg("0555").args(folders).args(["--", "-commit"]);
    let done = command.output().map_err(|error| {
        Failure::fixable(format!("cannot run xorriso: {error}")).hint("install it: `apt-get install xorriso`")
    })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    Err(Failure::fixable(format!("xorriso made no image: {}", last.into_iter().rev().collect::<Vec<_>>().join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_what_is_inside_change_in_the_site_file() {
        let places = BTreeMap::from([(PathBuf::from("/srv/a.iso"), "/rackstart/trees/el9".to_string())]);
        let text = "path = \"/srv/a.iso\" # not /srv/a.iso2\nother = \"/srv/a.iso2\"\n";
        let expected = "path = \"/medium/rackstart/trees/el9\" # not /srv/a.iso2\nother = \"/srv/a.iso2\"\n";
        assert_eq!(moved(text, &places).unwrap(), expected);
        assert!(moved("path = \"/srv/./a.iso\"", &places).unwrap_err().to_string().contains("without escapes"));
    }
}
