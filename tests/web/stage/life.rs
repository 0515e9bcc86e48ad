//! What a node does from its arming to its last step, as changes of the store.

use std::path::{Path, PathBuf};

use rackstart::lifecycle::{AttemptId, BootToken, InstalledAs, Reader, Report, ReportEvent, WipeScope};
use rackstart::plan::{self, Content, Facts, NodePlan, Slot};
use rackstart::site::{Node, Site};
use rackstart::store::{Change, Store};
use serde_json::json;

/// Sectors of 512 bytes in a MiB.
const MIB: u64 = 2048;

/// The time of the past, in seconds before now, as libfaketime reads it.
pub struct Past(PathBuf);

impl Past {
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join("time"))
    }

    /// Everything from here on happens so many seconds before now.
    pub fn ago(&self, seconds: u64) {
        std::fs::write(&self.0, format!("-{seconds}\n")).expect("the time is written");
    }
}

/// One node and its boot.
pub struct Life<'a> {
    store: &'a Store,
    node: &'a Node,
    plan: NodePlan,
    installed_as: InstalledAs,
    token: BootToken,
    id: AttemptId,
    seq: u64,
}

impl<'a> Life<'a> {
    pub fn of(store: &'a Store, site: &Site, node: &'a Node) -> Self {
        let [.., high, low] = node.mac.0;
        let number = u32::from(high) << 8 | u32::from(low);
        Self {
            store,
            node,
            plan: plan::plan(node).expect("a plan"),
            installed_as: InstalledAs::of(site, node),
            token: BootToken::from_random(u128::from(number).to_be_bytes()),
            id: AttemptId::from_random(number.to_be_bytes()),
            seq: 0,
        }
    }

    async fn change(&self, change: Change) {
        self.store.change(self.node.mac, change).await.unwrap_or_else(|error| panic!("{}: {error}", self.node.name));
    }

    pub async fn arm(&self) {
        let (id, scope) = (self.id.clone(), WipeScope::BlankDiskOnly);
        self.change(Change::Arm { id, scope, forced: None, undrained: None }).await;
    }

    pub async fn boot(&self) {
        let (plan, installed_as) = (Box::new(self.plan.clone()), Box::new(self.installed_as.clone()));
        self.change(Change::Boot { token: self.token.hash(), plan, installed_as }).await;
    }

    pub async fn fetch(&self) {
        self.change(Change::Mark { mark: "kickstart", detail: "the kickstart left".into() }).await;
    }

    pub async fn redeem(&self) {
        let disks = self.plan.disks.iter().enumerate();
        let disks = disks.map(|(n, disk)| (disk.slot.clone(), kernel_name(n))).collect();
        let reader = Reader { address: self.node.address, mac: Some(self.node.mac), serial: None };
        let words = "sda, 238475 MiB, serial S3Z8NB0K".into();
        self.change(Change::Redeem { token: self.token.hash(), words, disks, keep: Vec::new(), reader }).await;
    }

    pub async fn attest(&self) {
        let facts = Box::new(found(&self.plan));
        self.change(Change::Attest { token: self.token.hash(), facts }).await;
    }

    pub async fn report(&mut self, event: ReportEvent, step: (u32, u32, &str), detail: &str) {
        self.seq += 1;
        let (number, total, name) = step;
        let report = Report { event, seq: self.seq, step: name.into(), number, total, detail: detail.into() };
        self.change(Change::Report { report, token: self.token.clone() }).await;
    }

    /// Leaves numbers of reports out.
    pub fn skip(&mut self, reports: u64) {
        self.seq += reports;
    }

    /// From the boot to the first report of firstboot; `clock` sets the time of each event, in seconds since the boot.
    pub async fn install(&mut self, clock: impl Fn(u64)) {
        clock(0);
        self.boot().await;
        clock(38);
        self.fetch().await;
        clock(52);
        self.redeem().await;
        clock(430);
        self.attest().await;
        clock(470);
        self.report(ReportEvent::Installed, (0, 0, ""), "").await;
        self.seq = 0;
        clock(530);
        self.report(ReportEvent::FirstbootStarted, (0, 0, ""), "").await;
    }
}

fn kernel_name(disk: usize) -> String {
    format!("sd{}", char::from(b'a' + u8::try_from(disk).unwrap_or(0)))
}

/// What an installer finds that did everything right.
fn found(plan: &NodePlan) -> Facts {
    let mut facts = json!({ "labels": [], "partitions": [], "physical_volumes": [], "groups": [], "volumes": [],
        "mounts": [], "swaps": [], "arrays": [] });
    let mut push = |list: &str, value| facts[list].as_array_mut().expect("a list").push(value);
    for (n, disk) in plan.disks.iter().enumerate() {
        let name = kernel_name(n);
        push("labels", json!([name, disk.label.to_string()]));
        for partition in &disk.partitions {
            let (number, device) = (partition.number, format!("/dev/{name}{}", partition.number));
            let sectors = if partition.slot == Slot::Extended { 2 } else { partition.size.0 * MIB };
            push(
                "partitions",
                json!({ "disk": name, "number": number, "start": partition.start.0 * MIB,
                "sectors": sectors }),
            );
            match &partition.content {
                Content::Mount { mount, file_system } => push(
                    "mounts",
                    json!({ "device": device, "target": mount,
                    "file_system": file_system.to_string() }),
                ),
                Content::PhysicalVolume { volume_group } => {
                    push("physical_volumes", json!({ "device": device, "group": volume_group, "uuid": "P" }));
                }
                _ => {}
            }
        }
    }
    for group in &plan.volume_groups {
        push(
            "groups",
            json!({ "name": group.name, "uuid": "U", "extent_sectors": 8192, "extents": group.extents,
            "free": group.free.0 / 4 }),
        );
        for volume in &group.logical_volumes {
            let device = format!("/dev/mapper/{}-{}", group.name, volume.name);
            if let Some(target) = &volume.mount {
                push(
                    "mounts",
                    json!({ "device": device, "target": target,
                    "file_system": volume.file_system.to_string() }),
                );
            }
            if volume.file_system.to_string() == "swap" {
                push("swaps", json!([group.name, volume.name]));
            }
            push(
                "volumes",
                json!({ "group": group.name, "name": volume.name, "uuid": "U",
                "sectors": volume.size.0 * MIB }),
            );
        }
    }
    serde_json::from_value(facts).expect("facts")
}
