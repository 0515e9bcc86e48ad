"""Running %pre and %post the way Anaconda does: own file, own log as stdin and stdout."""

import os
import subprocess
import time

from standin.console import say

SYSROOT = "/mnt/sysimage"


def run_script(script, root="/"):
    """Run one script; returns its exit status. The log is shown only when the script fails."""
    path = f"/tmp/ks-script-{script.lineno}"
    inside = root if script.inChroot else "/"
    with open(inside.rstrip("/") + path, "w") as file:
        file.write(script.script)
    os.chmod(inside.rstrip("/") + path, 0o700)
    # In EL6 the log of a chroot script is relative to the installed system.
    log_path = (inside.rstrip("/") + script.logfile) if script.logfile else f"/tmp/ks-script-{script.lineno}.log"
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    began = time.monotonic()
    with open(log_path, "a+") as log:
        command = [script.interp, path]
        if inside != "/":
            command = ["chroot", inside] + command
        # The log is also stdin, as on EL6: a script that reads stdin reads nonsense.
        status = subprocess.run(command, stdin=log, stdout=log, stderr=log, cwd="/").returncode
    say(f"script at line {script.lineno} ended with {status} after {time.monotonic() - began:.1f} s")
    if status != 0:
        with open(log_path, errors="replace") as log:
            for line in log.read().splitlines()[-25:]:
                say(f"  | {line}")
    return status


def run_all(scripts, kind, root="/"):
    """Run all scripts of one kind; False when one with --erroronfail failed."""
    for script in scripts:
        if script.type != kind:
            continue
        if run_script(script, root) != 0 and script.errorOnFail:
            return False
    return True
