"""Boot scripts and kickstarts, with few and with many entries in the kernel's table of neighbours."""

import subprocess

from kit import peers, sites
from kit.lab import run as sh

TITLE = "Boot script and kickstart, 10,000 neighbours in the table"
GOAL = "at least 10,000 a second, flat"
NODES, MANY = 2000, 10_000
LOCAL, ARMED = 5, 8


def neighbours(lab, numbers, own):
    """Entries of the server's table: `own` lists the numbers of nodes that have a card of their own in the client."""
    lines = [f"neigh replace {sites.address(n)} lladdr {sites.mac(n)} dev eth0 nud permanent" for n in numbers if n not in own]
    subprocess.run(["ip", "-n", lab.server, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def cards(lab, numbers):
    """Gives nodes a card of their own, beside the client's."""
    for number in numbers:
        sh(f"ip -n {lab.client} link add node{number} link eth0 address {sites.mac(number)} type macvlan mode bridge")
        sh(f"ip -n {lab.client} link set node{number} up")
        # The server finds this card behind the address; the route to it is that of the client's own card.
        sh(f"ip -n {lab.server} neigh replace {sites.address(number)} lladdr {sites.mac(number)} dev eth0 nud permanent")


def run(lab, rows, args):
    cards(lab, (LOCAL, ARMED))
    def ask(what):
        def work(server):
            site = lab.site(NODES)
            local = f"/boot/{sites.mac(LOCAL).replace(':', '-')}"
            path, who = local, LOCAL
            if what == "kickstart":
                path, who = "/kickstart/" + token(lab, ARMED), ARMED
            else:
                subprocess.run([lab.binary, "-c", site, "disarm", f"node{LOCAL}"], check=False, stdout=lab.log, stderr=lab.log)
            common = dict(server=sites.ADDRESS, first=sites.address(who), addresses=1, connections=8, path=path)
            lab.load("http", seconds=0.3, **common)
            found = lab.load("http", seconds=3, **common)
            found["body"] = found["bytes"] / max(found["done"], 1)
            return found
        return work
    # Of its own state each: a node that fetches its installer again and again without a permit is not given it for ever.
    for count in (10, MANY):
        neighbours(lab, range(10, 10 + count), (LOCAL, ARMED))
        for what in ("boot script", "kickstart"):
            rows.turns(f"{what}, {count:,} neighbours", [lambda: peers.rackstart(lab, NODES, fresh=True)], ask(what))
    subprocess.run(["ip", "-n", lab.server, "neigh", "flush", "dev", "eth0", "nud", "permanent"], check=False)
    for number in (LOCAL, ARMED):
        sh(f"ip -n {lab.client} link del node{number}")


def token(lab, number):
    """The token of a node that boots its installer."""
    text = lab.from_client(["curl", "-s", "--interface", sites.address(number),
                            f"http://{sites.ADDRESS}/boot/{sites.mac(number).replace(':', '-')}"])
    if "/kickstart/" not in text:
        raise SystemExit(f"bench: no installer in the boot script of node{number}:\n{text}")
    return text.split("/kickstart/")[1][:32]


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    rates = {case: rows.median(case, "rackstart", "rate") for case in rows.samples}
    cpu = {case: rows.median(case, "rackstart", "cpu_us") for case in rows.samples}
    flat = max(cpu[f"{what}, {MANY:,} neighbours"] / cpu[f"{what}, 10 neighbours"] for what in ("boot script", "kickstart"))
    said = ", ".join(f"{case}: {rate:.0f}/s, {cpu[case]:.0f} us" for case, rate in rates.items())
    return min(rates.values()) >= 10_000 and flat <= 1.15, f"{said}; CPU with many over few {flat:.2f}"
