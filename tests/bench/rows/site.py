"""A large site: check, plan, both starts, the reload of one node, and the memory of it all; no packet lost meanwhile."""

import os
import subprocess
import time

from kit import peers, sites

TITLE = "check, plan, first start, second start, reload of one node at 10,000"
GOAL = "1 s each, 150 MiB also after reloads; no packet lost"
NODES, SECONDS, MIB = 10_000, 1.0, 150


def verb(lab, site, *words):
    """One command: wall and CPU seconds, peak MiB."""
    begin = time.monotonic()
    child = os.posix_spawn(lab.binary, [lab.binary, "-c", site, *words], os.environ,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - begin
    if status:
        raise SystemExit(f"bench: `rackstart {' '.join(words)}` failed")
    return {"done": 1, "wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def run(lab, rows, args):
    measure(lab, rows, NODES)


def measure(lab, rows, count):
    site = lab.site(count)
    for number in range(rows.rounds):
        rows.add("check", "rackstart", verb(lab, site, "check", "--quiet"))
        rows.add("plan", "rackstart", verb(lab, site, "plan", "--all"))
        for case in ("first start", "second start"):
            server = peers.rackstart(lab, count, fresh=case == "first start")
            rows.add(case, "rackstart", {"done": 1, "wall_s": server.started_in, "cpu_s": server.cpu(), "mib": server.mib()})
            if case == "second start":
                reloads(lab, rows, server, site, count)
            server.stop()


def reloads(lab, rows, server, site, count):
    """Three reloads with one node changed each, while nodes ask for addresses."""
    with open(site) as file:
        before = file.read()
    asking = lab.start_load("dhcp", nodes=lab.nodes(count), server=sites.ADDRESS, relay=sites.RELAY, rate=300,
                            seconds=max(6.0, count / 1500))
    time.sleep(0.3)
    try:
        for turn in range(3):
            changed = before.replace('kernel_args = "console=ttyS0,115200"', f'kernel_args = "console=ttyS{turn}"', 1)
            with open(site, "w") as file:
                file.write(changed)
            cpu, begin = server.cpu(), time.monotonic()
            done = subprocess.run([lab.binary, "-c", site, "reload"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            if done.returncode:
                raise SystemExit(f"bench: reload failed: {done.stdout[-1000:]}")
            rows.add("reload", "rackstart", {"done": 1, "wall_s": time.monotonic() - begin, "cpu_s": server.cpu() - cpu})
        time.sleep(1)
        rows.add("memory after reloads", "rackstart", {"mib": server.mib()})
    finally:
        with open(site, "w") as file:
            file.write(before)
        text = asking.communicate()[0]
    import json
    rows.add("DHCP during reloads", "rackstart", json.loads(text))


def judge(rows, seconds=SECONDS, mib=MIB):
    """Whether the goal is reached, and the figures that say so."""
    cases = ("check", "plan", "first start", "second start", "reload")
    walls = {case: rows.median(case, "rackstart", "wall_s") for case in cases}
    cpu = {case: rows.median(case, "rackstart", "cpu_s") for case in cases}
    peak = max(rows.median(case, "rackstart", "mib") for case in ("check", "first start", "second start", "memory after reloads"))
    lost = rows.total("DHCP during reloads", "rackstart", "lost")
    said = ", ".join(f"{case} {walls[case]:.2f} s (CPU {cpu[case]:.2f})" for case in cases) + f"; {peak:.0f} MiB; {lost} lost"
    return max(walls.values()) <= seconds and peak <= mib and lost == 0, said
