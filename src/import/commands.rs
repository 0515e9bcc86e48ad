//! What becomes of a command line that makes nothing on a disk.

use crate::grammar::{self, Arranged};
use crate::site::{Container, Release};

use super::Fate;
use super::read::Item;
use super::write::{ImageLine, RoleParts, User};

/// Commands that go into the hook `commands.ks.j2` unchanged: rackstart writes none of them, or several lines of them
/// may occur.
const AS_THEY_ARE: [&str; 10] =
    ["group", "logging", "module", "nvdimm", "realm", "repo", "syspurpose", "xconfig", "zfcp", "fcoe"];

/// Services without which no node can be reached.
const NEEDED: [&str; 3] = ["network", "NetworkManager", "sshd"];

/// Kernel arguments that rackstart or the installer sets.
const SET: [&str; 9] = ["ks", "inst.ks", "ip", "root", "inst.repo", "inst.stage2", "initrd", "BOOTIF", "repo"];

/// The fate of a line; what is carried over is added to the role.
pub(crate) fn fate(release: Release, item: &Item<'_>, role: &mut RoleParts) -> Fate {
    let Some(line) = Arranged::read(release, item.head) else { return include(item) };
    let is_secret = !grammar::secrets(item.head).is_empty();
    match line.name.as_str() {
        "services" => services(&line, role),
        "bootloader" => bootloader(&line, role),
        "user" => user(&line, role),
        "sshkey" => ssh_key(&line, role),
        "ostreecontainer" => container(release, &line, role),
        "rootpw" => root_password(&line),
        name if AS_THEY_ARE.contains(&name) && !is_secret => {
            role.commands.push(item.head.trim().into());
            Fate::carried()
        }
        _ if is_secret => Fate::left(
            "it holds a secret, which does not belong into a template that every node gets",
            "put it into the hook that needs it when you know who may read it: docs/authority.md",
        ),
        name => of_rackstart(name, &line),
    }
}

fn include(item: &Item<'_>) -> Fate {
    match item.name() {
        "%include" | "%ksappend" => Fate::left(
            "the lines that it brings are not in this file",
            "import the kickstart that the installer saw, with them in it: /root/anaconda-ks.cfg of an installed machine",
        ),
        _ => Fate::left("no release knows it", "remove it"),
    }
}

fn services(line: &Arranged, role: &mut RoleParts) -> Fate {
    let list = |option: &str| {
        let names = line.value(option).unwrap_or_default().split([',', ' ']).filter(|name| !name.is_empty());
        names.map(str::to_string).collect::<Vec<_>>()
    };
    let (on, off) = (list("--enabled"), list("--disabled"));
    let (kept, off): (Vec<_>, Vec<_>) = off.into_iter().partition(|name| NEEDED.contains(&name.as_str()));
    role.services_off.extend(off.into_iter().filter(|name| !on.contains(name)));
    role.services.extend(on);
    if kept.is_empty() {
        Fate::carried()
    } else {
        Fate::differs(format!("{} stays on: no node can be reached without it", kept.join(", ")))
    }
}

fn bootloader(line: &Arranged, role: &mut RoleParts) -> Fate {
    let mut notes = Vec::new();
    let is_set = |argument: &&str| SET.contains(&argument.split('=').next().unwrap_or_default());
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "=,.:/_-+@%".contains(letter);
    for argument in line.value("--append").unwrap_or_default().split_whitespace() {
        if is_set(&argument) || !argument.chars().all(letters) {
            notes.push(format!("without `{argument}`, which `kernel_args` does not take"));
        } else {
            role.kernel_args.push(argument.into());
        }
    }
    if line.has("--password") || line.has("--md5pass") {
        notes.push("without its password: every node would get it; set one in a firstboot step".into());
    }
    for option in ["--timeout", "--boot-drive", "--driveorder", "--disabled", "--extlinux", "--upgrade", "--nombr"] {
        if line.has(option) {
            notes.push(format!("without `{option}`, which rackstart chooses"));
        }
    }
    if matches!(line.value("--location"), Some("none" | "partition")) {
        notes.push("the boot loader is installed where the firmware looks for it".into());
    }
    if notes.is_empty() { Fate::carried() } else { Fate::differs(notes.join("; ")) }
}

fn user(line: &Arranged, role: &mut RoleParts) -> Fate {
    let name = line.value("--name").unwrap_or_default();
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
    let fits = |name: &str| {
        (1..=31).contains(&name.len())
            && name.chars().all(letters)
            && name.starts_with(|c: char| c.is_ascii_lowercase())
    };
    if name == "root" || !fits(name) || role.users.iter().any(|user| user.name == name) {
        return Fate::left(
            format!("`{name}` cannot be a `[[user]]`"),
            "give the account another name, or make it in a hook",
        );
    }
    let groups = line
        .value("--groups")
        .unwrap_or_default()
        .split(',')
        .map(|group| group.split('(').next().unwrap_or_default().trim().to_string());
    let groups = groups.filter(|group| fits(group)).collect();
    role.users.push(User { name: name.into(), groups, ssh_keys: Vec::new() });
    let mut notes = Vec::new();
    if line.has("--password") {
        notes.push(
            "its password is not copied: write `password_hash`, made by `openssl passwd -6`, or `ssh_keys`".into(),
        );
    }
    for option in ["--uid", "--gid", "--homedir", "--shell", "--gecos"] {
        if line.has(option) {
            notes.push(format!("without `{option}`"));
        }
    }
    if notes.is_empty() { Fate::carried() } else { Fate::differs(notes.join("; ")) }
}

fn ssh_key(line: &Arranged, role: &mut RoleParts) -> Fate {
    let (name, key) = (line.value("--username").unwrap_or_default(), line.plain.join(" "));
    match role.users.iter_mut().find(|user| user.name == name) {
        Some(user) => {
            user.ssh_keys.push(key);
            Fate::carried()
        }
        None if name == "root" => Fate::left("root's keys are those of the site", "add it to `ssh_keys` of `[access]`"),
        None => Fate::left(format!("no `user` line above makes `{name}`"), "add it to `ssh_keys` of that `[[user]]`"),
    }
}

/// An image instead of packages. No kickstart says who vouches for it.
fn container(release: Release, line: &Arranged, role: &mut RoleParts) -> Fate {
    let image = line.value("--url").unwrap_or_default();
    let (transport, is_image) = (line.value("--transport").unwrap_or("registry"), Container::is_image(image));
    let why = if (release.major, release.minor) < Container::FIRST_RELEASE {
        format!("the installer of release {release} has no image mode")
    } else if transport != "registry" {
        format!("the image comes by `{transport}`, and rackstart knows registries only")
    } else if !is_image {
        format!("`{image}` is not registry, repository, and tag or digest")
    } else {
        let owned = |option: &str| line.value(option).map(str::to_string);
        let unchecked = line.has("--no-signature-verification");
        let (stateroot, remote) = (owned("--stateroot"), owned("--remote"));
        role.container = Some(ImageLine { image: image.into(), unchecked, stateroot, remote });
        return match unchecked {
            true => {
                Fate::differs("its signature is not checked: name the public key in `signed_by` to have it checked")
            }
            false => Fate::differs("`signed_by` has to name the public key of its signature"),
        };
    };
    Fate::left(why, "write a `[[container]]` yourself: docs/image-mode.md")
}

fn root_password(line: &Arranged) -> Fate {
    if line.has("--lock") {
        return Fate::left(
            "root is locked unless the site says otherwise",
            "nothing; `[access]` takes keys and `root_password_hash`",
        );
    }
    let why = "root's password is that of the site, and is not copied";
    let todo = match line.has("--iscrypted") {
        true => "write the hash to `root_password_hash` of `[access]` yourself, if it is one of SHA-512 and still good",
        false => "make a hash by `openssl passwd -6` and write it to `root_password_hash` of `[access]`",
    };
    Fate::left(why, todo)
}

/// The fate of settings that rackstart makes itself, in its own way.
fn of_rackstart(name: &str, line: &Arranged) -> Fate {
    const TEMPLATE: &str = "change it in a copy of rackstart's template, which `init --templates DIR` writes";
    let first = line.plain.first().map(String::as_str).unwrap_or_default();
    match name {
        "lang" if first == "en_US.UTF-8" => Fate::carried(),
        "keyboard" if first == "us" && line.options.is_empty() => Fate::carried(),
        "firstboot" if line.has("--disable") || line.has("--disabled") => Fate::carried(),
        "install" | "eula" | "skipx" | "reboot" | "cmdline" => Fate::carried(),
        "text" | "graphical" | "vnc" | "rdp" | "hmc" | "autostep" | "mediacheck" => Fate::left(
            "rackstart installs in `cmdline` mode, unattended",
            "nothing; the installer's log is `rackstart log NODE`",
        ),
        "halt" | "poweroff" | "shutdown" => {
            Fate::left("a node starts its own disk after the installation", format!("nothing, or {TEMPLATE}"))
        }
        "timezone" => Fate::left(
            "the time zone is that of the site",
            format!("write `timezone = \"{first}\"` in `[site]`; time servers go to `ntp` of `[network]`"),
        ),
        "timesource" => Fate::left("time servers are those of the site", "write them to `ntp` of `[network]`"),
        "network" => Fate::left(
            "cards, addresses and names are those of each node",
            "write `[[node]]` with `name`, `address` and `nics`; bonds and VLANs have keys of their own",
        ),
        "url" | "nfs" | "cdrom" | "harddrive" | "liveimg" => {
            Fate::left("rackstart serves the packages itself", "give an `[[install_tree]]` the folder or the ISO file")
        }
        "ostreesetup" | "bootc" => Fate::left(
            "rackstart installs images by `ostreecontainer`",
            "write a `[[container]]` with the image: docs/image-mode.md",
        ),
        "clearpart" | "zerombr" => Fate::left(
            "rackstart clears only the disk that the node's rule names, and one that holds data only by `reimage`",
            "nothing",
        ),
        "ignoredisk" => Fate::left(
            "each node says which disks are its own",
            "write `disk` or `disks` of the node, best with a serial number",
        ),
        "firewall" | "selinux" => Fate::left(
            "what is open and enforced is a matter of the blueprint and of `[site] security`",
            format!("see `rackstart plan --security`, or {TEMPLATE}"),
        ),
        "auth" | "authconfig" | "authselect" | "lang" | "keyboard" | "firstboot" => {
            Fate::left("rackstart writes a line of its own", TEMPLATE)
        }
        _ => Fate::left("rackstart has no key for it", format!("nothing if you can do without; or {TEMPLATE}")),
    }
}
