//! The disks of this machine as `lsblk` lists them: what each is, what is on it, and whether it is in use.

use std::process::Command;

use serde::Deserialize;

use super::Failure;

/// The columns that are read; all of them are known to util-linux 2.34 and later.
const COLUMNS: &str = "PATH,TYPE,SIZE,MODEL,SERIAL,TRAN,RO,FSTYPE,LABEL,MOUNTPOINT";

/// A disk, or something on one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Device {
    /// `/dev/sda`.
    pub path: String,
    /// `disk`, `part`, `lvm`, `crypt`, `raid1`, `rom`, `loop`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes.
    pub size: u64,
    pub model: Option<String>,
    pub serial: Option<String>,
    /// The bus: `usb`, `sata`, `nvme`.
    pub tran: Option<String>,
    pub ro: bool,
    pub fstype: Option<String>,
    pub label: Option<String>,
    pub mountpoint: Option<String>,
    #[serde(default)]
    pub children: Vec<Device>,
}

#[derive(Deserialize)]
struct Listed {
    blockdevices: Vec<Device>,
}

/// All disks, in the order of their names.
pub(super) fn list() -> Result<Vec<Device>, Failure> {
    let lsblk = Command::new("lsblk").args(["--json", "--bytes", "--output", COLUMNS]).output();
    let lsblk = lsblk.map_err(|error| {
        Failure::fixable(format!("cannot run lsblk, which lists the disks: {error}"))
            .hint("install util-linux; `appliance write` runs on Linux alone")
    })?;
    if !lsblk.status.success() {
        let why = String::from_utf8_lossy(&lsblk.stderr);
        return Err(Failure::fixable(format!("lsblk cannot list the disks: {}", why.trim())));
    }
    read(&lsblk.stdout)
}

fn read(json: &[u8]) -> Result<Vec<Device>, Failure> {
    let listed: Listed = serde_json::from_slice(json)
        .map_err(|error| Failure::fixable(format!("cannot read what lsblk prints: {error}")))?;
    Ok(listed.blockdevices.into_iter().filter(|device| device.kind == "disk").collect())
}

impl Device {
    /// The serial, without the blanks that some disks pad it with.
    pub(super) fn serial(&self) -> Option<&str> {
        self.serial.as_deref().map(str::trim).filter(|serial| !serial.is_empty())
    }

    /// This device and everything on it.
    fn all(&self) -> Vec<&Device> {
        let mut found = vec![self];
        found.extend(self.children.iter().flat_map(Device::all));
        found
    }

    /// Why nothing may be written to it now; `None` if nobody uses it.
    pub(super) fn in_use(&self) -> Option<String> {
        let all = self.all();
        let mounted = all.iter().find_map(|part| Some((part, part.mountpoint.as_deref()?)));
        // What lies on a partition (LVM, md, LUKS) is only listed while it is active.
        let active = all.iter().find(|part| !matches!(part.kind.as_str(), "disk" | "part"));
        match (mounted, active) {
            (Some((part, "[SWAP]")), _) => Some(format!("{} is swap space in use", part.path)),
            (Some((part, place)), _) => Some(format!("{} is mounted at {place}", part.path)),
            (None, Some(part)) => Some(format!("{} ({}) is active on it", part.path, part.kind)),
            (None, None) if self.ro => Some("it is read-only".into()),
            (None, None) => None,
        }
    }

    /// Whether the state of an appliance is on it.
    pub(super) fn has_state(&self) -> bool {
        self.all().iter().any(|part| part.label.as_deref() == Some("RACKSTART"))
    }

    /// What is on it: `ext4 data, vfat EFI`.
    pub(super) fn contents(&self) -> String {
        let words = |part: &&Device| {
            let kind = part.fstype.as_deref()?;
            Some(part.label.as_deref().map_or_else(|| kind.to_string(), |label| format!("{kind} {label}")))
        };
        let mut words: Vec<String> = self.all().iter().filter_map(words).collect();
        words.dedup();
        match words.is_empty() {
            true if self.children.is_empty() => "nothing that is known".into(),
            true => format!("{} partitions", self.children.len()),
            false => words.join(", "),
        }
    }

    /// One line for a person: path, size, bus, model, serial, contents.
    pub(super) fn line(&self) -> String {
        format!(
            "{:<13} {:>9}  {:<5} {:<24} {:<22} {}",
            self.path,
            size(self.size),
            self.tran.as_deref().unwrap_or("-"),
            self.model.as_deref().map_or("-", str::trim),
            self.serial().unwrap_or("no serial"),
            self.in_use().map_or_else(|| self.contents(), |why| format!("in use: {why}"))
        )
    }
}

/// The heading over [`Device::line`].
pub(super) fn heading() -> String {
    format!("{:<13} {:>9}  {:<5} {:<24} {:<22} {}", "DISK", "SIZE", "BUS", "MODEL", "SERIAL", "CONTENTS")
}

/// Bytes as vendors print them: `480 GB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        1_000_000_000..10_000_000_000_000 => format!("{} GB", bytes / 1_000_000_000),
        _ => format!("{} TB", bytes / 1_000_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LSBLK: &str = r#"{"blockdevices": [
      {"path":"/dev/loop0","type":"loop","size":1,"model":null,"serial":null,"tran":null,"ro":true,"fstype":"squashfs","label":null,"mountpoint":"/x"},
      {"path":"/dev/sda","type":"disk","size":480103981056,"model":"SSD ","serial":" S4EVNX0R1 ","tran":"sata","ro":false,"fstype":null,"label":null,"mountpoint":null,
       "children":[
        {"path":"/dev/sda1","type":"part","size":1048576,"model":null,"serial":null,"tran":null,"ro":false,"fstype":"LVM2_member","label":null,"mountpoint":null,
         "children":[{"path":"/dev/mapper/vg-root","type":"lvm","size":1,"model":null,"serial":null,"tran":null,"ro":false,"fstype":"xfs","label":null,"mountpoint":null}]}]},
      {"path":"/dev/sdb","type":"disk","size":16008609792,"model":"Ultra","serial":"AA01","tran":"usb","ro":false,"fstype":null,"label":null,"mountpoint":null,
       "children":[{"path":"/dev/sdb3","type":"part","size":1048576,"model":null,"serial":null,"tran":null,"ro":false,"fstype":"ext4","label":"RACKSTART","mountpoint":null}]},
      {"path":"/dev/sdc","type":"disk","size":1000,"model":null,"serial":"","tran":null,"ro":false,"fstype":null,"label":null,"mountpoint":null}
    ]}"#;

    #[test]
    fn a_disk_in_use_is_known_by_what_is_active_on_it_and_a_loop_is_no_disk() {
        let disks = read(LSBLK.as_bytes()).unwrap();
        assert_eq!(
            disks.iter().map(|disk| disk.path.as_str()).collect::<Vec<_>>(),
            ["/dev/sda", "/dev/sdb", "/dev/sdc"]
        );
        assert_eq!(disks[0].in_use().unwrap(), "/dev/mapper/vg-root (lvm) is active on it");
        assert_eq!((disks[0].serial(), disks[2].serial()), (Some("S4EVNX0R1"), None));
        assert_eq!(disks[1].in_use(), None);
        assert!(disks[1].has_state() && !disks[0].has_state());
        assert_eq!(disks[1].contents(), "ext4 RACKSTART");
        assert!(disks[1].line().starts_with("/dev/sdb          16 GB  usb   Ultra"), "{}", disks[1].line());
    }

    #[test]
    fn a_mounted_partition_and_swap_hold_the_whole_disk() {
        let mut disks = read(LSBLK.as_bytes()).unwrap();
        disks[1].children[0].mountpoint = Some("/mnt".into());
        assert_eq!(disks[1].in_use().unwrap(), "/dev/sdb3 is mounted at /mnt");
        disks[1].children[0].mountpoint = Some("[SWAP]".into());
        assert!(disks[1].in_use().unwrap().contains("swap"));
        disks[2].ro = true;
        assert_eq!(disks[2].in_use().unwrap(), "it is read-only");
    }
}
