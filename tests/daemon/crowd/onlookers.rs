//! People who look at the pages while nodes boot.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::site::Rack;

/// One Chromium and 99 event streams, until this ends.
pub struct Onlookers(Child);

impl Onlookers {
    /// Returns once all of them look.
    pub fn of(rack: &Rack) -> Self {
        let token = rack.says(&["token", "create", "onlookers", "--role", "viewer"]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/onlookers");
        let mut command = Command::new(script);
        let command =
            command.args(["http://127.0.0.1:8081", token.trim()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("tests/bench/onlookers runs");
        let mut line = String::new();
        let told = BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line);
        assert!(told.is_ok() && line.starts_with("looking"), "tests/bench/onlookers: {line:?}");
        Self(child)
    }
}

impl Drop for Onlookers {
    fn drop(&mut self) {
        // It ends by itself when its standard input does.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
