//! Images of the appliance with a site inside, and sticks: what is written where, and what is refused. The images are
//! read by xorriso, and the "disk" is a file that a stand-in for `lsblk` lists.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::desk::{Desk, Run};

/// Bytes of the disk that `lsblk` lists.
const DISK: usize = 8 << 20;

fn xorriso(args: &[&str], folder: &Path) -> String {
    let done = Command::new("xorriso").args(args).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// A desk with a site, its tree and a repository, and a small image with the tables and loaders of the real one.
fn desk() -> Desk {
    let desk = Desk::new();
    let tree = desk.tree("6.10");
    fs::create_dir_all(desk.path("extra/repodata")).unwrap();
    fs::write(desk.path("extra/repodata/repomd.xml"), "<repomd/>").unwrap();
    fs::set_permissions(desk.path("extra"), fs::Permissions::from_mode(0o700)).unwrap();
    let more = format!("\n[[repository]]\nname = \"extra\"\npath = {:?}\n", desk.path("extra"));
    desk.site(&tree, "", "");
    let file = desk.path("rackstart.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap() + &more).unwrap();
    for folder in ["base/rackstart", "base/boot"] {
        fs::create_dir_all(desk.path(folder)).unwrap();
    }
    fs::write(desk.path("base/rackstart/version"), "9.8.7\n").unwrap();
    fs::write(desk.path("base/boot/loader.img"), [7; 4096]).unwrap();
    fs::write(desk.path("mbr.img"), [0; 512]).unwrap();
    fs::write(desk.path("efi.img"), vec![5; 1 << 20]).unwrap();
    let words = "-as mkisofs -quiet -r -V RACKSTART_ISO -partition_offset 16 --mbr-force-bootable --grub2-mbr mbr.img \
        -append_partition 2 0xef efi.img -c boot/boot.cat -b boot/loader.img -no-emul-boot -boot-load-size 4 \
        -boot-info-table --grub2-boot-info -eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot \
        -o base.iso base";
    xorriso(&words.split_whitespace().collect::<Vec<_>>(), desk.path("").as_path());
    desk
}

/// `appliance build` from that image, and more words.
fn build(desk: &Desk, more: &[&str]) -> Run {
    let words = ["appliance", "build", "--image", "base.iso", "--site", "rackstart.toml", "--out", "rack1.iso"];
    desk.run(&[&words[..], more].concat())
}

const BOTH: [&str; 4] = ["--tree", "tree", "--repository", "extra"];

/// Type of each of the four entries in an image's partition table.
fn partitions(image: &[u8]) -> Vec<u8> {
    image[446..510].chunks(16).map(|entry| entry[4]).collect()
}

#[test]
fn an_image_holds_the_site_its_trees_and_repositories_and_boots_as_before() {
    let desk = desk();
    let run = build(&desk, &BOTH);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert!(run.stdout.starts_with("wrote rack1.iso: rackstart 9.8.7 with the site `"), "{run:?}");
    assert!(run.stdout.contains("trees and repositories inside: 2;"), "{run:?}");
    let mode = fs::metadata(desk.path("rack1.iso")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the site file may hold secrets");

    let out = desk.path("out");
    xorriso(&["-osirrox", "on", "-indev", "rack1.iso", "-extract", "/rackstart", "out"], desk.path("").as_path());
    let text = fs::read_to_string(out.join("site/rackstart.toml")).unwrap();
    let before = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let expected = before
        .replace(&format!("{:?}", desk.path("tree")), "\"/medium/rackstart/trees/centos6\"")
        .replace(&format!("{:?}", desk.path("extra")), "\"/medium/rackstart/repositories/extra\"");
    assert!(text == expected && text != before, "{text}");
    assert_eq!(fs::read(out.join("trees/centos6/images/pxeboot/vmlinuz")).unwrap(), b"kernel");
    assert_eq!(fs::read(out.join("repositories/extra/repodata/repomd.xml")).unwrap(), b"<repomd/>");
    let list = xorriso(
        &["-indev", "rack1.iso", "-lsl", "/rackstart/site", "/rackstart/repositories"],
        out.as_path().parent().unwrap(),
    );
    let line = |end: &str| list.lines().find(|line| line.ends_with(end)).unwrap_or_else(|| panic!("{end}: {list}"));
    assert!(line("'rackstart.toml'").starts_with("-r--------") && line("'rackstart.toml'").contains(" 990 "), "{list}");
    let above = xorriso(&["-indev", "rack1.iso", "-lsl", "/rackstart"], desk.path("").as_path());
    for folder in ["'site'", "'trees'", "'repositories'"] {
        let is_open = above.lines().any(|line| line.ends_with(folder) && line.starts_with("dr-xr-xr-x"));
        assert!(is_open, "the daemon's own user has to get to {folder}: {above}");
    }
    assert!(line("'extra'").starts_with("dr-xr-xr-x"), "the daemon's own user has to read it: {list}");

    let (base, image) = (fs::read(desk.path("base.iso")).unwrap(), fs::read(desk.path("rack1.iso")).unwrap());
    assert_eq!(partitions(&image), partitions(&base));
    let loaders = |image: &str| {
        let said = xorriso(&["-indev", image, "-report_el_torito", "plain"], desk.path("").as_path());
        said.lines().filter(|line| line.contains("boot img")).map(|line| line[..60].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(loaders("rack1.iso"), loaders("base.iso"));
    assert_eq!(loaders("base.iso").len(), 2);
}

#[test]
fn what_the_site_names_and_the_image_lacks_is_named_before_anything_is_made() {
    let desk = desk();
    let run = build(&desk, &[]);
    let (tree, extra) = (desk.path("tree"), desk.path("extra"));
    let said = format!("add `--tree {}` `--repository {}`", tree.display(), extra.display());
    assert!(run.code == 1 && run.stderr.contains(&said), "{run:?}");
    let run = build(&desk, &[&BOTH[..], &["--tree", "base"]].concat());
    assert!(run.code == 1 && run.stderr.contains("the site file names no tree and no repository"), "{run:?}");
    let run = build(&desk, &[&BOTH[..], &["--tree", "nowhere"]].concat());
    assert!(run.code == 1 && run.stderr.contains("there is no nowhere"), "{run:?}");

    let run = build(&desk, &[&BOTH[..], &["--templates", "mine"]].concat());
    assert!(run.code == 1 && run.stderr.contains("does not take in the templates in mine"), "{run:?}");

    let file = desk.path("rackstart.toml");
    let text = fs::read_to_string(&file).unwrap();
    let key = desk.path("store.key");
    fs::write(&key, "key").unwrap();
    fs::write(&file, format!("{text}[secrets]\nkey_file = {key:?}\n")).unwrap();
    let run = build(&desk, &BOTH);
    let said = format!("the site file names files that the image does not take in: {}\n", key.display());
    assert!(run.code == 1 && run.stderr.contains(&said), "{run:?}");
    fs::write(&file, text.replace("state = \"/var/lib/rackstart\"", "state = \"/srv/elsewhere\"")).unwrap();
    let run = build(&desk, &BOTH);
    assert!(
        run.code == 1 && run.stderr.contains("`server.state` is /srv/elsewhere, which an appliance loses"),
        "{run:?}"
    );
    assert!(!desk.path("rack1.iso").exists() && !desk.path("rack1.iso.part").exists());
}

#[test]
fn no_image_is_made_without_xorriso_nor_over_a_file_that_is_there() {
    let desk = desk();
    fs::create_dir(desk.path("empty")).unwrap();
    let words = "appliance build --image base.iso --site rackstart.toml --tree tree --repository extra --out rack1.iso";
    let mut command = desk.command(&words.split(' ').collect::<Vec<_>>());
    let done = command.env("PATH", desk.path("empty")).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(1) && said.contains("cannot run xorriso: "), "{said}");
    assert!(said.contains("help: install it: `apt-get install xorriso`"), "{said}");
    assert!(!desk.path("rack1.iso").exists() && !desk.path("rack1.iso.part").exists());
    fs::write(desk.path("rack1.iso"), "mine").unwrap();
    let run = build(&desk, &BOTH);
    assert!(run.code == 1 && run.stderr.contains("rack1.iso already exists and was not changed"), "{run:?}");
    assert_eq!(fs::read(desk.path("rack1.iso")).unwrap(), b"mine");
    let run = desk.run(&["appliance", "build", "--image", "mbr.img", "--site", "rackstart.toml", "--out", "new.iso"]);
    assert!(run.code == 1 && run.stderr.contains("mbr.img is no image of an appliance: "), "{run:?}");
    let run = desk.run(&["appliance", "build", "--site", "rackstart.toml", "--out", "new.iso"]);
    assert!(run.code == 1 && run.stderr.contains("`make appliance` makes it"), "{run:?}");
}

/// Puts a disk into the desk: a file that `lsblk` lists with these further fields of JSON.
fn disk(desk: &Desk, more: &str) {
    let stick = desk.path("stick");
    fs::write(&stick, vec![9; DISK]).unwrap();
    fs::create_dir_all(desk.path("bin")).unwrap();
    let lsblk = format!(
        "#!/bin/sh\ncat <<'END'\n{{\"blockdevices\": [{{\"path\":{stick:?},\"type\":\"disk\",\"size\":{DISK},\
         \"model\":\"Ultra Fit \",\"serial\":\"AA01\",\"tran\":\"usb\",\"ro\":false,\"fstype\":\"vfat\",\
         \"label\":\"HOLIDAY\",\"mountpoint\":null{more}}}]}}\nEND\n"
    );
    fs::write(desk.path("bin/lsblk"), lsblk).unwrap();
    fs::set_permissions(desk.path("bin/lsblk"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// `appliance write base.iso stick` with that `lsblk` first.
fn write(desk: &Desk, more: &[&str]) -> Run {
    let words = [&["appliance", "write", "base.iso", "stick"][..], more].concat();
    let done = desk.command(&words).env("PATH", path(desk)).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: done.status.code().unwrap(), stdout: text(done.stdout), stderr: text(done.stderr) }
}

fn path(desk: &Desk) -> String {
    format!("{}:{}", desk.path("bin").display(), std::env::var("PATH").unwrap())
}

fn is_untouched(desk: &Desk) -> bool {
    fs::read(desk.path("stick")).unwrap() == vec![9; DISK]
}

#[test]
fn a_stick_is_shown_and_written_with_its_own_serial_alone() {
    let desk = desk();
    disk(&desk, "");
    for (words, code) in [(&[][..], 2), (&["--serial", "AA02"], 1), (&["--serial", ""], 1)] {
        let run = write(&desk, words);
        assert!(run.code == code && is_untouched(&desk), "{run:?}");
        for shown in ["8 MB", "usb", "Ultra Fit", "AA01", "vfat HOLIDAY", "rackstart 9.8.7"] {
            assert!(run.stdout.contains(shown), "{shown}: {run:?}");
        }
    }
    let run = write(&desk, &["--serial", "AA01"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let (image, stick) = (fs::read(desk.path("base.iso")).unwrap(), fs::read(desk.path("stick")).unwrap());
    assert!(stick.starts_with(&image) && stick[image.len()..].iter().all(|byte| *byte == 9));
}

#[test]
fn the_serial_is_typed_on_a_terminal() {
    let desk = desk();
    disk(&desk, "");
    let typed = |line: &str| {
        let words = format!("{} appliance write base.iso stick", env!("CARGO_BIN_EXE_rackstart"));
        let mut script = Command::new("script");
        script.args(["-qec", &words, "/dev/null"]).current_dir(desk.path("")).env("PATH", path(&desk));
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(script.stdin.as_ref().unwrap(), "{line}").unwrap();
        let done = script.wait_with_output().unwrap();
        (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, said) = typed("yes");
    assert!(code == 1 && said.contains("nothing was written: the serial of") && is_untouched(&desk), "{said}");
    let (code, said) = typed("AA01");
    assert!(code == 0 && said.contains("Type the serial to go on") && said.contains("written and read back"), "{said}");
    assert!(fs::read(desk.path("stick")).unwrap().starts_with(&fs::read(desk.path("base.iso")).unwrap()));
}

#[test]
fn a_disk_in_use_with_a_state_too_small_or_no_disk_is_refused() {
    let desk = desk();
    let part = |more: &str| {
        format!(
            ",\"children\":[{{\"path\":\"/dev/sdz1\",\"type\":\"part\",\"size\":1,\"model\":null,\"serial\":null,\
             \"tran\":null,\"ro\":false,\"fstype\":\"ext4\",{more}}}]"
        )
    };
    let cases = [
        (part("\"label\":null,\"mountpoint\":\"/home\""), "is in use: /dev/sdz1 is mounted at /home"),
        (part("\"label\":null,\"mountpoint\":\"[SWAP]\""), "is in use: /dev/sdz1 is swap space in use"),
        (part("\"label\":\"RACKSTART\",\"mountpoint\":null"), "holds the state of an appliance"),
    ];
    for (more, said) in cases {
        disk(&desk, &more);
        let run = write(&desk, &["--serial", "AA01"]);
        assert!(run.code == 1 && run.stderr.contains(said) && is_untouched(&desk), "{said}: {run:?}");
    }
    assert_eq!(write(&desk, &["--serial", "AA01", "--erase-state"]).code, 0);
    let lsblk = desk.path("bin/lsblk");
    disk(&desk, "");
    let small = fs::read_to_string(&lsblk).unwrap().replace(&format!("\"size\":{DISK}"), "\"size\":4096");
    fs::write(&lsblk, small).unwrap();
    let run = write(&desk, &["--serial", "AA01"]);
    assert!(run.code == 1 && run.stderr.contains("use a larger stick") && is_untouched(&desk), "{run:?}");
    // The real lsblk knows of no such disk.
    fs::remove_file(&lsblk).unwrap();
    let run = write(&desk, &["--serial", "AA01"]);
    assert!(run.code == 1 && run.stderr.contains("stick is not a whole disk") && is_untouched(&desk), "{run:?}");
}
