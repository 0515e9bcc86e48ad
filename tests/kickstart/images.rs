//! The disk guard on disk images of others: IMAGES names a folder of *.img.xz, such as util-linux's own for blkid.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::Machine;
use crate::pre_script::{commands, script_for, testbed_of};
use rackstart::lifecycle::WipeScope;

/// How much the guard reads at either end of a disk, in bytes.
const BEGIN: usize = 4 << 20;
const END: usize = 2 << 20;
/// A disk that is much longer than any of the images.
const DISK: usize = 256 << 20;

fn images() -> Vec<PathBuf> {
    let folder = std::env::var_os("IMAGES").expect("IMAGES names no folder");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", Path::new(&folder).display()));
    let files = files.map(|file| file.unwrap().path());
    let mut images: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with(".img.xz")).collect();
    images.sort();
    images
}

/// The image in whole blocks: some of them end within one.
fn unpacked(image: &Path) -> Vec<u8> {
    let xz = Command::new("xz").arg("-dc").arg(image).output().expect("xz is missing");
    assert!(xz.status.success(), "{}: {}", image.display(), String::from_utf8_lossy(&xz.stderr));
    let mut bytes = xz.stdout;
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// What the guard of a release says of a disk of `size` bytes that holds these at `offset`: "no" and what it found, or "yes".
/// Neither blkid nor wipefs helps it.
fn said_of(release: &str, size: usize, offset: usize, bytes: &[u8]) -> String {
    let (site, blocks) = (testbed_of(release), (size / 512) as u64);
    let machine = Machine::installer(release);
    machine.disk("sda", blocks, "pci0/ata1", &[]);
    for tool in ["blkid", "wipefs"] {
        machine.program(tool, "exit 2");
    }
    let mut place = offset as u64;
    for piece in bytes.chunks(1 << 20) {
        // What is zero stays a hole.
        if piece.iter().any(|byte| *byte != 0) {
            machine.put("sda", place, piece);
        }
        place += piece.len() as u64;
    }
    machine.answers("permit", "200", &commands(&site, "sda", WipeScope::BlankDiskOnly));
    let run = machine.run(&script_for(&site, blocks));
    let told = run.calls.split_once("blank.os=").unwrap_or_else(|| panic!("{}\n{}", run.console, run.said)).1;
    let (blank, rest) = told.split_once(' ').unwrap();
    let found = rest.split_once("found.os=").unwrap().1.split(" identities=").next().unwrap();
    assert_eq!(run.ok, blank == "yes", "{}", run.console);
    assert_eq!(machine.storage().is_some(), run.ok, "{}", run.console);
    format!("{blank} {found}")
}

fn holds_data(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != 0)
}

/// `make test-long PART=images IMAGES=DIR` runs it.
#[test]
#[ignore = "takes minutes, and a folder of images that is not a part of rackstart"]
fn no_image_of_a_disk_with_anything_on_it_is_called_blank() {
    let (mut disks, mut wrong) = (0, Vec::new());
    let images = images();
    assert!(!images.is_empty(), "IMAGES has no *.img.xz");
    for image in &images {
        let (name, bytes) = (image.file_name().unwrap().to_string_lossy().into_owned(), unpacked(image));
        let size = bytes.len();
        assert!(size <= DISK && holds_data(&bytes), "{name}: {size}");
        // The image alone; at the beginning of a long disk; and at its end, where RAID controllers write.
        let mut ways = vec![("6.3", "as it is", size, 0), ("10", "as it is", size, 0)];
        if holds_data(&bytes[..BEGIN.min(size)]) {
            ways.push(("6.3", "at the beginning", DISK, 0));
        }
        if holds_data(&bytes[size.saturating_sub(END)..]) {
            ways.push(("6.3", "at the end", DISK, DISK - size));
        }
        assert!(ways.len() > 2, "{name} holds nothing at either end");
        for (release, way, disk, offset) in ways {
            disks += 1;
            let said = said_of(release, disk, offset, &bytes);
            println!("{name} {way}, {release}: {said}");
            if !said.starts_with("no ") || said.len() < 6 {
                wrong.push(format!("{name} {way}, {release}: {said}"));
            }
        }
    }
    // The same sizes with nothing on them are blank.
    for size in [1536, 4096, 2 << 20, BEGIN + END, BEGIN + END + 512, DISK] {
        for release in ["6.3", "10"] {
            assert!(said_of(release, size, 0, &[]).starts_with("yes "), "{size}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("long: {} images on {disks} disks | none is called blank, and zeros of every size are", images.len());
}
