"""In place of an installer: goes the way of one through the daemon's gates, from the boot script to the report `installed`. There is
no device-mapper here, so the disk is told as it was planned; everything after it is real."""

import json
import re
import urllib.parse

from cloudlab.machine import SERVER
from cloudlab.shell import Failed

KEPT = ["vg_gluster"]
HOME = "/usr/lib/rackstart"


def ask(machine, path, body=None, kind=None, seconds=60):
    """A request from inside the machine, by its own card and address: status and text."""
    words = f"curl -sS -m {seconds} -w '\\n%{{http_code}}' http://{SERVER}{path}"
    if body is not None:
        words += " --data-binary @-" + (f" -H 'Content-Type: {kind}'" if kind else "")
    text, _, status = machine.sh(words, text=body or "").rpartition("\n")
    return int(status), text


def must(machine, expected, path, body=None, kind=None):
    """The same where one status is right."""
    status, text = ask(machine, path, body, kind)
    if status != expected:
        raise Failed(f"{machine.name}: {path.split('/')[1]} was answered with {status}: {text}")
    return text


def facts(plan):
    """The planned disk in the words of an installer that has made it."""
    mib, lines, mounts = 2048, [], []
    for disk in plan["disks"]:
        lines.append(f"label sda {disk['label']}")
        for part in disk["partitions"]:
            lines.append(f"partition sda {part['number']} {part['start'] * mib} {part['size'] * mib}")
            if part.get("mount"):
                mounts.append(f"mount /dev/sda{part['number']} {part['mount']} {part['file_system']}")
    for group in plan["volume_groups"]:
        name = group["name"]
        for volume in group["physical_volumes"]:
            lines.append(f"pv /dev/sda{volume['partition']} {name} P-{name}")
        lines.append(f"vg {name} V-{name} {group['extent_size'] * mib} {group['extents']} {group['free'] // group['extent_size']}")
        for volume in group["logical_volumes"]:
            lines.append(f"lv {name} {volume['name']} L-{name}-{volume['name']} {volume['size'] * mib}")
            if volume["file_system"] == "swap":
                lines.append(f"swap {name} {volume['name']}")
            if volume.get("mount"):
                device = f"{name.replace('-', '--')}-{volume['name'].replace('-', '--')}"
                mounts.append(f"mount /dev/mapper/{device} {volume['mount']} {volume['file_system']}")
    return "\n".join([*lines, *mounts, "end"]) + "\n"


def table(disk):
    """The partitions that are on the disk, as they were made: NUMBER:START:SECTORS."""
    return ",".join(f"{part['number']}:{part['start'] * 2048}:{part['size'] * 2048}" for part in disk["partitions"])


def identities(plan, groups):
    """The volume groups that are kept, in the words of an installer that looks for them: the UUIDs that `facts` told."""
    lines = []
    for group in plan["volume_groups"]:
        name = group["name"]
        if name in groups:
            lines += [f"vg {name} V-{name}", *(f"pv {name} P-{name}" for _ in group["physical_volumes"]),
                      *(f"lv {name}/{volume['name']} L-{name}-{volume['name']}" for volume in group["logical_volumes"])]
    return "\n".join(lines)


def install(daemon, machine, keeps=False):
    """From the boot script to `installed`; firstboot begins with the next boot. With `keeps` the disk is that of before, and
    the file systems in its kept volume groups stay."""
    plan = json.loads(daemon.says("plan", "--json", machine.name))
    script = must(machine, 200, f"/boot/{machine.mac.replace(':', '-')}")
    found = re.search(r"/kickstart/([0-9a-f]{32})", script)
    if not found:
        raise Failed(f"{machine.name} is given no installer: {script}")
    token = found[1]
    if "%include" not in must(machine, 200, f"/kickstart/{token}"):
        raise Failed(f"{machine.name}: a kickstart without its storage section")
    disk = plan["disks"][0]
    form = f"disk=sda&sectors={disk['sectors']}&sector_size={disk['sector_size']}"
    if keeps:
        form += f"&blank=no&found=LVM2_member&table={table(disk)}&identities={urllib.parse.quote(identities(plan, KEPT))}"
    else:
        form += "&blank=yes"
    if ("# keep: vg " if keeps else "clearpart") not in must(machine, 200, f"/permit/{token}", form):
        raise Failed(f"{machine.name}: the permit brought no storage commands")
    must(machine, 204, f"/facts/{token}", facts(plan), "text/plain")
    fstab = "".join(f"/disk/{n}.img {target} xfs loop 0 0\n" for n, target in enumerate(machine.volumes))
    machine.sh(f"""set -e
{'' if keeps else 'for volume in /disk/*.img; do mkfs.xfs -q -i size=512 $volume; done'}
printf '%s' '{fstab}' >/etc/fstab
umask 077
mkdir -p {HOME}
curl -sSf -m 120 -o {HOME}/.payload.tar http://{SERVER}/firstboot/{token}
tar -x -f {HOME}/.payload.tar -C {HOME}
rm -f {HOME}/.payload.tar
{HOME}/install""")
    must(machine, 204, f"/report/{token}", "event=installed&seq=200")
