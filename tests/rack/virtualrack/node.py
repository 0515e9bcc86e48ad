"""What one virtual server is made of."""

import uuid
from dataclasses import dataclass, field

# Exact sector counts of the paper's machines: 80 GB and 250 GB.
CONTROLLER_SECTORS = 156301488
COMPUTE_SECTORS = 488397168


@dataclass
class Nic:
    """One network card. `network` is a bridge of the rack: prov, public, or none (no cable)."""

    name: str
    mac: str
    network: str = "prov"
    boot: bool = False


@dataclass
class Node:
    """One server: firmware, disk, cards. `role` and `address` only go into the site file."""

    name: str
    role: str
    address: str
    sectors: int
    nics: list
    firmware: str = "bios"
    memory: int = 768  # MiB
    serial: str = ""
    layout: str = ""  # empty: the layout of the whole site
    release: str = ""  # empty: the release of the whole site
    disk_rule: str = ""  # lines of the site file; empty: sda with this many sectors
    disks: list = field(default_factory=list)  # sectors of further disks: sdb, sdc
    bus: str = "scsi"  # of all its disks; or nvme

    def __post_init__(self):
        self.serial = self.serial or f"RACK-{self.name.upper()}"
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.boot_nic.mac))

    @property
    def boot_nic(self):
        """The card that the firmware boots from; its MAC address is the node's key."""
        return next(nic for nic in self.nics if nic.boot)


def paper(firmware="bios"):
    """The five servers of the paper: a controller, a gateway that computes too, three compute nodes."""
    nodes = [
        Node("controller", "controller", "192.168.0.5", CONTROLLER_SECTORS,
             [Nic("eth0", "52:54:00:a8:05:00", "prov", True)], firmware),
    ]
    for number in range(1, 5):
        nodes.append(
            Node(f"compute{number}", "gateway" if number == 1 else "compute", f"192.168.0.{number}", COMPUTE_SECTORS,
                 [Nic("eth0", f"52:54:00:a8:0{number}:00", "public" if number == 1 else "none"),
                  Nic("eth1", f"52:54:00:a8:0{number}:01", "prov", True)], firmware))
    return nodes
