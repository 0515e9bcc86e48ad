//! Options that require or exclude each other, which a table of single options cannot express.

use super::Complaint;
use crate::site::Release;

/// A rule among the options of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Exactly one of them.
    One(&'static [&'static str]),
    /// At least one of them.
    Any(&'static [&'static str]),
    /// At most one of them.
    Apart(&'static [&'static str]),
    /// The first requires one of the others.
    Wants(&'static str, &'static [&'static str]),
}

/// Commands, their first and last release, and the rules that hold for them, as in pykickstart;
/// tests/kickstart/table.rs compares.
pub const RULES: [(&[&str], u8, u8, Rule); 24] = [
    (&["url"], 7, 7, Rule::One(&["--url", "--mirrorlist"])),
    (&["url"], 8, 10, Rule::One(&["--url", "--mirrorlist", "--metalink"])),
    (&["repo"], 6, 6, Rule::One(&["--baseurl", "--mirrorlist"])),
    (&["repo"], 8, 10, Rule::Apart(&["--baseurl", "--mirrorlist", "--metalink"])),
    (&["timesource"], 9, 10, Rule::One(&["--ntp-server", "--ntp-pool", "--ntp-disable"])),
    (&["timezone"], 7, 8, Rule::Apart(&["--nontp", "--ntpservers"])),
    (&["ignoredisk"], 6, 7, Rule::One(&["--drives", "--only-use", "--interactive"])),
    (&["ignoredisk"], 8, 10, Rule::One(&["--drives", "--only-use"])),
    (&["services"], 6, 10, Rule::Any(&["--enabled", "--disabled"])),
    (&["harddrive"], 6, 8, Rule::One(&["--biospart", "--partition"])),
    (&["rescue"], 6, 10, Rule::Apart(&["--nomount", "--romount"])),
    (&["logging"], 6, 10, Rule::Wants("--port", &["--host"])),
    (&["eula"], 7, 10, Rule::Any(&["--agreed", "--agree", "--accepted", "--accept"])),
    (&["keyboard"], 7, 10, Rule::Any(&["", "--vckeymap", "--xlayouts"])),
    (&["autopart"], 9, 10, Rule::Apart(&["--noswap", "--hibernation"])),
    (&["autopart", "part", "partition", "logvol", "raid"], 8, 10, Rule::Apart(&["--pbkdf-time", "--pbkdf-iterations"])),
    (&["part", "partition", "logvol", "raid"], 7, 10, Rule::Apart(&["--mkfsoptions", "--noformat"])),
    (&["part", "partition", "logvol", "raid"], 7, 10, Rule::Apart(&["--mkfsoptions", "--fsprofile"])),
    (&["part", "partition"], 7, 10, Rule::Wants("--resize", &["--onpart", "--usepart"])),
    (&["part", "partition"], 7, 10, Rule::Wants("--resize", &["--size"])),
    (&["logvol"], 6, 10, Rule::Apart(&["--thin", "--thinpool"])),
    (&["logvol"], 6, 10, Rule::Wants("--thin", &["--poolname"])),
    (&["logvol"], 7, 10, Rule::Wants("--resize", &["--useexisting"])),
    (&["network"], 7, 10, Rule::Wants("--bridgeopts", &["--bridgeslaves"])),
];

/// Checks one line whose options are known; `words` are those after the command.
pub(super) fn check(release: Release, number: usize, name: &str, words: &[String], found: &mut Vec<Complaint>) {
    // The empty name stands for a word that is not an option.
    let has = |option: &str| match option {
        "" => words.iter().any(|word| !word.starts_with("--")),
        _ => words.iter().any(|word| word.split('=').next() == Some(option)),
    };
    let listed = |options: &[&str]| {
        let named: Vec<_> = options.iter().filter(|option| !option.is_empty()).map(|o| format!("`{o}`")).collect();
        named.join(", ")
    };
    let rules = RULES
        .iter()
        .filter(|(commands, first, last, _)| commands.contains(&name) && (*first..=*last).contains(&release.major));
    for (.., rule) in rules {
        let (options, most, least) = match rule {
            Rule::One(options) => (*options, 1, 1),
            Rule::Any(options) => (*options, usize::MAX, 1),
            Rule::Apart(options) => (*options, 1, 0),
            Rule::Wants(option, wanted) => {
                if has(option) && !wanted.iter().any(|wanted| has(wanted)) {
                    let what = format!("`{option}` of `{name}` works only with {}", listed(wanted));
                    let help = format!("add what is missing, or leave out `{option}`");
                    found.push(Complaint::new(number, what, help));
                }
                continue;
            }
        };
        match options.iter().filter(|option| has(option)).count() {
            count if count < least => {
                let what = format!("`{name}` has none of {}", listed(options));
                found.push(Complaint::new(number, what, "add one of them"));
            }
            count if count > most => {
                let given: Vec<&str> = options.iter().copied().filter(|option| has(option)).collect();
                let what = format!("{} of `{name}` exclude each other", listed(&given));
                found.push(Complaint::new(number, what, "keep one of them"));
            }
            _ => {}
        }
    }
}
