//! `repomd.xml`, the index of a repository: the location and the checksums of its other metadata files.

use quick_xml::events::Event;

use super::pieces::{Pieces, append};
use super::{Checksum, Damaged, is_inside};

/// The purpose of a metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The packages.
    Primary,
    /// The groups.
    Groups,
    /// What only yum itself reads, such as the list of files.
    Other,
}

/// One file of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The purpose of the file.
    pub kind: Kind,
    /// Its path relative to the folder that holds `repodata`; it never leads outside.
    pub path: String,
    /// The checksum of the file as it is stored.
    pub checksum: Checksum,
    /// Its length in bytes, if the index gives it.
    pub size: Option<u64>,
}

/// Reads the index. There is exactly one file of packages, and at most one of groups; a compressed one counts, and the
/// other is like those that only yum reads. Of these, one without a usable place or checksum is left out.
pub(super) fn read(text: &[u8]) -> Result<Vec<Part>, Damaged> {
    let mut pieces = Pieces::of(text, text.len() as u64);
    let mut parts: Vec<Part> = Vec::new();
    let mut draft: Option<Draft> = None;
    let mut inside = String::new();
    let mut is_index = false;
    loop {
        match pieces.next()? {
            Event::Start(start) | Event::Empty(start) => {
                let value = |name: &str| {
                    let attribute = start.try_get_attribute(name).ok().flatten();
                    attribute.map(|attribute| attribute.value.into_owned())
                };
                inside = start.local_name().as_ref().to_string();
                match inside.as_str() {
                    "repomd" => is_index = true,
                    "data" => draft = value("type").map(Draft::new),
                    "location" => draft.iter_mut().for_each(|draft| draft.path = value("href")),
                    "checksum" => draft.iter_mut().for_each(|draft| draft.algorithm = value("type")),
                    _ => {}
                }
            }
            Event::Text(content) => {
                let Some(draft) = &mut draft else { continue };
                match inside.as_str() {
                    "checksum" => append(&mut draft.hex, content.xml10_content().trim())?,
                    "size" => draft.size = content.xml10_content().trim().parse().ok(),
                    _ => {}
                }
            }
            Event::End(end) => {
                inside.clear();
                if end.local_name().as_ref() == "data"
                    && let Some(part) = draft.take().map(Draft::finish).transpose()?.flatten()
                {
                    let same = parts.iter_mut().filter(|known| known.kind == part.kind);
                    same.for_each(|known| known.kind = Kind::Other);
                    parts.push(part);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_index {
        return Err(Damaged("it is not the index of a repository".into()));
    }
    if !parts.iter().any(|part| part.kind == Kind::Primary) {
        return Err(Damaged("it names no list of packages (`primary`)".into()));
    }
    Ok(parts)
}

struct Draft {
    kind: String,
    path: Option<String>,
    algorithm: Option<String>,
    hex: String,
    size: Option<u64>,
}

impl Draft {
    fn new(kind: String) -> Self {
        Self { kind, path: None, algorithm: None, hex: String::new(), size: None }
    }

    fn finish(self) -> Result<Option<Part>, Damaged> {
        let kind = match self.kind.as_str() {
            "primary" => Kind::Primary,
            "group" | "group_gz" | "group_xz" | "group_zst" => Kind::Groups,
            _ => Kind::Other,
        };
        let path = self.path.unwrap_or_default();
        if kind == Kind::Other && !is_inside(&path) {
            return Ok(None);
        }
        if !is_inside(&path) {
            let shown: String = path.escape_debug().take(100).collect();
            return Err(Damaged(format!("it places `{}` at `{shown}`, outside the repository", self.kind)));
        }
        let algorithm = self.algorithm.unwrap_or_default();
        let Some(checksum) = Checksum::named(&algorithm, &self.hex) else {
            if kind == Kind::Other {
                return Ok(None);
            }
            let shown: String = algorithm.escape_debug().take(20).collect();
            return Err(Damaged(format!("it gives `{}` no checksum that can be used (`{shown}`)", self.kind)));
        };
        Ok(Some(Part { kind, path, checksum, size: self.size }))
    }
}
