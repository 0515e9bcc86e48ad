//! The one way to open what is served, for HTTP and for `check` alike: a regular file at a path that stays below its
//! folder, whatever links are on the way. Nothing else is opened: a FIFO would block, and a device may react.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::guarded::Guarded;

/// The largest number of links on the way to one file; the kernel follows as many.
const MAX_LINKS: usize = 40;
/// Looks without opening, which has no effect on a device or a FIFO.
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// Opens without waiting for the other end, and without making a terminal the controlling one.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A folder below which files are opened.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// Why something in a folder is not served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unserved {
    /// A symbolic link that leads outside, with its target.
    Outward(String),
    /// It is neither a file nor a directory nor a link.
    Special,
    /// A hard link to a file that nobody may fetch, with the path of that file.
    Guarded(String),
}

/// Opens a file that the site file names by its full path.
pub(crate) fn named(path: &Path) -> io::Result<File> {
    regular(|flags| Ok(open(path, flags, Mode::empty())?))
}

/// Whether the error means that a path leads out of its folder.
pub(crate) fn leads_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices
}

impl Folder {
    /// Opens the folder; if the site file names a symbolic link to a folder, the link is followed.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { fd: open(path, LOOK | OFlags::DIRECTORY, Mode::empty())?, path: path.into() })
    }

    /// Opens the file at a path below a folder like [`Self::at`] and [`Self::file`], if the kernel knows all of the way
    /// already and needs no disk for it. `None` otherwise, and for every error.
    pub(super) fn file_at_once(folder: &Path, path: &str) -> Option<File> {
        let known = ResolveFlags::CACHED;
        let folder = openat2(CWD, folder, LOOK | OFlags::DIRECTORY, Mode::empty(), known).ok()?;
        let below = known | ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        regular(|flags| Ok(openat2(&folder, path, flags, Mode::empty(), below)?)).ok()
    }

    /// Opens the file at a relative path; links and `..` are followed as long as they stay below the folder.
    pub(super) fn file(&self, path: &str) -> io::Result<File> {
        regular(|flags| self.resolve(Path::new(path), flags))
    }

    /// Looks at what is at a path, without opening it.
    fn look(&self, path: &Path) -> io::Result<OwnedFd> {
        self.resolve(path, LOOK)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let below = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match openat2(&self.fd, path, flags, Mode::empty(), below) {
            // The kernel is older than 5.6, or a sandbox does not know the call; or somebody renames while the path is
            // resolved.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => self.walk(path, flags),
            // It may be an absolute link that leads back in; only the walk can tell.
            Err(Errno::XDEV) => self.walk(path, flags),
            opened => Ok(opened?),
        }
    }

    /// Resolves a path step by step where the kernel cannot; no single step follows a link or goes up by itself.
    fn walk(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut above: Vec<OwnedFd> = Vec::new();
        let mut left = parts(path);
        let mut links = 0;
        while let Some(part) = left.pop() {
            match part.as_bytes() {
                b"." => continue,
                b".." => {
                    above.pop().ok_or_else(outside)?;
                    continue;
                }
                _ => {}
            }
            let here = above.last().map_or(self.fd.as_fd(), AsFd::as_fd);
            let found = openat(here, &part, LOOK | OFlags::NOFOLLOW, Mode::empty())?;
            match kind(found.as_fd())? {
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let target = readlinkat(&found, c"", Vec::new())?;
                    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                    let target = match target.is_absolute() {
                        true => {
                            above.clear();
                            self.own(&target).ok_or_else(outside)?
                        }
                        false => target,
                    };
                    left.extend(parts(&target));
                }
                FileType::Directory => above.push(found),
                _ if left.is_empty() => return Ok(openat(here, &part, flags | OFlags::NOFOLLOW, Mode::empty())?),
                _ => return Err(io::ErrorKind::NotADirectory.into()),
            }
        }
        let here = above.last().map_or(self.fd.as_fd(), AsFd::as_fd);
        Ok(openat(here, c".", flags, Mode::empty())?)
    }

    /// Turns an absolute path into one below this folder.
    fn own(&self, target: &Path) -> Option<PathBuf> {
        let below = |root: &Path| target.strip_prefix(root).ok().map(Path::to_path_buf);
        below(&self.path).or_else(|| below(&self.path.canonicalize().ok()?))
    }

    /// Searches the whole folder, in order of names, for what is not served. At most `most` names are looked at, and
    /// the second value says whether that was all of them. A folder that cannot be read is skipped.
    pub(super) fn unserved(&self, most: usize, guarded: &Guarded) -> (Vec<(String, Unserved)>, bool) {
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::new()];
        let (mut seen, inodes) = (0, guarded.inodes());
        while let Some(folder) = folders.pop() {
            let Ok(entries) = self.path.join(&folder).read_dir() else { continue };
            for entry in entries.flatten() {
                seen += 1;
                if seen > most {
                    found.sort();
                    return (found, false);
                }
                let path = folder.join(entry.file_name());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_symlink() {
                    let outward = self.look(&path).err().filter(leads_out);
                    if outward.is_some() {
                        let target = entry.path().read_link().unwrap_or_default();
                        found.push((shown(&path), Unserved::Outward(shown(&target))));
                    }
                } else if !kind.is_file() {
                    found.push((shown(&path), Unserved::Special));
                } else if let Some(own) = guarded.find_entry(&entry.path(), entry.ino(), &inodes) {
                    found.push((shown(&path), Unserved::Guarded(shown(&own))));
                }
            }
        }
        found.sort();
        (found, true)
    }
}

/// Looks first and opens afterwards, because opening a device may already have an effect.
fn regular(open: impl Fn(OFlags) -> io::Result<OwnedFd>) -> io::Result<File> {
    must_be_file(open(LOOK)?.as_fd())?;
    let file = open(READ)?;
    must_be_file(file.as_fd())?;
    Ok(file.into())
}

fn must_be_file(fd: BorrowedFd<'_>) -> io::Result<()> {
    match kind(fd)? {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file but a device, a socket or a FIFO")),
    }
}

fn kind(fd: BorrowedFd<'_>) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(fd)?.st_mode))
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::CrossesDevices, "a link on its way leads out of the folder")
}

/// The components of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.as_os_str().as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let mut parts: Vec<OsString> = parts.map(|part| OsString::from_vec(part.to_vec())).collect();
    parts.reverse();
    parts
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().take(200).collect()
}

#[cfg(test)]
mod tests;
