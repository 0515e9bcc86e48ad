"""Errands: what a ready node is asked to do for the cloud, and what it answers."""

import os
import shutil
import signal
import subprocess
import time

from harness import equal, holds, test
from runner_test import volume_is_there
from site_test import site
from world import COMPUTES


def bricks(world, names=COMPUTES, **options):
    """A replicated volume, and a glusterd on each node that holds a brick."""
    pool = world.dir / "gluster"
    (pool / "volume.vm-instances").mkdir(exist_ok=True)
    (pool / "volume.vm-instances/.bricks").write_text("".join(f"{name}:/export/gluster/brick\n" for name in names))
    for name, value in options.items():
        (pool / "volume.vm-instances" / name.replace("_", ".", 1).replace("_", "-")).write_text(value + "\n")
    (pool / "started").touch()
    for name in names:
        (pool / f"member.{name}").touch()
        (world.nodes[name].fake / "running.glusterd").touch()
    installed = world.nodes["compute2"].fake / "installed/gluster"
    if not installed.exists():
        installed.symlink_to(world.dir / "stand-in")


def no_bricks(world):
    shutil.rmtree(world.dir / "gluster")
    (world.dir / "gluster").mkdir()
    for node in world.nodes.values():
        (node.fake / "running.glusterd").unlink(missing_ok=True)


def goes_down(world, *names):
    for name in names:
        (world.nodes[name].fake / "running.glusterd").unlink()


def can_leave(world):
    done = world.nodes["compute2"].run("_errand", "leave", "compute2")
    holds(done.returncode in (0, 1), done.stderr)
    return done.returncode == 0, done.stdout.strip()


@test
def a_node_without_a_brick_can_be_missed():
    with site(nodes=["compute2"]) as world:
        equal(can_leave(world), (True, "there is no GlusterFS on it"))
    with site(nodes=COMPUTES) as world:
        bricks(world)
        equal(can_leave(world), (True, "its brick of the volume vm-instances has 3 other copies that are up"))
        bricks(world, ["compute1", "compute3"])
        equal(can_leave(world), (True, "it holds no brick"))
        (world.dir / "gluster/volume.vm-instances/.bricks").unlink()
        (world.dir / "gluster/volume.vm-instances").rmdir()
        equal(can_leave(world), (True, "it holds no brick"))


@test
def a_brick_stays_unless_enough_whole_copies_of_it_are_up():
    only, too_few, open_ = "no other copy of", "too few for its quorum", "entries of the volume vm-instances are not healed yet"
    table = [
        # holders, the quorum of the volume, who is down, what is not healed, the answer
        (COMPUTES, "", [], "", True),
        (COMPUTES, "", ["compute1", "compute3"], "", True),
        (COMPUTES, "", ["compute1", "compute3", "compute4"], "", only),
        (COMPUTES, "auto", ["compute3"], "", True),
        (COMPUTES, "auto", ["compute1"], "", too_few),
        (COMPUTES, "auto", ["compute3", "compute4"], "", too_few),
        (COMPUTES[:3], "", [], "", True),
        (COMPUTES[:3], "", ["compute3"], "", too_few),
        (COMPUTES[:2], "", [], "", True),
        (COMPUTES[:2], "auto", [], "", True),
        (["compute2", "compute1"], "auto", [], "", too_few),
        (["compute2"], "", [], "", "is the only copy"),
        (COMPUTES, "", [], "compute2:/export/gluster/brick 4", f"4 {open_}"),
        (COMPUTES, "", [], "compute4:/export/gluster/brick 1", f"1 {open_}"),
        (COMPUTES, "", ["compute4"], "compute3:/export/gluster/brick 2", f"2 {open_}"),
    ]
    with site(nodes=COMPUTES) as world:
        for names, quorum, down, unhealed, expected in table:
            no_bricks(world)
            bricks(world, names, **({"cluster_quorum_type": quorum} if quorum else {}))
            goes_down(world, *down)
            (world.dir / "gluster/unhealed").write_text(unhealed + "\n")
            yes, said = can_leave(world)
            case = f"{names} {quorum} {down} {unhealed}: {yes}, {said}"
            holds(yes if expected is True else not yes and expected in said, case)


@test
def what_glusterfs_does_not_tell_is_no_yes():
    with site(nodes=COMPUTES) as world:
        bricks(world)
        goes_down(world, "compute2")
        yes, said = can_leave(world)
        holds(not yes and "does not tell its volumes: Connection failed" in said, said)
        bricks(world)
        (world.dir / "gluster/started").unlink()
        yes, said = can_leave(world)
        holds(not yes and "does not tell which bricks are up" in said, said)


@test
def sets_of_copies_are_told_apart_and_arbiters_count():
    text = """
Volume Name: two
Type: Distributed-Replicate
Status: Started
Number of Bricks: 2 x (2 + 1) = 6
Bricks:
Brick1: compute1:/a
Brick2: compute2:/a
Brick3: compute3:/a (arbiter)
Brick4: compute1:/b
Brick5: compute4:/b
Brick6: compute3:/b (arbiter)
Options Reconfigured:
cluster.quorum-count: 2
cluster.quorum-type: fixed
 
Volume Name: plain
Type: Distribute
Number of Bricks: 2
Bricks:
Brick1: compute1:/c
Brick2: compute2:/c
"""
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        script = f'PAYLOAD={node.root}/usr/lib/rackstart; RACKSTART_ROOT={node.root}; . "$PAYLOAD/lib.sh"; . "$PAYLOAD/lib/errands.sh"; bricks'
        done = subprocess.run(["bash", "-c", script], input=text, capture_output=True, text=True, env=node.env())
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        equal([row[:3] for row in rows], [["two", "0", "3"]] * 3 + [["two", "1", "3"]] * 3 + [["plain", "0", "1"], ["plain", "1", "1"]])
        equal({row[5] for row in rows[:6]}, {"fixed:2"})
        equal((rows[1][3:5], rows[7][3:]), (["compute2", "compute2:/a"], ["compute2", "compute2:/c", "none"]))


@test
def a_ready_node_asks_does_what_is_wanted_and_answers_by_a_report():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        world.server.errands[node.token] = "leave 5f0c81aa compute2\nleave ../../x compute2\nwipe 5f0c81aa compute2\n\n"
        node.start("start", RACKSTART_HEALTH_PAUSE="0.3")
        world.wait(lambda: world.events("compute2", "errand"), 40, "the answer")
        answer = world.events("compute2", "errand")[0]["detail"]
        holds(answer.startswith("leave 5f0c81aa no compute2:/export/gluster/brick is the only copy of its part"), answer)
        time.sleep(1)
        equal(len(world.events("compute2", "errand")), 1)
        # Armed, and disarmed again: the node goes on asking.
        world.server.errands_answer = 410
        asked = len(world.server.asked)
        world.wait(lambda: len(world.server.asked) > asked + 1, 20, "two more questions")
        world.server.errands_answer = 200
        world.server.errands[node.token] = "leave 77aa compute2\n"
        world.wait(lambda: len(world.events("compute2", "errand")) == 2, 20, "another answer")
        holds(world.events("compute2", "errand")[1]["detail"].startswith("leave 77aa no"), world.events("compute2", "errand"))
        arguments = (node.fake / "arguments").read_text()
        holds(node.token not in arguments, "the token stood on a command line")
        node.process.terminate()
        node.process.wait(10)


@test
def a_repair_that_takes_for_ever_does_not_keep_a_node_from_answering():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        node.start("start", RACKSTART_HEALTH_PAUSE="0.3", RACKSTART_REPAIR_GRACE="1", RACKSTART_ERRANDS_PAUSE="1")
        world.wait(lambda: world.events("compute2", "ready") and world.server.asked, 40, "a ready node that asks")
        (node.fake / "disk.broken").touch()
        node.fresh_boot(brick=False)
        world.wait(lambda: world.events("compute2", "step-failed"), 40, "a repair in vain")
        world.server.errands[node.token] = "leave 5f0c81aa compute2\n"
        world.wait(lambda: world.events("compute2", "errand"), 40, "the answer")
        holds(not [r for r in world.events("compute2", "ready") if r["detail"].startswith("healed:")], "it was healed")
        holds(world.events("compute2", "errand")[0]["detail"].startswith("leave 5f0c81aa no"), "what it says")
        node.process.terminate()
        node.process.wait(10)


@test
def a_stop_does_not_wait_for_an_errand_that_hangs():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        node.start("start", RACKSTART_HEALTH_PAUSE="0.3")
        world.wait(lambda: world.events("compute2", "ready") and world.server.asked, 40, "a ready node that asks")
        gluster = node.fake / "bin/gluster"
        gluster.write_text(f'#!/bin/bash\necho $$ >{node.fake}/hangs\nexec sleep 300\n')
        gluster.chmod(0o755)
        world.server.errands[node.token] = "leave 5f0c81aa compute2\n"
        world.wait(lambda: (node.fake / "hangs").exists() and (node.fake / "hangs").read_text().strip(), 20, "the errand")
        try:
            node.process.terminate()
            node.process.wait(10)
            equal(world.events("compute2", "errand"), [])
        finally:
            # The errand runs in the process group of timeout(1), which would end it after 150 s.
            os.kill(int((node.fake / "hangs").read_text()), signal.SIGKILL)
