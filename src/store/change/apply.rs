//! How a change affects one record: one function for each kind of change.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::words::{back, condition, describe, duty_words, words};
use super::{Change, Changed, LogLine};
use crate::lifecycle::{
    AttemptId, BootToken, Custody, Delivery, DutyEvent, Event, Flag, Hardware, InstalledAs, Reader, Refused, Report,
    ReportEvent, STORED_PER_ATTEMPT, State, TokenHash, WipeScope,
};
use crate::plan::{self, Facts, NodePlan};
use crate::site::Mac;
use crate::store::record::{Frozen, Installed, Record};

impl Change {
    /// Computes the record after this change, or why the change is refused.
    pub(crate) fn work_on(&self, mac: Mac, record: &Record, now: u64) -> Result<Changed, Refused> {
        let mut work = Work { record: record.clone(), now };
        let log = match self {
            Self::Event { event, mark } => Some(work.event(event, *mark)?),
            Self::Arm { id, scope, forced, undrained } => {
                Some(work.arm(id, *scope, forced.as_deref(), undrained.as_deref())?)
            }
            Self::Flag { flag, on } => Some(work.flag(*flag, *on)?),
            Self::Boot { token, plan, installed_as } => Some(work.boot(token, plan, installed_as)?),
            Self::Redeem { token, words, disks, keep, reader } => {
                Some(work.redeem(token, words, (disks, keep), reader)?)
            }
            Self::Attest { token, facts } => Some(work.attest(token, facts)?),
            Self::Report { report, token } => work.report(report, token)?,
            Self::Deliver { delivery, token, reader } => Some(work.deliver(*delivery, token, reader)?),
            Self::Hardware(hardware) => Some(work.hardware(hardware)),
            Self::AcceptHardware => Some(work.accept_hardware()?),
            Self::Duty(events) => Some(work.duty(events)?),
            Self::InstalledAs(installed_as) => Some(work.installed_as(installed_as)?),
            Self::ClockSet(by) => Some(work.clock_set(*by)),
            Self::Keepsake { name, value } => Some(work.keepsake(name, value)?),
            Self::Note { kind, detail } => Some(LogLine { kind, detail: detail.clone() }),
            Self::Mark { mark, detail } => {
                work.record.progress.mark(mark, now);
                Some(LogLine { kind: mark, detail: detail.clone() })
            }
            #[cfg(test)]
            Self::Become(other) => {
                work.record = (**other).clone();
                None
            }
        };
        let mut record = work.record;
        if !matches!(self, Self::Duty(_) | Self::Note { .. } | Self::InstalledAs(_) | Self::ClockSet(_)) {
            record.updated = now; // neither others' words on its duty nor a refusal is a sign of life
        }
        tracing::debug!(%mac, state = record.state.word(), ?log, "store");
        Ok(Changed { record, log })
    }
}

/// A record that a change is being applied to. If the change is refused half way, it is discarded.
struct Work {
    record: Record,
    /// Unix seconds.
    now: u64,
}

impl Work {
    fn event(&mut self, event: &Event, mark: Option<&str>) -> Result<LogLine, Refused> {
        let (record, now) = (&mut self.record, self.now);
        // The state is checked first: a spent permit stays `spent`, whatever flag the node got since.
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
            record.progress.installer_seq = 0; // each boot numbers its reports from the beginning
        }
        if let Some(mark) = mark {
            record.progress.mark(mark, now);
        }
        enter(record, next, now);
        if matches!(event, Event::Armed { .. }) {
            record.since = now; // a new arming starts a new period
        }
        Ok(LogLine { kind, detail })
    }

    fn arm(
        &mut self,
        id: &AttemptId,
        scope: WipeScope,
        forced: Option<&str>,
        undrained: Option<&str>,
    ) -> Result<LogLine, Refused> {
        let runs = self.record.state.heard_system().is_some();
        let line = self.event(&Event::Armed { id: id.clone(), scope }, None)?;
        let forced = forced.map(|reason| format!("; forced: {reason}"));
        let drained = match undrained {
            Some(reason) => Some(format!("; not drained: {reason}")),
            None if runs && scope.wipes() => Some(format!("; {}", self.record.duty.outcome(self.now).text())),
            None => None,
        };
        let because = [forced, drained].into_iter().flatten().collect::<String>();
        Ok(LogLine { detail: line.detail + &because, ..line })
    }

    fn flag(&mut self, flag: Flag, on: bool) -> Result<LogLine, Refused> {
        let record = &mut self.record;
        let flags = record.flags.with(flag, on);
        if flags == record.flags {
            return Err(Refused::FlaggedSo(flag.words(on)));
        }
        record.flags = flags;
        let disarmed = on.then(|| record.state.apply(&Event::Disarmed).ok()).flatten();
        let detail = disarmed.as_ref().map(|state| format!("disarmed: {}", back(&record.state, state)));
        if let Some(state) = disarmed {
            enter(record, state, self.now);
        }
        let kind = match (flag, on) {
            (Flag::Protected, true) => "protected",
            (Flag::Protected, false) => "unprotected",
            (Flag::Maintenance, true) => "maintenance",
            (Flag::Maintenance, false) => "maintenance-over",
        };
        Ok(LogLine { kind, detail: detail.unwrap_or_default() })
    }

    fn boot(&mut self, token: &TokenHash, plan: &NodePlan, installed_as: &InstalledAs) -> Result<LogLine, Refused> {
        let line = self.event(&Event::BootScriptServed { token: token.clone() }, Some("script"))?;
        let (plan, disks, keep) = (plan.clone(), BTreeMap::new(), Vec::new());
        let installed_as = Some(installed_as.clone());
        self.record.frozen = Some(Box::new(Frozen { plan, disks, keep, installed_as }));
        self.record.custody = Custody::minted(self.now);
        Ok(line)
    }

    fn redeem(
        &mut self,
        token: &TokenHash,
        words: &str,
        (disks, keep): (&BTreeMap<String, String>, &Vec<String>),
        reader: &Reader,
    ) -> Result<LogLine, Refused> {
        let event = Event::PermitRedeemed { token: token.clone(), disk: words.to_string() };
        let line = self.event(&event, Some("permit"))?;
        let record = &mut self.record;
        record.custody.hand(Delivery::StorageCommands, reader, self.now)?;
        record.written = Some(words.to_string());
        if let Some(frozen) = &mut record.frozen {
            let repeated = !frozen.disks.is_empty();
            if repeated && (&frozen.disks, &frozen.keep) != (disks, keep) {
                return Err(Refused::OtherDisks);
            }
            (frozen.disks, frozen.keep) = (disks.clone(), keep.clone());
        }
        if keep.is_empty() {
            // From here on, what was on the disks is gone, whatever becomes of this installation.
            (record.installed, record.installed_as) = (None, None);
        }
        Ok(line)
    }

    fn attest(&mut self, token: &TokenHash, facts: &Facts) -> Result<LogLine, Refused> {
        let differences = match &self.record.frozen {
            Some(frozen) => plan::differences(&frozen.plan, &frozen.disks, &frozen.keep, facts),
            None => vec!["no plan was stored for this boot".into()],
        };
        let line = self.event(&Event::Attested { token: token.clone(), differences }, Some("attested"))?;
        let record = &mut self.record;
        if record.state.attempt().is_some_and(|attempt| attempt.attested)
            && let Some(frozen) = &record.frozen
        {
            let (promise, facts) = ((**frozen).clone(), facts.clone());
            record.installed_as = promise.installed_as.clone().map(Box::new);
            record.installed = Some(Box::new(Installed { promise, facts }));
        }
        Ok(line)
    }

    fn report(&mut self, report: &Report, token: &BootToken) -> Result<Option<LogLine>, Refused> {
        let record = &mut self.record;
        let next = apply_report(&record.state, report, token)?;
        let waited_for = record.progress.waiting.as_deref().map(condition).map(String::from);
        let new = record.progress.note(report, self.now);
        if new {
            enter(record, next, self.now);
        }
        // A node that waits at a gate reports it every minute; the log keeps only the first report.
        let again = report.event == ReportEvent::Waiting && waited_for.as_deref() == Some(condition(&report.detail));
        Ok(if new && !again { stored(record, report) } else { None })
    }

    fn deliver(&mut self, delivery: Delivery, token: &TokenHash, reader: &Reader) -> Result<LogLine, Refused> {
        let record = &mut self.record;
        record.state.grants(delivery, token)?;
        let again = record.custody.handed.contains_key(&delivery);
        record.custody.hand(delivery, reader, self.now)?;
        let mark = match delivery {
            Delivery::Kickstart => "kickstart",
            Delivery::StorageCommands => "permit",
            Delivery::Payload => "payload",
            Delivery::Renewal => "renewal",
        };
        record.progress.mark(mark, self.now);
        let again = if again { ", once more" } else { "" };
        Ok(LogLine { kind: mark, detail: format!("{delivery} left for {}{again}", reader.address) })
    }

    fn hardware(&mut self, hardware: &Hardware) -> LogLine {
        let detail = match &hardware.other {
            Some(other) => format!("another machine: it shows {other}, but {} is recorded", hardware.pinned),
            None => format!("its machine: {}", hardware.pinned),
        };
        self.record.hardware = hardware.clone();
        LogLine { kind: "hardware", detail }
    }

    fn accept_hardware(&mut self) -> Result<LogLine, Refused> {
        let record = &mut self.record;
        record.hardware = record.hardware.accept().ok_or(Refused::NoOtherMachine)?;
        if let Ok(next) = record.state.apply(&Event::Cleared) {
            enter(record, next, self.now);
        }
        Ok(LogLine { kind: "hardware", detail: format!("an operator accepts: {}", record.hardware.pinned) })
    }

    fn duty(&mut self, events: &[DutyEvent]) -> Result<LogLine, Refused> {
        let record = &mut self.record;
        let (before, mut detail) = (record.duty.clone(), String::new());
        for event in events {
            record.duty = record.duty.apply(event, self.now).ok_or(Refused::NothingToDo)?;
            detail = duty_words(event);
        }
        // A permit must not outlive the drain for which it was given.
        Ok(match record.state.apply(&Event::Disarmed) {
            Ok(next) if before.lost_its_drain(&record.duty) => {
                let back = back(&record.state, &next);
                let detail = format!("{detail}, so the drain has ended; {back}");
                enter(record, next, self.now);
                LogLine { kind: "disarmed", detail }
            }
            _ => LogLine { kind: "duty", detail },
        })
    }

    fn installed_as(&mut self, installed_as: &InstalledAs) -> Result<LogLine, Refused> {
        let record = &mut self.record;
        if record.installed_as.is_some() || !record.has_system() {
            return Err(Refused::NothingToDo);
        }
        let role = &installed_as.role;
        let detail = format!("what it was installed as was not recorded yet; by the site file it is {role}");
        record.installed_as = Some(Box::new(installed_as.clone()));
        Ok(LogLine { kind: "installed-as", detail })
    }

    fn clock_set(&mut self, by: i64) -> LogLine {
        self.record.set_clock(by);
        let detail = format!("the clock of the server was set by {by:+} s; the times of this attempt moved along");
        LogLine { kind: "clock", detail }
    }

    fn keepsake(&mut self, name: &str, value: &str) -> Result<LogLine, Refused> {
        if self.record.keepsakes.get(name).is_some_and(|known| known == value) {
            return Err(Refused::NothingToDo);
        }
        let before = self.record.keepsakes.insert(name.into(), value.into());
        let before = before.map(|before| format!(", before: {before}")).unwrap_or_default();
        Ok(LogLine { kind: "keepsake", detail: format!("its {name}: {value}{before}") })
    }
}

/// The log line of a report, as long as the event log has room for this attempt; after that, a last line says that
/// there is none.
fn stored(record: &mut Record, report: &Report) -> Option<LogLine> {
    let number = &mut record.progress.stored;
    *number = number.saturating_add(1);
    match (*number).cmp(&(STORED_PER_ATTEMPT + 1)) {
        Ordering::Less => Some(LogLine { kind: report.event.word(), detail: words(report) }),
        Ordering::Equal => {
            let detail = format!(
                "{STORED_PER_ATTEMPT} reports of this attempt are kept; later ones take effect, but are not kept"
            );
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

/// The state after a report. Reports that only mark progress are accepted from the current boot alone.
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
