//! ISO 9660 with the long names of Rock Ridge (SUSP 1.12, RRIP 1.12): where in a disc image a file lies.
//!
//! Pure: bytes come from a function. Nothing is cached and nothing recurses. Every length is checked before it is used,
//! so a damaged image can only cause an error. Symbolic links and relocated directories are not followed.

/// The size of a logical sector, in bytes.
const SECTOR: u64 = 2048;
/// The sector of the first volume descriptor.
const FIRST_DESCRIPTOR: u64 = 16;
/// Upper limit on volume descriptors; no real image has as many.
const MAX_DESCRIPTORS: u64 = 32;
/// Upper limit on the size of a directory, in bytes; no directory of a distribution is larger.
const MAX_DIRECTORY: u64 = 32 << 20;
/// Upper limit on continuation areas; no name needs as many.
const MAX_CONTINUATIONS: usize = 16;

/// An image that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The image has no ISO 9660 file system.
    #[error("it is not an ISO 9660 image")]
    NoImage,
    /// The image has an ISO 9660 file system, but something in it is impossible.
    #[error("the ISO 9660 image is damaged: {0}")]
    Damaged(&'static str),
    /// The image could not be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Reads exactly this many bytes from an offset.
pub(crate) type ReadAt<'a> = &'a dyn Fn(u64, usize) -> Result<Vec<u8>, Broken>;

/// A range of bytes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Offset of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathTarget {
    /// A file, stored in one piece.
    File(Extent),
    /// A directory.
    Directory,
}

/// Looks up a path. It is split at `/` and compared case-sensitively. `size` is that of the whole image in bytes.
pub fn find(size: u64, read: ReadAt<'_>, path: &str) -> Result<Option<PathTarget>, Broken> {
    let mut here = root(size, read)?;
    let skip = skip(here, read)?;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let Some(entry) = entry(size, read, here, skip, part)? else { return Ok(None) };
        match (entry.is_directory, parts.peek()) {
            (true, None) => return Ok(Some(PathTarget::Directory)),
            (true, Some(_)) => here = entry.extent,
            (false, None) => return Ok(Some(PathTarget::File(entry.extent))),
            (false, Some(_)) => return Ok(None),
        }
    }
    Ok(Some(PathTarget::Directory))
}

/// Whether the image keeps the full names of its files, as Rock Ridge does. `size` is that of the image in bytes.
pub fn has_long_names(size: u64, read: ReadAt<'_>) -> Result<bool, Broken> {
    Ok(skip(root(size, read)?, read)?.is_some())
}

/// The extent of the top directory, from the primary volume descriptor (ECMA-119 8.4).
fn root(size: u64, read: ReadAt<'_>) -> Result<Extent, Broken> {
    for number in FIRST_DESCRIPTOR..FIRST_DESCRIPTOR + MAX_DESCRIPTORS {
        if size < (number + 1) * SECTOR {
            return Err(Broken::NoImage);
        }
        let descriptor = read(number * SECTOR, SECTOR as usize)?;
        if descriptor.get(1..6) != Some(b"CD001") {
            return Err(Broken::NoImage);
        }
        match descriptor[0] {
            1 => {
                let block = descriptor.get(128..130).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
                if block != Some(SECTOR as u16) {
                    return Err(Broken::Damaged("its block size is not 2048 bytes"));
                }
                let record = Record::read(&descriptor[156..]).ok_or(Broken::Damaged("it has no top directory"))?;
                return record.extent(size);
            }
            255 => break,
            _ => {}
        }
    }
    Err(Broken::Damaged("it has no primary volume descriptor"))
}

/// How many bytes at the start of each system use area are not SUSP's, as `SP` in the first record of the top directory
/// says. None when the image has no SUSP, and therefore no Rock Ridge.
fn skip(root: Extent, read: ReadAt<'_>) -> Result<Option<usize>, Broken> {
    let length = root.length.min(SECTOR) as usize;
    let sector = read(root.start, length)?;
    let area = Record::read(&sector).map(|record| record.system_use).unwrap_or_default();
    // A CD-ROM XA area may come first.
    for start in [0, 14] {
        if let Some([b'S', b'P', 7, 1, 0xbe, 0xef, skip]) = area.get(start..start + 7) {
            return Ok(Some(usize::from(*skip)));
        }
    }
    Ok(None)
}

struct Entry {
    extent: Extent,
    is_directory: bool,
}

/// Looks for a name in a directory. A file of several extents is accepted when they are contiguous.
fn entry(
    size: u64,
    read: ReadAt<'_>,
    folder: Extent,
    skip: Option<usize>,
    name: &str,
) -> Result<Option<Entry>, Broken> {
    if folder.length > MAX_DIRECTORY {
        return Err(Broken::Damaged("a directory is larger than 32 MiB"));
    }
    let bytes = read(folder.start, folder.length as usize)?;
    let mut found: Option<Entry> = None;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == 0 {
            // No record crosses a sector.
            at = (at / SECTOR as usize + 1) * SECTOR as usize;
            continue;
        }
        let record = Record::read(&bytes[at..]).ok_or(Broken::Damaged("a directory record is cut short"))?;
        at += record.length;
        // The records of the directory itself and of its parent.
        if matches!(record.identifier, [0] | [1]) {
            continue;
        }
        let Some(known) = record.name(size, read, skip)? else { continue };
        if known != name.as_bytes() {
            continue;
        }
        let extent = record.extent(size)?;
        match &mut found {
            None => found = Some(Entry { extent, is_directory: record.flags & 2 != 0 }),
            Some(first) if first.extent.start + first.extent.length == extent.start => {
                first.extent.length += extent.length;
            }
            Some(_) => return Err(Broken::Damaged("a large file is not stored in one piece")),
        }
        // This is not the last extent of the file.
        if record.flags & 0x80 == 0 {
            return Ok(found);
        }
    }
    Ok(found)
}

/// A directory record (ECMA-119 9.1).
struct Record<'a> {
    length: usize,
    block: u32,
    size: u32,
    flags: u8,
    identifier: &'a [u8],
    system_use: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let length = usize::from(*bytes.first()?);
        let bytes = bytes.get(..length).filter(|_| length >= 34)?;
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let end = 33 + usize::from(bytes[32]);
        let identifier = bytes.get(33..end)?;
        // An identifier of even length is followed by a byte of padding.
        let system_use = bytes.get(end + usize::from(bytes[32] % 2 == 0)..).unwrap_or_default();
        Some(Self { length, block: number(2), size: number(10), flags: bytes[25], identifier, system_use })
    }

    fn extent(&self, size: u64) -> Result<Extent, Broken> {
        let extent = Extent { start: u64::from(self.block) * SECTOR, length: self.size.into() };
        match extent.start + extent.length <= size {
            true => Ok(extent),
            false => Err(Broken::Damaged("it is cut short")),
        }
    }

    /// The Rock Ridge name, or else the plain one as Linux shows it. None for a record that is not a file or directory
    /// of its own.
    fn name(&self, size: u64, read: ReadAt<'_>, skip: Option<usize>) -> Result<Option<Vec<u8>>, Broken> {
        let Some(skip) = skip else { return Ok(Some(plain(self.identifier))) };
        let mut name = Vec::new();
        let mut area = self.system_use.get(skip..).unwrap_or_default().to_vec();
        for _ in 0..MAX_CONTINUATIONS {
            let mut next = None;
            let mut rest = area.as_slice();
            while let [first, second, length, _version, ..] = rest {
                let length = usize::from(*length);
                let Some(field) = rest.get(..length).filter(|_| length >= 4) else { break };
                match [*first, *second] {
                    // The entries of the current and the parent directory are flagged and contain no letters.
                    [b'N', b'M'] if length >= 5 && field[4] & 6 == 0 => name.extend(&field[5..]),
                    [b'S', b'L'] | [b'C', b'L'] | [b'R', b'E'] => return Ok(None),
                    [b'C', b'E'] if length >= 28 => {
                        let number = |at: usize| {
                            u64::from(u32::from_le_bytes([field[at], field[at + 1], field[at + 2], field[at + 3]]))
                        };
                        next = Some((number(4) * SECTOR + number(12), number(20)));
                    }
                    [b'S', b'T'] => break,
                    _ => {}
                }
                rest = &rest[length..];
            }
            match next {
                None => return Ok(Some(if name.is_empty() { plain(self.identifier) } else { name })),
                Some((start, length)) if length <= SECTOR && start + length <= size => {
                    area = read(start, length as usize)?
                }
                Some(_) => return Err(Broken::Damaged("a name continues nowhere")),
            }
        }
        Err(Broken::Damaged("a name has no end"))
    }
}

/// `README.TXT;1` is `readme.txt`.
fn plain(identifier: &[u8]) -> Vec<u8> {
    let end = identifier.iter().position(|letter| *letter == b';').unwrap_or(identifier.len());
    let name = identifier[..end].to_ascii_lowercase();
    name.strip_suffix(b".").map_or(name.clone(), <[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks up a path in an image in memory.
    fn search(image: &[u8], path: &str) -> Result<Option<PathTarget>, Broken> {
        let read = |start: u64, length: usize| {
            let start = start as usize;
            image.get(start..start + length).map(<[u8]>::to_vec).ok_or(Broken::Unreadable("outside".into()))
        };
        find(image.len() as u64, &read, path)
    }

    /// An image that xorriso makes of a folder.
    fn image(folder: &std::path::Path, more: &[&str]) -> Vec<u8> {
        let out = tempfile::NamedTempFile::new().unwrap();
        let made = std::process::Command::new("xorriso")
            .args(["-as", "mkisofs", "-quiet"])
            .args(more)
            .args([std::ffi::OsStr::new("-o"), out.path().as_os_str(), folder.as_os_str()])
            .output()
            .unwrap_or_else(|error| panic!("xorriso: {error}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::read(out.path()).unwrap()
    }

    fn sample() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("Packages/{}-1.0-1.el6.x86_64.rpm", "n".repeat(220));
        std::fs::create_dir_all(folder.path().join("Packages")).unwrap();
        std::fs::write(folder.path().join(".treeinfo"), "[general]\n").unwrap();
        std::fs::write(folder.path().join(&long), "long").unwrap();
        // Enough for a directory of several sectors.
        for number in 0..200 {
            std::fs::write(folder.path().join(format!("Packages/Name_{number}-libstdc++.rpm")), format!("{number}"))
                .unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        (folder, long)
    }

    #[test]
    fn files_are_found_by_their_long_names_with_their_bytes() {
        let (folder, long) = sample();
        let image = image(folder.path(), &["-R"]);
        for (path, text) in
            [(".treeinfo", "[general]\n"), (long.as_str(), "long"), ("Packages/Name_199-libstdc++.rpm", "199")]
        {
            let Some(PathTarget::File(extent)) = search(&image, path).unwrap() else { panic!("{path}") };
            assert_eq!(&image[extent.start as usize..][..extent.length as usize], text.as_bytes(), "{path}");
        }
        assert_eq!(search(&image, "Packages").unwrap(), Some(PathTarget::Directory));
        for path in
            ["packages", "Packages/none", ".treeinfo/x", "link", "", "..", "Packages/..", "Packages/../.treeinfo"]
        {
            assert_eq!(search(&image, path).unwrap(), None, "{path}");
        }
    }

    #[test]
    fn an_image_without_rock_ridge_has_small_letters_and_no_long_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("README.TXT"), "x").unwrap();
        let long = |image: &[u8]| {
            let read = |start: u64, length: usize| Ok(image[start as usize..start as usize + length].to_vec());
            has_long_names(image.len() as u64, &read).unwrap()
        };
        assert!(long(&image(folder.path(), &["-R"])));
        let image = image(folder.path(), &["-U", "--norock"]);
        assert!(!long(&image));
        assert!(matches!(search(&image, "readme.txt").unwrap(), Some(PathTarget::File(_))));
    }

    #[test]
    fn what_is_no_image_says_so_and_a_cut_one_is_damaged() {
        assert_eq!(search(b"", "x"), Err(Broken::NoImage));
        assert_eq!(search(&vec![0; 100_000], "x"), Err(Broken::NoImage));
        let (folder, long) = sample();
        let image = image(folder.path(), &["-R"]);
        let Some(PathTarget::File(extent)) = search(&image, &long).unwrap() else { panic!() };
        assert!(search(&image[..extent.start as usize], &long).is_err());
    }

    #[test]
    fn no_spoilt_byte_of_an_image_does_more_than_an_error() {
        let (folder, long) = sample();
        let whole = image(folder.path(), &["-R"]);
        // Descriptors, directories and continuations are before the files.
        let Some(PathTarget::File(first)) = search(&whole, ".treeinfo").unwrap() else { panic!() };
        let end = (first.start as usize).min(whole.len());
        let mut random = 1u64;
        for round in 0..4000 {
            let mut damaged = whole.clone();
            for _ in 0..=round % 8 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = 32_768 + (random >> 33) as usize % (end - 32_768);
                damaged[at] = (random >> 20) as u8;
            }
            for path in [&long, "Packages/Name_7-libstdc++.rpm"] {
                if let Ok(Some(PathTarget::File(extent))) = search(&damaged, path) {
                    assert!(extent.start + extent.length <= damaged.len() as u64);
                }
            }
        }
    }
}
