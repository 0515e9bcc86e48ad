"""One running (or switched-off) server: QEMU, its serial line, its power button, its agent."""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from virtualrack.waiting import Stalled, wait_moving

OVMF = "/usr/share/OVMF"
FAILURES = re.compile(r"stand-in (installer|target): FAILED: .*|Kernel panic.*|Traceback .*")


class Guest:
    """A node of the rack. Times are seconds since the last power-on."""

    def __init__(self, node, directory):
        self.node, self.directory = node, directory
        os.makedirs(directory, exist_ok=True)
        self.serial_log = f"{directory}/serial.log"
        self.process = None
        self.powered_on = None
        self._agent = None
        self._seen = 0
        self._make_disks()

    # ---- hardware

    def _make_disks(self):
        self.disks = []
        for number, sectors in enumerate([self.node.sectors] + self.node.disks):
            path = f"{self.directory}/sd{'abcdefgh'[number]}.raw"
            if not os.path.exists(path):
                with open(path, "wb") as disk:
                    disk.truncate(sectors * 512)  # sparse: takes no space until written
            self.disks.append(path)

    def _command(self):
        node, d = self.node, self.directory
        uefi = node.firmware == "uefi"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-name", node.name,
            # Never by the presence of /dev/kvm: it may open and still not run a guest.
            "-accel", "tcg,thread=multi,tb-size=256", "-cpu", os.environ.get("RACK_CPU", "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt"),
            "-machine", ("q35" if uefi else "pc") + ",graphics=off,usb=off,vmport=off",
            "-smp", "1", "-m", str(node.memory), "-display", "none", "-vga", "none",
            "-uuid", node.uuid, "-smbios", f"type=1,manufacturer=rackstart,product=virtual rack,serial={node.serial},uuid={node.uuid}",
            "-chardev", f"socket,id=serial,path={d}/console,server=on,wait=off,logfile={self.serial_log},logappend=on", "-serial", "chardev:serial",
            "-qmp", f"unix:{d}/qmp,server=on,wait=off",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={d}/agent,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=rack.agent",
            "-boot", "strict=on", "-device", "virtio-scsi-pci,id=scsi0",
        ]
        if uefi:
            if not os.path.exists(f"{d}/vars.fd"):
                shutil.copyfile(f"{OVMF}/OVMF_VARS_4M.fd", f"{d}/vars.fd")
            command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
                        "-drive", f"if=pflash,unit=1,format=raw,file={d}/vars.fd"]
        for number, nic in enumerate(node.nics):
            # Without a ROM a BIOS card cannot boot; OVMF brings its own driver and must not get one.
            boot = ",bootindex=1" if nic.boot else ""
            rom = "" if nic.boot and not uefi else ",romfile="
            if nic.network == "none":
                command += ["-netdev", f"hubport,id=net{number},hubid={number + 50}"]
            else:
                command += ["-netdev", f"tap,id=net{number},ifname={tap_name(node, number)},script=no,downscript=no"]
            command += ["-device", f"virtio-net-pci,netdev=net{number},mac={nic.mac}{boot}{rom}"]
        for number, path in enumerate(self.disks):
            boot = ",bootindex=2" if number == 0 else ""
            place = "nvme" if node.bus == "nvme" else f"scsi-hd,bus=scsi0.0,scsi-id={number}"
            command += ["-drive", f"if=none,id=disk{number},file={path},format=raw,cache=unsafe,discard=ignore",
                        "-device", f"{place},drive=disk{number},serial={node.serial}-{number}{boot}"]
        return command

    # ---- power

    def power_on(self):
        """Press the power button; the network is always first in the boot order, the disk second."""
        if self.running():
            raise RuntimeError(f"{self.node.name} is on already")
        for name in ("qmp", "agent", "console"):
            if os.path.exists(f"{self.directory}/{name}"):
                os.unlink(f"{self.directory}/{name}")
        self._mark("power on")
        with open(f"{self.directory}/qemu.log", "a") as log:
            self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.powered_on = time.monotonic()

    def power_off(self):
        """Pull the plug: nothing in the guest gets to know."""
        self._close_agent()
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def power_cycle(self):
        """Off and on again."""
        self.power_off()
        self.power_on()

    def reset(self):
        """The reset button."""
        self._close_agent()
        self._mark("reset")
        self.powered_on = time.monotonic()
        self.qmp("system_reset")

    def running(self):
        """Whether the machine has power."""
        return self.process is not None and self.process.poll() is None

    def uptime(self):
        """Seconds since power-on or reset."""
        return time.monotonic() - self.powered_on

    def qmp(self, command, **arguments):
        """One QMP command on a connection of its own."""
        reply = qmp(f"{self.directory}/qmp", command, **arguments)
        return reply.get("return", reply)

    def sign(self, disks=False):
        """Changes whenever the server says something; with `disks` also when it writes, as one that waits does too."""
        written = [os.stat(path).st_mtime_ns for path in self.disks] if disks else []
        return (os.path.getsize(self.serial_log), *written)

    # ---- serial line

    def _mark(self, what):
        with open(self.serial_log, "a") as log:
            log.write(f"\n---- rack: {what} ----\n")
        self._seen = os.path.getsize(self.serial_log)

    def text(self, since_power_on=True):
        """The serial log, by default only since the last power-on or reset."""
        with open(self.serial_log, "rb") as log:
            if since_power_on:
                log.seek(self._seen)
            return log.read().decode(errors="replace").replace("\r", "")

    def tail(self, lines=25):
        """The end of the serial log, for a report of failure."""
        return "\n".join(self.text(False).splitlines()[-lines:])

    def wait_serial(self, pattern, seconds):
        """Wait for a line on the serial console, until it has been silent for `seconds`; stops early when the stand-in
        says that it failed.
        """
        found = re.compile(pattern)

        def look():
            text = self.text()
            if match := found.search(text):
                return match
            if failure := FAILURES.search(text):
                raise Stalled(f"{self.node.name}: {failure.group(0)}\n{self.tail()}")
            if not self.running():
                raise Stalled(f"{self.node.name}: the machine went off\n{self.tail()}")
            return None

        try:
            # A slow machine is given its time; one that talks without an end is not.
            return wait_moving(f"{self.node.name}: {pattern!r} on the serial line", lambda: {"it": self.sign(disks=True)}, look,
                               quiet=seconds, longest=10 * seconds)
        except Stalled as error:
            if "\n" in str(error):
                raise
            raise Stalled(f"{error}\n{self.tail()}") from None

    def type(self, line):
        """Type one line on the console; what the server says goes into the serial log as ever."""
        with socket.socket(socket.AF_UNIX) as keyboard:
            keyboard.connect(f"{self.directory}/console")
            keyboard.sendall(f"{line}\n".encode())
            time.sleep(0.5)  # QEMU hands it on a byte at a time

    # ---- agent (only in the stand-in target)

    def run(self, command, seconds=300):
        """Run a shell command in the installed system; returns (exit status, output)."""
        end = time.monotonic() + seconds
        if self._agent is None:
            self._agent = socket.socket(socket.AF_UNIX)
            self._agent.connect(f"{self.directory}/agent")
            self._buffer = b""
        ident = f"c{time.monotonic_ns()}"
        self._agent.sendall(f"{ident} {base64.b64encode(command.encode()).decode()}\n".encode())
        while True:
            while b"\n" in self._buffer:
                line, self._buffer = self._buffer.split(b"\n", 1)
                words = line.decode(errors="replace").split()
                if len(words) >= 2 and words[0] == ident:
                    output = base64.b64decode(words[2]).decode(errors="replace") if len(words) > 2 else ""
                    return int(words[1]), output.rstrip("\n")
            left = end - time.monotonic()
            if left <= 0:
                self._close_agent()
                raise Stalled(f"{self.node.name}: no answer from the agent to {command!r} in {seconds} s")
            self._agent.settimeout(left)
            try:
                data = self._agent.recv(65536)
            except TimeoutError:
                continue
            if not data:
                self._close_agent()
                raise Stalled(f"{self.node.name}: the agent's line closed")
            self._buffer += data

    def _close_agent(self):
        if self._agent is not None:
            self._agent.close()
            self._agent = None


def tap_name(node, number):
    """At most 15 characters, unique in the rack."""
    return f"{node.name[:11]}-{number}"
