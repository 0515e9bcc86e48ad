"""Planned against actual: `rackstart plan --json NODE` beside what the inspector read from the disk."""


def planned(plan):
    """Rows (what, size in MiB) in a fixed order, from the plan of one node."""
    rows = [(f"sda{p['number']}", p["size"]) for p in plan["disk"]["partitions"]]
    for group in sorted(plan["volume_groups"], key=lambda group: group["name"]):
        rows.append((group["name"], group["size"]))
        rows.append((f"{group['name']} free", group["free"]))
        for volume in sorted(group["logical_volumes"], key=lambda volume: volume["name"]):
            rows.append((f"{group['name']}/{volume['name']} {volume['file_system']}", volume["size"]))
    return rows


def actual(disk):
    """The rows of the disk itself, like those of the plan."""
    rows = [(f"sda{p['number']}", p["mib"]) for p in disk["partitions"]]
    for group in sorted(disk["vgs"], key=lambda group: group["vg_name"]):
        name = group["vg_name"]
        rows.append((name, group["vg_size"]))
        rows.append((f"{name} free", group["vg_free"]))
        for volume in sorted(disk["lvs"], key=lambda volume: volume["lv_name"]):
            if volume["vg_name"] == name:
                rows.append((f"{name}/{volume['lv_name']} {volume.get('type', '?')}", volume["lv_size"]))
    return rows


def compare(plan, disk):
    """Rows (what, planned, actual); a size is None where the other side has no such thing."""
    want, have = dict(planned(plan)), dict(actual(disk))
    names = list(want) + [name for name in have if name not in want]
    return [(name, want.get(name), have.get(name)) for name in names]


def check_mounts(plan, guest):
    """What of the plan is not mounted where it belongs in the running system; swap must be on."""
    wanted = [(f"/dev/sda{p['number']}", p["mount"]) for p in plan["disk"]["partitions"] if p.get("use") == "mount"]
    for group in plan["volume_groups"]:
        for volume in group["logical_volumes"]:
            node = "/dev/mapper/" + "-".join(name.replace("-", "--") for name in (group["name"], volume["name"]))
            wanted.append((node, volume.get("mount")))
    text = guest.run("cat /proc/mounts; for d in $(awk 'NR > 1 { print $1 }' /proc/swaps); do echo $(readlink -f $d) swap; done; "
                     "for d in /dev/mapper/*; do echo $(readlink -f $d) is $d; done")[1]
    lines = [line.split() for line in text.splitlines()]
    names = {words[0]: words[2] for words in lines if len(words) == 3 and words[1] == "is"}
    there = {(names.get(words[0], words[0]), words[1]) for words in lines if len(words) >= 2}
    return [f"{node} is not mounted on {mount}" if mount else f"{node} is not used as swap"
            for node, mount in wanted if (node, mount or "swap") not in there]


# What the paper prints, for the nodes whose layout is the paper's (MiB; facts behind sda5: docs on layouts).
PAPER = {
    "compute": {"sda1": 500, "sda2": 21000, "sda3": 216974, "vg_base": 20996, "vg_base/lv_root ext4": 10000,
                "vg_base/lv_swap swap": 6000, "vg_base/lv_home ext4": 4996, "vg_gluster": 216972,
                "vg_gluster/lv_gluster xfs": 216972},
    "controller": {"sda1": 500, "sda2": 17000, "sda3": 30000, "vg_base": 16996, "vg_base/lv_root ext4": 10000,
                   "vg_base/lv_swap swap": 2000, "vg_base/lv_home ext4": 4996, "nova-volumes": 29996,
                   "nova-volumes free": 29996, "vg_images": 28788, "vg_images/lv_images ext4": 28788},
}


def against_paper(role, disk):
    """What differs from the paper's own table; empty when nothing does."""
    table = PAPER["controller" if role == "controller" else "compute"]
    have = dict(actual(disk))
    return [f"{name}: {have.get(name)} instead of {size}" for name, size in table.items() if have.get(name) != size]
