//! Values that try to become commands either arrive unchanged or are refused by name; nothing in between.

use std::process::Command;

use proptest::prelude::*;
use rackstart::render::{RenderProblem, Renderer};

use crate::variants::{body, node, on, site, token};

const HOSTILE: [&str; 16] = [
    "it's",
    "a\"b",
    "$(touch /tmp/x)",
    "`id`",
    "${HOME}",
    "a;b",
    "a&&b",
    "a|b",
    "a\\",
    "a\nb",
    "a\r\n%end",
    "%end",
    "  %post",
    "# comment",
    "\u{1b}[2J",
    "é ü 漢",
];

/// Renders the disk rule's serial number into %pre and lets bash say what it got.
fn through_a_script(value: &str) -> Result<String, RenderProblem> {
    let mut site = site("6.10", "bios");
    site.nodes[0].os_disk_mut().serial = Some(value.into());
    let name = site.nodes[0].name.to_string();
    let served = Renderer::new().unwrap().kickstart(&site, node(&site, &name), &token());
    let script = body(&served.map_err(|error| error.problem)?, "%pre");
    let line =
        script.lines().find(|line| line.trim_start().starts_with("want_serial=")).expect("the line with the value");
    let output = Command::new("bash").arg("-c").arg(format!("{line}\nprintf %s \"$want_serial\"")).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{value:?}");
    Ok(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn hostile_values_arrive_unchanged_in_a_script_or_are_refused_by_name() {
    for value in HOSTILE {
        match through_a_script(value) {
            Ok(got) => assert_eq!(got, value.trim()),
            Err(RenderProblem::Value { variable, .. }) => {
                assert!(variable.starts_with("disk_rules["), "{variable}");
                assert!(value.contains(|c: char| c.is_control()) || value.trim().starts_with('%'), "{value:?}");
            }
            Err(other) => panic!("{value:?}: {other}"),
        }
    }
}

/// Renders kernel arguments into the bootloader command and lets Python's shlex, the installer's reader, split it.
fn through_a_command(value: &str) -> Option<String> {
    let mut site = site("6.10", "bios");
    site.nodes[0].kernel_args = value.into();
    let node = &site.nodes[0];
    let plan = rackstart::plan::plan(node).unwrap();
    let scope = rackstart::lifecycle::WipeScope::BlankDiskOnly;
    let text = Renderer::new().unwrap().storage_section(node, &plan, &on("sda"), scope).ok()?;
    let line = text.lines().find(|line| line.starts_with("bootloader ")).unwrap();
    assert_eq!(text.lines().count(), 17, "a value made a line of its own: {text}");
    let program = "import shlex, sys\nwords = shlex.split(sys.argv[1], comments=True)\n\
                   print([w[9:] for w in words if w.startswith('--append=')][0], len(words), end='')";
    let output = Command::new("python3").args(["-c", program, line]).env("PYTHONUTF8", "1").output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().strip_suffix(" 4").map(Into::into)
}

#[test]
fn hostile_values_arrive_unchanged_in_a_command_or_are_refused() {
    for value in HOSTILE {
        if let Some(got) = through_a_command(value) {
            assert_eq!(got, value);
        }
    }
    assert_eq!(through_a_command("console=ttyS0 a=\"b\\c'").as_deref(), Some("console=ttyS0 a=\"b\\c'"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_value_arrives_unchanged_in_a_script_or_is_refused(value in "\\PC{0,20}|[ -~\n\t]{0,20}") {
        if let Ok(got) = through_a_script(&value) {
            prop_assert_eq!(got, value.trim());
        }
    }

    #[test]
    fn no_value_adds_a_line_to_a_boot_script(value in "\\PC{0,20}|[ -~\n\t]{0,20}") {
        let mut site = site("6.10", "bios");
        let renderer = Renderer::new().unwrap();
        let lines = |text: String| text.lines().count();
        let plain = lines(renderer.boot_script_install(&site, &site.nodes[0], &token()).unwrap());
        site.nodes[0].kernel_args = value;
        if let Ok(text) = renderer.boot_script_install(&site, &site.nodes[0], &token()) {
            prop_assert!(!text.contains('$') && !text.contains("&&") && text.matches("||").count() == 3);
            prop_assert_eq!(lines(text), plain);
        }
    }
}
