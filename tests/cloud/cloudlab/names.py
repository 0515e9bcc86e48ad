"""The tables of names that the step sets have: what EL9 and Debian call the same thing."""

import pathlib

STEPS = pathlib.Path(__file__).resolve().parents[3] / "templates" / "steps"


def rows():
    """KIND NAME EL9 DEBIAN, as lib/platform.sh reads them."""
    for table in ("platform/lib/platform.sh", "epoxy/lib/names.sh"):
        text = (STEPS / table).read_text()
        for line in text.split("<<'TABLE'\n")[1].split("TABLE\n")[0].splitlines():
            if line.strip():
                yield line.split()
