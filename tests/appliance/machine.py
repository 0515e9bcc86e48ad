"""The virtual machine that the appliance runs on."""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import zlib

from virtualrack.qmp import qmp
from virtualrack.waiting import Stalled

OVMF = "/usr/share/OVMF"
STATE_MIB = 1024


class Machine:
    """`firmware` is bios, uefi or secure; the image is a `dvd` beside a disk with the state, or a `usb` stick."""

    def __init__(self, folder, firmware, medium, memory=768, tap="appliance"):
        self.folder, self.firmware, self.medium, self.memory, self.tap = folder, firmware, medium, memory, tap
        self.image, self.disk = f"{folder}/image.raw", f"{folder}/state.raw"
        self.serial = f"{folder}/serial.log"
        self.process, self.powered_on, self.seen = None, 0, 0
        self.disks = []  # further disks: (file, serial)

    def insert(self, image, state=None):
        """The image on a new stick, which is larger, or as a DVD with a disk for the state. `state` is a folder with what
        lies there already; without one a stick is as it was written, and the appliance makes the partition.
        """
        subprocess.run(["cp", "--sparse=always", image, self.image], check=True)
        if self.medium == "usb":
            os.truncate(self.image, os.path.getsize(image) // (1 << 20) * (1 << 20) + ((STATE_MIB + 2) << 20))
            if state is None:
                return
            subprocess.run(["sfdisk", "--quiet", "--append", "--wipe", "never", self.image], input="type=83\n", text=True, check=True)
        with open(self.disk, "wb") as disk:
            disk.truncate(STATE_MIB << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "RACKSTART", *(["-d", state] if state else []), self.disk], check=True)
        if self.medium == "usb":
            start = self.third()["start"] * 512
            with open(self.disk, "rb") as part, open(self.image, "r+b") as stick:
                stick.seek(start)
                while piece := part.read(1 << 22):
                    stick.write(piece) if piece.strip(b"\0") else stick.seek(len(piece), os.SEEK_CUR)
            os.unlink(self.disk)
        else:
            self.disks.append((self.disk, "STATE-1"))

    def third(self):
        """The state's partition on the stick."""
        table = subprocess.run(["sfdisk", "--json", self.image], check=True, capture_output=True, text=True).stdout
        return json.loads(table)["partitiontable"]["partitions"][2]

    def command(self):
        secure = self.firmware == "secure"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "tcg,thread=multi,tb-size=256",
            "-cpu", "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt", "-m", str(self.memory), "-display", "none", "-vga", "std",
            "-chardev", f"socket,id=line,path={self.folder}/line,server=on,wait=off,logfile={self.serial},logappend=on",
            "-serial", "chardev:line", "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
            "-machine", "pc" if self.firmware == "bios" else ("q35,smm=on" if secure else "q35"),
            "-netdev", f"tap,id=net0,ifname={self.tap},script=no,downscript=no",
            "-device", "virtio-net-pci,netdev=net0,mac=52:54:00:aa:00:fe,romfile=",
            "-device", "qemu-xhci,id=usb", "-boot", "strict=on",
        ]
        if self.firmware != "bios":
            kind = ".ms" if secure else ""
            if not os.path.exists(f"{self.folder}/vars.fd"):
                shutil.copyfile(f"{OVMF}/OVMF_VARS_4M{kind}.fd", f"{self.folder}/vars.fd")
            if secure:
                command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
            command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M{kind}.fd",
                        "-drive", f"if=pflash,unit=1,format=raw,file={self.folder}/vars.fd"]
        if self.medium == "usb":
            command += ["-drive", f"if=none,id=stick,file={self.image},format=raw,cache=writeback",
                        "-device", "usb-storage,bus=usb.0,drive=stick,bootindex=1,removable=on,serial=STICK-1"]
        else:
            command += ["-drive", f"if=none,id=dvd,file={self.image},format=raw,readonly=on,media=cdrom",
                        "-device", ("ide-cd,bus=ide.0" if self.firmware == "bios" else "ide-cd,bus=ide.2") + ",drive=dvd,bootindex=1"]
        for number, (file, serial) in enumerate(self.disks):
            command += ["-drive", f"if=none,id=disk{number},file={file},format=raw,cache=writeback",
                        "-device", f"virtio-blk-pci,drive=disk{number},serial={serial}"]
        return command

    def power_on(self):
        for name in ("line", "qmp"):
            if os.path.exists(f"{self.folder}/{name}"):
                os.unlink(f"{self.folder}/{name}")
        open(self.serial, "a").close()
        self.seen = os.path.getsize(self.serial)
        with open(f"{self.folder}/qemu.log", "a") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.powered_on = time.monotonic()

    def power_off(self):
        """Pulls the plug."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def power_cycle(self):
        self.power_off()
        self.power_on()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def uptime(self):
        return time.monotonic() - self.powered_on

    def processor(self):
        """Seconds of a processor that the machine took since power-on, which other work on the host does not lengthen."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def text(self):
        """What the serial line said since power-on, without the moves of the cursor."""
        with open(self.serial, "rb") as log:
            log.seek(self.seen)
            text = log.read().decode(errors="replace").replace("\r", "")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-B0]", "", text)

    def tail(self, lines=30):
        return "\n" + "\n".join(self.text().splitlines()[-lines:])

    def wait(self, pattern, seconds):
        end = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.text())
            if match:
                return match
            if not self.running():
                with open(f"{self.folder}/qemu.log") as log:
                    raise Stalled(f"the machine went off while waiting for {pattern!r}: {log.read()[-500:]}")
            if time.monotonic() > end:
                raise Stalled(f"waited {seconds} s for {pattern!r}")
            time.sleep(0.1)

    def type(self, text):
        """Keys on the serial line."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(f"{self.folder}/line")
            for letter in text:
                line.sendall(letter.encode())
                time.sleep(0.05)
            time.sleep(0.5)

    def screenshot(self, path):
        """The picture on the screen as PNG; QEMU writes the older PPM."""
        ppm = f"{self.folder}/screen.ppm"
        qmp(f"{self.folder}/qmp", "screendump", filename=ppm)
        with open(ppm, "rb") as file:
            data = file.read()
        width, height = map(int, data.split(b"\n", 2)[1].split())
        pixels = data[-width * height * 3:]
        rows = b"".join(b"\0" + pixels[row * width * 3:(row + 1) * width * 3] for row in range(height))

        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        with open(path, "wb") as png:
            png.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                      + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))

    def read_state(self, folder):
        """A copy of what is on the state's partition, after its journal was replayed as a start would."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        disk = self.disk
        if self.medium == "usb":
            third = self.third()
            disk = f"{self.folder}/third.raw"
            with open(self.image, "rb") as image, open(disk, "wb") as part:
                image.seek(third["start"] * 512)
                left = third["size"] * 512
                while left:
                    piece = image.read(min(left, 1 << 22))
                    part.write(piece) if piece.strip(b"\0") else part.seek(len(piece), os.SEEK_CUR)
                    left -= len(piece)
                part.truncate(third["size"] * 512)
        subprocess.run(["e2fsck", "-p", disk], check=False, capture_output=True)
        subprocess.run(["debugfs", "-R", f"rdump / {folder}", disk], check=True, capture_output=True)
