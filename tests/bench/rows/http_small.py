"""Small answers over HTTP, beside nginx."""

from kit import sites
from rows import http_large as large

TITLE = "HTTP, 2 kB of a tree, HEAD, range of 1 kB"
GOAL = "at least 1.0x nginx"
RANGE = "50000000-50000999"


def run(lab, rows, args):
    tree = large.files(lab)
    asks = lambda name, **more: large.asks(lab, tree, name, 16, 2.5, **more)
    rows.turns("2 kB", large.servers(lab, tree, "small"), asks("small"))
    both = large.servers(lab, tree, "big")[:2]
    rows.turns("HEAD", both, asks("big", method="HEAD"))
    rows.turns("range of 1 kB", both, asks("big", range=RANGE))
    # A program of another project asks as well, and must agree.
    for start in large.servers(lab, tree, "small")[:2]:
        server = start()
        if server is None:
            continue
        try:
            text = lab.from_client([lab.peer("wrk"), "-t", "1", "-c", "16", "-d", "3",
                                    f"http://{sites.ADDRESS}{large.path(server, 'small')}"])
        finally:
            server.stop()
        said = [line.strip() for line in text.splitlines() if "Requests/sec" in line or "Non-2xx" in line or "errors" in line]
        rows.notes[f"wrk, 2 kB, {server.name}"] = "; ".join(said)


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    ratios = {case: rows.ratio(case) for case in rows.samples}
    return min(ratios.values()) >= 1.0, ", ".join(f"{case}: {ratio:.2f}x" for case, ratio in ratios.items())
