"""What `rackstart plan --json` predicts and what the workbench read from real disks, in the same words.

Both sides become a dict from a name such as `os 2 start` to a value; equal dicts mean that the prediction was right. Nothing is
rounded: partitions in bytes, volume groups in extents.
"""

MIB = 1 << 20
LVM_CODES = {"msdos": "8e", "gpt": "e6d6d379-f507-44c2-a23c-238f2a3df928"}
RAID_CODES = {"msdos": "fd", "gpt": "a19d880f-05fc-4d3b-a006-743f0f84911e"}
ESP_CODES = {"msdos": "ef", "gpt": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"}
BIOS_BOOT_CODE = "21686148-6449-6e6f-744e-656564454649"
EXTENDED_CODES = ("5", "f", "85")


def planned_disk(slot, disk):
    """One disk of a plan."""
    rows = {f"{slot} label": disk["label"]}
    for part in disk["partitions"]:
        name = f"{slot} {part['number']}"
        rows[f"{name} start"], rows[f"{name} size"] = part["start"] * MIB, part["size"] * MIB
        rows[f"{name} use"] = {
            "mount": lambda: part["file_system"], "efi-system": lambda: "ESP vfat",
            "bios-boot": lambda: "BIOS boot", "physical-volume": lambda: "PV", "extended": lambda: "extended",
            "raid-member": lambda: "RAID",
        }[part["use"]]()
    return rows


def planned_groups(plan):
    """The exact volume groups of a plan, under the names that the installer gives them."""
    rows = {}
    for group in plan["volume_groups"]:
        if not group.get("exact", True):
            continue
        name = group["installer_name"] or group["name"]
        used = sum(volume["extents"] for volume in group["logical_volumes"])
        rows[f"{name} extents"], rows[f"{name} free"] = group["extents"], group["extents"] - used
        rows[f"{name} size"], rows[f"{name} extent size"] = group["size"] * MIB, group["extent_size"] * MIB
        for volume in group["logical_volumes"]:
            rows[f"{name}/{volume['name']}"] = f"{volume['extents']} extents, {volume['file_system']}"
    return rows


def use_of(part, label):
    """What a real partition is for, by its type code and by what is on it; both must say the same."""
    code, content = part["code"], part.get("type")
    if label == "msdos" and code in EXTENDED_CODES:
        return "extended"
    if code == BIOS_BOOT_CODE:
        return "BIOS boot" if content is None else f"BIOS boot with {content}"
    if code == ESP_CODES[label]:
        return f"ESP {content}"
    if code == LVM_CODES[label]:
        return "PV" if content == "LVM2_member" else f"type LVM with {content}"
    if code == RAID_CODES[label]:
        return "RAID" if content == "linux_raid_member" else f"type RAID with {content}"
    return content if content != "LVM2_member" else f"PV of type {code}"


def measured_disk(slot, disk):
    """The rows of a real disk, like those of a planned one."""
    rows = {f"{slot} label": disk["label"]}
    for part in disk["partitions"]:
        name = f"{slot} {part['number']}"
        rows[f"{name} start"], rows[f"{name} size"] = part["start"], part["size"]
        rows[f"{name} use"] = use_of(part, disk["label"])
    return rows


def measured_groups(read):
    """The rows of real volume groups, like those of planned ones."""
    rows = {}
    for group in read["vg"]:
        name, extent = group["vg_name"], group["vg_extent_size"]
        rows[f"{name} extents"], rows[f"{name} free"] = group["vg_extent_count"], group["vg_free_count"]
        rows[f"{name} size"], rows[f"{name} extent size"] = group["vg_size"], extent
        for volume in (v for v in read["lv"] if v["vg_name"] == name):
            rows[f"{name}/{volume['lv_name']}"] = f"{volume['lv_size'] // extent} extents, {volume.get('type')}"
    return rows


def differences(want, have):
    """One line per row that is not the same."""
    return [f"{name}: {have.get(name)} instead of {want.get(name)}"
            for name in [*want, *(name for name in have if name not in want)] if want.get(name) != have.get(name)]


def at_least(group, have):
    """A group on a mirror may have more than planned, never less; its exact volumes are exact all the same."""
    # What the installer made: from 6.4 on EL6 drops dashes.
    name, extent = group.get("installer_name") or group["name"], group["extent_size"] * MIB
    wrong = []
    size, free = have.get(f"{name} size", 0), have.get(f"{name} free", -1)
    if not group["size"] * MIB <= size <= (group["size"] + 140) * MIB:
        wrong.append(f"{name} size: {size} instead of {group['size'] * MIB} or little more")
    if not any(volume.get("grows") for volume in group["logical_volumes"]) and free * extent < group["free"] * MIB:
        wrong.append(f"{name} free: {free} extents instead of at least {group['free']} MiB")
    for volume in group["logical_volumes"]:
        words = have.get(f"{name}/{volume['name']}", "0 extents, nothing")
        count, system = int(words.split()[0]), words.split(", ")[1]
        right = count >= volume["extents"] if volume.get("grows") else count == volume["extents"]
        if not right or system != volume["file_system"]:
            wrong.append(f"{name}/{volume['name']}: {words} instead of {volume['extents']} extents, {volume['file_system']}")
    return wrong


def mirrors(plan, read, slots):
    """What of the planned mirrors is not as planned."""
    # From EL7 on md0 is the name of an array and not the number of its device.
    wrong, there = [], {tuple(array["members"]): array for array in read["md"]}
    for array in plan.get("arrays", []):
        members = sorted(f"/dev/{slots[m['disk']]}{'p' if slots[m['disk']][-1].isdigit() else ''}{m['partition']}" for m in array["members"])
        real = there.pop(tuple(members), None)
        if real is None:
            wrong.append(f"{array['device']} of {' and '.join(members)} is missing")
            continue
        holds = {"mount": array.get("file_system"), "physical-volume": "LVM2_member", "efi-system": "vfat"}[array["use"]]
        for what, want, have in (("level", "raid1", real["level"]), ("content", holds, real.get("type"))):
            if want != have:
                wrong.append(f"{array['device']} {what}: {have} instead of {want}")
        if not array["at_least"] * MIB <= real["size"] <= (array["at_least"] + 140) * MIB:
            wrong.append(f"{array['device']} size: {real['size']} instead of {array['at_least'] * MIB} or little more")
    return wrong + [f"{array['name']} of {' and '.join(members)} was not planned" for members, array in there.items()]


def against_plan(plan, read, slots):
    """What differs; `slots` maps slot -> kernel name. Every disk that no slot has must still be blank."""
    disks = plan.get("disks") or [{**plan["disk"], "slot": "os"}]
    want, have = planned_groups(plan), measured_groups(read)
    wrong = []
    for group in (group for group in plan["volume_groups"] if not group.get("exact", True)):
        wrong += at_least(group, have)
        for name in [name for name in have if name.startswith((f"{group['name']} ", f"{group['name']}/"))]:
            del have[name]
    for disk in disks:
        slot = disk.get("slot", "os")
        want |= planned_disk(slot, disk)
        have |= measured_disk(slot, read["disks"][slots[slot]])
    wrong += differences(want, have) + mirrors(plan, read, slots)
    for name, disk in read["disks"].items():
        if name not in slots.values() and (disk["label"] or disk.get("signature")):
            wrong.append(f"{name} is not blank any more: {disk}")
    return wrong
