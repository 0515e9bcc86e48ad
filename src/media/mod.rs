//! Install trees, repositories and images of virtual machines where they lie: files in directories, and what is in them.
//!
//! Opens and reads; what the content means is decided by the pure modules. A path inside is relative, is cut at `/`, and
//! never leads out by `..`.

mod decode;
mod repository;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub use repository::{SEVERAL, folders, read_repository};

use crate::packages::{Algorithm, Hasher};

/// A place with files below it.
#[derive(Debug)]
pub struct Media(PathBuf);

/// One file of it, open: reads from its first to its last byte.
#[derive(Debug)]
pub struct Content {
    file: File,
    start: u64,
    length: u64,
    left: u64,
}

impl Media {
    /// Opens a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        match path.metadata()?.is_dir() {
            true => Ok(Self(path.into())),
            false => Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a directory")),
        }
    }

    /// Opens the file at a path below it.
    pub fn file(&self, path: &str) -> io::Result<Content> {
        if !is_inside(path) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path leads outside"));
        }
        Content::whole(File::open(self.0.join(path))?)
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
        Ok(Self { file, start: 0, length: meta.len(), left: meta.len() })
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
        self.file.seek(SeekFrom::Start(self.start))?;
        self.left = self.length;
        Ok(hasher.hex())
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.file.read(&mut buffer[..most])?;
        self.left -= length as u64;
        Ok(length)
    }
}

fn is_inside(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(plain) && !path.contains('\0')
}
