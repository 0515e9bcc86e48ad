//! Whole kickstarts, and what becomes of each of their lines.

use super::*;

const KICKSTART: &str = r##"#version=RHEL9
# of somebody
url --url=http://mirror/x
text
lang en_US.UTF-8
keyboard --vckeymap=de
timezone Europe/Berlin --utc
rootpw --plaintext geheim1
user --name=admin --groups=wheel,adm --password=geheim2 --uid=1000
sshkey --username=admin "ssh-rsa AAAA a@b"
bootloader --append="console=ttyS0,115200n8 root=/dev/x" --password=geheim3
services --enabled=chronyd,tuned --disabled=sshd,kdump
repo --name=epel --baseurl=http://mirror/epel
repo --name=own --baseurl=http://me:geheim4@mirror/own
rhsm --organization=1 --activation-key=geheim5
network --bootproto=dhcp --hostname=web1
clearpart --all
zerombr
part /boot --size=1000 --ondisk=/dev/sda --label=boot
part pv.1 --size=1 --grow --ondisk=sda
part pv.2 --size=5000 --ondisk=sdb --encrypted --passphrase=geheim6
part swap --size=2047 --ondisk=sdb
volgroup vg0 pv.1
volgroup vg1 pv.2
logvol / --vgname=vg0 --name=root --size=10000 --grow --maxsize=20000 --fsoptions="noatime"
logvol /srv --vgname=vg0 --name=srv --size=1022 --grow
logvol /var --vgname=vg1 --name=var --percent=50 --fstype=ext3

%packages --excludedocs
@core
vim-enhanced
-iwl*firmware
-bash
%end

%addon com_redhat_kdump --disable
%end

%pre
hostname > /tmp/x
%end

%pre --log=/tmp/y
wipefs -a /dev/sda
%end

%post
echo "{{ not a template }} ${#x[@]}"
exit 3
%end

%post
echo two
%end

%post --nochroot --erroronfail
cp /tmp/x /mnt/sysimage/root/
%end
"##;

fn imported(release: &str, text: &str) -> Import {
    import(release.parse().unwrap(), "dir/web.ks", "web", text.as_bytes())
}

fn fate(import: &Import, start: &str) -> Fate {
    let line = import.lines.iter().find(|line| line.text.starts_with(start));
    line.unwrap_or_else(|| panic!("no line begins with {start}")).fate.clone()
}

fn note(import: &Import, start: &str) -> String {
    match fate(import, start) {
        Fate::Silent => "silent".into(),
        Fate::Carried(note) => note.unwrap_or_else(|| "carried".into()),
        Fate::Left { why, .. } => format!("left: {why}"),
    }
}

#[test]
fn every_line_is_carried_left_with_a_reason_or_says_nothing() {
    let import = imported("9", KICKSTART);
    assert_eq!(import.lines.len(), KICKSTART.lines().count());
    for (line, original) in import.lines.iter().zip(KICKSTART.lines()) {
        let says_nothing = original.trim().is_empty() || original.starts_with('#');
        match &line.fate {
            // Blanks and comments within a script belong to the script.
            Fate::Silent => assert!(says_nothing, "{}: {original}", line.number),
            Fate::Carried(_) => {}
            Fate::Left { why, todo } => {
                assert!(!says_nothing && !why.is_empty() && !todo.is_empty(), "{}: {original}", line.number);
                let told = format!("#  {}: {}\n", line.number, line.text.trim());
                assert!(import.fragment.contains(&told), "{told} is not in\n{}", import.fragment);
            }
        }
    }
}

#[test]
fn what_is_carried_is_in_the_fragment_or_in_a_hook() {
    let import = imported("9", KICKSTART);
    for part in [
        "[[user]]\nname = \"admin\"\ngroups = [\"wheel\", \"adm\"]\nssh_keys = [\"ssh-rsa AAAA a@b\"]\n",
        "kernel_args = \"console=ttyS0,115200n8\"\n",
        "packages = [\"vim-enhanced\"]\n",
        "services = [\"chronyd\", \"tuned\"]\nservices_off = [\"kdump\"]\n",
        "{ mount = \"/boot\", file_system = \"xfs\", size = 1000 }",
        "{ volume_group = \"vg1\", size = 5000, disk = \"disk2\" }",
        "{ name = \"root\", mount = \"/\", file_system = \"xfs\", mount_options = \"noatime\", size = 20000 }",
        "{ name = \"srv\", mount = \"/srv\", file_system = \"xfs\", at_least = 1022 }",
        "{ name = \"var\", mount = \"/var\", file_system = \"ext4\", size = 2488 }",
        "{ name = \"swap\", file_system = \"swap\", size = 2048 }",
        "#  7: timezone Europe/Berlin --utc\n",
    ] {
        assert!(import.fragment.contains(part), "{part} is not in\n{}", import.fragment);
    }
    let hook = |name: &str| {
        let hook = import.hooks.iter().find(|(file, _)| file == &format!("kickstart/snippets/{name}"));
        hook.unwrap_or_else(|| panic!("no hook {name}")).1.clone()
    };
    assert!(hook("commands.ks.j2").contains("repo --name=epel --baseurl=http://mirror/epel\n%addon com_redhat_kdump"));
    assert!(hook("commands.ks.j2").contains("%post --nochroot --erroronfail\ncp /tmp/x /mnt/sysimage/root/\n%end"));
    assert!(hook("packages.ks.j2").contains("-iwl*firmware"));
    assert!(
        hook("pre.sh.j2").starts_with("{% if role == \"web\" %}\n{% raw %}\n# From line 39 of dir/web.ks.\nhostname")
    );
    let post = hook("post.sh.j2");
    assert!(
        post.contains("(\n:\necho \"{{ not a template }} ${#x[@]}\"\nexit 3\n)\n") && post.contains("echo two"),
        "{post}"
    );
}

#[test]
fn what_differs_is_told() {
    let import = imported("9", KICKSTART);
    for (line, expected) in [
        ("part /boot", "without --label"),
        ("part pv.2", "its passphrase is not copied: that of the site is the secret DISK_PASSPHRASE"),
        ("part swap", "swap is a logical volume of a group of its own: `vg_swap`"),
        ("logvol / ", "it grows up to `--maxsize`: the layout says 20000 MiB"),
        ("logvol /var", "ext3 becomes ext4; 50 % of the group is 2488 MiB"),
        (
            "user ",
            "its password is not copied: write `password_hash`, made by `openssl passwd -6`, or `ssh_keys`; without `--uid`",
        ),
        ("services ", "sshd stays on: no node can be reached without it"),
        ("%packages", "without --excludedocs: a copy of rackstart's `kickstart/parts/packages.ks.j2` takes them"),
        ("wipefs", "left: `wipefs` changes a disk, and nobody has allowed that when it runs"),
        ("-bash", "left: rackstart needs it on every node"),
        ("lang", "carried"),
        ("# of", "silent"),
    ] {
        assert_eq!(note(&import, line), expected, "{line}");
    }
}

#[test]
fn no_secret_is_copied_anywhere() {
    let import = imported("9", KICKSTART);
    let everything = format!("{import:?}");
    for number in 1..=6 {
        let secret = format!("geheim{number}");
        assert!(!everything.contains(&secret), "{secret} is in\n{everything}");
    }
}

#[test]
fn layouts_are_planned_or_left_whole() {
    for (release, lines, expected) in [
        ("9", "part / --size=9000 --grow\npart swap --recommended", Ok("vg_swap")),
        ("6.10", "part / --size=9000\npart /boot --size=200\npart swap --size=1000 --grow --maxsize=2000", Ok("ext4")),
        ("9", "autopart --type=plain --fstype=ext4 --noswap", Ok("mount = \"/\", file_system = \"ext4\", at_least")),
        (
            "7",
            "reqpart --add-boot\npart pv.1 --size=9000\nvolgroup a pv.1\nlogvol / --vgname=a --name=r --percent=100",
            Ok("size = 8996"),
        ),
        (
            "9",
            "part raid.1 --size=1000 --ondisk=a\npart raid.2 --size=1000 --ondisk=b\npart raid.3 --size=20000 --ondisk=a\n\
             part raid.4 --size=20000 --ondisk=b\nraid /boot --level=1 --device=0 raid.1 raid.2\n\
             raid pv.1 --level=RAID1 --device=1 raid.3 raid.4\nvolgroup a pv.1\nlogvol / --vgname=a --name=r --size=19000",
            Ok("mirror = [\"os\", \"disk2\"]"),
        ),
        (
            "9",
            "part pv.1 --size=9000\nvolgroup a pv.1\nlogvol / --vgname=a --name=r --size=8000",
            Ok("mount = \"/boot\""),
        ),
        ("9", "part / --size=9000 --onpart=sda1", Err("`--onpart` uses what exists")),
        ("9", "part / --size=9000\nmount /dev/sda1 /x", Err("uses a partition that exists")),
        ("9", "part / --size=9000\npart /x --size=99 --fstype=vfat", Err("and no vfat")),
        ("9", "part /x --size=9000", Err("has no `/`")),
        ("9", "part / --size=9000\npart /x --size=1y", Err("not a whole number")),
        (
            "9",
            "part raid.1 --size=9000\npart raid.2 --size=9000\nraid / --level=0 --device=0 raid.1 raid.2",
            Err("and no other RAID"),
        ),
    ] {
        let import = imported(release, &format!("{lines}\n"));
        let told: Vec<String> = lines.lines().map(|line| note(&import, line)).collect();
        match expected {
            Ok(part) => {
                assert!(
                    import.layout.is_some() && told.iter().all(|told| !told.starts_with("left")),
                    "{lines}: {told:?}"
                );
                assert!(import.fragment.contains(part), "{part} is not in\n{}", import.fragment);
            }
            Err(part) => {
                assert!(
                    import.layout.is_none() && told.iter().all(|told| told.starts_with("left")),
                    "{lines}: {told:?}"
                );
                assert!(told.iter().any(|told| told.contains(part)), "{lines}: {told:?}");
                assert!(import.fragment.contains("No storage line of the kickstart is in this layout"));
            }
        }
    }
}

#[test]
fn a_template_is_told_as_one_and_names_become_roles() {
    assert!(imported("9", "url --url=$tree\n").template.unwrap().contains("Cobbler"));
    for (file, name) in [
        ("a/b/web.ks", "web"),
        ("anaconda-ks.cfg", "anaconda-ks"),
        ("-", "imported"),
        ("ALL", "imported"),
        ("1.ks", "imported"),
    ] {
        assert_eq!(role_name(file), name, "{file}");
        assert!(is_role_name(&role_name(file)));
    }
}

#[test]
fn an_image_becomes_a_container_and_its_signature_is_a_matter_of_the_operator() {
    let line = "ostreecontainer --url=quay.io/web/el9:1 --stateroot=web";
    let import = imported("9", &format!("{line}\npart / --size=9000\n"));
    assert_eq!(note(&import, line), "`signed_by` has to name the public key of its signature");
    let expected = "\n[[container]]\nname = \"web\"\nimage = \"quay.io/web/el9:1\"\nsigned_by = \"/etc/rackstart/web.pub\"\n\
                    stateroot = \"web\"\n\n[role.web]\n";
    assert!(import.fragment.contains(expected), "{}", import.fragment);
    assert!(import.fragment.contains("\ncontainer = \"web\"\n"), "{}", import.fragment);
    let import = imported("9", &format!("{line} --no-signature-verification\npart / --size=9000\n"));
    assert!(import.fragment.contains("signature = \"unchecked\"\n"), "{}", import.fragment);
    for (release, line, why) in [
        ("9.3", line.to_string(), "the installer of release 9.3 has no image mode"),
        ("9", "ostreecontainer --url=/run/c --transport=oci".into(), "comes by `oci`"),
        ("9", "ostreecontainer --url=quay.io/web/el9".into(), "is not registry, repository, and tag or digest"),
    ] {
        let import = imported(release, &format!("{line}\npart / --size=9000\n"));
        let told = note(&import, &line);
        assert!(told.starts_with("left") && told.contains(why), "{told}");
        assert!(!import.fragment.contains("\n[[container]]"));
    }
}

#[test]
fn encryption_is_carried_over_as_groups_can_have_it() {
    for (release, lines, expected) in [
        ("9", "autopart --encrypted", vec!["name = \"vg_system\"\nencrypted = true\n"]),
        (
            "9",
            "autopart --type=plain --encrypted --passphrase=geheim",
            vec!["name = \"vg_system\"\nencrypted = true\n"],
        ),
        (
            "7",
            "part /boot --size=1000 --encrypted\npart / --size=9000 --encrypted\npart swap --size=2000 --encrypted",
            vec!["name = \"vg_root\"\nencrypted = true\n", "name = \"vg_swap\"\nencrypted = true\n"],
        ),
        (
            "9",
            "part /boot --size=1000\npart pv.1 --size=9000 --encrypted\nvolgroup a pv.1\nlogvol / --vgname=a --name=r --size=8900",
            vec!["name = \"a\"\nencrypted = true\n"],
        ),
        (
            "10",
            "part /boot --size=1000\npart pv.1 --size=9000\nvolgroup a pv.1\nlogvol / --vgname=a --name=r --size=4000\n\
             logvol /var --vgname=a --name=v --size=4000 --encrypted",
            vec!["name = \"a\"\nencrypted = true\n"],
        ),
    ] {
        let import = imported(release, &format!("{lines}\n"));
        assert!(import.layout.as_ref().is_some_and(|layout| layout.is_encrypted()), "{lines}: {import:?}");
        for part in expected {
            assert!(import.fragment.contains(part), "{part} is not in\n{}", import.fragment);
        }
        assert!(!format!("{import:?}").contains("geheim"));
    }
}
