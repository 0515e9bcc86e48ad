"""rackstart itself, with a site file for the cloud's nodes."""

import hashlib
import json
import os
import subprocess

from cloudlab import ceph
from cloudlab.machine import LAN, OUTSIDE, SERVER
from cloudlab.shell import Failed, Hopeless, wait_for

# What a machine of two cores and a kernel without modules asks for.
VARIABLES = {"datapath": "netdev", "virt_type": "qemu", "api_processes": "1", "database_memory": "64M", "reserved_memory": "256", "tenant_network": "vxlan",
             "ceph_monitors": ceph.ADDRESS, "ceph_pool": ceph.POOL, "ceph_user": ceph.ACCOUNT}


def binary(checkout):
    """The program under test: $RACKSTART, else the release build, else the debug build."""
    for path in (os.environ.get("RACKSTART"), f"{checkout}/target/release/rackstart", f"{checkout}/target/debug/rackstart"):
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise Failed("rackstart is not built; run: make release")


class Daemon:
    """`rackstart serve` on the LAN's bridge."""

    def __init__(self, checkout, place, machines, values=None):
        self.values = {**VARIABLES, **(values or {})}
        self.program, self.place, self.process = binary(checkout), place, None
        self.config = f"{place}/rackstart.toml"
        os.makedirs(f"{place}/tree/images/pxeboot", exist_ok=True)
        for name in ("vmlinuz", "initrd.img"):
            with open(f"{place}/tree/images/pxeboot/{name}", "wb") as file:
                file.write(bytes(300_000))
        with open(f"{place}/tree/.treeinfo", "w") as file:
            file.write("[general]\nfamily = CentOS Stream\nversion = 9\n")
        image = b"an image of the site file".ljust(1 << 20, b"\0")
        with open(f"{place}/site.img", "wb") as file:
            file.write(image)
        self.image = hashlib.sha256(image).hexdigest()
        with open(self.config, "w") as file:
            file.write(self.text(machines))
        checked = self.cli("check")
        if checked.returncode:
            raise Failed(f"rackstart check refuses {self.config}:\n{checked.stdout}{checked.stderr}")

    def text(self, machines):
        """The site file."""
        templates = os.environ.get("RACKSTART_TEMPLATES")
        lines = ["[site]", 'name = "cloud"', 'blueprint = "epoxy"', 'release = "9"', 'install_tree = "el9"',
                 *([f'templates = "{templates}"'] if templates else []),
                 "[server]", f'interface = "{LAN}"', f'address = "{SERVER}"', f'state = "{self.place}/state"',
                 f'socket = "{self.place}/socket"', 'ntp = "off"', "syslog = false",
                 "[network]", 'subnet = "192.168.0.0/24"', 'router = "192.168.0.1"', f'dns = ["{SERVER}"]', "ntp = []",
                 "[access]", "ssh_keys = []",
                 "[[install_tree]]", 'name = "el9"', f'path = "{self.place}/tree"',
                 "[[image]]", 'name = "site"', f'path = "{self.place}/site.img"', f'sha256 = "{self.image}"', 'format = "raw"',
                 "[variables]", *(f'{name} = "{value}"' for name, value in self.values.items())]
        for machine in machines:
            cards = ", ".join(
                f'{{ name = "{card.name}", mac = "{card.mac}", network = "{self.network(card)}"'
                + (f', address = "{card.address}", gateway = "203.0.113.1"' if card.bridge == OUTSIDE else "") + " }"
                for card in machine.cards)
            lines += ["[[node]]", f'name = "{machine.name}"', f'role = "{machine.role}"', f'address = "{machine.address}"',
                      'disk = { name = "sda", sectors = 488397168 }', f"nics = [{cards}]",
                      *(['keep = ["vg_gluster"]'] if machine.role == "compute" else [])]
        return "\n".join(lines) + "\n"

    @staticmethod
    def network(card):
        """What the site file calls the network of a card."""
        return {LAN: "lan", OUTSIDE: "public"}.get(card.bridge, "none")

    def cli(self, *words, seconds=300):
        """One command with this site file."""
        return subprocess.run([self.program, "-c", self.config, *words], capture_output=True, text=True, timeout=seconds)

    def give(self, name, value):
        """A password of the cloud that is somebody else's."""
        done = subprocess.run([self.program, "-c", self.config, "secrets", "set", name], input=value, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"rackstart secrets set {name}: exit {done.returncode}\n{done.stderr}")

    def says(self, *words):
        """The same for a command that must go well; what it prints."""
        done = self.cli(*words)
        if done.returncode:
            raise Failed(f"rackstart {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def start(self):
        """Serves, and answers on its socket."""
        with open(f"{self.place}/serve.log", "a") as log:
            self.process = subprocess.Popen([self.program, "-c", self.config, "serve"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def answers():
            if self.process.poll() is not None:
                with open(f"{self.place}/serve.log") as log:
                    raise Hopeless(f"rackstart serve ended: {log.read()[-3000:]}")
            return self.cli("status", "--json").returncode == 0

        wait_for("rackstart serve to answer", 300, answers, every=0.1)

    def nodes(self):
        """Node name -> what `status --json` says of it."""
        return {node["name"]: node for node in json.loads(self.says("status", "--json"))["nodes"]}

    def secret(self, name):
        """A password of the cloud."""
        return self.says("secrets", "show", name, "--reveal").strip()
