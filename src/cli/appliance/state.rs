//! Makes the place for the state on a disk whose serial was typed, or a mirror on two.

use std::io::Write;
use std::process::{Command, Stdio};

use super::Failure;
use super::disks::Device;

/// The label by which the appliance finds its state.
const LABEL: &str = "RACKSTART";
/// A smaller disk would be full of timelines soon, in bytes.
const SMALLEST: u64 = 256 << 20;

/// The disks whose serials were typed, in this order. Refuses one that is in use, too small, or holds a state already.
pub(super) fn chosen<'a>(disks: &'a [Device], typed: &str) -> Result<Vec<&'a Device>, Failure> {
    let mut chosen: Vec<&Device> = Vec::new();
    for serial in typed.split_whitespace() {
        let mut named = disks.iter().filter(|disk| disk.serial() == Some(serial));
        let (first, second) = (named.next(), named.next());
        let disk = first.filter(|_| second.is_none()).ok_or_else(|| {
            Failure::fixable(format!("no disk, or more than one, has the serial `{}`", serial.escape_debug()))
                .hint("type the serial as the list shows it")
        })?;
        if let Some(why) = disk.in_use() {
            return Err(Failure::fixable(format!("{} is in use: {why}", disk.path)).hint("choose another disk"));
        }
        if disk.has_state() {
            return Err(Failure::fixable(format!("{} holds a state already", disk.path))
                .hint("take the other disk with the label RACKSTART away, and it is used"));
        }
        if disk.size < SMALLEST {
            return Err(Failure::fixable(format!("{} is smaller than 256 MiB", disk.path)).hint("choose another disk"));
        }
        if chosen.iter().any(|other| other.path == disk.path) {
            return Err(Failure::fixable("a mirror needs two disks, and one was typed twice"));
        }
        chosen.push(disk);
    }
    match chosen.len() {
        1 | 2 => Ok(chosen),
        _ => Err(Failure::fixable("one disk is chosen by its serial, or two for a mirror")),
    }
}

/// Erases the disks and makes the file system. The appliance's first program finds it by its label.
pub(super) fn make(disks: &[&Device]) -> Result<(), Failure> {
    for disk in disks {
        run("wipefs", &["--all", "--quiet", &disk.path], "")?;
        run("sfdisk", &["--quiet", "--label", "gpt", &disk.path], &format!("type=linux, name={LABEL}\n"))?;
        run("udevadm", &["settle", "--timeout=20"], "")?;
    }
    let parts: Vec<String> = disks.iter().map(|disk| first_partition(&disk.path)).collect();
    let place = match parts.as_slice() {
        [one] => one.clone(),
        both => {
            let mut words = vec!["--create", "/dev/md/rackstart", "--run", "--quiet", "--level=1", "--raid-devices=2"];
            words.extend(["--metadata=1.2", "--bitmap=internal", "--homehost=rackstart", "--name=rackstart"]);
            words.extend(both.iter().map(String::as_str));
            run("mdadm", &words, "")?;
            run("udevadm", &["settle", "--timeout=20"], "")?;
            "/dev/md/rackstart".into()
        }
    };
    run("mkfs.ext4", &["-q", "-F", "-L", LABEL, &place], "")
}

/// `/dev/sda1`, `/dev/nvme0n1p1`.
fn first_partition(disk: &str) -> String {
    let letter = if disk.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{letter}1")
}

fn run(program: &str, words: &[&str], input: &str) -> Result<(), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::fixable(format!("`{program} {}` failed: {why}", words.join(" ")))
            .hint("the disk may be broken: choose another one")
    };
    let child =
        Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| failed(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    let done = child.wait_with_output().map_err(|error| failed(&error))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(failed(&String::from_utf8_lossy(&done.stderr).trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(path: &str, serial: &str) -> Device {
        let (kind, serial) = ("disk".to_string(), Some(serial.to_string()));
        Device { path: path.into(), kind, serial, size: 1 << 40, ..Device::default() }
    }

    #[test]
    fn a_disk_is_chosen_by_its_whole_serial_and_two_make_a_mirror() {
        let mut disks =
            vec![disk("/dev/sda", "A1"), disk("/dev/sdb", "B2"), disk("/dev/sdc", "C3"), disk("/dev/sdd", "C3")];
        let paths = |typed: &str, disks: &[Device]| {
            chosen(disks, typed).map(|found| found.iter().map(|disk| disk.path.clone()).collect::<Vec<_>>())
        };
        assert_eq!(paths("A1", &disks).unwrap(), ["/dev/sda"]);
        assert_eq!(paths(" B2 A1 ", &disks).unwrap(), ["/dev/sdb", "/dev/sda"]);
        for wrong in ["", "A", "a1", "/dev/sda", "C3", "A1 A1", "A1 B2 C3"] {
            assert!(paths(wrong, &disks).is_err(), "{wrong}");
        }
        disks[0].mountpoint = Some("/medium".into());
        disks[1].label = Some(LABEL.into());
        assert!(paths("A1", &disks).unwrap_err().to_string().contains("in use"));
        assert!(paths("B2", &disks).unwrap_err().to_string().contains("holds a state already"));
    }

    #[test]
    fn the_first_partition_has_the_kernels_name() {
        assert_eq!(first_partition("/dev/sda"), "/dev/sda1");
        assert_eq!(first_partition("/dev/nvme0n1"), "/dev/nvme0n1p1");
    }
}
