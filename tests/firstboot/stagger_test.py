"""The whole graph under bad conditions: no Internet at all, the nodes in any order, one of them late, one
that loses its power twice, the server away in between. It also tests the other mode of Nova's networks: two
VLANs, and each compute node the router of its machines.

Minutes of real servers are seconds here: a node that waits checks again after 1 s at most, a real one after
15 s. `make test-long PART=late-gateway` has real pauses, and lets the gateway come after ten minutes;
PART=stagger has other late nodes."""

import contextlib
import ctypes
import os
import random
import subprocess
import time

from cloud_test import (
    becomes_ready, every_key_is_right, every_singleton_ran_once, failures, keystone_has_what_the_paper_wants,
    the_cloud_was_accepted,
)
from harness import equal, holds, test
from report_test import in_queue
from site_test import is_complete, site
from strict_cloud_test import refused
from world import COMPUTES, NODES

# How many clouds run one after the other, the seed of the first, and which node is late in each; empty: any.
CLOUDS = int(os.environ.get("CLOUDS", "1"))
SEED = int(os.environ.get("SEED", "1"))
LATE_NODE = os.environ.get("LATE_NODE", "compute1")
# Seconds: how long all wait for the late node, and for how long at least nobody takes their reports.
LATE = float(os.environ.get("LATE", "4"))
AWAY = float(os.environ.get("AWAY", "8"))
FLOATING = "not asked, none in this cloud or the machine is not on compute1"
# The only time server there is: rackstart's own, as `init` writes it.
APPLIANCE = "192.168.0.254"
NETWORKS = {"network_manager": "vlan", "multi_host": "yes", "num_networks": "2", "network_size": "64", "vlan_start": "171"}
POOL = [f"{n}.{zone}" for n in range(4) for zone in ("pool.ntp.org", "centos.pool.ntp.org")]
CLONE_NEWNET = 0x40000000
FETCH = "07-openstack-controller/18-add-cirros"


@contextlib.contextmanager
def no_internet():
    """This thread, and what it starts, gets a network with nothing but loopback; without root it keeps its network."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as own:
        if os.geteuid() or libc.unshare(CLONE_NEWNET):
            yield
            return
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            asked = subprocess.run(["curl", "--silent", "--max-time", "5", "http://198.41.0.4/"], capture_output=True)
            equal(asked.returncode, 7)
            yield
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)


@contextlib.contextmanager
def a_rack_without_internet():
    with no_internet(), site(last_group="10", values={"ntp_servers": APPLIANCE, **NETWORKS}) as world:
        for node in world.nodes.values():
            (node.fake / "ntp.silent").write_text(" ".join(POOL))
        (world.dir / "no.outside").touch()
        yield world


def waits_in(node):
    """The step whose gate is closed, if the node waits at one."""
    doing = node.state / "doing"
    words = dict(line.split("=", 1) for line in doing.read_text().splitlines()) if doing.exists() else {}
    return words["step"] if words.get("state") == "waiting" else None


def stand_still(world, gates):
    """Waits until each node waits in the step that is named for it."""
    world.wait(lambda: failures(world) or all(waits_in(world.nodes[name]) == step for name, step in gates.items()), 600, f"the wait in {gates}")
    equal(failures(world), {})
    equal([name for name, node in world.nodes.items() if node.ready()], [])


def loses_its_power(node):
    holds(not node.ready(), f"{node.name} is ready already")
    node.power_cut()
    node.start()


def nobody_takes_reports(world, chance, shaken, early):
    """Their reports stay on their disks, even over a power cut, and they wait for what they fetch."""
    world.server.away()
    gone = time.monotonic()
    time.sleep(0.3)
    heard = {name: len(world.events(name)) for name in early}
    time.sleep(chance.uniform(0, AWAY / 2))
    loses_its_power(world.nodes[shaken])
    time.sleep(max(0, AWAY - (time.monotonic() - gone)))
    if "controller" in early:
        stand_still(world, {"controller": FETCH})
    equal({name: len(world.events(name)) for name in early}, heard)
    kept = {name: in_queue(world.nodes[name]) for name in early}
    holds(all(kept.values()), kept)
    world.server.back()
    return kept


def told_in_order(world, name, is_shaken):
    """Each step is reported once; only a step that a power cut interrupted may be reported again."""
    events = world.events(name)
    sequences = [int(r["seq"]) for r in events]
    equal((name, sequences), (name, sorted(set(sequences))))
    equal((name, events[0]["event"], events[-1]["event"]), (name, "firstboot-started", "ready"))
    equal((name, [r["detail"] for r in events if r["event"] == "step-failed"]), (name, []))
    done = [r["step"] for r in events if r["event"] == "step-done"]
    listed = [word for line in world.nodes[name].run("status").stdout.splitlines() for word in line.split()[2:3] if "/" in word]
    equal((name, list(dict.fromkeys(done)) if is_shaken else done), (name, listed))
    equal((name, in_queue(world.nodes[name])), (name, []))


def nothing_is_lost(world, kept):
    """A wait that was not reported yet is replaced by the next report about it."""
    for name, files in kept.items():
        came = {int(r["seq"]) for r in world.events(name)}
        equal((name, [f for f in files if not f.endswith(".waiting") and int(f.split(".")[0]) not in came]), (name, []))


def the_networks_are_as_asked_for(world):
    """Two VLANs of 64 addresses, and on each compute node the services that route for and answer its machines."""
    found = world.nodes["controller"].sql("SELECT cidr, label, bridge, bridge_interface, multi_host, vlan, vpn_public_port FROM nova.networks ORDER BY id;")
    equal(found, "10.0.0.0/26\tvlan171\tbr171\teth1\t1\t171\t1000\n10.0.0.64/26\tvlan172\tbr172\teth1\t1\t172\t1001\n")
    for name in COMPUTES:
        node = world.nodes[name]
        equal((name, "net.ipv4.ip_forward = 1" in node.files()["etc/sysctl.conf"], (node.root / "proc/net/vlan").exists()), (name, True, True))
        live = node.files()["live"]
        holds(f"-d {world.address(name)}/32 -p tcp -m tcp --dport 8775" in live and f"--to-destination {world.address(name)}:8775" in live, live)
        for mark in ("own-vlan-dhcp", "own-metadata", "forward-vm"):
            holds(f"rackstart-{mark}" in live or name == "compute1", f"{name}: {mark}: {live}")
    gateway, step = world.nodes["compute1"], "03-nova-network-create"
    # What a kill left unfinished is resumed, and a network of another manager is named.
    world.nodes["controller"].sql("DELETE FROM nova.networks WHERE vlan = 172;")
    gateway.forget_changes()
    gateway.steps(step)
    equal([c.split(" --num")[0] for c in gateway.changes()], ["nova-manage network create --label=vlan172 --fixed_range_v4=10.0.0.64/26"])
    world.nodes["controller"].sql("UPDATE nova.networks SET vlan = NULL WHERE vlan = 171;")
    refused(gateway, step, "the network 10.0.0.0/26 has the VLAN None, not 171: it was made for another manager")
    # The route to its machine is gone with it.
    said = {r["step"].split("/")[1]: r["detail"] for r in world.events("controller", "step-done") if r["step"].startswith("10-")}
    holds("ping to 10.0.0.2 by compute2 is answered" in said["08-live-migration"], said)
    equal((world.nodes["controller"].fake / "routes").read_text(), "")


def story(world, chance, late, early, shaken):
    for name in early:
        world.nodes[name].start()
        time.sleep(chance.uniform(0, 1))
    world.wait(lambda: world.events(shaken, "step-done"), 60, f"a step of {shaken}")
    time.sleep(chance.uniform(0, 3))
    loses_its_power(world.nodes[shaken])
    kept = nobody_takes_reports(world, chance, shaken, early)
    gates = {name: "04-glusterfs-all/01-glusterfs-mount" for name in early}
    if "controller" in early:
        gates["controller"] = "03-glusterfs-controller/01-glusterfs-probe"
    stand_still(world, gates)
    time.sleep(LATE)
    stand_still(world, gates)
    world.nodes[late].start()
    becomes_ready(world)
    nothing_is_lost(world, kept)
    for name in NODES:
        told_in_order(world, name, name == shaken)
    is_complete(world)
    every_key_is_right(world)
    keystone_has_what_the_paper_wants(world)
    # Setting a password may be done again.
    every_singleton_ran_once(world, ("saslpasswd2",) if shaken == "controller" else (), networks=2)
    the_cloud_was_accepted(world, "not asked, this node does not reach 198.41.0.4 either", FLOATING, COMPUTES)
    the_networks_are_as_asked_for(world)
    logs = {path.name: path.read_text() for path in (world.nodes["compute2"].root / "var/log/rackstart").glob("*04-ntp-start.log")}
    holds(any(f"{APPLIANCE} says that this clock is off by" in log for log in logs.values()), logs)


@test
def a_cloud_without_internet_in_any_order_with_one_node_late_one_cut_from_power_twice_and_the_server_away_becomes_ready():
    for seed in range(SEED, SEED + CLOUDS):
        chance = random.Random(seed)
        late, shaken = chance.sample(NODES, 2)
        if LATE_NODE:
            late, shaken = LATE_NODE, chance.choice([name for name in NODES if name != LATE_NODE])
        early = [name for name in NODES if name != late]
        chance.shuffle(early)
        order = f"seed {seed}: {' '.join(early)}, then {late}; {shaken} loses its power twice"
        try:
            with a_rack_without_internet() as world:
                story(world, chance, late, early, shaken)
        except AssertionError as error:
            raise AssertionError(f"{order}\n{error}") from error
