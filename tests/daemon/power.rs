//! A node's BMC, played by sushy-emulator of the OpenStack project: over TLS, with an account, as an operator meets it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::network_lab::{Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::{PROGRAM, Serving};

pub(crate) const PASSWORD: &str = "BMC-canary-7x9";

/// Where the programs of the OpenStack project are.
pub(crate) fn tools() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/sushy-tools");
    assert!(tools.is_dir(), "{} is missing: tests/support/emulator makes it", tools.display());
    tools
}

/// Python with these programs.
pub(crate) fn python(words: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.args(words).env("PYTHONPATH", tools()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// As openssl prints it: an independent reading of the certificate.
pub(crate) fn fingerprint(certificate: &Path) -> String {
    let said = run(&format!("openssl x509 -noout -fingerprint -sha256 -in {}", certificate.display()));
    said.trim().rsplit('=').next().unwrap().to_string()
}

/// The emulator, which is ended with the test.
struct Emulator {
    folder: tempfile::TempDir,
    process: Child,
}

impl Emulator {
    fn started() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let certificate = |subject: &str, more: &str| {
            let (key, file) = (at(&format!("{subject}-key.pem")), at(&format!("{subject}.pem")));
            let name = format!("/CN={subject}");
            run(&format!(
                "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj {name} -keyout {key} -out {file} {more}"
            ));
        };
        certificate("authority", "");
        certificate("other", "");
        let leaf = "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
        certificate("bmc", &format!("-CA {} -CAkey {} {leaf}", at("authority.pem"), at("authority-key.pem")));
        let script =
            "import bcrypt, sys; print('rackstart:' + bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(4)).decode())";
        let account = python(&["-c", script, PASSWORD]).output().unwrap();
        assert!(account.status.success(), "{}", String::from_utf8_lossy(&account.stderr));
        std::fs::write(at("accounts"), account.stdout).unwrap();
        let (accounts, state) = (at("accounts"), folder.path().display());
        let text = format!("SUSHY_EMULATOR_AUTH_FILE = '{accounts}'\nSUSHY_EMULATOR_STATE_DIR = '{state}'\n");
        std::fs::write(at("emulator.conf"), text).unwrap();
        let program = tools().join("bin/sushy-emulator").display().to_string();
        let words = ["--fake", "-i", "127.0.0.1", "-p", "8443", "--config", &at("emulator.conf")];
        let tls = ["--ssl-certificate", &at("bmc.pem"), "--ssl-key", &at("bmc-key.pem")];
        let log = std::fs::File::create(at("log")).unwrap();
        let mut command = python(&[&[program.as_str()], &words[..], &tls[..]].concat());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut emulator = Self { folder, process };
        wait_until("the emulator listens", || {
            assert!(emulator.process.try_wait().unwrap().is_none(), "{}", emulator.log());
            std::net::TcpStream::connect("127.0.0.1:8443").is_ok()
        });
        emulator
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// compute2 with this key.
pub(crate) fn with_power(folder: &Path, power: &str) {
    let file = folder.join("rackstart.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("power = ")).collect();
    let line = format!("name = \"compute2\"\npower = {power}");
    std::fs::write(file, kept.join("\n").replacen("name = \"compute2\"", &line, 1) + "\n").unwrap();
}

pub(crate) fn set_password(serving: &Serving, password: &str) {
    let command = "printf %s \"$1\" | \"$2\" secrets set BMC_PASSWORD";
    let output = Command::new("sh")
        .args(["-c", command, "sh", password, PROGRAM])
        .current_dir(serving.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_node_is_switched_by_its_bmc_whose_certificate_and_account_are_checked() {
    inside(|| {
        lay_cable();
        let _node = Machine::plugged_in();
        let bmc = Emulator::started();
        let key = |trust: &str| format!("{{ redfish = \"https://127.0.0.1:8443\", user = \"rackstart\", {trust} }}");
        let pinned = key(&format!("fingerprint = \"{}\"", fingerprint(&bmc.file("bmc.pem"))));
        let serving = Serving::started(|folder| {
            with_power(folder, &pinned);
            Serving::plain(folder)
        });
        let fails = |words: &[&str]| serving.fails(words).1;
        let power = |what: &str| serving.says(&["power", "compute2", what, "--yes"]);
        let shows = |what: &str| serving.says(&["power", "compute2", "status"]).contains(what);

        let said = fails(&["power", "compute2", "status"]);
        assert!(said.contains("rackstart secrets set BMC_PASSWORD"), "{said}");
        set_password(&serving, "another-password");
        let said = fails(&["power", "compute2", "status"]);
        assert!(said.contains("`rackstart`") && said.contains("BMC_PASSWORD"), "{said}");
        let doctor = || String::from_utf8_lossy(&serving.cli(&["doctor"]).stdout).into_owned();
        assert!(doctor().contains("warning  BMCs: compute2: "), "{}", doctor());
        set_password(&serving, PASSWORD);
        assert!(doctor().contains("ok       BMCs: 1 answer\n"), "{}", doctor());
        assert!(shows("compute2 is off\n"), "{}", serving.says(&["power", "compute2", "status"]));
        assert!(fails(&["power", "compute1", "status"]).contains("power"));

        // The emulator takes up to eleven seconds, as machines do.
        power("on");
        wait_until("it is on", || shows("compute2 is on\n"));
        power("pxe");
        assert!(shows("Pxe"), "{}", serving.says(&["power", "compute2", "status"]));
        power("cycle");
        wait_until("it is on again", || shows("compute2 is on\n"));

        serving.says(&["protect", "compute2"]);
        for what in ["off", "cycle", "pxe"] {
            let said = fails(&["power", "compute2", what, "--yes"]);
            assert!(said.contains("protected"), "{what}: {said}");
        }
        serving.says(&["unprotect", "compute2"]);
        serving.says(&["power", "compute2", "off", "--force", "--yes"]);
        wait_until("it is off", || shows("compute2 is off\n"));

        // Another certificate than the one that is pinned, then its authority in its place.
        let load = |power: &str| {
            with_power(serving.folder.path(), power);
            serving.says(&["reload"]);
        };
        load(&key(&format!("fingerprint = \"{}\"", ["AB"; 32].join(":"))));
        let said = fails(&["power", "compute2", "status"]);
        assert!(said.contains("another certificate"), "{said}");
        let authority = |file: &Path| key(&format!("ca = \"{}\"", file.display()));
        load(&authority(&bmc.file("authority.pem")));
        assert!(shows("compute2 is off\n"));
        load(&authority(&bmc.file("other.pem")));
        let said = fails(&["power", "compute2", "status"]);
        assert!(said.contains("is not trusted"), "{said}");
        load(&pinned);
        drop(bmc);
        let said = fails(&["power", "compute2", "status"]);
        assert!(said.contains("does not answer"), "{said}");

        let audit = serving.says(&["audit"]);
        for action in ["power-on", "power-pxe", "power-cycle", "power-force-off"] {
            assert!(audit.contains(action), "{action}: {audit}");
        }
        for (place, text) in [("audit", audit), ("log", serving.log()), ("status", serving.says(&["status"]))] {
            assert!(!text.contains(PASSWORD) && !text.contains("another-password"), "{place}: {text}");
        }
    });
}
