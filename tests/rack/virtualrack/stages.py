"""Seconds per stage of one server, from the lines on its serial console."""

import re
import threading
import time

# In the order in which they happen; each is the moment at which the stage begins.
STAGES = (
    ("firmware", re.compile(r"SeaBIOS|BdsDxe|Start PXE|iPXE")),
    ("installer", re.compile(r"stand-in installer: kernel")),
    ("kickstart", re.compile(r"stand-in installer: stage fetch")),
    ("%pre", re.compile(r"stand-in installer: stage pre")),
    ("storage", re.compile(r"stand-in installer: stage storage")),
    ("packages", re.compile(r"stand-in installer: stage packages")),
    ("%post", re.compile(r"stand-in installer: stage post")),
    ("restart", re.compile(r"stand-in installer: done: reboot")),
    ("disk boot", re.compile(r"INIT: version")),
)


class Stopwatch:
    """Watches the serial logs of some guests in the background and notes when each stage first begins."""

    def __init__(self, guests):
        self.guests = guests
        self.began = {guest.node.name: {} for guest in guests}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stop.wait(0.25):
            for guest in self.guests:
                if guest.powered_on is None:
                    continue
                text, began = guest.text(), self.began[guest.node.name]
                for name, pattern in STAGES:
                    if name not in began and pattern.search(text):
                        began[name] = time.monotonic() - guest.powered_on

    def mark(self, name, stage, seconds):
        """Add a stage that is not seen on the serial console."""
        self.began[name].setdefault(stage, seconds)

    def latest(self, name):
        """The stage that began last."""
        began = self.began[name]
        return max(began, key=began.get) if began else ""

    def stop(self):
        """End watching."""
        self._stop.set()
        self._thread.join()
