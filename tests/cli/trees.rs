//! `rackstart check` before install trees and repositories that hold more than files: what leads out is named, what is
//! secret is never in a served folder, and metadata that is a bomb is damage.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::support::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.site(&desk.tree("6.10"), "state = \"/var/lib/rackstart\"", &format!("state = {:?}", desk.path("state")));
    desk
}

#[test]
fn links_that_lead_out_are_named_and_links_inside_are_not() {
    let desk = desk();
    let tree = desk.path("tree");
    symlink("images/pxeboot/vmlinuz", tree.join("inner")).unwrap();
    symlink("/etc/shadow", tree.join("images/shadow")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.join("pipe")).status().unwrap().success());
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let note = run.stdout.lines().find(|line| line.contains("not served from")).expect(&run.stdout);
    assert!(note.contains("install tree `centos6`: images/shadow (a link that leads out, to /etc/shadow)"), "{note}");
    assert!(note.contains("pipe (a device, a socket or a FIFO)") && !note.contains("inner"), "{note}");
}

#[test]
fn other_names_of_what_nobody_may_fetch_are_named() {
    let desk = desk();
    let tree = desk.path("tree");
    fs::create_dir_all(desk.path("state")).unwrap();
    fs::write(desk.path("state/rackstart.sqlite"), "it is played").unwrap();
    fs::hard_link(desk.path("state/rackstart.sqlite"), tree.join("images/store")).unwrap();
    fs::hard_link(desk.path("rackstart.toml"), tree.join("site")).unwrap();
    fs::hard_link(tree.join("images/pxeboot/vmlinuz"), tree.join("own")).unwrap();
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let note = run.stdout.lines().find(|line| line.contains("not served from")).expect(&run.stdout);
    assert!(
        note.contains("images/store (another name of ") && note.contains("state/rackstart.sqlite, which"),
        "{note}"
    );
    assert!(note.contains("site (another name of ") && !note.contains("own ("), "{note}");
}

#[test]
fn a_tree_whose_kernel_is_a_link_that_leads_out_or_a_pipe_is_incomplete() {
    let desk = desk();
    let kernel = desk.path("tree/images/pxeboot/vmlinuz");
    fs::rename(&kernel, desk.path("kernel")).unwrap();
    symlink(desk.path("kernel"), &kernel).unwrap();
    let run = desk.run(&["check"]);
    assert!(run.code == 1 && run.stderr.contains("no readable images/pxeboot/vmlinuz"), "{}", run.stderr);
    fs::remove_file(&kernel).unwrap();
    assert!(Command::new("mkfifo").arg(&kernel).status().unwrap().success());
    let run = desk.run(&["check"]);
    assert!(run.code == 1 && run.stderr.contains("no readable images/pxeboot/vmlinuz"), "{}", run.stderr);
}

#[test]
fn a_served_path_with_the_state_or_the_site_file_in_it_is_refused() {
    for (path, why) in [("state/tree", "it lies in the state directory"), ("", "it holds the state directory")] {
        let desk = desk();
        let place = desk.path(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        if path.is_empty() {
            for name in [".treeinfo", "images"] {
                fs::rename(desk.path("tree").join(name), desk.path(name)).unwrap();
            }
        } else {
            fs::rename(desk.path("tree"), &place).unwrap();
        }
        desk.site(&place, "state = \"/var/lib/rackstart\"", &format!("state = {:?}", desk.path("state")));
        let run = desk.run(&["check"]);
        assert!(run.code == 1 && run.stderr.contains(why), "{}", run.stderr);
    }
    // Many operators keep their trees beside the site file.
    assert_eq!(desk().run(&["check", "--quiet"]).code, 0);
}

#[test]
fn a_loader_that_is_the_site_file_is_refused() {
    let desk = desk();
    let mut text = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let own = desk.path("rackstart.toml");
    text += &format!("\n[firmware.bios]\nloader = {own:?}\nsha256 = \"{}\"\n", "0".repeat(64));
    fs::write(&own, text).unwrap();
    let run = desk.run(&["check"]);
    assert!(run.code == 1 && run.stderr.contains("it is the site file"), "{}", run.stderr);
}

#[test]
fn an_image_without_rock_ridge_is_refused_with_the_way_to_make_it() {
    let desk = desk();
    let made = Command::new("xorriso")
        .args(["-as", "mkisofs", "-quiet", "--norock", "-J", "-o"])
        .args([desk.path("dvd.iso"), desk.path("tree")])
        .status();
    assert!(made.unwrap().success());
    desk.site(&desk.path("dvd.iso"), "", "");
    let run = desk.run(&["check"]);
    assert!(run.code == 1 && run.stderr.contains("no Rock Ridge names"), "{}", run.stderr);
    assert_eq!(run.stderr.matches("error").count() - run.stderr.matches("1 error").count(), 1, "{}", run.stderr);
}

#[test]
fn metadata_that_would_fill_the_memory_is_damage() {
    let desk = desk();
    let data = desk.path("tree/repodata");
    fs::create_dir_all(&data).unwrap();
    // Half a GiB of one name; as a file it has half a MiB.
    let mut gzip = Command::new("gzip")
        .arg("-1c")
        .stdin(Stdio::piped())
        .stdout(fs::File::create(data.join("primary.xml.gz")).unwrap())
        .spawn()
        .unwrap();
    let mut into = gzip.stdin.take().unwrap();
    into.write_all(b"<metadata><package><name>").unwrap();
    for _ in 0..512 {
        into.write_all(&vec![b'n'; 1 << 20]).unwrap();
    }
    drop(into);
    assert!(gzip.wait().unwrap().success());
    let sum = Command::new("sha256sum").arg(data.join("primary.xml.gz")).output().unwrap().stdout;
    let sum = String::from_utf8(sum).unwrap();
    let sum = sum.split_whitespace().next().unwrap();
    let index = format!(
        "<repomd><data type=\"primary\"><checksum type=\"sha256\">{sum}</checksum>\
         <location href=\"repodata/primary.xml.gz\"/></data></repomd>"
    );
    fs::write(data.join("repomd.xml"), index).unwrap();
    // The limit of the address space is smaller than the name.
    let bounded = format!("ulimit -v 450000; exec {} check", env!("CARGO_BIN_EXE_rackstart"));
    let run = Command::new("sh").args(["-c", &bounded]).current_dir(desk.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code() == Some(1) && said.contains("an element or attribute has more than 64 KiB"), "{said}");
}
