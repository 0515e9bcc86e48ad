"""Power cuts while the nodes go through their steps: at every Nth entry of a node's journal that was not seen before."""

import os
import re

from cloudlab.shell import say


class Kills:
    """Cuts the power of nodes; `every` is the N, 0 for no cut."""

    def __init__(self, machines, every):
        self.machines, self.every = machines, every
        self.seen = {machine.name: set() for machine in machines}
        self.cuts = {machine.name: 0 for machine in machines}

    def look(self):
        """Cuts the power of each node that has written an entry whose turn it is, and gives it back at once."""
        for machine in self.machines if self.every else ():
            seen = self.seen[machine.name]
            for entry in sorted(entries(machine) - seen):
                seen.add(entry)
                if len(seen) % self.every == 0:
                    say(f"{machine.name:11}power cut at {entry[0]} {entry[1]}")
                    machine.cut_power()
                    machine.power_on()
                    self.cuts[machine.name] += 1
                    break

    def __str__(self):
        return ", ".join(f"{name} {number}" for name, number in self.cuts.items())


def entries(machine):
    """The entries of its journal: step and state of each."""
    found, folder = set(), f"{machine.root}/var/lib/rackstart/journal"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            with open(f"{folder}/{name}") as entry:
                state = re.search(r"^state=(\w+)", entry.read(), flags=re.M)
        except OSError:
            continue  # it is being replaced
        if state:
            found.add((name, state[1]))
    return found
