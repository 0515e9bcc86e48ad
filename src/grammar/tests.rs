//! Faults that must be found, with their line; and correct lines that must pass.

use super::*;
use crate::site::Release;

fn release(text: &str) -> Release {
    text.parse().unwrap()
}

/// A complete kickstart with these lines after the commands that every kickstart needs, except those that the lines
/// replace.
fn with(release: &str, lines: &str) -> String {
    let install = if release.starts_with('6') { "install\n" } else { "" };
    let needed = format!(
        "{install}url --url=http://x/\ncmdline\nlang en_US\nkeyboard us\ntimezone UTC\nrootpw --lock --iscrypted x\n\
         bootloader --location=mbr\nnetwork --bootproto=dhcp\nautopart\n"
    );
    let command = |line: &str| line.split_whitespace().next().unwrap_or_default().to_string();
    let own: Vec<String> = lines.lines().map(command).collect();
    let mut text: String =
        needed.lines().filter(|line| !own.contains(&command(line))).map(|line| format!("{line}\n")).collect();
    text.push_str(lines);
    text
}

fn complaints(number: &str, lines: &str) -> Vec<String> {
    let text = with(number, lines);
    let before = text.lines().count() - lines.lines().count();
    check(release(number), &text)
        .iter()
        .map(|complaint| format!("{}: {}", complaint.line - before, complaint.what))
        .collect()
}

fn only(number: &str, lines: &str) -> String {
    let found = complaints(number, lines);
    assert_eq!(found.len(), 1, "{number} {lines}: {found:?}");
    found[0].clone()
}

#[test]
fn lines_that_every_installer_takes_pass() {
    for number in ["6.3", "6.10", "7", "8", "9", "10"] {
        for line in [
            "part /boot --fstype=ext4 --size=500 --ondisk=sda --asprimary",
            "part pv.01 --size 21000 --ondisk sda\nvolgroup vg_base --pesize=4096 pv.01\n\
             logvol / --vgname=vg_base --name=lv_root --size=10000 --fstype=ext4",
            "part raid.01 --size=1\npart raid.02 --size=1\nraid pv.01 --device=md0 --level=RAID1 raid.01 raid.02\n\
             volgroup a --pesize=4096 pv.01",
            "logvol / --vgname=a --name=b --useexisting --fstype=ext4",
            "volgroup a --pesize=4096 pv.01\npart pv.01 --size=1\nlogvol swap --vgname=a --name=b --percent=10\n\
             logvol swap --vgname=a --name=c --recommended",
            "clearpart --all --initlabel --drives=sda",
            "services --enabled=\"a,b\" # a comment",
            "%include /tmp/x.ks",
            "%post --nochroot --interpreter=/bin/bash\necho a\n%end",
        ] {
            assert_eq!(complaints(number, line), Vec::<String>::new(), "{number} {line}");
        }
    }
}

#[test]
fn a_second_line_of_what_the_installer_takes_once_is_refused_and_what_it_fetches_from_elsewhere_too() {
    for number in ["6.3", "6.10", "7", "8", "9", "10"] {
        for (first, second, what) in [
            ("selinux --permissive", "selinux --enforcing", "selinux"),
            ("skipx", "skipx", "skipx"),
            ("keyboard us", "keyboard de", "keyboard"),
            ("rootpw --lock --iscrypted x", "rootpw secret", "rootpw"),
            ("network --device=a --bootproto=dhcp", "network --device=a --bootproto=static", "network --device=a"),
            ("repo --name=a --baseurl=http://x/", "repo --name=a --baseurl=http://y/", "repo --name=a"),
            ("user --name=a", "user --name=a --lock", "user --name=a"),
        ] {
            let said = format!("2: a second line for `{what}`: the installer uses only the last one");
            assert_eq!(only(number, &format!("{first}\n{second}")), said, "{number}");
        }
        let several = "network --device=a --bootproto=dhcp\nnetwork --device=b --bootproto=dhcp\nrepo --name=a --baseurl=http://x/\n\
                       repo --name=b --baseurl=http://x/\nuser --name=a\nuser --name=b";
        assert_eq!(complaints(number, several), Vec::<String>::new());
        for line in ["%include http://192.168.0.9/more.ks", "%ksappend http://192.168.0.9/more.ks", "%ksappend /tmp/x"]
        {
            assert_eq!(only(number, line), format!("1: `{line}` brings lines from elsewhere that nobody has read"));
        }
    }
}

#[test]
fn a_command_that_the_release_does_not_know_is_named_with_the_releases_that_do() {
    assert_eq!(only("6.3", "unsupported_hardware"), "1: EL6.3 does not know the command `unsupported_hardware`");
    assert_eq!(complaints("6.4", "unsupported_hardware"), Vec::<String>::new());
    assert!(only("9", "install").contains("`install`"));
    assert!(only("6.10", "sshkey --username=root x").contains("`sshkey`"));
    let found = check(release("9"), &with("9", "clearprt --all\n"));
    assert_eq!(found[0].help, "did you mean `clearpart`?");
    let found = check(release("10"), &with("10", "authconfig --x\n"));
    assert_eq!(found[0].help, "it exists up to 9; take it out for this release");
}

#[test]
fn options_are_checked_by_release_and_by_what_they_take() {
    for (number, line, expected) in [
        (
            "6.10",
            "clearpart --all --drives=sda --disklabel=gpt",
            "1: `clearpart` of EL6.10 has no option `--disklabel`",
        ),
        ("6.3", "network --bondslaves=a,b", "1: `network` of EL6.3 has no option `--bondslaves`"),
        ("10", "timezone UTC --isUtc", "1: `timezone` of EL10 has no option `--isUtc`"),
        ("6.10", "part /x --size=12MB", "1: `--size` of `part` is `12MB`, which is not a whole number"),
        ("6.10", "part /x --grow=yes", "1: `--grow` of `part` takes no value"),
        ("6.10", "part /x --size", "1: `--size` of `part` has no value"),
        ("9", "bootloader --location=disk", "1: `--location` of `bootloader` cannot be `disk`"),
        ("9", "logvol /x --name=a --size=1", "1: `logvol` has no `--vgname`"),
        ("9", "logvol /x --name=a --vgname=b --useexisting=1", "1: `--useexisting` of `logvol` takes no value"),
        ("9", "part /a /b --size=1", "1: `part` has 2 words that are not options, and takes 1"),
        ("9", "lang", "1: `lang` has 0 words that are not options, and takes 1"),
        ("9", "url --url=http://x/ --mirrorlist=http://y/", "1: `--url`, `--mirrorlist` of `url` exclude each other"),
        ("9", "timesource --nts", "1: `timesource` has none of `--ntp-server`, `--ntp-pool`, `--ntp-disable`"),
        ("9", "part / --size=1 --resize", "1: `--resize` of `part` works only with `--onpart`, `--usepart`"),
        ("9", "part / --size=1 --fstype=btrfs", "1: no release from 8 on makes btrfs"),
        ("9", "%packages\na b\n@Big Group\n%end", "2: `a b` is not the name of a package"),
        ("10", "module --name=a", "1: EL10 reads `module`, warns and ignores it"),
        ("9", "logging --level info --host=a", "1: EL9 reads `--level` of `logging`, warns and ignores it"),
        ("9", "rootpw \"x", "1: a quotation that begins with \" has no end on its line"),
    ] {
        assert_eq!(only(number, line), expected);
    }
}

#[test]
fn el6_dies_on_sections_and_body_lines_that_others_take() {
    assert!(only("6.10", "%onerror\necho\n%end").contains("does not know the section `%onerror`"));
    assert!(only("7.3", "%onerror\necho\n%end").contains("does not know the section `%onerror`"));
    assert_eq!(complaints("7.4", "%onerror\necho\n%end"), Vec::<String>::new());
    assert_eq!(complaints("9", "%onerror\necho\n%end"), Vec::<String>::new());
    assert!(only("6.10", "%addon x\n%end").contains("%addon"));
    assert!(only("6.10", "%packages --nocore\n%end").contains("`--nocore`"));
    let body = "%post\ncat <<E >x\n  %pre is a word here\nE\n%end";
    assert_eq!(only("6.10", body), "3: a line that begins with `%pre` ends %post on EL6, even in a here-document");
    assert_eq!(complaints("9", body), Vec::<String>::new());
    assert_eq!(only("9", "%post\necho a"), "1: %post has no %end");
    assert!(only("9", "%pots\n").contains("no release knows the section `%pots`"));
}

#[test]
fn lines_that_are_correct_and_dangerous_are_refused() {
    assert!(only("9", "clearpart --all").contains("every disk"));
    assert!(only("6.10", "volgroup a").contains("32 MiB"));
    assert!(
        only("6.10", "part pv.01 --onpart=sda2 --noformat\nvolgroup a --useexisting --noformat pv.01")
            .contains("takes no members")
    );
    assert!(only("6.3", "volgroup a --useexisting --noformat").contains("needs its members"));
    assert!(only("6.10", "logvol / --vgname=a --name=b --useexisting --fstype=xfs").contains("XFS"));
}

#[test]
fn names_of_storage_are_made_once_and_before_they_are_used() {
    let (pv, group) = ("part pv.01 --size=1", "volgroup a --pesize=4096 pv.01");
    for (lines, expected) in [
        (group.to_string(), "1: no `part` makes `pv.01`"),
        (format!("{pv}\n{pv}"), "2: `pv.01` is already made 1 lines above"),
        (format!("{pv}\n{group}\nvolgroup b --pesize=4096 pv.01"), "3: `pv.01` is already a member of something else"),
        (format!("{pv}\n{group}\nvolgroup a --pesize=4096"), "3: the volume group `a` is already made 1 lines above"),
        ("logvol /x --vgname=a --name=b --size=1".into(), "1: no `volgroup` makes `a`"),
        (
            format!("{pv}\n{group}\nlogvol /x --vgname=a --name=b --size=1\nlogvol swap --vgname a --name b --size 1"),
            "4: the logical volume `b` of `a` is already made 1 lines above",
        ),
        (format!("{pv}\n{group}\nlogvol /x --vgname=a --name=b"), "3: `logvol` says nothing about its size"),
        ("part /x --size=1\npart /x --size=1".into(), "2: the mount point `/x` is already made 1 lines above"),
        ("part raid.1 --size=1\nraid / --device=md0 --level=1 raid.1 raid.2".into(), "2: no `part` makes `raid.2`"),
        ("part raid.1 --size=1\nraid / --device=md0 raid.1".into(), "2: `raid` has no `--level`"),
        ("raid / --device=md0 --level=RAID3 x".into(), "1: `--level` of `raid` cannot be `RAID3`"),
    ] {
        for number in ["6.3", "6.10", "7", "8", "9", "10"] {
            assert_eq!(only(number, &lines), expected, "{number} {lines}");
        }
    }
    assert_eq!(
        complaints("6.10", &format!("{pv}\n{group}\nlogvol /x --vgname=a --name=b --grow")),
        Vec::<String>::new()
    );
}

#[test]
fn a_kickstart_that_would_ask_a_question_is_refused() {
    let text = with("6.10", "").replace("rootpw --lock --iscrypted x\n", "").replace("install\n", "");
    let found: Vec<String> = check(release("6.10"), &text).into_iter().map(|complaint| complaint.what).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("no `rootpw`") && found[1].contains("upgrade"), "{found:?}");
}

fn script(number: &str, body: &str) -> Vec<String> {
    complaints(number, &format!("%pre --interpreter=/bin/bash\n{body}\n%end"))
}

#[test]
fn an_interpreter_may_stand_in_the_next_word() {
    let python = "%post --interpreter /usr/bin/python3\nprint('it\\'s')\nif x:\n  y = '{'\n  z = '''\n%end";
    assert_eq!(complaints("9", python), Vec::<String>::new());
}

#[test]
fn what_a_script_never_closes_is_told_with_the_line_where_it_begins() {
    for (body, expected) in [
        ("echo a\necho \"b\necho c", "3: a double quote is never closed"),
        ("echo 'a\n", "2: a single quote is never closed"),
        ("x=$(echo a\necho b", "2: `$(` is never closed"),
        ("x=${y\n", "2: `${` is never closed"),
        ("cat <<EOF >x\na\nEOG", "4: the here-document `EOF` has no end"),
        ("if true; then\necho a", "2: `if` has no end"),
        ("for x in a; do\nif b; then\ndone", "4: `done` where the end of `if` is missing, 1 lines above"),
        ("echo\nfi", "3: `fi` ends nothing"),
    ] {
        for number in ["6.10", "9"] {
            assert_eq!(script(number, body), [expected], "{body}");
        }
    }
}

#[test]
fn correct_scripts_pass() {
    for body in [
        "x=\"it's\" # don't\necho 'a\"b' \"${x:-\"y\"}\" $'it\\'s'",
        "case $x in\n  (a) echo b ;;\n  done) echo c ;;\n  *) d=$(case a in a) echo b ;; esac) ;;\nesac",
        "cat <<-'EOF' >x\n\tif it's \"open\n\tEOF\necho done",
        "f() {\n  local a=1\n  ((a << 2)) || [ $((a<<1)) = \"$(g \"a)\")\" ]\n}",
        "while read -r a; do\n  echo $a\ndone <x",
        "echo x | while read -r a; do echo $a; done",
        "while IFS='|' read -r a b; do\n  :\ndone <<<\"$x\"",
        "echo a \\\n  if b",
        "x=$(if a; then b; fi) y=$(for z in a; do b; done)",
        "! command -v lsblk >/dev/null || lsblk",
        "function f {\n  a\n}\nfunction g() { b; }\nh () {\n  c\n}\nfunction i ()\n{\n  d\n}",
        "for x in ${y//\\//!} `ls`; do { echo a; } 2>b; done; if a; then b; else c; fi",
    ] {
        assert_eq!(script("6.10", body), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn el6_scripts_use_only_what_its_installer_has() {
    assert_eq!(script("6.10", "echo a\nlsblk -d"), ["3: the installer of EL6.10 has no `lsblk`"]);
    assert_eq!(script("6.10", "x=$(sgdisk -p /dev/sda | head)"), ["2: the installer of EL6.10 has no `sgdisk`"]);
    assert_eq!(script("6.7", "wipefs -a /dev/sda"), ["2: the installer of EL6.7 has no `wipefs`"]);
    assert_eq!(script("6.8", "wipefs -a /dev/sda"), [""; 0]);
    assert_eq!(script("6.10", "x=$(echo A | tr A B)"), ["2: the installer of EL6.10 has no `tr`"]);
    assert_eq!(script("9", "lsblk -d"), Vec::<String>::new());
    assert_eq!(script("6.10", "echo lsblk"), Vec::<String>::new());
    assert_eq!(complaints("6.10", "%post\nlsblk\n%end"), Vec::<String>::new(), "the installed system may have it");
    assert!(script("6.10", "f() { local -n x=$1; }")[0].contains("needs bash 4.3"));
    assert!(script("6.10", "read -r answer")[0].contains("reads standard input"));
    assert!(script("6.10", "while read -r a; do\n  echo $a\ndone")[0].starts_with("2: this reads"));
}
