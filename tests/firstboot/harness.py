"""Collects tests and runs a few at a time, because most of their time is waiting."""

import concurrent.futures
import contextlib
import os
import resource
import time
import traceback

# The tests that run one after the other: a single test, or the chapters of a story.
_units = []


# Functions by whose name `run` finds the test that calls them.
_parts = set()


class Skipped(Exception):
    """A tool that a test needs is not installed."""


def test(function):
    _units.append((None, [function]))
    return function


def part(function):
    """Part of a test that shares a world with others; to run it is to run that test."""
    _parts.add(function.__name__)
    return function


def names_of(function):
    return [function.__name__, *_parts.intersection(function.__code__.co_names)]


def runnable():
    """Every word that `run` accepts as a whole."""
    return {name for _, functions in _units for function in functions for name in names_of(function)}


class Story:
    """Tests that share one world, in the order of their lines: each leaves it as the next, or any other, needs it."""

    def __init__(self, begins):
        self.begins, self.chapters = begins, []
        _units.append((self, self.chapters))

    def chapter(self, function):
        self.chapters.append(function)
        return function

    def tell(self, chosen):
        """Yields each chapter with its result. A chapter that failed has damaged the world for those that follow."""
        held = contextlib.ExitStack()
        world = None
        for function in chosen:
            began, failed = time.monotonic(), ""
            try:
                if world is None:
                    world = held.enter_context(self.begins())
                function(world)
                if function is chosen[-1]:
                    held.close()
            except Exception:
                failed, world = traceback.format_exc(), None
                with contextlib.suppress(Exception):
                    held.close()
            yield function, "FAIL" if failed else "ok", failed, time.monotonic() - began


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"expected {expected!r}\n     got {got!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def _alone(function):
    began = time.monotonic()
    try:
        function()
        verdict = "ok", ""
    except Skipped as reason:
        verdict = "skip", str(reason)
    except Exception:
        verdict = "FAIL", traceback.format_exc()
    return function, *verdict, time.monotonic() - began


def _run(story, functions, counted):
    for function, verdict, text, seconds in story.tell(functions) if story else map(_alone, functions):
        counted.append(verdict)
        lines = [f"{verdict:4} {function.__name__} ({seconds:.1f} s)", *(f"     {line}" for line in text.rstrip().splitlines())]
        print("\n".join(lines), flush=True)


def run_all(words):
    chosen = [(story, [f for f in functions if not words or any(w in name for w in words for name in names_of(f))]) for story, functions in _units]
    counted, began = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "3"))) as pool:
        for running in [pool.submit(_run, story, functions, counted) for story, functions in chosen if functions]:
            running.result()
    if "skip" in counted:
        print(f"{counted.count('skip')} skipped")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(u.ru_utime + u.ru_stime for u in used)
    print(f"{counted.count('ok')} passed, {counted.count('FAIL')} failed; {time.monotonic() - began:.0f} s, of a processor {processor:.0f} s")
    return 1 if "FAIL" in counted or "ok" not in counted else 0
