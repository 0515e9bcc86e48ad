//! The disk guard, run on a fake machine: it must find the right disk, and without a permit nothing may be touched.

use crate::machine::{CURL, Machine, Run, commands_of};
use crate::variants::{body, node, on, site, token};
use rackstart::lifecycle::WipeScope;
use rackstart::plan::plan;
use rackstart::render::Renderer;
use rackstart::site::{DiskBus, DiskRule, DiskSlot, Site};

/// Small disks keep the test quick: 64 MiB.
const BLOCKS: u64 = 131_072;

/// The testbed with the size of compute2's disk changed in the rule only; the plan stays that of the paper.
fn testbed() -> Site {
    let mut site = site("6.10", "bios");
    site.nodes.retain(|node| node.name.as_str() == "compute2");
    site
}

fn script(site: &Site) -> String {
    script_for(site, BLOCKS)
}

/// The `%pre` of compute2, with a disk rule for a disk of so many blocks.
pub fn script_for(site: &Site, blocks: u64) -> String {
    let served = Renderer::new().unwrap().kickstart(site, node(site, "compute2"), &token()).unwrap();
    let sectors = node(site, "compute2").os_disk().sectors;
    body(&served, "%pre").replace(&sectors.to_string(), &blocks.to_string())
}

/// The storage commands of compute2 for a disk of this name.
pub fn commands(site: &Site, disk: &str, scope: WipeScope) -> String {
    let node = node(site, "compute2");
    Renderer::new().unwrap().storage_section(node, &plan(node).unwrap(), &on(disk), scope).unwrap()
}

fn machine_with_sda(site: &Site) -> Machine {
    let machine = Machine::installer("6.10");
    machine.disk("sda", BLOCKS, "pci0/ata1", &[("device/serial", "WD-1")]);
    machine.answers("permit", "200", &commands(site, "sda", WipeScope::BlankDiskOnly));
    machine
}

fn assert_refused(machine: &Machine, run: &Run, reason: &str) {
    assert!(!run.ok && machine.storage().is_none(), "{}", run.console);
    assert!(run.console.contains("NOTHING ON ANY DISK WAS CHANGED"), "{}", run.console);
    assert!(run.console.contains(reason), "{}", run.console);
    assert!(run.calls.contains("curl report event=refused"), "{}", run.calls);
    assert!(run.calls.contains("sleep 60\nreboot -f\nsleep 10\nsleep 30\n"), "{}", run.calls);
    assert!(!run.calls.contains("wipefs -a") && !run.calls.contains("vgchange"), "{}", run.calls);
    // Whatever reboot said of itself.
    assert_eq!(std::fs::read_to_string(machine.path("root/proc/sysrq-trigger")).unwrap(), "b\n");
    assert_eq!(run.said, "");
}

#[test]
fn a_blank_disk_that_matches_gets_the_storage_commands() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    let run = machine.run(&script(&site));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    assert_eq!(machine.storage().unwrap(), commands(&site, "sda", WipeScope::BlankDiskOnly));
    let permit = format!(
        "curl permit disk.os=sda sectors.os={BLOCKS} sector_size.os=512 serial.os=WD-1 wwn.os= by_id.os= model.os= \
         bus.os=sata paths.os=1 suitable.os=1 table.os= blank.os=yes found.os= identities="
    );
    assert!(run.calls.contains(&permit), "{}", run.calls);
    assert!(run.calls.starts_with("curl report event=pre-started seq=1 detail="), "{}", run.calls);
    assert!(!run.calls.contains("reboot") && !run.calls.contains("wipefs -a"), "{}", run.calls);
}

#[test]
fn two_disks_that_match_are_refused_with_both_named() {
    let mut site = testbed();
    site.nodes[0].os_disk_mut().name = None;
    let machine = machine_with_sda(&site);
    machine.disk("sdb", BLOCKS, "pci0/ata2", &[]);
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "2 disks match");
    assert!(
        run.console.contains("sda (size 131072, serial=WD-1): matches; sdb (size 131072, no serial number): matches")
    );
    assert!(!run.calls.contains("curl permit"), "{}", run.calls);
}

#[test]
fn a_serial_number_or_a_world_wide_name_tells_equal_disks_apart() {
    for (serial, wwn) in [(Some("B"), None), (None, Some("0x5000C500A1B2C3D4"))] {
        let mut site = testbed();
        let rule = site.nodes[0].os_disk_mut();
        (rule.name, rule.serial, rule.wwn) = (None, serial.map(Into::into), wwn.map(Into::into));
        let machine = Machine::installer("6.10");
        machine.disk("sda", BLOCKS, "pci0/ata1", &[("device/serial", "A"), ("wwid", "naa.5000c500a1b2c3d5")]);
        machine.disk("sdb", BLOCKS, "pci0/ata2", &[("device/serial", " B "), ("wwid", "naa.5000c500a1b2c3d4")]);
        machine.answers("permit", "200", &commands(&site, "sdb", WipeScope::BlankDiskOnly));
        let run = machine.run(&script(&site));
        assert!(run.ok, "{}\n{}", run.console, run.said);
        assert!(run.calls.contains("disk.os=sdb"), "{}", run.calls);
    }
}

#[test]
fn no_disk_that_matches_is_refused_with_the_reason_for_each() {
    let site = testbed();
    let machine = Machine::installer("6.10");
    machine.disk("sda", BLOCKS - 1, "pci0/ata1", &[]);
    machine.disk("sdb", BLOCKS, "pci0/usb1/1-1", &[("removable", "1")]);
    machine.disk("sr0", BLOCKS, "pci0/ata2", &[]);
    machine.disk("dm-0", BLOCKS, "virtual", &[]);
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "0 disks match");
    assert!(run.console.contains("sda (size 131071, no serial number): not this one: size 131071;"), "{}", run.console);
    assert!(run.console.contains("not this one: removable on USB name sdb"), "{}", run.console);
    assert!(!run.console.contains("sr0") && !run.console.contains("dm-0"), "{}", run.console);
}

#[test]
fn a_machine_without_any_disk_is_refused() {
    let site = testbed();
    let machine = Machine::installer("6.10");
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "there is no disk");
}

#[test]
fn every_kind_of_signature_is_found_and_told_to_the_server() {
    let site = testbed();
    let md_090 = ((BLOCKS & !127) - 128) * 512;
    for (offset, bytes, found) in [
        (510, &b"\x55\xaa"[..], "a boot record"),
        (512, b"EFI PART", "a GPT"),
        (4096, b"EFI PART", "a GPT"),
        ((BLOCKS - 1) * 512, b"EFI PART", "the backup of a GPT"),
        ((BLOCKS - 8) * 512, b"EFI PART", "the backup of a GPT"),
        (512, b"LABELONE", "an LVM physical volume"),
        (4096, b"\xfc\x4e\x2b\xa9", "an md member"),
        (md_090, b"\xfc\x4e\x2b\xa9", "an md member"),
    ] {
        let machine = machine_with_sda(&site);
        machine.put("sda", offset, bytes);
        machine.answers("permit", "409", "compute2 was never installed and its disk is not blank");
        let run = machine.run(&script(&site));
        assert_refused(&machine, &run, "its disk is not blank");
        assert!(run.calls.contains(&format!("blank.os=no found.os={found}")), "{found}: {}", run.calls);
        assert_eq!(machine.get("sda", offset, bytes.len()), bytes);
    }
    let machine = machine_with_sda(&site);
    machine.write("root/dev/sda.wipefs", "# offset,uuid,label,type\n0x438,1-2,my,label,ext4\n");
    machine.write("root/sys/block/sda/sda1/partition", "1\n");
    let run = machine.run(&script(&site));
    assert!(run.calls.contains("blank.os=no found.os=partition 1, ext4"), "{}", run.calls);
    assert_refused(&machine, &run, "the storage commands are for a blank disk, and sda holds partition 1, ext4");
}

/// One release of each installer that has other commands than the one before.
const INSTALLERS: [&str; 9] = ["6.3", "6.4", "6.7", "6.8", "6.10", "7", "8", "9", "10"];

/// The testbed of a release with compute2 alone, and with the layout that grows where the paper's tables do not fit.
pub fn testbed_of(release: &str) -> Site {
    let mut site = site(release, if release == "10" { "uefi" } else { "bios" });
    site.nodes.retain(|node| node.name.as_str() == "compute2");
    site
}

#[test]
fn every_release_installs_onto_zeros_with_the_commands_that_its_installer_has() {
    for release in INSTALLERS {
        let site = testbed_of(release);
        let machine = Machine::installer(release);
        machine.disk("sda", BLOCKS, "pci0/ata1", &[("device/serial", "WD-1")]);
        for nic in &node(&site, "compute2").nics {
            machine.card(&format!("em{}", nic.name), &nic.mac.to_string());
        }
        machine.answers("permit", "200", &commands(&site, "sda", WipeScope::BlankDiskOnly));
        let run = machine.run(&script(&site));
        assert!(run.ok && run.said.is_empty(), "{release}: {}\n{}", run.console, run.said);
        assert!(run.calls.contains("serial.os=WD-1") && run.calls.contains("blank.os=yes found.os= "), "{}", run.calls);
    }
}

/// What others leave on a disk: where, its bytes, and what it is called where that is known. Places that are counted from
/// the end are negative. From the documentation of each format.
const LEFTOVERS: [(i64, &[u8], &str); 38] = [
    (0, b"bluestore block device\n", "Ceph BlueStore"),
    (0, b"LUKS\xba\xbe\x00\x02", "a LUKS volume"),
    (0, b"XFSB", "an XFS file system"),
    (0, b"dmvdo001", "a VDO volume"),
    (0, b"hsqs", "data without a known signature at its beginning"),
    (3, b"NTFS    ", "an NTFS file system"),
    (510, b"\x55\xaa", "a boot record"),
    (512, b"EFI PART", "a GPT"),
    (512, b"LABELONE", "an LVM physical volume"),
    (516, b"!Stra0tis\x86\xff\x02^\x41rh", "a Stratis pool"),
    (1024, b"\x10\x20\xf5\xf2", "data without a known signature at its beginning"),
    (1080, b"\x53\xef", "an ext file system"),
    (4086, b"SWAPSPACE2", "swap space"),
    (4096, b"\xfc\x4e\x2b\xa9", "an md member"),
    (4096, b"EFI PART", "a GPT"),
    (4120, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "a bcache device"),
    (4120, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef", "a bcachefs file system"),
    (16_400, b"\x00name\x00\x00pool_guid", "a ZFS member"),
    (32_769, b"CD001", "an ISO 9660 file system"),
    (65_526, b"SWAPSPACE2", "swap space"),
    (65_536, b"\x01\x16\x19\x70", "a GFS file system"),
    (65_588, b"ReIsEr2Fs", "data without a known signature at its beginning"),
    (65_600, b"_BHRfS_M", "a Btrfs file system"),
    (278_550, b"pool_guid", "a ZFS member"),
    (1 << 20, b"\x0d\xd0\x01\xc0", "a VMFS volume"),
    (2 << 20, b"\x5e\xf1\xab\x2f", "a VMFS file system"),
    ((4 << 20) - 1, b"\x01", "data without a known signature at its beginning"),
    (-(2 << 20), b"\x01", "data without a known signature at its end"),
    (-(3087 * 512), b"Promise Technology, Inc.", "data without a known signature at its end"),
    (-524_288 + 16_500, b"pool_guid", "a ZFS member"),
    (-262_144 + 16_500, b"pool_guid", "a ZFS member"),
    (-65_536, b"\xfc\x4e\x2b\xa9", "an md member"),
    (-8192, b"\xfc\x4e\x2b\xa9", "an md member"),
    (-4096, b"\x83\x74\x02\x6b", "data without a known signature at its end"),
    (-1024, b"Intel Raid ISM Cfg Sig. 1.3.00", "a member of an Intel RAID"),
    (-512, b"EFI PART", "the backup of a GPT"),
    (-512, b"\xde\x11\xde\x11", "a DDF member"),
    (-1, b"\x01", "data without a known signature at its end"),
];

#[test]
fn whatever_others_left_at_either_end_is_found_with_the_tools_of_the_oldest_installer_and_of_the_newest() {
    for (release, step) in [("6.3", 1), ("10", 6)] {
        let site = testbed_of(release);
        let (script, answer) = (script(&site), commands(&site, "sda", WipeScope::BlankDiskOnly));
        for (place, bytes, name) in LEFTOVERS.into_iter().step_by(step) {
            let machine = Machine::installer(release);
            machine.disk("sda", BLOCKS, "pci0/ata1", &[]);
            // Neither helps: what they do not know is found all the same.
            for tool in ["blkid", "wipefs"].iter().filter(|tool| commands_of(release).contains(tool)) {
                machine.program(tool, "exit 2");
            }
            let place = if place < 0 { BLOCKS * 512 - place.unsigned_abs() } else { place.unsigned_abs() };
            machine.put("sda", place, bytes);
            machine.answers("permit", "200", &answer);
            let run = machine.run(&script);
            assert_refused(&machine, &run, &format!("the storage commands are for a blank disk, and sda holds {name}"));
            assert!(run.calls.contains(&format!("blank.os=no found.os={name} ")), "{release} {name}: {}", run.calls);
            assert!(!run.console.contains("reimage"), "{}", run.console);
            assert_eq!(machine.get("sda", place, bytes.len()), bytes);
        }
    }
}

#[test]
fn a_reimage_makes_blank_what_a_first_install_would_refuse() {
    for release in ["6.3", "10"] {
        let site = testbed_of(release);
        let (script, answer) = (script(&site), commands(&site, "sda", WipeScope::DestroyData));
        for (place, bytes, name) in LEFTOVERS.into_iter().step_by(5) {
            let machine = Machine::installer(release);
            machine.disk("sda", BLOCKS, "pci0/ata1", &[]);
            let place = if place < 0 { BLOCKS * 512 - place.unsigned_abs() } else { place.unsigned_abs() };
            machine.put("sda", place, bytes);
            machine.put("sda", 20 << 20, b"far inside");
            machine.answers("permit", "200", &answer);
            let run = machine.run(&script);
            assert!(run.ok && run.said.is_empty(), "{release} {name}: {}\n{}", run.console, run.said);
            assert_eq!(machine.get("sda", place, bytes.len()), vec![0; bytes.len()], "{release} {name}");
            assert_eq!(machine.get("sda", 20 << 20, 10), b"far inside");
        }
    }
}

#[test]
fn a_disk_of_which_a_piece_cannot_be_read_is_not_called_blank() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    machine.program("dd", "case \" $* \" in *\"/sda \"*skip=1*) exit 1 ;; esac\nexec dd \"$@\"");
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "sda holds blocks that cannot be read at its end");
}

#[test]
fn a_card_of_the_site_file_that_the_machine_lacks_is_told_before_the_permit_is_asked_for() {
    for release in INSTALLERS {
        let site = testbed_of(release);
        let nics = &node(&site, "compute2").nics;
        let machine = Machine::installer(release);
        machine.disk("sda", BLOCKS, "pci0/ata1", &[]);
        machine.card("em1", &nics[1].mac.to_string());
        machine.card("em2", "52:54:00:ff:ff:ff");
        machine.answers("permit", "200", &commands(&site, "sda", WipeScope::DestroyData));
        let run = machine.run(&script(&site));
        let missing = format!(
            "no card of this machine has the MAC {} of {} in the site file; it has em1 ({}), em2 (52:54:00:ff:ff:ff)",
            nics[0].mac, nics[0].name, nics[1].mac
        );
        assert!(!run.ok && run.console.contains(&missing), "{release}: {}", run.console);
        assert!(!run.calls.contains("curl permit") && run.calls.contains("event=refused"), "{}", run.calls);
    }
}

#[test]
fn a_hidden_path_of_an_nvme_drive_is_no_disk() {
    let mut site = testbed();
    let rule = site.nodes[0].os_disk_mut();
    (rule.name, rule.serial) = (None, Some("S64".into()));
    let machine = Machine::installer("9");
    let same = [("wwid", "eui.36"), ("serial", "S64")];
    machine.disk("nvme0c0n1", BLOCKS, "pci0/nvme/nvme0", &[same[0], same[1], ("hidden", "1")]);
    std::fs::remove_file(machine.path("root/dev/nvme0c0n1")).unwrap();
    machine.disk("nvme0n1", BLOCKS, "virtual/nvme-subsystem/nvme-subsys0", &[same[0], same[1], ("hidden", "0")]);
    machine.answers("permit", "200", &commands(&site, "nvme0n1", WipeScope::BlankDiskOnly));
    let run = machine.run(&script(&site));
    assert!(run.ok && run.calls.contains("disk.os=nvme0n1") && run.calls.contains("paths.os=1"), "{}", run.console);
}

#[test]
fn a_refusal_by_the_server_is_shown_and_nothing_is_touched() {
    let site = testbed();
    for (status, body) in [("409", "the node is ready, not armed"), ("410", "the wipe permit is spent")] {
        let machine = machine_with_sda(&site);
        machine.answers("permit", status, body);
        let run = machine.run(&script(&site));
        assert_refused(&machine, &run, body);
        assert_eq!(run.calls.matches("curl permit").count(), 1, "{}", run.calls);
    }
}

#[test]
fn a_server_that_is_away_for_a_moment_costs_nothing() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    machine.answers_once("permit", "000", "");
    machine.answers_once("report", "000", "");
    let run = machine.run(&script(&site));
    assert!(run.ok && machine.storage().is_some(), "{}\n{}", run.console, run.said);
    assert_eq!(run.calls.matches("curl permit").count(), 2, "{}", run.calls);
    assert_eq!(run.calls.matches("event=pre-started seq=1 ").count(), 2, "the same report twice, with one number");
}

#[test]
fn a_server_that_stays_away_ends_in_a_refusal() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    machine.answers("permit", "000", "");
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "the server gave no permit for 900 seconds: no answer from the server");
    assert_eq!(run.calls.matches("curl permit").count(), 181, "{}", run.calls);
}

#[test]
fn a_server_that_cannot_answer_now_is_asked_again_and_its_reason_is_shown() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    machine.answers_once("permit", "503", "the disk of the server is full");
    let run = machine.run(&script(&site));
    assert!(run.ok && machine.storage().is_some(), "{}\n{}", run.console, run.said);
    let line = "the server gives no permit yet (HTTP 503): the disk of the server is full; asking again";
    assert!(run.console.contains(line), "{}", run.console);
}

/// The clock of the machine goes on by so many seconds with every request.
fn slow_server(machine: &Machine, seconds: u32) {
    machine.write("root/proc/uptime", "100.00 90.00\n");
    let slow = format!(
        "read -r now _ <\"$MACHINE/root/proc/uptime\"\n\
         echo \"$((${{now%%.*}} + {seconds})).25 90.00\" >\"$MACHINE/root/proc/uptime\"\n{CURL}"
    );
    machine.program("curl", &slow);
}

#[test]
fn a_server_that_hangs_is_given_up_by_the_clock() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    slow_server(&machine, 30);
    machine.answers("permit", "000", "");
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "the server gave no permit for 900 seconds: no answer from the server");
    assert_eq!(run.calls.matches("curl permit").count(), 30, "{}", run.calls);
}

#[test]
fn a_disk_that_does_not_answer_is_never_called_blank() {
    let site = testbed();
    for (tool, word) in [("wipefs", "-p"), ("dd", "bs=512"), ("lvm", "pvs")] {
        let machine = machine_with_sda(&site);
        machine.write("root/proc/uptime", "100.00 90.00\n");
        // Each look at it takes a minute of the machine's time, and long enough for a program that does answer.
        let minute = "/bin/sleep 0.7\n\
                      read -r now _ <\"$MACHINE/root/proc/uptime\"\n\
                      echo \"$((${now%%.*} + 60)).25 90.00\" >\"$MACHINE/root/proc/uptime\"";
        machine.program("sleep", minute);
        machine.program(
            tool,
            &format!("case \" $* \" in *\" {word} \"*) exec /bin/sleep 600 ;; esac\nexec {tool} \"$@\""),
        );
        let run = machine.run(&script(&site));
        assert_refused(&machine, &run, &format!("a disk does not answer: {tool} took longer than 120 seconds"));
        assert!(!run.calls.contains("curl permit"), "{}", run.calls);
    }
}

#[test]
fn an_answer_that_is_cut_or_for_another_disk_is_never_used() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    let whole = commands(&site, "sda", WipeScope::BlankDiskOnly);
    machine.answers_once("permit", "200", &whole[..whole.len() - 40]);
    let run = machine.run(&script(&site));
    assert!(run.ok && machine.storage().as_deref() == Some(&whole), "{}", run.console);
    machine.answers("permit", "200", &commands(&site, "sdb", WipeScope::DestroyData));
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "the storage commands are not for the disk sda");
}

#[test]
fn a_reimage_erases_the_old_signatures_of_the_chosen_disk_only() {
    let mut site = testbed();
    site.nodes[0].os_disk_mut().name = Some("nvme0n1".into());
    let machine = Machine::installer("6.10");
    machine.disk("nvme0n1", BLOCKS, "pci0/nvme0", &[]);
    machine.disk("nvme0n10", BLOCKS - 8, "pci0/nvme1", &[]);
    for part in ["nvme0n1p1", "nvme0n1p2"] {
        machine.write(&format!("root/sys/block/nvme0n1/{part}/partition"), "1\n");
    }
    machine.put("nvme0n1", 510, b"\x55\xaa");
    machine.put("nvme0n1", BLOCKS * 512 - 8, b"EFI PART");
    machine.put("nvme0n1", 8 << 20, b"old data");
    machine.put("nvme0n10", 510, b"\x55\xaa");
    machine.write("pvs", "  /dev/nvme0n1p2|vg_base\n  /dev/nvme0n10p1|vg_other\n");
    machine.answers("permit", "200", &commands(&site, "nvme0n1", WipeScope::DestroyData));
    let run = machine.run(&script(&site));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    assert!(run.calls.contains("] } vg_base\n") && !run.calls.contains("vg_other"), "{}", run.calls);
    let device = machine.path("root/dev").display().to_string();
    let wiped: Vec<&str> = run.calls.lines().filter_map(|line| line.strip_prefix("wipefs -a ")).collect();
    let expected = ["nvme0n1p1", "nvme0n1p2", "nvme0n1"].map(|name| format!("{device}/{name}"));
    assert_eq!(wiped, expected);
    let permit = run.calls.find("curl permit").unwrap();
    assert!(run.calls.find("wipefs -a").unwrap() > permit, "{}", run.calls);
    assert_eq!(machine.get("nvme0n1", 510, 2), [0, 0]);
    assert_eq!(machine.get("nvme0n1", BLOCKS * 512 - 8, 8), [0; 8]);
    assert_eq!(machine.get("nvme0n10", 510, 2), b"\x55\xaa");
}

#[test]
fn a_wanted_volume_group_on_another_disk_is_refused() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    machine.write("pvs", "  /dev/sdaa1|vg_base\n");
    let run = machine.run(&script(&site));
    assert_refused(&machine, &run, "/dev/sdaa1 already holds a volume group named vg_base");
    assert!(!run.calls.contains("curl permit"), "{}", run.calls);
    machine.write("pvs", "  /dev/sdb1|vg_mine\n  /dev/sdb2|\n");
    assert!(machine.run(&script(&site)).ok);
}

#[test]
fn a_script_that_dies_refuses_on_its_way_out() {
    let site = testbed();
    let machine = machine_with_sda(&site);
    let broken = script(&site).replace("\nfind_foreign_groups\n", "\n: \"$no_such_name\"\nfind_foreign_groups\n");
    let run = machine.run(&broken);
    assert!(!run.ok && machine.storage().is_none(), "{}", run.console);
    assert!(run.console.contains("the disk check itself ended early"), "{}", run.console);
}

/// A machine with one disk that is attached in a way that must be named, and a site whose rule says only the size.
fn any_disk(bus: &str, attributes: &[(&str, &str)]) -> (Site, Machine) {
    let mut site = testbed();
    site.nodes[0].os_disk_mut().name = None;
    let machine = Machine::installer("6.10");
    machine.disk("sda", BLOCKS, bus, attributes);
    machine.answers("permit", "200", &commands(&site, "sda", WipeScope::BlankDiskOnly));
    (site, machine)
}

#[test]
fn a_disk_behind_a_cable_or_a_network_is_used_only_when_its_bus_is_named() {
    for (path, bus, word) in [
        ("pci0/usb1/1-1", DiskBus::Usb, "on USB"),
        ("pci0/host1/rport-1:0-0/target1", DiskBus::Fc, "on fc"),
        ("platform/host2/session1/target2", DiskBus::Iscsi, "on iscsi"),
    ] {
        let (mut site, machine) = any_disk(path, &[]);
        let run = machine.run(&script(&site));
        assert_refused(&machine, &run, word);
        site.nodes[0].os_disk_mut().bus = Some(bus);
        let run = machine.run(&script(&site));
        assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
        assert!(run.calls.contains(&format!("bus.os={bus}")), "{}", run.calls);
    }
}

#[test]
fn virtual_media_and_paths_of_a_multipath_device_are_refused() {
    let media = [("device/vendor", "iDRAC"), ("device/model", "Virtual HDisk")];
    let (site, machine) = any_disk("pci0/host0", &media);
    assert_refused(&machine, &machine.run(&script(&site)), "virtual media");
    let (site, machine) = any_disk("pci0/host0/end_device-0", &[("wwid", "naa.5000c500a1b2c3d4")]);
    machine.disk("sdb", BLOCKS - 8, "pci0/host1/end_device-1", &[("wwid", "naa.5000c500a1b2c3d4")]);
    assert_refused(&machine, &machine.run(&script(&site)), "one of several paths to the same disk");
}

#[test]
fn a_path_of_a_multipath_device_is_refused_unless_its_name_is_given() {
    let (mut site, machine) = any_disk("pci0/host1/rport-1:0-0/target1", &[]);
    site.nodes[0].os_disk_mut().bus = Some(DiskBus::Fc);
    machine.write("root/sys/block/sda/holders/dm-0/dev", "");
    machine.write("root/sys/block/dm-0/dm/uuid", "mpath-35000c500a1b2c3d4\n");
    assert_refused(&machine, &machine.run(&script(&site)), "a path of a multipath device");
    site.nodes[0].os_disk_mut().name = Some("sda".into());
    let run = machine.run(&script(&site));
    // It is taken for the disk, and what holds it is told: only a reimage that may destroy data goes on.
    assert!(run.calls.contains("disk.os=sda") && run.calls.contains("in use by dm-0"), "{}", run.calls);
}

#[test]
fn a_file_of_sys_that_cannot_be_read_says_nothing() {
    let (site, machine) = any_disk("pci0/host1/end_device-1", &[]);
    // Reading a directory fails after opening it, as some files of a card without a link do.
    std::fs::create_dir_all(machine.path("root/sys/block/sda/device/wwid")).unwrap();
    let run = machine.run(&script(&site));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
}

#[test]
fn model_bus_id_and_size_range_choose_among_disks() {
    let changes: [fn(&mut DiskRule); 4] = [
        |rule| rule.model = Some("FAST DISK".into()),
        |rule| rule.bus = Some(DiskBus::Sas),
        |rule| rule.by_id = Some("scsi-35000".into()),
        |rule| (rule.min_bytes, rule.max_bytes) = (Some(0), Some(1 << 40)),
    ];
    for change in changes {
        let mut site = testbed();
        let rule = site.nodes[0].os_disk_mut();
        rule.name = None;
        change(rule);
        let larger = if rule.has_range() { BLOCKS + 4096 } else { BLOCKS };
        let smaller = if rule.has_range() { BLOCKS - 4096 } else { BLOCKS };
        let machine = Machine::installer("6.10");
        machine.disk("sda", smaller, "pci0/ata1", &[("device/model", "SLOW DISK"), ("device/vendor", "ATA")]);
        machine.disk("sdb", larger, "pci0/host1/end_device-1", &[("device/model", "FAST DISK  ")]);
        std::fs::create_dir_all(machine.path("root/dev/disk/by-id")).unwrap();
        std::os::unix::fs::symlink("../../sdb", machine.path("root/dev/disk/by-id/scsi-35000")).unwrap();
        machine.answers("permit", "200", &commands(&site, "sdb", WipeScope::BlankDiskOnly));
        let run = machine.run(&script(&site));
        assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
        assert!(run.calls.contains(&format!("disk.os=sdb sectors.os={larger}")), "{}", run.calls);
    }
}

#[test]
fn a_disk_on_which_the_installer_would_align_otherwise_is_refused_unless_pre_makes_the_table() {
    let odd: [&[(&str, &str)]; 2] = [&[("queue/optimal_io_size", "4194304")], &[("alignment_offset", "3584")]];
    for attributes in odd {
        let (mut site, machine) = any_disk("pci0/host1/end_device-1", attributes);
        assert_refused(&machine, &machine.run(&script(&site)), "write prepared = true in the layout");
        site.nodes[0].layout.prepared = true;
        let run = machine.run(&script(&site));
        assert!(run.said.is_empty() && run.calls.contains("curl permit"), "{}\n{}", run.console, run.said);
    }
    for step in ["0", "262144", "1048576"] {
        let (site, machine) = any_disk("pci0/host1/end_device-1", &[("queue/optimal_io_size", step)]);
        assert!(machine.run(&script(&site)).ok, "{step}");
    }
}

#[test]
fn the_only_disk_is_refused_when_there_is_another_of_any_size() {
    let (mut site, machine) = any_disk("pci0/ata1", &[]);
    site.nodes[0].os_disk_mut().only = true;
    assert!(machine.run(&script(&site)).ok);
    machine.disk("sdb", BLOCKS - 8, "pci0/ata2", &[]);
    assert_refused(&machine, &machine.run(&script(&site)), "2 disks could be the disk of os");
}

#[test]
fn two_slots_that_choose_the_same_disk_are_refused_and_two_disks_are_told_apart() {
    let mut site = testbed();
    let size = site.nodes[0].os_disk().sectors;
    let by = |serial: &str| DiskRule { serial: Some(serial.into()), ..DiskRule::of(size, 512) };
    site.nodes[0].disks = vec![DiskSlot::os(by("A")), DiskSlot { slot: "brick".into(), rule: by("A") }];
    site.nodes[0].layout.partitions[2].disk = Some("brick".into());
    let machine = Machine::installer("6.10");
    machine.disk("sda", BLOCKS, "pci0/ata1", &[("device/serial", "A")]);
    machine.disk("sdb", BLOCKS, "pci0/ata2", &[("device/serial", "B")]);
    assert_refused(&machine, &machine.run(&script(&site)), "choose the same disk, sda");
    site.nodes[0].disks[1].rule = by("B");
    let node = &site.nodes[0];
    let disks = [("os", "sda"), ("brick", "sdb")].map(|(slot, disk)| (slot.to_string(), disk.to_string())).into();
    let renderer = Renderer::new().unwrap();
    let answer = renderer.storage_section(node, &plan(node).unwrap(), &disks, WipeScope::BlankDiskOnly).unwrap();
    machine.answers("permit", "200", &answer);
    let run = machine.run(&script(&site));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    assert_eq!(machine.storage().unwrap(), answer);
}

const IDENTITIES: [&str; 3] = ["vg vg_gluster V-1", "pv vg_gluster P-1", "lv vg_gluster/lv_gluster L-1"];

#[test]
fn a_reimage_that_keeps_the_brick_erases_nothing_and_refuses_any_other_brick() {
    let mut site = testbed();
    site.nodes[0].keep = vec!["vg_gluster".into()];
    let lvm = "case $* in\n*' vg_uuid '*) echo '  V-1 ' ;;\n*'vg_name,pv_uuid') echo '  vg_gluster|P-1'; echo '  x|P-2' ;;\n\
               *' lv_uuid '*) echo '  L-1 ' ;;\nesac";
    let node = &site.nodes[0];
    for (other, ok) in [("P-1", true), ("P-9", false)] {
        let machine = machine_with_sda(&site);
        machine.program("lvm", lvm);
        machine.put("sda", 510, b"\x55\xaa");
        let identities = IDENTITIES.map(|line| line.replace("P-1", other));
        let scope = WipeScope::KeepVolumeGroups;
        let renderer = Renderer::new().unwrap();
        let plan = plan(node).unwrap();
        let answer = renderer.storage_section_keeping(node, &plan, &on("sda"), scope, &identities).unwrap();
        machine.answers("permit", "200", &answer);
        let run = machine.run(&script(&site));
        let told = format!("identities={}", IDENTITIES.join(" "));
        assert!(run.calls.contains(&told), "{}", run.calls);
        match ok {
            true => assert!(run.ok && machine.storage().as_ref() == Some(&answer), "{}\n{}", run.console, run.said),
            false => assert_refused(&machine, &run, "what is to be kept is not here: pv vg_gluster P-9"),
        }
        assert!(!run.calls.contains("wipefs -a"), "{}", run.calls);
        assert_eq!(machine.get("sda", 510, 2), b"\x55\xaa");
    }
}

/// Stands for parted: the kernel sees each partition at once, except that the last one is wrong when $SHORT is asked for.
const PARTED: &str = r##"
case $* in *" mkpart "*) ;; *) exit 0 ;; esac
entry=$MACHINE/root/sys/block/${4##*/}
number=$(($(ls -d "$entry"/sda[0-9]* 2>/dev/null | wc -l) + 1))
mkdir -p "$entry/sda$number"
echo "$number" >"$entry/sda$number/partition"
echo "$9" >"$entry/sda$number/start"
size=$((${10} - $9 + 1))
[ ! -e "$MACHINE/short" ] || size=$((size - 1))
echo "$size" >"$entry/sda$number/size"
"##;

#[test]
fn a_table_that_no_flags_lead_to_is_made_after_the_permit_and_looked_at() {
    for release in ["6.3", "6.10"] {
        makes_the_table(release);
    }
}

fn makes_the_table(release: &str) {
    let mut site = site(release, "bios");
    site.nodes.retain(|node| node.name.as_str() == "controller");
    site.nodes[0].layout.extended = Some(rackstart::site::Mib(28792));
    let node = &site.nodes[0];
    let renderer = Renderer::new().unwrap();
    let answer = renderer.storage_section(node, &plan(node).unwrap(), &on("sda"), WipeScope::BlankDiskOnly).unwrap();
    let served = renderer.kickstart(&site, node, &token()).unwrap();
    let script = body(&served, "%pre");
    for short in [false, true] {
        let machine = Machine::installer(release);
        machine.disk("sda", node.os_disk().sectors, "pci0/ata1", &[]);
        machine.program("parted", PARTED);
        machine.answers("permit", "200", &answer);
        machine.answers_once("permit", "200", &answer.replace("# rackstart: end of preparation\n", ""));
        if short {
            machine.write("short", "");
        }
        let run = machine.run(&script);
        assert!(run.calls.find("curl permit").unwrap() < run.calls.find("parted").unwrap(), "{}", run.calls);
        assert_eq!(run.calls.matches("curl permit").count(), 2, "half an answer is never run");
        if short {
            assert!(!run.ok && machine.storage().is_none(), "{}", run.console);
            assert!(run.console.contains("THE CHOSEN DISKS MAY HAVE BEEN CHANGED"), "{}", run.console);
            assert!(run.calls.contains("event=install-failed") && run.calls.contains("sda1 has"), "{}", run.calls);
            continue;
        }
        assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
        assert!(run.calls.contains("mkpart extended 97282048 156248063\n"), "{}", run.calls);
        let storage = machine.storage().unwrap();
        assert!(
            storage.contains("\nclearpart --none\n") && storage.contains("part pv.03 --onpart=sda5\n"),
            "{storage}"
        );
        assert!(!storage.contains("make_partition") && !storage.contains("preparation"), "{storage}");
    }
}
