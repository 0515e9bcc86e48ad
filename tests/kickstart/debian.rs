//! Debian 13, which rackstart's own installer installs: from the site file to what that installer reads.

use rackstart::config::{self, EXAMPLE_PLAIN};
use rackstart::grammar;
use rackstart::lifecycle::WipeScope;
use rackstart::packages::{Algorithm, Checksum};
use rackstart::render::Renderer;
use rackstart::site::{RootArchive, Site};

use crate::grammar::ksvalidator;
use crate::variants::{node, on, token};

/// The site that `init --plain` writes, for Debian; as if its archive had been read.
fn site(firmware: &str) -> Site {
    let text = EXAMPLE_PLAIN
        .replace("release = \"9\" ", "release = \"debian13\" ")
        .replace("firmware = \"uefi\" ", &format!("firmware = \"{firmware}\" "))
        .replace("ssh_keys = [] ", "ssh_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIYTIbz1lFjRI7kAX/93xfZ10FO1CC9+EdAisLQajpZZ root@example\"] ")
        + "\n[[user]]\nname = \"admin\"\ngroups = [\"sudo\"]\n";
    let mut site = config::parse(&text, "rackstart.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let checksum = Checksum::new(Algorithm::Sha256, &"ab".repeat(32)).unwrap();
    site.install_trees[0].root = Some(RootArchive { checksum, packages: Default::default() });
    site
}

fn whole(site: &Site, name: &str, scope: WipeScope) -> String {
    let renderer = Renderer::new().unwrap();
    renderer.kickstart_whole(site, node(site, name), &token(), &on("sda"), scope).unwrap()
}

/// Everything but the scripts, which are those of every release.
fn commands(kickstart: &str) -> String {
    let mut inside = false;
    let outside = kickstart.lines().filter(|line| {
        let is_outside = !inside || *line == "%end";
        inside = (inside || line.starts_with('%') && !line.starts_with("%include")) && *line != "%end";
        is_outside
    });
    outside.map(|line| format!("{line}\n")).collect()
}

#[test]
fn commands_for_either_firmware() {
    for (firmware, name) in [("bios", "db1"), ("uefi", "srv1")] {
        let text = commands(&whole(&site(firmware), name, WipeScope::BlankDiskOnly));
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(format!("kickstart-debian13-{firmware}-{name}"), text);
        });
    }
}

#[test]
fn it_is_a_kickstart_to_pykickstart_too_and_holds_no_word_about_packages() {
    let folder = tempfile::tempdir().unwrap();
    for firmware in ["bios", "uefi"] {
        for scope in [WipeScope::BlankDiskOnly, WipeScope::DestroyData] {
            let kickstart = whole(&site(firmware), "db1", scope);
            let file = folder.path().join(format!("{firmware}-{scope:?}.ks"));
            std::fs::write(&file, &kickstart).unwrap();
            assert_eq!(ksvalidator("RHEL10", &[file]), "", "{firmware} {scope:?}");
            let said = grammar::check("debian13".parse().unwrap(), &kickstart);
            assert!(said.is_empty(), "{said:?}");
            for word in ["%packages", "authselect", "selinux", "url --url", "repo --name"] {
                assert!(!commands(&kickstart).contains(word), "{word}");
            }
        }
    }
}

#[test]
fn what_our_installer_does_not_read_is_told_before_it_meets_it() {
    let said = |text: &str| {
        let found = grammar::check("debian13".parse().unwrap(), text);
        found.into_iter().map(|complaint| complaint.what).collect::<Vec<_>>().join("\n")
    };
    assert!(said("selinux --enforcing\n").contains("Debian 13 does not know the command `selinux`"));
    assert!(said("%packages\ntmux\n%end\n").contains("Debian 13 does not know the section `%packages`"));
    assert!(said("rootpw --lcok\n").contains("`rootpw` of Debian 13 has no option `--lcok`"));
}
