//! A test that needs a process of its own starts this test program again, for itself alone.

use std::any::type_name;
use std::process::Command;

const AGAIN: &str = "RACKSTART_TEST_AGAIN";

/// Runs `body`, a closure in a test, in a process in which no other test runs.
pub fn alone(body: impl FnOnce()) {
    behind(&[], body);
}

/// Like [`alone`], with a command before the program, for example one that enters a namespace.
pub fn behind<F: FnOnce()>(prefix: &[&str], body: F) {
    let name = test_of::<F>();
    if std::env::var(AGAIN).is_ok_and(|again| again == name) {
        return body();
    }
    let this_program = std::env::current_exe().expect("the path of this test program");
    let this_program = this_program.to_str().expect("a path in UTF-8");
    let words = [prefix, &[this_program, name, "--exact", "--include-ignored", "--nocapture"]].concat();
    let output = Command::new(words[0]).args(&words[1..]).env(AGAIN, name).output().expect(words[0]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "behind {prefix:?}:\n{text}");
    assert!(text.contains("1 passed"), "no test `{name}` ran behind {prefix:?}:\n{text}");
    // These lines are what `tests/long` writes down.
    let told = |line: &&str| line.starts_with("long: ") || line.starts_with("storm: ");
    text.lines().filter(told).for_each(|line| println!("{line}"));
}

/// The name of the test that contains a closure, as this program lists it.
fn test_of<F>() -> &'static str {
    let path = type_name::<F>(); // program::module::test::{{closure}}
    let name = path.split_once("::").and_then(|(_program, name)| name.split_once("::{{closure}}"));
    name.unwrap_or_else(|| panic!("{path} is no closure of a test")).0
}
