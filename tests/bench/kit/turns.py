"""Lets servers work in turns, and puts the figures together."""

import statistics

from .lab import Server  # noqa: F401  (the type of what `start` returns)


class Rows:
    """The figures of one row: a case, a server, medians of what was measured."""

    def __init__(self, rounds):
        self.rounds, self.samples = rounds, {}

    def turns(self, case, starts, work, unit=1.0):
        """`starts` are functions that start a server, or return None where it is not installed; `work` uses the server and
        returns what the generator found out. Each round every server works once, the order turned round by round."""
        for number in range(self.rounds):
            order = starts if number % 2 == 0 else starts[::-1]
            for start in order:
                server = start()
                if server is None:
                    continue
                try:
                    cpu = server.cpu()
                    found = work(server)
                    cpu = server.cpu() - cpu
                    if found.get("done"):
                        found["cpu_us"] = cpu / found["done"] / unit * 1e6
                    found["mib"] = server.mib()
                finally:
                    server.stop()
                self.add(case, server.name, found)

    def add(self, case, name, found):
        """One sample."""
        self.samples.setdefault(case, {}).setdefault(name, []).append(found)
        told = {key: value for key, value in found.items() if value is not None and key != "bytes"}
        print(f"  {case:<28} {name:<12} " + "  ".join(f"{key} {short(value)}" for key, value in told.items()), flush=True)

    def median(self, case, name, key):
        """The median over the rounds, or None."""
        values = [sample[key] for sample in self.samples.get(case, {}).get(name, []) if sample.get(key) is not None]
        return statistics.median(values) if values else None

    def total(self, case, name, key):
        """The sum over the rounds."""
        return sum(sample.get(key) or 0 for sample in self.samples.get(case, {}).get(name, []))

    def best(self, case, key, highest=True):
        """The best peer's name and median."""
        peers = {name: self.median(case, name, key) for name in self.samples.get(case, {})
                 if name not in ("rackstart", "null") and not name.endswith("stock")}
        peers = {name: value for name, value in peers.items() if value}
        if not peers:
            return None, None
        name = (max if highest else min)(peers, key=peers.get)
        return name, peers[name]

    def ratio(self, case, key="rate", highest=True):
        """rackstart's median over the best peer's."""
        ours, theirs = self.median(case, "rackstart", key), self.best(case, key, highest)[1]
        return ours / theirs if ours and theirs else None


def short(value):
    """A number in few letters."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
