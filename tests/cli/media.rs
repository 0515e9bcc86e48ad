//! `rackstart media` before a web server that fails in every way that mirrors fail, and before folders and images.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::desk::Desk;

/// What a server does with the next request for a path.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It answers so.
    Status(u16),
    /// It ends the connection after so many bytes.
    Cut(usize),
    /// It sends other bytes of the same length.
    Damaged,
    /// It knows no ranges.
    Whole,
}

/// The requests: each path, and the first byte that was wanted.
type Log = Arc<Mutex<Vec<(String, u64)>>>;
/// What is to fail, by path; the last one comes first.
type Faults = BTreeMap<String, Vec<Fault>>;

/// A mirror on loopback, with the requests that it got: the path, and the first byte that was wanted.
struct Mirror {
    url: String,
    asked: Log,
    faults: Arc<Mutex<Faults>>,
}

impl Mirror {
    /// Serves a folder until the test ends.
    fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/9/os", listener.local_addr().unwrap());
        let (asked, faults) = (Log::default(), Arc::new(Mutex::new(Faults::default())));
        let (folder, log, wrong) = (folder.to_path_buf(), asked.clone(), faults.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (folder, log, wrong) = (folder.clone(), log.clone(), wrong.clone());
                // Clients go away as they like.
                std::thread::spawn(move || drop(answer(stream.unwrap(), &folder, &log, &wrong)));
            }
        });
        Self { url, asked, faults }
    }

    /// The next requests for that path fail so, one after the other.
    fn fails(&self, path: &str, faults: &[Fault]) {
        self.faults.lock().unwrap().insert(path.into(), faults.iter().rev().copied().collect());
    }

    /// What was asked for since the last time.
    fn asked(&self) -> Vec<(String, u64)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn starts_of(&self, path: &str) -> Vec<u64> {
        self.asked().into_iter().filter(|(asked, _)| asked == path).map(|(_, from)| from).collect()
    }
}

fn answer(mut stream: TcpStream, folder: &Path, log: &Log, faults: &Mutex<Faults>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap().strip_prefix("/9/os/").unwrap_or_default().replace("%2B", "+");
        let mut from = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(range) = header.strip_prefix("range: bytes=") {
                from = range.trim_end_matches('-').parse().unwrap();
            }
        }
        log.lock().unwrap().push((path.clone(), from));
        let fault = faults.lock().unwrap().get_mut(&path).and_then(Vec::pop);
        let Ok(mut bytes) = fs::read(folder.join(&path)) else {
            write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        };
        let all = bytes.len();
        let mut head = "200 OK".to_string();
        if from > 0 && !matches!(fault, Some(Fault::Whole)) {
            bytes.drain(..from as usize);
            head = format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}", all - 1);
        }
        match fault {
            Some(Fault::Status(status)) => {
                write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno")?;
                continue;
            }
            Some(Fault::Cut(length)) => {
                write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
                stream.write_all(&bytes[..length])?;
                return Ok(());
            }
            Some(Fault::Damaged) => bytes.iter_mut().for_each(|byte| *byte ^= 1),
            _ => {}
        }
        write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
        stream.write_all(&bytes)?;
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut sum = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    sum.stdin.take().unwrap().write_all(bytes).unwrap();
    let mut text = String::new();
    sum.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    sum.wait().unwrap();
    text.split(' ').next().unwrap().into()
}

/// A tree of EL9 as on a mirror, with these packages: names and contents.
fn tree(folder: &Path, packages: &[(&str, &[u8])]) {
    let write = |path: &str, bytes: &[u8]| {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), bytes).unwrap();
    };
    let mut primary = String::from("<metadata xmlns=\"http://linux.duke.edu/metadata/common\">");
    for (path, bytes) in packages {
        write(path, bytes);
        let (sum, length) = (sha256(bytes), bytes.len());
        primary.push_str(&format!(
            "<package type=\"rpm\"><name>x</name><arch>noarch</arch><version epoch=\"0\" ver=\"1\" rel=\"1\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{sum}</checksum><size package=\"{length}\"/>\
             <location href=\"{path}\"/></package>"
        ));
    }
    primary.push_str("</metadata>");
    let mut index = String::from("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">");
    for (kind, text) in [("primary", primary.as_str()), ("filelists", "<filelists/>")] {
        let (sum, length) = (sha256(text.as_bytes()), text.len());
        // Named by its content, as createrepo does.
        let path = format!("repodata/{}-{kind}.xml", &sum[..8]);
        write(&path, text.as_bytes());
        index.push_str(&format!(
            "<data type=\"{kind}\"><checksum type=\"sha256\">{sum}</checksum><location href=\"{path}\"/>\
             <size>{length}</size></data>"
        ));
    }
    write("repodata/repomd.xml", (index + "</repomd>").as_bytes());
    let kernel = sha256(b"kernel");
    write("images/pxeboot/vmlinuz", b"kernel");
    write("images/pxeboot/initrd.img", b"initrd");
    write("images/boot.iso", &[0; 5000]);
    write("EFI/BOOT/BOOTX64.EFI", b"signed");
    write(
        ".treeinfo",
        format!(
            "[general]\nfamily = Rocky Linux\nversion = 9.5\narch = x86_64\n[checksums]\nimages/boot.iso = sha256:{kernel}\n\
             images/pxeboot/vmlinuz = sha256:{kernel}\n[images-x86_64]\nkernel = images/pxeboot/vmlinuz\n\
             initrd = images/pxeboot/initrd.img\nboot.iso = images/boot.iso\n"
        )
        .as_bytes(),
    );
}

const BIG: &[u8] = &[7; 400_000];

/// A desk with the paper's site, and a mirror of a tree of EL9.
fn desk() -> (Desk, Mirror) {
    let desk = Desk::new();
    desk.site(&desk.tree("6.10"), "state = \"/var/lib/rackstart\"", &format!("state = {:?}", desk.path("state")));
    tree(&desk.path("remote"), &[("Packages/a/a.rpm", b"package a"), ("Packages/b/b++.rpm", BIG)]);
    let mirror = Mirror::of(&desk.path("remote"));
    (desk, mirror)
}

/// Every file below a folder with its content, by path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => {
                    let name = entry.strip_prefix(folder).unwrap().display().to_string();
                    drop(found.insert(name, fs::read(&entry).unwrap()));
                }
            }
        }
    }
    found
}

#[test]
fn a_tree_at_an_url_is_copied_whole_and_gets_one_block_in_the_site_file() {
    let (desk, mirror) = desk();
    let copy = desk.path("copy");
    let before = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let run = desk.run(&["media", "add", "rocky9", &mirror.url, "--to", copy.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains("files, 4") && run.stdout.contains("[[install_tree]]\nname = \"rocky9\""),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("it came over HTTP"), "{}", run.stderr);
    let mut copied = files(&copy);
    copied.remove(".rackstart-copy.json").unwrap();
    let mut wanted = files(&desk.path("remote"));
    wanted.remove("images/boot.iso").unwrap(); // no node is installed from it
    assert_eq!(copied.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    assert!(copied == wanted, "another content");
    let after = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let block = format!("[[install_tree]]\nname = \"rocky9\"\npath = {copy:?}\nurl = \"{}\"\n", mirror.url);
    assert_eq!(after.replace(&format!("\n{block}"), ""), before, "nothing else changed");
    let check = desk.run(&["check"]);
    let note = format!("the install tree `rocky9` was copied from {} ", mirror.url);
    assert!(check.code == 0 && check.stdout.contains(&note), "{}{}", check.stdout, check.stderr);

    // Once more, by the URL of the site file: everything is there, and only the lists are asked for.
    mirror.asked();
    let again = desk.run(&["media", "add", "rocky9", "--json"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    let told: Value = serde_json::from_str(&again.stdout).unwrap();
    assert!(told["written"] == false && told["kept"] == 3, "{told}");
    assert!(mirror.asked().iter().all(|(path, _)| !path.contains("Packages")), "packages came again");
    assert_eq!(fs::read_to_string(desk.path("rackstart.toml")).unwrap(), after);
}

#[test]
fn a_server_that_fails_is_asked_again_and_a_file_goes_on_where_it_stopped() {
    let (desk, mirror) = desk();
    let copy = desk.path("copy");
    let (big, small) = ("Packages/b/b++.rpm", "Packages/a/a.rpm");
    mirror.fails(big, &[Fault::Cut(150_000), Fault::Status(503), Fault::Cut(100_000)]);
    mirror.fails(small, &[Fault::Damaged]);
    let add = ["media", "add", "rocky9", &mirror.url, "--to", copy.to_str().unwrap(), "--connections", "1"];
    let run = desk.run(&add);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let asked = mirror.asked();
    let starts =
        |path: &str| asked.iter().filter(|(known, _)| known == path).map(|(_, from)| *from).collect::<Vec<_>>();
    assert_eq!((starts(big), starts(small)), (vec![0, 150_000, 150_000, 250_000], vec![0, 0]));
    assert_eq!(fs::read(copy.join(big)).unwrap(), BIG);
}

#[test]
fn a_copy_that_did_not_end_is_told_and_goes_on_later_also_where_ranges_are_unknown() {
    let (desk, mirror) = desk();
    let copy = desk.path("copy");
    let big = "Packages/b/b++.rpm";
    let site = fs::read(desk.path("rackstart.toml")).unwrap();
    mirror.fails(big, &[Fault::Cut(9_000), Fault::Status(403)]);
    let add = ["media", "add", "rocky9", &mirror.url, "--to", copy.to_str().unwrap()];
    let run = desk.run(&add);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stderr.contains(&format!("{big}: the server answers 403")), "{}", run.stderr);
    assert!(run.stderr.contains("it goes on where it stopped"), "{}", run.stderr);
    assert_eq!(fs::read(desk.path("rackstart.toml")).unwrap(), site);
    assert!(!copy.join("repodata/repomd.xml").exists() && !copy.join(".treeinfo").exists(), "lists before their files");
    mirror.asked();
    mirror.fails(big, &[Fault::Whole]);
    let run = desk.run(&add);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(mirror.starts_of(big), [9_000], "it went on, and took the whole file");
    assert_eq!(fs::read(copy.join(big)).unwrap(), BIG);
    assert!(files(&copy).keys().all(|name| !name.ends_with(".part") && !name.ends_with(".new")));
}

#[test]
fn what_is_newer_on_the_mirror_comes_and_the_former_lists_stay_until_all_of_it_is_there() {
    let (desk, mirror) = desk();
    let copy = desk.path("copy");
    let add = ["media", "add", "rocky9", &mirror.url, "--to", copy.to_str().unwrap()];
    assert_eq!(desk.run(&add).code, 0);
    let former = fs::read(copy.join("repodata/repomd.xml")).unwrap();
    tree(&desk.path("remote"), &[("Packages/a/a.rpm", b"package a"), ("Packages/c/c.rpm", b"package c")]);
    mirror.fails("Packages/c/c.rpm", &[Fault::Status(403)]);
    assert_eq!(desk.run(&add).code, 1);
    assert_eq!(fs::read(copy.join("repodata/repomd.xml")).unwrap(), former);
    let verify = desk.run(&["media", "verify", "rocky9"]);
    assert!(verify.code == 0 && verify.stdout.contains("as their lists say"), "{}", verify.stdout);
    assert_eq!(desk.run(&add).code, 0);
    assert_ne!(fs::read(copy.join("repodata/repomd.xml")).unwrap(), former);
    assert_eq!(fs::read(copy.join("Packages/c/c.rpm")).unwrap(), b"package c");
}

#[test]
fn verify_names_what_is_damaged_or_gone_and_add_fetches_it_again() {
    let (desk, mirror) = desk();
    let copy = desk.path("copy");
    assert_eq!(desk.run(&["media", "add", "rocky9", &mirror.url, "--to", copy.to_str().unwrap()]).code, 0);
    let run = desk.run(&["media", "verify", "rocky9", "--json"]);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(run.code == 0 && told[0]["wrong"].as_array().unwrap().is_empty(), "{told}");
    fs::write(copy.join("Packages/a/a.rpm"), "package b").unwrap();
    fs::remove_file(copy.join("Packages/b/b++.rpm")).unwrap();
    fs::write(copy.join("images/pxeboot/vmlinuz"), "Kernel").unwrap();
    let run = desk.run(&["media", "verify", "rocky9"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    for (path, why) in [
        ("Packages/a/a.rpm", "its sha256 differs"),
        ("Packages/b/b++.rpm", "it does not exist"),
        ("images/pxeboot/vmlinuz", "its sha256 differs"),
    ] {
        assert!(run.stdout.contains(&format!("wrong: {path}: {why}")), "{}", run.stdout);
    }
    // Whoever changes the lists as well is found by the record of the copy.
    let index = copy.join("repodata/repomd.xml");
    fs::write(&index, fs::read_to_string(&index).unwrap().replace("</repomd>", "</repomd> ")).unwrap();
    let run = desk.run(&["media", "verify", "rocky9"]);
    assert!(run.stdout.contains("wrong: repodata/repomd.xml: its sha256 differs"), "{}", run.stdout);
    assert_eq!(desk.run(&["media", "add", "rocky9"]).code, 0);
    let run = desk.run(&["media", "verify"]);
    assert!(run.stdout.contains("`rocky9`: 9 files"), "{}", run.stdout);
    assert_eq!(desk.run(&["media", "verify", "rocky9"]).code, 0);
}

#[test]
fn a_list_that_leads_out_of_the_folder_is_refused_and_nothing_is_written_there() {
    let (desk, mirror) = desk();
    tree(&desk.path("remote"), &[("Packages/../../outside.rpm", b"x")]);
    let run = desk.run(&["media", "add", "rocky9", &mirror.url, "--to", desk.path("copy").to_str().unwrap()]);
    assert!(run.code == 1 && run.stderr.contains("outside the repository"), "{}", run.stderr);
    fs::write(desk.path("remote/.treeinfo"), "[images-x86_64]\nkernel = ../../outside\n").unwrap();
    tree(&desk.path("remote2"), &[]);
    fs::write(desk.path("remote2/.treeinfo"), "[images-x86_64]\nkernel = ../../outside\n").unwrap();
    let other = Mirror::of(&desk.path("remote2"));
    let run = desk.run(&["media", "add", "rocky9", &other.url, "--to", desk.path("copy2").to_str().unwrap()]);
    assert!(run.code == 1 && run.stderr.contains("outside the tree"), "{}", run.stderr);
}

#[test]
fn folders_that_hold_something_else_and_names_that_are_taken_are_left_alone() {
    let (desk, mirror) = desk();
    let add =
        |name: &str, to: &str| desk.run(&["media", "add", name, &mirror.url, "--to", desk.path(to).to_str().unwrap()]);
    let run = add("rocky9", "tree");
    assert!(run.code == 1 && run.stderr.contains("holds something else"), "{}", run.stderr);
    let run = add("centos6", "copy");
    assert!(run.code == 2 && run.stderr.contains("the site file has centos6 at"), "{}", run.stderr);
    assert!(!desk.path("copy").exists());
    assert_eq!(add("rocky9", "copy").code, 0);
    tree(&desk.path("other"), &[]);
    let other = Mirror::of(&desk.path("other"));
    let run = desk.run(&["media", "add", "rocky9", &other.url]);
    assert!(run.code == 1 && run.stderr.contains("is a copy of"), "{}", run.stderr);
    for wrong in ["ftp://a/b", "https://me:secret@a/b", "http:///x"] {
        let run = desk.run(&["media", "add", "x", wrong]);
        assert!(run.code == 2 && run.stderr.contains("not the address of a folder"), "{}", run.stderr);
    }
    let run = desk.run(&["media", "add", "x"]);
    assert!(run.code == 2 && run.stderr.contains("where should x come from"), "{}", run.stderr);
}

#[test]
fn a_folder_or_an_image_is_named_where_it_lies_and_removed_without_its_files() {
    let (desk, _mirror) = desk();
    let remote = desk.path("remote");
    let run = desk.run(&["media", "add", "local9", remote.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let run = desk.run(&["media", "add", "extra", remote.to_str().unwrap(), "--repository"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let told: Value = serde_json::from_str(&desk.run(&["media", "list", "--json"]).stdout).unwrap();
    let forms: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["name"].as_str(), line["form"].as_str(), line["holds"].as_str()))
        .collect();
    assert_eq!(forms[1], (Some("local9"), Some("folder"), Some("Rocky Linux 9.5")));
    assert_eq!(forms[2].0, Some("extra"));
    let run = desk.run(&["media", "remove", "local9", "--delete", "--yes"]);
    assert!(run.code == 1 && run.stderr.contains("is no copy that rackstart made"), "{}", run.stderr);
    for words in [vec!["media", "remove", "local9"], vec!["media", "remove", "extra", "--repository"]] {
        let run = desk.run(&words);
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    }
    assert!(remote.join("Packages/a/a.rpm").exists());
    let used = desk.run(&["media", "remove", "centos6"]);
    assert!(used.code == 1 && used.stderr.contains("install_tree"), "{}", used.stderr);
}

#[test]
fn a_copy_is_deleted_when_somebody_says_its_name() {
    let (desk, mirror) = desk();
    let copy = desk.path("copy");
    assert_eq!(desk.run(&["media", "add", "rocky9", &mirror.url, "--to", copy.to_str().unwrap()]).code, 0);
    let asked = |word: &str| {
        let mut child = desk.command(&["media", "remove", "rocky9", "--delete"]);
        let mut child = child.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(word.as_bytes()).unwrap();
        child.wait_with_output().unwrap().status.code().unwrap()
    };
    assert_eq!(asked("yes\n"), 1);
    assert!(copy.exists() && fs::read_to_string(desk.path("rackstart.toml")).unwrap().contains("rocky9"));
    assert_eq!(asked("rocky9\n"), 0);
    assert!(!copy.exists() && !fs::read_to_string(desk.path("rackstart.toml")).unwrap().contains("rocky9"));
}
