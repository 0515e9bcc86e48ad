"""Runs in the blivet guest: execute storage sections with blivet, the library that Anaconda uses.

The requests and answers are those of tests/rack/installer/standin/execute.py, on the same virtio serial port.
"""

import glob
import json
import os
import subprocess
import time
import traceback

os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"

import asked  # noqa: E402
import blivet  # noqa: E402
import blivet.arch  # noqa: E402
from standin import readout  # noqa: E402


def execute(text, release, efi):
    """From clearpart to the last mkfs."""
    handler = asked.read(text, release)
    blivet.arch.is_efi = lambda: efi  # this guest itself starts by BIOS
    storage = blivet.Blivet()
    only = list(handler.ignoredisk.onlyuse)
    storage.exclusive_disks = only
    storage.reset()
    disks = {disk.name: disk for disk in storage.disks if not only or disk.name in only}
    asked.ask(storage, handler, disks, release, efi)
    storage.do_it()


def answer(request):
    """One request."""
    began = time.monotonic()
    if request["op"] == "disks":
        found = {}
        for path in glob.glob("/sys/block/sd*") + glob.glob("/sys/block/nvme*n*"):
            name = path.rsplit("/", 1)[1]
            place, header = (f"{path}/device/serial", 0) if name.startswith("nvme") else (f"{path}/device/vpd_pg80", 4)
            with open(place, "rb") as page, open(f"{path}/size") as size:
                with open(f"{path}/queue/logical_block_size") as block:
                    found[name] = {"serial": page.read()[header:].decode().strip(), "bytes": int(size.read()) * 512,
                                   "sector_size": int(block.read())}
        return found
    if request["op"] == "storage":
        try:
            if request.get("preparation"):
                done = subprocess.run(["bash", "-c", request["preparation"]], capture_output=True, text=True)
                if done.returncode != 0:
                    raise RuntimeError(f"the preparation failed: {done.stdout}{done.stderr}")
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
        for array in readout.arrays():
            subprocess.run(["mdadm", "--stop", f"/dev/{array['name']}"], capture_output=True)
        for disk in request["disks"]:
            subprocess.run(["blkdiscard", "-f", f"/dev/{disk}"], capture_output=True)
            subprocess.run(["blockdev", "--rereadpt", f"/dev/{disk}"], capture_output=True)
        subprocess.run(["udevadm", "settle"])
        return {}
    done = subprocess.run(["bash", "-c", request["command"]], capture_output=True, text=True)
    return {"status": done.returncode, "output": done.stdout + done.stderr}


def main():
    """Answer until the host pulls the plug."""
    with open("/proc/sys/dev/raid/speed_limit_max", "w") as limit:
        limit.write("1")  # a mirror of two blank halves need not be copied
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
