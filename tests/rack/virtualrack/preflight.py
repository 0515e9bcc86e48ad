"""One guest that boots many times without restarting: it acts as a node up to the end of %pre, against the real daemon.

The firmware and the restart are left out: the guest of a `Workbench` takes a node's MAC address, asks rackstart by DHCP
and for its boot script, and runs the %pre of the kickstart that it is given.
"""

import hashlib
import os
import re
import time

from virtualrack.waiting import Stalled, wait_until

SERVER = "http://192.168.0.254"


def fingerprint(path):
    """SHA-256 of what is on a sparse image: every block that is not all zeros, with its place."""
    total, chunk = hashlib.sha256(), 65536
    zeros = bytes(chunk)
    with open(path, "rb", buffering=0) as image:
        end, at = os.fstat(image.fileno()).st_size, 0
        while at < end:
            try:
                data = os.lseek(image.fileno(), at, os.SEEK_DATA)
            except OSError:
                break  # nothing but a hole to the end
            stop = os.lseek(image.fileno(), data, os.SEEK_HOLE)
            # Where the file system keeps holes is its own affair: whole chunks, each once.
            at = max(data // chunk * chunk, at)
            while at < stop:
                block = os.pread(image.fileno(), chunk, at)
                if block != zeros[: len(block)]:
                    total.update(at.to_bytes(8, "big") + block)
                at += chunk
    return total.hexdigest()


class Preflight:
    """Boots one bench as different nodes."""

    def __init__(self, bench, daemon):
        self.bench, self.daemon = bench, daemon

    def fingerprints(self):
        """Every disk of the bench, after everything is written."""
        self.bench.shell("sync; for d in /sys/block/sd*; do blockdev --flushbufs /dev/${d##*/}; done")
        return {disk.key: fingerprint(self.bench.path(disk.key)) for disk in self.bench.disks}

    def boot(self, node):
        """Network boot as this node up to the end of %pre: {"log", "storage", "console", "script"}."""
        mac = node.boot_nic.mac
        others = [nic.mac for nic in node.nics if not nic.boot]
        self.bench.shell("; ".join(f"ip link set eth{n} address {other}" for n, other in enumerate(others, 1)) or ":")
        self.bench.shell(
            f"ip addr flush dev eth0; ip link set eth0 down; ip link set eth0 address {mac}; ip link set eth0 up; "
            "busybox udhcpc -i eth0 -s /usr/share/stand-in/udhcpc -f -q -n -t 10 -T 2")
        script = self.bench.shell(f"curl -sS -m 20 {SERVER}/boot/{mac.replace(':', '-')}")
        found = re.search(r"\bks=(\S+)", script)
        if not found:
            return {"log": "", "storage": None, "console": "", "script": script, "token": None}
        seen = os.path.getsize(self.bench.serial_log)
        answer = self.bench.request("pre", 300, url=found.group(1))
        if "error" in answer:
            raise Stalled(f"{node.name}: {answer['error']}")
        time.sleep(0.2)
        with open(self.bench.serial_log, "rb") as log:
            log.seek(seen)
            answer["console"] = log.read().decode(errors="replace").replace("\r", "")
        answer["script"], answer["token"] = script, found.group(1).rsplit("/", 1)[1]
        return answer

    def state(self, node):
        """What `rackstart status --json` says of the node, once its reports have arrived."""
        return wait_until(f"the state of {node.name}", 10, lambda: self.daemon.status().get(node.name))

    def arm(self, node, how="install", *words):
        """`rackstart install` or `rackstart reimage`, as the operator does."""
        # The rest of this rack is never powered on, so the copies of a brick that it should hold are not there.
        # Nor has the node a system that could be asked.
        force = ["--force", "--reason", "a rehearsal", "--no-drain", "a rehearsal"] if how == "reimage" else []
        done = self.daemon.cli(how, node.name, *words, *force)
        if done.returncode != 0:
            raise Stalled(f"rackstart {how} {node.name}: exit {done.returncode}\n{done.stderr}{done.stdout}")
        return done.stdout
