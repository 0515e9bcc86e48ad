//! What `make` says and does on a machine where something is missing. Stand-ins take the place of the programs that would
//! install or build; the Makefile and the collector are the real ones.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// A copy of the repository with scripts that only say that they ran, and a folder of commands.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile"), machine.path().join("Makefile")).unwrap();
        // These take a moment, so that a target overtakes one that it does not wait for.
        machine.script("tests/setup", "#!/bin/bash\nsleep 0.2; echo set up");
        machine.script("firmware/collect", "#!/bin/bash\nsleep 0.1; echo collected");
        machine.script("tests/sbom", "#!/bin/bash\ntrue");
        machine.script("packaging/reproducibly", "#!/bin/bash\nexec \"$@\"");
        machine.script("tests/rack/demo", "#!/bin/bash\n[ \"${1:-}\" = --cost ] || echo shown");
        machine.script("bin/cargo", "#!/bin/bash\nmkdir -p target/release; echo built");
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, words: &[&str], search: &str) -> Output {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.path()).env_remove("MAKEFLAGS").env_remove("CARGO");
        command.env("PATH", format!("{}/bin{search}", self.path().display())).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn make_release_without_a_compiler_says_what_to_install_before_anything_is_built() {
    let machine = Machine::new();
    symlink("/usr/bin/sleep", machine.path().join("bin/sleep")).unwrap();
    let output = machine.run(&["/usr/bin/make", "release"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("apt-get install gcc libc6-dev"), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains("built"), "{}", text(&output.stdout));
    fs::remove_file(machine.path().join("bin/cargo")).unwrap();
    let output = machine.run(&["/usr/bin/make", "release"], "");
    assert!(text(&output.stderr).contains("install Rust"), "{}", text(&output.stderr));
}

#[test]
fn make_demo_keeps_its_order_however_many_jobs_it_may_run() {
    let output = Machine::new().run(&["make", "-j8", "demo"], ":/usr/bin:/bin");
    let said = text(&output.stdout);
    let steps = ["set up", "collected", "built", "shown"];
    let order: Vec<&str> = said.lines().filter(|line| steps.contains(line)).collect();
    assert_eq!(order, steps, "{}", text(&output.stderr));
}

#[test]
fn the_collector_fetches_package_lists_when_it_is_root_and_there_are_none() {
    let machine = Machine::new();
    let collect = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/collect")).unwrap();
    machine.script("firmware/collect", &collect);
    let lists = machine.path().join("lists").display().to_string();
    let apt = format!("case \"$*\" in\n*update) touch {lists} ;;\n*) [ -e {lists} ] && touch ipxe_1_all.deb ;;\nesac");
    machine.script("bin/apt-get", &format!("#!/bin/bash\n{apt}"));
    let files = "mkdir -p $3/usr/lib/ipxe $3/boot; touch $3/usr/lib/ipxe/{undionly.kpxe,snponly.efi} $3/boot/ipxe.efi";
    machine.script("bin/dpkg-deb", &format!("#!/bin/bash\n{files}"));
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let sums = ["undionly.kpxe", "snponly.efi", "ipxe.efi"].map(|file| format!("{sum}  {file}\n")).concat();
    fs::write(machine.path().join("firmware/SHA256SUMS"), sums).unwrap();

    machine.script("bin/id", "#!/bin/bash\necho 1000");
    let output = machine.run(&["firmware/collect"], ":/usr/bin:/bin");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("run `apt-get update` as root"), "{}", text(&output.stderr));
    assert!(!Path::new(&lists).exists(), "who is not root does not try");

    machine.script("bin/id", "#!/bin/bash\necho 0");
    let output = machine.run(&["firmware/collect"], ":/usr/bin:/bin");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("firmware: "), "{}", text(&output.stdout));
}
