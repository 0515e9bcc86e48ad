"""A site that changes while its nodes are ready: they take newer payloads, admit new nodes and remove old
ones."""

import contextlib
import pathlib
import random
import shutil
import tempfile
import time

from harness import Story, equal, holds, test
from runner_test import volume_is_there
from site_test import all_ready, site
from world import MEMORY, NODES, Node

LIVING = {"RACKSTART_HEALTH_PAUSE": "2", "RACKSTART_ERRANDS_PAUSE": "1"}


def changes(world, names=None, held=(), secrets=(), **values):
    """The site file is edited and loaded, or a secret rotated: from now on the server has newer payloads."""
    world.names = list(names or world.names)
    world.secrets.update({name: f"Rotated{len(world.secrets[name])}{world.secrets[name][::-1]}" for name in secrets})
    world.values.update(values)
    world.server.renewals.held = set(held)
    for name, node in world.nodes.items():
        folder = pathlib.Path(tempfile.mkdtemp(prefix="payload-", dir=MEMORY))
        node.write_payload(folder / "new")
        node.wanted = world.server.renewals.offer(node.token, name, folder / "new")
        shutil.rmtree(folder)


def joins(world, name):
    """Powers on a machine that the site file has named since then."""
    world.nodes[name] = Node(world, name)
    world.nodes[name].start("start", **LIVING)
    changes(world)


def payload(node):
    return (node.root / "usr/lib/rackstart/digest").read_text().strip()


def is_updated(node):
    return payload(node) == node.wanted and not (node.state / "renewed").exists()


def all_updated(world, seconds=300):
    world.wait(lambda: all(is_updated(node) for node in world.nodes.values()), seconds, "newer payloads everywhere")


def log_of(node):
    return (node.root / "var/log/rackstart/runner.log").read_text()


def volume(world, option):
    return (world.dir / "gluster/volume.vm-instances" / option).read_text().split()


def ends(world):
    for node in world.nodes.values():
        if node.process:
            node.process.terminate()
            node.process.wait(20)


def everybody_knows(world, name):
    for node in world.nodes.values():
        holds(f"{world.address(name)} {name}\n" in (node.root / "etc/hosts").read_text(), f"{node.name}: /etc/hosts")
        rules = (node.fake / "live").read_text()
        holds(node.name == "controller" or f"migration-{name}" in rules, f"{node.name} lets no machine of {name} in")
    holds(world.address(name) in volume(world, "auth.allow")[0], volume(world, "auth.allow"))


def nobody_knows(world, name):
    holds(world.address(name) not in volume(world, "auth.allow")[0], volume(world, "auth.allow"))
    for node in world.nodes.values():
        holds(name not in (node.fake / "live").read_text() + (node.root / "etc/hosts").read_text(), node.name)


def leaves(world, name):
    gone = world.nodes.pop(name)
    gone.process.terminate()
    gone.process.wait(20)
    world.names.remove(name)
    changes(world)
    all_updated(world)


@test
def a_sixth_node_joins_five_that_are_ready():
    with site() as world:
        for node in world.nodes.values():
            node.start("start", **LIVING)
        all_ready(world, 300)
        world.names.append("compute5")
        joins(world, "compute5")
        world.wait(lambda: world.nodes["compute5"].ready(), 300, "compute5 ready")
        all_updated(world)
        everybody_knows(world, "compute5")
        # No set of four is left for its brick.
        equal(len(volume(world, ".bricks")), 4)
        equal([(n, world.events(n, "step-failed")) for n in world.nodes if world.events(n, "step-failed")], [])
        ends(world)


@test
def bricks_are_added_in_whole_sets_and_a_node_that_leaves_is_let_in_no_more():
    names = ["compute1", "compute2", "controller"]
    with site(nodes=names, names=names, values={"replica": "2"}) as world:
        for node in world.nodes.values():
            node.start("start", **LIVING)
        all_ready(world, 300)
        world.names.append("compute3")
        joins(world, "compute3")
        world.wait(lambda: world.nodes["compute3"].ready(), 300, "compute3 ready")
        all_updated(world)
        everybody_knows(world, "compute3")
        leaves(world, "compute3")
        world.wait(lambda: not (world.dir / "gluster/member.compute3").exists(), 60, "compute3 out of the pool")
        nobody_knows(world, "compute3")
        # It comes back, as another machine, together with a fourth.
        shutil.rmtree(world.dir / "nodes/compute3")
        world.names += ["compute3", "compute4"]
        joins(world, "compute3")
        joins(world, "compute4")
        world.wait(lambda: len(volume(world, ".bricks")) == 4, 300, "a second set")
        equal(volume(world, ".bricks")[2:], [f"compute{n}:/export/gluster/brick" for n in (3, 4)])
        all_updated(world)
        added = [c for node in world.nodes.values() for c in node.changes() if "add-brick" in c or "rebalance" in c]
        equal([c.split()[2] for c in added], ["add-brick", "rebalance"])
        # A node whose brick holds data stays in the pool, and loses everything else.
        leaves(world, "compute4")
        nobody_knows(world, "compute4")
        holds((world.dir / "gluster/member.compute4").exists(), "a brick with data was let go")
        equal([(n, world.events(n, "step-failed")) for n in world.nodes if world.events(n, "step-failed")], [])
        ends(world)


@contextlib.contextmanager
def one_that_is_ready_and_lives():
    with site(nodes=["compute2"]) as world:
        volume_is_there(world)
        world.nodes["compute2"].start("start", **LIVING)
        world.wait(lambda: world.events("compute2", "ready"), 60, "ready")
        yield world
        ends(world)


living_node = Story(one_that_is_ready_and_lives)


@living_node.chapter
def an_update_says_how_far_it_is_and_a_ready_node_never_begins_again(world):
    node = world.nodes["compute2"]
    node.forget_changes()
    started = len(world.events("compute2", "firstboot-started"))
    changes(world, ssh_from="10.1.2.0/24")
    world.wait(lambda: is_updated(node), 60, "the newer payload")
    world.wait(lambda: any("updated:" in r["detail"] for r in world.events("compute2", "ready")), 20, "the end of the update")
    told = world.events("compute2", "updating")
    # Only the packet filter is made from it. Later steps that keep a service running are checked, and hold.
    equal([(r["number"], r["total"]) for r in told], [(str(at), str(len(told))) for at in range(1, len(told) + 1)])
    equal(told[0]["step"], "02-glusterfs-all/01-iptables-flush")
    equal([node.entry(r["step"], "result") for r in told], ["updated"] + ["already true"] * (len(told) - 1))
    holds("10.1.2.0/24" in (node.fake / "live").read_text(), "the packet filter")
    holds(not [c for c in node.changes() if c.startswith(("yum", "gluster"))], node.changes())
    equal(len(world.events("compute2", "firstboot-started")), started)
    holds("ready since" in node.run("status").stdout, node.run("status").stdout)


@living_node.chapter
def whatever_is_not_the_servers_own_or_not_whole_is_thrown_away(world):
    node, server = world.nodes["compute2"], world.server
    first = payload(node)
    for forged, why in [
        (lambda text: b"0" * 64 + text[64:], "server did not make"),
        (lambda text: text[:-16], "server did not make"),
        (lambda text: b"", "server did not make"),
    ]:
        server.renewals.forged = forged
        said = log_of(node).count(why)
        changes(world, region=f"R{said}")
        world.wait(lambda: log_of(node).count(why) > said, 30, why)
        equal(payload(node), first)
    # The server's own payload, with a script that no shell can parse. The one before was good, but forged.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payload-", dir=MEMORY)) / "new"
    node.write_payload(folder)
    (folder / "lib/files.sh").write_text("if then\n")
    server.renewals.offer(node.token, "compute2", folder)
    server.renewals.forged = None
    world.wait(lambda: "a script that no shell reads: lib/files.sh" in log_of(node), 30, "the refusal")
    world.wait(lambda: any("no shell reads" in r["detail"] for r in world.events("compute2", "updating")), 20, "the report of it")
    equal(payload(node), first)
    shutil.rmtree(folder.parent)
    changes(world, targets="all controller")
    world.wait(lambda: any("takes a new installation" in r["detail"] for r in world.events("compute2", "updating")), 30, "another role")
    equal(payload(node), first)
    world.values.pop("targets")
    holds(not world.events("compute2", "step-failed"), "a ready node failed")
    arguments = (node.fake / "arguments").read_text()
    key = (node.root / "usr/lib/rackstart/renewal-key").read_text().strip()
    holds(key not in arguments and node.token not in arguments, "a key stood on a command line")
    changes(world, region="R9")
    world.wait(lambda: is_updated(node), 30, "a good one")


@living_node.chapter
def an_update_that_waits_looks_after_what_it_does_not_change(world):
    node, lets_go = world.nodes["compute2"], world.dir / "lets.go"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payload-", dir=MEMORY)) / "new"
    node.write_payload(folder)
    (folder / "steps/02-glusterfs-all/05-waits.sh").write_text(
        f"needs() {{ need 'a word from the test' test -e {lets_go}; }}\ncheck() {{ test -e {lets_go}; }}\napply() {{ :; }}\nverify() {{ :; }}\n")
    wanted = world.server.renewals.offer(node.token, "compute2", folder)
    shutil.rmtree(folder.parent)
    world.wait(lambda: any("a word from the test" in r["detail"] for r in world.events("compute2", "updating")), 60, "the wait")
    glusterd = node.fake / "running.glusterd"
    glusterd.unlink()
    world.wait(glusterd.exists, 60, "glusterd, which has nothing to do with it")
    holds((node.state / "renewed").exists() and payload(node) == wanted, "the update did not wait")
    world.wait(lambda: any(r["detail"].startswith("healed: 02-glusterfs-all/04-glusterfs-start") for r in world.events("compute2", "updating")), 20, "its report")
    lets_go.touch()
    world.wait(lambda: not (node.state / "renewed").exists(), 60, "the end of the update")
    changes(world)
    world.wait(lambda: is_updated(node), 60, "a payload without that step")


@test
def a_swap_that_is_cut_short_at_any_moment_leaves_the_old_or_the_new_payload():
    with site(nodes=["compute2"]) as world:
        node, chance = world.nodes["compute2"], random.Random(7)
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        for round_ in range(12):
            changes(world, ssh_from=f"10.1.{round_}.0/24", region=f"R{round_}")
            for _ in range(3):
                node.start("start", **LIVING)
                time.sleep(chance.uniform(0.05, 1.2))
                if round_ % 3 == 0:
                    node.power_cut()
                else:
                    node.kill()
                home = node.root / "usr/lib/rackstart"
                holds(home.is_symlink() and (home / "rackstart-firstboot").exists() and (home / "env").exists(), "no whole payload")
        node.start("start", **LIVING)
        world.wait(lambda: is_updated(node), 60, "the newest payload")
        holds("10.1.11.0/24" in (node.fake / "live").read_text(), "the packet filter")
        kept = list((node.root / "usr/lib/rackstart-payloads").iterdir())
        holds(len(kept) <= 3, kept)
        equal(world.events("compute2", "step-failed"), [])
        ends(world)


@test
def a_node_that_waits_for_one_that_was_taken_out_of_the_file_goes_on_without_it():
    with site(nodes=["compute1", "compute2", "compute3", "controller"], values={"replica": "3"}) as world:
        for node in world.nodes.values():
            node.start("start", **LIVING)
        world.wait(lambda: any("compute4" in r["detail"] for r in world.events("controller", "waiting")), 60, "the wait")
        changes(world, names=[name for name in NODES if name != "compute4"])
        all_ready(world, 300)
        equal(len(volume(world, ".bricks")), 3)
        ends(world)
