//! The subject of a command line: for most subjects an installer accepts one line.

use std::collections::HashSet;

use super::Complaint;

/// Commands that can replace each other.
const ALIKE: [&[&str]; 5] = [
    &["reboot", "halt", "poweroff", "shutdown"],
    &["cmdline", "text", "graphical", "vnc", "rdp"],
    &["url", "nfs", "harddrive", "cdrom", "liveimg", "ostreecontainer"],
    &["auth", "authconfig", "authselect"],
    &["skipx", "xconfig"],
];

/// Commands that may occur more than once, each time about another subject, with the options that name the subject. If
/// a command has no such options, any two of its lines have different subjects. Of every other command the installer
/// uses only the last line.
const REPEATED: [(&str, &[&str]); 23] = [
    ("network", &["--device=", "--vlanid="]),
    ("repo", &["--name="]),
    ("user", &["--name="]),
    ("group", &["--name="]),
    ("sshkey", &[]),
    ("sshpw", &[]),
    ("timesource", &[]),
    ("module", &[]),
    ("driverdisk", &[]),
    ("iscsi", &[]),
    ("fcoe", &[]),
    ("zfcp", &[]),
    ("nvdimm", &[]),
    ("device", &[]),
    ("dmraid", &[]),
    ("multipath", &[]),
    ("part", &[]),
    ("partition", &[]),
    ("raid", &[]),
    ("volgroup", &[]),
    ("logvol", &[]),
    ("btrfs", &[]),
    ("%include", &[]),
];

/// The subjects of the lines that were read so far.
#[derive(Default)]
pub(super) struct Once(HashSet<String>);

impl Once {
    /// Adds one command line, and complains when it overrides an earlier one.
    pub(crate) fn add(&mut self, number: usize, line: &str, found: &mut Vec<Complaint>) {
        let Some(subject) = subject(line) else { return };
        let what = format!("a second line for `{subject}`: the installer uses only the last one");
        if !self.0.insert(subject) {
            let help = "keep one; where the other is rackstart's own, change it in a copy of its template, which \
                        `init --templates DIR` writes";
            found.push(Complaint::doubt(number, what, help));
        }
    }
}

/// The command of a line; none for a line that opens a section.
pub(super) fn kind(line: &str) -> Option<&str> {
    let word = line.split_whitespace().next()?;
    match word {
        "%include" => Some(line.trim()),
        _ if word.starts_with('%') => None,
        _ => Some(ALIKE.iter().find(|alike| alike.contains(&word)).map_or(word, |alike| alike[0])),
    }
}

/// The subject that only one command line can have; none when any number can.
pub(super) fn subject(line: &str) -> Option<String> {
    let kind = kind(line)?;
    let word = kind.split_whitespace().next()?;
    let Some((_, options)) = REPEATED.iter().find(|(name, _)| *name == word) else { return Some(kind.into()) };
    let about: Vec<&str> =
        line.split_whitespace().filter(|word| options.iter().any(|option| word.starts_with(option))).collect();
    (!about.is_empty()).then(|| format!("{kind} {}", about.join(" ")))
}
