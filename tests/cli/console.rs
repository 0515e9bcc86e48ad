//! The console of the appliance, by the keys of a person: tmux is its terminal. Programs that would change a disk are
//! stand-ins that write down what they were called with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::desk::Desk;

/// A console in a terminal of 80 columns and 24 rows.
struct Console {
    desk: Desk,
}

impl Console {
    /// An appliance whose first program says `status`.
    fn new(status: &str) -> Self {
        let desk = Desk::new();
        for folder in ["run", "place", "medium", "bin", "cards/lo"] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        for (card, carrier) in [("eno1", "0"), ("eno2", "1")] {
            fs::create_dir(desk.path(&format!("cards/{card}"))).unwrap();
            for (file, text) in [("type", "1"), ("address", "52:54:00:00:00:01"), ("carrier", carrier)] {
                fs::write(desk.path(&format!("cards/{card}/{file}")), text).unwrap();
            }
        }
        let console = Self { desk };
        console.says("status", status);
        console
    }

    /// The first program writes a file.
    fn says(&self, file: &str, text: &str) {
        fs::write(self.desk.path("run").join(file), text).unwrap();
    }

    fn tmux(&self, words: &[&str]) -> String {
        let done = Command::new("tmux").arg("-S").arg(self.desk.path("tmux")).args(words).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn start(&self) {
        let (here, path) = (self.desk.path(""), std::env::var("PATH").unwrap());
        let command = format!(
            "cd {0}; PATH={0}/bin:{path} exec {1} appliance console --run run --place place --medium medium --cards cards",
            here.to_str().unwrap().trim_end_matches('/'),
            env!("CARGO_BIN_EXE_rackstart"),
        );
        self.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-s", "tty1", &command]);
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "tty1"], keys].concat());
    }

    /// The picture, once it has all these words; lines that were folded are one.
    fn shows(&self, words: &[&str]) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let picture = self.tmux(&["capture-pane", "-p", "-t", "tty1"]);
            let flat = picture.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.iter().all(|word| flat.contains(word)) {
                return picture;
            }
            assert!(Instant::now() < end, "{words:?} never came:\n{picture}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A program that writes down how it was called, and then runs `script`.
    fn stand_in(&self, name: &str, script: &str) {
        let path = self.desk.path("bin").join(name);
        let text = format!("#!/bin/sh\necho {name} \"$@\" >>{}\n{script}\n", self.desk.path("calls").display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.desk.path("calls")).unwrap_or_default();
        text.lines().filter(|line| !line.starts_with("lsblk")).map(String::from).collect()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(self.desk.path("tmux")).arg("kill-server").output();
    }
}

#[test]
fn the_first_questions_end_with_a_site_file_that_is_accepted_and_the_f_keys_show_the_rest() {
    let console = Console::new("there is no site file: put rackstart.toml on the partition RACKSTART");
    console.says("state", "/dev/sdz3");
    console.says("log", "first line\n2026 WARN no answer mac=52:54:00:99:00:01 arch=bios\n");
    console.start();
    console.shows(&["Four questions make one", "1 eno1", "no cable", "2 eno2", "Which card leads to the servers? [2]"]);
    console.press(&["7", "Enter"]);
    console.shows(&["type the number of a card"]);
    console.press(&["Enter"]);
    console.shows(&["Which address has this machine there? [192.168.0.254]"]);
    console.press(&["10.1.2", "Enter"]);
    console.shows(&["`10.1.2` is no IPv4 address"]);
    console.press(&["10.1.2.39", "BSpace", "Enter"]);
    console.shows(&["Which subnet is it? [10.1.2.0/24]"]);
    console.press(&["F3"]);
    console.shows(&["first line"]);
    console.press(&["F1"]);
    console.press(&["Enter"]);
    console.shows(&["subnet 10.1.2.0/24", "are lent 10.1.2.205-10.1.2.254", "Lend addresses?"]);
    let file = console.desk.path("place/rackstart.toml");
    assert!(!file.exists(), "nothing is written before the last answer");
    console.press(&["Enter"]);
    // The first program finds the file, and starts the daemon with it.
    let end = Instant::now() + Duration::from_secs(60);
    while !file.exists() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    let text = fs::read_to_string(&file).unwrap();
    for line in ["interface = \"eno2\"", "address = \"10.1.2.3\"", "discovery = \"10.1.2.205-10.1.2.254\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let run = console.desk.run(&["-c", "place/rackstart.toml", "check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    std::os::unix::fs::symlink(&file, console.desk.path("run/site")).unwrap();
    console.says("status", "serving");
    // No daemon is there in this test: the console says so, and lists whom the log names.
    let picture = console.shows(&["serving", "F1 rack"]);
    assert!(!picture.contains("answer>"), "nothing is asked any more:\n{picture}");
}

#[test]
fn a_disk_for_the_state_is_made_on_the_disk_whose_serial_is_typed_and_on_no_other() {
    let console = Console::new("no disk is labelled RACKSTART: nothing is served, so no disk of a node is wiped");
    console.says("wants-state", "");
    let disk = |path: &str, serial: &str, mounted: &str| {
        format!(
            "{{\"path\":\"{path}\",\"type\":\"disk\",\"size\":500000000000,\"model\":\"SSD\",\"serial\":\"{serial}\",\
             \"tran\":\"sata\",\"ro\":false,\"fstype\":null,\"label\":null,\"mountpoint\":{mounted}}}"
        )
    };
    let disks = [disk("/dev/sdy", "AA01", "null"), disk("/dev/sdz", "BB02", "\"/data\"")].join(",");
    console.stand_in("lsblk", &format!("echo '{{\"blockdevices\": [{disks}]}}'"));
    for name in ["wipefs", "udevadm", "mkfs.ext4"] {
        console.stand_in(name, "");
    }
    console.stand_in("sfdisk", &format!("cat >>{}", console.desk.path("calls").display()));
    console.start();
    console.shows(&[
        "nothing is served",
        "/dev/sdy 500 GB",
        "AA01",
        "in use: /dev/sdz is mounted at",
        "Type the serial",
    ]);
    for (typed, said) in [("aa01", "no disk, or more than one, has the serial `aa01`"), ("BB02", "/dev/sdz is in use")]
    {
        console.press(&[typed, "Enter"]);
        console.shows(&[said]);
    }
    assert_eq!(console.calls(), [""; 0]);
    console.press(&["AA01", "Enter"]);
    console.shows(&["the disk is ready and is going to be used"]);
    let expected = [
        "wipefs --all --quiet /dev/sdy",
        "sfdisk --quiet --label gpt /dev/sdy",
        "type=linux, name=RACKSTART",
        "udevadm settle --timeout=20",
        "mkfs.ext4 -q -F -L RACKSTART /dev/sdy1",
    ];
    assert_eq!(console.calls(), expected);
}

#[test]
fn an_older_image_goes_on_by_the_word_alone_and_nobody_gets_a_shell() {
    let console = Console::new("this image is older than the one that last used the state: type `older`");
    console.says("asks", "older");
    console.says("state", "/dev/sdz3");
    console.start();
    console.shows(&["this image is older", "word> _"]);
    let confirmed = console.desk.path("run/confirmed");
    console.press(&["C-c", "C-z", "C-d", "yes", "Enter"]);
    console.shows(&["type `older` to go on"]);
    assert!(!confirmed.exists());
    console.press(&["older", "Enter"]);
    let end = Instant::now() + Duration::from_secs(60);
    while !confirmed.exists() {
        assert!(Instant::now() < end, "the word was not taken");
        std::thread::sleep(Duration::from_millis(100));
    }
}
