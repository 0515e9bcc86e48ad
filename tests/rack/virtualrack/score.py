"""Counting what held."""


class Score:
    """Counts and prints one line per thing that was to hold."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, holds, detail=""):
        """One thing; the detail is printed only when it does not hold."""
        if holds:
            self.passed += 1
            print(f"ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {what}{': ' + str(detail) if detail else ''}", flush=True)
        return bool(holds)

    def end(self):
        """The closing line; returns the exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
