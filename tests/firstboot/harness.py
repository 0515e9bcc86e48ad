"""Collects tests and runs a few at a time: most of their time is waiting."""

import concurrent.futures
import os
import time
import traceback

_tests = []


class Skipped(Exception):
    """A tool that a test needs is not installed."""


def test(function):
    _tests.append(function)
    return function


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"expected {expected!r}\n     got {got!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def _run(function):
    began = time.monotonic()
    try:
        function()
        verdict = "ok", ""
    except Skipped as reason:
        verdict = "skip", str(reason)
    except Exception:
        verdict = "FAIL", traceback.format_exc()
    return *verdict, time.monotonic() - began


def run_all(words):
    chosen = [t for t in _tests if not words or any(w in t.__name__ for w in words)]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "3"))) as pool:
        running = {pool.submit(_run, t): t for t in chosen}
        for done in concurrent.futures.as_completed(running):
            verdict, text, seconds = done.result()
            print(f"{verdict:4} {running[done].__name__} ({seconds:.1f} s)", flush=True)
            if text:
                print("     " + text.replace("\n", "\n     ").rstrip(), flush=True)
            passed += verdict == "ok"
            failed += verdict == "FAIL"
            skipped += verdict == "skip"
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
