"""Nodes that come back: reinstalled while the cloud runs, or rejected by their peers."""

import shutil

from harness import equal, holds, test
from runner_test import volume_is_there
from site_test import all_ready, changes_of_pool, five_nodes, is_complete, site

REJOIN = "04-glusterfs-compute/01-glusterfs-rejoin"


def reimage(node, keep):
    """A new disk for a node, except for its brick if that is kept; the server tells the node its former UUID."""
    world, name = node.world, node.name
    node.power_cut()
    told = [r["keep.GLUSTER_UUID"] for r in world.events(name) if r.get("keep.GLUSTER_UUID")]
    brick, aside = node.root / "export/gluster", world.dir / f"{name}.brick"
    if keep:
        shutil.move(brick, aside)
    shutil.rmtree(node.root.parent)
    values, world.values = world.values, {**world.values, "gluster_uuid": told[-1]}
    node.__init__(world, name)
    world.values = values
    if keep:
        shutil.rmtree(brick)
        shutil.move(aside, brick)
    return told[-1]


def identity(node):
    text = (node.root / "var/lib/glusterd/glusterd.info").read_text()
    return dict(line.split("=", 1) for line in text.splitlines())["UUID"]


def back(node, was, how):
    equal(identity(node), was)
    said = [r["detail"] for r in node.world.events(node.name, "step-done") if r["step"] == REJOIN]
    holds(f"back in the pool, brick {how}" in said[-1], said)
    equal(len(changes_of_pool(node.world, "gluster volume create")), 1)


@five_nodes.chapter
def a_node_that_is_installed_anew_is_who_it_was_and_its_brick_is_in_the_volume(world):
    node = world.nodes["compute3"]
    world.wait(lambda: world.events("compute3", "ready"), 20, "the last report")
    for keep, how in ((True, "kept"), (False, "replaced")):
        was = reimage(node, keep)
        equal(node.run("start", timeout=180).returncode, 0)
        world.wait(lambda: not list((node.state / "queue").glob("[0-9]*")), 20, "the reports")
        back(node, was, how)
        equal(any("reset-brick" in c for c in node.changes()), not keep)
        is_complete(world)


# Called on a directory of the volume while the brick of this node is away: what the other bricks note against it.
NOTED = """#!/bin/bash
case ${*: -1} in
  */rackstart/volume | */rackstart/volume/*)
    if [ ! -e "$RACKSTART_ROOT/proc/4242" ] && grep -q "/rackstart/volume fuse.glusterfs " "$RACKSTART_ROOT/proc/mounts"; then
      echo "noted %s ${*: -1}" >>"$FAKE/changes"
    fi ;;
esac
exec /bin/%s "$@"
"""


def records_what_is_noted(node):
    for command in ("mkdir", "rmdir", "touch"):
        (node.fake / "bin" / command).write_text(NOTED % (command, command))
        (node.fake / "bin" / command).chmod(0o755)
    # Of the package attr, which a minimal CentOS 6 has.
    for command in ("getfattr", "setfattr"):
        (node.fake / "bin" / command).symlink_to(node.world.dir / "stand-in")


def changes_of_brick(node):
    words = ("noted", "mount -t", "umount", "setfattr", "gluster volume")
    return [c.replace(str(node.root), "") for c in node.changes() if c.startswith(words)]


@test
def before_gluster_3_9_a_wiped_brick_is_noted_as_missing_then_claimed_and_healed():
    for version in ("3.3.1", "3.8.15"):
        with site() as world:
            (world.dir / "gluster/version").write_text(f"{version}\n")
            for node in world.nodes.values():
                node.start()
            all_ready(world, 120)
            node = world.nodes["compute3"]
            world.wait(lambda: world.events("compute3", "ready"), 20, "the last report")
            at, brick = "/var/lib/rackstart/volume", "/export/gluster/brick"
            for keep, expected in (
                (False, ["mount -t glusterfs localhost:/vm-instances " + at, f"noted mkdir {at}/.rackstart-back-compute3",
                         f"noted rmdir {at}/.rackstart-back-compute3", f"noted touch {at}", f"umount {at}",
                         f"setfattr trusted.glusterfs.volume-id 0x0b9d2c4e7a614f389c1d52e8a6f3b700 {brick}",
                         "gluster volume start vm-instances force", "gluster volume heal vm-instances full"]),
                (True, ["gluster volume heal vm-instances full"]),
            ):
                was = reimage(node, keep)
                records_what_is_noted(node)
                equal(node.run("start", timeout=180).returncode, 0)
                world.wait(lambda: not list((node.state / "queue").glob("[0-9]*")), 20, "the reports")
                back(node, was, "kept" if keep else "replaced")
                equal((version, changes_of_brick(node)), (version, expected))
                is_complete(world, knows_ports=version != "3.3.1")


@five_nodes.chapter
def a_node_whose_identity_nobody_remembers_asks_the_controller_for_it(world):
    node = world.nodes["compute2"]
    world.wait(lambda: world.events("compute2", "ready"), 20, "the last report")
    was = identity(node)
    reimage(node, keep=False)
    env = node.root / "usr/lib/rackstart/env"
    env.write_text(env.read_text().replace(f"GLUSTER_UUID={was}", "GLUSTER_UUID=''"))
    equal(node.run("start", timeout=180).returncode, 0)
    equal(identity(node), was)
    is_complete(world)


@five_nodes.chapter
def a_node_that_its_peers_reject_mends_itself_and_says_so(world):
    node = world.nodes["compute4"]
    was, before = identity(node), len(world.events("compute4", "ready"))
    node.start(RACKSTART_HEALTH_PAUSE="1")
    world.wait(lambda: len(world.events("compute4", "ready")) == before + 1, 60, "another start")
    (node.root / "var/lib/glusterd/vols").mkdir(exist_ok=True)
    (node.root / "var/lib/glusterd/vols/spoilt").touch()
    world.wait(lambda: len(world.events("compute4", "ready")) == before + 2, 90, "the healing")
    holds(f"healed: {REJOIN}" in world.events("compute4", "ready")[-1]["detail"], world.events("compute4", "ready"))
    equal(identity(node), was)
    holds(list(node.state.glob("glusterd-*/vols/spoilt")), "what was there is put aside, not deleted")
    is_complete(world)
    node.process.terminate()
    node.process.wait(20)


# The last chapter of its story, because after it no node remembers who has made the volume.
@five_nodes.chapter
def a_controller_that_lost_its_volume_does_not_make_it_a_second_time(world):
    node = world.nodes["controller"]
    world.wait(lambda: world.events("controller", "ready"), 20, "the last report")
    # The volume as its peers know it, and a controller to which they do not tell it.
    reimage(node, keep=False)
    (world.dir / "gluster/hidden").write_text("controller")
    equal(node.run("start", timeout=180).returncode, 1)
    equal(len(changes_of_pool(world, "gluster volume create")), 0)
    holds("it is not made a second time" in (node.state / "failure").read_text(), (node.state / "failure").read_text())
    (world.dir / "gluster/hidden").unlink()
    equal(node.run("resume", timeout=180).returncode, 0)
    equal(len(changes_of_pool(world, "gluster volume create")), 0)


@test
def no_brick_is_made_where_its_file_system_is_not_mounted():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        mounts = node.root / "proc/mounts"
        mounts.write_text("".join(f"{line}\n" for line in mounts.read_text().splitlines() if "/export/gluster" not in line))
        equal(node.run("run", REJOIN).returncode, 1)
        holds("is not mounted on" in node.run("status").stdout, node.run("status").stdout)
        holds(not (node.root / "export/gluster/brick").exists(), "a brick on the system's disk")
        holds(not any("reset-brick" in change for change in node.changes()), node.changes())
