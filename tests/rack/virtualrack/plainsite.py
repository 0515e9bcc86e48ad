"""A site of plain servers: what `rackstart init --plain` writes, edited as docs/plain.md shows."""

import os
from dataclasses import dataclass

from virtualrack.node import Nic, Node

SECTORS = 240_000_000
# What the install trees of a release are called, and its number.
FAMILIES = {"7": "CentOS", "8": "Rocky Linux", "9": "Rocky Linux", "10": "AlmaLinux"}
OWN = {
    "kickstart/snippets/post.sh.j2": "echo {{ node }} >/etc/own-hook\n",
    "templates/firstboot/steps/50-lab-all/01-greeting.sh": """# shellcheck shell=bash
check() {
  printf 'this is %s\\n' "$NODE" | file_is "$ROOT/etc/own-step"
}

apply() {
  printf 'this is %s\\n' "$NODE" | write_file "$ROOT/etc/own-step" 0644
}

verify() {
  check
}
""",
}
# Beside `grow` of the blueprint and `data` of the role `database`.
LAYOUTS = """
[layout.locked]
partitions = [
  { efi_system = true, size = 600 },
  { mount = "/boot", file_system = "xfs", size = 1024 },
  { volume_group = "vg_locked", at_least = 12292 },
]
[[layout.locked.volume_group]]
name = "vg_locked"
encrypted = true
logical_volumes = [
  { name = "lv_root", at_least = 8192, file_system = "xfs", mount = "/", mkfs_options = "-i size=1024" },
  { name = "lv_swap", size = 4096, file_system = "swap" },
]

[layout.twofold]
mirror = ["os", "os2"]
partitions = [
  { efi_system = true, size = 600 },
  { mount = "/boot", file_system = "xfs", size = 1024 },
  { volume_group = "vg_twofold", at_least = 12292 },
]
[[layout.twofold.volume_group]]
name = "vg_twofold"
logical_volumes = [
  { name = "lv_root", at_least = 8192, file_system = "xfs", mount = "/", mount_options = "noatime" },
  { name = "lv_swap", size = 4096, file_system = "swap" },
]

"""


@dataclass
class Servers:
    """The servers of one run. `plain` is the first, `data` keeps a volume group; the others are there from six on."""

    all: list
    plain: Node
    data: Node
    locked: Node = None
    twofold: Node = None


def servers(count):
    """So many servers, at least two; every disk is found by the serial of its NVMe drive."""
    nodes = []
    for number in range(1, count + 1):
        node = Node(f"srv{number}", "", f"192.168.0.{10 + number}", SECTORS,
                    [Nic("eth0", f"52:54:00:00:00:{number:02x}", "prov", True)], "uefi", bus="nvme")
        node.disk_rule = f"disk = {drive(node, 0)}"
        nodes.append(node)
    found = Servers(nodes, nodes[0], nodes[-1])
    found.data.role = "database"
    found.data.disk_rule += '\nkeep = ["vg_data"]'
    if count >= 6:
        found.locked, found.twofold = nodes[1], nodes[2]
        found.locked.layout = "locked"
        found.twofold.layout = "twofold"
        found.twofold.disks = [SECTORS]
        found.twofold.disk_rule = f"disks = {{ os = {drive(found.twofold, 0)}, os2 = {drive(found.twofold, 1)} }}"
    return found


def drive(node, number):
    """The rule for one drive."""
    return f'{{ serial = "{node.serial}-{number}", bus = "nvme", sectors = {SECTORS} }}'


def own_templates(folder):
    """A hook and a step, as docs/plain.md shows them."""
    for name, text in OWN.items():
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
    return folder


def editing(release, templates):
    """Returns what an operator does to the head of the file."""
    def edit(text):
        text = text.replace('release = "9"', f'release = "{release.split(".")[0]}"', 1)
        # The small tree has no PostgreSQL.
        text = text.replace('packages = ["postgresql-server"]\n', "")
        return text.replace("[site]\n", f'[site]\ntemplates = "{templates}"\n', 1) + LAYOUTS

    return edit
