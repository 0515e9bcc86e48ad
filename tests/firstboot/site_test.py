"""Whole sites: five nodes against one shared GlusterFS state."""

import contextlib

from harness import Story, equal, holds, test
from world import COMPUTES, NODES, World


@contextlib.contextmanager
def site(**how):
    world = World(**how)
    try:
        yield world
    finally:
        world.close()


def all_ready(world, seconds=120):
    world.wait(lambda: all(n.ready() for n in world.nodes.values()), seconds, "five ready nodes")


def changes_of_pool(world, words):
    return [c for node in world.nodes.values() for c in [*node.forgotten, *node.changes()] if c.startswith(words)]


def is_complete(world, knows_ports=True):
    """The paper's groups 01 to 04, seen from outside."""
    for name, node in world.nodes.items():
        files = node.files()
        line = "localhost:/vm-instances /var/lib/nova/instances glusterfs defaults,_netdev 0 0"
        equal(files["etc/fstab"].count("/var/lib/nova/instances"), 1)
        holds(line in files["etc/fstab"], f"{name}: {files['etc/fstab']}")
        holds("/var/lib/nova/instances fuse.glusterfs" in files["proc/mounts"], f"{name} has not mounted")
        equal(files["leftovers"], [])
        holds("SELINUX=permissive" in files["etc/selinux/config"], name)
        equal((name, "option base-port 49252" in files["etc/glusterfs/glusterd.vol"]), (name, knows_ports))
        equal((node.root / "export/gluster/brick").is_dir(), name in COMPUTES)
    volume = world.dir / "gluster/volume.vm-instances"
    equal((volume / ".bricks").read_text().split(), [f"{c}:/export/gluster/brick" for c in COMPUTES])
    equal((volume / "storage.owner-uid").read_text(), "162\n")
    equal((volume / "auth.allow").read_text(), ",".join(["127.0.0.1", *map(world.address, NODES)]) + "\n")
    equal(len(changes_of_pool(world, "gluster volume create")), 1)


@contextlib.contextmanager
def five_that_are_ready():
    with site() as world:
        for node in world.nodes.values():
            node.start()
        all_ready(world)
        for node in world.nodes.values():
            node.process.wait(20)
        yield world


# Its nodes are ready, and no runner supervises them.
five_nodes = Story(five_that_are_ready)


@five_nodes.chapter
def five_nodes_started_at_once_become_ready(world):
    is_complete(world)
    for name in NODES:
        sequences = [int(r["seq"]) for r in world.events(name)]
        equal(sequences, sorted(sequences))
        equal([r["event"] for r in world.events(name)][::len(sequences) - 1], ["firstboot-started", "ready"])
        done = [r["step"] for r in world.events(name, "step-done")]
        listed = world.nodes[name].run("status").stdout.splitlines()
        equal(done, [word for line in listed for word in line.split()[2:3] if "/" in word])


@test
def five_nodes_started_one_by_one_from_the_end_become_ready():
    with site(security="paper") as world:
        world.nodes["controller"].start()
        for name in reversed(COMPUTES):
            before = world.nodes[name]
            before.start()
            step = "02-glusterfs-all/04-glusterfs-start"
            world.wait(lambda before=before: before.entry(step) == "done", 30, f"{step} on {name}")
            holds(not world.nodes["controller"].ready(), "the controller cannot be ready yet")
        all_ready(world)
        is_complete(world)
        waits = [r["detail"] for r in world.events("controller", "waiting")]
        holds(any("glusterd on compute1 (tcp 24007)" in w for w in waits), waits)


@five_nodes.chapter
def a_second_run_changes_nothing_and_applies_nothing(world):
    for node in world.nodes.values():
        before = node.files(), times(node)
        node.forget_changes()
        done = node.run("start")
        equal((done.returncode, node.changes()), (0, []))
        equal((node.files(), times(node)), before)


def times(node):
    return {p: p.stat().st_mtime_ns for p in (node.root / "etc").rglob("*") if p.is_file()}


@five_nodes.chapter
def a_rebooted_node_repairs_itself_and_stays_ready(world):
    node = world.nodes["compute3"]
    already = len(world.events("compute3"))
    node.forget_changes()
    # The boot did not mount the brick, and started no service.
    node.power_cut()
    node.fresh_boot(brick=False)
    equal(node.run("start").returncode, 0)
    is_complete(world)
    equal([r["event"] for r in world.events("compute3")[already:]], ["ready"])
    holds("repaired" in world.events("compute3")[-1]["detail"], world.events("compute3")[-1])
    holds("mount /export/gluster" in node.changes(), node.changes())
    holds(not any(c.startswith("yum") for c in node.changes()), node.changes())


@test
def a_peer_that_is_rejected_stops_the_controller_by_its_state():
    with site() as world:
        (world.dir / "gluster/rejected").write_text("compute2")
        for node in world.nodes.values():
            node.start()
        controller = world.nodes["controller"]
        step = "03-glusterfs-controller/01-glusterfs-probe"
        world.wait(lambda: controller.entry(step) == "failed", 120, "the failure")
        world.wait(lambda: world.events("controller", "step-failed"), 5, "its report")
        holds("peer compute2" in world.events("controller", "step-failed")[0]["detail"], world.events("controller"))
        (world.dir / "gluster/rejected").unlink()
        equal(controller.run("resume").returncode, 0)
        all_ready(world)


@test
def a_brick_is_never_made_on_the_root_disk():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.fresh_boot(brick=False)
        (node.fake / "disk.broken").touch()
        node.start()
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        holds("/export/gluster to be mounted" in world.events("compute2", "waiting")[0]["detail"], "what for")
        holds(not (node.fake / "running.glusterd").exists(), "glusterd must not run without its brick")
        holds(not (node.root / "export/gluster/brick").exists(), "no brick below an empty mount point")
