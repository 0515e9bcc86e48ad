//! `rackstart timeline`.

use std::time::Duration;

use super::client::StoreArgs;
use super::vault::Answers;
use super::{Failure, Kind, no_such_machine, print, status};
use crate::clock::unix_now;
use crate::config::SitePaths;
use crate::site::Mac;
use crate::store::TimelineQuery;
use crate::timeline::{Cursor, Moment, Page, utc, utc_ms};

/// The largest number of lines in one answer: the moments that are kept for a MAC, and its events.
const MAX_LINES: u32 = 5000;

/// Show everything that happened to a machine: each question, its answer and why, silences, and what changed its state.
///
/// Covers DHCPDISCOVER to ready, with the warnings of the installer, for nodes and for MACs that are in no site file.
/// Times are UTC. A line that was repeated within a minute is shown once with its count.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name of a node, or the MAC of any machine.
    #[arg(value_name = "NODE|MAC")]
    machine: String,
    /// Only what happened within this time: `90s`, `15m`, `2h`, `3d`.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    since: Option<u64>,
    /// Keep printing as things happen, until you interrupt it.
    #[arg(short, long)]
    follow: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let answers = Answers::watching(place, args.store);
    let mac = mac(&answers, &args.machine)?;
    let since = args.since.map_or(0, |seconds| unix_now().saturating_sub(seconds));
    let mut after = Cursor::default();
    let mut first = true;
    loop {
        match page(&answers, TimelineQuery { mac, since, after, limit: MAX_LINES }) {
            Ok(page) => {
                if first && page.moments.is_empty() && !args.json {
                    print(
                        "nothing was seen of it: is it cabled to the provisioning network, and network boot first?\n",
                    )?;
                }
                print(&page.moments.iter().map(|moment| line(moment, args.json)).collect::<String>())?;
                after = page.next;
            }
            // While following, wait for a daemon that restarts; a daemon that was never there is an error.
            Err(failure) if failure.kind == Kind::Unreachable && !first => {}
            Err(failure) => return Err(failure),
        }
        if !args.follow {
            return Ok(());
        }
        first = false;
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn page(answers: &Answers<'_>, query: TimelineQuery) -> Result<Page, Failure> {
    let TimelineQuery { mac, since, after: Cursor { moment, event }, limit } = query;
    let path =
        format!("/api/v1/stories/{}?since={since}&moment={moment}&event={event}&limit={limit}", mac.hyphenated());
    answers.ask(|client| client.get(&path), async |_, store, _| Ok(store.timeline(query).await?))
}

/// Finds the MAC that the command line names, directly or by the name of a node.
fn mac(answers: &Answers<'_>, machine: &str) -> Result<Mac, Failure> {
    if let Ok(mac) = machine.parse() {
        return Ok(mac);
    }
    let report = status::report(answers)?;
    let missing = || no_such_machine(machine, report.nodes.iter().map(|node| node.name.as_str()));
    report.nodes.iter().find(|node| node.name == machine).map(|node| node.mac).ok_or_else(missing)
}

/// One line of text or of JSON.
pub(crate) fn line(moment: &Moment, json: bool) -> String {
    if json {
        return serde_json::to_string(moment).map(|text| text + "\n").unwrap_or_default();
    }
    let again = match (moment.times, moment.until) {
        (1, _) => String::new(),
        (times, until) => format!(" (again, {times} times until {})", &utc(until)[11..]),
    };
    format!("{}  {:<9}  {}{again}\n", utc_ms(moment.at, moment.ms), moment.source, moment.text)
}

/// `15m` in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let read = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    });
    read.ok_or_else(|| "write a number and s, m, h or d, such as 15m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_line_says_how_often_and_until_when() {
        let once = Moment::new(951_782_399, Mac([2; 6]), "dhcp", "DHCPDISCOVER");
        assert_eq!(line(&once, false), "2000-02-28 23:59:59.000Z  dhcp       DHCPDISCOVER\n");
        let again = Moment { until: 951_782_404, times: 12, ..once };
        assert!(line(&again, false).ends_with("DHCPDISCOVER (again, 12 times until 00:00:04Z)\n"));
        let read: Moment = serde_json::from_str(&line(&again, true)).unwrap();
        assert_eq!(read, again);
    }

    #[test]
    fn spans_of_time_have_a_unit() {
        assert_eq!(
            (seconds("90s"), seconds("15m"), seconds("2h"), seconds("3d")),
            (Ok(90), Ok(900), Ok(7200), Ok(259_200))
        );
        for bad in ["", "15", "m", "-1h", "1w", "99999999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
