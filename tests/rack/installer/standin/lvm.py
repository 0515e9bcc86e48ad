"""Volume groups and logical volumes of a kickstart."""

import re

from standin import filesystem
from standin.console import Stop, run, say
from standin.filesystem import KEEP, FileSystem


def deactivate():
    """Let go of every active logical volume so that its disk can be cleared."""
    run("vgchange", "-q", "-an")


def safe_name(name, release):
    """EL6.4 to EL6.10 drop a dash from a new name without a word (safeLvmName); 6.3 and EL7+ keep it."""
    if release[0] == 6 and release >= (6, 4):
        return re.sub(r"[^0-9a-zA-Z._]", "", name)
    return name


def mapper_node(group, volume):
    """Device-mapper doubles each dash of a name."""
    return f"/dev/mapper/{group.replace('-', '--')}-{volume.replace('-', '--')}"


def type_on(node):
    """The file system that stays is mounted as what it is: `--noformat` goes without `--fstype`."""
    return run("blkid", "-p", "-o", "value", "-s", "TYPE", node).strip()


def build(handler, physical, release):
    """Make all groups and volumes; returns the file system of each volume."""
    made = []
    for group in handler.volgroup.vgList:
        name = safe_name(group.vgname, release) if not group.preexist else group.vgname
        if not group.preexist:
            _new_group(name, group, physical)
        elif name not in run("vgs", "--noheadings", "-o", "vg_name").split():
            raise Stop(f"volgroup {name} --useexisting: there is no such group")
        volumes = [v for v in handler.logvol.lvList if v.vgname == group.vgname]
        for volume in volumes:
            made.append(_volume(name, volume, volumes, release))
    return made


def _new_group(name, group, physical):
    existing = run("vgs", "--noheadings", "-o", "vg_name").split()
    if name in existing:
        raise Stop(f"The volume group name {name} is already in use")
    missing = [pv for pv in group.physvols if pv not in physical]
    if missing:
        raise Stop(f"volgroup {group.vgname} uses {' '.join(missing)}, which no part line makes")
    nodes = [physical[pv][0] for pv in group.physvols]
    # Kickstart gives KiB. pesize 0 is "as the library likes", 4 MiB.
    extent = int(group.pesize or 0) // 1024 or 4
    run("pvcreate", "-q", "-ff", "-y", *nodes)
    run("vgcreate", "-q", "-s", f"{extent}m", name, *nodes)
    report = run("vgs", "--noheadings", "--units", "m", "--nosuffix", "-o", "vg_size", name)
    say(f"{name}: {float(report):.0f} MiB in extents of {extent} MiB")


def _volume(group, volume, siblings, release):
    name = safe_name(volume.name, release)
    node = mapper_node(group, name)
    fstype = "swap" if volume.mountpoint == "swap" else (volume.fstype or "ext4")
    if volume.preexist or not volume.format:
        run("lvchange", "-q", "-ay", f"{group}/{name}")
        if not volume.format:
            return FileSystem(volume.mountpoint, node, type_on(node), KEEP)
        return filesystem.of_command(volume, volume.mountpoint, node, fstype)
    report = run("vgs", "--noheadings", "--units", "m", "--nosuffix", "-o", "vg_free,vg_extent_size", group)
    free, extent = (float(word) for word in report.split())
    size = int(volume.size or 0)
    if volume.percent:
        size = int(free * int(volume.percent) / 100)
    size = int(-(-size // extent) * extent)  # Anaconda rounds a volume up to whole extents
    if volume.grow:
        later = sum(int(v.size or 0) for v in siblings[siblings.index(volume) + 1 :])
        size = int((free - later) // extent * extent)
        if volume.maxSizeMB:
            size = min(size, int(volume.maxSizeMB))
    if size > free:
        raise Stop(f"{volume.mountpoint}: new lv is too large to fit in free space ({size} of {free:.0f} MiB)")
    run("lvcreate", "-q", "-y", "-Wy", "-L", f"{size}m", "-n", name, group)
    say(f"{group}/{name}: {size} MiB for {volume.mountpoint}")
    return filesystem.of_command(volume, volume.mountpoint, node, fstype)
