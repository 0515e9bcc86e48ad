//! How a change works on one record.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::words::{back, condition, describe, duty_words, words};
use super::{Change, Changed, LogLine};
use crate::lifecycle::{
    BootToken, Custody, Delivery, Event, Flag, Refused, Report, ReportEvent, STORED_PER_ATTEMPT, State,
};
use crate::plan;
use crate::site::Mac;
use crate::store::record::{Frozen, Installed, Record};

impl Change {
    /// Works out the record after this change, or why it is refused.
    pub fn work_on(&self, mac: Mac, record: &Record, now: u64) -> Result<Changed, Refused> {
        let mut record = record.clone();
        let log = match self {
            Self::Event { event, mark } => {
                // First the state: a spent permit stays `spent`, whatever flag the node has since.
                let next = record.state.apply(event)?;
                record.flags.admit(event)?;
                let (kind, detail) = describe(event, &record.state, &next);
                if let Event::Armed { scope, .. } = event {
                    record.progress = Default::default();
                    record.progress.mark("armed", now);
                    if scope.wipes() {
                        record.armed_to_wipe = Some(now);
                    }
                }
                if matches!(event, Event::BootScriptServed { .. }) {
                    record.progress.installer_seq = 0; // each boot counts its reports anew
                }
                if let Some(mark) = mark {
                    record.progress.mark(mark, now);
                }
                enter(&mut record, next, now);
                if matches!(event, Event::Armed { .. }) {
                    record.since = now; // armed anew counts anew
                }
                Some(LogLine { kind, detail })
            }
            Self::Arm { id, scope, forced, undrained } => {
                let runs = record.state.heard_system().is_some();
                let event = Event::Armed { id: id.clone(), scope: *scope };
                let changed = Self::Event { event, mark: None }.work_on(mac, &record, now)?;
                record = changed.record;
                let forced = forced.as_ref().map(|reason| format!("; forced: {reason}"));
                let drained = match undrained {
                    Some(reason) => Some(format!("; not drained: {reason}")),
                    None if runs && scope.wipes() => Some(format!("; {}", record.duty.outcome(now).text())),
                    None => None,
                };
                let because = [forced, drained].into_iter().flatten().collect::<String>();
                changed.log.map(|line| LogLine { detail: line.detail + &because, ..line })
            }
            Self::Flag { flag, on } => {
                let flags = record.flags.with(*flag, *on);
                if flags == record.flags {
                    return Err(Refused::FlaggedSo(flag.words(*on)));
                }
                record.flags = flags;
                let disarmed = on.then(|| record.state.apply(&Event::Disarmed).ok()).flatten();
                let detail = disarmed.as_ref().map(|state| format!("disarmed: {}", back(&record.state, state)));
                if let Some(state) = disarmed {
                    enter(&mut record, state, now);
                }
                let kind = match (flag, on) {
                    (Flag::Protected, true) => "protected",
                    (Flag::Protected, false) => "unprotected",
                    (Flag::Maintenance, true) => "maintenance",
                    (Flag::Maintenance, false) => "maintenance-over",
                };
                Some(LogLine { kind, detail: detail.unwrap_or_default() })
            }
            Self::Boot { token, plan, installed_as } => {
                let event = Event::BootScriptServed { token: token.clone() };
                let changed = Self::Event { event, mark: Some("script") }.work_on(mac, &record, now)?;
                record = changed.record;
                let (plan, disks, keep) = ((**plan).clone(), BTreeMap::new(), Vec::new());
                let installed_as = Some((**installed_as).clone());
                record.frozen = Some(Box::new(Frozen { plan, disks, keep, installed_as }));
                record.custody = Custody::minted(now);
                changed.log
            }
            Self::Redeem { token, words, disks, keep, reader } => {
                let event = Event::PermitRedeemed { token: token.clone(), disk: words.clone() };
                let changed = Self::Event { event, mark: Some("permit") }.work_on(mac, &record, now)?;
                record = changed.record;
                record.custody.hand(Delivery::StorageCommands, reader, now)?;
                record.written = Some(words.clone());
                if let Some(frozen) = &mut record.frozen {
                    let repeated = !frozen.disks.is_empty();
                    if repeated && (&frozen.disks, &frozen.keep) != (disks, keep) {
                        return Err(Refused::OtherDisks);
                    }
                    (frozen.disks, frozen.keep) = (disks.clone(), keep.clone());
                }
                if keep.is_empty() {
                    // What was on the disks is gone from here on, whatever becomes of this installation.
                    (record.installed, record.installed_as) = (None, None);
                }
                changed.log
            }
            Self::Attest { token, facts } => {
                let differences = match &record.frozen {
                    Some(frozen) => plan::differences(&frozen.plan, &frozen.disks, &frozen.keep, facts),
                    None => vec!["no plan was stored for this boot".into()],
                };
                let event = Event::Attested { token: token.clone(), differences };
                let changed = Self::Event { event, mark: Some("attested") }.work_on(mac, &record, now)?;
                record = changed.record;
                if record.state.attempt().is_some_and(|attempt| attempt.attested)
                    && let Some(frozen) = &record.frozen
                {
                    let (promise, facts) = ((**frozen).clone(), (**facts).clone());
                    record.installed_as = promise.installed_as.clone().map(Box::new);
                    record.installed = Some(Box::new(Installed { promise, facts }));
                }
                changed.log
            }
            Self::Report { report, token } => {
                let next = apply_report(&record.state, report, token)?;
                let waited_for = record.progress.waiting.as_deref().map(condition).map(String::from);
                let new = record.progress.note(report, now);
                if new {
                    enter(&mut record, next, now);
                }
                // A node at a gate says so every minute; the log keeps the first time.
                let again =
                    report.event == ReportEvent::Waiting && waited_for.as_deref() == Some(condition(&report.detail));
                if new && !again { stored(&mut record, report) } else { None }
            }
            Self::Deliver { delivery, token, reader } => {
                record.state.grants(*delivery, token)?;
                let again = record.custody.handed.contains_key(delivery);
                record.custody.hand(*delivery, reader, now)?;
                let mark = match delivery {
                    Delivery::Kickstart => "kickstart",
                    Delivery::StorageCommands => "permit",
                    Delivery::Payload => "payload",
                    Delivery::Renewal => "renewal",
                };
                record.progress.mark(mark, now);
                let again = if again { ", once more" } else { "" };
                Some(LogLine { kind: mark, detail: format!("{delivery} left for {}{again}", reader.address) })
            }
            Self::Hardware(hardware) => {
                let detail = match &hardware.other {
                    Some(other) => format!("another machine: it shows {other}, known is {}", hardware.pinned),
                    None => format!("its machine: {}", hardware.pinned),
                };
                record.hardware = hardware.clone();
                Some(LogLine { kind: "hardware", detail })
            }
            Self::AcceptHardware => {
                record.hardware = record.hardware.accept().ok_or(Refused::NoOtherMachine)?;
                if let Ok(next) = record.state.apply(&Event::Cleared) {
                    enter(&mut record, next, now);
                }
                let detail = format!("an operator accepts: {}", record.hardware.pinned);
                Some(LogLine { kind: "hardware", detail })
            }
            Self::Duty(events) => {
                let (before, mut detail) = (record.duty.clone(), String::new());
                for event in events {
                    record.duty = record.duty.apply(event, now).ok_or(Refused::NothingToDo)?;
                    detail = duty_words(event);
                }
                // A permit must not outlive the drain that it was given for.
                match record.state.apply(&Event::Disarmed) {
                    Ok(next) if before.lost_its_drain(&record.duty) => {
                        let back = back(&record.state, &next);
                        let detail = format!("{detail}, so it is drained no more; {back}");
                        enter(&mut record, next, now);
                        Some(LogLine { kind: "disarmed", detail })
                    }
                    _ => Some(LogLine { kind: "duty", detail }),
                }
            }
            #[cfg(test)]
            Self::Become(other) => {
                record = (**other).clone();
                None
            }
            Self::InstalledAs(installed_as) => {
                if record.installed_as.is_some() || !record.has_system() {
                    return Err(Refused::NothingToDo);
                }
                let role = &installed_as.role;
                let detail = format!("what it was installed as was not recorded yet; by the site file it is {role}");
                record.installed_as = Some(installed_as.clone());
                Some(LogLine { kind: "installed-as", detail })
            }
            Self::ClockSet(by) => {
                record.set_clock(*by);
                let detail =
                    format!("the clock of the server was set by {by:+} s; the times of this attempt moved along");
                Some(LogLine { kind: "clock", detail })
            }
            Self::Gluster(id) => {
                if record.gluster.as_ref() == Some(id) {
                    return Err(Refused::NothingToDo);
                }
                let before = record.gluster.replace(id.clone());
                let before = before.map(|before| format!(", before: {}", before.as_str())).unwrap_or_default();
                Some(LogLine { kind: "gluster", detail: format!("its GlusterFS identity: {}{before}", id.as_str()) })
            }
            Self::Note { kind, detail } => Some(LogLine { kind, detail: detail.clone() }),
            Self::Mark { mark, detail } => {
                record.progress.mark(mark, now);
                Some(LogLine { kind: mark, detail: detail.clone() })
            }
        };
        if !matches!(self, Self::Duty(_) | Self::Note { .. } | Self::InstalledAs(_) | Self::ClockSet(_)) {
            record.updated = now; // what others say of its duty is no word of its own, nor is what was refused
        }
        tracing::debug!(%mac, state = record.state.word(), ?log, "store");
        Ok(Changed { record, log })
    }
}

/// The line of a report, as long as the event log has room for this attempt; then a last one says so.
fn stored(record: &mut Record, report: &Report) -> Option<LogLine> {
    let number = &mut record.progress.stored;
    *number = number.saturating_add(1);
    match (*number).cmp(&(STORED_PER_ATTEMPT + 1)) {
        Ordering::Less => Some(LogLine { kind: report.event.word(), detail: words(report) }),
        Ordering::Equal => {
            let detail =
                format!("{STORED_PER_ATTEMPT} reports of this attempt are kept; later ones count, and are not");
            Some(LogLine { kind: "reports-not-kept", detail })
        }
        Ordering::Greater => None,
    }
}

fn enter(record: &mut Record, next: State, now: u64) {
    if record.state.word() != next.word() {
        record.since = now;
    }
    record.held = match (&record.state, &next) {
        (State::Armed { .. }, State::New) => true,
        (State::Armed { .. }, State::Suspect { previous, .. }) => **previous == State::New,
        (_, State::New | State::Suspect { .. }) => record.held,
        _ => false,
    };
    record.duty = record.duty.after(&record.state, &next);
    record.state = next;
}

/// The state after a report. Reports that only mark progress are taken from the current boot alone.
fn apply_report(state: &State, report: &Report, token: &BootToken) -> Result<State, Refused> {
    let token = token.hash();
    let reason = || words(report);
    match report.event {
        ReportEvent::PreStarted | ReportEvent::PostStarted => match state.attempt() {
            Some(attempt) if attempt.speaker() == Some(&token) => Ok(state.clone()),
            _ => Err(Refused::OldAttempt),
        },
        ReportEvent::Refused | ReportEvent::InstallFailed => {
            match state.apply(&Event::InstallerStopped { token, reason: reason() }) {
                Err(Refused::NothingToDo) => Ok(state.clone()),
                other => other,
            }
        }
        ReportEvent::Installed => state.apply(&Event::Installed { token }),
        ReportEvent::FirstbootStarted | ReportEvent::StepStarted | ReportEvent::Waiting | ReportEvent::StepDone => {
            state.apply(&Event::Working { token })
        }
        ReportEvent::StepFailed => state.apply(&Event::StepFailed { token, reason: reason() }),
        ReportEvent::Ready => state.apply(&Event::Ready { token }),
        ReportEvent::Errand | ReportEvent::Updating => match state.attempt() {
            Some(attempt) if attempt.redeemed_by.as_ref() == Some(&token) => Ok(state.clone()),
            _ if state.left_behind_with(&token) => Ok(state.clone()),
            _ => Err(Refused::OldAttempt),
        },
    }
}
