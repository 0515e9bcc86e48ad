//! A fake machine: a folder with /sys/block, /dev and /proc, and stand-ins for the programs that the scripts call.
//! Every call is written down, so a test can say what was and what was not touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The machine.
pub struct Machine {
    folder: TempDir,
}

/// How a run of a script ended.
pub struct Run {
    /// Whether it ended with status 0.
    pub ok: bool,
    /// The text on the console.
    pub console: String,
    /// Every call of a stand-in, one per line, in order.
    pub calls: String,
    /// What bash said by itself: a fault of the script.
    pub said: String,
}

/// The commands that a `%pre` finds, by release; the file names its sources.
const COMMANDS: &str = include_str!("installer_commands.txt");

/// The commands of the installer of a release.
pub fn commands_of(release: &str) -> Vec<&'static str> {
    let number = |release: &str| release.parse::<rackstart::site::Release>().unwrap();
    let (mut found, mut here) = (Vec::new(), false);
    for line in COMMANDS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (section, wanted) =
                (number(&format!("{name}{}", if name.contains('.') { "" } else { ".0" })), number(release));
            here = section.major == wanted.major && section <= wanted;
            if here {
                found.clear();
            }
        } else if here {
            found.extend(line.split_whitespace());
        }
    }
    assert!(!found.is_empty(), "{release}");
    found
}

/// Answers requests from the files `answer.<path>` (status on the first line, then the body), and writes down the form.
/// A status of 000 is a server that is away; `answer.<path>.1` is used once, before the others.
pub const CURL: &str = r##"
out=/dev/null; form=; url=
while [ $# -gt 0 ]; do
  case $1 in
    -o) out=$2; shift ;;
    -m | -w | -H) shift ;;
    --data-binary) cp "${2#@}" "$MACHINE/facts"; shift ;;
    --data-urlencode) form="$form $2"; shift ;;
    -*) ;;
    *) url=$1 ;;
  esac
  shift
done
path=${url#*//*/}
echo "curl ${path%/*}$form" | tr '\n' ' ' >>"$MACHINE/calls"
echo >>"$MACHINE/calls"
answer=$MACHINE/answer.${path%/*}
if [ -e "$answer.1" ]; then mv "$answer.1" "$answer.now"; else cp "$answer" "$answer.now" 2>/dev/null || echo 204 >"$answer.now"; fi
status=$(head -n 1 "$answer.now")
[ "$status" != 000 ] || { echo "curl: (7) refused" >>"$MACHINE/curl-log"; printf 000; exit 7; }
tail -n +2 "$answer.now" >"$out"
printf %s "$status"
"##;

/// Records every `sleep` except those of a tenth of a second, with which scripts wait for something to end.
const NOTE_SLEEP: &str = "[ \"$1\" = 0.1 ] || echo \"sleep $*\" >>\"$MACHINE/calls\"\n";

impl Machine {
    /// A machine without disks, whose server takes every report and has no other answer yet.
    pub fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["bin", "root/dev", "root/proc", "root/sys/block", "root/sys/devices", "root/tmp", "root/root"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.write("root/dev/console", "");
        machine.write("root/proc/mounts", "");
        machine.write("calls", "");
        machine.program("curl", CURL);
        machine.program("wipefs", "[ \"$1\" != -p ] || cat \"$2.wipefs\" 2>/dev/null || :");
        machine.program("lvm", "[ \"$1\" != pvs ] || cat \"$MACHINE/pvs\" 2>/dev/null || :");
        for name in ["sleep", "reboot", "blockdev", "udevadm", "mdadm", "restorecon", "chown"] {
            machine.program(name, "");
        }
        machine
    }

    /// Like [`Self::new`], with only those commands on its path that the installer of a release has.
    pub fn installer(release: &str) -> Self {
        let machine = Self::new();
        let commands = commands_of(release);
        for stand_in in fs::read_dir(machine.path("bin")).unwrap().map(Result::unwrap) {
            if !commands.contains(&stand_in.file_name().to_str().unwrap()) {
                fs::remove_file(stand_in.path()).unwrap();
            }
        }
        fs::create_dir(machine.path("tools")).unwrap();
        for command in commands {
            let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(|place| Path::new(place).join(command));
            if let Some(place) = places.iter().find(|place| place.exists()) {
                std::os::unix::fs::symlink(place, machine.path("tools").join(command)).unwrap();
            }
        }
        machine
    }

    /// A path in its folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file in its folder.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a symbolic link in its folder.
    pub fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    /// Puts a stand-in for a program on its path; every call but curl's is written down as it is.
    pub fn program(&self, name: &str, body: &str) {
        let note = if name == "curl" {
            ""
        } else if name == "sleep" {
            NOTE_SLEEP
        } else {
            "echo \"${0##*/} $*\" >>\"$MACHINE/calls\"\n"
        };
        let path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n";
        self.write(&format!("bin/{name}"), format!("#!/bin/bash\n{path}{note}{body}\n"));
        fs::set_permissions(self.path(&format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Adds a disk of so many 512-byte blocks, all zero. `bus` is a piece of its device path, such as `usb1`.
    pub fn disk(&self, name: &str, blocks: u64, bus: &str, attributes: &[(&str, &str)]) {
        let device = format!("root/sys/devices/{bus}/{name}");
        self.write(&format!("{device}/size"), format!("{blocks}\n"));
        self.write(&format!("{device}/ro"), "0\n");
        self.write(&format!("{device}/removable"), "0\n");
        self.write(&format!("{device}/queue/logical_block_size"), "512\n");
        for (attribute, value) in attributes {
            self.write(&format!("{device}/{attribute}"), format!("{value}\n"));
        }
        std::os::unix::fs::symlink(self.path(&device), self.path(&format!("root/sys/block/{name}"))).unwrap();
        let file = fs::File::create(self.path(&format!("root/dev/{name}"))).unwrap();
        file.set_len(blocks * 512).unwrap();
    }

    /// Adds a network card.
    pub fn card(&self, name: &str, mac: &str) {
        self.write(&format!("root/sys/class/net/{name}/address"), format!("{mac}\n"));
        self.write(&format!("root/sys/class/net/{name}/device/vendor"), "0x8086\n");
    }

    /// Writes bytes onto a disk.
    pub fn put(&self, disk: &str, offset: u64, bytes: &[u8]) {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(self.path(&format!("root/dev/{disk}"))).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    /// Reads bytes from a disk.
    pub fn get(&self, disk: &str, offset: u64, count: usize) -> Vec<u8> {
        use std::os::unix::fs::FileExt;
        let file = fs::File::open(self.path(&format!("root/dev/{disk}"))).unwrap();
        let mut bytes = vec![0; count];
        file.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    /// What the server answers to requests below this path, from now on.
    pub fn answers(&self, path: &str, status: &str, body: &str) {
        self.write(&format!("answer.{path}"), format!("{status}\n{body}"));
    }

    /// What the server answers to the next such request only.
    pub fn answers_once(&self, path: &str, status: &str, body: &str) {
        self.write(&format!("answer.{path}.1"), format!("{status}\n{body}"));
    }

    /// The storage commands that the kickstart would include, if it got any.
    pub fn storage(&self) -> Option<String> {
        fs::read_to_string(self.path("root/tmp/rackstart-storage.ks")).ok()
    }

    /// Runs a script.
    pub fn run(&self, script: &str) -> Run {
        self.write("script", script);
        let tools = self.path("tools");
        let tools = if tools.exists() { tools.display().to_string() } else { "/usr/sbin:/usr/bin:/sbin:/bin".into() };
        let output = Command::new("/bin/bash")
            .arg(self.path("script"))
            .env_clear()
            .env("PATH", format!("{}:{tools}", self.path("bin").display()))
            .env("MACHINE", self.folder.path())
            .env("RACKSTART_ROOT", self.path("root"))
            .output()
            .unwrap();
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        Run {
            ok: output.status.success(),
            console: text(&self.path("root/dev/console")),
            calls: text(&self.path("calls")),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
