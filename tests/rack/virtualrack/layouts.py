"""Cells beyond the blueprint: several disks, mirrors, 4096-byte sectors, more than 2 TiB, NVMe, and random layouts.

All are layouts of the operator's own for the role `compute`, written into the site file.
"""

import os
import random

from virtualrack.cells import Cell, rackstart, tree_of, write_site
from virtualrack.node import COMPUTE_SECTORS, CONTROLLER_SECTORS, paper
from virtualrack.waiting import Stalled
from virtualrack.workbench import BlankDisk

NODE = "compute2"
LARGE = 7814037168  # sectors of a 4 TB disk
DISKS = [
    BlankDisk("os250", COMPUTE_SECTORS * 512), BlankDisk("os80", CONTROLLER_SECTORS * 512),
    BlankDisk("twin250", COMPUTE_SECTORS * 512), BlankDisk("big4000", LARGE * 512),
    BlankDisk("native4k", COMPUTE_SECTORS * 512, sector_size=4096), BlankDisk("nvme250", COMPUTE_SECTORS * 512, "nvme"),
]
NAMES = {"os250": "sda", "os80": "sdb", "twin250": "sdc", "big4000": "sdd", "native4k": "sde", "nvme250": "nvme0n1"}

BASE = """  {{ mount = "/boot", file_system = "ext4", size = 1024{disk} }},
  {{ volume_group = "vg_base", size = 21000{disk} }},
"""
GROUPS = """
[[role.compute.layout.own.volume_group]]
name = "vg_base"
logical_volumes = [
  { name = "lv_root", size = 10000, file_system = "ext4", mount = "/" },
  { name = "lv_swap", size = 6000, file_system = "swap" },
  { name = "lv_home", size = 4996, file_system = "ext4", mount = "/home" },
]
[[role.compute.layout.own.volume_group]]
name = "vg_gluster"
logical_volumes = [{ name = "lv_gluster", at_least = 2048, file_system = "xfs", mount = "/export/gluster" }]
"""


def layout(rows, groups=GROUPS, more=""):
    """The text of one layout."""
    return f"\n[role.compute.layout.own]\n{more}partitions = [\n{rows}]\n{groups}\n"


def esp(disk=""):
    """The row of an EFI system partition; it is for UEFI nodes only, others leave it out by themselves."""
    return f"  {{ efi_system = true, size = 600{disk} }},\n"


BRICK = '  { volume_group = "vg_gluster", at_least = 2052 },\n'
ONE_DISK = layout(esp() + BASE.format(disk="") + BRICK)
OWN_BRICK = layout(esp() + BASE.format(disk="") + '  { volume_group = "vg_gluster", at_least = 2052, disk = "brick" },\n')
MIRROR = layout(esp() + BASE.format(disk="").replace("21000", "21200") + '  { volume_group = "vg_gluster", at_least = 2052, disk = "brick" },\n',
                more='mirror = ["os", "os2"]\n')
SPAN = layout(esp() + BASE.format(disk="") + BRICK + '  { volume_group = "vg_gluster", at_least = 2052, disk = "brick" },\n',
              GROUPS.replace('name = "vg_gluster"\n', 'name = "vg_gluster"\nspans = true\n'))
EXACT_EXTENDED = layout(
    '  { mount = "/boot", file_system = "ext4", size = 500 },\n  { volume_group = "vg_base", size = 21000 },\n'
    '  { volume_group = "vg_gluster", size = 30000 },\n  { volume_group = "vg_data", size = 28791 },\n',
    GROUPS.replace("at_least = 2048", "size = 29996") + '[[role.compute.layout.own.volume_group]]\nname = "vg_data"\n'
    'logical_volumes = [{ name = "lv_data", size = 28788, file_system = "ext4", mount = "/data" }]\n', "extended = 28792\n")

SPECIAL = (
    ("brick on its own disk", OWN_BRICK, {"os": "os80", "brick": "os250"}, ("6.3 bios", "6.10 bios", "7 uefi", "9 bios", "10 uefi")),
    ("mirrored system", MIRROR, {"os": "os250", "os2": "twin250", "brick": "os80"}, ("6.10 bios", "7 bios", "9 uefi", "10 bios")),
    ("brick over two disks", SPAN, {"os": "os250", "brick": "twin250"}, ("6.10 bios", "9 uefi", "10 bios")),
    ("4096-byte sectors", ONE_DISK, {"os": "native4k"}, ("6.10 uefi", "7 uefi", "9 uefi", "10 uefi")),
    ("4096-byte sectors of the brick", OWN_BRICK, {"os": "os80", "brick": "native4k"}, ("6.10 bios", "9 bios", "10 bios")),
    ("more than 2 TiB", ONE_DISK, {"os": "big4000"}, ("6.10 uefi", "7 uefi", "9 bios", "9 uefi", "10 bios")),
    ("more than 2 TiB for the brick", OWN_BRICK, {"os": "os80", "brick": "big4000"}, ("6.10 bios", "8 bios", "10 bios")),
    ("NVMe", ONE_DISK, {"os": "nvme250"}, ("6.10 bios", "8 uefi", "10 bios", "10 uefi")),
    ("extended of exactly 28792", EXACT_EXTENDED, {"os": "os250"}, ("6.3 bios", "6.10 bios", "9 bios")),
)


def rule(key):
    """The disk rule for one disk of the workbench."""
    disk = next(disk for disk in DISKS if disk.key == key)
    size = f", sector_size = {disk.sector_size}" if disk.sector_size != 512 else ""
    return f'{{ name = "{NAMES[key]}", sectors = {disk.bytes // disk.sector_size}{size} }}'


def own_cell(directory, tree, title, text, slots, release, firmware):
    """One cell; `refused` has rackstart's words when it does not want this layout."""
    nodes = paper()
    for node in nodes:
        node.layout, node.release = "grow", release
        if node.name == NODE:
            node.layout, node.firmware = "own", firmware
            node.disk_rule = "disks = { " + ", ".join(f"{slot} = {rule(key)}" for slot, key in slots.items()) + " }"
    path = f"{directory}/{title.replace(' ', '-')}.toml"
    write_site(path, nodes, tree_of(directory, tree, release))
    with open(path, "a") as site:
        site.write(text)
    parts = tuple(int(part) for part in release.split("."))
    cell = Cell(title, (*parts, 0)[:2], firmware == "uefi", slots, path, NODE, layout=text)
    done = rackstart(path, "check", fails=True)
    if done.returncode != 0:
        cell.refused.append(done.stderr or done.stdout)
    return cell


def special_cells(directory, tree):
    """Every layout of SPECIAL on its releases; what rackstart refuses comes back as a cell with `refused`."""
    cells = []
    for words, text, slots, places in SPECIAL:
        for place in places:
            release, firmware = place.split()
            cells.append(own_cell(directory, tree, f"{words} {release} {firmware}", text, slots, release, firmware))
    return cells


def random_layout(dice):
    """Two to five groups of one to three volumes, some growing, in any order; text and slots."""
    count, grower = dice.randint(2, 5), dice.randint(0, 5)
    slots = {"os": dice.choice(["os250", "os80", "nvme250"])}
    if dice.random() < 0.3:
        slots["brick"] = "twin250"
    rows = [f'  {{ mount = "/boot", file_system = "ext4", size = {dice.randint(300, 1500)} }},\n']
    text = ""
    for number in range(count):
        name = "vg_base" if number == 0 else dice.choice(["vg_", "vg-", "data-"]) + f"{number}x"
        volumes, room = [], 0
        for index in range(1 if number == 0 else dice.randint(0, 3)):
            size = 4 * dice.randint(700, 1500)
            mount = "/" if number == 0 else f"/srv/{number}/{index}"
            system = "ext4" if number == 0 else dice.choice(["ext4", "xfs"])
            volumes.append(f'{{ name = "lv_{number}_{index}", size = {size}, file_system = "{system}", mount = "{mount}" }}')
            room += size
        if number == 0:
            volumes.append('{ name = "lv_swap", size = 1024, file_system = "swap" }')
            room += 1024
        grows = number == grower
        size = f"at_least = {room + 8}" if grows else f"size = {room + dice.choice([1, 2, 3, 4, 5, 100, 1003])}"
        disk = ', disk = "brick"' if "brick" in slots and number == count - 1 else ""
        rows.append(f'  {{ volume_group = "{name}", {size}{disk} }},\n')
        text += f'[[role.compute.layout.own.volume_group]]\nname = "{name}"\nlogical_volumes = [{", ".join(volumes)}]\n'
    dice.shuffle(rows)
    if "brick" in slots and not any("brick" in row for row in rows):
        del slots["brick"]
    return layout(esp() + "".join(rows), text), slots


def random_cells(directory, tree, seed, count):
    """So many random layouts that rackstart takes; (cells, how many it refused on the way)."""
    dice, cells, refused = random.Random(seed), [], 0
    while len(cells) < count:
        text, slots = random_layout(dice)
        release, firmware = dice.choice(["6.3", "6.10", "7", "8", "9", "10"]), dice.choice(["bios", "bios", "uefi"])
        title = f"random {seed}/{len(cells) + refused} {release} {firmware} on {' and '.join(slots.values())}"
        cell = own_cell(directory, tree, title.replace("/", "-"), text, slots, release, firmware)
        if cell.refused:
            refused += 1
            os.unlink(cell.site)
            if refused > 20 * count:
                raise Stalled(f"rackstart takes hardly any random layout; the last words: {cell.refused[0]}")
        else:
            cells.append(cell)
    return cells, refused
