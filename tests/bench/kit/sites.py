"""Site files of any size: every role, two firmwares, the releases in turn, several disk rules."""

import os

ADDRESS, RELAY, PREFIX = "10.47.255.254", "10.47.255.1", 12
RELEASES = ["6.3", "6.10", "7", "8", "9", "10"]

HEAD = """\
[site]
name = "large"
blueprint = "essex"
release = "6.10"
install_tree = "tree-6.10"
layout = "grow"

[server]
interface = "eth0"
address = "%s"
state = "%s/state"
socket = "%s/socket"
ntp = "off"
dns = false
syslog = false

[network]
subnet = "10.32.0.0/12"
router = "10.47.255.1"
dns = ["10.47.255.254"]
ntp = ["10.47.255.254"]
relays = ["10.47.255.1"]

[access]
ssh_keys = ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ%s operator"]
"""

NODE = """
[[node]]
name = "{name}"
role = "{role}"
address = "{address}"
firmware = "{firmware}"
release = "{release}"
install_tree = "tree-{release}"
kernel_args = "console=ttyS0,115200"
disk = {{ {disk} }}
nics = [
  {{ name = "eth0", mac = "{other}", network = "{outside}" }},
  {{ name = "eth1", mac = "{mac}", network = "lan" }},
]
"""


def mac(number):
    """The card of the n-th node, from 0, that boots; perfdhcp counts in the same way."""
    return "02:10:%02x:%02x:%02x:%02x" % tuple((number >> shift) & 255 for shift in (24, 16, 8, 0))


def address(number):
    """The address of the n-th node. They follow each other without a gap: load generators count from the first one."""
    number += 1
    return "10.%d.%d.%d" % (32 + (number >> 16), number >> 8 & 255, number & 255)


def write(folder, count):
    """Writes the site file and its install trees below a folder; returns the file. The list of nodes is beside it."""
    os.makedirs(folder, exist_ok=True)
    trees = os.path.join(folder, "trees")
    text = [HEAD % (ADDRESS, folder, folder, "C7" * 60)]
    for release in RELEASES:
        tree = os.path.join(trees, release)
        os.makedirs(os.path.join(tree, "images/pxeboot"), exist_ok=True)
        with open(os.path.join(tree, ".treeinfo"), "w") as file:
            file.write("[general]\nfamily = CentOS\nversion = %s\n" % release)
        for name in ("vmlinuz", "initrd.img"):
            open(os.path.join(tree, "images/pxeboot", name), "w").close()
        text.append('\n[[install_tree]]\nname = "tree-%s"\npath = "%s"\n' % (release, tree))
    for number in range(count):
        role = {0: "gateway", 1: "controller"}.get(number, "compute")
        disk = [
            'name = "sda", size = "250 GB"',
            'serial = "WD-%06d", size = "1 TB"' % number,
            'wwn = "0x5000c500%08x", min_size = "300 GiB", max_size = "1 TB"' % number,
        ][number % 3]
        text.append(NODE.format(
            name="node%d" % number, role=role, address=address(number),
            firmware="uefi" if number % 4 == 0 else "bios", release=RELEASES[number % len(RELEASES)], disk=disk,
            mac=mac(number), other=mac(number).replace("02:10", "02:11", 1),
            outside="public" if number == 0 else "none"))
    path = os.path.join(folder, "rackstart.toml")
    with open(path, "w") as file:
        file.write("".join(text))
    with open(os.path.join(folder, "nodes"), "w") as file:
        file.writelines("%s %s\n" % (mac(number), address(number)) for number in range(count))
    return path
