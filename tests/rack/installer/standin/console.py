"""Progress lines on the serial line, and running programs so that a failure says why."""

import socket
import subprocess
import sys
import time

_log = {"address": None, "connection": None}


class Stop(Exception):
    """The installation cannot go on. EL6 in cmdline mode would wait for ever here; so do we."""


def say(text):
    """One line with the seconds since the kernel started, where the rack can read it."""
    with open("/proc/uptime") as uptime:
        up = float(uptime.read().split()[0])
    with open("/dev/ttyS0", "w", errors="replace") as serial:
        for line in str(text).splitlines() or [""]:
            serial.write(f"[{up:.2f}] stand-in installer: {line}\r\n")
            log(line)


def log_to(address):
    """What the kernel argument syslog= says: HOST:PORT, by TCP, as the installer's rsyslog forwards."""
    if address:
        host, _, port = address.partition(":")
        _log["address"] = (host, int(port or 514))


def log(line):
    """Forward one line; a server that is away costs this line, never the installation."""
    severity = 3 if line.startswith("FAILED") else 6
    message = f"<{8 + severity}>{time.strftime('%b %d %H:%M:%S')} localhost anaconda: {line}\n".encode()
    for _ in range(2 if _log["address"] else 0):
        try:
            if _log["connection"] is None:
                _log["connection"] = socket.create_connection(_log["address"], timeout=2)
            _log["connection"].sendall(message)
            return
        except OSError:
            _log["connection"] = None


def run(*args, **options):
    """Run a program, return its standard output; a failure stops the installation with its words."""
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    done = subprocess.run(args, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Stop(f"{' '.join(args)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def stop_for_ever(error):
    """Print what EL6 would ask on its screen, then wait: nobody is there to answer."""
    say(f"FAILED: {error}")
    sys.stdout.flush()
    while True:
        time.sleep(3600)
