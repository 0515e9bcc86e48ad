"""TFTP block by block."""

from rows import tftp

TITLE = "TFTP, lock step, 1 and 200 clients"
GOAL = "at least 1.1x the best peer"
FILE = "undionly.kpxe"


def run(lab, rows, args):
    for clients, each in ((1, 300), (200, 8)):
        rows.turns(f"{clients} clients", tftp.servers(lab, 1, FILE), tftp.transfers(lab, 1, clients, each, name=FILE))


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    ratios = {case: rows.ratio(case) for case in rows.samples}
    return min(ratios.values()) >= 1.1, ", ".join(f"{case}: {ratio:.2f}x" for case, ratio in ratios.items())
