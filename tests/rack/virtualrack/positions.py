"""Random layouts by the thousand: the planner's own random nodes, and where blivet would put what their sections ask for.

The planner's side comes from the property test (tests/plan_model), blivet's from outside/positions.py in a chroot of the
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
    done = subprocess.run(["cargo", "test", "--quiet", "--locked", "--test", "plan_model", "random_plans", "--", "--ignored"],
                          cwd=f"{here}/../../..", env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Stalled(f"the property test wrote no plans:\n{done.stdout}{done.stderr}")
    with open(path) as file:
        return [json.loads(line) for line in file]


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
        for number, one in enumerate(plans):
            began = time.monotonic()
            process.stdin.write(json.dumps({key: value for key, value in one.items() if key != "plan"}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise Stalled("blivet ended early")
            answer = json.loads(line)
            wrong = [answer["error"]] if "error" in answer else against_plan(one["plan"], as_read(answer), {name: name for name in one["disks"]})
            if wrong:
                wrong += [f"disks: {one['disks']}", *(line for line in one["text"].splitlines() if not line.startswith("#"))]
            release = ".".join(map(str, one["release"]))
            tally.add(f"random plan {number} on {release}", wrong, f"{time.monotonic() - began:.1f} s", quiet=True)
    finally:
        process.kill()
        process.wait()
