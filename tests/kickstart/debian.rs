//! Debian 13, which rackstart's own installer installs: from the site file to what that installer reads.

use std::path::Path;
use std::process::Command;

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

/// What a script prints that has the functions of our installer.
fn installer(folder: &Path, script: &str, words: &[&str]) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/installer");
    let begin = "set -u\nstop() { echo \"STOPPED: $1\"; exit 1; }\nsay() { :; }\nlog=/dev/null work=$PWD/work target=$PWD/root\n\
                 mkdir -p \"$work\" \"$target/etc/systemd/network\"\nfor part in kickstart storage system; do . \"$here/$part.sh\"; done\n";
    let output = Command::new("bash")
        .args(["-c", &format!("{begin}{script}"), "installer"])
        .args(words)
        .env("here", source)
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn our_installer_takes_a_line_apart_as_python_does() {
    let folder = tempfile::tempdir().unwrap();
    for line in [
        "part /boot --fstype=xfs --onpart=sda2",
        "sshkey --username=root \"ssh-ed25519 AAAA root@example\"  # of a person",
        r#"bootloader --append="console=ttyS0 a=\"b\\c\"" --x='$(no) "y"' z\ z"#,
        "  # nothing",
        "rootpw --iscrypted $6$salt$a/b.c",
        "a '' \"\" b#c",
        "",
    ] {
        let ours =
            installer(folder.path(), "split \"$1\"\nfor word in \"${words[@]}\"; do echo \"<$word>\"; done", &[line]);
        let python = "import shlex, sys\nfor word in shlex.split(sys.argv[1], comments=True): print(f'<{word}>')";
        let theirs = Command::new("python3").args(["-c", python, line]).output().unwrap();
        assert!(theirs.status.success());
        assert_eq!(ours, String::from_utf8_lossy(&theirs.stdout), "{line}");
    }
}

#[test]
fn our_installer_reads_what_the_kickstart_says() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ks"), whole(&site("bios"), "db1", WipeScope::BlankDiskOnly)).unwrap();
    let told = installer(
        folder.path(),
        "read_sections ks commands\nread_commands commands\n\
         echo \"$archive_url $archive_sum\"\necho \"$boot_drive, ${#partitions[@]} ${#groups[@]} ${#volumes[@]}\"\n\
         echo \"$timezone, $firewall, ${time_servers[*]}, $services_on, ${#accounts[@]} ${#account_keys[@]}\"\n\
         for head in work/*.head; do read -r kind _ <$head; echo \"$kind $(wc -l <${head%.head})\"; done | sed 's/ [1-9][0-9]*$/ lines/'\n\
         split \"${networks[0]}\"\n: >root/etc/resolv.conf\nwrite_network\ncat root/etc/systemd/network/*.network root/etc/resolv.conf\n",
        &[],
    );
    let expected = format!(
        "http://192.168.0.254/tree/el9/root.tar.zst {}\nsda, 4 2 3\nUTC, yes, 192.168.0.254, systemd-networkd ssh chrony, 1 1\n\
         %pre lines\n%onerror lines\n%post lines\n%post lines\n\
         [Match]\nMACAddress=52:54:00:00:00:21\n\n[Network]\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n\
         Address=192.168.0.21/24\nGateway=192.168.0.1\nnameserver 192.168.0.254\n",
        "ab".repeat(32)
    );
    assert_eq!(told, expected);
    let unknown = installer(folder.path(), "echo 'skipx' >commands\nread_commands commands\n", &[]);
    assert_eq!(unknown, "STOPPED: this installer does not know the command skipx\n");
}
