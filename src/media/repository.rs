//! The metadata of a yum repository: located, verified by its checksums, and read once.

use std::io;

use super::{Media, decode};
use crate::mirror::{INDEX, below};
use crate::packages::{self, Kind, Metadata, Names, PackageFile, Part};

/// Folders that are repositories of their own on the images of EL8 and later.
pub(crate) const SEVERAL: [&str; 2] = ["BaseOS", "AppStream"];
/// The largest index of a repository that is read, in bytes.
pub(crate) const MAX_INDEX_BYTES: u64 = 4 << 20;
/// The largest other file of metadata that is read, in bytes as compressed.
const MAX_PART_BYTES: u64 = 1 << 30;

/// Returns the folders of a medium that are repositories: the medium itself (an empty string), or those of [`SEVERAL`].
pub(crate) fn folders(media: &Media) -> Vec<String> {
    if media.has(INDEX) {
        return vec![String::new()];
    }
    SEVERAL.into_iter().filter(|name| media.has(&below(name, INDEX))).map(String::from).collect()
}

/// Reads what the repository in `folder` has of `names`. An error is a sentence about one file of the metadata.
pub(crate) fn read_repository(media: &Media, folder: &str, names: &Names) -> Result<Metadata, String> {
    let index = below(folder, INDEX);
    let of = |path: &str| {
        let path = path.to_string();
        move |error: &dyn std::fmt::Display| format!("{path}: {error}")
    };
    let text = media.read(&index, MAX_INDEX_BYTES).map_err(|error| of(&index)(&reason(&error)))?;
    let parts = packages::index(&text).map_err(|error| of(&index)(&error))?;
    let mut metadata = Metadata::default();
    for part in parts.iter().filter(|part| part.kind != Kind::Other) {
        metadata.has_zstd |= part.path.ends_with(".zst");
        let path = below(folder, &part.path);
        read_part(media, &path, part, names, &mut metadata).map_err(|error| of(&path)(&error))?;
    }
    Ok(metadata)
}

fn read_part(media: &Media, path: &str, part: &Part, names: &Names, metadata: &mut Metadata) -> Result<(), String> {
    let mut content = media.file(path).map_err(|error| reason(&error))?;
    if let Some(size) = part.size
        && size != content.length()
    {
        return Err(format!("it has {} bytes, and repomd.xml says {size}", content.length()));
    }
    if content.length() > MAX_PART_BYTES {
        return Err(format!("it has {} bytes, more than any metadata", content.length()));
    }
    // Only files that match their checksum reach the decoders.
    let found = content.checksum(part.checksum.algorithm).map_err(|error| reason(&error))?;
    if found != part.checksum.hex {
        return Err(format!("its {} differs from the one in repomd.xml", part.checksum.algorithm.name()));
    }
    let text = decode::text(content).map_err(|error| reason(&error))?;
    let read = match part.kind {
        Kind::Primary => packages::primary(text, names, metadata),
        Kind::Groups => packages::groups(text, metadata),
        Kind::Other => Ok(()),
    };
    read.map_err(|error| error.to_string())
}

/// Reads the list of packages in a file whose checksum was compared; each package goes to `each`.
pub(crate) fn read_packages(content: impl io::Read, each: &mut dyn FnMut(PackageFile)) -> Result<(), String> {
    let text = decode::text(content).map_err(|error| reason(&error))?;
    packages::files(text, each).map_err(|error| error.to_string())
}

pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}
