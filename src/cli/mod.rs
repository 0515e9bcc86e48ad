//! The command line: one file per verb, each with an `Args` whose doc comment is its help.

mod adopt;
mod appliance;
mod audit;
mod backup;
mod check;
mod client;
mod completions;
mod dhcp_config;
mod diff;
mod disarm;
mod doctor;
mod explain;
mod image;
mod import;
mod init;
mod install;
mod lint;
mod log;
mod media;
mod open;
mod output;
mod plan;
mod power;
mod protect;
mod question;
mod reimage;
mod reload;
mod render;
mod report;
mod screen;
mod secrets;
mod serve;
mod session;
mod site_text;
mod status;
mod stop;
mod strangers;
mod table;
mod timeline;
mod token;
mod vault;
mod verbs;
mod watch;

use std::io::Write;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{FromArgMatches, Parser, Subcommand};

use crate::config::SitePaths;
use crate::failure::{Failure, Kind};
use crate::site::{Mac, Node, Site};
use crate::words::{quote, suggest};

/// Takes a file of MACs and roles to installed servers, or to a working cloud, unattended.
///
/// Start with `rackstart init`, edit the file it writes, `rackstart check` it, look at the disks with
/// `rackstart plan --all`, then `rackstart serve` and power the servers on.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 ok, 1 you can fix it, 2 wrong command line, 3 daemon not reachable, 70 our bug.")]
pub struct Cli {
    /// The site file [default: ./rackstart.toml, then /etc/rackstart/rackstart.toml].
    #[arg(short, long, global = true, value_name = "FILE", env = "RACKSTART_CONFIG")]
    pub config: Option<PathBuf>,
    /// A folder of templates that replace those of rackstart, by file name [default: `templates` of `[site]`].
    #[arg(long, global = true, value_name = "DIR", env = "RACKSTART_TEMPLATES")]
    pub templates: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    Check(check::Args),
    Plan(plan::Args),
    Diff(diff::Args),
    Doctor(doctor::Args),
    Render(render::Args),
    DhcpConfig(dhcp_config::Args),
    Lint(lint::Args),
    Import(import::Args),
    Image(image::Args),
    Media(media::Args),
    Serve(serve::Args),
    Reload(reload::Args),
    Open(open::Args),
    Status(status::Args),
    Watch(watch::Args),
    Explain(explain::Args),
    Strangers(strangers::Args),
    Adopt(adopt::Args),
    Timeline(timeline::Args),
    Log(log::Args),
    Install(install::Args),
    Reimage(reimage::Args),
    Disarm(disarm::Args),
    Power(power::Args),
    Stop(stop::Args),
    Secrets(secrets::Args),
    Audit(audit::Args),
    Report(report::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    /// Never arm this node, whoever orders it; an arming that is not redeemed yet is taken back.
    Protect(protect::Args),
    /// Allow this node to be armed again.
    Unprotect(protect::Args),
    /// Mark this node as being worked on: it is never armed, raises no alarm, and silence does not fail it.
    Maintenance(protect::MaintenanceArgs),
    /// Trust a suspect node again, after finding out why it was suspected.
    ClearSuspect(protect::Args),
    /// Accept that a node is a different machine from now on, after its board or the whole server was replaced.
    AcceptHardware(protect::Args),
    Token(token::Args),
    Session(session::Args),
    Appliance(appliance::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(completions::ManArgs),
}

/// Verbs that change nothing outside this shell. Only these are suggested for a mistyped verb, because `discover` is
/// close to `disarm`.
const HARMLESS: [&str; 17] = [
    "init",
    "check",
    "plan",
    "diff",
    "render",
    "dhcp-config",
    "lint",
    "import",
    "status",
    "watch",
    "explain",
    "strangers",
    "doctor",
    "timeline",
    "log",
    "audit",
    "completions",
];

impl Cli {
    /// Reads the command line. Ends the process after printing help or a usage error.
    pub fn read() -> Self {
        let parsed = verbs::command().try_get_matches().and_then(|matches| Self::from_arg_matches(&matches));
        parsed.unwrap_or_else(|mut error| {
            if let Some(ContextValue::Strings(tips)) = error.get(ContextKind::SuggestedSubcommand) {
                let harmless: Vec<String> =
                    tips.iter().filter(|tip| HARMLESS.contains(&tip.as_str())).cloned().collect();
                error.remove(ContextKind::SuggestedSubcommand);
                if !harmless.is_empty() {
                    error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(harmless));
                }
            }
            error.exit()
        })
    }

    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.config.as_deref();
        let place = SitePaths { file: config, templates: self.templates.as_deref() };
        match self.verb {
            Verb::Init(args) => init::run(config, args),
            Verb::Check(args) => check::run(place, args),
            Verb::Plan(args) => plan::run(place, args),
            Verb::Diff(args) => diff::run(place, args),
            Verb::Doctor(args) => doctor::run(place, args),
            Verb::Render(args) => render::run(place, args),
            Verb::DhcpConfig(args) => dhcp_config::run(place, &args),
            Verb::Lint(args) => lint::run(&args),
            Verb::Import(args) => import::run(&args),
            Verb::Image(args) => image::run(place, args),
            Verb::Media(args) => media::run(place, args),
            Verb::Serve(args) => serve::run(place, args),
            Verb::Reload(args) => reload::run(config, args),
            Verb::Open(args) => open::run(config, args),
            Verb::Status(args) => status::run(place, args),
            Verb::Watch(args) => watch::run(config, args),
            Verb::Explain(args) => explain::run(config, args),
            Verb::Strangers(args) => strangers::run(config, args),
            Verb::Adopt(args) => adopt::run(place, args),
            Verb::Timeline(args) => timeline::run(place, args),
            Verb::Log(args) => log::run(place, args),
            Verb::Install(args) => install::run(config, args),
            Verb::Reimage(args) => reimage::run(config, args),
            Verb::Disarm(args) => disarm::run(config, args),
            Verb::Power(args) => power::run(config, args),
            Verb::Secrets(args) => secrets::run(place, args),
            Verb::Audit(args) => audit::run(place, args),
            Verb::Report(args) => report::run(config, args),
            Verb::Backup(args) => backup::backup(place, args),
            Verb::Restore(args) => backup::restore(place, args),
            Verb::Stop(args) => stop::run(place, args),
            Verb::Protect(args) => protect::protect(config, args),
            Verb::Unprotect(args) => protect::unprotect(config, args),
            Verb::Maintenance(args) => protect::maintenance(config, args),
            Verb::ClearSuspect(args) => protect::clear_suspect(config, args),
            Verb::AcceptHardware(args) => protect::accept_hardware(config, args),
            Verb::Token(args) => token::run(config, args),
            Verb::Session(args) => session::run(config, args),
            Verb::Appliance(args) => appliance::run(place, args),
            Verb::Completions(args) => completions::run(args),
            Verb::Man(args) => completions::man(args),
        }
    }
}

/// Prints data to stdout. A closed pipe (`| head`) is not a failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::fixable(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints on stderr what was assumed, beside the data on stdout. Errors are ignored because stderr may be closed.
fn tell_notes(notes: &[String]) {
    for note in notes {
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
}

/// Finds the node that the command line names.
fn find_node<'a>(site: &'a Site, name: &str) -> Result<&'a Node, Failure> {
    let names = || site.nodes.iter().map(|node| node.name.as_str());
    site.node_by_name(name).ok_or_else(|| no_such_node(name, names()))
}

/// Reports a word that is neither the name of a node nor a MAC as whichever of the two it resembles.
fn no_such_machine<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let digits = word.bytes().filter(u8::is_ascii_hexdigit).count();
    match word.parse::<Mac>() {
        Err(error) if word.contains(':') || digits + 2 >= 12 => Failure::usage(error),
        _ => no_such_node(word, known).hint("a machine that is not a node is named by its MAC: 52:54:00:a8:01:01"),
    }
}

fn no_such_node<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    Failure::usage(format!("no node is called {}", quote(name))).hint(suggest(name, "nodes", known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn a_slip_in_a_mac_is_told_as_one_and_a_slip_in_a_name_as_another() {
        let site = paper_site();
        let told = |word| no_such_machine(word, site.nodes.iter().map(|node| node.name.as_str())).to_string();
        for word in ["52:54:00:zz:02:01", "52:54:00:a8:02", "525400a8020", "52-54-00-a8-02-01-01"] {
            assert!(told(word).starts_with(&format!("error: `{word}` is not a MAC address: ")), "{}", told(word));
        }
        let name = told("compute22");
        assert!(name.contains("did you mean `compute2`?") && name.contains("named by its MAC"), "{name}");
    }

    #[test]
    fn an_unknown_node_is_a_wrong_command_line_and_its_nearest_neighbour_is_named() {
        let failure = find_node(&paper_site(), "compute22").unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert_eq!(
            failure.to_string(),
            "error: no node is called `compute22`\n\
             help: did you mean `compute2`? nodes: controller, compute1, compute2, compute3, compute4"
        );
        let failure = find_node(&paper_site(), "x").unwrap_err();
        assert!(failure.to_string().ends_with("help: nodes: controller, compute1, compute2, compute3, compute4"));
    }
}
