"""What a storage section asks of blivet, written after Anaconda's kickstart code: label, boot weights, --onpart, arrays,
groups and volumes. Order, alignment, growth and LVM sizes are blivet's own; nothing of the stand-in's placement is used.
"""

import re

from blivet.devicelibs.lvm import LVM_PE_SIZE
from blivet.formats import get_format
from blivet.formats.disklabel import DiskLabel
from blivet.partitioning import do_partitioning, grow_lvm
from blivet.size import Size
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion


def mib(number):
    """A size of so many MiB."""
    return Size(f"{int(number)} MiB")


def weight(mountpoint, fstype):
    """Anaconda's platform weights for a PC: what the firmware or the boot loader reads comes first."""
    if fstype in ("efi", "biosboot"):
        return 5000
    return 2000 if mountpoint == "/boot" else 0


def doubled(name):
    """A name as device-mapper writes it."""
    return name.replace("-", "--")


def read(text, release):
    """The commands of a section, in pykickstart's words for the release."""
    handler = makeVersion(f"RHEL{release[0]}")
    KickstartParser(handler).readKickstartFromString(text)
    return handler


def ask(storage, handler, disks, release, efi):
    """Everything from clearpart to the last volume; `disks` are those that may be used, by name. Nothing is done yet."""
    label = getattr(handler.clearpart, "disklabel", "") or ""
    label = {"mbr": "msdos", "": "gpt" if efi or release[0] >= 10 else "msdos"}.get(label, label)
    DiskLabel.set_default_label_type(label)
    for name in handler.clearpart.drives if handler.clearpart.type else []:
        storage.recursive_remove(disks[name])
        storage.initialize_disk(disks[name])
    physical = {}
    for part in handler.partition.partitions:
        _partition(storage, disks, part, physical)
    do_partitioning(storage)
    for array in handler.raid.raidList:
        _mirror(storage, array, physical)
    groups = {group.vgname: _group(storage, group, release, physical) for group in handler.volgroup.vgList}
    for volume in handler.logvol.lvList:
        _volume(storage, volume, groups[volume.vgname])
    grow_lvm(storage)


def _partition(storage, disks, part, physical):
    """One `part` line."""
    kinds = (("pv.", "lvmpv"), ("raid.", "mdmember"), ("swap", "swap"))
    fstype = next((kind for start, kind in kinds if part.mountpoint.startswith(start)), part.fstype)
    mountpoint = part.mountpoint if part.mountpoint.startswith("/") else None
    if part.onPart:
        device = storage.devicetree.get_device_by_name(part.onPart.removeprefix("/dev/"))
        if part.format:
            storage.format_device(device, get_format(fstype, device=device.path, mountpoint=mountpoint))
    else:
        parents = [disks[part.disk.removeprefix("/dev/")]] if part.disk else list(disks.values())
        device = storage.new_partition(
            fmt_type=fstype, mountpoint=mountpoint, size=mib(part.size or 1), grow=bool(part.grow),
            maxsize=mib(part.maxSizeMB) if part.maxSizeMB else None, primary=bool(part.primOnly), parents=parents,
            weight=weight(part.mountpoint, fstype))
        storage.create_device(device)
    if fstype in ("lvmpv", "mdmember"):
        physical[part.mountpoint] = device


def _mirror(storage, array, physical):
    """One `raid` line."""
    name = str(array.device).removeprefix("/dev/")
    holds_group = array.mountpoint.startswith("pv.")
    device = storage.new_mdarray(
        name=f"md{name}" if name.isdigit() else name, level=array.level, parents=[physical[m] for m in array.members],
        member_devices=len(array.members), total_devices=len(array.members),
        fmt_type="lvmpv" if holds_group else array.fstype, mountpoint=None if holds_group else array.mountpoint)
    storage.create_device(device)
    if holds_group:
        physical[array.mountpoint] = device


def _group(storage, group, release, physical):
    """One `volgroup` line."""
    if group.preexist:
        return storage.devicetree.get_device_by_name(group.vgname)
    extent = Size(f"{int(group.pesize)} KiB") if group.pesize else LVM_PE_SIZE
    name = group.vgname
    if release[0] == 6 and tuple(release) >= (6, 4):
        name = re.sub(r"[^0-9a-zA-Z._]", "", name)  # safeLvmName of EL6.4 and later
    device = storage.new_vg(name=name, parents=[physical[pv] for pv in group.physvols], pe_size=extent)
    storage.create_device(device)
    return device


def _volume(storage, volume, group):
    """One `logvol` line."""
    fstype, mountpoint = ("swap", None) if volume.mountpoint == "swap" else (volume.fstype, volume.mountpoint)
    if volume.preexist or not volume.format:
        names = (f"{doubled(volume.vgname)}-{doubled(volume.name)}", f"{volume.vgname}-{volume.name}")
        device = next(filter(None, map(storage.devicetree.get_device_by_name, names)))
        if volume.format:
            storage.format_device(device, get_format(fstype, device=device.path, mountpoint=mountpoint))
        return
    storage.create_device(storage.new_lv(
        name=volume.name, parents=[group], size=mib(volume.size or 0), grow=bool(volume.grow),
        maxsize=mib(volume.maxSizeMB) if volume.maxSizeMB else None, fmt_type=fstype, mountpoint=mountpoint))
