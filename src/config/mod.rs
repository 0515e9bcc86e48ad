//! The site file: turns text into a validated [`Site`], or reports every mistake.
//!
//! `parse` is pure. Only `load` and what it calls touch the disk: it finds the file, reads it and its templates, and
//! examines the install trees, repositories and images that it names.

mod access;
mod addresses;
mod adoption;
mod alone;
mod apart;
mod api;
mod blueprint;
mod cards;
mod container;
mod debian;
mod defaults;
mod disk;
mod disk_name;
mod duplicates;
mod edit;
mod fixed;
mod kernel_args;
mod layout;
mod load;
mod loader;
mod media;
mod network;
mod node;
mod notify;
mod own;
mod packages;
mod power;
mod problem;
mod prove;
mod reader;
mod replace;
mod resolve;
mod resolve_node;
mod role;
mod roles;
mod rules;
mod secrets;
mod shelf;
mod site_file;
mod size;
mod sources;
mod tang;
mod templates;
#[cfg(test)]
mod tests;
mod text;
mod this_machine;
mod timezone;
mod trees;
mod variables;

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;

pub(crate) use adoption::{Adoption, adopt};
pub(crate) use alone::Alone;
pub use blueprint::parse_blueprint;
pub(crate) use blueprint::{blueprint, blueprint_names};
pub(crate) use edit::{CannotEdit, NewNode, disk_rule, with_node};
pub(crate) use media::tree_name;

pub(crate) use load::{
    LoadError, Loaded, SitePaths, alone, find, knows_escapes, load, load_edited, load_edited_to_plan, load_to_build,
    load_to_plan, read, read_again, read_as, read_text, read_to_plan, refuses_colour, templates_of, wants_colour,
};
pub use problem::Problems;
pub(crate) use problem::{Excerpt, Problem, Spot};
pub(crate) use replace::replace;
pub(crate) use shelf::{Held, HeldKind, shelf, with_held, without};

use crate::render::{Renderer, Templates};
use crate::site::{OwnLoader, Site};
use apart::ServedPath;
use media::RepositoryUse;
use reader::Collector;
use site_file::SiteFile;
use this_machine::CardUse;
use trees::TreeUse;

/// The commented site file that `rackstart init` writes: the testbed of the paper.
pub const EXAMPLE: &str = include_str!("../../templates/site/rackstart.toml");

/// The short site file that `rackstart init --plain` writes: servers without a cloud.
pub const EXAMPLE_PLAIN: &str = include_str!("../../templates/site/plain.toml");

/// Reads a site file and proves it: names, addresses, roles, disks, templates. `file_name` is for messages only.
///
/// It examines nothing outside the text: [`load`] checks whether the install trees exist.
pub fn parse(text: &str, file_name: &str) -> Result<Site, Problems> {
    let parsed = examine(text, &|_| Ok(Templates::default()), &|_, _| (), &[]);
    match parsed.site {
        Some(site) if parsed.problems.is_empty() => Ok(site),
        _ => Err(Problems::new(file_name, text, parsed.problems, &parsed.secrets)),
    }
}

/// The result of examining a text.
struct Examined {
    /// Set when the text has no problem.
    site: Option<Site>,
    /// Set when everything could be rendered with it.
    renderer: Option<Renderer>,
    problems: Vec<Problem>,
    secrets: Vec<Range<usize>>,
    /// The install trees to examine, as far as they could be read.
    trees: Vec<TreeUse>,
    /// The cards of all nodes, as far as they could be read.
    cards: Vec<CardUse>,
    /// The repositories to examine, as far as they could be read.
    repositories: Vec<RepositoryUse>,
    /// Where each image is declared, by name.
    images: Vec<(String, Range<usize>)>,
    /// The paths of everything that is served.
    served: Vec<ServedPath>,
    /// What is copied from somewhere.
    copies: Vec<Held>,
    /// The keys of containers and of BMCs to look at.
    keys: Vec<container::KeyUse>,
    /// The operator's own loaders, and where each of their files is named.
    loaders: Vec<(Option<OwnLoader>, Vec<Range<usize>>)>,
}

/// Fetches the operator's templates; its argument is the value of `[site] templates`. An error is a message and one
/// thing to do.
type FetchTemplates<'a> = &'a dyn Fn(Option<&str>) -> Result<Templates, (String, String)>;

/// Sites that were proved with no template but those of this program. An equal one is sent the same texts, so its texts
/// are not proved again, which takes most of the time that a large site file takes.
pub(crate) type Proved<'a> = &'a [Arc<Site>];

/// Examines a text. `complete` adds what only the files outside know, before anything is proved.
fn examine(
    text: &str,
    fetch: FetchTemplates<'_>,
    complete: &dyn Fn(&mut Site, &[RepositoryUse]),
    proved: Proved<'_>,
) -> Examined {
    let mut renderer = None;
    let found = Collector::default();
    let (mut trees, mut cards, mut repositories, mut images) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut served, mut keys, mut loaders, mut copies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let document = document(text, &found);
    let own = document.as_ref().and_then(|document| own_templates(document.get_ref(), fetch, &found));
    // The blueprint is looked up before the rest is read, because it determines the role of nodes that name none. If
    // the templates cannot be read, the blueprint may be one of them, so only their fault is reported.
    let blueprint = document.as_ref().and_then(|document| match &own {
        Some(own) => resolve::find_blueprint(document.get_ref(), own, &found),
        None => resolve::find_blueprint(document.get_ref(), &Templates::default(), &Collector::default()),
    });
    let site = document.as_ref().and_then(|document| {
        let mut file = SiteFile::read(document.get_ref(), &found);
        if let Some(blueprint) = &blueprint {
            file.give_roles(blueprint);
        }
        trees = trees::uses(&file);
        cards = this_machine::uses(&file);
        repositories = media::repository_uses(&file);
        images = media::image_places(&file);
        served = media::served(&file);
        copies = shelf::copies(&file);
        keys = container::key_uses(&file).into_iter().chain(power::key_uses(&file)).collect();
        loaders = file.loaders.iter().map(|keys| (keys.loader.clone(), keys.places.clone())).collect();
        addresses::check(&file, &found);
        api::check(&file, &found);
        duplicates::check(&file, &found);
        fixed::check(&file, &found);
        timezone::check(&file, &found);
        let mut site = resolve::resolve(&file, blueprint.clone()?, &found)?;
        complete(&mut site, &repositories);
        loader::check(&file, &site).into_iter().for_each(|problem| found.add(problem));
        if found.count() == 0 {
            renderer = prove_texts(&file, &site, own?, &found, proved);
        }
        Some(site)
    });
    let (problems, secrets) = found.into_parts();
    Examined { site, renderer, problems, secrets, trees, cards, repositories, images, served, copies, keys, loaders }
}

/// The operator's templates; none when they cannot be read, which is reported.
fn own_templates(document: &DeTable<'_>, fetch: FetchTemplates<'_>, found: &Collector) -> Option<Templates> {
    let key = document.get("site").and_then(|site| site.get_ref().as_table()?.get("templates"));
    match fetch(key.and_then(|key| key.get_ref().as_str())) {
        Ok(own) => Some(own),
        Err((message, help)) => {
            found.add(Problem { at: key.map(Spanned::span), ..Problem::nowhere(message, help) });
            None
        }
    }
}

/// Renders everything with the templates; returns the renderer when all is well.
fn prove_texts(
    file: &SiteFile<'_>,
    site: &Site,
    own: Templates,
    found: &Collector,
    proved: Proved<'_>,
) -> Option<Renderer> {
    let key = file.site.as_ref().and_then(|site| site.templates.as_ref());
    let report = |message, help| {
        found.add(Problem { at: key.map(Spanned::span), ..Problem::nowhere(message, help) });
    };
    let renderer = match prove::renderer(own) {
        Ok(renderer) => renderer,
        Err(fault) => {
            report(fault.message, fault.help);
            return None;
        }
    };
    variables::check_last_group(&file.variables, &renderer.step_groups(&site.blueprint), found);
    for fault in renderer.own_step_faults(&site.blueprint) {
        report(fault.message, fault.help);
    }
    if renderer.own_templates().is_none() && proved.iter().any(|known| **known == *site) {
        return (found.count() == 0).then_some(renderer);
    }
    let faults = prove::prove_templates(&renderer, site);
    let is_proved = faults.is_empty() && found.count() == 0;
    for (index, fault) in faults {
        let at = file.nodes.get(index).map_or(0..0, |node| node.at.clone());
        found.report(at, fault.message, fault.help);
    }
    is_proved.then_some(renderer)
}

/// A text with more syntax errors is not a site file with typing errors but something else.
const MAX_SYNTAX_ERRORS: usize = 20;

/// Reads TOML. A text that is not TOML reports its syntax errors and nothing else: any further problem would only
/// follow from them.
fn document<'a>(text: &'a str, found: &Collector) -> Option<Spanned<DeTable<'a>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut last_line = None;
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let at = error.span().unwrap_or(text.len()..text.len());
        // One typing error often upsets the parser several times on its line.
        let line = text.bytes().take(at.start).filter(|byte| *byte == b'\n').count();
        if last_line.replace(line) != Some(line) {
            let message = format!("this is not TOML: {}", error.message().lines().next().unwrap_or("unreadable"));
            let help = match error.message().contains("duplicate") {
                true => "keep one of the two",
                false => "write `key = value`, texts in double quotes; see https://toml.io",
            };
            found.report(at, message, help);
        }
    }
    if errors.is_empty() {
        return Some(document);
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // Nothing was parsed, so only the word on the line shows that there is a password.
        if line.contains("password") {
            let value = line.find('=').map_or(start, |equals| start + equals + 1);
            found.secret(value..start + line.len());
        }
        start += line.len();
    }
    None
}
