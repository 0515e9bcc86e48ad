//! Every kickstart is read by the readers of its release: pykickstart's ksvalidator, bash, and for EL6 a stricter list
//! of our own, because ksvalidator lets pass what EL6's parser dies on.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rackstart::lifecycle::WipeScope;
use rackstart::plan::plan;
use rackstart::render::{Renderer, example_disks};
use rackstart::site::{DiskRule, DiskSlot, Mib, Node, Release, Site, SizeSpec, Tang, TangServer};

use crate::variants::{RELEASES, all, body, site, token, whole};

/// Where `make setup` puts pykickstart.
fn pykickstart() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/pykickstart");
    let program = folder.join("bin/ksvalidator");
    assert!(program.exists(), "{} is missing: `make setup` (or tests/kickstart/setup) installs it", program.display());
    folder
}

/// What ksvalidator says of these files, without the names of the files that it reads; nothing when all is well.
pub fn ksvalidator(syntax: &str, files: &[PathBuf]) -> String {
    let folder = pykickstart();
    let output = Command::new("python3")
        .arg(folder.join("bin/ksvalidator"))
        .args(["-v", syntax])
        .args(files)
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs");
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    let said: String = said
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Checking kickstart file "))
        .map(|line| format!("{line}\n"))
        .collect();
    if said.is_empty() && !output.status.success() { output.status.to_string() } else { said }
}

#[test]
fn ksvalidator_has_nothing_to_say_about_any_kickstart() {
    let folder = tempfile::tempdir().unwrap();
    let mut by_syntax: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (release, firmware, site, node) in all() {
        let file = folder.path().join(format!("{release}-{firmware}-{node}.ks"));
        std::fs::write(&file, whole(&site, &node)).unwrap();
        by_syntax.entry(release.parse::<Release>().unwrap().syntax()).or_default().push(file);
    }
    assert_eq!(by_syntax.len(), 5);
    for (syntax, files) in by_syntax {
        let said = ksvalidator(&syntax, &files);
        assert!(said.is_empty(), "{syntax}: {said}");
    }
}

/// A compute node with something unusual about its disks, if the planner of the release takes it.
fn unusual(release: &str, firmware: &str, kind: &str) -> Option<(Site, Node)> {
    let site = site(release, firmware);
    let mut node = site.node_by_name("compute2").unwrap().clone();
    let size = node.os_disk().sectors;
    match kind {
        "keep" => node.keep = vec!["vg_gluster".into()],
        "two" => {
            node.disks.push(DiskSlot { slot: "brick".into(), rule: DiskRule::of(size, 512) });
            node.layout.partitions.last_mut().unwrap().disk = Some("brick".into());
        }
        "encrypted" => {
            let last = node.layout.volume_groups.last_mut().unwrap();
            last.encrypted = true;
            last.logical_volumes[0].size = SizeSpec::Grow(Mib(400));
        }
        "tang" => {
            // The site file refuses it before.
            site.node_by_name("compute2").filter(|node| node.release.major >= 8)?;
            let server = |url: &str| TangServer { url: url.into(), thumbprint: "hXPjIt6drhveIPNCklUXPsIxTR_".into() };
            let servers = ["http://tang1.lan", "http://192.168.0.3:7500"].map(server).into();
            node = crate::tang::encrypted(&site, Tang { servers, threshold: 1 });
        }
        "mirror" => {
            node.disks.push(DiskSlot { slot: "os2".into(), rule: DiskRule::of(size, 512) });
            node.layout.mirror = Some(("os".into(), "os2".into()));
            node.layout.partitions[1].size = SizeSpec::Exact(Mib(21200)); // md keeps some of it
            node.layout.partitions.last_mut().unwrap().size = SizeSpec::Grow(Mib(1000));
            let last = node.layout.volume_groups.last_mut().unwrap();
            last.logical_volumes[0].size = SizeSpec::Grow(Mib(400));
        }
        _ => {
            node = site.node_by_name("controller").unwrap().clone();
            node.layout.extended = Some(Mib(28792));
        }
    }
    // An MBR has an extended partition, a GPT has none to prepare.
    let plan = plan(&node).ok().filter(|plan| kind != "prepared" || plan.os_disk().is_prepared());
    plan.map(|_| (site, node))
}

#[test]
fn ksvalidator_has_nothing_to_say_about_several_disks_mirrors_prepared_tables_and_kept_groups() {
    let folder = tempfile::tempdir().unwrap();
    let mut by_syntax: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let renderer = Renderer::new().unwrap();
    for release in RELEASES {
        for (firmware, kind) in [
            ("bios", "keep"),
            ("uefi", "keep"),
            ("bios", "two"),
            ("uefi", "two"),
            ("bios", "mirror"),
            ("uefi", "mirror"),
            ("bios", "encrypted"),
            ("bios", "tang"),
            ("uefi", "tang"),
            ("bios", "prepared"),
        ] {
            // EL6.3 wants members of a kept group, and pykickstart's RHEL6 is EL6.4 and later.
            let Some((site, node)) = unusual(release, firmware, kind).filter(|_| (release, kind) != ("6.3", "keep"))
            else {
                continue;
            };
            let disks = example_disks(&node, &plan(&node).unwrap());
            let scope = if kind == "keep" { WipeScope::KeepVolumeGroups } else { WipeScope::DestroyData };
            let text = renderer.kickstart_whole(&site, &node, &token(), &disks, scope).unwrap();
            let file = folder.path().join(format!("{release}-{firmware}-{kind}.ks"));
            std::fs::write(&file, &text).unwrap();
            *seen.entry(kind).or_default() += 1;
            by_syntax.entry(release.parse::<Release>().unwrap().syntax()).or_default().push(file);
            let word = match kind {
                "keep" => "logvol /export/gluster --vgname=vg_gluster --name=lv_gluster --noformat\n",
                "two" => "ignoredisk --only-use=sda,sdb\n",
                "mirror" => "raid /boot --device=md",
                "encrypted" if ["6.3", "6.10", "7"].contains(&release) => " --encrypted --passphrase=***\n",
                "encrypted" => " --encrypted --luks-version=luks2 --passphrase=***\n",
                "tang" => "\nclevis\nclevis-dracut\nclevis-luks\nclevis-systemd\n",
                _ => "part pv.03 --onpart=sda5\n",
            };
            assert!(text.contains(word), "{release} {firmware} {kind}: {text}");
            // Either disk of a mirror has what its firmware starts from.
            let second = match (kind, firmware, release) {
                ("mirror", "uefi", "7" | "8" | "9" | "10") => {
                    "raid /boot/efi --device=md0 --level=1 --fstype=efi --label=RACKSTART --fsoptions=\"defaults,uid=0,gid=0,\
                     umask=077,shortname=winnt\" raid.01 raid."
                }
                ("mirror", "bios", "10") => "part None --fstype=biosboot --size=1 --ondisk=sdb",
                _ => "",
            };
            assert!(text.contains(second), "{release} {firmware} {kind}: {text}");
        }
    }
    assert!(seen.len() == 6 && seen["tang"] == 6 && seen["keep"] >= 8 && seen["two"] >= 8, "{seen:?}");
    for (syntax, files) in by_syntax {
        let said = ksvalidator(&syntax, &files);
        assert!(said.is_empty(), "{syntax}: {said}");
    }
}

#[test]
fn el6_3_is_told_the_members_of_a_group_that_it_finds_and_later_ones_are_not() {
    let (_, node) = unusual("6.3", "bios", "keep").unwrap();
    let section = |node: &Node| {
        let plan = plan(node).unwrap();
        let disks = example_disks(node, &plan);
        Renderer::new().unwrap().storage_section(node, &plan, &disks, WipeScope::KeepVolumeGroups).unwrap()
    };
    assert!(section(&node).contains("\nvolgroup vg_gluster --useexisting pv.02\n"), "{}", section(&node));
    let (_, node) = unusual("6.10", "bios", "keep").unwrap();
    assert!(section(&node).contains("\nvolgroup vg_gluster --useexisting --noformat\n"), "{}", section(&node));
}

#[test]
fn ksvalidator_sees_a_fault_when_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kickstart.ks");
    std::fs::write(&file, "lang en_US\nclearprt --all\n").unwrap();
    assert!(ksvalidator("RHEL6", &[file]).contains("clearprt"));
}

/// How the scripts of a release begin.
fn scripts(release: &str) -> [&'static str; 4] {
    let failed = if ["7", "8", "9", "10"].contains(&release) { "%onerror" } else { "%traceback" };
    ["%pre", failed, "%post --nochroot", "%post --interpreter"]
}

#[test]
fn our_own_stricter_table_has_nothing_to_say_about_any_kickstart() {
    for (release, firmware, site, node) in all() {
        let complaints = rackstart::grammar::check(release.parse().unwrap(), &whole(&site, &node));
        assert_eq!(complaints, [], "{release} {firmware} {node}");
    }
}

#[test]
fn every_wipe_names_its_disk() {
    for (.., site, node) in all() {
        let kickstart = whole(&site, &node);
        let lines: Vec<&str> = kickstart.lines().collect();
        let at = |start: &str| lines.iter().filter(|line| line.starts_with(start)).copied().collect::<Vec<_>>();
        assert_eq!(at("ignoredisk "), ["ignoredisk --only-use=sda"]);
        assert!(matches!(at("clearpart ")[..], [line] if line.contains(" --drives=sda")));
        assert!(at("part ").iter().all(|line| line.contains(" --ondisk=sda")));
        assert!(at("volgroup ").iter().all(|line| line.contains(" --pesize=4096 ")));
    }
}

/// Asserts that shellcheck has nothing to say.
pub fn shellcheck(script: &str, what: &str) {
    let mut program = Command::new("shellcheck");
    program.args(["-s", "bash", "-f", "gcc", "-"]).stdin(Stdio::piped());
    let started = program.stdout(Stdio::piped()).spawn();
    let mut shellcheck = started.expect("shellcheck is missing: `make setup` installs it");
    shellcheck.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = shellcheck.wait_with_output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn shellcheck_has_nothing_to_say_about_the_scripts() {
    for (release, firmware, node) in [("6.10", "bios", "controller"), ("9", "uefi", "compute2")] {
        let kickstart = whole(&site(release, firmware), node);
        for opening in scripts(release) {
            shellcheck(&body(&kickstart, opening), &format!("{node} {opening}"));
        }
    }
}

#[test]
fn bash_reads_every_script() {
    for (release, firmware, site, node) in all() {
        let kickstart = whole(&site, &node);
        for opening in scripts(release) {
            let mut bash =
                Command::new("bash").args(["-n", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            bash.stdin.take().unwrap().write_all(body(&kickstart, opening).as_bytes()).unwrap();
            let output = bash.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{release} {firmware} {node} {opening}: {said}");
        }
    }
}
