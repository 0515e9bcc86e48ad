//! Install trees, repositories and images of virtual machines where they lie: files in directories and disc images.
//!
//! Opens and reads; what the content means is decided by the pure modules. A path inside is relative, is cut at `/`, and
//! never leads out by `..`.

mod decode;
mod repository;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use repository::{SEVERAL, folders, read_repository};

use crate::iso9660::{self, Broken, Found};
use crate::packages::{Algorithm, Hasher};

/// A place with files below it: a directory, or a disc image, which is read without mounting it.
#[derive(Debug)]
pub enum Media {
    /// A directory.
    Directory(PathBuf),
    /// An image, and its length in bytes.
    Image(File, u64),
}

/// One file of it, open: reads from its first to its last byte.
#[derive(Debug)]
pub struct Content {
    file: File,
    start: u64,
    length: u64,
    left: u64,
}

impl Media {
    /// Opens a directory, or a file that is an ISO 9660 image.
    pub fn open(path: &Path) -> io::Result<Self> {
        let meta = path.metadata()?;
        if meta.is_dir() {
            return Ok(Self::Directory(path.into()));
        }
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is neither a directory nor a disc image"));
        }
        let media = Self::Image(File::open(path)?, meta.len());
        // Any question shows whether it is an image.
        match media.file(".treeinfo") {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error),
            _ => Ok(media),
        }
    }

    /// Opens the file at a path below it.
    pub fn file(&self, path: &str) -> io::Result<Content> {
        match self {
            Self::Directory(_) if !is_inside(path) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "the path leads outside"))
            }
            Self::Directory(folder) => Content::whole(File::open(folder.join(path))?),
            Self::Image(file, size) => {
                let read = |start: u64, length: usize| {
                    let mut bytes = vec![0; length];
                    let read = file.read_exact_at(&mut bytes, start);
                    read.map(|()| bytes).map_err(|error| Broken::Unreadable(error.to_string()))
                };
                match iso9660::find(*size, &read, path) {
                    Ok(Some(Found::File(extent))) => Content::part(file.try_clone()?, extent.start, extent.length),
                    Ok(Some(Found::Directory)) => Err(io::ErrorKind::IsADirectory.into()),
                    Ok(None) => Err(io::ErrorKind::NotFound.into()),
                    Err(broken) => Err(io::Error::new(io::ErrorKind::InvalidData, broken.to_string())),
                }
            }
        }
    }

    /// Whether there is a file at that path which can be read.
    pub fn has(&self, path: &str) -> bool {
        self.file(path).is_ok()
    }

    /// A whole file of at most `most` bytes.
    pub fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let content = self.file(path)?;
        if content.length > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
        }
        let mut bytes = Vec::new();
        content.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Content {
    /// All of a file.
    pub fn whole(file: File) -> io::Result<Self> {
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is not a file"));
        }
        Self::part(file, 0, meta.len())
    }

    /// A piece of a file: `length` bytes from `start` on.
    pub fn part(file: File, start: u64, length: u64) -> io::Result<Self> {
        Ok(Self { file, start, length, left: length })
    }

    /// The bytes from `first` on, at most `length` of them.
    pub fn cut(self, first: u64, length: u64) -> Self {
        let first = first.min(self.length);
        let length = length.min(self.length - first);
        Self { start: self.start + first, length, left: length, ..self }
    }

    /// How many bytes were not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads it to its end and returns its checksum in hexadecimal digits; afterwards it reads from its start again.
    pub fn checksum(&mut self, algorithm: Algorithm) -> io::Result<String> {
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

fn is_inside(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(plain) && !path.contains('\0')
}
