"""Commands, and waiting for what they bring about."""

import subprocess
import sys
import time

BEGAN = time.monotonic()


class Failed(Exception):
    """Something is not as it should be, yet."""


class Hopeless(Exception):
    """Something that no waiting will mend."""


def say(text):
    """A line for whoever watches, with the seconds since the start."""
    print(f"{time.monotonic() - BEGAN:7.1f} s  {text}", flush=True)


def run(*words, seconds=300, check=True, text=None):
    """A command to its end; its output, both streams."""
    done = subprocess.run(words, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    if check and done.returncode:
        raise Failed(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_for(what, seconds, asks, every=1.0, moves=None):
    """Asks until the answer is true, and returns it. Where `moves` tells how far something has come, the seconds begin anew
    with each change of that, up to four times as many: a loaded machine is slow, and one that stands still has failed."""
    began, last, came = time.monotonic(), None, None
    until = began + seconds
    while time.monotonic() < until:
        try:
            answer = asks()
            if moves and (now := moves()) != came:
                until, came = min(time.monotonic(), began + 3 * seconds) + seconds, now
        except (Failed, OSError, LookupError, ValueError) as error:
            answer, last = None, error
        if answer:
            return answer
        time.sleep(every)
    raise Failed(f"waited {seconds} s for {what}" + (f"; the last word: {last}" if last else ""))


def complain(text):
    """To standard error."""
    print(text, file=sys.stderr, flush=True)
