"""The rules of a node in the kernel, in network namespaces of their own: rackstart's by its real
lib/firewall.sh, then Nova's where Nova puts them, before all others."""

import contextlib
import os
import shutil
import subprocess
import sys

import nova_rules
from harness import Skipped, equal, holds, test
from site_test import site

GATEWAY, CONTROLLER, OUTSIDE, FLOATING, MACHINE = "203.0.113.2", "192.168.0.5", "203.0.113.1", "203.0.113.10", "10.0.0.2"
NODES = {"compute1 gateway": "192.168.0.1", "compute2": "192.168.0.2", "compute3": "192.168.0.3", "compute4": "192.168.0.4",
         "controller": CONTROLLER}
SITE = {"lan_cidr": "192.168.0.0/24", "hosts": [{"names": names, "address": address} for names, address in NODES.items()]}

# Tells each client the address that it sees it under.
LISTEN = """
import socket, sys, threading
def serve(listener):
    while True:
        connection, peer = listener.accept()
        connection.sendall(peer[0].encode())
        connection.close()
listeners = [socket.create_server(("", int(port))) for port in sys.argv[1:]]
for listener in listeners:
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
"""
ASK = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])) as connection:
        print(connection.recv(64).decode(), end="")
except OSError:
    pass
"""


def run(*words, **how):
    return subprocess.run(words, check=True, text=True, capture_output=True, timeout=60, **how).stdout


class Lab:
    """Namespaces by the names of this lab, with cables between them."""

    def __init__(self):
        if os.geteuid() or not all(map(shutil.which, ("ip", "iptables-restore", "iptables-save", "sysctl"))):
            raise Skipped("needs root, iproute2, iptables and sysctl (apt-get install iproute2 iptables procps)")
        self.names, self.servers = {}, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()
            server.wait()
        for namespace in self.names.values():
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, timeout=20)

    def add(self, *names):
        for name in names:
            self.names[name] = f"rs{os.getpid()}-{id(self) % 10007}-{name}"
            run("ip", "netns", "add", self.names[name])
            self.at(name, "ip link set lo up")

    def at(self, name, *lines, **how):
        out = ""
        for line in lines:
            out += run("ip", "netns", "exec", self.names[name], *line.split(), **how)
        return out

    def cable(self, one, card, other, end):
        run("ip", "link", "add", card, "netns", self.names[one], "type", "veth", "peer", "name", end, "netns", self.names[other])
        self.at(one, f"ip link set {card} up")
        self.at(other, f"ip link set {end} up")

    def listens(self, name, *ports):
        server = subprocess.Popen(["ip", "netns", "exec", self.names[name], sys.executable, "-c", LISTEN, *map(str, ports)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        equal(server.stdout.readline(), "listening\n")

    def asks(self, name, address, port, seconds=20):
        """The address under which the other side sees it; empty when nothing answers. The wait for nothing is short."""
        words = [sys.executable, "-c", ASK, address, str(port), str(seconds)]
        return run("ip", "netns", "exec", self.names[name], *words)

    def load(self, name, rules):
        run("ip", "netns", "exec", self.names[name], "iptables-restore", input=rules)


def rules_of(node):
    payload = node.root / "usr/lib/rackstart"
    done = node.play("bash", "-c", 'set -eu; . "$PAYLOAD/lib.sh"; firewall_rules', PAYLOAD=str(payload))
    equal((done.returncode, done.stderr), (0, ""))
    return done.stdout


def loads(lab, name, node, rules):
    """Calls the function of the step, with the kernel's own commands."""
    (node.fake / "rules").write_text(rules)
    script = f'set -eu; . "$PAYLOAD/lib.sh"; load_rules {node.fake}/rules iptables'
    inside = ["ip", "netns", "exec", lab.names[name], "bash", "-c", script]
    done = subprocess.run(inside, env=node.env(PAYLOAD=str(node.root / "usr/lib/rackstart"), PATH=os.environ["PATH"]), capture_output=True, text=True, timeout=60)
    equal((done.returncode, done.stderr), (0, ""))


def without(rules, table):
    before, rest = rules.split(f"*{table}\n", 1)
    return before + rest.split("COMMIT\n", 1)[1]


@contextlib.contextmanager
def lab_of_a_cloud():
    """The outside, the gateway with its bridge, and on that the controller and a virtual machine."""
    with site(nodes=["compute1", "controller"], values=SITE) as world, Lab() as lab:
        rules = {name: rules_of(world.nodes[name]) for name in ("compute1", "controller")}
        lab.add("outside", "gateway", "controller", "machine")
        lab.at("gateway", "ip link add br100 type bridge", "ip link set br100 up")
        lab.cable("outside", "eth0", "gateway", "eth0")
        for name in ("controller", "machine"):
            lab.cable(name, "eth0", "gateway", f"to-{name}")
            lab.at("gateway", f"ip link set to-{name} master br100")
        lab.at("outside", f"ip addr add {OUTSIDE}/24 dev eth0")
        lab.at("gateway", f"ip addr add {GATEWAY}/24 dev eth0", f"ip addr add {FLOATING}/32 dev eth0",
               "ip addr add 10.0.0.1/24 dev br100", "ip addr add 192.168.0.1/24 dev br100", "sysctl -qw net.ipv4.ip_forward=1")
        lab.at("controller", f"ip addr add {CONTROLLER}/24 dev eth0", "ip route add default via 192.168.0.1")
        lab.at("machine", f"ip addr add {MACHINE}/24 dev eth0", "ip route add default via 10.0.0.1")
        lab.listens("outside", 80)
        lab.listens("controller", 3306, 8775)
        lab.listens("machine", 22)
        lab.node = world.nodes["controller"]
        yield lab, rules


def nova_network(lab, source, floating=()):
    nova_rules.into_namespace(lab.names["gateway"], "nova-network", nova_rules.of_network("10.0.0.0/24", source, CONTROLLER, "br100", floating))


@test
def in_the_kernel_machines_leave_by_an_address_that_the_outside_can_answer():
    with lab_of_a_cloud() as (lab, rules):
        lab.load("gateway", rules["compute1"])
        # Without routing_source_ip Nova's translation comes first, and uses the LAN's address.
        nova_network(lab, "192.168.0.1")
        equal(lab.asks("controller", OUTSIDE, 80), GATEWAY)
        equal(lab.asks("machine", OUTSIDE, 80, seconds=2), "")
        nova_network(lab, GATEWAY)
        equal(lab.asks("machine", OUTSIDE, 80), GATEWAY)
        # The machine asks for its metadata, and reaches the controller with its own address.
        lab.load("controller", rules["controller"])
        equal(lab.asks("machine", "169.254.169.254", 80), MACHINE)
        lab.load("controller", "\n".join(l for l in rules["controller"].splitlines() if "vm-metadata" not in l) + "\n")
        equal(lab.asks("machine", "169.254.169.254", 80, seconds=2), "")
        nova_rules.into_namespace(lab.names["controller"], "nova-api-metadat", nova_rules.of_metadata(CONTROLLER))
        equal(lab.asks("machine", "169.254.169.254", 80), MACHINE)
        # What was of a gateway goes with its table. What Nova has in a table that rackstart does not use stays.
        lab.load("controller", rules["compute1"])
        loads(lab, "controller", lab.node, rules["controller"])
        saved = lab.at("controller", "iptables-save")
        holds("rackstart-database" in saved and "rackstart-outside" not in saved and "rackstart-masquerade" not in saved, saved)
        nova_rules.into_namespace(lab.names["controller"], "nova-api-metadat", nova_rules.of_metadata(CONTROLLER))
        loads(lab, "controller", lab.node, rules["controller"])
        saved = lab.at("controller", "iptables-save")
        holds(":nova-api-metadat-POSTROUTING" in saved and ":nova-api-metadat-INPUT" not in saved, saved)
        # Loading the rules removes Nova's, until its services make them again.
        lab.load("gateway", rules["compute1"])
        equal(lab.asks("machine", "169.254.169.254", 80, seconds=2), "")


@test
def in_the_kernel_nothing_gets_in_from_outside_but_answers_and_floating_addresses():
    with lab_of_a_cloud() as (lab, rules):
        # A neighbour outside that has a route to the machine.
        lab.at("outside", f"ip route add 192.168.0.0/24 via {GATEWAY}", f"ip route add 10.0.0.0/24 via {GATEWAY}")
        inside = (CONTROLLER, 3306), (MACHINE, 22)
        lab.load("gateway", without(rules["compute1"], "mangle"))
        equal([lab.asks("outside", *place, seconds=2) for place in inside], ["", ""])
        # Packets that are dropped without Nova pass with it, because its rules for the bridge come first.
        nova_network(lab, GATEWAY)
        equal([lab.asks("outside", *place) for place in inside], [OUTSIDE, OUTSIDE])
        lab.load("gateway", rules["compute1"])
        nova_network(lab, GATEWAY, floating=[(FLOATING, MACHINE)])
        equal([lab.asks("outside", *place, seconds=2) for place in inside], ["", ""])
        equal(lab.asks("outside", FLOATING, 22), OUTSIDE)
        equal([lab.asks(name, OUTSIDE, 80) for name in ("controller", "machine")], [GATEWAY, FLOATING])
        # From inside, a floating address is reachable too.
        equal(lab.asks("controller", FLOATING, 22), CONTROLLER)


@test
def in_the_kernel_a_bridge_passes_everything_by_until_the_filter_sees_it():
    with site(nodes=["compute2"], last_group="05") as world, Lab() as lab:
        node = world.nodes["compute2"]
        lab.add("node", "one", "two")
        lab.at("node", "ip link add br100 type bridge", "ip link set br100 up", "sysctl -qw net.bridge.bridge-nf-call-iptables=0")
        for number, name in enumerate(("one", "two"), 1):
            lab.cable(name, "eth0", "node", f"vnet{number}")
            lab.at("node", f"ip link set vnet{number} master br100")
            lab.at(name, f"ip addr add 10.0.0.{number}/24 dev eth0")
        lab.listens("two", 22, 80)
        # A security group of Nova: this machine is asked on port 22 alone. nova-compute has been started
        # again since it made the bridge, and has no rule for that any more.
        lab.load("node", rules_of(node))
        group = {"filter": [("local", "-d 10.0.0.2/32 -p tcp -m tcp ! --dport 22 -j DROP")], "nat": []}
        nova_rules.into_namespace(lab.names["node"], "nova-compute", group)
        equal(lab.asks("one", "10.0.0.2", 80), "10.0.0.1")
        # The step itself, with the real sysctl.
        (node.fake / "bin/sysctl").unlink()
        inside = [shutil.which("ip"), "netns", "exec", lab.names["node"], *node.command("run", "06-bridge-filter")]
        done = subprocess.run(inside, env=node.env(), capture_output=True, text=True, timeout=60)
        equal((done.returncode, done.stderr), (0, ""))
        equal((lab.asks("one", "10.0.0.2", 80, seconds=2), lab.asks("one", "10.0.0.2", 22)), ("", "10.0.0.1"))
        holds("net.bridge.bridge-nf-call-iptables = 1" in (node.root / "etc/sysctl.conf").read_text(), "also after the next boot")
