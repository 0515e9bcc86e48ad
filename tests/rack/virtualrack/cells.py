"""The cells of the storage matrix: one node on one disk with one firmware and one release, asked of rackstart."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from virtualrack.daemon import binary
from virtualrack.node import COMPUTE_SECTORS, CONTROLLER_SECTORS, paper
from virtualrack.site import site_file
from virtualrack.waiting import Stalled

ROLES = {"controller": "controller", "compute": "compute2", "gateway": "compute1"}
RELEASES = ("6.3", "6.10", "7", "8", "9", "10")
PREPARATION = r"(?ms)^# rackstart: preparation$(.*?)^# rackstart: end of preparation$\n"
PARTS = ("images", "stand-in")  # of an install tree, beside its `.treeinfo`
DISKS = {"os250": COMPUTE_SECTORS, "os80": CONTROLLER_SECTORS}


@dataclass
class Cell:
    """One thing to execute. `slots` maps a disk slot to the key of a disk of the workbench."""

    title: str
    release: tuple
    efi: bool
    slots: dict
    site: str  # path of a site file
    node: str
    refused: list = field(default_factory=list)  # rackstart's words about layouts that do not fit
    layout: str = ""  # text of a layout that is not the blueprint's

    def plan(self):
        """What rackstart predicts."""
        return json.loads(rackstart(self.site, "plan", "--json", self.node).stdout)

    def storage(self, names):
        """The storage section for these kernel names; with several disks, those of the site file's rules."""
        words = ["--disk", names[self.slots["os"]]] if list(self.slots) == ["os"] else []
        return rackstart(self.site, "render", self.node, "storage", *words).stdout

    def preparation(self, text):
        """The commands that %pre runs before the installer looks at the disks, with the functions of %pre itself."""
        found = re.search(PREPARATION, text)
        if not found:
            return ""
        whole = rackstart(self.site, "render", self.node, "kickstart", "--as-served").stdout
        functions = re.search(r"(?ms)^# make_table DISK.*?^# ask_permit", whole).group(0)
        value = re.search(r"(?ms)^value\(\) \{$.*?^\}$", whole).group(0)
        return ('set -u\nroot=\nsay() { echo "$1"; }\ngive_up() { echo "$1" >&2; exit 1; }\n'
                f"{value}\n{functions}\n{found.group(1)}\nexit 0\n")

    def commands(self, text):
        """What the installer reads of a storage section: %pre keeps its own part out of it."""
        return re.sub(PREPARATION, "", text)


def rackstart(site, *words, fails=False):
    """One rackstart command with this site file."""
    done = subprocess.run([binary(), "-c", site, *words], capture_output=True, text=True)
    if not fails and done.returncode != 0:
        raise Stalled(f"rackstart -c {site} {' '.join(words)}: exit {done.returncode}\n{done.stderr}{done.stdout}")
    return done


def write_site(path, nodes, tree):
    """A site file from the one that `rackstart init` writes, with these nodes."""
    example = rackstart(os.devnull, "init", "--output", "-").stdout
    directory = os.path.dirname(path)
    with open(path, "w") as file:
        file.write(site_file(example, nodes, tree=tree, state=f"{directory}/state", socket=f"{directory}/socket"))
    return path


def linked(source, target):
    """The same file under another name; a copy where that is another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def tree_of(directory, tree, release, family="CentOS"):
    """The rack's install tree under another name and number: `.treeinfo` is what rackstart and the stand-in go by."""
    path = f"{directory}/tree-{release}"
    if not same_files(tree, path):
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        for name in PARTS:
            # Not by a symbolic link: one that leads out of a tree is not served.
            shutil.copytree(f"{tree}/{name}", f"{path}/{name}", copy_function=linked)
    with open(f"{tree}/.treeinfo") as old, open(f"{path}/.treeinfo", "w") as new:
        text = re.sub(r"(?m)^family = .*$", f"family = {family}", old.read())
        new.write(re.sub(r"(?m)^version = .*$", f"version = {release}", text))
    return path


def same_files(tree, path):
    """Whether a copy from an earlier run is still one: the tree may have been built anew since."""
    def stamps(top):
        return {os.path.join(place, name).removeprefix(top): (seen.st_size, seen.st_mtime_ns)
                for part in PARTS for place, _, names in os.walk(f"{top}/{part}")
                for name in names for seen in [os.stat(os.path.join(place, name))]}

    return stamps(tree) == stamps(path)


def blueprint_cell(directory, tree, role, release, firmware, disk):
    """A role of the blueprint as shipped: the paper's layout where rackstart says that it fits exactly, else `grow`."""
    refused = []
    for layout in ("paper", "grow"):
        nodes = paper(firmware)
        for node in nodes:
            node.layout, node.release = "grow", release
            if node.name == ROLES[role]:
                node.layout, node.sectors = layout, DISKS[disk]
        site = write_site(f"{directory}/{role}-{release}-{firmware}-{disk}.toml", nodes, tree_of(directory, tree, release))
        done = rackstart(site, "check", fails=True)
        if done.returncode == 0:
            size = f"{DISKS[disk] * 512 / 1e9:.0f} GB"
            title = f"{role} {release} {firmware} {size} {layout}"
            parts = tuple(int(part) for part in release.split("."))
            return Cell(title, (*parts, 0)[:2], firmware == "uefi", {"os": disk}, site, ROLES[role], refused)
        refused.append(f"{layout}: {done.stderr or done.stdout}")
    raise Stalled(f"{role} {release} {firmware} {disk}: no layout fits\n" + "\n".join(refused))


def blueprint_cells(directory, tree, quick=False):
    """All of them, or a few that still have every role, release, firmware, label and disk."""
    full = [(role, release, firmware, disk) for disk in DISKS for release in RELEASES
            for firmware in ("bios", "uefi") for role in ROLES]
    few = [("compute", "6.3", "bios", "os250"), ("controller", "6.3", "bios", "os80"), ("compute", "6.10", "bios", "os250"),
           ("controller", "6.10", "bios", "os80"), ("gateway", "7", "bios", "os80"), ("controller", "7", "uefi", "os250"),
           ("compute", "8", "uefi", "os250"), ("gateway", "9", "bios", "os250"), ("controller", "9", "uefi", "os80"),
           ("compute", "10", "bios", "os250"), ("controller", "10", "bios", "os80"), ("gateway", "10", "uefi", "os80")]
    return [blueprint_cell(directory, tree, *one) for one in (few if quick else full)]
