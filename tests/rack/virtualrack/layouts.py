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
    ("mirrored system", MIRROR, {"os": "os250", "os2": "twin250", "brick": "os80"}, ("6.10 bios", "7 bios", "7 uefi", "8 bios", "9 uefi", "10 bios", "10 uefi")),
    ("brick over two disks", SPAN, {"os": "os250", "brick": "twin250"}, ("6.10 bios", "9 uefi", "10 bios")),
    ("4096-byte sectors", ONE_DISK, {"os": "native4k"}, ("6.10 uefi", "7 uefi", "9 uefi", "10 uefi")),
    ("4096-byte sectors of the brick", OWN_BRICK, {"os": "os80", "brick": "native4k"}, ("6.10 bios", "9 bios", "10 bios")),
    ("more than 2 TiB", ONE_DISK, {"os": "big4000"}, ("6.10 uefi", "7 uefi", "9 bios", "9 uefi", "10 bios")),
    ("more than 2 TiB for the brick", OWN_BRICK, {"os": "os80", "brick": "big4000"}, ("6.10 bios", "8 bios", "10 bios")),
    ("NVMe", ONE_DISK, {"os": "nvme250"}, ("6.10 bios", "8 uefi", "10 bios", "10 uefi")),
    ("extended of exactly 28792", EXACT_EXTENDED, {"os": "os250"}, ("6.3 bios", "6.10 bios", "9 bios")),
)
# Special cells that `--quick` executes too.
QUICK = {"brick on its own disk 9 bios", "mirrored system 6.10 bios", "4096-byte sectors 9 uefi", "NVMe 10 uefi",
         "extended of exactly 28792 6.10 bios"}


def rule(key, disks=DISKS, names=NAMES):
    """The disk rule for one disk of the workbench."""
    disk = next(disk for disk in disks if disk.key == key)
    size = f", sector_size = {disk.sector_size}" if disk.sector_size != 512 else ""
    return f'{{ name = "{names[key]}", sectors = {disk.bytes // disk.sector_size}{size} }}'


def own_cell(directory, tree, title, text, slots, release, firmware, disks=DISKS, names=NAMES):
    """One cell; `refused` has rackstart's words when it does not want this layout."""
    nodes = paper()
    for node in nodes:
        node.layout, node.release = "grow", release
        if node.name == NODE:
            node.layout, node.firmware = "own", firmware
            node.disk_rule = "disks = { " + ", ".join(f"{slot} = {rule(key, disks, names)}" for slot, key in slots.items()) + " }"
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


def special_cells(directory, tree, only=None):
    """Every layout of SPECIAL on its releases; what rackstart refuses comes back as a cell with `refused`."""
    cells = []
    for words, text, slots, places in SPECIAL:
        for place in places:
            release, firmware = place.split()
            title = f"{words} {release} {firmware}"
            if only is None or title in only:
                cells.append(own_cell(directory, tree, title, text, slots, release, firmware))
    return cells


def odd_disks(seed, count=3):
    """Disks of no known model: any number of sectors, now and then of 4096 bytes."""
    dice = random.Random(f"disks {seed}")
    for number in range(count):
        sectors = int(10 ** dice.uniform(7.6, 9.9))  # 20 GB to 4 TB
        size = 4096 if number == 2 else 512
        yield BlankDisk(f"odd{number}", sectors * 512 // size * size, sector_size=size)


def with_odd_disks(seed):
    """The disks of a workbench for random layouts, and their names."""
    odd = list(odd_disks(seed))
    letters = iter("fghi")  # the NVMe disk takes no letter
    return DISKS + odd, NAMES | {disk.key: f"sd{next(letters)}" for disk in odd}


def random_layout(dice, disks, release, firmware):
    """One to five groups of up to three volumes, plain file systems, some growing, in any order; text and slots."""
    large = {disk.key: disk.bytes for disk in disks}
    choices = [key for key in large if key != "native4k" and (key != "odd2" or firmware == "uefi")]
    if release.startswith("6") and firmware == "bios":
        choices = [key for key in choices if large[key] < 2 << 40]
    slots = {"os": dice.choice(choices)}
    others = [key for key in large if key != slots["os"]]
    dice.shuffle(others)
    for name, chance in (("brick", 0.35), ("more", 0.15)):
        if dice.random() < chance:
            slots[name] = others.pop()
    more = ""
    if dice.random() < 0.15:
        slots["twin"] = "twin250" if slots["os"] != "twin250" else "os250"
        slots = {name: key for name, key in slots.items() if name == "twin" or key != slots["twin"]}
        more += 'mirror = ["os", "twin"]\n'
    elif dice.random() < 0.3 and not release.startswith("6"):
        more += f'label = "{dice.choice(["gpt", "gpt" if firmware == "uefi" else "msdos"])}"\n'
    places = [name for name in slots if name != "twin"]
    rows, text, same = [random_boot(dice, release)], "", dice.randint(9000, 12000)
    for number in range(dice.randint(1, 5)):
        name = "vg_base" if number == 0 else dice.choice(["vg_", "vg-", "data-"]) + f"{number}x"
        disk = "os" if number == 0 else dice.choice(places)
        row, group = random_group(dice, number, name, same)
        on = f', disk = "{disk}"' if disk != "os" else ""
        rows.append(f'  {{ volume_group = "{name}", {row}{on} }},\n')
        text += group
    for number in range(dice.choice([0, 0, 0, 1, 2])):
        size, system = dice.randint(400, 5000), dice.choice(["ext4", "xfs"])
        rows.append(f'  {{ mount = "/plain{number}", file_system = "{system}", size = {size}, disk = "{dice.choice(places)}" }},\n')
    if dice.random() < 0.7:
        first, rest = rows[:1], rows[1:]
        dice.shuffle(rest)
        rows = first + rest
    else:
        dice.shuffle(rows)
    used = {"os", "twin"} | {name for name in places if any(f'disk = "{name}"' in row for row in rows)}
    return layout(esp() + "".join(rows), text, more), {name: key for name, key in slots.items() if name in used}


def random_boot(dice, release):
    """The row of `/boot`."""
    system = "ext4" if release.startswith("6") else dice.choice(["ext4", "ext4", "xfs"])
    size = dice.choice([dice.randint(300, 1500), 500, 1024])
    return f'  {{ mount = "/boot", file_system = "{system}", size = {size} }},\n'


def random_group(dice, number, name, same):
    """The size of the partition of one group, and its text. Several groups of a layout may be equally large."""
    volumes, room = [], 0
    for index in range(1 if number == 0 else dice.randint(0, 3)):
        size = 4 * dice.choice([dice.randint(90, 400), dice.randint(700, 1500)])
        mount = "/" if number == 0 else f"/srv/{number}/{index}"
        system = "ext4" if number == 0 else dice.choice(["ext4", "xfs"])
        key = "at_least" if dice.random() < 0.2 else "size"
        volumes.append(f'{{ name = "lv_{number}_{index}", {key} = {size}, file_system = "{system}", mount = "{mount}" }}')
        room += size
    if number == 0:
        volumes.append('{ name = "lv_swap", size = 1024, file_system = "swap" }')
        room += 1024
    text = f'[[role.compute.layout.own.volume_group]]\nname = "{name}"\nlogical_volumes = [{", ".join(volumes)}]\n'
    if dice.random() < 0.3:
        return f"at_least = {room + 140}", text
    spare = dice.choice([1, 2, 3, 4, 5, 100, 140, 1003])
    return f"size = {max(same if dice.random() < 0.2 else 8, room + spare)}", text


def random_cells(directory, tree, seed, count):
    """`count` random layouts that rackstart accepts; returns (cells, how many it refused on the way)."""
    dice, cells, refused = random.Random(seed), [], 0
    disks, names = with_odd_disks(seed)
    while len(cells) < count:
        release, firmware = dice.choice(["6.3", "6.10", "7", "8", "9", "10"]), dice.choice(["bios", "bios", "uefi"])
        text, slots = random_layout(dice, disks, release, firmware)
        title = f"random {seed}/{len(cells) + refused} {release} {firmware} on {' and '.join(slots.values())}"
        cell = own_cell(directory, tree, title.replace("/", "-"), text, slots, release, firmware, disks, names)
        if cell.refused:
            refused += 1
            os.unlink(cell.site)
            if refused > 20 * count:
                raise Stalled(f"rackstart takes hardly any random layout; the last words: {cell.refused[0]}")
        else:
            cells.append(cell)
    return cells, refused
