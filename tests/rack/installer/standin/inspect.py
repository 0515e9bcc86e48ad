"""Instead of installing: read every disk with parted, LVM and blkid and print one JSON line."""

import json
import subprocess

from standin.console import run, say
from standin.storage import disks, partition_node


def partitions(disk):
    """parted's machine-readable table in sectors."""
    done = subprocess.run(["parted", "-sm", f"/dev/{disk}", "unit", "s", "print"], capture_output=True, text=True)
    rows = [line.rstrip(";").split(":") for line in done.stdout.splitlines()[1:]]
    if not rows:
        return None, []
    found = []
    for row in rows[1:]:
        found.append({
            "number": int(row[0]),
            "start": int(row[1].rstrip("s")),
            "sectors": int(row[3].rstrip("s")),
            "mib": int(row[3].rstrip("s")) // 2048,
            "flags": row[6] if len(row) > 6 else "",
        })
    return rows[0][5], found


def signature(node):
    """TYPE, LABEL and UUID of one device."""
    done = subprocess.run(["blkid", "-p", "-o", "export", node], capture_output=True, text=True)
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {key.lower(): pairs[key] for key in ("TYPE", "LABEL", "UUID") if key in pairs}


def lvm_rows(command, key, fields, nodes):
    """One LVM report restricted to the given devices, so that equal names on other disks do not clash."""
    if not nodes:
        return []
    units = ("--units", "m", "--nosuffix", "--reportformat", "json")
    text = run(command, "--devices", ",".join(nodes), *units, "-o", fields)
    rows = json.loads(text)["report"][0][key]
    for row in rows:
        for field, value in row.items():
            if field.endswith(("_size", "_free", "pe_start")):
                row[field] = int(float(value))
    return rows


def read_disk(disk, sectors):
    """Everything about one disk."""
    label, parts = partitions(disk)
    nodes = []
    for part in parts:
        node = partition_node(disk, part["number"])
        part.update(signature(node))
        if part.get("type") == "LVM2_member":
            nodes.append(node)
    result = {"disk": disk, "sectors": sectors, "label": label, "partitions": parts}
    result["pvs"] = lvm_rows("pvs", "pv", "pv_name,vg_name,pv_size,pv_free,pe_start", nodes)
    result["vgs"] = lvm_rows("vgs", "vg", "vg_name,vg_size,vg_free,vg_extent_size", nodes)
    result["lvs"] = lvm_rows("lvs", "lv", "lv_name,vg_name,lv_size", nodes)
    if nodes:
        run("vgchange", "-q", "--devices", ",".join(nodes), "-ay")
        for row in result["lvs"]:
            row.update(signature(f"/dev/{row['vg_name']}/{row['lv_name']}"))
        run("vgchange", "-q", "--devices", ",".join(nodes), "-an")
    return result


def main():
    """Print, then power off."""
    for disk, sectors in disks().items():
        try:
            say("inspect " + json.dumps(read_disk(disk, sectors)))
        except Exception as error:
            say("inspect " + json.dumps({"disk": disk, "error": f"{type(error).__name__}: {error}"}))
    subprocess.run(["busybox", "poweroff", "-f"])


if __name__ == "__main__":
    main()
