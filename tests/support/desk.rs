//! An operator's desk: an empty directory and the real binary in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// An empty directory in which the binary runs.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The binary with these words, here.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackstart"));
        command.args(args).current_dir(self.0.path()).env_remove("RACKSTART_CONFIG");
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Makes an install tree of the wanted version.
    pub fn tree(&self, version: &str) -> PathBuf {
        self.tree_of("CentOS", version)
    }

    /// Makes an install tree of another family, as its `.treeinfo` calls it.
    pub fn tree_of(&self, family: &str, version: &str) -> PathBuf {
        let tree = self.path("tree");
        fs::create_dir_all(tree.join("images/pxeboot")).unwrap();
        fs::write(tree.join(".treeinfo"), format!("[general]\nfamily = {family}\nversion = {version}\n")).unwrap();
        fs::write(tree.join("images/pxeboot/vmlinuz"), "kernel").unwrap();
        fs::write(tree.join("images/pxeboot/initrd.img"), "initrd").unwrap();
        tree
    }

    /// Writes the file of `init` with another install tree and one more change.
    pub fn site(&self, tree: &Path, from: &str, to: &str) {
        assert_eq!(self.run(&["init", "--force"]).code, 0);
        let text = fs::read_to_string(self.path("rackstart.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        let text = text.replace("/srv/rackstart/centos6", tree.to_str().unwrap()).replacen(from, to, 1);
        fs::write(self.path("rackstart.toml"), text).unwrap();
    }
}

/// How a run of the binary ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}
