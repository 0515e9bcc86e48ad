//! Tests both ways to resolve a path, the kernel's and the walk, on the same folder with every kind of link.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

struct Fixture {
    place: tempfile::TempDir,
    folder: Folder,
}

impl Fixture {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("tree");
        std::fs::create_dir_all(root.join("Packages/deep")).unwrap();
        std::fs::write(root.join("Packages/a.rpm"), "inside").unwrap();
        std::fs::write(place.path().join("secret"), "secret").unwrap();
        std::fs::create_dir(place.path().join("tree2")).unwrap();
        std::fs::write(place.path().join("tree2/secret"), "secret").unwrap();
        let folder = Folder::at(&root).unwrap();
        Self { place, folder }
    }

    fn link(&self, at: &str, target: impl AsRef<Path>) {
        symlink(target, self.folder.path.join(at)).unwrap();
    }

    /// What each of the two ways reads; they must agree.
    fn read(&self, path: &str) -> Result<String, io::ErrorKind> {
        let text = |opened: io::Result<File>| {
            let mut text = String::new();
            opened.map_err(|error| error.kind())?.read_to_string(&mut text).unwrap();
            Ok(text)
        };
        let by_kernel = text(self.folder.file(path));
        // This is what remains on a kernel without openat2.
        let by_walk = text(regular(|flags| self.folder.walk(Path::new(path), flags)));
        assert_eq!(by_kernel, by_walk, "{path}");
        by_kernel
    }
}

#[test]
fn links_that_stay_inside_are_followed_and_others_are_not() {
    let fixture = Fixture::new();
    let root = fixture.folder.path.clone();
    fixture.link("flat", "Packages/a.rpm");
    fixture.link("Packages/deep/up", "../a.rpm");
    fixture.link("again", "Packages/deep/up");
    fixture.link("folder", "Packages/deep");
    fixture.link("round", "Packages/../Packages/deep/../a.rpm");
    fixture.link("whole", root.join("Packages/a.rpm"));
    for path in [
        "Packages/a.rpm",
        "flat",
        "Packages/deep/up",
        "again",
        "folder/up",
        "folder/../a.rpm",
        "round",
        "whole",
        "Packages/deep/../../Packages/a.rpm",
    ] {
        assert_eq!(fixture.read(path).as_deref(), Ok("inside"), "{path}");
    }
    fixture.link("plain", fixture.place.path().join("secret"));
    fixture.link("up", "../secret");
    fixture.link("far", "Packages/../../secret");
    fixture.link("Packages/deep/high", "../../../secret");
    fixture.link("beside", "../tree2");
    fixture.link("like", format!("{}2/secret", root.display()));
    fixture.link("back", root.join("../secret"));
    fixture.link("etc", "/etc");
    fixture.link("own", "/proc/self/root");
    fixture.link("second", "plain");
    for path in [
        "plain",
        "up",
        "far",
        "Packages/deep/high",
        "beside/secret",
        "like",
        "back",
        "etc/passwd",
        "own/etc/passwd",
        "second",
        "../secret",
        "../tree/Packages/a.rpm",
        "Packages/../../secret",
        "folder/../../../secret",
    ] {
        assert_eq!(fixture.read(path), Err(io::ErrorKind::CrossesDevices), "{path}");
    }
}

#[test]
fn what_is_no_file_is_neither_opened_nor_waited_for() {
    let fixture = Fixture::new();
    let root = fixture.folder.path.clone();
    let fifo = root.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    fixture.link("to-fifo", "fifo");
    fixture.link("loop", "loop");
    fixture.link("gone", "Packages/none");
    for (path, why) in [
        ("fifo", io::ErrorKind::InvalidInput),
        ("socket", io::ErrorKind::InvalidInput),
        ("to-fifo", io::ErrorKind::InvalidInput),
        ("Packages", io::ErrorKind::IsADirectory),
        ("Packages/", io::ErrorKind::IsADirectory),
        (".", io::ErrorKind::IsADirectory),
        ("gone", io::ErrorKind::NotFound),
        ("Packages/a.rpm/x", io::ErrorKind::NotADirectory),
    ] {
        assert_eq!(fixture.read(path), Err(why), "{path}");
    }
    assert!(fixture.read("loop").is_err());
    assert_eq!(named(&fifo).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(named(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert!(named(&root.join("Packages/a.rpm")).is_ok());
    // This must hold even if the file changes its kind between the look and the opening.
    assert!(openat(&fixture.folder.fd, "fifo", READ, Mode::empty()).is_ok(), "it is opened without a writer");
}

#[test]
fn what_leads_out_and_what_is_no_file_is_found_by_its_name() {
    let fixture = Fixture::new();
    fixture.link("inner", "Packages/a.rpm");
    fixture.link("gone", "Packages/none");
    fixture.link("Packages/outer", "/etc/shadow");
    fixture.link("state", "../nothing/there");
    let _socket = UnixListener::bind(fixture.folder.path.join("Packages/deep/s")).unwrap();
    let secret = fixture.place.path().join("secret");
    std::fs::hard_link(&secret, fixture.folder.path.join("Packages/b.rpm")).unwrap();
    let guarded = Guarded::of(std::slice::from_ref(&secret));
    let (found, all) = fixture.folder.unserved(1000, &guarded);
    let expected = [
        ("Packages/b.rpm", Unserved::Guarded(secret.display().to_string())),
        ("Packages/deep/s", Unserved::Special),
        ("Packages/outer", Unserved::Outward("/etc/shadow".into())),
        ("state", Unserved::Outward("../nothing/there".into())),
    ];
    assert_eq!(found, expected.map(|(path, why)| (path.to_string(), why)));
    assert!(all && !fixture.folder.unserved(2, &guarded).1);
}

#[test]
fn an_exchange_of_folder_and_link_lets_nothing_out() {
    let fixture = Fixture::new();
    let root = fixture.folder.path.clone();
    std::fs::create_dir(root.join("one")).unwrap();
    std::fs::write(root.join("one/secret"), "inside").unwrap();
    fixture.link("two", "../tree2");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (one, two) = (root.join("one"), root.join("two"));
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &two, exchange);
            }
        });
        for _ in 0..2000 {
            for opened in [
                fixture.folder.file("one/secret"),
                regular(|flags| fixture.folder.walk(Path::new("one/secret"), flags)),
            ] {
                let mut text = String::new();
                if let Ok(mut file) = opened {
                    file.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "inside");
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
