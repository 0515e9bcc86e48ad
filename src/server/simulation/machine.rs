//! A server with one disk: network first in its boot order, an installer that asks before it writes, a firstboot that
//! repeats its reports until they are heard. Its power may fail at any point.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Dice;
use super::daemon::{Daemon, Reply};
use crate::lifecycle::{BootToken, Reader, Report, ReportEvent, WipeScope};
use crate::plan::Facts;
use crate::server::nodes::facts_as_planned;
use crate::site::Mac;
use crate::store::Change;

/// What is on the disk.
#[derive(Debug, Clone, PartialEq)]
enum Disk {
    Blank,
    /// Someone else's data, or half an installation.
    Data,
    /// A system that boots, made by this boot of the installer.
    System(BootToken),
}

/// Where the machine is.
#[derive(Debug, Clone, PartialEq)]
enum At {
    Off,
    Firmware,
    /// In an installer; the number is that of its next action.
    Installer(BootToken, usize),
    /// In its own system; the number is that of its next report.
    System(BootToken, usize),
}

pub(super) struct Machine {
    mac: Mac,
    disk: Disk,
    at: At,
    seq: u64,
    asked: usize,
}

/// Reports of a firstboot, in order.
const FIRSTBOOT: [ReportEvent; 5] = [
    ReportEvent::FirstbootStarted,
    ReportEvent::StepStarted,
    ReportEvent::Waiting,
    ReportEvent::StepDone,
    ReportEvent::Ready,
];

thread_local! {
    /// What was sent earlier, to be repeated later. One story runs on one thread.
    static OLD: RefCell<Vec<(Mac, BootToken, Change)>> = const { RefCell::new(Vec::new()) };
}

impl Machine {
    pub(crate) fn new(mac: Mac, is_blank: bool) -> Self {
        OLD.with_borrow_mut(Vec::clear);
        Self { mac, disk: if is_blank { Disk::Blank } else { Disk::Data }, at: At::Off, seq: 0, asked: 0 }
    }

    /// Performs the machine's next step.
    pub(crate) fn goes_on(&mut self, daemon: &mut Daemon, dice: &mut Dice) {
        if dice.permille(30) && self.at != At::Off && !daemon.all_are_well() {
            daemon.monitor.tally.power_cuts += 1;
            self.at = At::Off;
        }
        self.at = match std::mem::replace(&mut self.at, At::Off) {
            At::Off => At::Firmware,
            At::Firmware => self.boots(daemon),
            At::Installer(token, step) => self.installs(daemon, token, step, dice),
            At::System(token, step) => self.firstboot(daemon, token, step, dice),
        };
    }

    fn boots(&mut self, daemon: &mut Daemon) -> At {
        self.asked = 0;
        match (daemon.boot_script(self.mac), &self.disk) {
            (Reply::Got(Some(token)), _) => {
                self.seq = 0;
                At::Installer(token, 0)
            }
            // Without an answer, the next boot device is the disk too.
            (Reply::Got(None) | Reply::Silence, Disk::System(token)) => At::System(token.clone(), 0),
            _ => At::Off,
        }
    }

    fn installs(&mut self, daemon: &mut Daemon, token: BootToken, step: usize, dice: &mut Dice) -> At {
        match step {
            0 => {
                let _ = self.reports(daemon, &token, ReportEvent::PreStarted);
                At::Installer(token, 1)
            }
            1 => self.redeems(daemon, token),
            // The packages are installed; some installations fail here for reasons of their own.
            2 if dice.permille(50) && !daemon.all_are_well() => {
                let _ = self.reports(daemon, &token, ReportEvent::InstallFailed);
                At::Off
            }
            2 => At::Installer(token, 3),
            3 => {
                let facts = Facts::parse(&facts_as_planned()).unwrap();
                let attest = Change::Attest { token: token.hash(), facts: Box::new(facts) };
                match self.sends(daemon, &token, attest) {
                    Reply::Silence => self.again_or(At::Installer(token.clone(), 3), At::Installer(token, 4)),
                    Reply::Got(_) => At::Installer(token, 4),
                }
            }
            _ => {
                let _ = self.reports(daemon, &token, ReportEvent::Installed);
                self.disk = Disk::System(token);
                At::Firmware
            }
        }
    }

    /// `%pre`: the disk is checked, then the permit is redeemed, then the disk is written.
    fn redeems(&mut self, daemon: &mut Daemon, token: BootToken) -> At {
        let held_data = self.disk != Disk::Blank;
        if held_data && daemon.scope(self.mac) == Some(WipeScope::BlankDiskOnly) {
            let _ = self.reports(daemon, &token, ReportEvent::Refused);
            return At::Off;
        }
        let disks = BTreeMap::from([("os".to_string(), "sda".to_string())]);
        let reader = Reader { address: [192, 168, 0, 1].into(), mac: Some(self.mac), serial: None };
        let redeem = Change::Redeem { token: token.hash(), words: "sda".into(), disks, keep: vec![], reader };
        match self.sends(daemon, &token, redeem) {
            Reply::Silence => self.again_or(At::Installer(token, 1), At::Off),
            Reply::Got(Some(Ok(_))) => {
                daemon.monitor.wiped(&token, held_data);
                self.disk = Disk::Data;
                At::Installer(token, 2)
            }
            Reply::Got(_) => At::Off,
        }
    }

    fn firstboot(&mut self, daemon: &mut Daemon, token: BootToken, step: usize, dice: &mut Dice) -> At {
        let Some(event) = FIRSTBOOT.get(step) else {
            // It works; now and then it restarts, network first.
            return if dice.permille(200) { At::Firmware } else { At::System(token, step) };
        };
        if dice.permille(30) && !daemon.all_are_well() {
            let _ = self.reports(daemon, &token, ReportEvent::StepFailed);
            return At::System(token, step);
        }
        match self.reports(daemon, &token, *event) {
            // Its queue keeps reports that were not heard.
            Reply::Silence => At::System(token, step),
            Reply::Got(answer) => {
                let is_ready = matches!(&answer, Some(Ok(record)) if record.state.word() == "ready");
                daemon.monitor.tally.ready += u64::from(is_ready && *event == ReportEvent::Ready);
                // An armed node is rebooted by its operator.
                if answer.is_none() { At::Firmware } else { At::System(token, step + 1) }
            }
        }
    }

    fn again_or(&mut self, again: At, give_up: At) -> At {
        self.asked += 1;
        if self.asked.is_multiple_of(4) { give_up } else { again }
    }

    fn reports(&mut self, daemon: &mut Daemon, token: &BootToken, event: ReportEvent) -> Answered {
        self.seq += 1;
        let (step, detail) = (String::new(), "words".to_string());
        let report = Report { event, seq: self.seq, step, number: 1, total: 5, detail };
        self.sends(daemon, token, Change::Report { report, token: token.clone() })
    }

    fn sends(&mut self, daemon: &mut Daemon, token: &BootToken, change: Change) -> Answered {
        OLD.with_borrow_mut(|old| old.push((self.mac, token.clone(), change.clone())));
        daemon.hears(self.mac, token, change)
    }
}

type Answered = Reply<Option<Result<crate::store::Record, crate::lifecycle::Refused>>>;

/// Repeats an earlier request of any boot: the network duplicated it, or somebody recorded it.
pub(super) fn repeats_something_old(daemon: &mut Daemon, dice: &mut Dice) {
    let old = OLD.with_borrow(|old| (!old.is_empty()).then(|| old[dice.below(old.len())].clone()));
    if let Some((mac, token, change)) = old {
        daemon.monitor.tally.repeated += 1;
        // Half of them skip the check of the token's node: the store alone must hold.
        let _ = daemon.take(mac, &token, change, dice.permille(500));
    }
}
