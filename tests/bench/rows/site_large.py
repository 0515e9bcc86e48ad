"""Ten times the large site."""

from rows import site

TITLE = "check, plan, first start, second start, reload of one node at 100,000"
GOAL = "10 s each, 1 GiB; no packet lost"
NODES = 100_000


def run(lab, rows, args):
    rows.rounds = 1 if rows.rounds < 5 else 3
    site.measure(lab, rows, NODES)


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    return site.judge(rows, 10.0, 1024)
