"""README.md of this folder and docs/firstboot.md describe what exists, and all of it."""

import re

from harness import equal, holds, runnable, test
from world import HERE, TEMPLATES

REPOSITORIES = HERE.parent / "cli/repositories.rs"
DOCS = HERE.parent.parent / "docs/firstboot.md"


def table_rows(path):
    return [re.split(r" *\| *", line)[1:-1] for line in path.read_text().splitlines() if line.startswith("| ")]


@test
def every_row_in_which_the_real_programs_were_stricter_has_its_tests():
    wanted = [f"D{n}" for n in range(1, 21)] + [f"R{n}" for n in range(1, 11)]
    rows = {cells[0]: cells for cells in table_rows(HERE / "README.md") if re.fullmatch(r"[DR]\d+", cells[0])}
    equal(list(rows), wanted)
    # Names as `run` finds them: a part that no test calls proves nothing.
    known = runnable() | set(re.findall(r"^fn (\w+)\(", REPOSITORIES.read_text(), flags=re.M))
    for row, what, tests in rows.values():
        names = re.findall(r"`(\w+)`", tests)
        holds(names and what, row)
        equal((row, [n for n in names if n not in known]), (row, []))


@test
def every_played_command_is_told_of():
    """What `stand-in` simulates by name, and each module that simulates something."""
    text = (HERE / "README.md").read_text()
    played = re.findall(r"^  ([a-z][a-z0-9.| -]*)\)", (HERE / "stand-in").read_text().split("\ncase $name in\n")[1], flags=re.M)
    names = {name for group in played for name in re.split(r"[ |]+", group) if name}
    holds(len(names) > 20, names)
    # Variants of a command that a row has under another name.
    same = {"groupadd": "useradd", "umount": "mount", "getfattr": "gluster", "setfattr": "gluster", "mount.glusterfs": "gluster",
            "vgs": "real LVM", "sync": "signals", "getenforce": "sysctl", "setenforce": "sysctl", "keystone-manage": "keystone-manage"}
    equal(sorted(n for n in names if not re.search(rf"\b{re.escape(same.get(n, n))}\b", text)), [])
    for module in ("apis", "schema", "machines", "openstack", "message_queue", "nova_rules", "readers", "server"):
        holds((HERE / f"{module}.py").exists() and f"`{module}.py`" in text, module)


@test
def the_table_of_waiting_times_is_that_of_the_steps():
    told = {cells[0]: cells[2] for cells in table_rows(DOCS) if len(cells) == 3 and re.fullmatch(r"\d+ s", cells[2])}
    real = {}
    for step in (TEMPLATES / "steps").rglob("*.sh"):
        for seconds in re.findall(r"^verify_seconds=(\d+)", step.read_text(), flags=re.M):
            real[step.stem] = f"{seconds} s"
    equal(told, real)


@test
def every_difference_from_the_paper_that_was_missed_is_told():
    first = {cells[0]: cells for cells in table_rows(DOCS)}
    for what in ("`yum update -y` on every node, before 02", "15-glance-init-db", "06-bridge-filter (5)", "tgtd", "nova.conf `routing_source_ip` (gateway)"):
        holds(what in first, f"docs/firstboot.md has no row {what}")
