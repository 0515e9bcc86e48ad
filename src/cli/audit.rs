//! `rackstart audit`.

use std::collections::BTreeSet;

use super::client::StoreArgs;
use super::output::{Output, json};
use super::vault::Answers;
use super::{Failure, print, tell_notes};
use crate::audit::Actor;
use crate::clock::unix_now;
use crate::config::SitePaths;
use crate::percent::percent_encoded;
use crate::server::api::records::AuditView;
use crate::server::operate::records::{self, AuditVerdict};
use crate::store::AuditFilter;
use crate::words::{quote, suggest};

/// How many lines of the log are searched for known actions.
const MAX_SEARCHED_LINES: u32 = 10_000;

/// Show who did what, to what, when and from where, or check that nobody changed that log.
///
/// The log holds every operator's order, including refused ones, every secret that was shown, and every wipe permit
/// that was spent. While no daemon runs, the log is read from the store itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check the hash chain: find lines that were edited, removed or inserted, and an end that was cut off.
    ///
    /// Prints the head of the log. Note it somewhere else: given to --head later, it proves that the log still
    /// continues from there.
    Verify {
        /// A head that you noted earlier.
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Part of the actor: `uid 0`, the name of a token.
    #[arg(long)]
    who: Option<String>,
    /// One action, for example `reimage`.
    #[arg(long)]
    action: Option<String>,
    /// One node, secret or token. What concerned all nodes is shown with each: `stop`, `lift-stop`, `restore`.
    #[arg(long)]
    subject: Option<String>,
    /// No lines older than this many hours.
    #[arg(long, value_name = "HOURS")]
    hours: Option<u64>,
    /// At most this many lines, the newest ones.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print JSON, one object per line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    match args.what {
        Some(What::Verify { head, output }) => output.of(|| verify(&Answers::new(place, args.store), head, output)),
        None => list(&Answers::new(place, args.store), args.filter),
    }
}

fn list(answers: &Answers<'_>, filter: Filter) -> Result<(), Failure> {
    let lines = lines(answers, &filter)?;
    if let Some(action) = filter.action.as_ref().filter(|_| lines.is_empty()) {
        tell_notes(&[nothing_of(answers, action)?]);
    }
    let mut text = String::new();
    for line in &lines {
        let shown = if filter.json { serde_json::to_string(line).map_err(Failure::bug)? } else { in_words(line) };
        text.push_str(&shown);
        text.push('\n');
    }
    print(&text)
}

/// Returns the lines that match the filter.
fn lines(answers: &Answers<'_>, filter: &Filter) -> Result<Vec<AuditView>, Failure> {
    let since = filter.hours.map(|hours| unix_now().saturating_sub(hours.saturating_mul(3600)));
    let mut path = format!("/api/v1/audit?limit={}", filter.limit);
    for (key, value) in [("who", &filter.who), ("action", &filter.action), ("subject", &filter.subject)] {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={}", percent_encoded(value)));
        }
    }
    path.extend(since.map(|since| format!("&since={since}")));
    answers.ask(
        |client| client.get(&path),
        async |site, store, _| {
            let Filter { who, action, subject, limit, .. } = filter;
            let (who, action, subject) = (who.clone(), action.clone(), subject.clone());
            let wanted = AuditFilter { who, action, subject, since, limit: Some(*limit), ..AuditFilter::default() };
            Ok(records::audit_lines(site, store, wanted).await?.into_iter().map(AuditView::from).collect())
        },
    )
}

/// Says that no line has this action and lists the actions that do occur, so that a typo is noticed.
fn nothing_of(answers: &Answers<'_>, action: &str) -> Result<String, Failure> {
    let all = Filter { who: None, action: None, subject: None, hours: None, limit: MAX_SEARCHED_LINES, json: false };
    let lines = lines(answers, &all)?;
    let known: BTreeSet<&str> = lines.iter().map(|line| line.action.as_str()).collect();
    Ok(format!("no line has the action {}; {}", quote(action), suggest(action, "actions in the log", known)))
}

fn in_words(line: &AuditView) -> String {
    let outcome = if line.outcome == "done" { String::new() } else { format!(" [{}]", line.outcome) };
    let detail = if line.detail.is_empty() { String::new() } else { format!(": {}", line.detail) };
    let actor = Actor { how: line.who.clone(), from: line.from.clone() };
    format!("{:>5}  {}  {actor}  {} {}{detail}{outcome}", line.id, utc(line.at), line.action, line.subject)
}

fn verify(answers: &Answers<'_>, head: Option<String>, output: Output) -> Result<(), Failure> {
    let noted = head.as_ref().map(|head| format!("?head={}", percent_encoded(head))).unwrap_or_default();
    let verdict: AuditVerdict = answers.ask(
        |client| client.get(&format!("/api/v1/audit/verify{noted}")),
        async |_, store, _| records::verify_audit(store, head.clone()).await,
    )?;
    if output.json {
        print(&json(&verdict)?)?;
        return if verdict.broken.is_none() { Ok(()) } else { Err(Failure::fixable("")) };
    }
    match (verdict.head, verdict.broken) {
        (Some(head), None) => print(&format!("the audit log holds together; its head is\n{head}\n")),
        (_, broken) => {
            Err(Failure::fixable(format!("the audit log was tampered with: {}", broken.unwrap_or_default()))
                .hint("lines before it can be trusted, later ones cannot; compare with a backup"))
        }
    }
}

/// Formats like `2026-11-20 08:15:43Z`. The date follows Howard Hinnant's `civil_from_days`, whose years begin in
/// March.
fn utc(at: u64) -> String {
    let (days, second) = (at / 86_400, at % 86_400);
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + month / 10, (month + 2) % 12 + 1);
    format!("{year:04}-{month:02}-{of_month:02} {:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_date_u() {
        for (at, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_795_162_543, "2026-11-20 08:15:43Z"),
            (4_107_542_399, "2100-02-28 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(utc(at), expected);
        }
    }
}
