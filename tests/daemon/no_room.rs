//! What rackstart says when the disk has no room, and that nothing remains of a store that could not be made.

use std::fs;
use std::path::Path;

use crate::support::desk::Desk;
use crate::support::network_lab::{inside_with, run};

const OWN_MOUNTS: [&str; 4] = ["unshare", "--mount", "--propagation", "private"];
/// Larger than any step of making a store needs, and small enough to stop in the middle of each.
const STEP_KIB: usize = 12;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.collect()
}

/// Runs `body` with a disk of so many KiB mounted at `folder`.
fn on_a_disk_of<T>(kib: usize, folder: &Path, body: impl FnOnce() -> T) -> T {
    run(&format!("mount -t tmpfs -o size={kib}k,mode=700 tmpfs {}", folder.display()));
    let outcome = body();
    run(&format!("umount --lazy {}", folder.display()));
    outcome
}

#[test]
fn a_store_that_finds_no_room_is_not_begun_and_is_not_called_damaged() {
    inside_with(&OWN_MOUNTS, || {
        let desk = Desk::new();
        let state = desk.path("state");
        fs::create_dir(&state).unwrap();
        desk.site(&desk.tree("6.10"), "state = \"/var/lib/rackstart\"", &format!("state = \"{}\"", state.display()));
        let mut told = 0;
        // A store needs less than 400 KiB; above that only the room that it wants to have left is tried.
        for kib in (STEP_KIB..400).step_by(STEP_KIB).chain((400..).step_by(100)) {
            let (begun, left) = on_a_disk_of(kib, &state, || (desk.run(&["secrets", "list"]), names(&state)));
            if begun.code == 0 {
                break;
            }
            let says = format!("no space is left on the disk of the state directory {}", state.display());
            assert!(begun.code == 1 && begun.stderr.contains(&says), "{kib} KiB: {}", begun.stderr);
            assert!(left.iter().all(|name| name == "lock"), "{kib} KiB: {left:?}");
            told += 1;
        }
        assert!(told > 3, "{told} disks were too small");
    });
}

#[test]
fn no_piece_of_a_backup_or_of_templates_is_left_on_a_full_disk() {
    inside_with(&OWN_MOUNTS, || {
        let desk = Desk::new();
        let (state, small) = (desk.path("state"), desk.path("small"));
        fs::create_dir(&small).unwrap();
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&state).unwrap();
        desk.site(&desk.tree("6.10"), "state = \"/var/lib/rackstart\"", &format!("state = \"{}\"", state.display()));
        assert_eq!(desk.run(&["secrets", "rotate", "--all"]).code, 0);
        for args in
            [&["backup", "small/copy"][..], &["init", "--templates", "small/t"], &["init", "-o", "small/x.toml"]]
        {
            let (refused, left) = on_a_disk_of(16, &small, || (desk.run(args), names(&small)));
            assert_eq!(refused.code, 1, "{args:?}: {}", refused.stderr);
            assert!(refused.stderr.contains("help: make room there, or name a "), "{args:?}: {}", refused.stderr);
            assert_eq!(left, [""; 0], "{args:?}");
        }
    });
}
