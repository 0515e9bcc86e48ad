//! Operators' templates that lost, changed or added something, and what is said of each.

use super::super::*;
use crate::site::testing::paper_site;

const SHIPPED: &str = include_str!("../../../kickstart/storage.ks.j2");

/// What is said of the storage section of compute2 when this replaces that in the template.
fn said(release: &str, scope: WipeScope, (from, to): (&str, &str)) -> Option<RenderError> {
    assert!(SHIPPED.contains(from), "{from}");
    let files = BTreeMap::from([(STORAGE.to_string(), SHIPPED.replacen(from, to, 1))]);
    let renderer = Renderer::with_templates(Templates { folder: "own".into(), files }).unwrap();
    let mut node = paper_site().node_by_name("compute2").unwrap().clone();
    node.release = release.parse().unwrap();
    if scope == WipeScope::KeepVolumeGroups {
        node.keep = vec!["vg_gluster".into()];
    }
    let plan = plan::plan(&node).unwrap();
    let identities = ["vg vg_gluster aaaa".to_string()];
    let disks = BTreeMap::from([("os".to_string(), "sda".to_string())]);
    renderer.storage_section_keeping(&node, &plan, &disks, scope, &identities).err()
}

const RELEASES: [&str; 6] = ["6.3", "6.10", "7", "8", "9", "10"];

#[test]
fn a_storage_command_that_is_lost_or_changed_is_told_with_its_place_and_the_plans_wish() {
    for (change, expected) in [
        (("zerombr\n", ""), "own/kickstart/storage.ks.j2: missing: `zerombr`"),
        (
            ("--size={{ volume.size }}", "--size=77"),
            "own/kickstart/storage.ks.j2:50: `logvol /` has `--size=77` where the plan wants `--size=10000`",
        ),
        (
            ("--name={{ volume.name }} --size", "--name=x{{ volume.name }} --size"),
            "own/kickstart/storage.ks.j2:50: `logvol /` has `--name=xlv_root` where the plan wants `--name=lv_root`",
        ),
        (
            ("{%- if part.as_primary %} --asprimary{% endif %}\n", ""),
            "own/kickstart/storage.ks.j2:27: `part /boot` lacks `--asprimary`, which the plan wants",
        ),
        (
            ("{% for group", "part /more --size=1 --ondisk=sda\n{% for group"),
            "own/kickstart/storage.ks.j2:37: `part /more --size=1 --ondisk=sda` is not in the plan",
        ),
        (
            ("{{ only_use }}", "{{ only_use }} # all"),
            "own/kickstart/storage.ks.j2:18: `ignoredisk` has `ignoredisk --only-use=sda # all` where the plan wants \
             `ignoredisk --only-use=sda`",
        ),
        (
            ("# scope: {{ scope }}", "# scope: destroy-data"),
            "own/kickstart/storage.ks.j2:3: `# scope:` has `# scope: destroy-data` where the plan wants \
             `# scope: blank-disk-only`",
        ),
        (
            ("# disk of {{ slot.slot }}: {{ slot.disk }}\n", ""),
            "own/kickstart/storage.ks.j2: missing: `# disk of os: sda`",
        ),
        (
            ("# rackstart: end of storage\n", "# rackstart: end\n"),
            "own/kickstart/storage.ks.j2:53: the last line must be `# rackstart: end of storage`, or %pre takes the answer \
             for a cut one",
        ),
    ] {
        for release in RELEASES {
            let error =
                said(release, WipeScope::BlankDiskOnly, change).unwrap_or_else(|| panic!("{release} {change:?}"));
            assert_eq!(error.to_string(), expected, "{release}");
            assert!(error.help().is_some(), "{error:?}");
        }
    }
}

#[test]
fn the_commands_of_a_keeping_reimage_are_measured_too() {
    for change in [
        ("--noformat\n{% elif", "--useexisting\n{% elif"),
        ("--useexisting --fstype", "--fstype"),
        ("# keep:{% for word in identity %} {{ word }}{% endfor +%}\n", ""),
        ("clearpart --none\n", "clearpart --all --drives={{ boot_disk }}\n"),
        (" --noformat{% endif %}\n{%- else %}", "{% endif %}\n{%- else %}"),
    ] {
        for release in RELEASES {
            assert!(said(release, WipeScope::KeepVolumeGroups, change).is_some(), "{release} {change:?}");
        }
    }
}

#[test]
fn what_is_no_fault_passes() {
    for change in [
        ("zerombr\n", "# a note\n\nzerombr\n"),
        ("zerombr\n", "  zerombr # wipes\n"),
        ("part {{ part.name }}", "partition  {{ part.name }}"),
        (" --size={{ part.size }} --ondisk={{ part.on_disk }}", " --ondrive {{ part.on_disk }} --size {{ part.size }}"),
        (
            "--fstype={{ volume.file_system }}\n{% endif",
            "--fstype={{ volume.file_system }} --fsoptions=noatime\n{% endif",
        ),
        ("--location=mbr", "--location=mbr --timeout=3"),
        ("--append={{ kernel_args }}", "--append=\"{{ kernel_args }} quiet\""),
        ("# rackstart: storage of", "# our storage of"),
    ] {
        for release in RELEASES {
            assert_eq!(said(release, WipeScope::BlankDiskOnly, change), None, "{release} {change:?}");
        }
    }
}
