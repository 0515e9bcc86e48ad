"""Plays nova, nova-manage, keystone-manage, glance-manage, and what a service of Nova
does when it starts. They read the very files that the steps have written, by the rules
of the real programs, and log in at the real database with what they find there: a
setting that would be wrong for the real ones fails here too."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.environ["FAKE_TESTS"])
sys.dont_write_bytecode = True
import readers  # noqa: E402
import schema  # noqa: E402

FAKE = pathlib.Path(os.environ["FAKE"])
WORLD = pathlib.Path(os.environ["FAKE_WORLD"])
ROOT = pathlib.Path(os.environ["RACKSTART_ROOT"])
NOVA_CONF = "etc/nova/nova.conf"

def address_of(host):
    for line in (ROOT / "etc/hosts").read_text().splitlines():
        if host in line.split()[1:]:
            return line.split()[0]
    sys.exit(f"Unknown host {host}")


def changed(*words):
    with open(FAKE / "changes", "a") as changes:
        changes.write(" ".join(words) + "\n")


class Database:
    """By the URL of a configuration file."""

    def __init__(self, root, path, section, key):
        self.user, self.password, host, self.name = readers.connection(readers.oslo(root / path, section, key))
        self.host = address_of(host)

    def ask(self, statements):
        words = ["/usr/bin/mysql", "--no-defaults", "-u", self.user, "-h", self.host, "--protocol=tcp", "-BN", self.name]
        env = {"PATH": "/usr/bin:/bin", "MYSQL_PWD": self.password}
        done = subprocess.run(words, input=statements, env=env, capture_output=True, text=True, timeout=20)
        if done.returncode:
            sys.exit(f"OperationalError: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]


def sync(database, control=0):
    """`db sync`: a database that is under no migration control gets version `control` first."""
    changed(f"{database.name} sync")
    versioned = schema.Versioned(database.name, database.ask)
    if versioned.version() is None:
        versioned.control(control)
    versioned.upgrade()
    changed(f"{database.name} synced")


def glance_manage(words):
    """Without `version_control` its db_sync takes an empty database for one of the latest version."""
    for place in ("api", "registry"):
        database = Database(ROOT, f"etc/glance/glance-{place}.conf", "DEFAULT", "sql_connection")
    versioned = schema.Versioned("glance", database.ask)
    writes_as_root("var/log/glance/registry.log")
    match words:
        case ["version_control", version]:
            if versioned.version() is not None:
                sys.exit("ERROR: database is already under migration control")
            versioned.control(version)
        case ["db_sync"]:
            sync(database, versioned.latest())
        case _:
            sys.exit(f"ERROR: unrecognized command {words}")


def writes_as_root(log):
    """What a command of root logs to belongs to root where it was not there before."""
    if not (ROOT / log).exists():
        (ROOT / log).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / log).write_text("")
        with open(FAKE / "owners", "a") as owners:
            owners.write(f"/{log}|root:root|\n")


def registry_starts():
    """It makes the tables of its models where they are missing, whatever version the database says."""
    database = Database(ROOT, "etc/glance/glance-registry.conf", "DEFAULT", "sql_connection")
    database.ask("".join(schema.tables(schema.GLANCE, unless_there=True)))


def row_of(binary, host):
    return f"`binary` = '{binary}' AND host = '{host}'"


def service_starts(database, binary):
    """Takes up the row of its name and host, and makes one where there is none."""
    row = row_of(binary, readers.oslo(ROOT / NOVA_CONF, "DEFAULT", "host"))
    if not database.ask(f"SELECT id FROM services WHERE {row};"):
        database.ask(f"INSERT INTO services SET {row.replace(' AND ', ', ')};")


def service_list(database):
    confs = {}
    for node in (WORLD / "nodes").iterdir():
        for running in (node / "fake").glob("running.openstack-nova-*"):
            conf = node / "root" / NOVA_CONF
            confs[running.name.removeprefix("running.openstack-"), readers.oslo(conf, "DEFAULT", "host")] = conf
    print("Binary           Host                                 Zone             Status     State Updated_At")
    for binary, host, disabled in database.ask("SELECT `binary`, host, disabled FROM services ORDER BY id;"):
        conf = confs.get((binary, host))
        print(f"{binary:16} {host:36} nova             {'disabled' if disabled == '1' else 'enabled':10} "
              f"{':-)' if conf and is_alive(conf) else 'XXX'}   2012-08-14 10:00:00")


def service_set(database, verb, host, binary):
    row = row_of(binary, host)
    if not database.ask(f"SELECT id FROM services WHERE {row};"):
        sys.exit("Unable to find service")
    changed("nova-manage service", verb, f"--host={host}", f"--service={binary}")
    database.ask(f"UPDATE services SET disabled = {verb == 'disable'} WHERE {row};")


def is_alive(conf):
    """The message queue takes what this node has been told to say."""
    controller = WORLD / "nodes/controller"
    if not (controller / "fake/running.qpidd").exists():
        return False
    if readers.plain(controller / "root/etc/qpidd.conf", "auth") != "yes":
        return True
    return readers.oslo(conf, "DEFAULT", "qpid_password") == (WORLD / "queue.password").read_bytes().decode()


def network(database, verb, options):
    if verb == "list":
        print("id   IPv4            IPv6  start address  DNS1 DNS2 VlanID project uuid")
        for cidr, in database.ask("SELECT cidr FROM networks;"):
            print(f"1    {cidr}     None  10.0.0.2  8.8.4.4  None None None 0b0c")
        return
    values = dict(option.removeprefix("--").split("=", 1) for option in options)
    if database.ask(f"SELECT 1 FROM networks WHERE cidr = '{values['fixed_range_v4']}';"):
        sys.exit("requested cidr conflicts with existing network")
    database.ask(f"INSERT INTO networks (cidr, label, bridge) VALUES ('{values['fixed_range_v4']}', '{values['label']}', '{values['bridge']}');")
    changed("nova-manage network create", *options)


class Machines:
    """What the administrator has made, in one file."""

    def __init__(self, token):
        self.path, self.token = WORLD / "machines", token
        self.all = json.loads(self.path.read_text()) if self.path.exists() else {"machines": {}, "volumes": {}, "keys": []}

    def keep(self, *words):
        changed("nova", *words)
        self.path.write_text(json.dumps(self.all))

    def computes(self):
        nodes = sorted((WORLD / "nodes").iterdir())
        mounted = lambda node: " /var/lib/nova/instances fuse.glusterfs " in (node / "root/proc/mounts").read_text()  # noqa: E731
        return [n.name for n in nodes if (n / "fake/running.openstack-nova-compute").exists() and mounted(n)]

    def boot(self, image, flavor, key, name):
        request = urllib.request.Request(
            f"http://{address_of('controller')}:9292/v1/images/detail", headers={"X-Auth-Token": self.token})
        images = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10))["images"]
        if not any(i["name"] == image and i["status"] == "active" for i in images):
            sys.exit(f"ERROR: no image {image}")
        if flavor != "m1.tiny" or key not in self.all["keys"] or name in self.all["machines"]:
            sys.exit("ERROR: refused")
        # It is being built at first.
        self.all["machines"][name] = {"id": "0b1c-77", "host": self.computes()[0], "looked": 0}

    def do(self, words):
        machines, volumes = self.all["machines"], self.all["volumes"]
        match words:
            case ["list"]:
                print("+----+------+\n| ID | Name |\n" + "".join(f"| 0b1c-77 | {name} | ACTIVE |\n" for name in machines), end="")
            case ["keypair-list"]:
                print("| Name | Fingerprint |\n" + "".join(f"| {key} | aa:bb |\n" for key in self.all["keys"]), end="")
            case ["keypair-add", name] if name not in self.all["keys"]:
                self.all["keys"].append(name)
                self.keep(*words)
                print("-----BEGIN RSA PRIVATE KEY-----")
            case ["keypair-delete", name] if name in self.all["keys"]:
                self.all["keys"].remove(name)
                self.keep(*words)
            case ["boot", "--image", image, "--flavor", flavor, "--key_name", key, name]:
                self.boot(image, flavor, key, name)
                self.keep(*words)
            case ["show", name] if name in machines:
                it = machines[name]
                it["looked"] += 1
                self.path.write_text(json.dumps(self.all))
                print(f"| Property | Value |\n| status | {'ACTIVE' if it['looked'] > 2 else 'BUILD'} |\n| id | {it['id']} |\n"
                      f"| OS-EXT-SRV-ATTR:host | {it['host']} |\n| public network | 10.0.0.2 |")
            case ["delete", name] if name in machines:
                del machines[name]
                self.keep(*words)
            case ["volume-list"]:
                print("| ID | Status | Display Name | Size |\n" + "".join(f"| 7 | {v} | {name} | 1 |\n" for name, v in volumes.items()), end="")
            case ["volume-create", "--display_name", name, "1"] if name not in volumes:
                volumes[name] = "available"
                self.keep(*words)
            case ["volume-attach", "0b1c-77", "7", "/dev/vdc"] if machines and "available" in volumes.values():
                volumes.update({name: "in-use" for name in volumes})
                self.keep(*words)
            case ["volume-detach", "0b1c-77", "7"] if "in-use" in volumes.values():
                volumes.update({name: "available" for name in volumes})
                self.keep(*words)
            case ["volume-delete", "7"] if "available" in volumes.values():
                volumes.clear()
                self.keep(*words)
            case ["live-migration", name, host] if name in machines and host in self.computes() and "in-use" not in volumes.values():
                machines[name]["host"] = host
                self.keep(*words)
            case _:
                sys.exit(f"ERROR: nova {words} is refused")


def nova(words):
    body = {"auth": {"tenantName": os.environ["OS_TENANT_NAME"], "passwordCredentials": {
        "username": os.environ["OS_USERNAME"], "password": os.environ["OS_PASSWORD"]}}}
    host, port = "controller", 5000
    assert os.environ["OS_AUTH_URL"] == "http://controller:5000/v2.0/", os.environ["OS_AUTH_URL"]
    request = urllib.request.Request(
        f"http://{address_of(host)}:{port}/v2.0/tokens", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).read()
    except OSError as error:
        sys.exit(f"ERROR: {error}")
    if not (WORLD / "nodes/controller/fake/running.openstack-nova-api").exists():
        sys.exit("ERROR: [Errno 111] Connection refused")
    rules = WORLD / "security-rules"
    known = rules.read_text().splitlines() if rules.exists() else []
    match words:
        case ["secgroup-list-rules", "default"]:
            print("| IP Protocol | From Port | To Port |  IP Range | Source Group |")
            for rule in known:
                print("| " + " | ".join(rule.split()) + " |   |")
        case ["secgroup-add-rule", "default", *rule]:
            if " ".join(rule) in known:
                sys.exit("ERROR: This rule already exists in group 3. (HTTP 400)")
            rules.write_text("\n".join([*known, " ".join(rule)]) + "\n")
            changed("nova", *words)
        case _:
            Machines(json.loads(answer)["access"]["token"]["id"]).do(words)


def main(name, words):
    with open(FAKE / "calls", "a") as calls:
        calls.write(" ".join([name, *words]) + "\n")
    if name == "nova":
        return nova(words)
    if name == "keystone-manage" and words == ["db_sync"]:
        writes_as_root("var/log/keystone/keystone.log")
        return sync(Database(ROOT, "etc/keystone/keystone.conf", "sql", "connection"))
    if name == "glance-manage":
        return glance_manage(words)
    if name == "glance-registry":
        return registry_starts()
    database = Database(ROOT, NOVA_CONF, "DEFAULT", "sql_connection")
    if name == "nova-service":
        return service_starts(database, *words)
    match words:
        case ["db", "sync"]:
            writes_as_root("var/log/nova/nova-manage.log")
            sync(database)
        case ["service", "list"]:
            service_list(database)
        case ["service", ("disable" | "enable") as verb, host, service]:
            service_set(database, verb, host.removeprefix("--host="), service.removeprefix("--service="))
        case ["network", verb, *options]:
            network(database, verb, options)
        case _:
            sys.exit(f"openstack.py: I do not play {name} {words}")


main(sys.argv[1], sys.argv[2:])
