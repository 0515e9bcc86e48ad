"""A running cloud: each kind of password is replaced without a person, and nobody is locked out meanwhile;
then a node comes and goes."""

import json
import subprocess
import threading
import time

from cloud_test import every_key_is_right, services_of
from growth_test import LIVING, all_updated, changes, ends, is_updated, joins, leaves
from harness import equal, holds, test
from rejoin_cloud_test import alive
from site_test import all_ready, site
from strict_cloud_test import as_admin
from world import SECRETS

# Three nodes that supervise themselves all the while keep a machine of two processors busy.
CALM = {**LIVING, "RACKSTART_HEALTH_PAUSE": "3"}
NAMES = ["compute1", "compute2", "controller"]
# As the server hands them out: `src/lifecycle/renewal.rs` holds back the keeper of an account while others use it.
# These are the conditions that the users wait for meanwhile.
SHARED = {"NOVA_MYSQL_PASSWORD": "the database of Nova on controller", "QPID_PASSWORD": "the message queue on controller to take the password"}
# Each password alone, on every node that has it: the passwords of one turn belong to different nodes.
ALONE = [["KEYSTONE_ADMIN_TOKEN"], ["KEYSTONE_MYSQL_PASSWORD"], ["GLANCE_MYSQL_PASSWORD"], ["GLANCE_SERVICE_PASSWORD"],
         ["NOVA_SERVICE_PASSWORD"], ["OS_PASSWORD"], ["MYSQL_ROOT_PASSWORD", "DASHBOARD_SECRET_KEY"]]


def logs_in(world, user, password):
    words = ["/usr/bin/mysql", "--no-defaults", "-u", user, "-h", world.address("controller"), "-BN", "-e", "SELECT 1"]
    env = {"PATH": "/usr/bin:/bin", "MYSQL_PWD": password}
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=20).stdout == "1\n"


class Load:
    """Logs in all the while with the former password and with the new one: one of them has to work."""

    def __init__(self, world, user, old, new):
        self.refused, self.tries, self.open = 0, 0, True
        self.thread = threading.Thread(target=self.run, args=(world, user, old, new))

    def run(self, world, user, old, new):
        while self.open:
            self.tries += 1
            self.refused += not (logs_in(world, user, old) or logs_in(world, user, new))
            time.sleep(0.2)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()


def all_alive(world):
    return not [line for line in alive(world) if line[2:] != ("enabled", ":-)")]


def everything_runs(world):
    world.wait(lambda: all_alive(world), 120, "every service of Nova")
    every_key_is_right(world)
    equal({user["name"]: user["password"] for user in world.cloud.users.values()}, {
        "admin": world.secrets["OS_PASSWORD"], "glance": world.secrets["GLANCE_SERVICE_PASSWORD"],
        "nova": world.secrets["NOVA_SERVICE_PASSWORD"]})
    equal([(name, world.events(name, "step-failed")) for name in world.nodes if world.events(name, "step-failed")], [])


def a_shared_one(world, secret, condition):
    """The users have the new password first, wait, and go on with the former one."""
    old = world.secrets["NOVA_MYSQL_PASSWORD"]
    changes(world, secrets=[secret], held={"controller"})
    new = world.secrets["NOVA_MYSQL_PASSWORD"]
    with Load(world, "nova", old, new) as load:
        waits = lambda name: any(condition in r["detail"] for r in world.events(name, "updating"))  # noqa: E731
        world.wait(lambda: waits("compute2") and waits("compute1"), 120, f"the wait for the controller with {secret}")
        holds(all_alive(world), f"{secret}: cut off meanwhile: {alive(world)}")
        holds("updating, " in world.nodes["compute2"].run("status").stdout, "what status says")
        world.server.renewals.held = set()
        all_updated(world, 300)
    holds(load.tries > 5 and load.refused == 0, f"{load.refused} of {load.tries} times neither password worked")
    holds(logs_in(world, "nova", new) and (old == new or not logs_in(world, "nova", old)), "the old password still works")


def nova(world, *words):
    done = world.nodes["controller"].play("nova", *words, **as_admin(world))
    equal((words, done.returncode, done.stderr), (words, 0, ""))
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    return {row[0].strip(): row[-1].strip() for row in rows}


def a_machine_moves_onto(world, name):
    """A machine that has run since before this node came; it moves away again, because the node is to leave."""
    machine = next(iter(json.loads((world.dir / "machines").read_text())["machines"]))
    for target in (name, "compute1"):
        nova(world, "live-migration", machine, target)
        said = nova(world, "show", machine)
        equal((said["OS-EXT-SRV-ATTR:host"], said["status"]), (target, "ACTIVE"))


def accounts(world, user):
    return set(world.nodes["controller"].sql(f"SELECT Host FROM mysql.user WHERE User = '{user}';").split())


@test
def each_kind_of_password_is_rotated_in_a_cloud_that_runs_and_a_node_comes_takes_a_machine_and_goes():
    with site(last_group="09", nodes=NAMES, names=NAMES, values={"replica": "2"}) as world:
        for node in world.nodes.values():
            node.start("start", **CALM)
        all_ready(world, 900)
        everything_runs(world)
        equal(sorted([*SHARED, *(name for turn in ALONE for name in turn)]), sorted(SECRETS))
        for secret, condition in SHARED.items():
            a_shared_one(world, secret, condition)
            everything_runs(world)
        for secrets in ALONE:
            changes(world, secrets=secrets)
            all_updated(world, 300)
            everything_runs(world)
        nova(world, "keypair-add", "mine")
        nova(world, "boot", "--image", "cirros-0.3.0-x86_64", "--flavor", "m1.tiny", "--key_name", "mine", "mine")
        world.wait(lambda: nova(world, "show", "mine")["status"] == "ACTIVE", 20, "a machine that runs")
        world.names.append("compute3")
        joins(world, "compute3")
        world.wait(lambda: world.nodes["compute3"].ready(), 300, "compute3 ready")
        all_updated(world, 300)
        everything_runs(world)
        a_machine_moves_onto(world, "compute3")
        equal(services_of(world, "compute3"), [("nova-compute", "compute3", "0")])
        holds(world.address("compute3") in accounts(world, "nova"), accounts(world, "nova"))
        leaves(world, "compute3")
        holds(is_updated(world.nodes["controller"]), "the controller")
        equal(accounts(world, "nova"), {"localhost", "controller", *map(world.address, NAMES)})
        ends(world)
