//! `rackstart diff`: what an edited site file would change for each node, before it is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::client::{Client, Daemon};
use super::{Failure, Kind, output, print};
use crate::config::{self, Loaded, SitePaths};
use crate::render::{RenderError, Texts, texts_of_node, texts_of_site};
use crate::server::api::texts::SiteDigest;
use crate::server::operate::reload::{Against, Foreseen};
use crate::site::Node;
use crate::unified;

/// Show what a site file would change for each node: its plan, boot script, kickstart and firstboot payload.
///
/// Compares the site file with what the running daemon serves, or two site files: `rackstart diff OLD NEW`. Prints one
/// line for each node first, then the changes as `diff -u` shows them. Nothing is loaded, and no node notices. Exits 0
/// when nothing would change, 1 when something would and 2 when the comparison fails, as diff(1) does; 3 when the
/// daemon does not answer.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The site file that is in use [default: ask the running daemon].
    #[arg(value_name = "OLD", requires = "new")]
    old: Option<PathBuf>,
    /// The edited site file [default: the site file of this command].
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    /// One line for each node, without the changes themselves.
    #[arg(long)]
    summary: bool,
    /// Print JSON: what changes for which node, what needs a restart, and which nodes were installed differently.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// One side of the comparison.
enum Side {
    File(Box<Loaded>, SiteDigest),
    Daemon(Client, SiteDigest),
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let Difference { changes, restarts, differ, refused } = compared(place, &args).map_err(trouble)?;
    let is_same = changes.is_empty() && restarts.is_empty() && refused.is_empty();
    if args.json {
        let changes = changes.iter().map(Told::change).collect();
        let told = Told { changes, restarts, refused, installed_otherwise: differ };
        print(&output::json(&told)?).map_err(trouble)?;
        return if is_same { Ok(()) } else { Err(Failure::fixable("")) };
    }
    let told = restarts.iter().chain(&differ).map(|line| format!("note: {line}\n")).collect::<String>();
    let refusal =
        |Against { what, help }: &Against| format!("note: `rackstart reload` refuses this now: {what}\nhelp: {help}\n");
    let told = told + &refused.iter().map(refusal).collect::<String>();
    let is_all = restarts.is_empty() && refused.is_empty();
    print(&(report(&changes, args.summary, is_all) + &told)).map_err(trouble)?;
    match is_same {
        true => Ok(()),
        false => Err(Failure::fixable("")),
    }
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Told<'a> {
    changes: Vec<ToldChange<'a>>,
    /// Keys whose change needs a restart of the daemon, in words.
    restarts: Vec<String>,
    /// Why the daemon would refuse to load the new file now, and what to do about it.
    refused: Vec<Against>,
    /// Nodes that were installed differently from what the new file says, in words.
    installed_otherwise: Vec<String>,
}

/// What changes for one node, or for all of them together.
#[derive(serde::Serialize)]
struct ToldChange<'a> {
    /// The node, or `every node`.
    who: &'a str,
    /// `new` or `gone`; absent when both files have the node.
    only: Option<&'a str>,
    /// Name of each text that changes, with its diff as `diff -u` writes it.
    diffs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Told<'a> {
    fn change(change: &'a Change) -> ToldChange<'a> {
        let diffs = change.diffs.iter().map(|(name, diff)| (name.as_str(), diff.as_str())).collect();
        ToldChange { who: &change.who, only: change.only, diffs }
    }
}

/// Replaces exit code 1, which means differences alone.
fn trouble(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Fixable => Failure { kind: Kind::Usage, ..failure },
        _ => failure,
    }
}

fn compared(place: SitePaths<'_>, args: &Args) -> Result<Difference, Failure> {
    let load = |file| config::load(SitePaths { file, ..place }).and_then(Side::file);
    let (old, new) = match (&args.old, &args.new) {
        (Some(old), Some(new)) => (load(Some(old))?, load(Some(new))?),
        _ => {
            let client = args.daemon.clone().client(place.file);
            let digest = client.get("/api/v1/texts")?;
            (Side::Daemon(client, digest), load(place.file)?)
        }
    };
    let changes = changes(&old, &new)?;
    let restarts = restarts(old.digest(), new.digest());
    Ok(Difference { changes, restarts, differ: new.differ(old.digest()), refused: refused(&old, &new)? })
}

/// Asks why the daemon would refuse the new file, if that is the file which the daemon reads.
fn refused(old: &Side, new: &Side) -> Result<Vec<Against>, Failure> {
    let (Side::Daemon(client, _), Side::File(loaded, _)) = (old, new) else { return Ok(Vec::new()) };
    let Foreseen { file, against } = client.get("/api/v1/reload")?;
    let real = |path: &Path| path.canonicalize().ok();
    let is_its_own = real(&file).is_some() && real(&file) == real(&loaded.path);
    Ok(if is_its_own { against } else { Vec::new() })
}

/// The result of the comparison.
struct Difference {
    changes: Vec<Change>,
    /// Keys that are read once at the start: a reload that changes them is refused.
    restarts: Vec<String>,
    /// Nodes that were installed differently from what the new file says.
    differ: Vec<String>,
    /// Why a reload of the new file is refused while nodes are being installed.
    refused: Vec<Against>,
}

fn restarts(old: &SiteDigest, new: &SiteDigest) -> Vec<String> {
    let pairs = new.read_once.iter().filter_map(|(key, to)| Some((key, old.read_once.get(key)?, to)));
    let changed = pairs.filter(|(_, from, to)| from != to);
    let tell = |(key, from, to)| format!("`{key}` changes from {from} to {to}, which needs a restart of the daemon");
    changed.map(tell).collect()
}

/// The texts of one node, or of all nodes, that differ between the two sides.
struct Change {
    who: String,
    /// `new` or `gone`, for a node that only one side has.
    only: Option<&'static str>,
    /// Name of each text, with its diff.
    diffs: Vec<(String, String)>,
}

fn changes(old: &Side, new: &Side) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    if old.digest().shared != new.digest().shared {
        changes.push(Change {
            who: "every node".into(),
            only: None,
            diffs: compare("all", &old.shared()?, &new.shared()?),
        });
    }
    let (before, after) = (&old.digest().nodes, &new.digest().nodes);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        let texts = |side: &Side| match side.digest().nodes.contains_key(name) {
            true => side.node(name),
            false => Ok(Texts::new()),
        };
        let only = match (before.contains_key(name), after.contains_key(name)) {
            (false, _) => Some("new"),
            (_, false) => Some("gone"),
            _ => None,
        };
        changes.push(Change { who: name.clone(), only, diffs: compare(name, &texts(old)?, &texts(new)?) });
    }
    Ok(changes)
}

fn compare(who: &str, old: &Texts, new: &Texts) -> Vec<(String, String)> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let text = |texts: &Texts, name: &String| texts.get(name).cloned().unwrap_or_default();
    let diffs = names
        .into_iter()
        .map(|name| (name.clone(), unified::diff(&format!("{who}/{name}"), &text(old, name), &text(new, name))));
    diffs.filter(|(_, diff)| !diff.is_empty()).collect()
}

fn report(changes: &[Change], summary: bool, is_all: bool) -> String {
    if changes.is_empty() && !is_all {
        return "no text of a node would change\n".into();
    }
    if changes.is_empty() {
        return "nothing would change\n".into();
    }
    let mut out = String::new();
    for change in changes {
        let mut parts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (name, diff) in &change.diffs {
            let (added, removed) = unified::count(diff);
            // A payload has many files; the payload's own name is enough here.
            let part = parts.entry(name.split('/').next().unwrap_or(name)).or_default();
            *part = (part.0 + added, part.1 + removed);
        }
        let parts: Vec<String> =
            parts.iter().map(|(name, (added, removed))| format!("{name} +{added} -{removed}")).collect();
        let only = change.only.map_or(String::new(), |word| format!("{word}; "));
        out.push_str(&format!("{}: {only}{}\n", change.who, parts.join(", ")));
    }
    for (_, diff) in changes.iter().filter(|_| !summary).flat_map(|change| &change.diffs) {
        out.push('\n');
        out.push_str(diff);
    }
    out
}

impl Side {
    fn file(loaded: Loaded) -> Result<Self, Failure> {
        let loaded = Loaded { site: loaded.site.masked(), ..loaded };
        let digest = SiteDigest::new(&loaded.renderer, &loaded.site).map_err(broken)?;
        Ok(Self::File(Box::new(loaded), digest))
    }

    /// The nodes of a file that were installed differently.
    fn differ(&self, running: &SiteDigest) -> Vec<String> {
        let Self::File(loaded, _) = self else { return Vec::new() };
        let differs = |node: &Node| {
            let said = running.installed.get(&node.mac)?.differs(&loaded.site, node)?;
            Some(format!("{}: {said}", node.name))
        };
        loaded.site.nodes.iter().filter_map(differs).collect()
    }

    fn digest(&self) -> &SiteDigest {
        match self {
            Self::File(_, digest) | Self::Daemon(_, digest) => digest,
        }
    }

    fn shared(&self) -> Result<Texts, Failure> {
        match self {
            Self::File(loaded, _) => texts_of_site(&loaded.renderer, &loaded.site).map_err(broken),
            Self::Daemon(client, _) => client.get("/api/v1/texts/shared"),
        }
    }

    fn node(&self, name: &str) -> Result<Texts, Failure> {
        match self {
            Self::File(loaded, _) => {
                let node = super::find_node(&loaded.site, name)?;
                texts_of_node(&loaded.renderer, &loaded.site, node).map_err(broken)
            }
            Self::Daemon(client, _) => client.get(&format!("/api/v1/nodes/{name}/texts")),
        }
    }
}

/// A site that was loaded has been rendered before, so an error here is a bug.
fn broken(error: RenderError) -> Failure {
    Failure::bug(error)
}
