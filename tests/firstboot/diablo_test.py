"""The blueprint `diablo`: every step of a cloud of 2011.3 on a controller and a compute node that also runs
nova-network. What is played reads nova.conf as a flag file, and admits callers by the pipelines of api-paste.ini."""

import contextlib
import json
import re
import shlex
import shutil

import readers
from cloud_test import failures, no_secret_shows
from harness import Story, equal, holds, test
from site_test import times
from world import HERE, Node, World, assembled, data_of

PLACE = "/dev/vg_instances/lv_instances /var/lib/nova/instances ext4"
TOLD = {
    "MYSQL_ROOT_PASSWORD": "controller", "GLANCE_MYSQL_PASSWORD": "controller",
    "NOVA_MYSQL_PASSWORD": "controller compute", "RABBIT_PASSWORD": "controller compute",
}
# The names of all flags that the source of 2011.3 defines.
KNOWN = set((HERE / "flags-2011.3").read_text().split())
VARIANT = {"network_manager": "vlan", "multi_host": "yes", "num_networks": "2", "network_size": "16", "shared_instances": "nfs"}


class Diablo(World):
    templates, data, told, pristine = assembled("diablo"), data_of("diablo"), TOLD, ("pristine", "pristine-2011")

    def __init__(self, names=("compute1", "controller"), **how):
        values = {"public_address": "", "acceptance": "services boot", "public_mac": "", "public_link": "", **how.pop("values", {})}
        super().__init__(nodes=[], names=list(names), last_group="10", values=values, **how)
        # Glance has no users.
        self.cloud.tokens["none"] = "anybody"
        (self.dir / "image-name").write_text("cirros-0.3.0-x86_64")
        self.nodes = {name: self.node(name) for name in names}

    def node(self, name):
        node = Node(self, name)
        node.cards(eth1="lan")
        place = {True: PLACE.replace("/var/lib/nova", "/export"), False: PLACE}[name == "controller"]
        if (self.values.get("shared_instances") == "nfs") == (name == "controller"):
            (node.root / place.split()[1].lstrip("/")).mkdir(parents=True)
            for file in ("etc/fstab", "proc/mounts"):
                with open(node.root / file, "a") as text:
                    text.write(f"{place} {'defaults 1 2' if file == 'etc/fstab' else 'rw 0 0'}\n")
        return node

    def flags(self, name):
        return readers.flagfile((self.nodes[name].root / "etc/nova/nova.conf").read_text())


@contextlib.contextmanager
def ready(**how):
    world = Diablo(**how)
    try:
        for node in world.nodes.values():
            node.start()
        world.wait(lambda: all(n.ready() for n in world.nodes.values()) or failures(world), 900, "a cloud that is ready")
        equal(failures(world), {})
        for node in world.nodes.values():
            node.process.wait(60)
        yield world
    finally:
        world.close()


cloud = Story(ready)


@cloud.chapter
def a_cloud_of_2011_is_ready_and_was_accepted(world):
    changes = [change for node in world.nodes.values() for change in node.changes()]
    for words, count in {"glance synced": 1, "nova synced": 1, "nova-manage network create": 1, "nova-manage user admin admin": 1,
                         "nova-manage project create admin admin": 1, "nova-manage project zipfile": 1, "euca-authorize icmp -1 -1": 1,
                         "euca-authorize tcp 22 22": 1, "euca-run-instances": 1, "euca-terminate-instances": 1}.items():
        equal((words, sum(change.startswith(words) for change in changes)), (words, count))
    said = {r["step"].split("/")[1]: r["detail"] for r in world.events("controller", "step-done") if r["step"].startswith("10-")}
    alive = {tuple(line.split()[:2]) for line in said["01-services"].splitlines() if ":-)" in line}
    equal(alive, {("nova-scheduler", "controller"), ("nova-compute", "compute1"), ("nova-network", "compute1")})
    holds("running" in said["02-boot-machine"], said["02-boot-machine"])
    equal([row["name"] for row in world.cloud.images.values()], ["cirros-0.3.0-x86_64"])
    no_secret_shows(world)


@cloud.chapter
def every_flag_of_nova_is_one_that_2011_3_knows_and_the_values_are_the_nodes_own(world):
    for name in world.nodes:
        flags = world.flags(name)
        equal((name, sorted(flags.keys() - KNOWN)), (name, []))
        equal((flags["my_ip"], flags["host"]), (world.address(name), name))
        # A whole URL, as in the manual's example, would become http://http://.
        for flag in ("ec2_host", "osapi_host", "s3_host", "rabbit_host", "ec2_dmz_host"):
            equal((name, flag, flags[flag]), (name, flag, world.address("controller")))
        equal(flags["dmz_cidr"], world.address("controller") + "/32")
        equal((flags["network_manager"], flags["flat_network_bridge"], flags["flat_interface"]),
              ("nova.network.manager.FlatDHCPManager", "br100", "eth1"))
        equal((flags["fixed_range"], flags["network_size"], flags["network_host"]), ("10.0.0.0/24", "256", "compute1"))
        equal((flags["rabbit_userid"], flags["rabbit_password"]), ("nova", world.secrets["RABBIT_PASSWORD"]))
        equal("libvirt_type" in flags, name != "controller")


@cloud.chapter
def whoever_calls_the_api_is_asked_who_he_is(world):
    node = world.nodes["controller"]
    paste = node.root / "etc/nova/api-paste.ini"
    for section in ("ec2cloud", "ec2admin", "openstackapi10", "openstackapi11"):
        words = readers.setting(paste, f"pipeline:{section}", "pipeline").split()
        holds(("authenticate" in words) != ("auth" in words) and not {"noauth", "ec2noauth"} & set(words), (section, words))
    novarc = (node.root / "root/creds/novarc").read_text()
    equal((node.root / "root/creds/novacreds.zip").stat().st_mode & 0o777, 0o600)
    stranger = node.play("euca-describe-groups", "default", EC2_ACCESS_KEY="admin:admin", EC2_SECRET_KEY="guess")
    equal((stranger.returncode, stranger.stderr.strip()), (1, "Unauthorized: None"))
    keys = json.loads((world.dir / "nova-2011.json").read_text())["users"]["admin"]
    holds(f'"{keys[0]}:admin"' in novarc and f'"{keys[1]}"' in novarc, "novarc has today's keys")
    # With the pipelines of the package the same stranger is let in.
    good = paste.read_text()
    shutil.copyfile(HERE / "pristine-2011/openstack-nova-common/etc/nova/api-paste.ini", paste)  # its mode stays
    equal(node.play("euca-describe-groups", "default", EC2_ACCESS_KEY="admin:admin", EC2_SECRET_KEY="guess").returncode, 0)
    equal(node.holds("07-openstack-controller/23-nova-config"), False)
    node.steps("07-openstack-controller/23-nova-config")
    equal(paste.read_text(), good)


@cloud.chapter
def its_filter_is_that_of_the_manual_and_the_controller_knows_the_way_to_machines(world):
    marks = {name: set(re.findall(r"rackstart-([a-z-]+?)(?:-[0-9a-f]{12})?$", (node.fake / "live").read_text(), flags=re.M)) for name, node in world.nodes.items()}
    for name, wanted, unwanted in (
        ("controller", {"database", "messages", "images", "compute-api", "vm-metadata", "proxies", "buckets"}, {"share", "identity", "consoles"}),
        ("compute1", {"migration", "consoles", "vm-dhcp", "forward-vm"}, {"database", "share"}),
    ):
        equal((name, wanted - marks[name], unwanted & marks[name]), (name, set(), set()))
    routes = (world.nodes["controller"].fake / "routes").read_text()
    holds(f"10.0.0.0/24 via {world.address('compute1')} " in routes, routes)


@cloud.chapter
def a_second_run_of_2011_changes_nothing(world):
    for name, node in world.nodes.items():
        before = node.files(), times(node)
        node.forget_changes()
        equal((name, node.run("start", timeout=300).returncode, node.changes()), (name, 0, []))
        equal((node.files(), times(node)), before)


@cloud.chapter
def another_password_of_the_queue_begins_its_database_again(world):
    node, other = world.nodes["controller"], 'new "password\\'
    secrets = node.root / "usr/lib/rackstart/secrets"
    was = secrets.read_text()
    secrets.write_text(was.replace(world.secrets["RABBIT_PASSWORD"], shlex.quote(other)))
    equal(node.holds("07-openstack-controller/04-rabbitmq-start"), False)
    node.steps("07-openstack-controller/04-rabbitmq-start")
    equal((node.fake / "rabbit/account").read_text(), f"nova\n{other}")


@test
def vlans_with_a_router_on_every_node_and_one_share_are_what_the_site_says():
    """The steps that differ, without the rest of the cloud."""
    world = Diablo(names=("compute1", "controller"), values=VARIANT)
    try:
        share, compute = world.nodes["controller"], world.nodes["compute1"]
        for node in world.nodes.values():
            (node.fake / "accounts").write_text("group nova:x:162:\npasswd nova:x:162:162::/:/\n")
        share.steps("08-share-controller/01-instances-export")
        equal((share.root / "etc/exports").read_text(), f"/export/instances {world.address('compute1')}(rw,sync,fsid=0,no_root_squash)\n")
        compute.steps("08-openstack-compute/02-install-nova", "08-share-compute/01-instances-mount", "08-openstack-compute/04-nova-config")
        holds("controller:/ /var/lib/nova/instances nfs4 defaults,_netdev 0 0" in (compute.root / "etc/fstab").read_text(), "in fstab")
        holds(compute.holds("08-share-compute/01-instances-mount"), "the share is mounted")
        flags = world.flags("compute1")
        equal(sorted(flags.keys() - KNOWN), [])
        equal((flags["network_manager"], flags["vlan_interface"], flags["vlan_start"], flags["network_size"], flags["multi_host"]),
              ("nova.network.manager.VlanManager", "eth1", "100", "16", "true"))
        # Its machines ask the node that they are on.
        equal((flags["ec2_dmz_host"], flags["dmz_cidr"]), (world.address("compute1"), world.address("compute1") + "/32"))
        equal(flags["live_migration_flag"], "VIR_MIGRATE_UNDEFINE_SOURCE,VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE")
        listed = compute.play("bash", "-c", 'set -eu; . "$PAYLOAD/lib.sh"; . "$PAYLOAD/lib/journal.sh"; list_steps',
                              PAYLOAD=str(compute.root / "usr/lib/rackstart"))
        holds("06-nova-network-start" in listed.stdout and "02-vlan-module" in listed.stdout and "03-vm-bridge" not in listed.stdout, listed.stdout + listed.stderr)
    finally:
        world.close()
