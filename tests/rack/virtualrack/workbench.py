"""One small guest with blank disks in which storage sections are executed, many per boot.

It runs the stand-in installer's `execute` mode, or blivet (outside/guest.py), which understands the same requests;
tests/rack/installer/standin/execute.py lists them.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass

from virtualrack.site import KERNEL_ARGS
from virtualrack.waiting import Stalled, wait_until


@dataclass
class BlankDisk:
    """A disk of the workbench: how many bytes, which kind, which sector size. The key is its serial number."""

    key: str
    bytes: int
    bus: str = "scsi"  # scsi, nvme or virtio
    sector_size: int = 512


class Broken(Exception):
    """The guest could not do what it was asked; it goes on."""


class Workbench:
    """A running guest. `names` maps the key of each disk to its kernel name."""

    def __init__(self, directory, boot, disks, memory=640, root=None, tap=None):
        """`boot` is a directory with vmlinuz and initrd.img; `root` an image that the initramfs mounts from /dev/vda."""
        self.directory, self.disks = directory, disks
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        self.serial_log = f"{directory}/serial.log"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-name", "workbench",
            "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt",
            "-machine", "pc,graphics=off,usb=off,vmport=off", "-smp", "1", "-m", str(memory),
            "-display", "none", "-vga", "none", "-no-reboot",
            "-chardev", f"file,id=serial,path={self.serial_log}", "-serial", "chardev:serial",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=line,path={directory}/line,server=on,wait=off",
            "-device", "virtserialport,chardev=line,name=rack.execute", "-device", "virtio-scsi-pci,id=scsi0",
            "-kernel", f"{boot}/vmlinuz", "-initrd", f"{boot}/initrd.img",
            "-append", f"execute {KERNEL_ARGS}",
        ]
        if tap:
            command += ["-netdev", f"tap,id=net0,ifname={tap},script=no,downscript=no",
                        "-device", "virtio-net-pci,netdev=net0,romfile=",
                        # Of a card of the site file that this one has to have, too; it leads nowhere.
                        "-netdev", "hubport,id=net1,hubid=51", "-device", "virtio-net-pci,netdev=net1,romfile="]
        if root:
            command += ["-drive", f"if=none,id=root,file={root},format=raw,snapshot=on", "-device", "virtio-blk-pci,drive=root"]
        for number, disk in enumerate(disks):
            with open(self.path(disk.key), "wb") as file:
                file.truncate(disk.bytes)  # sparse: takes no space until written
            sectors = f"logical_block_size={disk.sector_size},physical_block_size={max(disk.sector_size, 512)}"
            device = {"scsi": f"scsi-hd,bus=scsi0.0,scsi-id={number}", "nvme": "nvme", "virtio": "virtio-blk-pci"}[disk.bus]
            command += ["-drive", f"if=none,id=d{number},file={self.path(disk.key)},format=raw,cache=unsafe,"
                        "discard=unmap,detect-zeroes=unmap",
                        "-device", f"{device},drive=d{number},serial={disk.key},{sectors}"]
        open(self.serial_log, "w").close()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=open(f"{directory}/qemu.log", "w"))
        self._line, self._buffer = None, b""

    def path(self, key):
        """The image of one disk."""
        return f"{self.directory}/{key}.raw"

    def __enter__(self):
        try:
            began = time.monotonic()
            wait_until("the workbench to start", 240, self._is_ready)
            self._line = socket.socket(socket.AF_UNIX)
            self._line.connect(f"{self.directory}/line")
            seen = self.request("disks")
            self.names = {about["serial"]: name for name, about in seen.items()}
            for disk in self.disks:
                about = seen.get(self.names.get(disk.key), {})
                if about.get("bytes") != disk.bytes or about.get("sector_size") != disk.sector_size:
                    raise Stalled(f"the workbench does not see the disk {disk.key} as it should be: {seen}")
            self.boot_seconds = time.monotonic() - began
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _is_ready(self):
        with open(self.serial_log, errors="replace") as log:
            text = log.read()
        if self.process.poll() is not None or "Traceback" in text or "panic" in text:
            raise Stalled("the workbench did not start:\n" + "\n".join(text.splitlines()[-20:]))
        return "execute: ready" in text

    def request(self, operation, seconds=180, **arguments):
        """One request, one answer."""
        self._line.sendall(json.dumps({"op": operation, **arguments}).encode() + b"\n")
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            self._line.settimeout(max(0.1, end - time.monotonic()))
            try:
                piece = self._line.recv(65536)
            except TimeoutError:
                piece = b""
            if not piece:
                raise Stalled(f"the workbench did not answer to {operation} in {seconds} s")
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        answer = json.loads(line)
        if "broken" in answer:
            raise Broken(f"the stand-in broke in {operation}: {answer['broken']}")
        return answer

    def shell(self, command, seconds=120):
        """A command in the guest that has to work; returns its output."""
        answer = self.request("sh", seconds, command=command)
        if answer["status"] != 0:
            raise Stalled(f"in the workbench: {command}: exit {answer['status']}: {answer['output']}")
        return answer["output"]

    def close(self):
        """Power off; the disks stay in the directory."""
        if self._line:
            self._line.close()
        self.process.kill()
        self.process.wait()
