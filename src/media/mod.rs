//! Where install trees, repositories and images of virtual machines are stored: files in directories and disc images.
//!
//! This module opens and reads them; the pure modules decide what the content means. A path inside is relative, is
//! split at `/`, and never leads outside, neither by `..` nor by a link; [`beneath`] opens every file.

mod beneath;
mod copy;
mod decode;
mod guarded;
mod loaders;
mod pe;
mod repository;
mod whole;

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

pub(crate) use beneath::Unserved;
pub(crate) use copy::CopyRecord;
pub(crate) use guarded::Guarded;
pub(crate) use loaders::{own_program, signed_chains};
pub(crate) use repository::{MAX_INDEX_BYTES, SEVERAL, folders, read_packages, read_repository};
pub(crate) use whole::{examine, pieces};

use crate::iso9660::{self, Broken, PathTarget};
use crate::packages::{Algorithm, Hasher};
use crate::site::{Image, InstallTree, Site};

/// Bytes between two samples of what is in memory: the kernel reads ahead about as much.
const SAMPLE: usize = 128 * 1024;

/// A place with files below it: a directory, or a disc image, which is read without mounting it.
#[derive(Debug)]
pub(crate) enum Media {
    /// A directory.
    Directory(Directory),
    /// An image, and its length in bytes.
    Image(File, u64),
}

/// A directory with files below it.
#[derive(Debug)]
pub(crate) struct Directory(beneath::Folder);

/// An open file of a medium, which reads from its first to its last byte.
#[derive(Debug)]
pub(crate) struct Content {
    file: Arc<File>,
    start: u64,
    length: u64,
    left: u64,
    modified: Option<SystemTime>,
}

impl Media {
    /// Opens a directory, or a file that is an ISO 9660 image with the full names of its files.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match beneath::Folder::at(path) {
            Ok(folder) => return Ok(Self::Directory(Directory(folder))),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => return Err(error),
        }
        let file = beneath::named(path)?;
        let size = file.metadata()?.len();
        let has_long_names = iso9660::has_long_names(size, &read_at(&file)).map_err(broken)?;
        if !has_long_names {
            return Err(io::Error::new(io::ErrorKind::InvalidData, NO_LONG_NAMES));
        }
        Ok(Self::Image(file, size))
    }

    /// Opens the file at a path inside. Repeated slashes count as one.
    pub(crate) fn file(&self, path: &str) -> io::Result<Content> {
        if path.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no path has a zero byte"));
        }
        let path = plain(path);
        match self {
            Self::Directory(Directory(folder)) => Content::whole(folder.file(&path)?),
            Self::Image(file, size) => match iso9660::find(*size, &read_at(file), &path).map_err(broken)? {
                Some(PathTarget::File(extent)) => Content::part(file.try_clone()?, extent.start, extent.length),
                Some(PathTarget::Directory) => Err(io::ErrorKind::IsADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }

    /// The paths of everything in it that is not served; at most `most` names are looked at, and the second value says
    /// whether those were all. An image yields none, because its links are not followed.
    pub(crate) fn unserved(&self, most: usize, guarded: &Guarded) -> (Vec<(String, Unserved)>, bool) {
        match self {
            Self::Directory(Directory(folder)) => folder.unserved(most, guarded),
            Self::Image(..) => (Vec::new(), true),
        }
    }

    /// Whether there is a file at that path which can be read.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.file(path).is_ok()
    }

    /// A whole file of at most `most` bytes.
    pub(crate) fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        self.file(path)?.bytes(most)
    }
}

/// The path without repeated slashes.
fn plain(path: &str) -> String {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

impl Content {
    /// The file below a directory that is none of the guarded ones, if opening it takes no disk. `None` otherwise, and
    /// for every error; [`Media::file`] then says which.
    pub(crate) fn at_once(folder: &Path, path: &str, guarded: &Guarded) -> Option<Self> {
        let content = Self::whole(beneath::Folder::file_at_once(folder, &plain(path))?).ok()?;
        guarded.surely_lack(&content.file).then_some(content)
    }

    /// All of a file.
    fn whole(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Self::part(file, 0, length)
    }

    /// A file that the site file names by its whole path.
    pub(crate) fn named(path: &Path) -> io::Result<Self> {
        Self::whole(beneath::named(path)?)
    }

    /// The file of an image; where it lies in an install tree, by the rules of that tree.
    pub(crate) fn of_image(site: &Site, image: &Image) -> io::Result<Self> {
        let below = |tree: &InstallTree| image.path.strip_prefix(&tree.path).ok().map(|path| (tree.path.clone(), path));
        match site.install_trees.iter().find_map(below) {
            Some((tree, path)) => Media::open(&tree)?.file(&path.to_string_lossy()),
            None => Self::named(&image.path),
        }
    }

    /// Returns the content, unless it is a guarded file under another name.
    pub(crate) fn unless(self, guarded: &Guarded) -> io::Result<Self> {
        match guarded.find(&self.file)? {
            None => Ok(self),
            Some(_) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is another name of a file that nobody may fetch",
            )),
        }
    }

    /// A piece of a file: `length` bytes from `start` on.
    fn part(file: File, start: u64, length: u64) -> io::Result<Self> {
        let modified = file.metadata()?.modified().ok();
        Ok(Self { file: Arc::new(file), start, length, left: length, modified })
    }

    /// When it was last changed, as far as the file system knows; a file in an image is as old as the image.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The whole content, if it has at most `most` bytes.
    pub(crate) fn bytes(self, most: u64) -> io::Result<Vec<u8>> {
        if self.length > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
        }
        let mut bytes = Vec::new();
        self.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes from `first` on, at most `length` of them.
    pub(crate) fn cut(self, first: u64, length: u64) -> Self {
        let first = first.min(self.length);
        let length = length.min(self.length - first);
        Self { start: self.start + first, length, left: length, ..self }
    }

    /// How many bytes were not read yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// All of it, if the kernel has it in memory.
    pub(crate) fn bytes_at_once(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.length).ok()?];
        let read = match self.length {
            0 => 0,
            _ => preadv2(&self.file, &mut [IoSliceMut::new(&mut bytes)], self.start, ReadWriteFlags::NOWAIT).ok()?,
        };
        (read == bytes.len()).then_some(bytes)
    }

    /// Whether the next bytes, at most `most` of them, are in the kernel's memory, as far as samples of them say. An error
    /// when the file system cannot tell.
    pub(crate) fn is_in_memory(&self, most: usize) -> io::Result<bool> {
        let (first, length) = self.next(most);
        let last = (first + length as u64).saturating_sub(1);
        for place in (first..last).step_by(SAMPLE).chain([last]) {
            match preadv2(&self.file, &mut [IoSliceMut::new(&mut [0])], place, ReadWriteFlags::NOWAIT) {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Has the kernel read the next bytes, at most `most` of them, into its memory.
    pub(crate) fn fetch(&self, most: usize) -> io::Result<()> {
        let (mut place, mut left) = self.next(most);
        let mut chunk = vec![0; left.min(256 * 1024)];
        while left > 0 {
            let most = left.min(chunk.len());
            match self.file.read_at(&mut chunk[..most], place)? {
                0 => break,
                length => (place, left) = (place + length as u64, left - length),
            }
        }
        Ok(())
    }

    /// Passes over the next bytes, at most `most` of them; returns the file, the place of the first one, and how many.
    pub(crate) fn pass(&mut self, most: usize) -> (Arc<File>, u64, usize) {
        let (first, length) = self.next(most);
        self.left -= length as u64;
        (self.file.clone(), first, length)
    }

    fn next(&self, most: usize) -> (u64, usize) {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(most);
        (self.start + self.length - self.left, length)
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads it to its end and returns its checksum in hexadecimal digits; afterwards it reads from its start again.
    pub(crate) fn checksum(&mut self, algorithm: Algorithm) -> io::Result<String> {
        let mut hasher = Hasher::new(algorithm);
        let mut chunk = vec![0; 256 * 1024];
        loop {
            match self.read(&mut chunk)? {
                0 => break,
                length => hasher.update(&chunk[..length]),
            }
        }
        self.left = self.length;
        Ok(hasher.hex())
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        // By place, because a copy of the file shares its position.
        let length = self.file.read_at(&mut buffer[..most], self.start + self.length - self.left)?;
        self.left -= length as u64;
        Ok(length)
    }
}

/// The refusal of an image without Rock Ridge: the installer would ask for names that are not in it.
const NO_LONG_NAMES: &str = "the disc image has no Rock Ridge names, so the names of its files are cut short or changed; \
    make it again with `xorriso -as mkisofs -R` (or `mkisofs -R`), or name a directory";

fn read_at(file: &File) -> impl Fn(u64, usize) -> Result<Vec<u8>, Broken> {
    |start, length| {
        let mut bytes = vec![0; length];
        let read = file.read_exact_at(&mut bytes, start);
        read.map(|()| bytes).map_err(|error| Broken::Unreadable(error.to_string()))
    }
}

fn broken(broken: Broken) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, broken.to_string())
}
