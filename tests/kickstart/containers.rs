//! Image mode: a role that names a bootable container, from the site file to what its installer and its system read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rackstart::config::{self, EXAMPLE, EXAMPLE_PLAIN};
use rackstart::lifecycle::WipeScope;
use rackstart::plan::plan;
use rackstart::render::{Renderer, StorageSecrets};
use rackstart::secrets::SecretValue;
use rackstart::site::Site;

use crate::grammar::ksvalidator;
use crate::machine::Machine;
use crate::post_script::payload;
use crate::variants::{body, node, on, token};

const KEY: [&str; 3] =
    ["-----BEGIN PUBLIC KEY-----", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3sQ+", "-----END PUBLIC KEY-----"];
const CONTAINER: &str = "\n[role.server]\ncontainer = \"web\"\n\n[[container]]\nname = \"web\"\n\
                         image = \"registry.example.com:5000/web/el9:42\"\nsigned_by = \"/etc/rackstart/web.pub\"\n";

/// The site that `init --plain` writes, with a container for its servers.
fn text(release: &str, more: &str) -> String {
    EXAMPLE_PLAIN.replace("release = \"9\" ", &format!("release = \"{release}\" ")) + CONTAINER + more
}

/// The site of that text, with the key as it would be on the disk.
fn site(release: &str, more: &str) -> Site {
    let mut site =
        config::parse(&text(release, more), "rackstart.toml").unwrap_or_else(|problems| panic!("{problems}"));
    for container in site.nodes.iter_mut().filter_map(|node| node.container.as_mut()) {
        if let Some(key) = &mut container.signed_by {
            key.lines = KEY.map(String::from).to_vec();
        }
    }
    site
}

fn whole(site: &Site) -> String {
    let renderer = Renderer::new().unwrap();
    let node = node(site, "srv1");
    renderer.kickstart_whole(site, node, &token(), &on("nvme0n1"), WipeScope::BlankDiskOnly).unwrap()
}

#[test]
fn pykickstart_of_either_release_takes_image_mode_and_it_holds_no_word_about_packages() {
    let folder = tempfile::tempdir().unwrap();
    for release in ["9", "10"] {
        for (kind, more) in [
            ("signed", "user = \"robot\"\nstateroot = \"web\"\nremote = \"origin\"\n"),
            (
                "encrypted",
                "[role.server.layout.own]\npartitions = [\n  { efi_system = true, size = 600 },\n  \
              { mount = \"/boot\", file_system = \"xfs\", size = 1024 },\n  { volume_group = \"vg\", at_least = 9000 },\n]\n\
              [[role.server.layout.own.volume_group]]\nname = \"vg\"\nencrypted = true\nlogical_volumes = [\n  \
              { name = \"root\", size = 8000, file_system = \"xfs\", mount = \"/\" },\n  \
              { name = \"var\", at_least = 500, file_system = \"xfs\", mount = \"/var\" },\n]\n",
            ),
        ] {
            let more = more.replace("[role.server.layout.own]", "[layout.own]").replace("role.server.layout", "layout");
            let mut text = text(release, &more);
            if kind == "encrypted" {
                text = text.replace("name = \"srv1\"", "name = \"srv1\"\nlayout = \"own\"");
            }
            let site = config::parse(&text, "rackstart.toml").unwrap_or_else(|problems| panic!("{problems}"));
            let kickstart = whole(&site);
            let file = folder.path().join(format!("{release}-{kind}.ks"));
            std::fs::write(&file, &kickstart).unwrap();
            let said = ksvalidator(&format!("RHEL{release}"), &[file]);
            assert!(said.is_empty(), "{release} {kind}: {said}");
            let lines: Vec<&str> = kickstart.lines().collect();
            let wanted = match kind {
                "signed" => {
                    "ostreecontainer --url=registry.example.com:5000/web/el9:42 --transport=registry --stateroot=web \
                     --remote=origin"
                }
                _ => "ostreecontainer --url=registry.example.com:5000/web/el9:42 --transport=registry",
            };
            assert!(lines.contains(&wanted), "{kickstart}");
            for word in ["url ", "repo ", "%packages", "authselect ", "authconfig "] {
                assert!(!lines.iter().any(|line| line.starts_with(word)), "{word} in {kickstart}");
            }
            assert!(
                lines.contains(&"selinux --enforcing")
                    && lines.iter().any(|line| line.starts_with("firewall --enabled"))
            );
        }
    }
}

#[test]
fn nobody_skips_the_signature_without_a_word_and_the_word_is_shown() {
    let unsigned = |line: &str| text("9", "").replace("signed_by = \"/etc/rackstart/web.pub\"", line);
    let refused = |text: &str| config::parse(text, "rackstart.toml").unwrap_err().to_string();
    assert!(refused(&unsigned("")).contains("container `web` does not say who signed it"));
    assert!(refused(&unsigned("signature = \"off\"")).contains("possible words: unchecked"));
    let site = config::parse(&unsigned("signature = \"unchecked\""), "rackstart.toml").unwrap();
    let kickstart = whole(&site);
    assert!(kickstart.contains(" --transport=registry --no-signature-verification\n"));
    assert!(!kickstart.contains("policy.json"));
    let notes = plan(node(&site, "srv1")).unwrap().notes.concat();
    assert!(notes.contains("ITS SIGNATURE IS NOT CHECKED"), "{notes}");
    assert!(!whole(&crate::containers::site("9", "")).contains("--no-signature-verification"));
}

#[test]
fn what_cannot_be_an_image_is_refused_in_one_sentence() {
    let layout = |mounts: &str| {
        format!(
            "\n[layout.own]\npartitions = [\n  {{ efi_system = true, size = 600 }},\n  {{ mount = \"/boot\", file_system = \
             \"ext4\", size = 1024 }},\n  {{ volume_group = \"vg\", at_least = 9000 }},\n]\n[[layout.own.volume_group]]\n\
             name = \"vg\"\nlogical_volumes = [\n  {{ name = \"root\", size = 6000, file_system = \"ext4\", mount = \"/\" }},\n\
             {mounts}]\n"
        )
    };
    let volume = |mount: &str| {
        let name = mount.replace('/', "_");
        format!("  {{ name = \"lv{name}\", size = 400, file_system = \"ext4\", mount = \"{mount}\" }},\n")
    };
    let with = |mounts: &[&str]| {
        text("9", &layout(&mounts.iter().map(|mount| volume(mount)).collect::<String>()))
            .replace("name = \"srv1\"", "name = \"srv1\"\nlayout = \"own\"")
    };
    for mounts in [&["/var"][..], &["/var/home", "/var/srv"], &["/var", "/var/log", "/var/lib/pgsql"]] {
        assert!(config::parse(&with(mounts), "rackstart.toml").is_ok(), "{mounts:?}");
    }
    for (text, sentence) in [
        (text("8", ""), "the installer of release 8 has no image mode"),
        (text("9.3", ""), "the installer of release 9.3 has no image mode"),
        (with(&["/usr"]), "mounts `/usr`, which cannot be a file system of its own in an ostree system"),
        (with(&["/home"]), "mount it at `/var/home`, where `/home` leads"),
        (with(&["/data"]), "keep `/`, `/boot`, `/var` and what is below `/var`"),
        (with(&["/var/log"]), "give `/var` a file system of its own as well"),
        (
            text("9", "").replace("container = \"web\"", "container = \"web\"\npackages = [\"tmux\"]"),
            "its role has packages (`tmux`)",
        ),
        (
            text("9", "").replace("container = \"web\"", "container = \"wbe\""),
            "role `server` names unknown container `wbe`",
        ),
        (text("9", "").replace("/web/el9:42", "/web/el9"), "is not a container image"),
        (text("9", "").replace("registry.example.com:5000/", ""), "is not a container image"),
    ] {
        let refused = config::parse(&text, "rackstart.toml").unwrap_err().to_string();
        assert!(refused.contains(sentence), "{sentence} is not in\n{refused}");
        assert_eq!(refused.matches("error").count(), 1, "{refused}");
    }
    let essex: String = EXAMPLE
        .lines()
        .map(|line| {
            if line.starts_with("release") {
                "release = \"9\"
"
                .into()
            } else {
                format!(
                    "{line}
"
                )
            }
        })
        .collect();
    let essex = essex + &CONTAINER.replace("[role.server]", "[role.compute]");
    let refused = config::parse(&essex, "rackstart.toml").unwrap_err().to_string();
    assert!(refused.contains("the steps of blueprint `essex` install packages"), "{refused}");
}

/// The `%pre` of srv1 and a machine of its release with its disk.
fn machine(site: &Site, release: &str) -> (Machine, String) {
    const BLOCKS: u64 = 131_072;
    let machine = Machine::installer(release);
    machine.disk("nvme0n1", BLOCKS, "pci0/nvme", &[("device/serial", "S4EVNX0R100001")]);
    let served = Renderer::new().unwrap().kickstart(site, node(site, "srv1"), &token()).unwrap();
    let rule = node(site, "srv1").os_disk();
    let mut script = body(&served, "%pre");
    for (key, value) in [("want_min=", 0), ("want_max=", BLOCKS * 2)] {
        let at = script.find(key).unwrap() + key.len();
        let end = at + script[at..].find('\n').unwrap();
        script.replace_range(at..end, &value.to_string());
    }
    assert!(rule.serial.is_some());
    (machine, script)
}

#[test]
fn the_installer_trusts_one_key_and_gets_the_login_with_its_permit_alone() {
    for release in ["9", "10"] {
        let site = site(release, "user = \"robot\"\n");
        let (machine, script) = machine(&site, release);
        let node = node(&site, "srv1");
        let password = SecretValue::new("correct horse".into()).unwrap();
        let secrets = StorageSecrets { registry: Some(password), ..StorageSecrets::default() };
        let renderer = Renderer::new().unwrap();
        let (plan, disks) = (plan(node).unwrap(), on("nvme0n1"));
        let answer = renderer.storage_answer(node, &plan, &disks, WipeScope::BlankDiskOnly, &[], &secrets).unwrap();
        let basic = "cm9ib3Q6Y29ycmVjdCBob3JzZQ==";
        assert!(answer.contains(basic) && !script.contains(basic) && !whole(&site).contains(basic));
        let shown = renderer.storage_section(node, &plan, &disks, WipeScope::BlankDiskOnly).unwrap();
        assert!(shown.contains("\"auth\":\"***\"") && !shown.contains(basic), "{shown}");
        machine.answers("permit", "200", &answer);
        let run = machine.run(&script);
        assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
        let read = |path: &str| std::fs::read_to_string(machine.path(&format!("root{path}"))).unwrap();
        assert_eq!(read("/etc/pki/containers/rackstart.pub"), KEY.map(|line| format!("{line}\n")).concat());
        let policy: serde_json::Value = serde_json::from_str(&read("/etc/containers/policy.json")).unwrap();
        assert_eq!(policy["default"][0]["type"], "reject");
        let rule = &policy["transports"]["docker"]["registry.example.com:5000/web/el9"][0];
        assert_eq!(
            (&rule["type"], &rule["keyPath"]),
            (&"sigstoreSigned".into(), &"/etc/pki/containers/rackstart.pub".into())
        );
        assert!(read("/etc/containers/registries.d/rackstart.yaml").contains("\"use-sigstore-attachments\":true"));
        let auth = machine.path("root/etc/ostree/auth.json");
        assert!(read("/etc/ostree/auth.json").contains(basic));
        assert_eq!(std::fs::metadata(&auth).unwrap().permissions().mode() & 0o077, 0);
        let storage = machine.storage().unwrap();
        assert!(!storage.contains("auth") && storage.contains("ignoredisk --only-use=nvme0n1"), "{storage}");

        // Without a permit the installer gets no login.
        let (machine, script) = self::machine(&site, release);
        machine.answers("permit", "409", "no");
        assert!(!machine.run(&script).ok && !machine.path("root/etc/ostree/auth.json").exists());
    }
}

#[test]
fn the_payload_goes_where_an_image_can_be_written_and_the_login_stays_for_updates() {
    let site = site("9", "user = \"robot\"\n");
    let served = Renderer::new().unwrap().kickstart(&site, node(&site, "srv1"), &token()).unwrap();
    let machine = Machine::new();
    payload(&machine, "");
    for tool in ["blkid", "lvm"] {
        machine.program(tool, "");
    }
    // An image has /usr, which may be read.
    std::fs::create_dir_all(machine.path("root/usr/lib")).unwrap();
    std::fs::set_permissions(machine.path("root/usr/lib"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let run = machine.run(&body(&served, "%post --interpreter"));
    assert!(run.ok && run.said.is_empty(), "{}\n{}", run.console, run.said);
    assert!(run.calls.contains("\ninstall\n") && run.calls.contains("curl report event=installed"), "{}", run.calls);
    assert!(machine.path("root/var/lib/rackstart/firstboot/install").exists());
    assert!(!machine.path("root/usr/lib/rackstart").exists());

    machine.write("root/etc/ostree/auth.json", "{}\n");
    std::fs::create_dir_all(machine.path("root/mnt/sysroot/etc")).unwrap();
    let run = machine.run(&body(&served, "%post --nochroot"));
    assert!(run.ok && run.said.is_empty(), "{}", run.said);
    let kept = machine.path("root/mnt/sysroot/etc/ostree/auth.json");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "{}\n");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o077, 0);
    assert!(!Path::new("/mnt/sysroot/etc/ostree").exists());
}

#[test]
fn an_image_without_the_tools_of_the_end_is_told_by_name() {
    let site = site("9", "");
    let served = Renderer::new().unwrap().kickstart(&site, node(&site, "srv1"), &token()).unwrap();
    let machine = Machine::installer("9");
    payload(&machine, "");
    let tools = machine.path("tools/tar");
    if tools.exists() {
        std::fs::remove_file(tools).unwrap();
    }
    let run = machine.run(&body(&served, "%post --interpreter"));
    assert!(!run.ok && run.calls.contains("the container image has no tar"), "{}\n{}", run.calls, run.said);
}
