"""What is on the disks, read with other tools than those that made it: sfdisk, blkid, LVM's own report, mdadm.

Sizes are bytes, so that disks with sectors of 512 and of 4096 bytes read alike.
"""

import glob
import json
import subprocess

from standin.console import run

FIELDS = {
    "pv": "pv_name,vg_name,pv_size,pv_used,pe_start,pv_uuid",
    "vg": "vg_name,vg_size,vg_free,vg_extent_size,vg_extent_count,vg_free_count,pv_count,vg_uuid",
    "lv": "lv_name,vg_name,lv_size,lv_uuid",
}


def table(disk):
    """(label, partitions in the order on the disk) as sfdisk sees them; (None, []) for a disk without a table."""
    done = subprocess.run(["sfdisk", "-J", f"/dev/{disk}"], capture_output=True, text=True)
    if done.returncode != 0:
        return None, []
    seen = json.loads(done.stdout)["partitiontable"]
    unit = int(seen.get("sectorsize", 512))
    found = []
    for row in seen.get("partitions", []):
        number = int(row["node"].removeprefix(f"/dev/{disk}").removeprefix("p"))
        found.append({
            "number": number, "node": row["node"], "start": row["start"] * unit, "size": row["size"] * unit,
            "code": row["type"].lower(), "bootable": row.get("bootable", False),
        })
    return {"dos": "msdos"}.get(seen["label"], seen["label"]), sorted(found, key=lambda part: part["start"])


def signatures(nodes):
    """Node -> {type, label, uuid, ..} of everything that blkid recognises."""
    found, left = {}, list(nodes)
    while left:
        done = subprocess.run(["blkid", "-p", "-o", "export", *left], capture_output=True, text=True)
        for block in done.stdout.split("\n\n"):
            pairs = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            if "DEVNAME" in pairs:
                found[pairs["DEVNAME"]] = {key.lower(): pairs[key] for key in ("TYPE", "LABEL", "UUID") if key in pairs}
        # blkid ends at the first device with nothing on it; go on behind that one.
        left = left[next((at for at, node in enumerate(left) if node not in found), len(left)) + 1 :]
    return found


def lvm_report():
    """Rows of pv, vg and lv; one program start each, because `lvm fullreport` has no common field list."""
    report = {}
    for kind, fields in FIELDS.items():
        text = run(f"{kind}s", "--units", "b", "--nosuffix", "--reportformat", "json", "-o", fields)
        report[kind] = json.loads(text)["report"][0][kind]
        for row in report[kind]:
            for field, value in row.items():
                if value.isdigit():
                    row[field] = int(value)
    return report


def arrays():
    """md arrays: name, level, size in bytes, member nodes."""
    found = []
    for path in sorted(glob.glob("/sys/block/md*/md")):
        name = path.split("/")[3]
        with open(f"{path}/level") as level, open(f"/sys/block/{name}/size") as size, open(f"{path}/metadata_version") as version:
            found.append({
                "name": name, "level": level.read().strip(), "size": int(size.read()) * 512, "metadata": version.read().strip(),
                "members": sorted("/dev/" + p.rsplit("/", 1)[1] for p in glob.glob(f"/sys/block/{name}/slaves/*")),
            })
    return found


def read(disks):
    """Everything about these disks; logical volumes are expected to be active."""
    result = {"disks": {}, "md": arrays(), **lvm_report()}
    nodes = []
    for disk in disks:
        label, parts = table(disk)
        result["disks"][disk] = {"label": label, "partitions": parts}
        nodes += [part["node"] for part in parts] or [f"/dev/{disk}"]
    volumes = {f"/dev/{row['vg_name']}/{row['lv_name']}": row for row in result["lv"]}
    known = signatures([*nodes, *volumes, *(f"/dev/{array['name']}" for array in result["md"])])
    for disk in result["disks"].values():
        for part in disk["partitions"]:
            part.update(known.get(part["node"], {}))
    for name, disk in result["disks"].items():
        if not disk["partitions"]:
            disk["signature"] = known.get(f"/dev/{name}", {}).get("type")
    for node, row in volumes.items():
        row.update(known.get(node, {}))
    for array in result["md"]:
        array.update(known.get(f"/dev/{array['name']}", {}))
    return result
