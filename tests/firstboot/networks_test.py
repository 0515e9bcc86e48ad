"""Nova's network manager `flat` on one node, with the kernel's own bridge; `stagger_test.py` has a whole
cloud of VLANs whose compute nodes are routers, and the other tests use the paper's FlatDHCP."""

import os
import shutil
import subprocess

import nova_rules
from harness import equal, holds, test
from packet_filter_test import CONTROLLER, GATEWAY, MACHINE, OUTSIDE, SITE, Lab, rules_of
from site_test import site
from world import MACS

LAN = "192.168.0.1"
STEP = "08-network-compute/03-vm-bridge"
# Counts the commands that change something, and kills the step instead of running the chosen one.
WRAPPER = """#!/bin/bash
case "$*" in
  *show*) ;;
  *)
    left=$(($(cat "$FAKE/cut") - 1))
    echo $left >"$FAKE/cut"
    [ $left -ne 0 ] || { kill -9 $PPID; exit 1; }
    ;;
esac
exec %s "$@"
"""


def phase(lab, node, name, cut=0):
    (node.fake / "cut").write_text(f"{cut}\n")
    inside = [shutil.which("ip"), "netns", "exec", lab.names["gateway"], *node.command("_phase", STEP, name, str(os.getpid()))]
    return subprocess.run(inside, env=node.env(), capture_output=True, text=True, timeout=60)


def as_the_installer_leaves_it(lab):
    subprocess.run(["ip", "netns", "exec", lab.names["gateway"], "ip", "link", "del", "br100"], capture_output=True, timeout=20)
    lab.at("gateway", "ip addr flush dev eth1", f"ip addr add {LAN}/24 dev eth1", f"ip route add 172.16.0.0/16 via {CONTROLLER} dev eth1")


def is_whole(lab):
    addresses = lab.at("gateway", "ip -4 -o addr show")
    found = {(line.split()[1], line.split()[3]) for line in addresses.splitlines()}
    equal(found - {("lo", "127.0.0.1/8")}, {("eth0", f"{GATEWAY}/24"), ("br100", f"{LAN}/24"), ("br100", "10.0.0.1/24")})
    equal(lab.at("gateway", "ip -4 route show 172.16.0.0/16").split(), ["172.16.0.0/16", "via", CONTROLLER, "dev", "br100"])
    holds("eth1" in lab.at("gateway", "ip -o link show master br100"), "the port")


@test
def in_the_kernel_the_flat_manager_has_a_bridge_after_a_kill_at_any_command_and_machines_reach_what_they_should():
    values = {**SITE, "network_manager": "flat", "address": LAN}
    with site(nodes=["compute1", "controller"], values=values) as world, Lab() as lab:
        node, rules = world.nodes["compute1"], {name: rules_of(world.nodes[name]) for name in ("compute1", "controller")}
        lab.add("outside", "gateway", "controller", "machine")
        lab.cable("outside", "eth0", "gateway", "eth0")
        lab.cable("controller", "eth0", "gateway", "eth1")
        for card, network in (("eth0", "public"), ("eth1", "lan")):
            lab.at("gateway", f"ip link set {card} address {MACS[network]}")
        lab.at("outside", f"ip addr add {OUTSIDE}/24 dev eth0")
        lab.at("gateway", f"ip addr add {GATEWAY}/24 dev eth0", "sysctl -qw net.ipv4.ip_forward=1")
        lab.at("controller", f"ip addr add {CONTROLLER}/24 dev eth0", f"ip route add default via {LAN}")
        # From here on the node's commands and its view of the kernel are those of the namespace.
        for command in ("ip", "brctl"):
            (node.fake / "bin" / command).unlink()
            (node.fake / "bin" / command).write_text(WRAPPER % shutil.which(command))
            (node.fake / "bin" / command).chmod(0o755)
        shutil.rmtree(node.root / "sys")
        (node.root / "sys").symlink_to("/sys")
        cuts = 0
        while True:
            as_the_installer_leaves_it(lab)
            equal(phase(lab, node, "check").returncode != 0, True)
            cuts += 1
            killed = phase(lab, node, "apply", cut=cuts).returncode
            again = phase(lab, node, "apply") if killed else None
            holds(not again or again.returncode == 0, f"after command {cuts}: {again}")
            is_whole(lab)
            equal(phase(lab, node, "check").returncode, 0)
            if not killed:
                break
        holds(cuts > 9, f"{cuts - 1} commands")
        lab.cable("machine", "eth0", "gateway", "vnet0")
        lab.at("gateway", "ip link set vnet0 master br100")
        lab.at("machine", f"ip addr add {MACHINE}/24 dev eth0", "ip route add default via 10.0.0.1")
        lab.at("outside", "ip route add 10.0.0.0/24 via 203.0.113.2")
        lab.load("gateway", rules["compute1"])
        lab.load("controller", rules["controller"])
        lab.listens("outside", 80)
        lab.listens("controller", 3306, 8775)
        lab.listens("machine", 22)
        equal(lab.asks("machine", OUTSIDE, 80), GATEWAY)
        # The machine asks the controller for its metadata with its own address, and for nothing else.
        equal(lab.asks("machine", "169.254.169.254", 80), MACHINE)
        equal((lab.asks("machine", CONTROLLER, 3306, seconds=1), lab.asks("outside", MACHINE, 22, seconds=1)), ("", ""))
        equal(lab.asks("controller", MACHINE, 22), CONTROLLER)


HOST, ROUTER, MOVED = "192.168.0.2", "10.0.0.3", "10.0.0.4"


@test
def in_the_kernel_a_compute_node_with_multi_host_is_the_router_of_its_own_machines():
    values = {**SITE, "multi_host": "yes"}
    with site(nodes=["compute1", "compute2", "controller"], values=values) as world, Lab() as lab:
        rules = {name: rules_of(world.nodes[name]) for name in world.nodes}
        lab.add("outside", "gateway", "host", "controller", "machine", "switch")
        lab.at("switch", "ip link add lan type bridge", "ip link set lan up")
        lab.cable("outside", "eth0", "gateway", "eth0")
        for name in ("gateway", "host", "controller"):
            lab.cable(name, "eth1", "switch", f"to-{name}")
            lab.at("switch", f"ip link set to-{name} master lan")
        # As nova-network leaves its node when the first machine has come: each has an address of the machines' network.
        for name, own, router in (("gateway", LAN, MOVED), ("host", HOST, ROUTER)):
            lab.at(name, "ip link add br100 type bridge", "ip link set br100 up", "ip link set eth1 master br100", f"ip addr add {router}/24 dev br100",
                   f"ip addr add {own}/24 dev br100", "sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.bridge.bridge-nf-call-iptables=1")
        lab.cable("machine", "eth0", "host", "vnet0")
        lab.at("host", "ip link set vnet0 master br100", f"ip route add default via {LAN}")
        lab.at("outside", f"ip addr add {OUTSIDE}/24 dev eth0")
        lab.at("gateway", f"ip addr add {GATEWAY}/24 dev eth0")
        lab.at("controller", f"ip addr add {CONTROLLER}/24 dev eth1", f"ip route add default via {LAN}")
        lab.at("machine", f"ip addr add {MACHINE}/24 dev eth0", f"ip route add default via {ROUTER}")
        for name, node, own, source in (("gateway", "compute1", LAN, GATEWAY), ("host", "compute2", HOST, HOST)):
            lab.load(name, rules[node])
            nova_rules.into_namespace(lab.names[name], "nova-network", nova_rules.of_network("10.0.0.0/24", source, own, "br100"))
        lab.load("controller", rules["controller"])
        lab.listens("outside", 80)
        lab.listens("host", 8775, 3306)
        lab.listens("controller", 3306, 8775)
        lab.listens("machine", 22)
        equal(lab.asks("machine", OUTSIDE, 80), GATEWAY)
        # Only its own node reaches it, and it reaches others with its own address.
        equal((lab.asks("machine", "169.254.169.254", 80), lab.asks("machine", CONTROLLER, 3306)), (MACHINE, HOST))
        equal((lab.asks("machine", HOST, 3306, seconds=1), lab.asks("outside", HOST, 3306, seconds=1)), ("", ""))
        # The route that the acceptance sets. A machine that came from another node has the router there until its
        # lease is renewed: it reaches the outside, but its answers to requests by way of its new node are lost.
        lab.at("controller", f"ip route replace {MACHINE}/32 via {HOST}")
        equal(lab.asks("controller", MACHINE, 22), CONTROLLER)
        lab.at("machine", f"ip route replace default via {MOVED}")
        equal(lab.asks("machine", OUTSIDE, 80), GATEWAY)


@test
def each_manager_has_its_steps_and_nobody_else_has_them():
    """What a node lists, what it installs, and how it spells it for Nova."""
    own = {"flatdhcp": set(), "flat": {"03-vm-bridge", "04-injected-network"}, "vlan": {"02-vlan-module"}}
    for manager, steps in own.items():
        for multi in ("", "yes") if manager != "flat" else ("",):
            for card in ("", "eth1"):
                wanted = steps | ({"05-ip-forward", "06-nova-network-start"} if multi else set()) | ({"01-vm-interface"} if card else set())
                values = {"network_manager": manager, "multi_host": multi, "vm_interface": card}
                with site(nodes=["compute2"], last_group="08", values=values) as world:
                    node = world.nodes["compute2"]
                    script = ('set -eu; . "$PAYLOAD/lib.sh"; . "$PAYLOAD/lib/journal.sh"; list_steps; echo; packages_of_steps; echo; vm_networks; who vms; who vlans')
                    done = node.play("bash", "-c", script, PAYLOAD=str(node.root / "usr/lib/rackstart"))
                    equal((done.returncode, done.stderr), (0, ""))
                    listed, packages, networks = done.stdout.split("\n\n")
                    found = {step.split("/")[1] for step in listed.split() if "08-network" in step or step.endswith("nova-network-start")}
                    equal((values, found), (values, wanted))
                    equal((values, "openstack-nova-network" in packages.split()), (values, bool(multi)))
                    equal(networks, f"0 10.0.0.0/24 256 {'100 vlan100' if manager == 'vlan' else 'None public'}\nbr100\nbr100\n")
