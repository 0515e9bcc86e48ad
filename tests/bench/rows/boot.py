"""From power-on to the installer's first line, on a virtual machine; see `tests/bench/boot`."""

import re
import subprocess

from kit.lab import ROOT

TITLE = "Power-on to the installer's first line, BIOS"
GOAL = "at most 0.25x stock dnsmasq + nginx, at most 0.6x tuned"


def run(lab, rows, args):
    text = subprocess.run([f"{ROOT}/tests/bench/boot", str(max(1, rows.rounds // 2))], stdout=subprocess.PIPE, text=True, check=False).stdout
    for name, seconds in re.findall(r"round \d+: (.+?) +([\d.]+) s", text):
        rows.add("BIOS", name, {"seconds": float(seconds)})


def judge(rows):
    """Whether the goal is reached, and the figures that say so."""
    ours, stock, tuned = (rows.median("BIOS", name, "seconds") for name in ("rackstart", "stock", "tuned"))
    if not (ours and stock and tuned):
        return None, "not measured"
    return ours <= 0.25 * stock and ours <= 0.6 * tuned, f"{ours:.1f} s, stock {stock:.1f} ({ours / stock:.2f}x), tuned {tuned:.1f} ({ours / tuned:.2f}x)"
