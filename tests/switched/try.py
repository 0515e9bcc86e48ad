#!/usr/bin/python3
"""Tries the mutants that have a branch: try.py STATE PROGRAM SECONDS.

STATE/tried has a line for each, `NUMBER<tab>caught`, `timeout`, `missed` or `not Rust` (the compiler said so when it built
the branches), so that a later run goes on. Those that are tried are left out by cargo-mutants, which reads STATE/mutants.out/previously_caught.txt."""

import json
import os
import subprocess
import sys
import time

state, program, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
end = time.monotonic() + seconds
names = [mutant["name"] for mutant in json.load(open(f"{state}/mutants.json"))]
left = {int(line) for line in open(f"{state}/switched/left")}
path = f"{state}/tried"
tried = dict(line.rstrip("\n").split("\t") for line in open(path)) if os.path.exists(path) else {}
for line in open(f"{state}/switched/not-rust"):
    tried[line.strip()] = "not Rust"
with open(path, "w") as file:
    file.writelines(f"{number}\t{result}\n" for number, result in tried.items())
# A walk through all states.
SLOW = "::walk::"


def outcome(number, words):
    """Runs some of the tests with a mutant. The working directory is the crate's: a test reads one of its pages."""
    environment = dict(os.environ, MUTANT=str(number), PROPTEST_CASES="16", RUST_BACKTRACE="0")
    nothing = subprocess.DEVNULL
    try:
        done = subprocess.run([program, "--quiet", *words], cwd=f"{state}/switched", env=environment, stdin=nothing,
                              stdout=nothing, stderr=nothing, timeout=60)
    except subprocess.TimeoutExpired:
        return "timeout"
    return "missed" if done.returncode == 0 else "caught"


with open(path, "a") as file:
    for number in range(len(names)):
        if number in left or str(number) in tried:
            continue
        if time.monotonic() > end:
            break
        # Most are caught by the quick tests of their own folder; whatever these miss is tried with all tests. The walk is
        # one through the states of `lifecycle`, which asks nothing else.
        folder = names[number].split("/")[1]
        result = "missed"
        for words in ([f"{folder}::", "--skip", SLOW], [] if folder == "lifecycle" else ["--skip", SLOW]):
            if result == "missed":
                result = outcome(number, words)
        tried[str(number)] = result
        file.write(f"{number}\t{result}\n")
        file.flush()
os.makedirs(f"{state}/mutants.out", exist_ok=True)
with open(f"{state}/mutants.out/previously_caught.txt", "w") as file:
    file.writelines(f"{names[int(number)]}\n" for number in tried)
with open(f"{state}/missed-by-branch", "w") as file:
    file.writelines(f"{names[int(number)]}\n" for number, result in tried.items() if result == "missed")
