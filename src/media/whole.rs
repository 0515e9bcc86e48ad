//! Everything that the lists of a medium name, and whether a file is what its list says.

use std::io;

use super::repository::{MAX_INDEX_BYTES, folders, read_packages, reason};
use super::{Content, CopyRecord, Media};
use crate::mirror::{self, INDEX, Piece, TREEINFO, below};
use crate::packages::{self, Algorithm, Checksum, Kind};

/// The largest list that is read, in bytes.
const MAX_LIST_BYTES: u64 = 1 << 20;
/// The checksums of a tree of Debian, and of the images beside a tree.
const SUMS: [(&str, &str); 2] = [("", "SHA256SUMS"), ("images", "images/SHA256SUMS")];

/// Returns every file that the lists of a medium name. An error is a sentence about one of the lists.
pub(crate) fn pieces(media: &Media) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    if let Some(text) = text(media, TREEINFO)? {
        pieces.extend(mirror::of_treeinfo(&text).map_err(|why| format!("{TREEINFO}: {why}"))?);
    }
    for (folder, list) in SUMS {
        let lines = text(media, list)?.unwrap_or_default();
        let named = |(sum, name)| Piece { checksum: Some(sum), ..Piece::unproved(below(folder, name)) };
        pieces.extend(packages::sums(&lines).map(named));
    }
    for folder in folders(media) {
        let index = below(&folder, INDEX);
        let bytes = media.read(&index, MAX_INDEX_BYTES).map_err(|error| format!("{index}: {}", reason(&error)))?;
        for part in packages::index(&bytes).map_err(|error| format!("{index}: {error}"))? {
            let piece = Piece::of_part(&folder, &part);
            if part.kind == Kind::Primary {
                // Only a file that matches its checksum reaches the decoders.
                examine(media, &piece).map_err(|why| format!("{}: {why}", piece.path))?;
                let content = media.file(&piece.path).map_err(|error| format!("{}: {}", piece.path, reason(&error)))?;
                let mut keep = |file| pieces.push(Piece::of_package(&folder, file));
                read_packages(content, &mut keep).map_err(|why| format!("{}: {why}", piece.path))?;
            }
            pieces.push(piece);
        }
    }
    for (path, hex) in CopyRecord::of(media).map(|record| record.roots).unwrap_or_default() {
        pieces.push(Piece { checksum: Checksum::new(Algorithm::Sha256, &hex), ..Piece::unproved(path) });
    }
    Ok(pieces)
}

/// Reads a file and returns its length in bytes, or the way in which it is not what its list says.
pub(crate) fn examine(media: &Media, piece: &Piece) -> Result<u64, String> {
    let mut content: Content = match media.file(&piece.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && piece.is_optional => return Ok(0),
        found => found.map_err(|error| reason(&error))?,
    };
    let length = content.length();
    if let Some(size) = piece.size.filter(|size| *size != length) {
        return Err(format!("it has {length} bytes, and its list says {size}"));
    }
    let Some(checksum) = &piece.checksum else { return Ok(length) };
    let found = content.checksum(checksum.algorithm).map_err(|error| reason(&error))?;
    match found == checksum.hex {
        true => Ok(length),
        false => Err(format!("its {} differs from that of its list", checksum.algorithm.name())),
    }
}

/// A list as text; none when there is none.
fn text(media: &Media, path: &str) -> Result<Option<String>, String> {
    match media.read(path, MAX_LIST_BYTES) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{path}: {}", reason(&error))),
    }
}
