//! `rackstart check` before repositories and images on the disk: what is missing, what is of another version, what is
//! damaged. The repositories are made here, by the rules of createrepo, with the real compressors.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::desk::Desk;

/// Everything that nodes of the paper's site need on EL6, as `check` reported it before there was any repository.
const ALL: &str = "bash curl lvm2 openssh-server policycoreutils tar glusterfs glusterfs-fuse glusterfs-server fuse \
    fuse-libs qemu-kvm-tools libvirt libvirt-python python-virtinst avahi dmidecode ntp ntpdate mysql mysql-server \
    openstack-utils openstack-keystone openstack-glance openstack-nova-api openstack-nova-cert openstack-nova-console \
    openstack-nova-scheduler openstack-nova-volume qpid-cpp-server cyrus-sasl cyrus-sasl-plain scsi-target-utils \
    openstack-nova-compute iscsi-initiator-utils openstack-nova-network openstack-nova-novncproxy dnsmasq \
    openstack-dashboard openssh-clients";

/// A package as a line `NAME` or `NAME=VERSION`; `qemu-kvm` comes under another name that provides it.
fn primary(packages: &[&str]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n",
    );
    for package in packages.iter().chain(&["qemu-rhev"]) {
        let (name, version) = package.split_once('=').unwrap_or((package, "2012.2"));
        text.push_str(&format!(
            "<package type=\"rpm\"><name>{name}</name><arch>x86_64</arch><version epoch=\"0\" ver=\"{version}\" \
             rel=\"1.el6\"/><format><rpm:provides><rpm:entry name=\"{name}\"/>{}</rpm:provides></format></package>\n",
            if name == "qemu-rhev" { "<rpm:entry name=\"qemu-kvm\"/>" } else { "" }
        ));
    }
    text + "</metadata>\n"
}

fn through(command: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output.stdout
}

/// Writes `repodata`, compressed by `command` (`gzip`, `bzip2`, `xz`, `zstd`, or `cat` for none).
fn repository(folder: &Path, packages: &[&str], command: &str) {
    let data = folder.join("repodata");
    fs::create_dir_all(&data).unwrap();
    let comps = "<comps><group><id>core</id><name>Core</name></group></comps>";
    let mut index = String::from("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n");
    for (kind, text) in [("primary", primary(packages)), ("group_gz", comps.to_string())] {
        let bytes = through(command, if command == "cat" { &[] } else { &["-c"] }, text.as_bytes());
        let sum = through("sha256sum", &[], &bytes);
        let sum = std::str::from_utf8(&sum).unwrap().split_whitespace().next().unwrap().to_string();
        fs::write(data.join(format!("{kind}.xml.x")), &bytes).unwrap();
        index.push_str(&format!(
            "<data type=\"{kind}\"><checksum type=\"sha256\">{sum}</checksum><location href=\"repodata/{kind}.xml.x\"/>\
             <size>{}</size></data>\n",
            bytes.len()
        ));
    }
    fs::write(data.join("repomd.xml"), index + "</repomd>\n").unwrap();
}

/// The site of `init` over a tree, with more at its end.
fn desk_with(more: &str) -> Desk {
    let desk = Desk::new();
    desk.site(&desk.tree("6.10"), "", "");
    add(&desk, more);
    desk
}

fn add(desk: &Desk, more: &str) {
    let text = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let here = desk.path("").display().to_string();
    fs::write(desk.path("rackstart.toml"), text + &more.replace("HERE", here.trim_end_matches('/'))).unwrap();
}

fn all() -> Vec<&'static str> {
    ALL.split_whitespace().collect()
}

#[test]
fn a_tree_without_metadata_is_a_note_and_no_error() {
    let run = desk_with("").run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("note: the install tree `centos6` has no package metadata (repodata)"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_tree_that_has_everything_passes_however_it_is_compressed() {
    for command in ["cat", "gzip", "bzip2", "xz", "zstd"] {
        let desk = desk_with("");
        repository(&desk.path("tree"), &all(), command);
        let run = desk.run(&["check"]);
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
        assert!(!run.stdout.contains("no package metadata"), "{}", run.stdout);
    }
}

#[test]
fn every_package_that_no_repository_has_is_named_with_who_needs_it() {
    let desk = desk_with("");
    let had = ["glusterfs-server", "openstack-dashboard", "libvirt"];
    let left: Vec<&str> = all().into_iter().filter(|name| !had.contains(name)).collect();
    repository(&desk.path("tree"), &left, "gzip");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 1);
    for part in [
        "node `controller` of role `controller`: no repository here has 1 package of those that are installed: \
         glusterfs-server (02-glusterfs-all/03-glusterfs-install)\n",
        "node `compute2` and 2 more of role `compute`: no repository here has 2 packages of those that are installed: \
         glusterfs-server (02-glusterfs-all/03-glusterfs-install), libvirt (05-kvm-compute/03-libvirt-install)\n",
        "openstack-dashboard (09-openstack-gateway/05-dashboard-install)",
        "help: name a `[[repository]]` that has them, or put them into the folder `extra` of the install tree",
    ] {
        assert!(run.stderr.contains(part), "{part}\nis not in\n{}", run.stderr);
    }
    // The folder `extra` counts, and so does a repository for the roles that need it; `qemu-kvm` is provided.
    repository(&desk.path("tree/extra"), &["glusterfs-server", "libvirt"], "xz");
    assert_eq!(desk.run(&["check"]).code, 1);
    add(&desk, "[[repository]]\nname = \"more\"\npath = \"HERE/more\"\nroles = [\"gateway\"]\n");
    repository(&desk.path("more"), &["openstack-dashboard"], "zstd");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("note: repository `more` has no `gpg_key`"), "{}", run.stdout);
    // A repository for another role does not count.
    let text = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    fs::write(desk.path("rackstart.toml"), text.replace("[\"gateway\"]", "[\"controller\"]")).unwrap();
    assert!(desk.run(&["check"]).stderr.contains("openstack-dashboard"));
}

#[test]
fn a_later_release_may_have_more_repositories_than_are_seen_here() {
    let desk = Desk::new();
    desk.site(&desk.tree("9"), "release = \"6.10\"", "release = \"9\"");
    for folder in ["BaseOS", "AppStream"] {
        repository(
            &desk.path("tree").join(folder),
            &["bash", "chrony", "curl", "lvm2", "openssh-server", "policycoreutils", "tar"],
            "zstd",
        );
    }
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in ["iptables-services (02-glusterfs-all/01-iptables-flush)", "on EL9 other repositories of the node may"]
    {
        assert!(run.stdout.contains(part), "{part} is not in\n{}", run.stdout);
    }
    // The installer takes what it needs from these folders only.
    for folder in ["BaseOS", "AppStream"] {
        repository(
            &desk.path("tree").join(folder),
            &["bash", "chrony", "curl", "lvm2", "openssh-server", "tar"],
            "zstd",
        );
    }
    let run = desk.run(&["check"]);
    assert!(
        run.stderr.contains("1 package of those that are installed: policycoreutils (kickstart)"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_extra_folder_alone_does_not_make_a_tree_known() {
    let desk = desk_with("");
    repository(&desk.path("tree/extra"), &["glusterfs-server"], "gzip");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("has no package metadata (repodata)"), "{}", run.stdout);
}

#[test]
fn packages_of_the_site_file_and_groups_are_asked_for_too() {
    let desk = Desk::new();
    desk.site(
        &desk.tree("6.10"),
        "kernel_args = \"\"\n",
        "kernel_args = \"\"\npackages = [\"tmux\", \"@games\", \"-none\"]\n",
    );
    repository(&desk.path("tree"), &all(), "gzip");
    let run = desk.run(&["check"]);
    assert!(
        run.stderr.contains("2 packages of those that are installed: @games (kickstart), tmux (kickstart)"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_version_that_is_not_the_expected_one_is_named() {
    let more = "[[repository]]\nname = \"essex\"\npath = \"HERE/essex\"\nroles = [\"compute\"]\n\
        expect = { \"openstack-nova-compute\" = \"2012.1\", \"absent\" = \"1\", \"libvirt\" = \"0.10*\" }\n";
    let desk = desk_with(more);
    let left: Vec<&str> = all().into_iter().filter(|name| *name != "libvirt").collect();
    repository(&desk.path("tree"), &left, "gzip");
    repository(
        &desk.path("essex"),
        &["openstack-nova-compute=2013.1", "openstack-nova-compute=2012.2", "libvirt=0.10.2"],
        "gzip",
    );
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 1);
    for part in [
        "repository `essex` expects openstack-nova-compute 2012.1, and nodes of role `compute` would get 2013.1-1.el6",
        "repository `essex` expects absent 1, and no repository of role `compute` has it",
    ] {
        assert!(run.stderr.contains(part), "{part}\nis not in\n{}", run.stderr);
    }
    assert!(!run.stderr.contains("expects libvirt"), "{}", run.stderr);
}

#[test]
fn a_package_that_is_too_old_for_the_steps_is_named_with_what_they_need() {
    let desk = desk_with("");
    let packages: Vec<String> = all()
        .iter()
        .map(|name| match *name {
            "glusterfs-server" => "glusterfs-server=3.3.0".into(),
            nova if nova.starts_with("openstack-nova") => format!("{nova}=2012.1"),
            other => other.into(),
        })
        .collect();
    repository(&desk.path("tree"), &packages.iter().map(String::as_str).collect::<Vec<_>>(), "gzip");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (role, name) in [("controller", "api"), ("compute", "compute"), ("gateway", "network")] {
        let part = format!(
            "note: nodes of role `{role}` would get openstack-nova-{name} 2012.1-1.el6, and the steps of blueprint `essex` need \
             2012.1.1-11 or later"
        );
        assert!(run.stdout.contains(&part), "{part}\nis not in\n{}", run.stdout);
        let part = format!(
            "`{role}` would get glusterfs-server 3.3.0-1.el6, and the steps of blueprint `essex` need 3.3.1 or later"
        );
        assert!(run.stdout.contains(&part), "{part}\nis not in\n{}", run.stdout);
    }
}

#[test]
fn damage_is_one_clear_error() {
    let more = "[[repository]]\nname = \"essex\"\npath = \"HERE/essex\"\n";
    let desk = desk_with(more);
    repository(&desk.path("tree"), &all(), "gzip");
    let says = |part: &str| {
        let run = desk.run(&["check"]);
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains(part), "{part}\nis not in\n{}", run.stderr);
        assert!(run.stderr.contains("1 problem in"), "{}", run.stderr);
    };
    says("essex) cannot be used: it does not exist");
    fs::create_dir(desk.path("essex")).unwrap();
    says("essex) cannot be used: it has no repodata/repomd.xml");
    repository(&desk.path("essex"), &["x"], "gzip");
    assert_eq!(desk.run(&["check"]).code, 0);
    let list = desk.path("essex/repodata/primary.xml.x");
    let whole = fs::read(&list).unwrap();
    let mut spoilt = whole.clone();
    spoilt[20] ^= 1;
    fs::write(&list, &spoilt).unwrap();
    says("is damaged: repodata/primary.xml.x: its sha256 differs from the one in repomd.xml");
    fs::write(&list, &whole[..whole.len() - 1]).unwrap();
    says("is damaged: repodata/primary.xml.x: it has");
    fs::remove_file(&list).unwrap();
    says("is damaged: repodata/primary.xml.x: it does not exist");
    fs::write(desk.path("essex/repodata/repomd.xml"), "<html>").unwrap();
    says("is damaged: repodata/repomd.xml: it ends in the middle");
    fs::write(desk.path("essex/repodata/repomd.xml"), "<html></html>").unwrap();
    says("is damaged: repodata/repomd.xml: it is not the index of a repository");
    fs::remove_dir_all(desk.path("essex")).unwrap();
    fs::write(desk.path("tree/repodata/primary.xml.x"), "").unwrap();
    repository(&desk.path("essex"), &["x"], "gzip");
    says("package metadata of the install tree");
}

#[test]
fn repositories_reach_the_kickstart_of_their_nodes_in_the_grammar_of_every_release() {
    for release in ["6.3", "6.10", "7", "8", "9", "10"] {
        let desk = Desk::new();
        desk.site(&desk.tree(release), "release = \"6.10\"", &format!("release = \"{release}\""));
        add(&desk, "[[repository]]\nname = \"essex\"\npath = \"HERE/essex\"\nroles = [\"compute\"]\n");
        for folder in ["BaseOS", "AppStream"] {
            repository(&desk.path("essex").join(folder), &["x"], "gzip");
        }
        assert_eq!(desk.run(&["check"]).code, 0, "{}", desk.run(&["check"]).stderr);
        let kickstart = desk.run(&["render", "compute1", "kickstart"]).stdout;
        for name in ["BaseOS", "AppStream"] {
            let line = format!("repo --name=rackstart-essex-{name} --baseurl=http://192.168.0.254/repo/essex/{name}\n");
            assert!(kickstart.contains(&line), "{line} is not in\n{kickstart}");
        }
        assert!(!desk.run(&["render", "controller", "kickstart"]).stdout.contains("/repo/"));
    }
}

#[test]
fn a_repository_with_mistakes_names_all_of_them() {
    let more = "[[repository]]\nname = \"Essex\"\npath = \"here\"\nreleases = [\"5\"]\nroles = [\"comptue\"]\n\
        install_trees = [\"centos7\"]\nexpect = { \"a b\" = \"1\", \"nova\" = \"1 2\" }\n\
        [[repository]]\nname = \"a\"\npath = \"/x\"\ncolour = 1\n[[repository]]\nname = \"a\"\npath = \"/x\"\n\
        roles = [\"comptue\"]\ninstall_trees = [\"centos7\"]\n\
        [[image]]\nname = \"a b\"\npath = \"/x\"\n[[image]]\nname = \"b\"\npath = \"/x\"\nsha256 = \"12\"\nformat = \"qcow\"\n";
    let run = desk_with(more).run(&["check"]);
    for part in [
        "`Essex` is not a name for a repository",
        "`here` is not an absolute path",
        "`5` is not a supported release",
        "is for unknown role `comptue`",
        "is for unknown install tree `centos7`",
        "names `a b`, which is not a package",
        "`1 2` is not a version",
        "has unknown key `colour`",
        "two repositories have the name `a`",
        "`a b` is not a name for an image",
        "image `a b` has no checksum",
        "`12` is not a sha256",
        "has unknown `format` `qcow`",
        "the repository `a` cannot be used: /x does not exist",
        "the image `b` cannot be used: /x does not exist",
    ] {
        assert!(run.stderr.contains(part), "{part}\nis not in\n{}", run.stderr);
    }
}

#[test]
fn a_key_must_be_a_public_key() {
    let desk = desk_with("[[repository]]\nname = \"essex\"\npath = \"HERE/essex\"\ngpg_key = \"HERE/key\"\n");
    repository(&desk.path("essex"), &["x"], "gzip");
    assert!(desk.run(&["check"]).stderr.contains("key of repository `essex` cannot be used: it does not exist"));
    fs::write(desk.path("key"), "secret").unwrap();
    assert!(desk.run(&["check"]).stderr.contains("it holds no `-----BEGIN PGP PUBLIC KEY BLOCK-----`"));
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n";
    fs::write(desk.path("key"), key).unwrap();
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stdout.contains("gpg_key"), "{}", run.stdout);
}

#[test]
fn an_image_is_proved_by_its_checksum_and_one_that_is_missing_leaves_machines_out() {
    let desk = desk_with("");
    let run = desk.run(&["check"]);
    assert!(run.stdout.contains("note: there is no image `cirros-0.3.0-x86_64`"), "{}", run.stdout);
    let env = |desk: &Desk| desk.run(&["render", "controller", "firstboot-file", "env"]).stdout;
    assert!(env(&desk).contains("IMAGES=''\n") && env(&desk).contains("ACCEPTANCE='services'\n"), "{}", env(&desk));
    // The image is in the install tree, where images were before `[[image]]` existed.
    fs::create_dir_all(desk.path("tree/images")).unwrap();
    let file = desk.path("tree/images/cirros-0.3.0-x86_64-disk.img");
    fs::write(&file, "image").unwrap();
    let sum = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";
    fs::write(desk.path("tree/images/SHA256SUMS"), format!("{sum}  cirros-0.3.0-x86_64-disk.img\n")).unwrap();
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stdout.contains("there is no image"), "{}", run.stdout);
    let word = format!("cirros-0.3.0-x86_64|qcow2|sha256|{sum}");
    assert!(env(&desk).contains(&format!("IMAGES='{word}'\n")), "{}", env(&desk));
    assert!(env(&desk).contains("ACCEPTANCE='services boot ssh volume migration'\n"));
    // The site file may name any number of other images.
    add(
        &desk,
        "[[image]]\nname = \"small\"\npath = \"HERE/small.img\"\nmd5 = \"78805A221A988E79EF3F42D7C5BFD418\"\nformat = \"raw\"\n",
    );
    assert!(desk.run(&["check"]).stderr.contains("small.img) cannot be used: it does not exist"));
    fs::write(desk.path("small.img"), "image").unwrap();
    assert_eq!(desk.run(&["check"]).code, 0, "{}", desk.run(&["check"]).stderr);
    assert!(env(&desk).contains("small|raw|md5|78805a221a988e79ef3f42d7c5bfd418"), "{}", env(&desk));
    fs::write(desk.path("small.img"), "imagE").unwrap();
    fs::write(&file, "imagE").unwrap();
    let run = desk.run(&["check"]);
    assert!(run.stderr.contains("small.img) cannot be used: its md5 is "), "{}", run.stderr);
    assert!(
        run.stderr.contains("disk.img) cannot be used: its sha256 is ") && run.stderr.contains("2 problems"),
        "{}",
        run.stderr
    );
}

#[test]
fn trees_and_repositories_may_be_disc_images() {
    let desk = desk_with("[[repository]]\nname = \"dvd2\"\npath = \"HERE/dvd2.iso\"\n");
    let image = |folder: &str, name: &str| {
        let made = Command::new("xorriso")
            .args(["-as", "mkisofs", "-quiet", "-R", "-o"])
            .args([desk.path(name), desk.path(folder)])
            .status();
        assert!(made.unwrap().success());
    };
    let (first, second) = ALL.split_once(" mysql ").unwrap();
    repository(&desk.path("tree"), &first.split_whitespace().collect::<Vec<_>>(), "gzip");
    let mut rest: Vec<&str> = second.split_whitespace().collect();
    repository(&desk.path("dvd2"), &rest, "gzip");
    image("tree", "dvd1.iso");
    image("dvd2", "dvd2.iso");
    let text = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let tree = format!("path = \"{}\"", desk.path("tree").display());
    let text = text.replace(&tree, &format!("path = \"{}\"", desk.path("dvd1.iso").display()));
    fs::write(desk.path("rackstart.toml"), text).unwrap();
    let run = desk.run(&["check"]);
    assert!(run.stderr.contains("3 problems in"), "{}", run.stderr);
    assert!(run.stderr.contains(" 1 package of those that are installed: mysql ("), "{}", run.stderr);
    rest.push("mysql");
    repository(&desk.path("dvd2"), &rest, "gzip");
    image("dvd2", "dvd2.iso");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    fs::write(desk.path("dvd1.iso"), "no image").unwrap();
    let run = desk.run(&["check"]);
    assert!(run.stderr.contains("dvd1.iso cannot be used: it is not an ISO 9660 image"), "{}", run.stderr);
}
