//! `rackstart secrets`, `audit`, `backup` and `restore` while no daemon runs: the verbs work on the store itself.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::process::Stdio;

use crate::support::desk::{Desk, Run};

/// A site whose store is on the desk, with nothing in it yet.
fn desk_with_a_store() -> Desk {
    let desk = Desk::new();
    let state = desk.path("state");
    desk.site(&desk.tree("6.10"), "state = \"/var/lib/rackstart\"", &format!("state = \"{}\"", state.display()));
    std::fs::DirBuilder::new().mode(0o700).create(state).unwrap();
    desk
}

fn says(desk: &Desk, args: &[&str]) -> String {
    let run = desk.run(args);
    assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
    run.stdout
}

fn set(desk: &Desk, name: &str, value: &str) -> Run {
    let mut command = desk.command(&["secrets", "set", name]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn secrets_are_listed_shown_set_and_rotated_and_the_audit_log_tells() {
    let desk = desk_with_a_store();
    let list = says(&desk, &["secrets", "list"]);
    assert!(list.lines().any(|line| line.starts_with("NOVA_MYSQL_PASSWORD") && line.contains("compute4")), "{list}");
    assert_eq!(desk.run(&["secrets", "show", "OS_PASSWORD"]).code, 2, "not without --reveal");
    let generated = says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]);
    assert!(generated.trim().len() == 32 && !list.contains(generated.trim()));
    assert_eq!(says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]), generated, "made once");
    let own = "it's \"own\" $x";
    assert_eq!(set(&desk, "OS_PASSWORD", &format!("{own}\n")).code, 0);
    assert_eq!(says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]), format!("{own}\n"));
    for (value, reason) in [("short", "at least 8"), ("with a\ttab in it", "printable")] {
        let refused = set(&desk, "OS_PASSWORD", value);
        assert!(refused.code == 1 && refused.stderr.contains(reason), "{}", refused.stderr);
    }
    let unknown = desk.run(&["secrets", "rotate", "NOBODYS"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("OS_PASSWORD"), "{}", unknown.stderr);
    let rotated = says(&desk, &["secrets", "rotate", "NOVA_MYSQL_PASSWORD"]);
    for part in
        ["1 changed in the store: NOVA_MYSQL_PASSWORD", "nodes that are installed from now on get the new values"]
    {
        assert!(rotated.contains(part), "{part} is missing in\n{rotated}");
    }
    assert!(!rotated.contains("compute2"), "it was never installed, so no step of it runs again: {rotated}");
    let file = says(&desk, &["secrets", "show", "--node", "compute2", "--reveal"]);
    assert!(file.contains("\nNOVA_MYSQL_PASSWORD='") && !file.contains("MYSQL_ROOT_PASSWORD"), "{file}");
    let file = says(&desk, &["secrets", "show", "--node", "controller", "--reveal"]);
    assert!(file.contains("\nOS_PASSWORD='it'\\''s \"own\" $x'\n"), "{file}");
    let log = says(&desk, &["audit"]);
    assert!(log.lines().all(|line| line.contains("console uid ")), "{log}");
    for action in [
        "reveal-secret OS_PASSWORD",
        "set-secret OS_PASSWORD",
        "rotate-secret NOVA_MYSQL_PASSWORD",
        "reveal-secrets-of-node compute2",
    ] {
        assert!(log.contains(action), "{action} is missing in\n{log}");
    }
    assert!(!log.contains(own) && !log.contains(generated.trim()));
    let some = says(&desk, &["audit", "--action", "set-secret", "--json"]);
    let line: serde_json::Value = serde_json::from_str(some.trim()).unwrap();
    assert_eq!((line["subject"].as_str(), line["outcome"].as_str()), (Some("OS_PASSWORD"), Some("done")));
}

#[test]
fn a_backup_is_restored_and_the_audit_log_is_judged_by_a_head_that_was_noted() {
    let desk = desk_with_a_store();
    says(&desk, &["secrets", "rotate", "--all"]);
    let noted = says(&desk, &["audit", "verify"]).lines().last().unwrap().to_string();
    says(&desk, &["backup", "copy"]);
    let mode = std::fs::metadata(desk.path("copy")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    says(&desk, &["secrets", "rotate", "--all"]);
    let later = says(&desk, &["audit", "verify", "--head", &noted]).lines().last().unwrap().to_string();
    let restored = says(&desk, &["restore", "copy"]);
    assert!(restored.contains("epoch 2") && restored.contains("before-epoch-2"), "{restored}");
    assert!(restored.contains("those of the former store stay"), "{restored}");
    for part in
        ["installations are STOPPED", "`rackstart stop --lift`", "is forbidden now", "When you are satisfied: rm "]
    {
        assert!(restored.contains(part), "{part} is missing in\n{restored}");
    }
    says(&desk, &["audit", "verify", "--head", &noted]);
    let lost = desk.run(&["audit", "verify", "--head", &later]);
    assert!(lost.code == 1 && lost.stderr.contains("your own note"), "{}", lost.stderr);
    assert!(says(&desk, &["audit"]).contains("restore copy"));
    let nothing = desk.run(&["restore", "rackstart.toml"]);
    assert_eq!(
        (nothing.code, nothing.stdout.as_str(), nothing.stderr.as_str()),
        (
            1,
            "",
            "error: rackstart.toml is not a backup of rackstart: name a file that `rackstart backup` wrote; \
             nothing was changed\n"
        )
    );
}

#[test]
fn a_key_seals_the_secrets_and_without_it_the_way_out_is_told() {
    let desk = desk_with_a_store();
    let before = says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]);
    let key = desk.path("key");
    std::fs::write(&key, "a passphrase of some length\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let site = std::fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    std::fs::write(desk.path("rackstart.toml"), format!("{site}\n[secrets]\nkey_file = \"{}\"\n", key.display()))
        .unwrap();
    assert!(says(&desk, &["secrets", "list"]).lines().all(|line| line.contains(" sealed ")));
    assert_eq!(says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]), before);
    let bytes = std::fs::read(desk.path("state/rackstart.sqlite")).unwrap();
    assert!(!bytes.windows(32).any(|window| window == before.trim().as_bytes()));
    let rekey = |old: &str| desk.run(&["secrets", "rekey", "--old-key", old]);
    assert!(rekey("key").stderr.contains("with the key that `[secrets]` names already"), "{}", rekey("key").stderr);
    std::fs::copy(&key, desk.path("old-key")).unwrap();
    std::fs::write(&key, "the passphrase of next year\n").unwrap();
    assert_eq!(desk.run(&["secrets", "list"]).code, 1);
    assert!(rekey("rackstart.toml").stderr.contains("can be read by others"), "{}", rekey("rackstart.toml").stderr);
    assert!(rekey("old-key").stdout.contains("secrets are sealed with the new key"), "{}", rekey("old-key").stderr);
    assert_eq!(says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]), before);
    assert!(says(&desk, &["audit"]).contains("rekey-secrets store"));
    std::fs::write(&key, "another passphrase of some length\n").unwrap();
    let wrong = desk.run(&["secrets", "list"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("does not open the secrets"), "{}", wrong.stderr);
    for part in [key.to_str().unwrap(), desk.path("state").to_str().unwrap(), "`rackstart secrets rekey --new-secrets`"]
    {
        assert!(wrong.stderr.contains(part), "{part} is missing in {}", wrong.stderr);
    }
    says(&desk, &["backup", "copy"]);
    assert!(says(&desk, &["audit"]).contains("backup store: with sealed secrets"), "neither needs the key");
    // The way out that the message names works.
    std::fs::remove_file(&key).unwrap();
    let missing = desk.run(&["secrets", "rekey", "--new-secrets"]);
    assert!(missing.code == 1 && missing.stderr.contains(key.to_str().unwrap()), "{}", missing.stderr);
    write_key(&key, "the third passphrase, of another length\n");
    let renewed = says(&desk, &["secrets", "rekey", "--new-secrets"]);
    assert!(
        renewed.contains("OS_PASSWORD") && renewed.contains("nodes that are installed from now on get the new values"),
        "{renewed}"
    );
    let after = says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]);
    assert!(after != before && after.trim().len() == 32);
    let again = desk.run(&["secrets", "rekey", "--new-secrets"]);
    assert!(again.code == 1 && again.stderr.contains("rotate --all"), "nothing is lost now: {}", again.stderr);
    assert!(says(&desk, &["audit"]).contains("renew-secrets store"));
    std::fs::write(desk.path("rackstart.toml"), site).unwrap();
    let none = desk.run(&["secrets", "list"]);
    assert!(none.code == 1 && none.stderr.contains("key_file"), "{}", none.stderr);
}

fn write_key(path: &std::path::Path, key: &str) {
    std::fs::write(path, key).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_key_that_is_a_credential_of_the_unit_is_named_by_its_file_at_a_shell() {
    let desk = desk_with_a_store();
    let before = says(&desk, &["secrets", "show", "OS_PASSWORD", "--reveal"]);
    write_key(&desk.path("key"), "a passphrase of some length\n");
    write_key(&desk.path("new-key"), "the passphrase of next year\n");
    let refused = desk.run(&["secrets", "list", "--key-file", "key"]);
    assert!(refused.code == 1 && refused.stderr.contains("names no key"), "{}", refused.stderr);
    let site = std::fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    std::fs::write(desk.path("rackstart.toml"), format!("{site}\n[secrets]\ncredential = \"rack-key\"\n")).unwrap();
    let refused = desk.run(&["secrets", "show", "OS_PASSWORD", "--reveal"]);
    assert!(refused.code == 1 && refused.stderr.contains("`--key-file FILE`"), "{}", refused.stderr);
    let shown = |key: &str| desk.run(&["secrets", "show", "OS_PASSWORD", "--reveal", "--key-file", key]);
    assert_eq!(shown("key").stdout, before);
    let refused = desk.run(&["secrets", "rekey", "--old-key", "key"]);
    assert!(refused.code == 1 && refused.stderr.contains("`--new-key FILE`"), "{}", refused.stderr);
    says(&desk, &["secrets", "rekey", "--old-key", "key", "--new-key", "new-key"]);
    assert!(shown("key").stderr.contains("does not open") && shown("new-key").stdout == before);
    // Copies and the audit log need no key.
    says(&desk, &["backup", "copy"]);
    says(&desk, &["audit", "verify"]);
    let restored = desk.run(&["restore", "copy"]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    assert!(restored.stderr.starts_with("note: could not test whether the passwords open"), "{}", restored.stderr);
    assert_eq!(shown("new-key").stdout, before);
}

#[test]
fn at_night_the_store_speaks_without_a_daemon_and_whatever_the_site_file_says() {
    let desk = desk_with_a_store();
    let state = desk.path("state").display().to_string();
    let nothing = desk.run(&["audit"]);
    assert_eq!(nothing.code, 3, "{}", nothing.stderr);
    assert!(nothing.stderr.contains(&format!("there is no store in {state}")), "{}", nothing.stderr);
    for is_made in [true, false] {
        let listed = desk.run(&["secrets", "list"]);
        assert_eq!(listed.code, 0, "{}", listed.stderr);
        let note = "it is made now, with new passwords; if there were installed nodes, `rackstart restore`";
        assert_eq!(listed.stderr.contains(note), is_made, "the daemon will find a store, and say nothing: {listed:?}");
    }
    says(&desk, &["secrets", "rotate", "OS_PASSWORD"]);

    let status = desk.run(&["status"]);
    assert_eq!((status.code, status.stdout.as_str()), (3, ""), "a daemon that starts must not find its store taken");
    assert!(
        status.stderr.contains("`--state DIR` shows what the store of a stopped daemon holds"),
        "{}",
        status.stderr
    );
    let stopped = says(&desk, &["stop"]);
    assert!(stopped.starts_with("all installations are stopped"), "{stopped}");
    assert!(says(&desk, &["status", "--state", &state]).contains("ALL INSTALLATIONS ARE STOPPED, by console uid"));

    let good = std::fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let broken = [good.replace("role = \"compute\"", "role = \"comptue\""), format!("[[[\n{good}"), String::new()];
    for text in broken {
        std::fs::write(desk.path("rackstart.toml"), text).unwrap();
        for words in [&["audit"][..], &["status"], &["secrets", "list"], &["stop"], &["stop", "--lift"], &["stop"]] {
            let run = desk.run(&[words, &["--state", &state]].concat());
            assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
        }
        let timeline = desk.run(&["timeline", "52:54:00:a8:02:01", "--state", &state]);
        assert_eq!(timeline.code, 0, "{}", timeline.stderr);
        assert_eq!(timeline.stderr.matches("the site file has mistakes").count(), 1, "{}", timeline.stderr);
        let backup = desk.path("backup").display().to_string();
        let said = says(&desk, &["backup", &backup, "--state", &state]);
        assert!(said.contains("WITHOUT the passwords") && said.contains("not on another machine"), "{said}");
    }
    std::fs::remove_file(desk.path("rackstart.toml")).unwrap();
    assert_eq!(desk.run(&["audit", "--state", &state]).code, 0, "no site file at all");
    let log = desk.run(&["audit", "--state", &state, "--action", "stop", "--json"]);
    assert!(log.stdout.lines().count() >= 4, "{}", log.stdout);

    let logs = desk.path("state").join("logs/compute2");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("0a0b0c0d.log"), "2026-11-28 21:00:00Z info anaconda: stage post\n").unwrap();
    assert!(says(&desk, &["log", "compute2", "--state", &state]).contains("anaconda: stage post"));
    assert_eq!(says(&desk, &["log", "compute2", "--list", "--state", &state]), "0a0b0c0d\n");
    let none = desk.run(&["log", "compute3", "--state", &state]);
    assert!(none.code == 1 && none.stderr.contains("there is no log of compute3"), "{}", none.stderr);
}

#[test]
fn a_backup_says_where_it_can_be_restored_and_a_restore_whether_the_key_opens_it() {
    let desk = desk_with_a_store();
    let key = desk.path("key");
    write_key(&key, "correct horse battery");
    let site = std::fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let sealed = format!("{site}\n[secrets]\nkey_file = \"{}\"\n", key.display());
    std::fs::write(desk.path("rackstart.toml"), &sealed).unwrap();
    says(&desk, &["secrets", "rotate", "--all"]);
    let file = desk.path("b").display().to_string();
    let said = says(&desk, &["backup", &file]);
    assert!(said.contains("with the passwords, sealed") && said.contains("keep a copy of that"), "{said}");
    let said = says(&desk, &["restore", &file]);
    assert!(said.contains("the passwords are those of the backup") && !said.contains("BUT"), "{said}");
    write_key(&key, "another horse battery");
    let said = desk.run(&["restore", &file]);
    assert_eq!(said.code, 1, "a script must not start the daemon now");
    assert!(said.stdout.starts_with("restored; ") && !said.stdout.contains("next: "), "{}", said.stdout);
    assert!(
        said.stderr.contains("BUT the passwords do not open, and the daemon will not start: the key that"),
        "{}",
        said.stderr
    );
    std::fs::write(desk.path("rackstart.toml"), &site).unwrap();
    let said = desk.run(&["restore", &file]);
    assert!(said.code == 1 && said.stderr.contains("BUT the passwords do not open"), "{}", said.stderr);
    assert!(said.stderr.contains("names no key"), "{}", said.stderr);
}

#[test]
fn programs_read_what_a_backup_a_restore_and_a_log_came_to() {
    let desk = desk_with_a_store();
    let state = desk.path("state").display().to_string();
    says(&desk, &["secrets", "rotate", "--all"]);
    let read = |args: &[&str]| -> serde_json::Value { serde_json::from_str(&says(&desk, args)).unwrap() };
    let written = read(&["backup", "copy", "--json"]);
    let length = std::fs::metadata(desk.path("copy")).unwrap().len();
    let expected = serde_json::json!({ "file": "copy", "bytes": length, "sealed": false, "passwords": false });
    assert_eq!(written, expected);
    let restored = read(&["restore", "copy", "--json"]);
    assert_eq!((&restored["epoch"], &restored["passwords"]), (&2.into(), &"former".into()), "{restored}");
    assert!(restored["locked"].is_null() && restored["stopped"]["who"].is_string(), "{restored}");
    let refused = desk.run(&["restore", "rackstart.toml", "--json"]);
    let body: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((refused.code, refused.stderr.as_str()), (1, ""));
    assert!(body["error"].as_str().unwrap().contains("is not a backup"), "{body}");

    let logs = desk.path("state").join("logs/compute2");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("0a0b0c0d.log"), "one\ntwo\n").unwrap();
    let lines = says(&desk, &["log", "compute2", "--json", "--state", &state]);
    let pieces: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((pieces.len(), &pieces[0]["text"], &pieces[0]["next"]), (1, &"one\ntwo\n".into(), &8.into()));
    assert_eq!(read(&["log", "compute2", "--list", "--json", "--state", &state]), serde_json::json!(["0a0b0c0d"]));
}

#[test]
fn a_name_that_is_nobodys_is_answered_with_those_that_there_are() {
    let desk = desk_with_a_store();
    let state = desk.path("state").display().to_string();
    says(&desk, &["secrets", "rotate", "OS_PASSWORD"]);
    let unknown = desk.run(&["log", "compute22", "--state", &state]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    assert!(unknown.stderr.starts_with("error: no node is called `compute22`\nhelp: did you mean `compute2`? nodes: "));
    let logs = desk.path("state").join("logs/compute2");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("0a0b0c0d.log"), "one\n").unwrap();
    let attempt = desk.run(&["log", "compute2", "--attempt", "ffff0000", "--state", &state]);
    assert_eq!(attempt.code, 1, "{}", attempt.stderr);
    assert!(attempt.stderr.contains("attempts with a log, the oldest first: 0a0b0c0d"), "{}", attempt.stderr);
    let mac = desk.run(&["timeline", "52:54:00:a8:02", "--state", &state]);
    assert!(mac.code == 2 && mac.stderr.contains("is not a MAC address"), "{}", mac.stderr);
    let action = desk.run(&["audit", "--action", "rotate-secrets"]);
    assert_eq!((action.code, action.stdout.as_str()), (0, ""));
    assert!(action.stderr.contains("did you mean `rotate-secret`? actions in the log: "), "{}", action.stderr);
    // The refusal comes before anything is read from standard input.
    let secret = set(&desk, "NOPE", "a value that nobody may see");
    assert!(secret.code == 1 && secret.stderr.starts_with("error: there is no secret NOPE\n"), "{}", secret.stderr);
    assert!(secret.stderr.contains("help: secrets: ") && secret.stderr.contains("OS_PASSWORD"), "{}", secret.stderr);
}
