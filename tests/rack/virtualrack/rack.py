"""The rack as a whole: switches, servers, and an inspector for their disks."""

import json
import os
import re
import shutil
import subprocess

from virtualrack import namespace
from virtualrack.guest import Guest, tap_name
from virtualrack.site import KERNEL_ARGS
from virtualrack.waiting import QUIET, Stalled, wait_moving

SERVER_ADDRESS = "192.168.0.254"
OUTSIDE_ADDRESS = "203.0.113.1"  # TEST-NET-3: the world beyond the gateway's eth0


def ip(*words):
    """Run ip(8); an error ends the run."""
    subprocess.run(["ip", *words], check=True)


class Rack:
    """Bridges `prov` and `public` in a namespace of their own, and the guests plugged into them."""

    def __init__(self, directory, tree=None):
        namespace.enter()
        self.directory = os.path.abspath(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.tree = tree or default_tree()
        self.guests = {}
        self._helpers = []
        ip("link", "set", "lo", "up")
        self._bridge("prov", f"{SERVER_ADDRESS}/24")
        self._bridge("public", f"{OUTSIDE_ADDRESS}/24")
        self._outside_dhcp()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Everything off. Disks and logs stay in the directory."""
        for guest in self.guests.values():
            guest.power_off()
        for helper in self._helpers:
            helper.kill()
            helper.wait()

    def _bridge(self, name, address):
        ip("link", "add", name, "type", "bridge", "forward_delay", "0", "stp_state", "0", "mcast_snooping", "0")
        ip("addr", "add", address, "dev", name)
        ip("link", "set", name, "up")

    def _outside_dhcp(self):
        path = f"{self.directory}/udhcpd.conf"
        with open(path, "w") as file:
            file.write(f"start 203.0.113.100\nend 203.0.113.120\ninterface public\noption subnet 255.255.255.0\n"
                       f"option router {OUTSIDE_ADDRESS}\noption lease 86400\n"
                       f"lease_file {self.directory}/udhcpd.leases\npidfile {self.directory}/udhcpd.pid\n")
        open(f"{self.directory}/udhcpd.leases", "a").close()
        with open(f"{self.directory}/udhcpd.log", "a") as log:
            self._helpers.append(subprocess.Popen(["busybox", "udhcpd", "-f", path], stdout=log, stderr=log))

    def add(self, node, fresh=True):
        """Put a server into the rack, by default with blank disks; it is off at first."""
        directory = f"{self.directory}/{node.name}"
        if fresh:
            shutil.rmtree(directory, ignore_errors=True)
        for number, nic in enumerate(node.nics):
            if nic.network != "none":
                tap = tap_name(node, number)
                ip("tuntap", "add", "dev", tap, "mode", "tap")
                ip("link", "set", tap, "master", nic.network, "up")
        self.guests[node.name] = Guest(node, directory)
        return self.guests[node.name]

    def inspect(self, names=None, seconds=QUIET):
        """Read the disks of switched-off servers in a small guest: the host may have no device-mapper.

        Returns node name -> what standin/inspect.py prints for its first disk.
        """
        names = list(names or self.guests)
        on = [name for name in names if self.guests[name].running()]
        if on:
            raise Stalled(f"switch off before inspecting: {', '.join(on)}")
        log = f"{self.directory}/inspect.log"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "tcg", "-machine", "pc,graphics=off",
            "-m", "768", "-display", "none", "-vga", "none", "-chardev", f"file,id=serial,path={log}",
            "-serial", "chardev:serial", "-kernel", f"{self.tree}/images/pxeboot/vmlinuz",
            "-initrd", f"{self.tree}/images/pxeboot/initrd.img", "-append",
            f"inspect {KERNEL_ARGS}", "-no-reboot", "-device", "virtio-scsi-pci,id=scsi0",
        ]
        for number, name in enumerate(names):
            disk = self.guests[name].disks[0]
            command += ["-drive", f"if=none,id=d{number},file={disk},format=raw,snapshot=on",
                        "-device", f"scsi-hd,drive=d{number},bus=scsi0.0,scsi-id={number}"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            said = lambda: {"it": os.path.getsize(log) if os.path.exists(log) else 0}  # noqa: E731
            wait_moving("the inspector", said, lambda: process.poll() is not None, quiet=seconds)
        finally:
            process.kill()
            process.wait()
        with open(log, errors="replace") as text:
            rows = [json.loads(m) for m in re.findall(r"stand-in installer: inspect (\{.*\})", text.read())]
        # Discovery order of the disks can differ from ours; their names cannot.
        by_letter = {row["disk"]: row for row in rows}
        result = {}
        for number, name in enumerate(names):
            row = by_letter.get(f"sd{'abcdefgh'[number]}")
            if row is None or "error" in row:
                raise Stalled(f"the inspector could not read the disk of {name}: {row}; see {log}")
            result[name] = row
        return result


def repository():
    """The repository's root."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def build_directory():
    """Where the rack keeps everything it makes."""
    return os.environ.get("RACK_BUILD") or f"{repository()}/build/rack"


def default_tree():
    """The small install tree that tree/build makes."""
    path = f"{build_directory()}/tree/centos6"
    if subprocess.run([f"{repository()}/tests/rack/tree/build", "--check"], stdout=subprocess.DEVNULL).returncode != 0:
        raise SystemExit("rack: there is no install tree yet, or what it is made of has changed since; run tests/rack/setup")
    return path
