//! What the event log says about changes. Pure.

use crate::lifecycle::{DutyEvent, Event, Report, State};

/// The text of a report.
pub(super) fn words(report: &Report) -> String {
    match (report.step.is_empty(), report.detail.is_empty()) {
        (true, _) => report.detail.clone(),
        (false, true) => report.step.clone(),
        (false, false) => format!("{}: {}", report.step, report.detail),
    }
}

/// The condition in a `waiting` report, without the time.
pub(super) fn condition(detail: &str) -> &str {
    detail.split(" (since").next().unwrap_or(detail)
}

/// What happened to the duty of a node.
pub(super) fn duty_words(event: &DutyEvent) -> String {
    match event {
        DutyEvent::Asked { .. } => "it is to be drained before it is wiped".into(),
        DutyEvent::Given { verb, .. } => format!("errand `{verb}` was taken"),
        DutyEvent::TakenBack => "an operator took its drain back".into(),
        DutyEvent::Resumed => "the daemon was away: every answer that is waited for gets its full time again".into(),
        DutyEvent::Answered(answer) => {
            format!("errand `{}`: {}, {}", answer.verb, if answer.yes { "yes" } else { "no" }, answer.said)
        }
    }
}

/// The state of a node that is no longer armed, in prose.
pub(super) fn back(before: &State, next: &State) -> String {
    match before {
        State::Armed { previous: None, .. } => "it was never installed".into(),
        _ => format!("it is {} again", next.word()),
    }
}

/// The kind of an event, and its text.
pub(super) fn describe(event: &Event, before: &State, next: &State) -> (&'static str, String) {
    match event {
        Event::Armed { id, scope } => ("armed", format!("attempt {id}: its installer {scope}")),
        Event::BootScriptServed { .. } => match next {
            State::Failed { reason, .. } => ("failed", reason.clone()),
            _ => ("boot-script", format!("boot {} of the installer", next.attempt().map_or(0, |a| a.boots))),
        },
        Event::CameBackUnfinished => ("failed", "restarted before it reported `installed`".into()),
        Event::Disarmed => ("disarmed", back(before, next)),
        Event::PermitRedeemed { disk, .. } if before == next => {
            ("permit-answered-again", format!("same boot, disk {disk}"))
        }
        Event::PermitRedeemed { disk, .. } => ("permit-redeemed", format!("the storage commands left for disk {disk}")),
        Event::InstallerStopped { reason, .. } => ("failed", reason.clone()),
        Event::Attested { differences, .. } if differences.is_empty() => {
            ("attested", "the disks are as planned".into())
        }
        Event::Attested { differences, .. } => ("failed", format!("not as planned: {}", differences.join("; "))),
        Event::Installed { .. } => ("installed", String::new()),
        Event::Working { .. } => ("firstboot", String::new()),
        Event::StepFailed { reason, .. } => ("step-failed", reason.clone()),
        Event::Ready { .. } => ("ready", String::new()),
        Event::Overdue { reason } => ("failed", reason.clone()),
        Event::Expired => ("arming-expired", format!("nobody fetched the installer; {}", back(before, next))),
        Event::Withdrawn { why } => ("disarmed", format!("{why}; {}", back(before, next))),
        Event::GivenUp { reason } => ("given-up", reason.clone()),
        Event::Suspected { why } => ("suspect", why.clone()),
        Event::Cleared => ("cleared", format!("it is {} again", next.word())),
    }
}
