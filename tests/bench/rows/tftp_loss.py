"""TFTP while every hundredth packet is lost."""

from rows import tftp

TITLE = "TFTP, 1 % loss"
GOAL = "p99 at most 0.15 s, none failed"


def run(lab, rows, args):
    rows.rounds = max(1, rows.rounds // 2)
    for window in (1, 16, 64):
        rows.turns(f"window {window}", tftp.servers(lab, window, null=False), tftp.transfers(lab, window, 20, 5, loses=100))


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    slow = {case: rows.median(case, "rackstart", "p99_ms") for case in rows.samples}
    peers = {case: rows.best(case, "p99_ms", highest=False) for case in rows.samples}
    failed = sum(rows.total(case, "rackstart", key) for case in rows.samples for key in ("lost", "refused", "wrong"))
    said = ", ".join(f"{case}: {slow[case]:.0f} ms ({peers[case][0]} {peers[case][1]:.0f})" for case in slow)
    return max(slow.values()) <= 150 and failed == 0, f"{said}; {failed} failed"
