"""Making the disk bootable with GRUB 2 images that were built together with the root archive.

EL6 uses GRUB legacy; only the outcome counts here: BIOS boots sector 0 and the gap after it, UEFI finds
EFI/BOOT/BOOTX64.EFI (the fallback path) and EFI/redhat/grub.efi (EL6's own path). No NVRAM entry is made.
"""

import glob
import os
import shutil

from standin.console import Stop, say
from standin.scripts import SYSROOT
from standin.target import write

IMAGES = SYSROOT + "/usr/share/stand-in/grub"
# Cheap under emulation, and this kernel is not EL6's anyway.
QUICK = "quiet mitigations=off nokaslr random.trust_cpu=on init_on_alloc=0 randomize_kstack_offset=off"


def install(handler, filesystems, disk, efi, arguments):
    """Write the boot configuration, with these arguments of the initramfs, and the boot loader for this firmware."""
    mounts = {each.mountpoint: each for each in filesystems}
    if "/boot" not in mounts:
        raise Stop("there is no /boot partition: EL6's boot loader cannot read a logical volume")
    kernel = os.path.basename(glob.glob(SYSROOT + "/boot/vmlinuz-*")[0])
    version = kernel.removeprefix("vmlinuz-")
    append = handler.bootloader.appendLine or ""
    root = mounts["/"]
    console = "" if "console=" in append else "console=tty0 console=ttyS0"
    write(
        "/boot/grub/grub.cfg",
        f"linux /{kernel} root={root.device} rootfstype={root.kind} {arguments} ro {console} {QUICK} {append}\ninitrd /initramfs-{version}.img\nboot\n",
    )
    write("/boot/stand-in-boot", "GRUB searches for this file to find /boot.\n")
    if efi:
        _efi(mounts)
    else:
        for each in _halves(mounts["/boot"].device) or [disk]:
            _bios(each)


def _halves(device):
    """The disks that hold the halves of this array, each of which gets a boot loader; none when it is no array."""
    slaves = f"/sys/block/{os.path.basename(os.path.realpath(device))}/slaves"
    if "/md" not in os.path.realpath(device) or not os.path.isdir(slaves):
        return []
    return [os.path.basename(os.path.dirname(os.path.realpath(f"{slaves}/{half}"))) for half in sorted(os.listdir(slaves))]


def _bios(disk):
    """boot.img into sector 0 (the partition table stays), core.img into the gap before sector 2048."""
    with open(IMAGES + "/boot.img", "rb") as image:
        code = image.read(440)
    with open(IMAGES + "/core.img", "rb") as image:
        core = image.read()
    if len(core) > 2047 * 512:
        raise Stop("the boot loader does not fit before the first partition")
    with open(f"/dev/{disk}", "r+b", buffering=0) as device:
        # A block device takes whole sectors from us, so that the table's bytes go back as they were.
        sector = bytearray(device.read(512))
        sector[:440] = code
        device.seek(0)
        device.write(sector)
        device.seek(512)
        device.write(core + bytes(-len(core) % 512))
        os.fsync(device.fileno())
    say(f"boot loader: GRUB in the first sectors of {disk} ({len(core)} bytes)")


def _efi(mounts):
    if "/boot/efi" not in mounts:
        raise Stop("there is no /boot/efi partition, which UEFI firmware boots from")
    for path in ("EFI/BOOT/BOOTX64.EFI", "EFI/redhat/grub.efi"):
        full = f"{SYSROOT}/boot/efi/{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        shutil.copyfile(IMAGES + "/grubx64.efi", full)
    say("boot loader: EFI/BOOT/BOOTX64.EFI and EFI/redhat/grub.efi")
