"""TFTP in windows, beside the three servers of the distribution."""

import os

from kit import peers, sites

TITLE = "TFTP, windows of 16 and 64, 1 and 200 clients; 1,000 at once"
GOAL = "at least 3x the best peer, none refused with 1,000 at once"
FILE = "snponly.efi"
SECONDS = 3


def transfers(lab, window, clients, each, loses=0, name=FILE):
    """The work of one turn; `each` transfers of each client."""
    def work(_):
        common = dict(server=sites.ADDRESS, first=sites.address(10), name=name, file=os.path.join(peers.FIRMWARE, name),
                      window=window, clients=clients, loses=loses)
        lab.load("tftp", transfers=1, **common)
        return lab.load("tftp", transfers=each, **common)
    return work


def servers(lab, window, name=FILE, null=True):
    """Everybody who serves files."""
    starts = [lambda: peers.rackstart(lab, 2000), lambda: peers.atftpd(lab, name), lambda: peers.dnsmasq(lab, name),
              lambda: peers.tftpd_hpa(lab, name)]
    return starts + ([lambda: peers.null_tftp(lab, name, window)] if null else [])


def run(lab, rows, args):
    for window in (16, 64):
        for clients, each in ((1, 400), (200, 10)):
            rows.turns(f"window {window}, {clients} clients", servers(lab, window), transfers(lab, window, clients, each))
    rows.rounds = max(1, rows.rounds // 3)
    once = servers(lab, 16, null=False)
    rows.turns("1,000 at once", once, lambda _: lab.load(
        "tftp", server=sites.ADDRESS, first=sites.address(10), name=FILE, file=os.path.join(peers.FIRMWARE, FILE), window=16,
        clients=1000, transfers=1))


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    cases = [case for case in rows.samples if case.startswith("window")]
    ratios = {case: rows.ratio(case) for case in cases}
    failed = sum(rows.total("1,000 at once", "rackstart", key) for key in ("lost", "refused", "wrong"))
    said = ", ".join(f"{case.replace('window ', 'w').replace(' clients', '')}: {ratio:.2f}x" for case, ratio in ratios.items())
    return min(ratios.values()) >= 3 and failed == 0, f"{said}; {failed} of 1,000 failed"
