"""Kills and power cuts over the whole graph, role by role: at journal entries, and at random moments of a
node that is not ready yet. The result is the same as without them, and what a cloud has only once is made
once."""

import random
import time

from cloud_test import cloud, every_key_is_right, the_acceptance_ended_well
from crash_test import EVERY, KILLS
from harness import equal, holds, test
from lone_controller import a_store_that_is_there, controller, end_of
from rejoin_test import reimage
from site_test import is_complete

TABLES = "SELECT cidr, label FROM nova.networks; SELECT id, `binary`, host, disabled FROM nova.services ORDER BY id;"


def entries(node):
    """How many journal entries the node has written since the count began."""
    syncs = node.fake / "syncs"
    return len(syncs.read_text().splitlines()) if syncs.exists() else 0


def ends_well(node):
    process = node.process if node.process and node.ready() else node.start()
    equal((process.wait(900), (node.state / "failure").exists()), (0, False))


def killed_at_entries(node, total, chance):
    """Starts the node again and again, and kills it at a journal entry each time; returns the number of kills."""
    for cut in range(total // EVERY):
        (node.fake / "syncs").unlink(missing_ok=True)
        # Every entry is hit: at `done` of a step, and in the next life, which repeats it, at the next `started`.
        at = 2 + cut % 2 if EVERY == 1 else chance.randint(1, EVERY)
        (node.fake / "kill.at").write_text(str(at))
        code = node.start().wait(900)
        if code == 0:
            break
        equal(code, -9)
        # A boot repeats the first steps, whose entries would use up a short life.
        node.power_cut() if EVERY > 1 and cut % 2 else node.kill()
    else:
        cut = total // EVERY
    (node.fake / "kill.at").unlink()
    return cut


def killed_at_random(node, most, chance):
    """Kills the node at random moments until it is ready, at most `most` times; returns the number of kills."""
    for kill in range(most):
        (node.fake / "kill.at").write_text("0")
        (node.fake / "syncs").unlink(missing_ok=True)
        process = node.start()
        # The moment is somewhere in one of the next three steps that are not done yet.
        until = chance.randint(0, 6)
        node.world.wait(lambda process=process, until=until: entries(node) >= until or process.poll() is not None, 600, f"{until} entries")
        time.sleep(chance.uniform(0.05, 1))
        if node.ready():
            return kill
        # A boot repeats many steps: with more cuts of power the node would never come to the later ones.
        node.power_cut() if chance.random() < 0.08 else node.kill()
    return most


class Lives:
    """Kills of one node, installation after installation: at entries first, at random moments in what is left."""

    def __init__(self, entries):
        self.entries, self.cuts, self.kills, self.installations = entries, 0, 0, 0

    def are_left(self):
        return self.kills < KILLS or not self.installations

    def of(self, node, chance):
        if not self.installations:
            self.cuts = killed_at_entries(node, self.entries, chance)
        self.kills += killed_at_random(node, KILLS - self.kills, chance)
        self.installations += 1

    def __str__(self):
        return (f"{self.cuts} lives ended at one of {self.entries} journal entries, "
                f"{self.kills} at random moments of {self.installations} installations")


def made_nothing_twice(world, node):
    changes = [c for c in world.cloud.changes if c != "grant"]
    equal(changes, list(dict.fromkeys(changes)))
    for words in ("keystone synced", "glance synced", "nova synced", "nova-manage network create", "gluster volume create"):
        holds(sum(c.startswith(words) for c in node.changes()) <= 1, f"{words} more than once: {node.changes()}")


def in_each(seed, function):
    """Names the seed of a run that fails."""
    try:
        return function(random.Random(seed))
    except AssertionError as error:
        raise AssertionError(f"seed {seed}\n{error}") from error


def a_lone_controller(end, chance):
    """Runs to its end; `end` may kill it instead."""
    with controller() as world:
        a_store_that_is_there(world)
        node = world.nodes["controller"]
        end(node, chance)
        ends_well(node)
        made_nothing_twice(world, node)
        return end_of(world)


@test
def a_controller_that_is_killed_and_cut_from_power_ends_the_same_and_makes_nothing_twice():
    counted = []

    def counts(node, _):
        (node.fake / "kill.at").write_text("0")
        ends_well(node)
        counted.append(entries(node))

    def all_of_it(chance):
        expected = a_lone_controller(counts, chance)
        total, = counted
        holds(total > 70, f"{total} journal entries")
        lives = Lives(total)
        while lives.are_left():
            equal(a_lone_controller(lives.of, chance), expected)
        print(f"     controller: {lives}")

    in_each(random.randrange(1 << 30), all_of_it)


def what_it_leaves(node):
    """The node's files, and the things that the cloud has only once."""
    world = node.world
    files = {str(p.relative_to(node.root)): p.read_text() for p in sorted((node.root / "etc").rglob("*")) if p.is_file()}
    rules = (world.dir / "security-rules").read_text()
    return {**files, **node.files(), "tables": world.nodes["controller"].sql(TABLES), "rules": rules, **world.cloud.content()}


def forget_the_network(world):
    """Restores the state in which the gateway had not made it yet."""
    world.nodes["controller"].sql("DELETE FROM nova.networks;")
    (world.dir / "security-rules").unlink()


def installed_anew(node, end, chance, expected):
    reimage(node, keep=chance.random() < 0.5)
    if node.name == "compute1":
        forget_the_network(node.world)
    end(node, chance)
    ends_well(node)
    made_nothing_twice(node.world, node)
    equal(what_it_leaves(node), expected)


def killed_in_a_cloud(node, chance):
    # Each step is begun, and finished.
    expected, total = what_it_leaves(node), 2 * len(list((node.state / "journal").iterdir()))
    holds(total > 30, f"{total} journal entries")
    lives = Lives(total)
    while lives.are_left():
        installed_anew(node, lives.of, chance, expected)
    print(f"     {node.name}: {lives}")


def as_before_its_acceptance(node):
    (node.state / "accepted").unlink()
    (node.state / "ready").unlink()
    for entry in (node.state / "journal").glob("10-*"):
        entry.unlink()
    node.forget_changes()


def killed_in_the_acceptance(node):
    """After each kill it starts again from its first step, and what it creates meanwhile is gone in the end."""
    expected, cuts = what_it_leaves(node), range(1, 13, 1 if EVERY == 1 else 6)
    as_before_its_acceptance(node)
    for at in cuts:
        (node.fake / "syncs").unlink(missing_ok=True)
        (node.fake / "kill.at").write_text(str(at))
        equal((at, node.start().wait(900)), (at, -9))
        node.kill()
    (node.fake / "kill.at").unlink()
    ends_well(node)
    the_acceptance_ended_well(node.world)
    made_nothing_twice(node.world, node)
    equal(what_it_leaves(node), expected)
    print(f"     acceptance: {len(cuts)} lives ended at one of its 12 journal entries")


@cloud.chapter
def the_nodes_of_a_cloud_that_are_killed_one_after_the_other_end_the_same_and_make_nothing_twice(world):
    def all_of_it(chance):
        # A gateway runs all steps of a compute node, too.
        for name in ("compute3", "compute1") if EVERY == 1 else ("compute1",):
            killed_in_a_cloud(world.nodes[name], chance)
        is_complete(world)
        every_key_is_right(world)
        killed_in_the_acceptance(world.nodes["controller"])

    in_each(random.randrange(1 << 30), all_of_it)
