//! Every hash of root's password that the site file accepts is one that the crypt(3) of a real login accepts, and the
//! kickstart contains it unchanged.

use std::process::Command;

use crate::support::desk::Desk;

/// Hashes with the distribution's own crypt(3), through perl, which every Debian and CentOS has.
fn crypt(password: &str, salt: &str) -> String {
    let output = Command::new("perl").args(["-e", "print crypt($ARGV[0], $ARGV[1])", password, salt]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_hash_of_openssl_is_taken_verifies_with_crypt_and_reaches_the_kickstart_unchanged() {
    let desk = Desk::new();
    for (salt, kind) in [("abcdefgh", "-6"), ("abcdefghijkl", "-6"), ("./ABCDEFGHIJ1234", "-6"), ("abcdefgh", "-5")] {
        let password = "it's a 'pass' $word";
        let output = Command::new("openssl").args(["passwd", kind, "-salt", salt, password]).output().unwrap();
        let hash = String::from_utf8(output.stdout).unwrap().trim().to_string();
        assert_eq!(crypt(password, &hash), hash, "crypt(3) verifies {hash}");
        assert_ne!(crypt("another", &hash), hash);
        desk.site(&desk.tree("6.10"), "# root_password_hash = \"$6$...\"", &format!("root_password_hash = \"{hash}\""));
        let run = desk.run(&["check"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let kickstart = desk.run(&["render", "compute2", "kickstart", "--reveal-hash"]).stdout;
        assert!(
            kickstart.lines().any(|line| line.starts_with("rootpw --iscrypted ") && line.contains(&hash)),
            "{kickstart}"
        );
        let masked = desk.run(&["render", "compute2", "kickstart"]).stdout;
        assert!(!masked.contains(&hash) && masked.contains("***"), "people see no hash");
    }
}

#[test]
fn a_salt_that_crypt_would_cut_off_is_refused() {
    // The trap: 22 letters of salt look fine, crypt(3) keeps 16, and no login ever succeeds.
    let salt = "abcdefghijklmnopqrstuv";
    let digest = "x".repeat(86);
    assert!(!crypt("secret", &format!("$6${salt}$")).contains(salt), "crypt(3) does cut it off");
    let desk = Desk::new();
    let line = format!("root_password_hash = \"$6${salt}${digest}\"");
    desk.site(&desk.tree("6.10"), "# root_password_hash = \"$6$...\"", &line);
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("root_password_hash") && !run.stderr.contains(&digest), "{}", run.stderr);
}
