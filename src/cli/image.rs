//! `rackstart image`: makes what the installer for Debian installs. The work is done by `firmware/installer/build`, which
//! is inside rackstart together with the files that it needs.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Failure, print};
use crate::config::{Loaded, SitePaths};
use crate::words::quote;

/// The files of `firmware/installer` that the build needs.
const FILES: [(&str, &str); 8] = [
    ("build", include_str!("../../firmware/installer/build")),
    ("hook", include_str!("../../firmware/installer/hook")),
    ("init", include_str!("../../firmware/installer/init")),
    ("install", include_str!("../../firmware/installer/install")),
    ("kickstart.sh", include_str!("../../firmware/installer/kickstart.sh")),
    ("lease", include_str!("../../firmware/installer/lease")),
    ("storage.sh", include_str!("../../firmware/installer/storage.sh")),
    ("system.sh", include_str!("../../firmware/installer/system.sh")),
];
/// The packages that every archive has.
const PACKAGES: (&str, &str) = ("packages", include_str!("../../firmware/installer/packages"));

/// Make what nodes with `release = "debian13"` are installed from.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Build(BuildArgs),
}

/// Make an install tree of Debian 13: the kernel, rackstart's installer, and the archive of the root file system.
///
/// The packages are those that every node needs, those that the site file names for its Debian nodes, and those of
/// --package. mmdebstrap fetches them, and apt checks them against the archive's signed index. The checksum of the
/// result is in the plan of each node, and its installer compares what it has unpacked with it.
///
/// It needs root, mmdebstrap and zstd, some minutes, and 1.5 GB beside the directory while it runs. A tree that is there
/// already is replaced at the end, and stays as it is when something fails. `rackstart reload` takes the new one over.
#[derive(Debug, clap::Args)]
struct BuildArgs {
    /// The directory of the tree; default: the `path` of the install tree that the Debian nodes of the site have.
    directory: Option<PathBuf>,
    /// One more package; may be repeated.
    #[arg(long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Where packages come from.
    #[arg(long, value_name = "URL", default_value = "http://deb.debian.org/debian")]
    mirror: String,
    /// Print what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let What::Build(args) = args.what;
    let loaded = match crate::config::load_to_build(place) {
        // A tree can be made before there is a site file, and for none.
        Err(_) if place.file.is_none() && args.directory.is_some() && crate::config::find(None).is_err() => None,
        other => Some(other?),
    };
    let (tree, mut packages) = loaded.as_ref().map(of_site).transpose()?.unwrap_or_default();
    packages.extend(args.packages);
    if let Some(wrong) = packages.iter().find(|name| !is_package(name)) {
        return Err(Failure::fixable(format!("{} is no package of Debian", quote(wrong)))
            .hint("take it out of `packages`: there are no groups, and nothing is left out"));
    }
    let directory = args.directory.or(tree).ok_or_else(|| {
        Failure::usage("no node of the site file has `release = \"debian13\"`, and no directory is named")
            .hint("name the directory: `rackstart image build /srv/rackstart/debian13`")
    })?;
    if args.dry_run {
        let always = PACKAGES.1.lines().filter(|line| !line.starts_with('#')).map(String::from);
        let all: BTreeSet<String> = always.chain(packages).collect();
        let list = all.into_iter().collect::<Vec<_>>().join(" ");
        return print(&format!("{} from {}\npackages: {list}\n", directory.display(), args.mirror));
    }
    build(&directory, &packages, &args.mirror)
}

/// The directory of the install tree of the site's Debian nodes, and the packages that these nodes name.
fn of_site(loaded: &Loaded) -> Result<(Option<PathBuf>, BTreeSet<String>), Failure> {
    let site = &loaded.site;
    let nodes = || site.nodes.iter().filter(|node| node.release.is_debian());
    let mut packages = BTreeSet::new();
    for node in nodes() {
        packages.extend(loaded.renderer.packages(site, node).map_err(Failure::bug)?.kickstart.into_keys());
    }
    let tree = nodes().find_map(|node| site.install_tree(&node.install_tree)).map(|tree| tree.path.clone());
    Ok((tree, packages))
}

/// Whether a package of Debian may be called so (Debian Policy 5.6.1).
fn is_package(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte))
}

/// Runs the build in a folder of its own, which is removed afterwards.
fn build(directory: &Path, packages: &BTreeSet<String>, mirror: &str) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("rackstart-image-{}", std::process::id()));
    let unwritten = |error: std::io::Error| {
        Failure::fixable(format!("cannot write to {}: {error}", folder.display())).hint("name another folder in TMPDIR")
    };
    DirBuilder::new().mode(0o700).create(&folder).map_err(unwritten)?;
    let written = FILES.iter().chain([&PACKAGES]).try_for_each(|(name, text)| fs::write(folder.join(name), text));
    let status = written.map_err(unwritten).and_then(|()| {
        let mut command = Command::new("bash");
        command.arg(folder.join("build")).arg(directory).args(packages).env("MIRROR", mirror);
        command.status().map_err(|error| Failure::fixable(format!("cannot start bash: {error}")).hint("install bash"))
    });
    // The folder holds only copies of what is inside rackstart.
    let _ = fs::remove_dir_all(&folder);
    match status?.success() {
        true => Ok(()),
        false => Err(Failure::fixable(format!("{} was not made", directory.display()))
            .hint("the lines above say why; a tree that was there is as it was")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages_are_told_from_groups_and_options() {
        for good in ["tmux", "libstdc++6", "python3.13", "0ad"] {
            assert!(is_package(good), "{good}");
        }
        for bad in ["@development", "-plymouth", "Tmux", "a", "", "a b", "x=1", "--help", "a/b", "$x"] {
            assert!(!is_package(bad), "{bad}");
        }
    }

    #[test]
    fn the_build_is_given_every_file_that_it_copies() {
        let (_, build) = FILES[0];
        let copied = build.lines().find_map(|line| line.strip_prefix("for file in ")?.split(';').next()).unwrap();
        for name in copied.split(' ').chain(["hook"]) {
            assert!(FILES.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}
