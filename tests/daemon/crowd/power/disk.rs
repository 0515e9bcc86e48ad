//! A disk with a cache of its own: what was written and not flushed is lost in part when its power goes, in pieces of 512 or
//! 4,096 bytes and in any order, as a real one may lose it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::support::dice::Dice;

/// What a machine sees is in one sparse file, what is safe in another; between them are the writes since the last flush.
pub struct Disk {
    seen: File,
    safe: File,
    waiting: Vec<(u64, Vec<u8>)>,
    bytes: u64,
    /// Whether the disk says that it flushed and does not: then it comes back as it was some time ago, and nothing is
    /// torn.
    pub lies: bool,
    /// How many more writes and flushes are heard, counted while something waits to be flushed, before the power goes.
    left: Option<usize>,
}

/// What one loss of power did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Loss {
    pub lost: usize,
    pub of: usize,
}

impl Disk {
    pub fn new(folder: &Path, bytes: u64) -> io::Result<Self> {
        let open = |name| -> io::Result<File> {
            let file = File::options().create_new(true).read(true).write(true).open(folder.join(name))?;
            file.set_len(bytes)?;
            Ok(file)
        };
        Ok(Self { seen: open("seen")?, safe: open("safe")?, waiting: Vec::new(), bytes, lies: false, left: None })
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The power goes after so many more writes and flushes.
    pub fn fails_after(&mut self, requests: usize) {
        self.left = Some(requests);
    }

    /// Whether the power has gone: then nothing is answered any more.
    pub fn is_off(&self) -> bool {
        self.left == Some(0) && !self.waiting.is_empty()
    }

    fn counts(&mut self) {
        if let Some(left) = &mut self.left
            && !self.waiting.is_empty()
        {
            *left = left.saturating_sub(1);
        }
    }

    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.seen.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    pub fn write(&mut self, offset: u64, bytes: Vec<u8>) -> io::Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.bytes) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.seen.write_all_at(&bytes, offset)?;
        self.waiting.push((offset, bytes));
        self.counts();
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.counts();
        if !self.lies && !self.is_off() {
            for (offset, bytes) in self.waiting.drain(..) {
                self.safe.write_all_at(&bytes, offset)?;
            }
        }
        Ok(())
    }

    /// The power goes and comes back. Of what was not flushed the dice keep some pieces, from none to all.
    pub fn cut(&mut self, dice: &mut Dice) -> io::Result<Loss> {
        let waiting = std::mem::take(&mut self.waiting);
        self.left = None;
        let mut loss = Loss::default();
        let (size, percent) = (*dice.one_of(&[512, 4096]), *dice.one_of(&[0, 10, 50, 90, 100]));
        let half = waiting.len() / 2;
        for (number, (offset, bytes)) in waiting.iter().enumerate() {
            for (index, piece) in bytes.chunks(size).enumerate() {
                loss.of += 1;
                let stays = if self.lies { number < half } else { dice.percent(percent) };
                if stays {
                    self.safe.write_all_at(piece, offset + (index * size) as u64)?;
                } else {
                    loss.lost += 1;
                }
            }
        }
        for (offset, bytes) in &waiting {
            let mut bytes = vec![0; bytes.len()];
            self.safe.read_exact_at(&mut bytes, *offset)?;
            self.seen.write_all_at(&bytes, *offset)?;
        }
        Ok(loss)
    }
}

#[test]
fn what_was_flushed_stays_and_of_the_rest_anything_may() {
    let mut lost = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::new(folder.path(), 1 << 20).unwrap();
        disk.write(0, vec![1; 8192]).unwrap();
        disk.flush().unwrap();
        disk.fails_after(2);
        disk.write(4096, vec![2; 16384]).unwrap();
        assert!(!disk.is_off());
        disk.flush().unwrap();
        assert!(disk.is_off(), "the power went before it was flushed");
        assert_eq!(disk.read(0, 8192).unwrap(), [vec![1; 4096], vec![2; 4096]].concat(), "a cache is read");
        let loss = disk.cut(&mut Dice::new(seed)).unwrap();
        assert_eq!(disk.read(0, 4096).unwrap(), vec![1; 4096], "seed {seed}");
        let after = disk.read(4096, 16384).unwrap();
        let kept = after.chunks(512).filter(|piece| **piece == [2; 512]).count();
        assert!(after.chunks(512).enumerate().all(|(n, piece)| *piece == [2; 512] || *piece == [u8::from(n < 8); 512]));
        assert_eq!(32 - kept, loss.lost * 32 / loss.of, "seed {seed}");
        lost.insert(kept);
        assert!(disk.write((1 << 20) - 1, vec![0; 2]).is_err());
    }
    assert!(lost.len() > 5 && lost.contains(&0) && lost.contains(&32), "{lost:?}");
}
