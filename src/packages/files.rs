//! `primary.xml`: the file of every package, for who copies or compares a whole repository.

use std::io::BufRead;

use quick_xml::events::Event;

use super::pieces::{Pieces, append};
use super::primary::{MAX_BYTES, attribute};
use super::{Checksum, Damaged, is_inside};

/// The file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// Its path relative to the folder that holds `repodata`; it never leads outside.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Checksum,
}

/// What was read of a package so far.
#[derive(Default)]
struct Draft {
    path: Option<String>,
    is_elsewhere: bool,
    size: Option<u64>,
    algorithm: String,
    hex: String,
}

/// Reads the list. A package on another disc of a set, or at another address, is not in this repository.
pub(super) fn read(text: impl BufRead, each: &mut dyn FnMut(PackageFile)) -> Result<(), Damaged> {
    let mut pieces = Pieces::of(text, MAX_BYTES);
    let mut draft = Draft::default();
    let (mut is_list, mut in_checksum) = (false, false);
    loop {
        match pieces.next()? {
            Event::Start(start) | Event::Empty(start) => match start.local_name().as_ref() {
                "metadata" => is_list = true,
                "package" => draft = Draft::default(),
                // The dependencies of a package have no element of these names.
                "checksum" => {
                    in_checksum = true;
                    draft.algorithm = attribute(&start, "type").unwrap_or_default();
                }
                "size" => draft.size = attribute(&start, "package").and_then(|bytes| bytes.parse().ok()),
                "location" => {
                    let base = attribute(&start, "xml:base").unwrap_or_default();
                    draft.is_elsewhere = !base.is_empty() && !base.ends_with("#1");
                    draft.path = attribute(&start, "href");
                }
                _ => {}
            },
            Event::Text(content) if in_checksum => append(&mut draft.hex, content.xml10_content().trim())?,
            Event::End(end) => match end.local_name().as_ref() {
                "checksum" => in_checksum = false,
                "package" => {
                    let done = std::mem::take(&mut draft);
                    if !done.is_elsewhere {
                        each(done.finish()?);
                    }
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    if is_list { Ok(()) } else { Err(Damaged("it is not a list of packages".into())) }
}

impl Draft {
    fn finish(self) -> Result<PackageFile, Damaged> {
        let path = self.path.unwrap_or_default();
        let shown: String = path.escape_debug().take(200).collect();
        if !is_inside(&path) {
            return Err(Damaged(format!("it places a package at `{shown}`, outside the repository")));
        }
        let checksum = Checksum::named(&self.algorithm, &self.hex);
        let checksum = checksum.ok_or_else(|| Damaged(format!("it gives `{shown}` no checksum that can be used")))?;
        let size = self.size.ok_or_else(|| Damaged(format!("it gives `{shown}` no length")))?;
        Ok(PackageFile { path, size, checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(packages: &str) -> Result<Vec<PackageFile>, String> {
        let mut found = Vec::new();
        let text = format!("<metadata xmlns=\"http://linux.duke.edu/metadata/common\">{packages}</metadata>");
        read(text.as_bytes(), &mut |file| found.push(file)).map_err(|damaged| damaged.0)?;
        Ok(found)
    }

    fn package(location: &str, size: &str) -> String {
        let sum = "ab".repeat(32);
        format!(
            "<package type=\"rpm\"><name>a</name><checksum type=\"sha256\" pkgid=\"YES\">{sum}</checksum>{size}\
             <location {location}/><format><file>/checksum</file></format></package>"
        )
    }

    #[test]
    fn every_package_is_told_by_its_path_length_and_checksum() {
        let size = "<size package=\"7\" installed=\"9\" archive=\"10\"/>";
        let found = list(&(package("href=\"Packages/a.rpm\"", size) + &package("href=\"b.rpm\"", size))).unwrap();
        let told: Vec<_> = found.iter().map(|file| (file.path.as_str(), file.size)).collect();
        assert_eq!(told, [("Packages/a.rpm", 7), ("b.rpm", 7)]);
        assert_eq!(found[0].checksum.hex, "ab".repeat(32));
        let discs = package("xml:base=\"media://1#2\" href=\"c.rpm\"", size)
            + &package("xml:base=\"media://1#1\" href=\"d.rpm\"", size)
            + &package("xml:base=\"http://elsewhere/\" href=\"e.rpm\"", size);
        assert_eq!(list(&discs).unwrap().len(), 1);
    }

    #[test]
    fn a_package_that_leads_out_or_that_nothing_proves_is_damage() {
        let size = "<size package=\"7\"/>";
        for path in ["../a.rpm", "/a.rpm", "a/../b", "a//b", "", "a\\b"] {
            let why = list(&package(&format!("href=\"{path}\""), size)).unwrap_err();
            assert!(why.contains("outside the repository"), "{path}: {why}");
        }
        assert!(list(&package("href=\"a.rpm\"", "")).unwrap_err().contains("no length"));
        let unproved = package("href=\"a.rpm\"", size).replace("sha256", "crc32");
        assert!(list(&unproved).unwrap_err().contains("no checksum"));
    }
}
