//! Checks any kickstart as it was found: with leftovers of another system's editor or of another tool's templates in
//! it.

use super::known::KnownScripts;
use super::{Complaint, facts, section, template};
use crate::site::Release;

/// A kickstart that was read as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The text without a byte-order mark and without Windows line ends. Its line numbers are those of the file.
    pub text: String,
    /// What is wrong, in line order.
    pub complaints: Vec<Complaint>,
}

/// Reads the bytes of a file as the installer of the release would.
pub fn lint(release: Release, bytes: &[u8]) -> Lint {
    let mut complaints = Vec::new();
    let text = plain(bytes, &mut complaints);
    // Lines that some tool fills in later are not lines of a kickstart, so nothing else is reported about them.
    let (filled, template) = template::without(&text);
    let is_whole = template.is_none();
    complaints.extend(template);
    let read = section::read(&mut KnownScripts::default(), release, &filled);
    complaints.extend(read.found);
    if is_whole && !read.includes {
        facts::check_whole(release, read.last, &read.commands, &mut complaints);
    }
    complaints.sort_by_key(|complaint| complaint.line);
    Lint { text, complaints }
}

/// The release that Anaconda writes into the first lines of its own `anaconda-ks.cfg`: `#version=RHEL9`.
pub(crate) fn release_of(bytes: &[u8]) -> Option<Release> {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4096)).unwrap_or_default());
    let said = text.lines().find_map(|line| line.trim().strip_prefix("#version=RHEL"))?;
    said.parse().ok()
}

/// The text of a file, and what is wrong with its characters.
fn plain(bytes: &[u8], found: &mut Vec<Complaint>) -> String {
    let is_marked = bytes.starts_with(b"\xef\xbb\xbf");
    let bytes = if is_marked { &bytes[3..] } else { bytes };
    if is_marked {
        let what = "the file begins with a byte-order mark, which the installer reads as a part of the first word";
        found.push(Complaint::new(1, what, "save it as UTF-8 without a mark: `sed -i '1s/^\\xef\\xbb\\xbf//'`"));
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let what = "the line is not UTF-8, and the installer reads no further";
        found.push(Complaint::new(line, what, "convert the file: `iconv -f latin1 -t utf-8`"));
    }
    let text = String::from_utf8_lossy(bytes);
    let windows = text.split('\n').position(|line| line.ends_with('\r'));
    if let Some(index) = windows {
        let what = "the line ends as those of Windows do: a script gets the carriage return as a part of its last word";
        found.push(Complaint::new(index + 1, what, "convert the file: `sed -i 's/\\r$//'`"));
    }
    // A lone carriage return is an ordinary control character and reported as one.
    if windows.is_some() { text.replace("\r\n", "\n") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Weight;

    const GOOD: &str = "url --url=http://x/\ntext\nlang en_US\nkeyboard us\ntimezone UTC\nrootpw --lock\nbootloader\n\
                        network --bootproto=dhcp\nautopart\n%packages\n@core\n%end\n%post\necho a\n%end\n";

    fn said(bytes: &[u8]) -> Vec<(usize, String)> {
        let found = lint("9".parse().unwrap(), bytes).complaints;
        found.into_iter().map(|complaint| (complaint.line, complaint.what)).collect()
    }

    #[test]
    fn marks_of_other_editors_are_told_once_and_hide_nothing() {
        assert_eq!(said(GOOD.as_bytes()), []);
        let marked = [b"\xef\xbb\xbf", GOOD.as_bytes()].concat();
        assert!(matches!(&said(&marked)[..], [(1, what)] if what.contains("byte-order mark")));
        let windows = GOOD.replace('\n', "\r\n");
        assert!(matches!(&said(windows.as_bytes())[..], [(1, what)] if what.contains("Windows")));
        let latin = [GOOD.as_bytes(), b"# M\xfcller\n"].concat();
        assert!(matches!(&said(&latin)[..], [(16, what)] if what.contains("not UTF-8")));
        assert_eq!(said((windows + "langg x\r\n").as_bytes()).len(), 2);
    }

    #[test]
    fn what_another_file_may_hold_is_not_missed() {
        let bare = "%include /tmp/all.ks\n";
        assert_eq!(said(bare.as_bytes()), []);
        let found = lint("9".parse().unwrap(), b"lang en_US\n").complaints;
        assert!(found.len() > 5 && found.iter().all(|complaint| complaint.weight == Weight::Doubt), "{found:?}");
    }

    #[test]
    fn anaconda_says_its_release() {
        assert_eq!(release_of(b"# Generated\n#version=RHEL8\n"), Some("8".parse().unwrap()));
        assert_eq!(release_of(b"#version=DEVEL\n"), None);
        assert_eq!(release_of(b""), None);
    }

    #[test]
    fn the_span_is_the_thing_that_is_quoted_or_the_whole_line() {
        let complaint = |what: &str| Complaint::new(1, what, "");
        let line = "  part pv.01 --size=1x --ondisk=sda";
        let at = |what: &str| &line[complaint(what).span(line)];
        assert_eq!(at("`--size` of `part` is `1x`"), "--size");
        assert_eq!(at("`size` is missing, `pv.01` is not"), "pv.01");
        assert_eq!(at("no"), line.trim());
        assert_eq!(complaint("`x`").span(""), 0..0);
    }
}
