"""Runs in the blivet guest: execute storage sections with blivet, the library that Anaconda uses.

The requests and answers are those of tests/rack/installer/standin/execute.py, on the same virtio serial port. Nothing
of the stand-in's placement is used: order, alignment, growth and LVM sizes are blivet's own. What Anaconda adds to
blivet is written here after its kickstart code: label, boot weights, --onpart, VG and LV requests.
"""

import glob
import json
import os
import re
import subprocess
import time
import traceback

os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"

import blivet  # noqa: E402
import blivet.arch  # noqa: E402
from blivet.devicelibs.lvm import LVM_PE_SIZE  # noqa: E402
from blivet.formats import get_format  # noqa: E402
from blivet.formats.disklabel import DiskLabel  # noqa: E402
from blivet.partitioning import do_partitioning, grow_lvm  # noqa: E402
from blivet.size import Size  # noqa: E402
from pykickstart.parser import KickstartParser  # noqa: E402
from pykickstart.version import makeVersion  # noqa: E402
from standin import readout  # noqa: E402


def mib(number):
    """A size of so many MiB."""
    return Size(f"{int(number)} MiB")


def weight(mountpoint, fstype):
    """Anaconda's platform weights for a PC: what the firmware or the boot loader reads comes first."""
    if fstype in ("efi", "biosboot"):
        return 5000
    return 2000 if mountpoint == "/boot" else 0


def execute(text, release, efi):
    """From clearpart to the last mkfs."""
    with open("/tmp/storage.ks", "w") as file:
        file.write(text)
    handler = makeVersion(f"RHEL{release[0]}")
    KickstartParser(handler).readKickstart("/tmp/storage.ks")
    blivet.arch.is_efi = lambda: efi  # this guest itself starts by BIOS
    storage = blivet.Blivet()
    only = list(handler.ignoredisk.onlyuse)
    storage.exclusive_disks = only
    storage.reset()
    disks = {disk.name: disk for disk in storage.disks if not only or disk.name in only}
    label = getattr(handler.clearpart, "disklabel", "") or ""
    label = {"mbr": "msdos", "": "gpt" if efi or release[0] >= 10 else "msdos"}.get(label, label)
    DiskLabel.set_default_label_type(label)
    for name in handler.clearpart.drives if handler.clearpart.type else []:
        storage.recursive_remove(disks[name])
        storage.initialize_disk(disks[name])
    physical = {}
    for part in handler.partition.partitions:
        place_one(storage, disks, part, physical)
    do_partitioning(storage)
    volumes = {}
    for group in handler.volgroup.vgList:
        extent = Size(f"{int(group.pesize)} KiB") if group.pesize else LVM_PE_SIZE
        name = group.vgname
        if release[0] == 6 and tuple(release) >= (6, 4):
            name = re.sub(r"[^0-9a-zA-Z._]", "", name)  # safeLvmName of EL6.4 and later
        device = storage.new_vg(name=name, parents=[physical[pv] for pv in group.physvols], pe_size=extent)
        storage.create_device(device)
        volumes[group.vgname] = device
    for volume in handler.logvol.lvList:
        swap = volume.mountpoint == "swap"
        request = storage.new_lv(
            name=volume.name, parents=[volumes[volume.vgname]], size=mib(volume.size or 0), grow=bool(volume.grow),
            maxsize=mib(volume.maxSizeMB) if volume.maxSizeMB else None,
            fmt_type="swap" if swap else volume.fstype, mountpoint=None if swap else volume.mountpoint)
        storage.create_device(request)
    grow_lvm(storage)
    storage.do_it()


def place_one(storage, disks, part, physical):
    """One `part` line."""
    fstype = "lvmpv" if part.mountpoint.startswith("pv.") else "swap" if part.mountpoint == "swap" else part.fstype
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
    if fstype == "lvmpv":
        physical[part.mountpoint] = device


def answer(request):
    """One request."""
    began = time.monotonic()
    if request["op"] == "disks":
        found = {}
        for path in glob.glob("/sys/block/sd*"):
            name = path.rsplit("/", 1)[1]
            with open(f"{path}/device/vpd_pg80", "rb") as page, open(f"{path}/size") as size:
                with open(f"{path}/queue/logical_block_size") as block:
                    found[name] = {"serial": page.read()[4:].decode().strip(), "bytes": int(size.read()) * 512,
                                   "sector_size": int(block.read())}
        return found
    if request["op"] == "storage":
        try:
            execute(request["text"], request["release"], request["efi"])
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}", "seconds": time.monotonic() - began,
                    "traceback": traceback.format_exc()}
        made = time.monotonic() - began
        subprocess.run(["vgchange", "-q", "-ay"], capture_output=True)
        subprocess.run(["udevadm", "settle"])
        return {**readout.read(request["disks"]), "seconds": made, "read_seconds": time.monotonic() - began - made}
    if request["op"] == "blank":
        subprocess.run(["vgchange", "-q", "-an"], capture_output=True)
        for disk in request["disks"]:
            subprocess.run(["blkdiscard", "-f", f"/dev/{disk}"], capture_output=True)
            subprocess.run(["blockdev", "--rereadpt", f"/dev/{disk}"], capture_output=True)
        subprocess.run(["udevadm", "settle"])
        return {}
    done = subprocess.run(["bash", "-c", request["command"]], capture_output=True, text=True)
    return {"status": done.returncode, "output": done.stdout + done.stderr}


def main():
    """Answer until the host pulls the plug."""
    path = next(p for p in glob.glob("/sys/class/virtio-ports/*/name") if open(p).read().strip() == "rack.execute")
    with open("/dev/" + path.split("/")[4], "r+b", buffering=0) as line:
        with open("/dev/ttyS0", "w") as serial:
            serial.write(f"blivet {blivet.__version__}: execute: ready\r\n")
        text = b""
        while True:
            piece = line.read(65536)
            if not piece:
                time.sleep(0.05)
                continue
            text += piece
            while b"\n" in text:
                one, text = text.split(b"\n", 1)
                try:
                    reply = answer(json.loads(one))
                except Exception:
                    reply = {"broken": traceback.format_exc()}
                rest = json.dumps(reply).encode() + b"\n"
                while rest:
                    rest = rest[line.write(rest) :]  # the port takes 32 KiB at a time


if __name__ == "__main__":
    main()
