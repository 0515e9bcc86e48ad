//! A site with any number of compute nodes, and its daemon.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::network_lab::BRIDGE;

/// The daemon: the one that was built with the tests, unless a benchmark names an optimised one.
fn program() -> String {
    std::env::var("CROWD_DAEMON").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rackstart").into())
}

/// The address of the n-th node.
pub fn address(n: u16) -> [u8; 4] {
    let [block, last] = [n / 250, n % 250 + 1].map(|part| part as u8);
    [10, 77, block, last]
}

pub fn name(n: u16) -> String {
    format!("node{n}")
}

/// The site, its folder and its daemon, which ends with it.
pub struct Rack {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

impl Rack {
    pub fn powered(nodes: u16) -> Self {
        let mut rack = Self::written(nodes);
        rack.serve();
        rack
    }

    /// The site file and its install tree, without a daemon.
    pub fn written(nodes: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        grow_tree(&folder.path().join("tree"));
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = text(nodes)
            .replace("interface = \"eth0\"", &format!("interface = \"{BRIDGE}\""))
            .replace("\"/var/lib/rackstart\"", &format!("\"{}\"", at("state")))
            .replace("\"/run/rackstart/rackstart.sock\"", &format!("\"{}\"", at("sock")))
            .replace("\"/srv/rackstart/centos6\"", &format!("\"{}\"", at("tree")));
        std::fs::write(folder.path().join("rackstart.toml"), text).unwrap();
        Self { folder, daemon: None }
    }

    /// Starts the daemon, and waits until it answers.
    pub fn serve(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = Command::new(program());
        let daemon = command.current_dir(self.folder.path()).arg("serve").stderr(log).stdin(Stdio::null()).spawn();
        self.daemon = Some(daemon.unwrap());
        let end = Instant::now() + Duration::from_secs(600);
        while !self.cli(&["status"]).status.success() {
            assert!(self.is_alive(), "{}", self.log_end());
            assert!(Instant::now() < end, "the daemon does not answer: {}", self.log_end());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    pub fn is_alive(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|daemon| daemon.try_wait().unwrap().is_none())
    }

    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("it serves").id()
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn cli(&self, words: &[&str]) -> std::process::Output {
        Command::new(program()).current_dir(self.folder.path()).args(words).output().unwrap()
    }

    /// What a verb prints, or what it says when it fails.
    pub fn asks(&self, words: &[&str]) -> Result<String, String> {
        let output = self.cli(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!("{words:?}: {}", text(&output.stderr))),
        }
    }

    pub fn says(&self, words: &[&str]) -> String {
        self.asks(words).unwrap()
    }

    /// How many nodes are in each state.
    pub fn states(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        states(&self.says(&["status", "--json"])).into_values().for_each(|state| *count.entry(state).or_default() += 1);
        count
    }

    /// How many wipe permits each node has spent, as the audit log says.
    pub fn permits(&self) -> BTreeMap<String, usize> {
        subjects(&self.says(&["audit", "--action", "wipe-permit", "--limit", "100000", "--json"]))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn log_end(&self) -> String {
        end_of(&self.log())
    }

    /// The CPU time of the daemon so far, in steps of 10 ms (fields 14 and 15 of `/proc/PID/stat`).
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        Duration::from_millis(10 * fields.map(|field| field.parse::<u64>().unwrap()).sum::<u64>())
    }

    /// The peak memory of the daemon, in MiB.
    pub fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The site file, with the example's folders.
pub fn text(nodes: u16) -> String {
    let head = rackstart::config::EXAMPLE.split("\n[[node]]").next().unwrap();
    let mut text = head
        .replace("192.168.0.254", "10.77.255.254")
        .replace("192.168.0.0/24", "10.77.0.0/16")
        .replace("192.168.0.1", "10.77.200.1")
        .replace("wipes_per_minute = 10", "wipes_per_minute = 10000");
    if super::setting("CROWD_WATCHED", 0) > 0 {
        text = text.replace("# [api]\n", "[api]\nlisten = \"127.0.0.1:8081\"\n");
    }
    text += &block(
        "gateway",
        "gateway",
        [10, 77, 200, 1],
        "{ name = \"eth0\", mac = \"02:00:00:00:00:01\", network = \"public\" },",
        488_397_168,
    );
    text += &block("controller", "controller", [10, 77, 200, 2], "", 156_301_488);
    for n in 0..nodes {
        text += &block(&name(n), "compute", address(n), "", 488_397_168);
    }
    text
}

/// An install tree as small as one can be.
pub fn grow_tree(tree: &Path) {
    let images = tree.join("images/pxeboot");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::write(images.join("vmlinuz"), vec![7; 100_000]).unwrap();
    std::fs::write(images.join("initrd.img"), vec![8; 300_000]).unwrap();
    std::fs::write(tree.join(".treeinfo"), "[general]\nversion = 6.10\n").unwrap();
}

/// The state of each node, from `status --json`.
pub fn states(report: &str) -> BTreeMap<String, String> {
    let report: Value = serde_json::from_str(report).unwrap();
    let word = |node: &Value, key: &str| node[key].as_str().unwrap().to_string();
    report["nodes"].as_array().unwrap().iter().map(|node| (word(node, "name"), word(node, "state"))).collect()
}

/// How many lines of `audit --json` are about each subject.
pub fn subjects(lines: &str) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        *count.entry(line["subject"].as_str().unwrap().to_string()).or_default() += 1;
    }
    count
}

/// The last lines of a log.
pub fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn block(name: &str, role: &str, address: [u8; 4], more: &str, sectors: u64) -> String {
    let dotted = address.map(|byte| byte.to_string()).join(".");
    let card = address.map(|byte| format!("{byte:02x}")).join(":");
    format!(
        "\n[[node]]\nname = \"{name}\"\nrole = \"{role}\"\naddress = \"{dotted}\"\n\
         disk = {{ name = \"sda\", sectors = {sectors} }}\n\
         nics = [{more} {{ name = \"eth1\", mac = \"52:54:{card}\", network = \"lan\" }}]\n"
    )
}
