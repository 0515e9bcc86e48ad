"""Cells executed on workbenches, several at a time, each compared with its plan."""

import queue
import threading

from virtualrack.measured import against_plan
from virtualrack.workbench import Broken


class Tally:
    """Counts and prints, from several threads."""

    def __init__(self):
        self.passed = self.failed = 0
        self._lock = threading.Lock()

    def add(self, title, wrong, about, quiet=False):
        """One cell is done. With `quiet`, only a failing one is told."""
        with self._lock:
            self.passed, self.failed = self.passed + (not wrong), self.failed + bool(wrong)
            lines = [f"{'FAIL ' if wrong else 'ok   '} {title}: {about}", *(f"        {line}" for line in wrong)]
            if wrong or not quiet:
                print("\n".join(lines), flush=True)


def execute(bench, cell, seconds):
    """Execute one cell on blank disks; returns (what is wrong, words about it)."""
    names = {slot: bench.names[key] for slot, key in cell.slots.items()}
    plan = cell.plan()
    text = cell.storage(bench.names)
    answer = bench.request("storage", seconds, release=cell.release, efi=cell.efi, text=cell.commands(text),
                           preparation=cell.preparation(text), disks=sorted(bench.names.values()))
    if "error" in answer:
        wrong = [f"it could not be executed: {answer['error']}", *answer.get("traceback", "").splitlines()[-6:]]
    else:
        wrong = against_plan(plan, answer, names)
    bench.request("blank", disks=sorted(names.values()))
    parts = sum(len(disk["partitions"]) for disk in plan["disks"])
    about = f"{plan['disks'][0]['label']}, {parts} partitions, {len(plan['volume_groups'])} groups"
    if wrong and cell.layout:
        wrong += ["the section was:", *(line for line in text.splitlines() if not line.startswith("#"))]
    return wrong, f"{about}, {answer['seconds']:.1f} + {answer.get('read_seconds', 0):.1f} s"


def _work(start, names, waiting, tally, seconds):
    """One workbench: take cells until there are no more."""
    title = "the workbench"
    try:
        with start() as bench:
            if not names.items() >= bench.names.items():
                raise RuntimeError(f"the workbench has other names for its disks: {bench.names}")
            while True:
                cell = waiting.get_nowait()
                title = cell.title
                try:
                    tally.add(title, *execute(bench, cell, seconds))
                except Broken as error:
                    bench.request("blank", disks=sorted(bench.names.values()))
                    tally.add(title, [str(error)], "a fault of the workbench")
    except queue.Empty:
        pass
    except Exception as error:  # a thread must not end without a word
        tally.add(title, [f"{type(error).__name__}: {error}"], "broken off")


def run(cells, starts, names, tally, seconds=900):
    """All cells on the workbenches that `starts` make. `names` are those that the cells expect, by the key of a disk."""
    waiting = queue.Queue()
    done = tally.passed + tally.failed
    for cell in cells:
        if cell.layout and cell.refused:
            tally.add(cell.title, ["rackstart refuses the layout:", *cell.refused[0].splitlines()], "not executed")
        else:
            waiting.put(cell)
    starts = starts[: max(1, waiting.qsize())] if waiting.qsize() else []
    threads = [threading.Thread(target=_work, args=(start, names, waiting, tally, seconds)) for start in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    missing = len(cells) - (tally.passed + tally.failed - done)
    if missing > 0:
        tally.add(f"{missing} more", ["never executed"], "")
