//! Operators' templates that lost, changed or added something, and what is reported about each.

use super::super::*;
use crate::site::testing::paper_site;

const SHIPPED: &str = include_str!("../../../kickstart/storage.ks.j2");

/// The fault of compute2's storage section when `from` is replaced by `to` in the template.
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
            "own/kickstart/storage.ks.j2:51: `logvol /` has `--size=77` where the plan wants `--size=10000`",
        ),
        (
            ("--name={{ volume.name }} --size", "--name=x{{ volume.name }} --size"),
            "own/kickstart/storage.ks.j2:51: `logvol /` has `--name=xlv_root` where the plan wants `--name=lv_root`",
        ),
        (
            ("{%- if part.as_primary %} --asprimary{% endif %}\n", ""),
            "own/kickstart/storage.ks.j2:27: `part /boot` lacks `--asprimary`, which the plan wants",
        ),
        (
            ("{% for group", "part /more --size=1 --ondisk=sda\n{% for group"),
            "own/kickstart/storage.ks.j2:38: `part /more --size=1 --ondisk=sda` is not in the plan",
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
            "own/kickstart/storage.ks.j2:54: the last line must be `# rackstart: end of storage`, or %pre takes the answer \
             for one that was cut off",
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
        (" --useexisting{% if", "{% if"),
        ("# keep:{% for word in identity %} {{ word }}{% endfor +%}\n", ""),
        ("clearpart --none\n", "clearpart --all --drives={{ boot_disk }}\n"),
        (" --noformat{% endif %}\n{%- else %}", "{% endif %}\n{%- else %}"),
    ] {
        for release in RELEASES {
            assert!(said(release, WipeScope::KeepVolumeGroups, change).is_some(), "{release} {change:?}");
        }
    }
}

/// The faults of the site's kickstarts when `from` is replaced by `to` in a template.
fn said_of_kickstart(release: &str, name: &str, (from, to): (&str, &str)) -> Vec<String> {
    let shipped = String::from_utf8(engine::KickstartFiles::get(name).unwrap().data.into_owned()).unwrap();
    assert!(shipped.contains(from), "{name} {from}");
    let files = BTreeMap::from([(name.to_string(), shipped.replacen(from, to, 1))]);
    let renderer = Renderer::with_templates(Templates { folder: "own".into(), files }).unwrap();
    let mut site = paper_site();
    site.network.ntp = vec!["192.168.0.1".into()];
    site.nodes.truncate(1);
    site.nodes[0].release = release.parse().unwrap();
    prove(&renderer, &site).into_iter().map(|fault| fault.error.to_string()).collect()
}

#[test]
fn what_a_kickstart_lost_is_told() {
    for (name, change, expected) in [
        ("parts/commands-el6.ks.j2", ("reboot\n", ""), "own/kickstart/parts/commands-el6.ks.j2: missing: `reboot`"),
        ("parts/commands-el6.ks.j2", ("skipx\n", ""), "own/kickstart/parts/commands-el6.ks.j2: missing: `skipx`"),
        (
            "parts/security.ks.j2",
            ("selinux --permissive\n", ""),
            "own/kickstart/parts/security.ks.j2: missing: `selinux --permissive`",
        ),
        ("parts/packages.ks.j2", ("curl\n", ""), "own/kickstart/parts/packages.ks.j2: missing: `curl`"),
        (
            "parts/nics.ks.j2",
            ("--bootproto=static --ip={{ nic.address }} --netmask={{ nic.netmask }}", "--bootproto=dhcp"),
            "own/kickstart/parts/nics.ks.j2:6: `network` has `--bootproto=dhcp` where the site file wants \
             `--bootproto=static`",
        ),
        ("parts/nics.ks.j2", ("dhcp --noipv6 --onboot=no", "dhcp"), ""),
        (
            "base.ks.j2",
            ("%include {{ storage_file }}\n", ""),
            "own/kickstart/base.ks.j2: missing: `%include /tmp/rackstart-storage.ks`",
        ),
        (
            "base.ks.j2",
            ("%pre --erroronfail", "%pre"),
            "own/kickstart/base.ks.j2: missing: `%pre --erroronfail --interpreter=/bin/bash --log=/tmp/rackstart-pre.log`",
        ),
        (
            "base.ks.j2",
            ("{% include \"kickstart/parts/logs.sh.j2\" %}\n", ""),
            "own/kickstart/base.ks.j2: missing: `%post --nochroot --interpreter=/bin/bash`",
        ),
        (
            "parts/pre.sh.j2",
            ("  find_signatures \"$slot\"\n", "  :\n"),
            "own/kickstart/parts/pre.sh.j2: missing: `find_signatures \"$slot\"`",
        ),
        (
            "parts/pre.sh.j2",
            ("{% include \"kickstart/parts/blank.sh.j2\" %}\n", ""),
            "own/kickstart/parts/pre.sh.j2: `erase` is called, and no function has this name",
        ),
        (
            "parts/blank.sh.j2",
            ("refuse \"$volume already", "say \"$volume already"),
            "own/kickstart/parts/blank.sh.j2: missing: ",
        ),
        ("parts/post.sh.j2", ("attest\n", ""), "own/kickstart/parts/post.sh.j2: missing: `attest`"),
    ] {
        let said = said_of_kickstart("6.10", &format!("kickstart/{name}"), change);
        assert!(
            expected.is_empty() == said.is_empty() && said.iter().all(|said| !said.is_empty()),
            "{change:?}: {said:?}"
        );
        assert!(
            expected.is_empty() || said.iter().any(|said| said.replace("\\\"", "\"").starts_with(expected)),
            "{change:?}: {said:?}"
        );
    }
}

#[test]
fn what_a_template_says_in_another_way_passes() {
    for (name, change) in [
        ("parts/commands-el6.ks.j2", ("reboot\n", "poweroff\n")),
        ("parts/commands-el6.ks.j2", ("cmdline\n", "text\n")),
        ("parts/security.ks.j2", ("--permissive", "--enforcing")),
        ("parts/packages.ks.j2", ("@core\n", "")),
        ("parts/packages.ks.j2", ("curl\n", "curl.x86_64\nvim\n")),
        ("parts/pre.sh.j2", ("say \"installing", ": \"installing")),
        ("parts/pre.sh.j2", ("list_disks\n", "sleep 1\nlist_disks # all\n")),
        ("parts/disk.sh.j2", ("text=$(value \"$entry/$key\")", "text=$(head -n 1 \"$entry/$key\")")),
    ] {
        assert_eq!(said_of_kickstart("6.10", &format!("kickstart/{name}"), change), Vec::<String>::new(), "{change:?}");
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
