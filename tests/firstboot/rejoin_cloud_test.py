"""Nodes of a running cloud are reinstalled: Nova has them back under their names, in the rows that they had."""

import subprocess

from cloud_test import cloud, every_key_is_right, services_of
from harness import equal, holds
from rejoin_test import back, identity, reimage
from site_test import is_complete
from world import NODES

COMPUTE_START = "08-openstack-compute/05-nova-compute-start"
# What was made once for the whole cloud, whichever node made it.
ONCE = ("nova-manage network create", "nova secgroup-add-rule", "nova-manage db sync", "gluster volume create")


def errand(world, verb, name):
    """Asks the controller as rackstart does; its report is the answer."""
    controller = world.nodes["controller"]
    heard = len(world.events("controller", "errand"))
    world.server.errands[controller.token] = f"{verb} 5f0c81aa {name}\n"
    world.wait(lambda: len(world.events("controller", "errand")) > heard, 90, f"the answer to {verb} {name}")
    answer = world.events("controller", "errand")[-1]["detail"]
    holds(answer.startswith(f"{verb} 5f0c81aa yes nova-compute on {name} is {verb}d"), answer)


def alive(world):
    """What the controller's `nova-manage service list` shows, line by line."""
    env = world.nodes["controller"].env()
    lines = subprocess.run(["nova-manage", "service", "list"], env=env, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return sorted((w[0], w[1], w[3], w[4]) for w in map(str.split, lines[1:]))


def comes_back(world, node, keep):
    name = node.name
    ids, rows, lines = row_ids(world), services_of(world, *NODES), alive(world)
    was = reimage(node, keep)
    holds(("nova-compute", name, "disabled", "XXX") in alive(world), alive(world))
    node.start()
    # Its own proof asks for an enabled row: it waits in it until rackstart has the controller enable it again.
    log = node.root / f"var/log/rackstart/{COMPUTE_START.replace('/', '.')}.log"
    shown = f"does not show nova-compute on {name} as alive"
    world.wait(lambda: log.exists() and shown in log.read_text(), 180, "the proof that does not hold yet")
    holds(("nova-compute", name, "disabled", ":-)") in alive(world), alive(world))
    holds(not node.ready(), "ready although its service is disabled")
    errand(world, "enable", name)
    equal(node.process.wait(180), 0)
    equal((identity(node), world.events(name)[-1]["event"]), (was, "ready"))
    equal((row_ids(world), alive(world)), (ids, [l[:2] + ("enabled", ":-)") for l in lines]))
    equal(services_of(world, *NODES), [row[:2] + ("0",) for row in rows])
    equal([c for c in node.changes() if c.startswith(ONCE)], [])
    back(node, was, "kept" if keep else "replaced")
    is_complete(world)
    every_key_is_right(world)


def row_ids(world):
    return world.nodes["controller"].sql("SELECT id, `binary`, host FROM nova.services ORDER BY id;")


@cloud.chapter
def a_compute_node_and_a_gateway_that_are_installed_anew_have_their_services_back_under_the_same_names(world):
    controller = world.nodes["controller"]
    equal(len(row_ids(world).splitlines()), 9)
    before = world.cloud.content(), controller.sql("SELECT cidr FROM nova.networks;"), (world.dir / "security-rules").read_text()
    controller.start("start", RACKSTART_HEALTH_PAUSE="1")
    for name, keep in (("compute3", False), ("compute1", True)):
        errand(world, "disable", name)
        comes_back(world, world.nodes[name], keep)
    equal((world.cloud.content(), controller.sql("SELECT cidr FROM nova.networks;"), (world.dir / "security-rules").read_text()), before)
    controller.process.terminate()
    controller.process.wait(60)
