"""What people who look at the pages mean for nodes that boot: DHCP while 100 nodes install, with and without one Chromium and
99 event streams."""

import os
import re
import subprocess

from kit.lab import ROOT

TITLE = "DHCP while 100 nodes install, alone and before one Chromium and 99 event streams"
GOAL = "no higher p99 with them than without, beyond what rounds differ by"
CASES = {"alone": "0", "watched": "1"}


def run(lab, rows, args):
    subprocess.run([f"{ROOT}/tests/web/setup"], check=True)
    for number in range(rows.rounds):
        for case in list(CASES) if number % 2 == 0 else list(CASES)[::-1]:
            done = subprocess.run([f"{ROOT}/tests/bench/storm", "100", "10", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False, env=dict(os.environ, CROWD_WATCHED=CASES[case]))
            line = next((line for line in done.stdout.splitlines() if line.startswith("storm: ")), None)
            if done.returncode or line is None:
                print(done.stdout[-3000:])
                continue
            rows.add(case, "rackstart", {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", line)})


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    p99 = {case: sorted(sample["p99_ms"] for sample in rows.samples[case]["rackstart"]) for case in CASES}
    said = "; ".join(f"{case} p99 {rows.median(case, 'rackstart', 'p99_ms'):.2f} ms ({all_[0]:.2f} to {all_[-1]:.2f})"
                     for case, all_ in p99.items())
    return rows.median("watched", "rackstart", "p99_ms") <= p99["alone"][-1], said
