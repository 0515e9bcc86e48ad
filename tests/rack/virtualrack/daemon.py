"""rackstart itself, running in the rack's namespace, and its command line."""

import json
import os
import signal
import subprocess
import time

from virtualrack.rack import repository
from virtualrack.site import site_file
from virtualrack.waiting import Stalled, wait_until


def binary():
    """The program under test: $RACKSTART, else the newest build: an older one has other templates in it."""
    built = [path for kind in ("release", "debug") if os.access(path := f"{repository()}/target/{kind}/rackstart", os.X_OK)]
    path = os.environ.get("RACKSTART") or max(built, key=os.path.getmtime, default=None)
    if not path or not os.access(path, os.X_OK):
        raise SystemExit("rack: rackstart is not built; run: make release")
    return os.path.abspath(path)


class Daemon:
    """`rackstart serve` with a site file for the given nodes, and `more` at its end. `plain` edits the short file that
    `init --plain` writes, before its nodes."""

    def __init__(self, rack, nodes, fresh=True, more="", plain=None):
        self.directory = f"{rack.directory}/rackstart"
        if fresh:
            subprocess.run(["rm", "-rf", self.directory], check=True)
        os.makedirs(self.directory, exist_ok=True)
        self.config = f"{self.directory}/rackstart.toml"
        self.log = f"{self.directory}/serve.log"
        self.process = None
        example = subprocess.run([binary(), "init", *(["--plain"] if plain else []), "--output", "-"],
                                 capture_output=True, text=True, check=True).stdout
        text = site_file(example, nodes, tree=rack.tree, state=f"{self.directory}/state", socket=f"{self.directory}/socket",
                         edit=plain)
        with open(self.config, "w") as file:
            file.write(text + more)
        checked = self.cli("check")
        if checked.returncode != 0:
            raise Stalled(f"rackstart check refuses the rack's site file {self.config}:\n{checked.stdout}{checked.stderr}")

    def cli(self, *words, seconds=300):
        """Run one rackstart command with this site file."""
        return subprocess.run([binary(), "-c", self.config, *words], capture_output=True, text=True, timeout=seconds)

    def json(self, *words):
        """Like `cli`, for a command that prints JSON; returns the value."""
        done = self.cli(*words)
        if done.returncode != 0:
            raise Stalled(f"rackstart {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    def start(self):
        """Start serving; returns the seconds until it answered on its socket."""
        began = time.monotonic()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([binary(), "-c", self.config, "serve"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def answers():
            if self.process.poll() is not None:
                raise Stalled(f"rackstart serve ended with {self.process.returncode}:\n{self.tail()}")
            return self.cli("status", "--json").returncode == 0

        wait_until("rackstart serve to answer", 200, answers, every=0.02)
        return time.monotonic() - began

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=60):
        """SIGTERM; returns the exit status."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Stalled(f"rackstart serve did not stop within {seconds} s of SIGTERM") from None

    def status(self):
        """Node name -> what `rackstart status --json` says of it."""
        return {node["name"]: node for node in self.json("status", "--json")["nodes"]}

    def memory_mib(self):
        """Resident memory of the daemon."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def tail(self, lines=20):
        """The end of the daemon's log."""
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-lines:])
