"""A file of 300 MB over HTTP, beside nginx with sendfile."""

import os

from kit import peers, sites

TITLE = "HTTP, 300 MB, 1 and 100 connections"
GOAL = "CPU per GB at most 0.75x nginx with sendfile, memory constant"
BIG, SMALL = 300_000_000, 2_000
TREE = "6.10"


def files(lab, count=100):
    """Writes the files into an install tree; returns the tree's folder."""
    tree = os.path.join(os.path.dirname(lab.site(count)), "trees", TREE)
    if not os.path.exists(f"{tree}/big"):
        block = os.urandom(1_000_000)
        with open(f"{tree}/big", "wb") as file:
            for _ in range(BIG // len(block)):
                file.write(block)
        with open(f"{tree}/small", "wb") as file:
            file.write(block[:SMALL])
    return tree


def servers(lab, tree, name, count=100):
    """Everybody who serves files over HTTP, and where the files are."""
    return [lambda: peers.rackstart(lab, count), lambda: peers.nginx(lab, tree), lambda: peers.null_http(lab, f"{tree}/{name}")]


def path(server, name):
    """The path of a file."""
    return f"/tree/tree-{TREE}/{name}" if server.name == "rackstart" else f"/{name}"


def asks(lab, tree, name, connections, seconds, **more):
    """The work of one turn."""
    def work(server):
        common = dict(server=sites.ADDRESS, first=sites.address(10), addresses=min(connections, 50), connections=connections,
                      path=path(server, name), file=f"{tree}/{name}", **more)
        lab.load("http", seconds=0.3, **common)
        return lab.load("http", seconds=seconds, **common)
    return work


def run(lab, rows, args):
    tree = files(lab)
    for connections in (1, 100):
        rows.turns(f"{connections} connections", servers(lab, tree, "big"), by_gigabyte(asks(lab, tree, "big", connections, 4)))


def by_gigabyte(work):
    """Counts gigabytes instead of requests, since few requests end in a turn."""
    def counted(server):
        before = server.cpu()
        found = work(server)
        found["s_per_gb"] = (server.cpu() - before) / (found["bytes"] / 1e9)
        found["mb_per_s"] = found["bytes"] / 1e6 / found["seconds"]
        return found
    return counted


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    ratios = {case: rows.ratio(case, "s_per_gb", highest=False) for case in rows.samples}
    mib = [rows.median(case, "rackstart", "mib") for case in rows.samples]
    said = ", ".join(f"{case}: {ratio:.2f}x" for case, ratio in ratios.items()) + f"; {mib[0]:.0f} and {mib[-1]:.0f} MiB"
    return max(ratios.values()) <= 0.75 and mib[-1] <= mib[0] + 24, said
