"""What the nodes do and what held: a line for each step, a table at the end."""

import contextlib
import os
import subprocess
import time

from cloudlab.shell import Failed, say

QUIET = int(os.environ.get("CLOUD_QUIET", "900"))  # seconds without a step done that are too many


class Follow:
    """Says each step that a node has done, and fails with its log when one fails or nobody moves."""

    def __init__(self, daemon, machines, kills):
        self.kills = kills
        self.daemon, self.machines, self.said = daemon, machines, {}
        self.began = self.moved = time.monotonic()

    def look(self):
        """What the daemon says of each node now."""
        status = self.daemon.nodes()
        for machine in self.machines:
            node = status[machine.name]
            step = node.get("step") or {}
            text = f"{node['state']} {step.get('number', '')}/{step.get('total', '')} {step.get('name', '')}"
            waits = f" waits for {node['waiting']}" if node.get("waiting") else ""
            if self.said.get(machine.name) != text:
                self.said[machine.name], self.moved = text, time.monotonic()
                say(f"{machine.name:11}{text}{waits}")
            if node["state"] in ("failed", "suspect"):
                raise Failed(f"{machine.name} is {node['state']}: {node.get('reason')}\n{explain(machine)}")
        if time.monotonic() - self.moved > QUIET:
            raise Failed(f"nobody has moved for {QUIET} s\n" + "\n".join(explain(machine) for machine in self.machines))
        return status

    def until(self, what, holds):
        """Follows until holds(status)."""
        self.moved = time.monotonic()
        while not holds(self.look()):
            self.kills.look()
            time.sleep(0.3 if self.kills.every else 1)
        say(what)


def explain(machine):
    """What a node itself says."""
    with contextlib.suppress(Failed, subprocess.TimeoutExpired, IndexError):
        return f"--- {machine.name}\n" + machine.sh(
            "rackstart-firstboot status; log=$(ls -t /var/log/rackstart/*.log | grep -v runner | head -n 1); tail -n 30 $log", check=False, seconds=60)
    return f"--- {machine.name} does not answer"


class Table:
    """What held, and what did not."""

    def __init__(self):
        self.rows = []

    def row(self, what, holds, found):
        """One line of the table."""
        self.rows.append((what, bool(holds), str(found)))
        say(f"{'ok' if holds else 'NOT OK'}: {what}: {found}")

    def print(self):
        """Draws it; True when everything held."""
        width = max((len(what) for what, _, _ in self.rows), default=0)
        print("\n" + "\n".join(f"{what:{width}}  {'yes' if holds else 'NO ':3}  {found}" for what, holds, found in self.rows))
        return bool(self.rows) and all(holds for _, holds, _ in self.rows)
