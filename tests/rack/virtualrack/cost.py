"""What the demo will take, said before it starts: time, disk, memory, beside what this machine has."""

import os
import shutil

from virtualrack.rack import build_directory

MINUTES = 7  # of five servers on two idle cores, from power-on to ready: 429 s on 2026-11-29
OVERHEAD = 350  # MiB that QEMU holds beside the memory of its guest: translated code and its own
DISK = 1000  # MiB that one installed server writes to its sparse disk
IMAGES = 1500  # MiB of images that tests/setup makes, once


def cost(nodes):
    """(MiB of memory, MiB of disk) of these servers."""
    return sum(node.memory + OVERHEAD for node in nodes), IMAGES + DISK * len(nodes)


def words(nodes):
    """The lines to print; the last ones are what this machine lacks."""
    memory, disk = cost(nodes)
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    folder = build_directory()
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free_disk, free_memory = shutil.disk_usage(folder).free >> 20, available()
    slower = max(1.0, 2 / cores) * max(1.0, (load + cores) / cores)
    lines = [
        f"the demo: {len(nodes)} virtual servers without hardware virtualisation, on this machine alone",
        f"  time    about {MINUTES * slower:.0f} minutes here ({cores} cores, load {load:.1f}); it ends by itself when nothing moves",
        f"  memory  {memory / 1024:.1f} GiB; {free_memory / 1024:.1f} GiB are available",
        f"  disk    up to {disk / 1024:.1f} GiB below {build_directory()}; {free_disk / 1024:.1f} GiB are free",
    ]
    lack = [name for name, need, have in (("memory", memory, free_memory), ("disk", disk, free_disk)) if have < need]
    if lack:
        lines.append(f'  there may be too little {" and ".join(lack)}: NODES="controller compute2" takes fewer servers')
    return lines


def available():
    """MiB of memory that programs may still have."""
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable"))
