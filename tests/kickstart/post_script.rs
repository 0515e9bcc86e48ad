//! The last part of the kickstart, run on a fake machine.

use std::os::unix::fs::PermissionsExt;

use rackstart::render::Renderer;
use rackstart::site::Site;

use crate::machine::{CURL, Machine};
use crate::variants::{body, node, site, token};

fn script(site: &Site, name: &str) -> String {
    let served = Renderer::new().unwrap().kickstart(site, node(site, name), &token()).unwrap();
    body(&served, "%post --interpreter")
}

/// A payload whose only file is `install`.
pub fn payload(machine: &Machine, install: &str) {
    machine.write("payload/install", format!("#!/bin/bash\necho \"install\" >>\"$MACHINE/calls\"\n{install}\n"));
    std::fs::set_permissions(machine.path("payload/install"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let status = std::process::Command::new("tar")
        .args([
            "-C",
            machine.path("payload").to_str().unwrap(),
            "-cf",
            machine.path("tar").to_str().unwrap(),
            "install",
        ])
        .status();
    assert!(status.unwrap().success());
    let tar = std::fs::read(machine.path("tar")).unwrap();
    machine.write("answer.firstboot", [b"200\n", tar.as_slice()].concat());
}

#[test]
fn the_payload_is_unpacked_and_installed_and_the_end_is_told() {
    let site = site("6.10", "bios");
    let machine = Machine::new();
    payload(&machine, "");
    machine.answers_once("firstboot", "000", "");
    machine.answers_once("report", "000", "");
    let copy = format!("# {}\n", token().reveal());
    machine.write("root/root/anaconda-ks.cfg", &copy);
    machine.write("root/var/log/anaconda.log", &copy);
    machine.write("root/var/log/rackstart/post.log", "one\ntwo\n");
    let run = machine.run(&script(&site, "compute2"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    let reports: Vec<&str> = run.calls.lines().filter(|line| line.starts_with("curl report")).collect();
    assert!(reports[0].starts_with("curl report event=post-started seq=101 "), "{reports:?}");
    assert!(reports.last().unwrap().starts_with("curl report event=installed seq=102 "), "{reports:?}");
    assert!(reports.last().unwrap().contains("detail=2 lines, 8 bytes in post.log"), "{reports:?}");
    assert!(run.calls.contains("\ninstall\n"), "{}", run.calls);
    assert!(!machine.path("root/root/anaconda-ks.cfg").exists());
    assert_eq!(std::fs::read_to_string(machine.path("root/var/log/anaconda.log")).unwrap(), "# TOKEN\n");
    let mode = std::fs::metadata(machine.path("root/usr/lib/rackstart")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_payload_that_fails_to_install_is_reported_with_the_last_lines_of_the_log() {
    let site = site("6.10", "bios");
    let machine = Machine::new();
    payload(&machine, "exit 3");
    machine.write("root/var/log/rackstart/post.log", format!("{}\nchkconfig: no such service\n", token().reveal()));
    let run = machine.run(&script(&site, "compute2"));
    assert!(!run.ok, "{}", run.console);
    let expected = "event=install-failed seq=102 detail=the firstboot payload cannot be installed TOKEN chkconfig: no such service";
    assert!(run.calls.contains(expected), "{}", run.calls);
    assert!(!run.calls.contains("event=installed"), "{}", run.calls);
}

#[test]
fn a_payload_that_is_refused_is_reported_at_once() {
    let site = site("6.10", "bios");
    let machine = Machine::new();
    machine.answers("firstboot", "410", "this attempt is over");
    let run = machine.run(&script(&site, "compute2"));
    assert!(!run.ok);
    assert!(run.calls.contains("event=install-failed") && run.calls.contains("this attempt is over"), "{}", run.calls);
}

#[test]
fn a_server_that_hangs_is_given_up_by_the_clock() {
    let site = site("6.10", "bios");
    let machine = Machine::new();
    machine.write("root/proc/uptime", "100.00 90.00\n");
    let slow = "read -r now _ <\"$MACHINE/root/proc/uptime\"\n\
                echo \"$((${now%%.*} + 30)).25 90.00\" >\"$MACHINE/root/proc/uptime\"\n";
    machine.program("curl", &format!("{slow}{CURL}"));
    machine.answers("firstboot", "000", "");
    machine.answers("report", "000", "");
    let run = machine.run(&script(&site, "compute2"));
    assert!(!run.ok && run.console.contains("the server did not send the firstboot payload"), "{}", run.console);
    let asked = |what: &str| run.calls.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((asked("curl firstboot"), asked("curl report event=install-failed")), (30, 30), "{}", run.calls);
}

#[test]
fn the_lost_dash_of_nova_volumes_is_put_back_on_late_el6() {
    let machine = Machine::new();
    payload(&machine, "");
    let run = machine.run(&script(&site("6.10", "bios"), "controller"));
    assert!(run.ok, "{}", run.console);
    assert!(run.calls.contains("lvm vgs novavolumes\nlvm vgrename novavolumes nova-volumes\nlvm vgs nova-volumes\n"));
    assert!(!script(&site("6.3", "bios"), "controller").contains("vgrename"));
    machine
        .program("lvm", "[ \"$1 $2\" != 'vgs novavolumes' ] || exit 5; [ \"$1 $2\" != 'vgs nova-volumes' ] || exit 5");
    let run = machine.run(&script(&site("6.10", "bios"), "controller"));
    assert!(!run.ok && run.calls.contains("the volume group nova-volumes is missing"), "{}", run.calls);
}

#[test]
fn keys_reach_the_installed_system_byte_for_byte() {
    let mut site = site("6.10", "bios");
    let keys = ["ssh-ed25519 AAAAC3 it's #1 $(reboot) `id` \"x\" \\n", "ssh-rsa AAAAB3 %end"];
    site.access.ssh_keys = keys.map(String::from).to_vec();
    let machine = Machine::new();
    payload(&machine, "");
    // A key that begins with a per cent sign is refused; one that only holds it is not.
    let run = machine.run(&script(&site, "compute2"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    let file = machine.path("root/root/.ssh/authorized_keys");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), keys.map(|key| format!("{key}\n")).concat());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(run.calls.contains("restorecon -R"), "{}", run.calls);
}

#[test]
fn the_efi_system_partition_gets_the_label_that_the_local_boot_looks_for() {
    let site = site("9", "uefi");
    let machine = Machine::new();
    payload(&machine, "");
    machine.write("root/proc/mounts", "/dev/sda3 / ext4 rw 0 0\n/dev/sda1 /boot/efi vfat rw 0 0\n");
    machine.program("blkid", "echo OLD");
    machine.program("fatlabel", "");
    let run = machine.run(&script(&site, "compute2"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    assert!(run.calls.contains("fatlabel /dev/sda1 RACKSTART\n"), "{}", run.calls);
}

/// The node with its system on a mirror of two disks.
fn mirrored(release: &str, firmware: &str) -> rackstart::site::Site {
    let mut site = site(release, firmware);
    let mut nodes: Vec<_> = site.nodes.iter().cloned().collect();
    let node = nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap();
    let mut twin = node.disks[0].clone();
    twin.slot = "twin".into();
    node.disks.push(twin);
    node.layout.mirror = Some(("os".into(), "twin".into()));
    for partition in &mut node.layout.partitions {
        partition.size = rackstart::site::SizeSpec::Exact(partition.size.minimum());
    }
    for volume in node.layout.volume_groups.iter_mut().flat_map(|group| &mut group.logical_volumes) {
        volume.size = rackstart::site::SizeSpec::Grow(rackstart::site::Mib(1000));
    }
    site.nodes = nodes.into();
    site
}

#[test]
fn either_half_of_a_mirrored_efi_system_partition_is_one_to_the_firmware_and_its_entries_are_told() {
    let machine = Machine::new();
    payload(&machine, "");
    for (disk, half) in [("sda", "sda1"), ("nvme0n1", "nvme0n1p1"), ("cciss!c0d0", "cciss!c0d0p1")] {
        machine.write(&format!("root/sys/devices/{disk}/{half}/partition"), "1\n");
        machine.link(&format!("root/sys/block/md127/slaves/{half}"), &format!("../../../devices/{disk}/{half}"));
    }
    machine.disk("sda", 131_072, "pci0/ata1", &[]);
    machine.put("sda", 380, b"GRUB \x00Geom");
    machine.write("root/proc/mounts", "/dev/md127 /boot/efi vfat rw 0 0\n");
    for (uuid, half) in [("AAAA-1", "sda1"), ("bbbb-2", "nvme0n1p1"), ("cccc-3", "sdz1")] {
        machine.link(&format!("root/dev/disk/by-partuuid/{uuid}"), &format!("../../{half}"));
    }
    machine.program("blkid", "echo RACKSTART");
    machine.program("parted", "");
    machine.program(
        "efibootmgr",
        "echo 'Boot0001* Linux HD(1,GPT,aaaa-1,0x800)/File(x)'; echo 'Boot0002* Linux HD(1,800,1,BBBB-2)'",
    );
    let run = machine.run(&script(&mirrored("9", "uefi"), "compute2"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    for disk in ["sda", "nvme0n1", "cciss/c0d0"] {
        assert!(run.calls.contains(&format!("parted -s /dev/{disk} set 1 boot on\n")), "{}", run.calls);
    }
    let facts = std::fs::read_to_string(machine.path("facts")).unwrap();
    let loaders: Vec<&str> = facts.lines().filter(|line| line.starts_with("loader ")).collect();
    assert_eq!(loaders, ["loader sda mbr", "loader sda1 entry", "loader nvme0n1p1 entry"]);
    let facts = rackstart::plan::Facts::parse(&facts).unwrap();
    assert_eq!(facts.loaders.unwrap().len(), 3);
    assert!(!script(&mirrored("9", "bios"), "compute2").contains("boot on"));
    assert!(!script(&site("9", "uefi"), "compute2").contains("boot on"));
}

#[test]
fn an_installer_that_gives_up_tells_its_last_words_without_the_secret() {
    for (release, opening) in [("6.10", "%traceback"), ("7.3", "%traceback"), ("7.4", "%onerror"), ("9", "%onerror")] {
        let site = site(release, "bios");
        let served = Renderer::new().unwrap().kickstart(&site, node(&site, "compute2"), &token()).unwrap();
        let machine = Machine::new();
        machine.write("root/tmp/anaconda.log", format!("ks={}\nnew lv is too large\n", token().reveal()));
        let run = machine.run(&body(&served, opening));
        assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
        let expected = "event=install-failed seq=201 detail=the installer stopped: ks=TOKEN new lv is too large";
        assert!(run.calls.contains(expected), "{}", run.calls);
    }
}

#[test]
fn cards_keep_the_names_of_the_site_file_on_el6_even_when_the_installer_swapped_them() {
    let site = site("6.10", "bios");
    let nics = &node(&site, "compute2").nics;
    let machine = Machine::new();
    payload(&machine, "");
    let folder = "root/etc/sysconfig/network-scripts";
    for (nic, wrong) in nics.iter().zip(["eth1", "eth0"]) {
        let mac = nic.mac.to_string().to_uppercase();
        machine.write(&format!("{folder}/ifcfg-{wrong}"), format!("DEVICE=\"{wrong}\"\nHWADDR={mac}\nONBOOT=yes\n"));
    }
    machine.write("root/etc/udev/rules.d/70-persistent-net.rules", "old\n");
    let run = machine.run(&script(&site, "compute2"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    let read = |path: &str| std::fs::read_to_string(machine.path(path)).unwrap();
    let rules = read("root/etc/udev/rules.d/70-persistent-net.rules");
    for nic in nics {
        let text = read(&format!("{folder}/ifcfg-{}", nic.name));
        let mac = nic.mac.to_string();
        assert_eq!(text, format!("DEVICE=\"{}\"\nHWADDR={}\nONBOOT=yes\n", nic.name, mac.to_uppercase()));
        assert!(rules.contains(&format!("ATTR{{address}}==\"{mac}\", ATTR{{type}}==\"1\", NAME=\"{}\"", nic.name)));
    }
    assert_eq!(rules.lines().count(), nics.len());
}

#[test]
fn a_name_of_the_operators_own_is_bound_to_its_card_from_el7_on_and_ethx_is_left_to_the_kernel() {
    let mut site = site("9", "bios");
    let index = site.nodes.iter().position(|node| node.name.as_str() == "compute2").unwrap();
    site.nodes[index].nics[1].name = "lan0".into();
    let machine = Machine::new();
    payload(&machine, "");
    let run = machine.run(&script(&site, "compute2"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    let folder = machine.path("root/etc/systemd/network");
    let text = std::fs::read_to_string(folder.join("70-rackstart-lan0.link")).unwrap();
    assert_eq!(text, format!("[Match]\nMACAddress={}\n\n[Link]\nName=lan0\n", site.nodes[index].nics[1].mac));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn what_is_on_the_disks_is_told_and_a_system_that_is_not_as_planned_gets_no_firstboot() {
    let site = site("6.10", "bios");
    let lvm = "case $* in\npvs*) echo '  /dev/sda2 vg_base P-1 '; echo '  /dev/sda9 P-2' ;;\n\
               vgs*--units*) echo '  vg_base V-1 8192 5249 0' ;;\nlvs*) echo '  vg_base lv_root L-1 20480000'; echo '  vg_base lv_swap L-2 8192' ;;\nesac";
    for refused in [false, true] {
        let machine = Machine::new();
        payload(&machine, "");
        machine.disk("sda", 131_072, "pci0/ata1", &[]);
        machine.disk("sr0", 131_072, "pci0/ata1", &[]);
        machine.put("sda", 510, b"\x55\xaa");
        for (file, text) in [("partition", "2\n"), ("start", "2048\n"), ("size", "4096\n")] {
            machine.write(&format!("root/sys/block/sda/sda2/{file}"), text);
        }
        machine.write("root/sys/block/dm-0/dm/name", "vg_base-lv_root\n");
        machine.write("root/dev/vg_base/lv_swap", format!("{}SWAPSPACE2", "-".repeat(4086)));
        machine.write("root/sys/block/md127/md/level", "raid1\n");
        machine.write("root/sys/block/dm-1/dm/uuid", "CRYPT-LUKS2-1-luks-1\n");
        machine.write("root/sys/block/dm-1/dm/name", "luks-1\n");
        machine.write("root/sys/block/dm-1/slaves/sda3", "");
        for member in ["sda2", "cciss!c0d0p2"] {
            machine.write(&format!("root/sys/block/md127/slaves/{member}"), "");
        }
        machine.write("root/proc/mounts", "rootfs / rootfs rw 0 0\n/dev/dm-0 / ext4 rw 0 0\nproc /proc proc rw 0 0\n");
        let fstab = "# made by Anaconda\n\nUUID=1 / ext4 noatime,nodev 1 1\n/dev/mapper/vg_base-lv_swap swap swap defaults 0 0\n";
        machine.write("root/etc/fstab", fstab);
        machine.program("lvm", lvm);
        if refused {
            machine.answers("facts", "409", "the disks are not as planned:\nvolume group vg_gluster is missing");
        }
        let run = machine.run(&script(&site, "compute2"));
        let facts = std::fs::read_to_string(machine.path("facts")).unwrap();
        let words: Vec<String> =
            facts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "label sda msdos",
            "partition sda 2 2048 4096",
            "pv /dev/sda2 vg_base P-1",
            "vg vg_base V-1 8192 5249 0",
            "lv vg_base lv_root L-1 20480000",
            "lv vg_base lv_swap L-2 8192",
            "swap vg_base lv_swap",
            "array md127 raid1 cciss/c0d0p2 sda2",
            "crypt luks-1 sda3",
            "mount /dev/mapper/vg_base-lv_root / ext4",
            "fstab / noatime,nodev",
            "fstab swap defaults",
            "end",
        ];
        assert_eq!(words, expected);
        rackstart::plan::Facts::parse(&facts).unwrap();
        assert_eq!(run.ok, !refused, "{}\n{}", run.console, run.said);
        assert_eq!(run.calls.contains("\ninstall\n"), !refused, "{}", run.calls);
        let failed = "event=install-failed seq=102 detail=the disks are not as planned: volume group vg_gluster";
        assert_eq!(run.calls.contains(failed), refused, "{}", run.calls);
    }
}
