//! `rackstart appliance write`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::disks::{self, Device};
use super::{Failure, print};
use crate::media::Media;

/// Write an image to a stick, after showing what the stick is and holds, and reading its serial from you.
///
/// A disk in use is refused: mounted, swap, or with active LVM, md or LUKS on it; so is one that holds the state of an
/// appliance. What was written is read back and compared. Needs lsblk, and as a rule root.
///
/// Example: rackstart appliance write rack1.iso /dev/sdb
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image that `make appliance` or `rackstart appliance build` made.
    #[arg(value_name = "FILE")]
    image: PathBuf,
    /// The whole disk, such as /dev/sdb.
    #[arg(value_name = "DISK")]
    disk: PathBuf,
    /// The serial of the disk, for scripts; nothing is asked then.
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
    /// Write although the disk holds the state of an appliance, which is lost then.
    #[arg(long)]
    erase_state: bool,
}

/// Bytes that are read and written at once.
const PIECE: usize = 4 << 20;

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (name, disk_name) = (args.image.display(), args.disk.display());
    let (version, bytes) = image(&args.image)?;
    let path = std::fs::canonicalize(&args.disk).map_err(|error| {
        Failure::fixable(format!("there is no disk {disk_name}: {error}")).hint("`lsblk` lists them")
    })?;
    let disk = disks::list()?.into_iter().find(|disk| Path::new(&disk.path) == path).ok_or_else(|| {
        Failure::fixable(format!("{disk_name} is not a whole disk"))
            .hint("name the disk and not a partition of it: `lsblk -d`")
    })?;
    refuse(&disk, bytes, args.erase_state)?;
    print(&format!(
        "{}\n{}\n\nrackstart {version} of {} is going to replace everything on {}.\n",
        disks::heading(),
        disk.line(),
        disks::size(bytes),
        disk.path
    ))?;
    confirm(&disk, args.serial.as_deref())?;
    write(&args.image, &disk.path, bytes).map_err(|error| {
        Failure::fixable(format!("cannot write {name} to {}: {error}", disk.path)).hint(advice(&error))
    })?;
    print(&format!("written and read back: {} boots rackstart {version}\n", disk.path))
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ResourceBusy => "something uses it: `lsblk` and `fuser` show what",
        io::ErrorKind::PermissionDenied => "run it as root",
        io::ErrorKind::InvalidData => "the stick is worn out or lies about its size; use another one",
        _ => "take the stick out, plug it in again and write once more; what it holds now is incomplete",
    }
}

/// The version in an image, and its size.
pub(super) fn image(path: &Path) -> Result<(String, u64), Failure> {
    let name = path.display();
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::fixable(format!("{name} is no image of an appliance: {error}")).hint("`make appliance` makes one")
    };
    let about = std::fs::metadata(path).map_err(|error| unusable(&error))?;
    if !about.is_file() {
        return Err(unusable(&"it is no file"));
    }
    let media = Media::open(path).map_err(|error| unusable(&error))?;
    let version = media.read("rackstart/version", 100).map_err(|_| unusable(&"it has no rackstart/version"))?;
    Ok((String::from_utf8_lossy(&version).trim().into(), about.len()))
}

fn refuse(disk: &Device, bytes: u64, erases_state: bool) -> Result<(), Failure> {
    let path = &disk.path;
    if let Some(why) = disk.in_use() {
        return Err(Failure::fixable(format!("{path} is in use: {why}"))
            .hint("if it is the right disk, unmount it first: `umount`, `swapoff`, `vgchange -an`"));
    }
    if disk.size < bytes {
        let (has, needs) = (disks::size(disk.size), disks::size(bytes));
        return Err(Failure::fixable(format!("{path} has {has}, and the image has {needs}")).hint("use a larger stick"));
    }
    if disk.has_state() && !erases_state {
        return Err(Failure::fixable(format!("{path} holds the state of an appliance, which writing would erase"))
            .hint("use another stick; or save the state with `rackstart backup` and add `--erase-state`"));
    }
    Ok(())
}

/// Goes on only with the disk's own serial.
fn confirm(disk: &Device, given: Option<&str>) -> Result<(), Failure> {
    // A disk without a serial is named by its model and path, which are as good as there is.
    let asked = disk.serial().unwrap_or(&disk.path);
    let word = if disk.serial().is_some() { "serial" } else { "path, because it has no serial," };
    let typed = match given {
        Some(given) => given.trim().to_string(),
        None if io::stdin().is_terminal() => {
            print(&format!("Type the {word} to go on, anything else to stop: "))?;
            let mut line = String::new();
            let _ = io::stdin().lock().read_line(&mut line);
            line.trim().to_string()
        }
        None => {
            return Err(
                Failure::usage("nobody is there to type the serial").hint("scripts give it with `--serial SERIAL`")
            );
        }
    };
    if typed == asked {
        return Ok(());
    }
    Err(Failure::fixable(format!("nothing was written: the {word} of {} is not `{}`", disk.path, typed.escape_debug())))
}

/// Writes the image and compares what the disk returns.
fn write(image: &Path, disk: &str, bytes: u64) -> io::Result<()> {
    // With O_EXCL the kernel refuses a disk that anybody uses, whatever lsblk knew.
    let exclusive = |options: &mut OpenOptions| options.custom_flags(libc::O_EXCL).open(disk);
    let mut from = File::open(image)?;
    let mut to = exclusive(OpenOptions::new().write(true))?;
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    while done < bytes {
        let wanted = usize::try_from(bytes - done).map_or(PIECE, |left| left.min(PIECE));
        from.read_exact(&mut piece[..wanted])?;
        to.write_all(&piece[..wanted])?;
        done += wanted as u64;
        tell(done, bytes);
    }
    to.sync_all()?;
    // Otherwise memory would be compared with itself.
    rustix::fs::fadvise(&to, 0, None, rustix::fs::Advice::DontNeed)?;
    drop(to);
    let (mut from, mut back) = (File::open(image)?, exclusive(OpenOptions::new().read(true))?);
    let mut other = vec![0; PIECE];
    let mut done = 0;
    while done < bytes {
        let wanted = usize::try_from(bytes - done).map_or(PIECE, |left| left.min(PIECE));
        from.read_exact(&mut piece[..wanted])?;
        back.read_exact(&mut other[..wanted])?;
        if piece[..wanted] != other[..wanted] {
            let text = format!("what was written at {} MB does not come back", done / 1_000_000);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        done += wanted as u64;
    }
    Ok(())
}

/// One line that counts, on a terminal.
fn tell(done: u64, bytes: u64) {
    if io::stderr().is_terminal() && (done == bytes || done.is_multiple_of(64 << 20)) {
        let end = if done == bytes { "\n" } else { "" };
        let _ = write!(io::stderr(), "\r{} of {}{end}", disks::size(done), disks::size(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Device {
        Device {
            path: "/dev/sdz".into(),
            kind: "disk".into(),
            size: 1000,
            serial: Some("AA01".into()),
            ..Device::default()
        }
    }

    #[test]
    fn only_the_serial_of_this_very_disk_lets_it_be_written() {
        assert_eq!(confirm(&disk(), Some(" AA01 ")), Ok(()));
        for wrong in ["", "aa01", "AA02", "/dev/sdz"] {
            let said = confirm(&disk(), Some(wrong)).unwrap_err().to_string();
            assert!(said.starts_with("error: nothing was written: the serial of /dev/sdz is not"), "{said}");
        }
        let nameless = Device { serial: None, ..disk() };
        assert_eq!(confirm(&nameless, Some("/dev/sdz")), Ok(()));
    }

    #[test]
    fn a_disk_in_use_too_small_or_with_state_is_refused() {
        assert_eq!(refuse(&disk(), 1000, false), Ok(()));
        assert!(refuse(&disk(), 1001, false).unwrap_err().to_string().contains("use a larger stick"));
        let used = Device { mountpoint: Some("/".into()), ..disk() };
        assert!(refuse(&used, 1, true).unwrap_err().to_string().contains("in use: /dev/sdz is mounted at /"));
        let state = Device { label: Some("RACKSTART".into()), ..disk() };
        assert!(refuse(&state, 1, false).unwrap_err().to_string().contains("use another stick"));
        assert_eq!(refuse(&state, 1, true), Ok(()));
    }

    #[test]
    fn what_is_written_is_the_image_and_what_stood_behind_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (image, stick) = (folder.path().join("image"), folder.path().join("stick"));
        let bytes: Vec<u8> = (0..PIECE + 4321).map(|n| (n % 251) as u8).collect();
        std::fs::write(&image, &bytes).unwrap();
        std::fs::write(&stick, vec![7; PIECE * 2]).unwrap();
        write(&image, stick.to_str().unwrap(), bytes.len() as u64).unwrap();
        let written = std::fs::read(&stick).unwrap();
        assert!(written[..bytes.len()] == bytes && written[bytes.len()..].iter().all(|byte| *byte == 7));
    }
}
