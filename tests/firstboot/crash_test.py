"""Power cuts and kill -9, at journal entries (with EVERY=1 at every one) and at random moments. The result
must be the same as without them, and what exists only once must not be made twice."""

import os
import random
import time

from harness import equal, holds, test
from runner_test import volume_is_there
from site_test import changes_of_pool, is_complete, site

# How many random kills a node gets; it is killed at every so many journal entries, and 1 means at every one.
KILLS = int(os.environ.get("KILLS", "6"))
EVERY = int(os.environ.get("EVERY", "25"))


def reference():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        (node.fake / "kill.at").write_text("0")
        equal(node.run("start").returncode, 0)
        return as_text(world), len((node.fake / "syncs").read_text().splitlines())


def as_text(world):
    """The files of the node, without its network, which differs in every world."""
    return {k: str(v).replace(world.prefix, "LAN") for k, v in world.nodes["compute2"].files().items() if k not in ("live", "etc/sysconfig/iptables")}


def killed_at(boundary, expected, cut):
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        (node.fake / "kill.at").write_text(str(boundary))
        equal(node.start().wait(30), -9)
        if cut:
            node.power_cut()
        equal(node.run("start").returncode, 0)
        equal(as_text(world), expected)
        holds(len([c for c in node.changes() if c.startswith("yum")]) == 1, node.changes())
        equal(world.events("compute2")[-1]["event"], "ready")


def some_of(boundaries):
    """A third of the kills, another third in each run; all of them where every entry counts."""
    return boundaries if EVERY == 1 else boundaries[random.randrange(3)::3]


@test
def killed_at_every_odd_boundary_a_node_ends_the_same():
    expected, boundaries = reference()
    for boundary in some_of(range(1, boundaries + 1, 2)):
        killed_at(boundary, expected, cut=False)


@test
def cut_from_power_at_every_even_boundary_a_node_ends_the_same():
    expected, boundaries = reference()
    for boundary in some_of(range(2, boundaries + 1, 2)):
        killed_at(boundary, expected, cut=True)


@test
def killed_at_random_moments_a_node_ends_the_same():
    expected, _ = reference()
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        for kill in range(KILLS):
            node.start()
            time.sleep(chance.uniform(0.02, 0.7))
            node.power_cut() if kill % 3 == 0 else node.kill()
        done = node.run("start")
        equal((seed, done.returncode), (seed, 0))
        equal((seed, as_text(world)), (seed, expected))
        sequences = [int(r["seq"]) for r in world.events("compute2")]
        equal((seed, sequences == sorted(sequences)), (seed, True))


@test
def a_site_whose_nodes_are_killed_at_random_becomes_ready_with_one_volume():
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    with site() as world:
        for node in world.nodes.values():
            node.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.6))
            node = chance.choice(list(world.nodes.values()))
            node.power_cut() if chance.random() < 0.4 else node.kill()
            node.start()
        world.wait(lambda: all(n.process.poll() == 0 for n in world.nodes.values()), 60, f"five ready nodes, seed {seed}")
        is_complete(world)
        equal((seed, len(changes_of_pool(world, "gluster volume create"))), (seed, 1))


@test
def what_a_killed_runner_left_behind_is_waited_for():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        step = node.root / "usr/lib/rackstart/steps/02-glusterfs-all/01-iptables-flush.sh"
        step.write_text(
            'check() { [ -e "$ROOT/done" ]; }\n'
            'apply() { echo begin >>"$ROOT/applied"; sleep 2; echo end >>"$ROOT/applied"; : >"$ROOT/done"; }\n'
            "verify() { check; }\n"
        )
        node.start()
        world.wait(lambda: (node.root / "applied").exists(), 20, "apply")
        node.kill()
        equal(node.run("start").returncode, 0)
        equal((node.root / "applied").read_text().split(), ["begin", "end"])
