"""The blueprint `allinone`: every step of a cloud on one server, which is the controller, the only compute node and the
router at once, without GlusterFS. What is played calls the server that has the services `controller`."""

import contextlib
import csv
import json
import re

from cloud_test import failures, filled_in, no_secret_shows, read
from harness import Story, equal, holds
from site_test import times
from world import HERE, MACS, Node, World, assembled, data_of

ONE = {
    "role": "allinone", "targets": "all allinone controller gateway compute", "computes": "controller", "gateway": "controller",
    "public_mac": MACS["public"], "public_link": "card", "acceptance": "services boot ssh volume",
}
PLACE = "/dev/vg_instances/lv_instances /var/lib/nova/instances ext4"


class OneServer(World):
    templates, data = assembled("allinone"), data_of("allinone")

    def __init__(self, **how):
        values = {**ONE, "hosts": [], **how.pop("values", {})}
        super().__init__(nodes=[], names=["controller"], last_group="10", values=values, **how)
        values["hosts"] = [{"address": self.address("controller"), "names": "controller"}]
        self.nodes = {"controller": self.node("controller")}

    def node(self, name):
        node = Node(self, name)
        (node.root / "var/lib/nova/instances").mkdir(parents=True)
        with open(node.root / "etc/fstab", "a") as fstab:
            fstab.write(f"{PLACE} defaults 1 2\n")
        # By the boot.
        with open(node.root / "proc/mounts", "a") as mounts:
            mounts.write(f"{PLACE} rw 0 0\n")
        return node


@contextlib.contextmanager
def one_server():
    world = OneServer()
    try:
        node = world.nodes["controller"]
        node.start()
        world.wait(lambda: node.ready() or failures(world), 900, "a server that is ready")
        equal(failures(world), {})
        node.process.wait(60)
        yield world
    finally:
        world.close()


# It is ready, and nothing runs that looks after it.
server = Story(one_server)


@server.chapter
def a_cloud_on_one_server_is_ready_and_was_accepted(world):
    node = world.nodes["controller"]
    changes = node.changes()
    for words, count in {"keystone synced": 1, "glance synced": 1, "nova synced": 1, "nova-manage network create": 1, "nova boot": 1,
                         "nova volume-create": 1, "nova delete": 1, "nova live-migration": 0, "gluster": 0}.items():
        equal((words, sum(c.startswith(words) for c in changes)), (words, count))
    said = {r["step"].split("/")[1]: r["detail"] for r in world.events("controller", "step-done") if r["step"].startswith("10-")}
    alive = {line.split()[0] for line in said["02-boot-cirros"].splitlines() if " controller " in line and ":-)" in line}
    equal(alive, {f"nova-{name}" for name in ("cert", "compute", "consoleauth", "network", "scheduler", "volume")})
    for step, words in (("02-boot-cirros", "machine ACTIVE on controller, 10.0.0.2"), ("05-ssh-into-vm", "ssh: Linux 3.0.0-12-virtual"),
                        ("05-ssh-into-vm", "metadata: i-00000001"), ("07-nova-volume-attach", "volume in use by the machine on controller"),
                        ("09-clean-up", "accepted services boot ssh volume")):
        holds(words in said[step], (step, said[step]))
    left = json.loads((world.dir / "machines").read_text())
    equal([left.get(kind) for kind in ("machines", "volumes", "keys")], [{}, {}, []])
    owners = dict(line.split("|")[:2] for line in (node.fake / "owners").read_text().splitlines())
    equal([owners[place] for place in ("/var/lib/nova/instances", "/var/lib/glance")], ["nova:nova", "glance:glance"])
    equal([p.name for p in (node.root / "usr/lib/rackstart/steps").glob("*gluster*")], [])


@server.chapter
def its_settings_are_those_of_every_role_at_once(world):
    node, found = world.nodes["controller"], 0
    with open(HERE / "keys.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            # SELinux is the installer's here.
            if row["mode"] in ("both", world.security) and row["file"] != "/etc/selinux/config":
                # The gateway of the table is this server too.
                value = row["value"].replace("compute1", "controller")
                expected = "eth0" if value == "{public}" else filled_in(value, node)
                got = read(node, row["file"], row["section"], row["key"])
                equal((row["file"], row["section"], row["key"], got), (row["file"], row["section"], row["key"], expected))
                found += 1
    holds(found > 50, f"{found} rows")
    no_secret_shows(world)


@server.chapter
def its_filter_lets_in_by_the_table_and_passes_on_as_a_router(world):
    live = (world.nodes["controller"].fake / "live").read_text()
    marks = re.findall(r"--comment rackstart-([a-z-]+?)(?:-[0-9a-f]{12})?$", live, flags=re.M)
    holds(":INPUT DROP" in live and ":FORWARD DROP" in live, live)
    for name in ("compute-api", "vm-metadata", "dashboard", "vm-dhcp", "forward-bridge", "forward-lan", "forward-vm", "forward-back", "masquerade-vm", "outside"):
        equal((name, marks.count(name)), (name, 1))
    # What only its own services ask comes over the loopback.
    equal([name for name in ("database", "messages", "volumes", "migration", "consoles") if name in marks], [])
    holds("-A FORWARD -i br100 -o br100 -j ACCEPT" in live and "-A POSTROUTING -s 10.0.0.0/24 -o eth0 -j MASQUERADE" in live, live)


@server.chapter
def a_second_run_of_the_one_server_changes_nothing_and_a_lost_mount_stops_its_machines(world):
    node = world.nodes["controller"]
    before = node.files(), times(node), world.cloud.content()
    node.forget_changes()
    done = node.run("start", timeout=300)
    equal((done.returncode, node.changes()), (0, []))
    equal((node.files(), times(node), world.cloud.content()), before)
    mounts = node.root / "proc/mounts"
    was = mounts.read_text()
    mounts.write_text(was.replace(f"{PLACE} rw 0 0\n", ""))
    equal(node.holds("08-openstack-compute/05-nova-compute-start"), False)
    mounts.write_text(was)
    equal(node.holds("08-openstack-compute/05-nova-compute-start"), True)


@server.chapter
def the_store_on_an_iscsi_target_has_its_steps_before_those_of_glance_and_nobody_else_has_them(world):
    """That they do what they say a real target shows: tests/rack/iscsi."""
    node = world.nodes["controller"]
    script = 'set -eu; . "$PAYLOAD/lib.sh"; . "$PAYLOAD/lib/journal.sh"; list_steps; echo; packages_of_steps'
    payload = node.root / "usr/lib/rackstart"
    env, listed = payload / "env", {}
    was = env.read_text()
    for target in ("", "192.168.10.250"):
        env.write_text(f"{was}GLANCE_TARGET={target}\n")
        done = node.play("bash", "-c", script, PAYLOAD=str(payload))
        equal((done.returncode, done.stderr), (0, ""))
        steps, packages = done.stdout.split("\n\n")
        listed[target] = [step.split("/")[1] for step in steps.split()]
        holds("iscsi-initiator-utils" in packages.split(), "which Nova needs for volumes too")
    env.write_text(was)
    own = ["01-iscsi-login", "02-glance-store", "03-glance-mount"]
    equal([step for step in listed["192.168.10.250"] if step not in listed[""]], own)
    place = listed["192.168.10.250"].index
    holds(place("02-ip-forward") < place(own[0]) < place(own[1]) < place(own[2]) < place("12-glance-install"), listed)
