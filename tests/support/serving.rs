//! `rackstart serve` with the example site in a temporary folder, as a service manager would run it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::network_lab::{BRIDGE, wait_until};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_rackstart");

/// A site and its daemon, which is ended with it.
pub struct Serving {
    pub folder: tempfile::TempDir,
    pub daemon: Child,
}

impl Serving {
    /// Starts the daemon on the bridge of the lab; `prepare` may put something before it, or into its environment.
    pub fn started(prepare: impl FnOnce(&Path) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_site(folder.path());
        let command = prepare(folder.path());
        let daemon = spawned(command, folder.path());
        let mut serving = Self { folder, daemon };
        serving.wait_for_an_answer();
        serving
    }

    fn wait_for_an_answer(&mut self) {
        wait_until("the daemon answers", || {
            let ended = self.daemon.try_wait().unwrap();
            assert!(ended.is_none(), "{}", self.log());
            self.cli(&["status"]).status.success()
        });
    }

    pub fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    /// Like a power cut of the server: the new daemon finds what the old one left.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.daemon = spawned(Self::plain(self.folder.path()), self.folder.path());
        self.wait_for_an_answer();
    }

    /// The plain way to start it.
    pub fn plain(_: &Path) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("serve");
        command
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("rackstart.toml")
    }

    /// Edits the site file as it was written at first.
    pub fn edit(&self, from: &str, to: &str) {
        write_site(self.folder.path());
        let text = std::fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.file(), text.replace(from, to)).unwrap();
    }

    pub fn cli(&self, words: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.folder.path()).args(words).env("NO_COLOR", "1").output().unwrap()
    }

    pub fn says(&self, words: &[&str]) -> String {
        let output = self.cli(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that fails prints, and its exit code.
    pub fn fails(&self, words: &[&str]) -> (i32, String) {
        let output = self.cli(words);
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn spawned(mut command: Command, folder: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    command.current_dir(folder).stderr(log).stdin(Stdio::null()).spawn().unwrap()
}

fn write_site(folder: &Path) {
    let images = folder.join("tree/images/pxeboot");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::write(images.join("vmlinuz"), vec![7; 300_000]).unwrap();
    std::fs::write(images.join("initrd.img"), vec![8; 300_000]).unwrap();
    std::fs::write(folder.join("tree/.treeinfo"), "[general]\nversion = 6.10\n").unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let text = rackstart::config::EXAMPLE
        .replace("interface = \"eth0\"", &format!("interface = \"{BRIDGE}\""))
        .replace("\"/var/lib/rackstart\"", &format!("\"{}\"", at("state")))
        .replace("\"/run/rackstart/rackstart.sock\"", &format!("\"{}\"", at("sock")))
        .replace("\"/srv/rackstart/centos6\"", &format!("\"{}\"", at("tree")));
    std::fs::write(folder.join("rackstart.toml"), text).unwrap();
}
