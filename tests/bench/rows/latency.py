"""How long a node waits for its address: at half of rackstart's own maximum, at Kea's maximum, and beside other work."""

import subprocess

from kit import peers, sites
from rows import http_large as large
from rows import scripts

TITLE = "DHCP p99 at half the own maximum and at Kea's maximum; beside 64 downloads and 5,000 neighbours"
GOAL = "below Kea's; below 5 ms on a quiet machine; beside other work at most twice the quiet figure"
NODES, NEIGHBOURS = 10_000, 5000


def asks(lab, rate, seconds=4):
    """So many nodes a second, whatever the server does."""
    common = dict(nodes=lab.nodes(NODES), server=sites.ADDRESS, relay=sites.RELAY)
    def work(_):
        lab.load("dhcp", outstanding=16, seconds=0.5, **common)
        return lab.load("dhcp", rate=rate, seconds=seconds, **common)
    return work


def most(lab, start):
    """The rate that a server reaches, 64 at a time."""
    server = start()
    if server is None:
        return None
    try:
        return lab.load("dhcp", nodes=lab.nodes(NODES), server=sites.ADDRESS, relay=sites.RELAY, seconds=3)["rate"]
    finally:
        server.stop()


def run(lab, rows, args):
    ours, kea = lambda: peers.rackstart(lab, NODES), lambda: peers.kea(lab, NODES)
    rows.turns("half the own maximum", [ours], asks(lab, most(lab, ours) / 2))
    top = most(lab, kea)
    if top:
        rows.turns("half Kea's maximum", [kea, ours], asks(lab, top / 2))
        rows.turns("Kea's maximum", [ours, kea], asks(lab, top))
    tree = large.files(lab, NODES)
    rows.turns("500 a second, alone", [ours], asks(lab, 500))
    scripts.neighbours(lab, range(10, 10 + NEIGHBOURS), ())
    def beside(server):
        downloads = lab.start_load("http", server=sites.ADDRESS, first=sites.address(9000), connections=64,
                                   path=large.path(server, "big"), file=f"{tree}/big", seconds=7)
        try:
            return asks(lab, 500)(server)
        finally:
            downloads.communicate()
    rows.turns("500 a second, beside downloads", [ours], beside)
    subprocess.run(["ip", "-n", lab.server, "neigh", "flush", "dev", "eth0", "nud", "permanent"], check=False)


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    p99 = lambda case, name="rackstart": rows.median(case, name, "p99_ms")
    half, alone, beside = p99("half the own maximum"), p99("500 a second, alone"), p99("500 a second, beside downloads")
    kea_half, kea_top = p99("half Kea's maximum", "Kea"), p99("Kea's maximum", "Kea")
    top = p99("Kea's maximum")
    said = (f"half own maximum {half:.1f} ms (Kea at half its own {kea_half:.1f}); at Kea's maximum {top:.1f} ms "
            f"(Kea {kea_top:.1f}); 500 a second alone {alone:.2f} ms, beside downloads {beside:.2f} ms")
    return half < kea_half and half < 5 and p99("Kea's maximum") < kea_top and beside <= 2 * alone, said
