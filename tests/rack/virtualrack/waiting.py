"""Bounded waiting: nothing in the rack waits without an end, and an end says what was missing."""

import time


class Stalled(Exception):
    """Something did not happen in time."""


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
