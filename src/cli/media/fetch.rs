//! One file from a web server to this machine: what is here already is kept, what was begun goes on, and nothing gets its
//! name before it has its checksum.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::progress::Progress;
use super::web::{Refused, Web};
use crate::media::Content;
use crate::mirror::Piece;

/// How often a server is asked for a file while nothing more of it comes.
const TRIES: u32 = 4;
/// Bytes that are read at once.
const CHUNK: usize = 128 * 1024;
/// The largest file whose length no list says, in bytes.
const MAX_BYTES: u64 = 8 << 30;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// It came.
    New,
    /// It was here.
    Kept,
    /// The server has none, and that is no harm.
    Absent,
}

/// The path with more behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Fetches a file to that path. An error is a sentence about it; what came so far stays for the next time.
pub(super) fn fetch(web: &Web, piece: &Piece, target: &Path, progress: &Progress) -> Result<Got, String> {
    if let Some(length) = right(target, piece) {
        progress.add(length);
        progress.file();
        return Ok(Got::Kept);
    }
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let part = beside(target, ".part");
    let (mut tries, mut farthest, mut counted) = (0, 0, 0);
    loop {
        let why = match once(web, piece, &part, progress, &mut counted) {
            Ok(()) if right(&part, piece).is_some() => break,
            Ok(()) => {
                discard(&part, progress, &mut counted);
                "what the server sends is not what its list says".to_string()
            }
            Err(Refused::Missing) if piece.is_optional => {
                progress.file();
                return Ok(Got::Absent);
            }
            Err(Refused::Passing(why)) => why,
            Err(Refused::Shorter) => {
                discard(&part, progress, &mut counted);
                Refused::Shorter.to_string()
            }
            Err(lasting) => return Err(lasting.to_string()),
        };
        let length = fs::metadata(&part).map_or(0, |about| about.len());
        if length > farthest {
            (tries, farthest) = (0, length);
        }
        tries += 1;
        if tries == TRIES {
            return Err(why);
        }
        std::thread::sleep(Duration::from_millis(250 << tries));
    }
    fs::rename(&part, target).map_err(|error| format!("cannot write {}: {error}", target.display()))?;
    progress.file();
    Ok(Got::New)
}

/// Takes back what was counted of a file that begins anew.
fn discard(part: &Path, progress: &Progress, counted: &mut u64) {
    let _ = fs::remove_file(part);
    progress.take(*counted);
    *counted = 0;
}

/// Asks once, and appends what comes.
fn once(web: &Web, piece: &Piece, part: &Path, progress: &Progress, counted: &mut u64) -> Result<(), Refused> {
    let unwritten = |error: io::Error| Refused::Lasting(format!("cannot write {}: {error}", part.display()));
    let most = piece.size.unwrap_or(MAX_BYTES);
    // Without a checksum nobody would notice that two halves belong to different files.
    let here = fs::metadata(part).map_or(0, |about| about.len());
    let here = if piece.checksum.is_none() || here > most { 0 } else { here };
    if piece.size == Some(here) && here > 0 {
        return Ok(());
    }
    let mut answer = web.get(&piece.path, here)?;
    let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(part).map_err(unwritten)?;
    file.set_len(answer.from).map_err(unwritten)?;
    file.seek(SeekFrom::Start(answer.from)).map_err(unwritten)?;
    progress.take(std::mem::replace(counted, answer.from));
    progress.add(answer.from);
    let (mut buffer, mut came) = (vec![0; CHUNK], 0);
    loop {
        let read = match answer.body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Refused::Passing(error.to_string())),
        };
        came += read as u64;
        if answer.from + came > most {
            return Err(Refused::Lasting(format!("the server sends more than {most} bytes")));
        }
        file.write_all(&buffer[..read]).map_err(unwritten)?;
        progress.add(read as u64);
        *counted += read as u64;
    }
    match answer.length {
        Some(length) if length != came => Err(Refused::Passing("the connection ended in the middle".into())),
        _ => Ok(()),
    }
}

/// The length of a file that is what its list says; none otherwise. A file of which no list says anything is right when
/// it has just come, and only then.
fn right(path: &Path, piece: &Piece) -> Option<u64> {
    let mut content = Content::named(path).ok()?;
    let length = content.length();
    if piece.size.is_some_and(|size| size != length) {
        return None;
    }
    let is_right = match &piece.checksum {
        Some(wanted) => content.checksum(wanted.algorithm).ok()? == wanted.hex,
        None => path.extension().is_some_and(|suffix| suffix == "part"),
    };
    is_right.then_some(length)
}
