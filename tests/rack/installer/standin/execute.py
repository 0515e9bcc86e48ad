"""Instead of installing: execute many storage sections, one after the other, on blank disks.

With "execute" on the kernel command line the stand-in takes one JSON request per line from the virtio serial port
`rack.execute` and gives one JSON line back. The placement and the commands are those of an installation.

    {"op": "disks"}                                   kernel name -> serial number, bytes, sector size
    {"op": "storage", "release": [6, 10], "efi": false, "text": "..", "disks": ["sda"], "preparation": ".."}
                                                      execute a storage section, read the disks back
    {"op": "read", "disks": ["sda"]}                  read the disks
    {"op": "blank", "disks": ["sda"]}                 every disk as it came from the factory
    {"op": "pre", "url": "http://.."}                 fetch a kickstart and run its %pre; its log and the storage section
    {"op": "sh", "command": ".."}                     a command, for what a test wants to be on a disk before
"""

import fcntl
import glob
import json
import os
import re
import subprocess
import time

from pykickstart.constants import KS_SCRIPT_PRE
from pykickstart.errors import KickstartError

from standin import kickstart, readout, scripts
from standin.console import Stop, run, say
from standin.storage import Storage, disks, sector_size

BLKDISCARD, BLKRRPART = 0x1277, 0x125F  # linux/fs.h


def port():
    """The serial port of that name; nothing names it for us, there is no udev."""
    for path in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(path) as name:
            if name.read().strip() == "rack.execute":
                return "/dev/" + path.split("/")[4]
    raise Stop("there is no virtio serial port rack.execute")


def serial_of(disk):
    """The serial number that QEMU was told."""
    for path in (f"/sys/block/{disk}/serial", f"/sys/block/{disk}/device/serial"):
        if os.path.exists(path):
            with open(path) as text:
                return text.read().strip()
    path = f"/sys/block/{disk}/device/vpd_pg80"
    if os.path.exists(path):
        with open(path, "rb") as page:
            return page.read()[4:].decode(errors="replace").strip()
    return ""


def op_disks():
    return {name: {"serial": serial_of(name), "bytes": sectors * 512, "sector_size": sector_size(name)}
            for name, sectors in disks().items()}


def op_storage(release, efi, text, disks, preparation=""):
    """What %pre prepares, then the commands of one section; what Anaconda would say when it cannot is the answer's "error"."""
    path = "/tmp/storage.ks"
    with open(path, "w") as file:
        file.write(text)
    began = time.monotonic()
    if preparation:
        done = op_sh(preparation)
        if done["status"] != 0:
            return {"error": f"the preparation failed: {done['output']}", "seconds": time.monotonic() - began}
    try:
        handler = kickstart.parse(path, tuple(release))
        storage = Storage(handler, tuple(release), efi)
        storage.execute()
    except (Stop, KickstartError) as error:
        return {"error": str(error), "seconds": time.monotonic() - began}
    made = time.monotonic() - began
    mounts = [[each.mountpoint, os.path.realpath(each.device), each.kind] for each in storage.filesystems]
    return {**op_read(disks), "mounts": mounts, "seconds": made, "read_seconds": time.monotonic() - began - made}


def op_read(disks):
    return readout.read(disks)


def op_blank(disks):
    """Let go of everything on these disks and give the space back: the rack's files read as zeros again."""
    subprocess.run(["vgchange", "-q", "-an"], capture_output=True)
    for array in readout.arrays():
        if any(re.match(rf"/dev/{disk}(p?\d+)?$", member) for disk in disks for member in array["members"]):
            run("mdadm", "--stop", f"/dev/{array['name']}")
    for disk in disks:
        node = os.open(f"/dev/{disk}", os.O_RDWR)
        try:
            with open(f"/sys/block/{disk}/size") as size:
                fcntl.ioctl(node, BLKDISCARD, bytes(8) + (int(size.read()) * 512).to_bytes(8, "little"))
            fcntl.ioctl(node, BLKRRPART)
        finally:
            os.close(node)
    for path in glob.glob("/dev/mapper/*"):
        if not path.endswith("/control") and not os.path.exists(os.path.realpath(path)):
            os.unlink(path)
    return {}


def op_pre(url):
    """The real %pre. Its waiting is cut short, and instead of restarting the machine it ends."""
    os.makedirs("/stub", exist_ok=True)
    for name, text in (("sleep", "exit 0"), ("reboot", "kill -KILL $PPID")):
        with open(f"/stub/{name}", "w") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(f"/stub/{name}", 0o755)
    path, storage = "/tmp/ks.cfg", "/tmp/rackstart-storage.ks"
    for old in glob.glob("/tmp/ks-script-*") + glob.glob(storage + "*"):
        os.unlink(old)
    before = os.environ["PATH"]
    os.environ["PATH"] = "/stub:" + before
    try:
        kickstart.fetch(url, [], path)
        scripts.run_all(kickstart.pre_scripts(path, 6), KS_SCRIPT_PRE)
    except Stop as error:
        return {"error": str(error)}
    finally:
        os.environ["PATH"] = before
    log = ""
    for name in sorted(glob.glob("/tmp/*.log")):
        with open(name, errors="replace") as text:
            log += text.read()
        os.unlink(name)
    text = None
    if os.path.exists(storage):
        with open(storage) as file:
            text = file.read()
    return {"log": log, "storage": text}


def op_sh(command):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return {"status": done.returncode, "output": done.stdout + done.stderr}


OPERATIONS = {"disks": op_disks, "storage": op_storage, "read": op_read, "blank": op_blank, "pre": op_pre, "sh": op_sh}


def main():
    """Answer until the host closes the line."""
    with open(port(), "r+b", buffering=0) as line:
        say("execute: ready")
        text = b""
        while True:
            piece = line.read(65536)
            if not piece:
                time.sleep(0.02)
                continue
            text += piece
            while b"\n" in text:
                one, text = text.split(b"\n", 1)
                request = json.loads(one)
                try:
                    answer = OPERATIONS[request.pop("op")](**request)
                except Exception as error:
                    answer = {"broken": f"{type(error).__name__}: {error}"}
                rest = json.dumps(answer).encode() + b"\n"
                while rest:
                    rest = rest[line.write(rest) :]  # the port takes 32 KiB at a time


if __name__ == "__main__":
    main()
