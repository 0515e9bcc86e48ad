"""DHCP: DISCOVER to ACK, 64 at a time, beside Kea with the same reservations."""

from kit import peers, sites

TITLE = "DHCP, 10,000 reservations, relayed and direct; 100 to 100,000 nodes"
GOAL = "at least 2.5x Kea in memory; at most 25 us of CPU each; within 10 % from 100 to 100,000 nodes"
NODES, SECONDS = 10_000, 4


def asks(lab, count, relayed=True, **more):
    """The work of one turn."""
    relay = sites.RELAY if relayed else None
    def work(_):
        lab.load("dhcp", nodes=lab.nodes(count), server=sites.ADDRESS, relay=relay, outstanding=64, seconds=0.7)
        return lab.load("dhcp", nodes=lab.nodes(count), server=sites.ADDRESS, relay=relay, seconds=SECONDS, **more)
    return work


def run(lab, rows, args):
    for way, relayed in (("relayed", True), ("direct", False)):
        starts = [lambda: peers.rackstart(lab, NODES), lambda: peers.kea(lab, NODES, True, relayed)]
        rows.turns(way, starts + ([lambda: peers.null_dhcp(lab, NODES)] if relayed else []), asks(lab, NODES, relayed, outstanding=64))
    few = rows.rounds
    rows.rounds = max(1, few // 3)
    rows.turns("relayed", [lambda: peers.kea(lab, NODES, False)], asks(lab, NODES, outstanding=64))
    rows.rounds = few
    sizes = [100, 10_000] + ([100_000] if args.large else [])
    for number in range(rows.rounds):
        for size in sizes if number % 2 == 0 else sizes[::-1]:
            server = peers.rackstart(lab, size)
            cpu = None
            try:
                lab.load("dhcp", nodes=lab.nodes(size), server=sites.ADDRESS, relay=sites.RELAY, seconds=2)
                cpu = server.cpu()
                found = lab.load("dhcp", nodes=lab.nodes(size), server=sites.ADDRESS, relay=sites.RELAY, seconds=SECONDS)
                found["cpu_us"] = (server.cpu() - cpu) / found["done"] * 1e6
            finally:
                server.stop()
            rows.add(f"{size:,} nodes", "rackstart", found)
    # A program of another project asks as well, and must agree.
    server = peers.rackstart(lab, NODES)
    try:
        text = lab.from_client([lab.peer("perfdhcp"), "-4", "-r", "4000", "-R", str(NODES), "-b", "mac=02:10:00:00:00:00",
                                "-p", "5", "-W", "1", "-l", "eth0", sites.ADDRESS])
    finally:
        server.stop()
    rows.notes["perfdhcp at 4,000 a second"] = agreement(text)


def agreement(text):
    """What perfdhcp says: rate, lost, delays."""
    keep = ("Rate:", "drops ratio:", "avg delay:", "received packets:")
    return "; ".join(line.strip() for line in text.splitlines() if line.strip().startswith(keep)) or text[-300:]


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    ratios = {way: rows.ratio(way) for way in ("relayed", "direct")}
    cpu = {way: rows.median(way, "rackstart", "cpu_us") for way in ("relayed", "direct")}
    sizes = [rows.median(case, "rackstart", "cpu_us") for case in rows.samples if case.endswith("nodes")]
    flat = max(sizes) / min(sizes) if sizes else None
    said = (f"{ratios['relayed']:.2f}x relayed, {ratios['direct']:.2f}x direct; {cpu['relayed']:.1f} and {cpu['direct']:.1f} us; "
            f"largest over smallest site {flat:.2f}")
    return min(ratios.values()) >= 2.5 and max(cpu.values()) <= 25 and flat <= 1.1, said
