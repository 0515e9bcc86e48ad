"""Bounded waiting: nothing in the rack waits for ever, and a time-out says what was missing.

A slow machine is not a failed one: a wait without a natural length ends when nothing has moved for a while, however
long the whole takes.
"""

import os
import time

QUIET = int(os.environ.get("RACK_QUIET", "600"))  # seconds without any movement after which nothing is believed to come


class Stalled(Exception):
    """Something did not happen in time."""


class Movement:
    """When each of several things moved last. A sign is any value that changes whenever the thing moves."""

    def __init__(self):
        self._signs, self._moved = {}, {}

    def see(self, name, sign):
        """Notes the sign of one thing; returns the seconds since it last changed."""
        now = time.monotonic()
        if name not in self._moved or self._signs[name] != sign:
            self._signs[name], self._moved[name] = sign, now
        return now - self._moved[name]

    def quiet(self):
        """Seconds since any of them moved."""
        return time.monotonic() - max(self._moved.values(), default=time.monotonic())


def wait_until(what, seconds, ready, every=0.2):
    """Poll `ready` until it returns something true, and return that."""
    end = time.monotonic() + seconds
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > end:
            raise Stalled(f"waited {seconds} s for {what}")
        time.sleep(every)


def wait_moving(what, signs, ready, quiet=QUIET, longest=None, every=0.2):
    """Waits as long as anything moves: `signs` returns name -> sign. `longest` is the limit for what could move for ever."""
    movement, began = Movement(), time.monotonic()
    while True:
        value = ready()
        if value:
            return value
        for name, sign in signs().items():
            movement.see(name, sign)
        if movement.quiet() > quiet:
            raise Stalled(f"nothing has moved for {quiet} s while waiting for {what}")
        if longest and time.monotonic() - began > longest:
            raise Stalled(f"waited {longest} s for {what}, and it still moves")
        time.sleep(every)
