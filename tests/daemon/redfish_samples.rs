//! Redfish services out of the samples that sushy of the OpenStack project has of real ones, with sessions and settings as
//! BMCs have them. sushy, a client that nobody here wrote, asks the same services: what it sees and what it sends is what
//! rackstart sees and sends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::power::{PASSWORD, fingerprint, python, set_password, tools};
use crate::support::network_lab::{Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::Serving;

const PORT: u16 = 8444;

/// A program of `tests/support`.
fn player(program: &str, words: &[&str]) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(program);
    python(&[&[program.to_str().unwrap()], words].concat())
}

/// A service of one scenario, which is ended with it.
struct Service {
    process: Child,
    log: PathBuf,
    read: usize,
}

impl Service {
    fn started(folder: &Path, scenario: &Value) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let log = folder.join("requests");
        let _ = std::fs::remove_file(&log);
        let samples = tools().join("sushy/tests/unit/json_samples").display().to_string();
        let (port, account) = (PORT.to_string(), format!("rackstart:{PASSWORD}"));
        let (certificate, key, scenario) = (at("bmc.pem"), at("bmc-key.pem"), scenario.to_string());
        let words = [&port, &certificate, &key, &account, &samples, &scenario, &log.display().to_string()];
        let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
        let process = player("redfish_service", &words).stdin(Stdio::null()).spawn().unwrap();
        let mut service = Self { process, log, read: 0 };
        wait_until("the service listens", || {
            assert!(service.process.try_wait().unwrap().is_none(), "the service ended");
            std::net::TcpStream::connect(("127.0.0.1", PORT)).is_ok()
        });
        service
    }

    /// The requests since the last time.
    fn requests(&mut self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let new = lines[self.read..].to_vec();
        self.read = lines.len();
        new
    }

    /// What was changed or ordered since the last time, sessions left out: method, path and body.
    fn changes(&mut self) -> Vec<(String, String, Value)> {
        let text = |request: &Value, key: &str| request[key].as_str().unwrap().to_string();
        let requests = self.requests().into_iter();
        let changes = requests.filter(|one| one["method"] != "GET" && !text(one, "path").contains("/SessionService/"));
        changes.map(|one| (text(&one, "method"), text(&one, "path"), one["body"].clone())).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What sushy says, or why it does not.
fn sushy(folder: &Path, what: &str) -> String {
    let certificate = folder.join("bmc.pem").display().to_string();
    let account = format!("rackstart:{PASSWORD}");
    let output = player("sushy_client", &[what, &PORT.to_string(), &certificate, &account]).output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The samples, as they fit together: which settings come with which body is in sushy's own tests.
fn scenarios() -> Vec<(&'static str, Value)> {
    let with = |system: &str, more: Value| {
        let mut scenario = json!({ "root": "root.json", "system": system, "sessions": true });
        scenario.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scenario
    };
    let settings = |settings: &str, body: &str| with("system.json", json!({ "settings": settings, "body": body }));
    vec![
        ("a system of 2019", with("system.json", json!({}))),
        ("a system of 2023", with("systemv1_20.json", json!({}))),
        ("a system that names no manager", with("system_managedby_missing_manager_present.json", json!({}))),
        ("a service without sessions", with("system.json", json!({ "sessions": false }))),
        ("settings without an override", settings("settings-lenovo-se450.json", "settings-body-lenovo-se450.json")),
        ("settings with the override", settings("settings-nokia.json", "settings-body-nokia.json")),
        (
            "settings with the mode alone",
            settings("settings-nokia.json", "settings-body-bootsourceoverridemode-only.json"),
        ),
    ]
}

/// compute2 with this BMC, and with this firmware.
fn site(folder: &Path, power: &str, firmware: &str) {
    let file = folder.join("rackstart.toml");
    // Firmware that is UEFI needs a partition of its own.
    let text = std::fs::read_to_string(&file).unwrap().replace("sectors = 488397168", "sectors = 500118192");
    let kept: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("power = ") && !line.ends_with(" # of the BMC")).collect();
    let lines = format!("name = \"compute2\"\nfirmware = \"{firmware}\" # of the BMC\npower = {power}");
    std::fs::write(file, kept.join("\n").replacen("name = \"compute2\"", &lines, 1) + "\n").unwrap();
}

#[test]
fn what_is_seen_and_sent_is_what_another_client_sees_and_sends() {
    inside(|| {
        lay_cable();
        let _node = Machine::plugged_in();
        let keys = tempfile::tempdir().unwrap();
        let at = |name: &str| keys.path().join(name).display().to_string();
        run(&format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bmc -keyout {} -out {} -addext \
             subjectAltName=IP:127.0.0.1",
            at("bmc-key.pem"),
            at("bmc.pem")
        ));
        let fingerprint = fingerprint(Path::new(&at("bmc.pem")));
        let power = format!(
            "{{ redfish = \"https://127.0.0.1:{PORT}\", user = \"rackstart\", fingerprint = \"{fingerprint}\" }}"
        );
        let serving = Serving::started(|folder| {
            site(folder, &power, "bios");
            Serving::plain(folder)
        });
        set_password(&serving, PASSWORD);
        for firmware in ["bios", "uefi"] {
            site(serving.folder.path(), &power, firmware);
            serving.says(&["reload"]);
            // Where only the mode is another, the settings are what can differ.
            let scenarios = scenarios().into_iter();
            for (name, scenario) in scenarios.filter(|(_, one)| firmware == "bios" || one["body"].is_string()) {
                compare(&serving, keys.path(), &format!("{name}, {firmware}"), &scenario, firmware);
            }
        }
        // Twice within seconds it would be refused.
        let mut service = Service::started(keys.path(), &scenarios()[0].1);
        serving.says(&["power", "compute2", "cycle", "--yes"]);
        let ours = service.changes();
        sushy(keys.path(), "cycle");
        assert_eq!(ours, service.changes());
        for text in [serving.log(), serving.says(&["audit"])] {
            assert!(!text.contains(PASSWORD), "{text}");
        }
    });
}

/// Both clients ask one service the same.
fn compare(serving: &Serving, keys: &Path, name: &str, scenario: &Value, firmware: &str) {
    let mut service = Service::started(keys, scenario);
    let seen: Value = serde_json::from_str(&serving.says(&["power", "compute2", "status", "--json"])).unwrap();
    let requests = service.requests();
    let other: Value = serde_json::from_str(&sushy(keys, "look")).unwrap();
    let sorted = |key: &str| {
        let mut words: Vec<&str> = seen[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        words.sort_unstable();
        json!(words)
    };
    let power = other["power"].as_str().unwrap().to_lowercase();
    assert_eq!(
        (seen["power"].as_str().unwrap(), sorted("resets")),
        (power.as_str(), other["resets"].clone()),
        "{name}"
    );
    assert_eq!(sorted("sources"), other["sources"], "{name}");
    if let Some(version) = other["bmc"].as_str() {
        assert!(seen["bmc"].as_str().is_some_and(|bmc| bmc.contains(version)), "{name}: {seen}");
    }

    // The password goes to the door once, the session is ended, and without sessions each request has the account.
    let count = |method: &str| requests.iter().filter(|one| one["method"] == method).count();
    let proofs = |proof: &str| requests.iter().filter(|one| one["proof"] == proof).count();
    match scenario["sessions"] == true {
        true => assert_eq!((count("POST"), count("DELETE"), proofs("basic")), (1, 1, 0), "{name}: {requests:?}"),
        false => assert!(count("POST") == 0 && proofs("session") == 0 && proofs("basic") > 2, "{name}: {requests:?}"),
    }

    // The override. Before it, each client finds the service as the sample has it.
    drop(service);
    let mut service = Service::started(keys, scenario);
    let pxe = serving.cli(&["power", "compute2", "pxe", "--yes"]);
    let ours = service.changes();
    let said = String::from_utf8_lossy(&pxe.stderr).into_owned();
    if firmware == "bios" && scenario["body"] == "settings-body-nokia.json" {
        // Its modes are UEFI alone, which sushy does not look at.
        assert!(!pxe.status.success() && said.contains("the mode Legacy once; it offers UEFI"), "{name}: {said}");
        assert!(ours.is_empty(), "{name}: {ours:?}");
    } else {
        assert!(pxe.status.success(), "{name}: {said}");
        drop(service);
        service = Service::started(keys, scenario);
        sushy(keys, &format!("pxe-{firmware}"));
        assert_eq!(asked(&ours), asked(&service.changes()), "{name}");
        let said = serving.says(&["power", "compute2", "status"]);
        assert!(said.contains("Pxe, Once"), "{name}: {said}");
    }
}

/// What was asked of the next boot: each key with its place and value. A mode that the service has already is not counted,
/// because rackstart does not send it, nor the address of HTTP boot, which sushy clears.
fn asked(changes: &[(String, String, Value)]) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (method, path, body) in changes {
        assert_eq!(method, "PATCH", "{path}");
        for (key, value) in body["Boot"].as_object().unwrap() {
            let is_same_mode = key == "BootSourceOverrideMode" && value == "UEFI";
            if !is_same_mode && key != "HttpBootUri" {
                all.push((path.clone(), key.clone(), value.clone()));
            }
        }
    }
    all.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    all
}
