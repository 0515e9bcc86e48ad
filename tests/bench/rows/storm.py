"""A rack that powers on: the whole life of each node with real packets, a MAC and an address each. The crowd is that of
`tests/daemon/crowd`; `tests/bench/storm` runs it with any numbers."""

import re
import subprocess

from kit.lab import ROOT

TITLE = "Storm: 100, 1,000 and 10,000 nodes in 30 s at 0 and 5 % loss, and all at once"
GOAL = "1,000 at 5 %: last ready within 45 s, at most 15 ms of CPU a node, no reserved address refused, none twice; 10,000 linear"


def run(lab, rows, args):
    cases = [(100, 30, 0), (1000, 30, 0), (1000, 30, 5), (1000, 0, 0)] + ([(10_000, 30, 0), (10_000, 300, 5)] if args.large else [])
    for nodes, ramp, loss in cases:
        done = subprocess.run([f"{ROOT}/tests/bench/storm", str(nodes), str(ramp), str(loss)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        line = next((line for line in done.stdout.splitlines() if line.startswith("storm: ")), None)
        if done.returncode or line is None:
            print(done.stdout[-3000:])
            rows.add(f"{nodes:,} in {ramp} s, {loss} %", "rackstart", {"done": 0, "failed": nodes})
            continue
        figures = {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", line)}
        rows.add(f"{nodes:,} in {ramp} s, {loss} %", "rackstart", figures)


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    said = "; ".join(f"{case}: ready {rows.median(case, 'rackstart', 'last_s') or 0:.0f} s, "
                     f"{rows.median(case, 'rackstart', 'cpu_ms') or 0:.1f} ms each" for case in rows.samples)
    last, each = (rows.median("1,000 in 30 s, 5 %", "rackstart", key) for key in ("last_s", "cpu_ms"))
    return bool(last and each and last <= 45 and each <= 15), said
