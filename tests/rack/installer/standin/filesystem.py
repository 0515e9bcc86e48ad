"""One file system of an installation, how it is made, and how it is mounted."""

import shlex
from typing import NamedTuple

from standin.console import Stop, run

KEEP = "keep"  # in place of mount options: what is there already stays


class FileSystem(NamedTuple):
    """Swap has the mount point "swap". `making` are words for the program that makes it, as `--mkfsoptions` gives them."""

    mountpoint: str
    device: str
    kind: str
    options: str = "defaults"
    label: str = ""
    making: str = ""

    @property
    def mounted_as(self):
        """What mount(8) and fstab call it."""
        return "vfat" if self.kind == "efi" else self.kind

    def make(self):
        """mkfs without discards: the disks are new, and a discard of 200 GB is slow under emulation."""
        named = ["-n" if self.mounted_as == "vfat" else "-L", self.label] if self.label else []
        words = [*shlex.split(self.making), *named, self.device]
        if self.kind in ("ext2", "ext3", "ext4"):
            lazy = "lazy_itable_init=1,lazy_journal_init=1,nodiscard" if self.kind != "ext2" else "nodiscard"
            run(f"mkfs.{self.kind}", "-q", "-F", "-E", lazy, *words)
        elif self.kind == "xfs":
            run("mkfs.xfs", "-q", "-f", "-K", *words)
        elif self.kind == "swap":
            run("mkswap", *words)
        elif self.mounted_as == "vfat":
            run("mkfs.fat", *words)
        else:
            raise Stop(f"{self.mountpoint}: file system {self.kind} is not known to the stand-in installer")


def of_command(command, mountpoint, device, kind):
    """What one `part`, `raid` or `logvol` command says of the file system that it makes; EL6 has fewer words for it."""
    return FileSystem(mountpoint, device, kind, command.fsopts or "defaults", getattr(command, "label", ""), getattr(command, "mkfsopts", ""))
