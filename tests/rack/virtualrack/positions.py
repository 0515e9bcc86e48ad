"""Random layouts by the thousand: the planner's own random nodes, and where blivet would put what their sections ask for.

The planner's side comes from the property test (tests/kickstart/plan_model), blivet's from outside/positions.py in a chroot of the
blivet guest's root. Nothing is written to any disk.
"""

import json
import os
import subprocess
import time

from virtualrack.measured import BIOS_BOOT_CODE, ESP_CODES, LVM_CODES, RAID_CODES, against_plan
from virtualrack.waiting import Stalled


def planned(path, count, seed):
    """Writes so many random plans; returns them."""
    here = os.path.dirname(os.path.abspath(__file__))
    environment = os.environ | {"COUNT": str(count), "SEED": str(seed), "PLANS": path}
    done = subprocess.run(["cargo", "test", "--quiet", "--locked", "--test", "kickstart", "random_plans", "--", "--ignored"],
                          cwd=f"{here}/../../..", env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Stalled(f"the property test wrote no plans:\n{done.stdout}{done.stderr}")
    with open(path) as file:
        plans = [json.loads(line) for line in file]
    for number, one in enumerate(plans):
        one["slots"] = {name: name for name in one["disks"]}
        one["title"] = f"random plan {seed}/{number} on {one['release'][0]}"
    return plans


def of_cells(cells, disks, names):
    """Cases from cells of the matrix, without those whose table %pre makes."""
    about = {disk.key: {"bytes": disk.bytes, "sector_size": disk.sector_size} for disk in disks}
    for cell in cells:
        text = cell.storage(names)
        if cell.commands(text) == text:
            yield {"title": cell.title, "release": cell.release, "efi": cell.efi, "text": text, "plan": cell.plan(),
                   "disks": {names[key]: about[key] for key in cell.slots.values()},
                   "slots": {slot: names[key] for slot, key in cell.slots.items()}}


def as_read(answer):
    """Blivet's answer in the words of a disk that was read back."""
    for disk in answer["disks"].values():
        for part in disk["partitions"]:
            codes = {"extended": "f", "lvmpv": LVM_CODES[disk["label"]], "mdmember": RAID_CODES[disk["label"]],
                     "efi": ESP_CODES[disk["label"]], "biosboot": BIOS_BOOT_CODE}
            part["code"] = codes.get(part["kind"], "83")
    return answer


def chroot(root):
    """The command that runs outside/positions.py; a user without rights gets them in a namespace of its own."""
    who = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    steps = ("for i in proc sys; do mount --rbind /$i $0/$i; done; mount -t tmpfs none $0/tmp; mount -t tmpfs none $0/dev; "
             "for i in null zero urandom; do touch $0/dev/$i; mount --bind /dev/$i $0/dev/$i; done; exec chroot $0 ")
    return [*who, "sh", "-c", steps + "env PYTHONPATH=/opt python3 /opt/positions.py", root]


def compare(plans, root, tally):
    """Ask blivet for each plan and compare."""
    process = subprocess.Popen(chroot(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for one in plans:
            began = time.monotonic()
            process.stdin.write(json.dumps({key: one[key] for key in ("disks", "text", "release", "efi")}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise Stalled("blivet ended early")
            answer = json.loads(line)
            wrong = [answer["error"]] if "error" in answer else against_plan(one["plan"], as_read(answer), one["slots"])
            if wrong:
                wrong += [f"disks: {one['disks']}", *(line for line in one["text"].splitlines() if not line.startswith("#"))]
            tally.add(one["title"], wrong, f"{time.monotonic() - began:.1f} s", quiet=True)
    finally:
        process.kill()
        process.wait()
