"""Executing the storage commands of a kickstart with parted, LVM and mkfs."""

import os
import re
import time

from pykickstart.constants import CLEARPART_TYPE_ALL, CLEARPART_TYPE_LINUX

from standin import filesystem, luks, lvm
from standin.console import Stop, run, say
from standin.filesystem import KEEP, FileSystem
from standin.placement import MIB, Request, TooSmall, place

MSDOS_SECTORS = 2**32 - 1


def disks():
    """Whole disks that Anaconda would offer, with their size in sectors."""
    found = {}
    for name in sorted(os.listdir("/sys/block")):
        if re.match(r"(sd[a-z]+|vd[a-z]+|nvme\d+n\d+)$", name):
            with open(f"/sys/block/{name}/size") as size:
                found[name] = int(size.read())
    return found


def sector_size(disk):
    """Bytes of a logical sector."""
    with open(f"/sys/block/{disk}/queue/logical_block_size") as size:
        return int(size.read())


def partition_node(disk, number):
    """sda + 1 is sda1, nvme0n1 + 1 is nvme0n1p1."""
    return f"/dev/{disk}{'p' if disk[-1].isdigit() else ''}{number}"


def device_name(text):
    """The kernel's name for what a kickstart calls a disk: sda, /dev/sda or a link below /dev/disk."""
    return os.path.basename(os.path.realpath("/dev/" + text.removeprefix("/dev/")))


class Storage:
    """The devices of one installation, and what is mounted where."""

    def __init__(self, handler, release, efi=None):
        self.handler, self.release = handler, release
        self.filesystems = []
        self.encrypted = []  # UUIDs of what is opened at each start
        self.efi = os.path.isdir("/sys/firmware/efi") if efi is None else efi
        only = handler.ignoredisk.onlyuse
        self.disks = {n: s for n, s in disks().items() if not only or n in map(device_name, only)}
        missing = [name for name in only if device_name(name) not in self.disks]
        if missing:
            raise Stop(f"ignoredisk --only-use names disks that are not here: {' '.join(missing)}")

    def label(self, disk):
        """The partition table a fresh disk gets; an msdos one only if it can count all sectors."""
        wanted = getattr(self.handler.clearpart, "disklabel", "") or ""
        wanted = {"mbr": "msdos"}.get(wanted, wanted) or ("gpt" if self.efi or self.release[0] >= 10 else "msdos")
        return wanted if self.disks[disk] * 512 // sector_size(disk) < MSDOS_SECTORS else "gpt"

    def execute(self):
        """Everything from clearpart to the last file system."""
        cleared = self._clear()
        requests, physical = [], {}
        for part in self.handler.partition.partitions:
            if part.onPart:
                self._reuse(part, physical)
                continue
            requests.append(self._request(part))
        for disk in cleared or sorted({r.disk for r in requests if r.disk}):
            wanted = [r for r in requests if (r.disk or cleared[0]) == disk]
            if wanted:
                self._partition(disk, wanted, physical)
        self._mirror(physical)
        self.filesystems += lvm.build(self.handler, physical, self.release)
        for each in self.filesystems:
            if each.options != KEEP:
                each.make()

    def _physical(self, command, node):
        """The device that a volume group or an array gets: the partition, or what is in it once it is opened."""
        if not command.encrypted:
            return node, True
        uuid, opened = luks.encrypt(command, node, self.release)
        self.encrypted.append(uuid)
        return opened, True

    def _clear(self):
        """Apply clearpart; returns the disks that are empty now."""
        clear = self.handler.clearpart
        if clear.type not in (CLEARPART_TYPE_ALL, CLEARPART_TYPE_LINUX):
            return []
        names = [device_name(n) for n in clear.drives] or list(self.disks)
        for name in names:
            if name not in self.disks:
                raise Stop(f"clearpart --drives names {name}, which is not here or is ignored")
            self._wipe(name)
        return names

    def _wipe(self, disk):
        lvm.deactivate()
        nodes = [e for e in os.listdir(f"/sys/block/{disk}") if e.startswith(disk)]
        if nodes:
            say(f"clearing {disk}: {' '.join(sorted(nodes))} go")
            for node in sorted(nodes, reverse=True):
                # The extended partition itself has no room for a signature; that is no error.
                with open(f"/sys/block/{disk}/{node}/size") as size:
                    if int(size.read()) > 2:
                        run("wipefs", "-a", "-f", f"/dev/{node}")
        run("wipefs", "-a", "-f", f"/dev/{disk}")

    def _request(self, part):
        name, fstype = part.mountpoint, part.fstype or "ext4"
        if name.startswith("pv."):
            fstype = "lvmpv"
        elif name.startswith("raid."):
            fstype = "mdmember"
        elif name == "swap":
            fstype = "swap"
        request = Request(
            name,
            int(part.size or 1),
            fstype,
            device_name(part.disk) if part.disk else "",
            bool(part.primOnly),
            bool(part.grow),
            int(part.maxSizeMB or 0),
        )
        request.command = part
        return request

    def _partition(self, disk, requests, physical):
        if any(entry.startswith(disk) for entry in os.listdir(f"/sys/block/{disk}")):
            raise Stop(f"{disk} was not cleared; the stand-in makes partitions only on a cleared disk")
        label = self.label(disk)
        try:
            layout = place(requests, self.disks[disk], label, sector_size(disk))
        except TooSmall as error:
            raise Stop(str(error)) from error
        command = ["parted", "-s", "-a", "none", f"/dev/{disk}", "unit", "s", "mklabel", label]
        parts = [(p.number, p.kind, p.start, p.sectors, p) for p in layout.partitions]
        if layout.extended:
            number, start, sectors = layout.extended
            parts.append((number, "extended", start, sectors, None))
        for number, kind, start, sectors, part in sorted(parts, key=lambda p: p[0]):
            name = kind if label == "msdos" else "p"
            # parted counts in the disk's own sectors, the placement in 512 bytes.
            unit = sector_size(disk) // 512
            command += ["mkpart", name, f"{start // unit}s", f"{(start + sectors) // unit - 1}s"]
            if part is None:
                continue
            if part.fstype == "lvmpv":
                command += ["set", str(number), "lvm", "on"]
            elif part.fstype == "mdmember":
                command += ["set", str(number), "raid", "on"]
            elif part.fstype == "efi":
                command += ["set", str(number), "boot", "on"]
            elif part.fstype == "biosboot":
                command += ["set", str(number), "bios_grub", "on"]
            elif part.name == "/boot" and label == "msdos":
                command += ["set", str(number), "boot", "on"]
        run(*command)
        for number, _, start, sectors, part in sorted(parts, key=lambda p: p[0]):
            what = part.name if part else "extended"
            say(f"{partition_node(disk, number)}: {sectors // MIB} MiB for {what}")
            if part is None:
                continue
            node = partition_node(disk, number)
            wait_for(node)
            if part.fstype in ("lvmpv", "mdmember"):
                physical[part.name] = self._physical(part.command, node)
            elif part.fstype != "biosboot":
                self.filesystems.append(filesystem.of_command(part.command, part.name, node, part.fstype))

    def _mirror(self, physical):
        """The `raid` commands. The halves are taken as equal at once: blank disks are, and a resync takes hours here."""
        for array in self.handler.raid.raidList:
            # EL6's command keeps only the number of md0.
            name = str(array.device).removeprefix("/dev/")
            node = "/dev/" + (f"md{name}" if name.isdigit() else name)
            missing = [member for member in array.members if member not in physical]
            if missing:
                raise Stop(f"raid {array.mountpoint} uses {' '.join(missing)}, which no part line makes")
            # What the boot loader reads must begin at the start of each half, so its superblock is at the end.
            boot = array.mountpoint in ("/boot", "/boot/efi")
            run("mdadm", "--create", node, "--run", "--assume-clean", "--quiet", f"--level={str(array.level).lower().removeprefix('raid')}",
                f"--metadata={'1.0' if boot else '1.2'}", f"--raid-devices={len(array.members)}",
                *(physical[member][0] for member in array.members))
            wait_for(node)
            say(f"{node}: level {array.level} of {' '.join(physical[member][0] for member in array.members)}")
            if array.mountpoint.startswith("pv."):
                physical[array.mountpoint] = self._physical(array, node)
            else:
                self.filesystems.append(filesystem.of_command(array, array.mountpoint, node, array.fstype or "ext4"))

    def _reuse(self, part, physical):
        node = "/dev/" + part.onPart.removeprefix("/dev/")
        if not os.path.exists(node):
            raise Stop(f"part --onpart={part.onPart}: there is no such partition")
        if part.mountpoint.startswith(("pv.", "raid.")):
            physical[part.mountpoint] = (node, bool(part.format))
        elif part.fstype != "biosboot":
            if part.format:
                self.filesystems.append(filesystem.of_command(part, part.mountpoint, node, part.fstype or "ext4"))
            else:
                self.filesystems.append(FileSystem(part.mountpoint, node, lvm.type_on(node), KEEP))


def wait_for(node, seconds=10):
    """The kernel makes the node a moment after the table is written."""
    for _ in range(seconds * 20):
        if os.path.exists(node):
            return
        time.sleep(0.05)
    raise Stop(f"{node} did not appear")
