"""What the demo shows while it runs: a block that is redrawn on a terminal, lines when it is not one."""

import re
import sys
import time


class Progress:
    """One line per node."""

    def __init__(self, names):
        self.names, self.began = names, time.monotonic()
        self.lines = {}
        self.live = sys.stdout.isatty()
        self.drawn = False

    def update(self, texts):
        """Show node name -> text; off a terminal only what changed."""
        seconds = time.monotonic() - self.began
        if self.live:
            if self.drawn:
                sys.stdout.write(f"\x1b[{len(self.names)}A")
            for name in self.names:
                sys.stdout.write(f"\r\x1b[2K  {name:<11} {texts.get(name, '')[:100]}\n")
            sys.stdout.flush()
            self.drawn = True
            return
        for name in self.names:
            if self.lines.get(name) != texts.get(name):
                print(f"[{seconds:4.0f} s] {name:<11} {texts.get(name, '')}", flush=True)
        self.lines = dict(texts)

    def say(self, text):
        """A line of its own, below the block."""
        print(text, flush=True)
        self.drawn = False


def describe(status, console=""):
    """One node's status in a few words; `console` is the stage seen on its serial line."""
    words = [status["state"]]
    if status["state"] in ("armed", "installing") and (console or status.get("stage")):
        words.append(console or status["stage"])
    if step := status.get("step"):
        words.append(f"step {step['number']} of {step['total']}: {step['name']}")
    if status.get("waiting"):
        words.append(f"waits for {gate(status)}")
    if status["state"] == "failed" and status.get("detail"):
        words.append(status["detail"].splitlines()[0])
    return ", ".join(words)


def signs(status, guests):
    """Node name -> what changes when that node gets on, for `wait_moving`."""
    at_work = ("armed", "installing")
    return {name: (describe(status[name]), guest.sign(disks=status[name]["state"] in at_work)) for name, guest in guests.items()}


def gate(status):
    """What a node waits for, without the running seconds."""
    return re.sub(r" \(since [^)]*\)", "", status["waiting"])


def table(heads, rows):
    """Text columns, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in [heads, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = []
    for number, row in enumerate(cells):
        lines.append("  " + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            lines.append("  " + "  ".join("-" * width for width in widths))
    return "\n".join(lines)
