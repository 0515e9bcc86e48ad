"""Runs in a chroot of the blivet guest's root, without a machine: where blivet would put everything.

Each line of standard input is a request, as JSON: disks by name with `bytes` and `sector_size`, the storage section, the
release, `efi`. For each one, a line with the partitions, groups and volumes that blivet decided on. libparted works on
sparse files instead of disks, and nothing is written to them, so a layout takes a tenth of a second.
"""

import json
import os
import sys

import asked
import blivet
import blivet.arch
import parted
from blivet.devices import DiskFile

KINDS = {"lvmpv": "LVM2_member", "mdmember": "linux_raid_member", "efi": "vfat", "biosboot": None}


def disk_file(name, about):
    """A file as large as the disk, as blivet's own tests use it. Other folders than /dev give names that it refuses."""
    path = f"/dev/{name}"
    with open(path, "wb") as file:
        file.truncate(about["bytes"])
    # libparted takes the sector size of a file from here, when it sees it first.
    os.environ["PARTED_SECTOR_SIZE"] = str(about["sector_size"])
    parted.getDevice(path)
    return DiskFile(path)


def holds(device):
    """What blkid would call the content."""
    return KINDS.get(device.format.type, device.format.type)


def table(disk, sector_size):
    """The label and the partitions of one disk."""
    rows = []
    devices = {child.parted_partition.number: child for child in disk.children}
    for part in disk.format.partitions:
        device = devices.get(part.number)
        rows.append({
            "number": part.number, "start": part.geometry.start * sector_size, "size": part.geometry.length * sector_size,
            "kind": "extended" if part.type == parted.PARTITION_EXTENDED else device.format.type,
            "type": None if part.type == parted.PARTITION_EXTENDED else holds(device),
        })
    return {"label": disk.format.label_type, "partitions": sorted(rows, key=lambda row: row["start"])}


def answer(request):
    """One request."""
    release, efi = request["release"], request["efi"]
    blivet.arch.is_efi = lambda: efi
    storage = blivet.Blivet()
    disks = {name: disk_file(name, about) for name, about in request["disks"].items()}
    for disk in disks.values():
        storage.devicetree._add_device(disk)
    asked.ask(storage, asked.read(request["text"], release), disks, release, efi)
    found = {name: table(disk, request["disks"][name]["sector_size"]) for name, disk in disks.items()}
    groups = [{"vg_name": group.name, "vg_extent_size": int(group.pe_size), "vg_extent_count": int(group.extents),
               "vg_free_count": int(group.free_extents), "vg_size": int(group.size)} for group in storage.vgs]
    volumes = [{"vg_name": volume.vg.name, "lv_name": volume.lvname, "lv_size": int(volume.size), "type": holds(volume)}
               for volume in storage.lvs]
    arrays = [{"name": array.name, "level": str(array.level.name), "size": int(array.size), "type": holds(array),
               "members": sorted(member.path for member in array.members)} for array in storage.mdarrays]
    return {"disks": found, "vg": groups, "lv": volumes, "md": arrays}


def main():
    """Until the end of the input. Each request has a process of its own, for libparted remembers its disks."""
    for line in sys.stdin:
        if os.fork():
            os.wait()
            continue
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
