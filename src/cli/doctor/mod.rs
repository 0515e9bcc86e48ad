//! `rackstart doctor`: looks at this machine before the first power-on.

mod bmcs;
mod survey;

use super::client::Daemon;
use super::output::json;
use super::{Failure, print};
use crate::config::{self, LoadError, SitePaths};
use crate::doctor::{Finding, Grade, judge};

/// Look for what keeps nodes from booting, before the first one is switched on.
///
/// Looks at the provisioning interface and its address, the ports, the packet filter, other DHCP servers, the size of
/// packets, routes and relay agents, the clock, the room for the state, the BMCs, and the site file with everything that
/// it names.
/// Each finding comes with one thing to do. It changes nothing; the one packet that it sends is a DHCPDISCOVER that asks
/// for other servers. Run it as root: others see less. Exits 0 when nothing is in the way, 1 when something is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report {
    /// Whether nothing is in the way.
    ok: bool,
    findings: Vec<Finding>,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let path = config::find(place.file)?;
    let found = match config::read(&path, place.templates) {
        Ok(_) => {
            let says = format!("{} and everything that it names", path.display());
            vec![Finding { grade: Grade::Ok, about: "site file".into(), says, help: None }]
        }
        Err(LoadError::Unreadable(failure)) => return Err(failure),
        Err(LoadError::Problems(problems)) => {
            let says = format!("{} has {} mistakes", path.display(), problems.spots().len());
            let help = Some("`rackstart check` shows them all".into());
            vec![Finding { grade: Grade::Error, about: "site file".into(), says, help }]
        }
    };
    // A missing package is no reason not to look at the network.
    let site = config::load_to_plan(place)?.site;
    let survey = survey::of(&site, &args.daemon.client(place.file))?;
    let mut findings = judge(&site, &survey);
    findings.splice(0..0, found);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    let ok = findings.iter().all(|finding| finding.grade != Grade::Error);
    print(&match args.json {
        true => json(&Report { ok, findings })?,
        false => text(&findings),
    })?;
    // The findings have been printed; the exit code says that there are some.
    if ok { Ok(()) } else { Err(Failure::fixable("")) }
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { grade, about, says, help } in findings {
        let word = match grade {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Error => "error",
        };
        text.push_str(&format!("{word:<8} {about}: {says}\n"));
        if let Some(help) = help {
            text.push_str(&format!("         help: {help}\n"));
        }
    }
    text
}
