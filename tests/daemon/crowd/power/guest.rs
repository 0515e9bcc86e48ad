//! A virtual machine that runs the daemon on a disk whose power can be cut: QEMU without acceleration, Debian's stock kernel, a
//! file system of its own. `tests/long/power-cuts` makes kernel and initrd.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::disk::{Disk, Loss};
use super::nbd;
use crate::crowd::outages::{NODES, Server};
use crate::crowd::site;
use crate::support::dice::Dice;

/// The smallest that mkfs.xfs takes, and room for what is written behind it.
const MIB: u64 = 320;
/// As long as a machine may take that is ten times as busy as expected.
const PATIENCE: Duration = Duration::from_secs(300);

/// What runs while the power is on.
struct Power {
    qemu: Child,
    disk: JoinHandle<()>,
}

pub struct Guest {
    folder: tempfile::TempDir,
    kernel: PathBuf,
    kind: &'static str,
    cable: OwnedFd,
    pub disk: Arc<Mutex<Disk>>,
    pub dice: Dice,
    power: Option<Power>,
    control: Option<Mutex<BufReader<UnixStream>>>,
    pub cuts: u64,
    /// Cuts at which something waited to be flushed.
    pub hits: u64,
    pub loss: Loss,
    pub slowest: Duration,
}

impl Guest {
    /// With an empty disk and without power. `parts` holds `kernel` and `initrd`. The file is the other end of its cable.
    pub fn racked(parts: &Path, kind: &'static str, seed: u64) -> (Self, File) {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        site::grow_tree(&site.join("srv/rackstart/centos6"));
        std::fs::create_dir(site.join("site")).unwrap();
        std::fs::write(site.join("site/rackstart.toml"), site::text(NODES)).unwrap();
        let initrd = folder.path().join("initrd");
        // Archives one after the other are unpacked one over the other.
        let both = format!(
            "cp {0}/initrd {1} && find . | cpio --quiet -o -H newc -R 0:0 >>{1}",
            parts.display(),
            initrd.display()
        );
        assert!(Command::new("sh").args(["-c", &both]).current_dir(&site).status().unwrap().success(), "{both}");
        let (ours, cable) = UnixDatagram::pair().unwrap();
        let guest = Self {
            kernel: parts.join("kernel"),
            kind,
            cable: cable.into(),
            disk: Arc::new(Mutex::new(Disk::new(folder.path(), MIB << 20).unwrap())),
            dice: Dice::new(seed),
            power: None,
            control: None,
            cuts: 0,
            hits: 0,
            loss: Loss::default(),
            slowest: Duration::ZERO,
            folder,
        };
        (guest, OwnedFd::from(ours).into())
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Switches it on.
    fn starts(&mut self, words: &str) {
        let (disk, control) = (self.at("disk"), self.at("control"));
        let _ = std::fs::remove_file(&disk);
        let socket = UnixListener::bind(&disk).unwrap();
        let console = self.at("console");
        let append = format!(
            "console=ttyS0 quiet panic=1 mitigations=off random.trust_cpu=on kind={} mib={MIB} {words}",
            self.kind
        );
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args("-nodefaults -no-user-config -accel tcg -machine pc,graphics=off,usb=off -smp 1 -m 512".split(' '));
        command.args("-cpu qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt -display none -no-reboot".split(' '));
        command.arg("-kernel").arg(&self.kernel).args(["-initrd", &self.at("initrd"), "-append", &append]);
        command.args(["-chardev", &format!("file,id=console,path={console},append=on"), "-serial", "chardev:console"]);
        command.args(["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=control"]);
        command.args(["-chardev", &format!("socket,id=control,path={control},server=on,wait=off")]);
        // Its cache is what loses: `writeback` hands the guest's flushes on, and nothing else.
        command.args([
            "-drive",
            &format!("if=virtio,format=raw,cache=writeback,discard=ignore,file=nbd+unix:///?socket={disk}"),
        ]);
        command.args(["-netdev", "socket,id=cable,fd=0", "-device", "virtio-net-pci,netdev=cable,romfile="]);
        let errors = File::options().create(true).append(true).open(self.at("qemu.log")).unwrap();
        let qemu = command.stdin(Stdio::from(self.cable.try_clone().unwrap())).stdout(Stdio::null()).stderr(errors);
        let qemu = qemu.spawn().expect("qemu-system-x86_64");
        let behind = self.disk.clone();
        let disk = std::thread::spawn(move || {
            if let Ok((stream, _)) = socket.accept() {
                let _ = nbd::serve(stream, &behind); // it ends with the client
            }
        });
        self.power = Some(Power { qemu, disk });
    }

    /// Lets the power go in the middle of what is written, at the latest after this time.
    fn ends_at_a_write(&mut self, most: usize, patience: Duration) {
        self.disk.lock().unwrap().fails_after(1 + self.dice.below(most));
        let end = Instant::now() + patience;
        while !self.disk.lock().unwrap().is_off() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Takes its power away, and that of its disk.
    pub fn cut(&mut self) -> Loss {
        self.control = None;
        let Some(mut power) = self.power.take() else { return Loss::default() };
        let _ = power.qemu.kill();
        let _ = power.qemu.wait();
        let _ = UnixStream::connect(self.at("disk")); // or the disk waits for a machine that never came
        power.disk.join().unwrap();
        let loss = self.disk.lock().unwrap().cut(&mut self.dice).unwrap();
        self.cuts += 1;
        self.hits += u64::from(loss.of > 0);
        self.loss.lost += loss.lost;
        self.loss.of += loss.of;
        loss
    }

    /// Waits until something holds, which a machine that stopped never does.
    fn waits(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if holds(self) {
                return Ok(());
            }
            let stopped = self.power.as_mut().is_none_or(|power| power.qemu.try_wait().unwrap().is_some());
            let log = self.log();
            let new = log.rsplit("\u{c}").next().unwrap_or_default();
            if stopped || new.contains("power: FAILED") || new.contains("power: the daemon ended by itself") {
                return Err(format!("it ended before {what}"));
            }
            if Instant::now() > end {
                return Err(format!("{what}: not within {PATIENCE:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes the file system, and cuts the power once. Returns what is left of one MiB that was flushed before, and of one
    /// that was written and not flushed, in pieces of 512 bytes of 2,048.
    pub fn formats(&mut self) -> (usize, usize) {
        self.mark();
        self.starts("power=format");
        self.waits("it has formatted its disk", |guest| guest.log().contains("power: formatted"))
            .unwrap_or_else(|what| panic!("{what}\n{}", self.log_end()));
        self.cut();
        let disk = self.disk.lock().unwrap();
        let left = |offset: u64, word: &str| {
            let piece = word.repeat(512 / word.len());
            disk.read(offset, 1 << 20).unwrap().chunks(512).filter(|found| *found == piece.as_bytes()).count()
        };
        let left = (left((MIB - 2) << 20, "flushed\n"), left((MIB - 1) << 20, "written\n"));
        drop(disk);
        (self.cuts, self.hits, self.loss) = (0, 0, Loss::default());
        left
    }

    /// Stops it as its operator would; the file system is checked without mending.
    pub fn shuts_down(&mut self) -> Result<(), String> {
        self.sends("off\n").map_err(|error| error.to_string())?;
        self.mark();
        let end = self.waits("it is off", |guest| guest.log().contains("power: off"));
        self.cut();
        self.cuts -= 1;
        end
    }

    fn sends(&self, line: &str) -> std::io::Result<()> {
        let control = self.control.as_ref().expect("it serves");
        control.lock().unwrap().get_mut().write_all(line.as_bytes())
    }

    /// What is after this in the log is of this start.
    fn mark(&self) {
        let mut console = File::options().create(true).append(true).open(self.at("console")).unwrap();
        console.write_all(b"\x0c").unwrap();
    }

    /// Exit code, output and errors of a verb in the machine.
    fn answer(&self, words: &[&str]) -> std::io::Result<(String, String, String)> {
        let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        self.sends(&format!("{}\n", line.join(" ")))?;
        let mut control = self.control.as_ref().expect("it serves").lock().unwrap();
        let mut head = String::new();
        control.read_line(&mut head)?;
        let mut head = head.split_whitespace();
        let code = head.next().unwrap_or_default().to_string();
        let mut text = || -> std::io::Result<String> {
            let length = head.next().and_then(|length| length.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
            let mut bytes = vec![0; length];
            control.read_exact(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let (output, errors) = (text()?, text()?);
        Ok((code, output, errors))
    }

    fn connects(&mut self) -> bool {
        let Ok(stream) = UnixStream::connect(self.at("control")) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.control = Some(Mutex::new(BufReader::new(stream)));
        true
    }
}

impl Server for Guest {
    fn fails(&mut self) {
        self.ends_at_a_write(12, Duration::from_secs(5));
        self.cut();
    }

    /// One time in four the power goes again before it is up.
    fn serves(&mut self) -> Result<(), String> {
        while self.dice.percent(25) {
            self.mark();
            self.starts("");
            self.ends_at_a_write(120, Duration::from_secs(15));
            self.cut();
        }
        let began = Instant::now();
        self.mark();
        self.starts("");
        self.waits("its control port is there", Self::connects)?;
        self.waits("the daemon answers", |guest| guest.asks(&["status"]).is_ok())?;
        self.slowest = self.slowest.max(began.elapsed());
        Ok(())
    }

    fn asks(&self, words: &[&str]) -> Result<String, String> {
        match self.answer(words) {
            Ok((code, output, _)) if code == "0" => Ok(output),
            Ok((code, _, errors)) => Err(format!("{words:?}: {code} {errors}")),
            Err(error) => Err(format!("{words:?}: {error}")),
        }
    }

    fn log(&self) -> String {
        let bytes = std::fs::read(self.at("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.cut();
    }
}
