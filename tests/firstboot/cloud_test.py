"""The whole list of steps, on every role, against the simulated commands of a node and a real MariaDB: the
results on the nodes, key by key, with passwords that hold whatever a shell, a URL, SQL or a parser could trip
over."""

import contextlib
import csv
import json

import readers
from harness import Story, equal, holds
from site_test import site, times
from world import COMPUTES, HERE

HOSTILE = {
    "MYSQL_ROOT_PASSWORD": "ro'ot \"$(reboot)\" `id` \\ # ; %",
    "KEYSTONE_ADMIN_TOKEN": "t$k\"e'n\\%&#;/?@:x",
    "KEYSTONE_MYSQL_PASSWORD": "k@y:st/one?&=%41+$x ü€",
    "GLANCE_MYSQL_PASSWORD": "'; DROP DATABASE keystone; -- ",
    "GLANCE_SERVICE_PASSWORD": "gl%a\\n/ce#;&%%$x",
    "NOVA_MYSQL_PASSWORD": "\"no'va\"$NODE\\\\&&",
    "NOVA_SERVICE_PASSWORD": "'quoted'",
    "QPID_PASSWORD": "'qpid' $$ пароль",
    "OS_PASSWORD": "ad\"min\\\"{}[]<>|~!*?x=y",
    "DASHBOARD_SECRET_KEY": "dash'board\\x41\"ü",
}


@contextlib.contextmanager
def hostile_cloud():
    with site(last_group="10", secrets=HOSTILE) as world:
        for node in world.nodes.values():
            node.start()
        becomes_ready(world)
        yield world


# All nodes of this cloud are ready, and no runner supervises them.
cloud = Story(hostile_cloud)


def becomes_ready(world):
    world.wait(lambda: all(n.ready() for n in world.nodes.values()) or failures(world), 900, "five ready nodes")
    equal(failures(world), {})
    # The sender ends when the last report has arrived.
    for node in world.nodes.values():
        node.process.wait(60)


def failures(world):
    texts = {name: node.state / "failure" for name, node in world.nodes.items()}
    return {name: path.read_text() for name, path in texts.items() if path.exists()}


def rows(node):
    """The rows of keys.tsv for this node, values filled in."""
    world = node.world
    roles = {"all", "nova", *{"compute1": ["gateway", "compute"], "controller": ["controller"]}.get(node.name, ["compute"])}
    with open(HERE / "keys.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["role"] in roles and row["mode"] in ("both", world.security):
                yield from of_manager(node, (row["file"], row["section"], row["key"], filled_in(row["value"], node)))


def of_manager(node, row):
    """The row of the table is for FlatDHCP; this is the row where the site names another network manager."""
    file, section, key, value = row
    vlan, multi = (node.world.values.get(name) for name in ("network_manager", "multi_host"))
    match key:
        case "network_manager" if vlan:
            row = (file, section, key, "nova.network.manager.VlanManager")
        case "flat_interface" if vlan:
            row = (file, section, "vlan_interface", value)
        case "flat_network_bridge" if vlan:
            return
        case "metadata_host" if multi and node.name != "controller":
            row = (file, section, key, node.world.address(node.name))
    yield row
    if key == "network_manager" and multi:
        yield file, section, "multi_host", "True"


def filled_in(value, node):
    world = node.world
    match value.strip("{}").split(":") if value.startswith("{") else []:
        case ["address"]:
            return world.address(node.name)
        case ["controller"]:
            return world.address("controller")
        case ["public"]:
            return "eth0" if node.name == "compute1" else "eth1"
        case ["node"]:
            return node.name
        case ["database", name, secret]:
            return name, world.secrets[secret], "controller", name
        case [secret]:
            return world.secrets[secret]
    return value.replace("{node}", node.name).replace("{host_uuid}", node.host_uuid())


def read(node, file, section, key):
    """A setting as the program that uses it would get it."""
    path = node.root / file.removeprefix("/")
    if file.endswith("local_settings"):
        return readers.python(path, key)
    if not section:
        return readers.plain(path, key)
    value = readers.setting(path, section, key)
    return readers.connection(value) if value and value.startswith("mysql://") else value


def every_key_is_right(world):
    for node in world.nodes.values():
        found = list(rows(node))
        holds(len(found) > 25, f"{node.name}: {len(found)} rows")
        for file, section, key, value in found:
            equal((node.name, file, section, key, read(node, file, section, key)), (node.name, file, section, key, value))


def nothing_else_has_changed(world):
    """In files with sections, the table lists what differs from the package's values."""
    for node in world.nodes.values():
        known = {(file, section, key) for file, section, key, _ in rows(node)}
        for file in {file for file, section, _ in known if section}:
            before = next(HERE.glob(f"pristine/*{file}"))
            old, new = readers.sections(before), readers.sections(node.root / file.removeprefix("/"))
            for section in old.keys() | new.keys():
                for key in old.get(section, {}).keys() | new.get(section, {}).keys():
                    if old.get(section, {}).get(key) != new.get(section, {}).get(key):
                        holds((file, section, key) in known, f"{node.name}: {file} [{section}] {key} is in no row of keys.tsv")
            kept = [line for line in before.read_text().splitlines() if line.startswith("#")]
            now = (node.root / file.removeprefix("/")).read_text().splitlines()
            equal([line for line in now if line.startswith("#")], kept)


def keystone_has_what_the_paper_wants(world):
    secrets = world.secrets
    equal(world.cloud.content()["tenants"], ["admin", "service"])
    equal(world.cloud.content()["users"], [
        ("admin", secrets["OS_PASSWORD"], "admin"),
        ("glance", secrets["GLANCE_SERVICE_PASSWORD"], "service"),
        ("nova", secrets["NOVA_SERVICE_PASSWORD"], "service"),
    ])
    equal(world.cloud.content()["roles"], ["Member", "admin"])
    equal(world.cloud.content()["grants"], [("admin", "admin", "admin"), ("service", "glance", "admin"), ("service", "nova", "admin")])
    url, region = "http://controller", "RegionOne"
    equal(world.cloud.content()["endpoints"], [
        ("compute", region, *[f"{url}:8774/v2/%(tenant_id)s"] * 3),
        ("ec2", region, f"{url}:8773/services/Cloud", f"{url}:8773/services/Admin", f"{url}:8773/services/Cloud"),
        ("identity", region, f"{url}:5000/v2.0", f"{url}:35357/v2.0", f"{url}:5000/v2.0"),
        ("image", region, *[f"{url}:9292/v1"] * 3),
        ("volume", region, *[f"{url}:8776/v1/%(tenant_id)s"] * 3),
    ])
    image, = world.cloud.images.values()
    equal((image["name"], image["status"], image["meta"]["Is-Public"]), ("cirros-0.3.0-x86_64", "active", "True"))


SINGLETONS = {
    "gluster volume create": 1, "keystone synced": 1, "glance synced": 1, "nova synced": 1,
    "nova-manage network create": 1, "nova secgroup-add-rule": 2, "saslpasswd2": 1,
    "nova boot": 1, "nova volume-create": 1, "nova live-migration": 1, "nova delete": 1,
}


def every_singleton_ran_once(world, repeatable=(), networks=1):
    changes = [c for node in world.nodes.values() for c in node.changes()]
    for words, times_ in {**SINGLETONS, "nova-manage network create": networks}.items():
        count = sum(c.startswith(words) for c in changes)
        holds(count == times_ or (words in repeatable and count > times_), f"{words}: {count} times")
    equal(len(world.cloud.changes), len(set(world.cloud.changes)) + world.cloud.changes.count("grant") - 1)


FLOATING = "none in this cloud (nova-manage floating create, on compute1)"


def the_cloud_was_accepted(world, outside="198.41.0.4 answers", floating=FLOATING, routers=("compute1",)):
    """The reports hold what the last steps saw, and nothing that these steps created is left."""
    said = {r["step"].split("/")[1]: r["detail"] for r in world.events("controller", "step-done") if r["step"].startswith("10-")}
    services = said["02-boot-cirros"]
    for service, host in [("consoleauth", "controller"), ("scheduler", "controller"), ("volume", "controller"),
                          *(("network", r) for r in routers), *(("compute", c) for c in COMPUTES)]:
        holds(any(f"nova-{service} " in l and f" {host} " in l and ":-)" in l for l in services.splitlines()), (service, services))
    holds("image cirros-0.3.0-x86_64: machine ACTIVE on compute1, 10.0.0.2" in services, services)
    equal(services.count("machine ACTIVE"), 1)
    holds("console: http://128.250.26.161:6080/vnc_auto.html?token=..., answered by compute1" in services and "f00d" not in services, services)
    asked = said["05-ssh-into-vm"].splitlines()
    for line in ("ping to 10.0.0.2 is answered", "ssh: Linux 3.0.0-12-virtual", "metadata: i-00000001", f"outside: {outside}",
                 f"name: controller is {world.address('controller')}",
                 f"floating address: {floating}"):
        holds(line in asked, (line, asked))
    holds("volume in use by the machine on compute1" in said["07-nova-volume-attach"], said)
    the_acceptance_ended_well(world)


def the_acceptance_ended_well(world):
    said = {r["step"].split("/")[1]: r["detail"] for r in world.events("controller", "step-done") if r["step"].startswith("10-")}
    holds("live migration: from compute1 to compute2, ACTIVE" in said["08-live-migration"], said)
    holds("accepted services boot ssh volume migration" in said["09-clean-up"], said)
    left = json.loads((world.dir / "machines").read_text())
    equal([left.get(kind) for kind in ("machines", "volumes", "keys")] + [left.get("taken", [])], [{}, {}, [], []])
    holds(not (world.nodes["controller"].state / "acceptance.pem").exists(), "the key of the machine")


def services_of(world, *hosts):
    """The rows of Nova's services on these hosts, disabled or not, as Nova's database has them."""
    rows_ = world.nodes["controller"].sql("SELECT `binary`, host, disabled FROM nova.services ORDER BY id;").splitlines()
    return [tuple(row.split("\t")) for row in rows_ if row.split("\t")[1] in hosts]


def a_compute_node_leaves_and_comes_back(world):
    """What the controller is asked to do when compute2 is wiped: it disables and enables only that node's row."""
    controller = world.nodes["controller"]
    controller.forget_changes()
    for verb, status in (("disable", "disabled"), ("disable", "disabled"), ("enable", "enabled"), ("enable", "enabled")):
        done = controller.run("_errand", verb, "compute2")
        equal((done.returncode, done.stdout.splitlines()[-1]), (0, f"nova-compute on compute2 is {status}"))
        equal(services_of(world, "compute2"), [("nova-compute", "compute2", str(int(verb == "disable")))])
    equal(controller.changes(), [f"nova-manage service {v} --host=compute2 --service=nova-compute" for v in ("disable", "enable")])
    equal(controller.run("_errand", "disable", "compute9").stdout, "Nova knows no nova-compute on compute9\n")
    (controller.fake / "running.mysqld").unlink()
    controller.end_mysql()
    down = controller.run("_errand", "disable", "compute2")
    equal((down.returncode, down.stdout), (1, "`nova-manage service list` fails on controller\n"))
    controller.steps("03-mysql-start")


def owners_are_right(world):
    for node in world.nodes.values():
        owners = dict(line.split("|")[:2] for line in (node.fake / "owners").read_text().splitlines())
        equal((owners["/etc/nova/nova.conf"], owners["/var/lib/nova"]), ("root:nova", "nova:nova"))
        equal("/var/lib/nova/instances" in owners, False)
        equal([l for l in (node.fake / "accounts").read_text().splitlines() if "nova" in l],
              ["group nova:x:162:", "passwd nova:x:162:162::/:/"])
        for file in ("etc/nova/nova.conf", "usr/lib/rackstart/secrets", "etc/keystone/keystone.conf", "etc/glance/glance-api-paste.ini"):
            path = node.root / file
            if path.exists() and file.startswith("etc"):
                equal((file, oct(path.stat().st_mode & 0o777)), (file, "0o640"))
        for path in node.state.glob("mysql*"):
            equal((path.name, oct(path.stat().st_mode & 0o777)), (path.name, "0o600"))


def no_secret_shows(world):
    """No secret is in a log, a report or the arguments of any command; neither is a hash that MySQL makes of one."""
    for name, secret in world.secrets.items():
        for node in world.nodes.values():
            for path in [*(node.root / "var/log/rackstart").iterdir(), node.fake / "calls", node.fake / "changes", node.fake / "arguments"]:
                if path.exists():
                    holds(secret.strip() not in path.read_text(errors="replace"), f"{name} in {path}")
        holds(secret not in str(world.server.reports), f"{name} was reported")
    for node in world.nodes.values():
        holds("--config -" in (node.fake / "arguments").read_text() or node.name not in ("controller", "compute1"), "curl was not seen")


def each_node_has_its_own_secrets_only(world):
    for node in world.nodes.values():
        text = "\n".join(p.read_text(errors="replace") for top in ("etc", "var/lib/rackstart", "usr/lib/rackstart")
                         for p in (node.root / top).rglob("*") if p.is_file())
        for name in ("MYSQL_ROOT_PASSWORD", "KEYSTONE_ADMIN_TOKEN", "GLANCE_SERVICE_PASSWORD", "NOVA_SERVICE_PASSWORD", "KEYSTONE_MYSQL_PASSWORD"):
            equal((node.name, name, f"{name}=" in text), (node.name, name, node.name == "controller"))


def a_second_run_changes_nothing(world):
    for node in world.nodes.values():
        before = node.files(), times(node), world.cloud.content()
        node.forget_changes()
        logs = {p: p.read_text(errors="replace").count(" apply\n") for p in (node.root / "var/log/rackstart").iterdir()}
        done = node.run("start", timeout=300)
        equal((node.name, done.returncode, node.changes()), (node.name, 0, []))
        equal((node.files(), times(node), world.cloud.content()), before)
        equal({p: p.read_text(errors="replace").count(" apply\n") for p in logs}, logs)


@cloud.chapter
def a_whole_cloud_with_hostile_passwords_ends_key_by_key_as_the_table_says_and_stays_so(world):
    every_key_is_right(world)
    nothing_else_has_changed(world)
    keystone_has_what_the_paper_wants(world)
    every_singleton_ran_once(world)
    the_cloud_was_accepted(world)
    owners_are_right(world)
    no_secret_shows(world)
    each_node_has_its_own_secrets_only(world)
    a_second_run_changes_nothing(world)
    a_compute_node_leaves_and_comes_back(world)
