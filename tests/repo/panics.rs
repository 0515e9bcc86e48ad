//! A panic is our bug, and is reported as one. Alone in a process: the panic hook is one for all threads.

use std::panic;
use std::process::ExitCode;
use std::sync::Mutex;

use rackstart::failure::{Failure, guard};

use crate::support::again::alone;

static TOLD: Mutex<String> = Mutex::new(String::new());

#[test]
fn a_panic_ends_with_exit_code_70_and_one_line_that_calls_it_a_bug() {
    alone(|| {
        let backtrace_off = std::env::var_os("RUST_BACKTRACE").is_none_or(|value| value == "0");
        panic::set_hook(Box::new(|panic| *TOLD.lock().unwrap() = Failure::panicked(panic).to_string()));
        let end = guard(|| panic!("two\nlines, {}", 2)).unwrap_err();
        let _ = panic::take_hook();
        let told = TOLD.lock().unwrap();
        assert!(told.starts_with(
            "error: this is a bug of rackstart 0.1.0, please report it: two lines, 2 at tests/repo/panics.rs:"
        ));
        assert!(told.lines().count() == 1 || !backtrace_off, "{told}");
        assert_eq!(end.exit_code(), ExitCode::from(70));
        assert_eq!(end.to_string(), "", "it was told already");
    });
}
