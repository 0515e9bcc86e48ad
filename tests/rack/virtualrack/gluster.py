"""The GlusterFS volume of the paper, looked at from inside its nodes."""

VOLUME = "vm-instances"
MOUNT = "/var/lib/nova/instances"


def check_gluster(rack, say):
    """Returns what is wrong: bricks, replica count, mounts, and whether a file travels between nodes."""
    problems = []
    guest = rack.guests["controller"]
    _, info = guest.run(f"gluster --mode=script volume info {VOLUME}")
    _, status = guest.run(f"gluster --mode=script volume status {VOLUME} detail")
    online = sum(1 for line in status.splitlines() if line.replace(" ", "").startswith("Online:Y"))
    say(f"\nGlusterFS, asked on {guest.node.name}:")
    for line in info.splitlines():
        if line.startswith(("Volume Name", "Type", "Status", "Number of Bricks", "Brick")):
            say(f"  {line}")
    say(f"  bricks online: {online} of 4")
    if online != 4 or "Status: Started" not in info or "1 x 4 = 4" not in info:
        problems.append(f"the volume {VOLUME} is not a started replica of four bricks\n{info}\n{status}")
    code, output = guest.run(f"echo from-the-controller > {MOUNT}/.rack-proof && sync")
    if code != 0:
        problems.append(f"controller cannot write to {MOUNT}: {output}")
    for name, other in rack.guests.items():
        code, output = other.run(f"grep -q ' {MOUNT} fuse.glusterfs ' /proc/mounts && cat {MOUNT}/.rack-proof")
        if output.strip() != "from-the-controller":
            problems.append(f"{name} does not read through {MOUNT} what the controller wrote: {output}")
    # The same bytes must lie on every brick: that is what a replica is.
    for name, other in rack.guests.items():
        if name.startswith("compute"):
            _, output = other.run("cat /export/gluster/brick/.rack-proof")
            if output.strip() != "from-the-controller":
                problems.append(f"the brick of {name} does not hold the file: {output}")
    guest.run(f"rm -f {MOUNT}/.rack-proof")
    if not problems:
        say("  a file written on the controller is on all four bricks and readable on all five nodes")
    return problems
