"""Which partition goes where: the order and the arithmetic of EL6's storage/partitioning.py.

Pure. Sectors of 512 bytes; sizes asked for are whole MiB. Written from the observed rules: requests are
sorted by weight before any is placed, the fourth on an msdos label becomes logical, every start is
aligned to 1 MiB, a logical partition leaves one MiB for its boot record. The first logical one leaves two,
unless some request of the disk grows: libparted counts the first track of an extended partition as taken,
so the free region starts behind the MiB that the extended starts at; after growing, Anaconda computes all
positions anew and goes by the extended partition itself. blivet does so to this day.
"""

from dataclasses import dataclass
from functools import cmp_to_key

MIB = 2048  # sectors


class TooSmall(Exception):
    """The requests do not fit."""


@dataclass
class Request:
    """One `part` line: what is asked, and after placing where it went."""

    name: str  # mount point or pv.NN
    size: int  # MiB
    fstype: str = ""
    disk: str = ""
    primary: bool = False
    grow: bool = False
    maximum: int = 0  # MiB, 0 is no limit
    number: int = 0
    start: int = 0  # first sector
    sectors: int = 0
    kind: str = ""  # primary or logical

    @property
    def weight(self):
        """Partitions that the firmware or the boot loader reads come first."""
        if self.fstype in ("efi", "biosboot") or self.name == "/boot/efi":
            return 5000
        return 2000 if self.name == "/boot" else 0


def _compare(one, two):
    """Negative when `one` is placed first. Later points are worth less than any earlier one."""

    def cmp(a, b):
        return (a > b) - (a < b)

    order = two.weight - one.weight
    order += 500 * cmp(bool(two.disk), bool(one.disk))
    order += 200 * cmp(two.primary, one.primary)
    order += 100 * cmp(one.grow, two.grow)
    order += 50 * cmp(two.size, one.size)
    if one.grow and two.grow:
        order += 25 * cmp(two.maximum or 1 << 60, one.maximum or 1 << 60)
    order += 10 * cmp(one.name, two.name)
    return cmp(order, 0)


@dataclass
class Layout:
    """The outcome for one disk."""

    label: str
    partitions: list
    extended: tuple = ()  # (number, first sector, sectors) on msdos when one was needed


def _usable_end(label, disk_sectors, sector_size):
    """First sector that may not be used. The backup GPT is 16 KiB of entries and one sector of header."""
    return disk_sectors - 32 - sector_size // 512 if label == "gpt" else disk_sectors


def place(requests, disk_sectors, label, sector_size=512):
    """Place all requests of one disk; raises TooSmall with the shortfall. All sectors here are 512 bytes."""
    ordered = sorted(requests, key=cmp_to_key(_compare))
    slots = 128 if label == "gpt" else 4
    end = _usable_end(label, disk_sectors, sector_size)
    sizes = _grow(ordered, end, label, slots)
    cursor, number, extended = MIB, 0, ()
    for position, request in enumerate(ordered):
        number += 1
        request.kind = "primary"
        if label == "msdos" and not extended and number == slots:
            # With one primary slot left, EL6 makes it the extended partition even for a last request.
            if request.primary:
                raise TooSmall(f"no primary partition is left for {request.name}")
            # Anaconda gives the extended partition the whole rest, not just what is asked for.
            extended = (number, cursor, end // MIB * MIB - cursor)
            number += 1
        if extended:
            request.kind = "logical"
            first = number == slots + 1
            cursor += 2 * MIB if first and not any(r.grow for r in requests) else MIB
        request.number, request.start, request.sectors = number, cursor, sizes[position]
        cursor += request.sectors
        if cursor > end:
            short = -((end - cursor) // MIB)
            raise TooSmall(f"not enough free space on disks for {request.name}: {short} MiB too little")
    return Layout(label, ordered, extended)


def _grow(ordered, end, label, slots):
    """Sizes in sectors after sharing the free rest among --grow requests, in proportion to their size."""
    sizes = [request.size * MIB for request in ordered]
    logical = max(0, len(ordered) - (slots - 1)) if label == "msdos" else 0
    free = end // MIB * MIB - MIB * (1 + logical) - sum(sizes)
    growing = [i for i, request in enumerate(ordered) if request.grow]
    while free >= MIB and growing:
        base = sum(ordered[i].size for i in growing)
        shares = {i: free * ordered[i].size // base // MIB * MIB for i in growing}
        if not any(shares.values()):
            shares[growing[0]] = free // MIB * MIB
        for i, share in shares.items():
            limit = ordered[i].maximum * MIB or 1 << 60
            taken = min(share, limit - sizes[i])
            sizes[i] += taken
            free -= taken
        growing = [i for i in growing if not ordered[i].maximum or sizes[i] < ordered[i].maximum * MIB]
    return sizes
