//! rackstart as a service: what it tells the service manager, the privileges it runs with, and the unit that is installed.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::network_lab::{Machine, inside, inside_as_root, lay_cable, run, wait_until};
use crate::support::serving::{PROGRAM, Serving};

/// CAP_NET_BIND_SERVICE and CAP_NET_RAW.
const TWO: u64 = 1 << 10 | 1 << 13;

/// What the kernel says of a process.
fn status(process: u32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().to_string()
}

fn capabilities(process: u32) -> u64 {
    u64::from_str_radix(&status(process, "CapEff:"), 16).unwrap()
}

#[test]
fn the_service_manager_hears_of_every_stage() {
    inside(|| {
        lay_cable();
        let _machine = Machine::plugged_in(); // a card of this machine with a node's MAC is refused
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut serving = Serving::started(|folder| {
            let mut command = Serving::plain(folder);
            command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "400000");
            command
        });
        let mut heard = Vec::new();
        let mut hears = |wanted: &str| {
            let mut buffer = [0; 512];
            while !heard.iter().any(|message: &String| message.contains(wanted)) {
                let length =
                    manager.recv(&mut buffer).unwrap_or_else(|error| panic!("no {wanted}: {error}, {heard:?}"));
                heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
            std::mem::take(&mut heard)
        };
        hears("READY=1");
        hears("WATCHDOG=1");
        hears("WATCHDOG=1");
        serving.says(&["reload"]);
        let reload = hears("RELOADING=1");
        assert!(reload.last().unwrap().contains("MONOTONIC_USEC="), "{reload:?}");
        hears("READY=1");
        run(&format!("kill -TERM {}", serving.daemon.id()));
        hears("STOPPING=1");
        assert_eq!(serving.daemon.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn two_capabilities_are_enough_in_a_user_namespace() {
    inside(|| {
        lay_cable();
        let _machine = Machine::plugged_in(); // a card of this machine with a node's MAC is refused
        let serving = Serving::started(|_| {
            let mut command = Command::new("setpriv");
            command.args(["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+net_bind_service,+net_raw"]);
            command.args([PROGRAM, "serve"]);
            command
        });
        let has = capabilities(serving.daemon.id());
        assert_eq!(has & !TWO, 0, "it has {has:x}");
        assert_eq!(warnings(&serving.log()), Vec::<&str>::new(), "it lacks nothing");
    });
}

/// As the unit runs it: another user, and the two capabilities given by the service manager. Only root can start it so.
#[test]
fn it_runs_as_a_user_of_its_own_with_two_capabilities_and_cannot_leave_its_place() {
    if status(std::process::id(), "Uid:").split_whitespace().nth(1) != Some("0") {
        return eprintln!(
            "not root: nobody to give capabilities to another user; the user namespace test stands for it"
        );
    }
    inside_as_root(|| {
        lay_cable();
        let _machine = Machine::plugged_in(); // a card of this machine with a node's MAC is refused
        let serving = Serving::started(|folder| {
            run(&format!("chown -R 65534:65534 {}", folder.display()));
            // The program may lie where only root can go.
            let program = folder.join("rackstart");
            std::fs::copy(PROGRAM, &program).unwrap();
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
            let two = "-all,+net_bind_service,+net_raw";
            for set in ["inh-caps", "ambient-caps", "bounding-set"] {
                command.arg(format!("--{set}={two}"));
            }
            command.arg(program).arg("serve");
            command
        });
        let process = serving.daemon.id();
        assert!(status(process, "Uid:").split_whitespace().all(|uid| uid == "65534"), "{}", status(process, "Uid:"));
        assert_eq!(capabilities(process) & !TWO, 0);
        assert_ne!(capabilities(process) & TWO, 0, "and it has them");
        assert!(!serving.log().contains("running as root"), "{}", serving.log());
        assert_eq!(warnings(&serving.log()), Vec::<&str>::new());
        assert!(serving.says(&["reload"]).starts_with("reloaded: 5 nodes"));
    });
}

#[test]
fn a_start_as_root_says_in_one_line_that_it_needs_less() {
    if status(std::process::id(), "Uid:").split_whitespace().nth(1) != Some("0") {
        return eprintln!("not root: nothing to warn of");
    }
    inside_as_root(|| {
        lay_cable();
        let _machine = Machine::plugged_in(); // a card of this machine with a node's MAC is refused
        let serving = Serving::started(Serving::plain);
        let times = || serving.log().matches("running as root with all capabilities").count();
        wait_until("it is said", || times() > 0); // the first answer may be earlier
        assert_eq!(times(), 1, "{}", serving.log());
    });
}

/// The warnings of the daemon, except the one of every first start, that there was no store yet.
fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("WARN") && !line.contains("there was no store in")).collect()
}

/// Installs into a folder, as a package would be built; returns the unit.
fn install(folder: &Path) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let destination = format!("DESTDIR={}", folder.display());
    let binary = format!("BINARY={PROGRAM}");
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "-C", root, "install", "PREFIX=/usr", &destination, &binary]);
    // `make test` runs this test: the settings of that `make` must not reach this one.
    let output = make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("MAKELEVEL").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join("usr/lib/systemd/system/rackstart.service").display().to_string()
}

#[test]
fn the_installed_unit_is_complete_and_shuts_the_daemon_in() {
    let folder = tempfile::tempdir().unwrap();
    let unit = install(folder.path());
    let text = std::fs::read_to_string(&unit).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/rackstart "), "{text}");
    assert!(!text.contains("@BINDIR@"), "{text}");
    for file in [
        "usr/bin/rackstart",
        "usr/lib/sysusers.d/rackstart.conf",
        "usr/lib/tmpfiles.d/rackstart.conf",
        "usr/lib/sysctl.d/60-rackstart.conf",
    ] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
    let shared = |file: &str| std::fs::read_to_string(folder.path().join("usr/share").join(file)).expect(file);
    for file in [
        "bash-completion/completions/rackstart",
        "zsh/site-functions/_rackstart",
        "fish/vendor_completions.d/rackstart.fish",
        "man/man1/rackstart.1",
        "man/man1/rackstart-reimage.1",
    ] {
        assert!(shared(file).contains("reimage"), "{file}");
    }
    let mut reads = Command::new("bash");
    reads.arg("-n").arg(folder.path().join("usr/share/bash-completion/completions/rackstart"));
    assert!(reads.status().unwrap().success(), "bash reads what it is given");
    let has_systemd = Command::new("systemd-analyze").arg("--version").output().is_ok_and(|run| run.status.success());
    if !has_systemd {
        return eprintln!("systemd-analyze is missing (Debian: systemd): the unit's exposure was not measured");
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager", "--threshold=20", &unit]);
    let output = analyze.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let exposure = said.lines().find(|line| line.contains("Overall exposure level")).unwrap();
    let level: f64 = exposure.split(": ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
    assert!(level <= 2.0, "{exposure}");
    let mut verify = Command::new("systemd-analyze");
    // It also complains that the program is not installed here; what counts is that it knows every setting.
    let output = verify.args(["verify", &unit]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("Unknown") && !said.contains("ailed to parse") && !said.contains("gnoring"), "{said}");
}
