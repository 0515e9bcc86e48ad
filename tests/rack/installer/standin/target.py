"""Filling the new root: mounts, the root archive, fstab, accounts and EL6-like configuration."""

import os
import subprocess
import time

from standin.console import Stop, run, say
from standin.filesystem import KEEP
from standin.scripts import SYSROOT

ARCHIVE = "stand-in/root.tar.zst"


def mount_all(filesystems):
    """Mount everything below the new root, parents before children."""
    for each in sorted(filesystems):
        if each.mountpoint in ("swap", "") or each.mountpoint.startswith("pv."):
            continue
        where = SYSROOT + each.mountpoint.rstrip("/")
        os.makedirs(where, exist_ok=True)
        quick = ["-o", "noinit_itable"] if each.kind == "ext4" else []
        run("mount", "-t", each.mounted_as, *quick, each.device, where)


def unpack(tree):
    """Download and unpack the root archive in one go; it never lies in memory as a whole.

    yum in Anaconda asks again when a download breaks off. So does this, from the start: files that are
    there already are simply written again.
    """
    url = f"{tree.rstrip('/')}/{ARCHIVE}"
    pipe = f"set -o pipefail; curl -sSf {url} | zstd -dcq | tar -x -p --numeric-owner -C {SYSROOT}"
    for attempt in range(1, 11):
        done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True)
        if done.returncode == 0:
            return
        say(f"root archive, try {attempt} of 10: {' '.join(done.stderr.split())}")
        time.sleep(2)
    raise Stop(f"unpacking {url}: {done.stderr.strip()}")


def bind_kernel_mounts():
    """%post in the chroot sees the same devices as the installer, as in Anaconda."""
    for name in ("proc", "sys", "dev", "dev/pts"):
        os.makedirs(f"{SYSROOT}/{name}", exist_ok=True)
        run("mount", "--bind", f"/{name}", f"{SYSROOT}/{name}")
    if os.path.exists("/etc/resolv.conf"):
        write("/etc/resolv.conf", open("/etc/resolv.conf").read())


def unmount_all():
    """Everything on disk before the reboot."""
    run("sync")
    run("umount", "-R", SYSROOT)


def write(path, text, mode=0o644):
    """A file in the new root."""
    full = SYSROOT + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w") as file:
        file.write(text)
    os.chmod(full, mode)


def fstab(filesystems):
    """Partitions by UUID, logical volumes by their mapper name: what EL6 writes."""
    lines = []
    for each in sorted(filesystems):
        if each.mountpoint.startswith("pv."):
            continue
        source = each.device
        if not source.startswith("/dev/mapper/"):
            source = "UUID=" + run("blkid", "-o", "value", "-s", "UUID", source).strip()
        options = "defaults" if each.options == KEEP else each.options
        check = "0 0" if each.mountpoint == "swap" or each.kind == "xfs" else ("1 1" if each.mountpoint == "/" else "1 2")
        lines.append(f"{source:<40} {each.mountpoint:<24} {each.mounted_as:<7} {options:<15} {check}")
    lines += [
        "tmpfs    /dev/shm  tmpfs   defaults        0 0",
        "devpts   /dev/pts  devpts  gid=5,mode=620  0 0",
        "sysfs    /sys      sysfs   defaults        0 0",
        "proc     /proc     proc    defaults        0 0",
    ]
    write("/etc/fstab", "\n".join(lines) + "\n")


def accounts(handler):
    """The root password line. Nothing at all means that EL6 would stop and ask."""
    root = handler.rootpw
    secret = root.password or ""
    if not secret and not root.lock:
        raise Stop("rootpw is missing: EL6 would ask for a root password")
    if secret and not root.isCrypted:
        done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=secret, capture_output=True, text=True)
        secret = done.stdout.strip() or "!"
    if root.lock:
        secret = "!!" + secret
    lines = open(f"{SYSROOT}/etc/shadow").read().splitlines()
    lines = [":".join(["root", secret or "!!"] + l.split(":")[2:]) if l.startswith("root:") else l for l in lines]
    write("/etc/shadow", "\n".join(lines) + "\n", 0o600)


def settings(handler, distribution):
    """Time zone, SELinux mode, firewall, services and the package list."""
    zone = handler.timezone.timezone or "UTC"
    write("/etc/sysconfig/clock", f'ZONE="{zone}"\n')
    mode = {0: "disabled", 1: "enforcing", 2: "permissive"}.get(handler.selinux.selinux, "enforcing")
    write("/etc/selinux/config", f"SELINUX={mode}\nSELINUXTYPE=targeted\n")
    for path in ("/etc/redhat-release", "/etc/system-release"):
        write(path, f"{distribution} (the stand-in's)\n")
    write("/etc/issue", f"\n{distribution} -- the virtual rack's stand-in\nKernel \\r on an \\m\n\n")
    if handler.firewall.enabled is not False:
        ports = ["22:tcp"] + [p for p in handler.firewall.ports or []]
        write("/etc/sysconfig/iptables", _firewall(ports), 0o600)
    for group, state in ((handler.services.enabled, "on"), (handler.services.disabled, "off")):
        for name in group or []:
            if os.path.exists(f"{SYSROOT}/etc/rc.d/init.d/{name}"):
                run("chroot", SYSROOT, "chkconfig", name, state)
    _packages(handler)


def _firewall(ports):
    lines = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    lines += ["-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT", "-A INPUT -p icmp -j ACCEPT"]
    lines += ["-A INPUT -i lo -j ACCEPT"]
    for port in ports:
        number, _, protocol = port.partition(":")
        protocol = protocol or "tcp"
        lines.append(f"-A INPUT -m state --state NEW -m {protocol} -p {protocol} --dport {number} -j ACCEPT")
    lines += ["-A INPUT -j REJECT --reject-with icmp-host-prohibited"]
    lines += ["-A FORWARD -j REJECT --reject-with icmp-host-prohibited", "COMMIT"]
    return "\n".join(lines) + "\n"


def _packages(handler):
    """Mark @core, then let the stand-in yum judge each named package, all in one call."""
    table = [line.split() for line in open(f"{SYSROOT}/usr/share/stand-in/packages") if line[0].isalnum()]
    core = [row[0] for row in table if "@core" in row]
    write("/var/lib/stand-in/installed", "\n".join(core) + "\n")
    names = [name for name in handler.packages.packageList if name not in core]
    known = {row[0] for row in table}
    unknown = [name for name in names if name not in known]
    if unknown and handler.packages.handleMissing != 1:  # KS_MISSING_IGNORE
        raise Stop(f"packages that do not exist: {' '.join(unknown)}; EL6 would ask whether to go on")
    names = [name for name in names if name in known]
    if names:
        say(f"packages: @core {' '.join(names)}")
        run("chroot", SYSROOT, "yum", "-y", "install", *names)
