"""Simulates nova, nova-manage, keystone-manage, glance-manage, and what a service of Nova does when it
starts. These read the very files that the steps have written, by the rules of the real programs, and log in
at the real database with what they find there: a setting that would be wrong for the real programs fails here
too."""

import ipaddress
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.environ["FAKE_TESTS"])
import message_queue  # noqa: E402
import nova_rules  # noqa: E402
import machines  # noqa: E402
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
    """Connects by the URL of a configuration file."""

    def __init__(self, root, path, section, key):
        self.user, self.password, host, self.name = readers.connection(readers.setting(root / path, section, key))
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
    """Without `version_control`, its db_sync takes an empty database for one of the latest version. That of 2011.3 does
    not, and is told its configuration."""
    if words[0].startswith("--config-file="):
        writes_as_root("var/log/glance/registry.log")
        return sync(Database(ROOT, words[0].removeprefix("--config-file=/"), "DEFAULT", "sql_connection"))
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
    """A log that a command of root creates belongs to root."""
    if not (ROOT / log).exists():
        (ROOT / log).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / log).write_text("")
        with open(FAKE / "owners", "a") as owners:
            owners.write(f"/{log}|root:root|\n")


def registry_starts():
    """Makes the tables of its models where they are missing, whatever version the database claims."""
    database = Database(ROOT, "etc/glance/glance-registry.conf", "DEFAULT", "sql_connection")
    database.ask("".join(schema.tables(schema.GLANCE, unless_there=True)))


def row_of(binary, host):
    return f"`binary` = '{binary}' AND host = '{host}'"


def service_starts(database, binary):
    """Takes up the row of its name and host, and makes one where there is none."""
    if binary == "nova-compute" and readers.setting(ROOT / NOVA_CONF, "DEFAULT", "connection_type") != "libvirt":
        sys.exit("Unknown connection type \"None\"")
    row = row_of(binary, readers.setting(ROOT / NOVA_CONF, "DEFAULT", "host"))
    if not database.ask(f"SELECT id FROM services WHERE {row};"):
        database.ask(f"INSERT INTO services SET {row.replace(' AND ', ', ')};")
    message_queue.is_connected(WORLD, FAKE.parent, f"openstack-{binary}")


def service_list(database):
    running = {}
    for node in (WORLD / "nodes").iterdir():
        for conf in (node / "fake/started").glob("openstack-nova-*/nova.conf"):
            name = conf.parent.name
            if (node / "fake" / f"running.{name}").exists():
                running[name.removeprefix("openstack-"), readers.setting(conf, "DEFAULT", "host")] = node
    print("Binary           Host                                 Zone             Status     State Updated_At")
    for binary, host, disabled in database.ask("SELECT `binary`, host, disabled FROM services ORDER BY id;"):
        node = running.get((binary, host))
        alive = node and message_queue.is_connected(WORLD, node, f"openstack-{binary}")
        print(f"{binary:16} {host:36} nova             {'disabled' if disabled == '1' else 'enabled':10} "
              f"{':-)' if alive else 'XXX'}   2012-08-14 10:00:00")


def service_set(database, verb, host, binary):
    row = row_of(binary, host)
    if not database.ask(f"SELECT id FROM services WHERE {row};"):
        sys.exit("Unable to find service")
    changed("nova-manage service", verb, f"--host={host}", f"--service={binary}")
    database.ask(f"UPDATE services SET disabled = {verb == 'disable'} WHERE {row};")


def manager():
    """The manager that nova.conf names; without a name it is the one of VLANs, as in 2012.1."""
    name = readers.setting(ROOT / NOVA_CONF, "DEFAULT", "network_manager") or "nova.network.manager.VlanManager"
    known = {f"nova.network.manager.{kind}Manager": kind for kind in ("Flat", "FlatDHCP", "Vlan")}
    return known.get(name) or sys.exit(f"ImportError: Class {name} cannot be found")


def network(database, verb, options):
    if verb == "list":
        rows = database.ask("SELECT id, cidr, IFNULL(vlan, 'None'), IFNULL(project_id, 'None') FROM networks ORDER BY id;")
        if not rows:
            # nova-manage writes this to standard output, like everything else.
            print("Command failed, please check log for more info")
            sys.exit(1)
        line = "{:5}\t{:18}\t{:15}\t{:15}\t{:15}\t{:15}\t{:15}\t{:15}\t{:15}"
        print(line.format("id", "IPv4", "IPv6", "start address", "DNS1", "DNS2", "VlanID", "project", "uuid"))
        for number, cidr, vlan, project in rows:
            print(line.format(number, cidr, "None", str(ipaddress.ip_network(cidr)[2]), "8.8.4.4", "None", vlan, project, "0b0c"))
        return
    try:
        create_network(database, options)
    except ValueError as why:
        print(f"Command failed, please check log for more info\n{why}")
        sys.exit(1)
    changed("nova-manage network create", *options)


NETWORK_OPTIONS = ("label fixed_range_v4 num_networks network_size vlan vpn fixed_range_v6 gateway gateway_v6 bridge bridge_interface"
                   " multi_host dns1 dns2 uuid fixed_cidr project_id priority").split()


def create_network(database, options):
    """nova-manage 651-754 and NetworkManager.create_networks, with what VlanManager's asks for before."""
    get = lambda key: readers.setting(ROOT / NOVA_CONF, "DEFAULT", key)  # noqa: E731
    values = dict(option.removeprefix("--").split("=", 1) for option in options)
    for name in values.keys() - set(NETWORK_OPTIONS):
        sys.exit(f"nova-manage: error: no such option: --{name}")
    if not values.get("label") or not values.get("fixed_range_v4"):
        raise ValueError("--label or --fixed_range_v4 is required to create a network.")
    kind, many, size = manager(), int(values.get("num_networks", 1)), int(values["network_size"])
    bridge = values.get("bridge") or get("flat_network_bridge")
    interface = values.get("bridge_interface") or get("flat_interface") or get("vlan_interface")
    if kind != "Vlan" and not bridge:
        raise ValueError("--bridge is required to create a network.")
    if kind == "Vlan" and not interface:
        raise ValueError("--bridge_interface is required to create a network.")
    multi = values["multi_host"] == "T" if "multi_host" in values else get("multi_host") == "True"
    wanted, vlan, vpn = ipaddress.ip_network(values["fixed_range_v4"]), int(values.get("vlan", 100)), int(values.get("vpn", 1000))
    if kind == "Vlan" and many + vlan > 4094:
        raise ValueError("The sum between the number of networks and the vlan start cannot be greater than 4094")
    if kind == "Vlan" and wanted.num_addresses < many * size:
        raise ValueError("The network range is not big enough to fit")
    parts = list(wanted.subnets(new_prefix=32 - (size - 1).bit_length()))[:many]
    if not (WORLD / "network").exists():
        (WORLD / "network").write_text(values["label"])
    used = [ipaddress.ip_network(cidr) for cidr, in database.ask("SELECT cidr FROM networks;")]
    for index, part in enumerate(parts):
        if any(part.overlaps(other) for other in used):
            raise ValueError("requested cidr conflicts with existing network")
        row = {"cidr": part, "label": values["label"] if many == 1 else f"{values['label']}_{index}", "bridge": bridge, "bridge_interface": interface}
        if kind == "Vlan":
            row |= {"bridge": f"br{vlan + index}", "vlan": vlan + index, "vpn_public_port": vpn + index}
        database.ask(f"INSERT INTO networks SET multi_host = {multi}, " + ", ".join(f"{key} = '{value}'" for key, value in row.items()) + ";")


def nova(words):
    # The other commands do not need these, and loading them takes half of their time.
    import urllib.request

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
            machines.Machines(WORLD, FAKE, json.loads(answer)["access"]["token"]["id"]).do(words)


def rules(service):
    """What a service that starts does to the packet filter of its node."""
    get = lambda key: readers.setting(ROOT / NOVA_CONF, "DEFAULT", key)  # noqa: E731
    live = (FAKE / "live").read_text()
    match service:
        # The manager of flat networks calls none of what makes rules.
        case "openstack-nova-network" if manager() == "Flat":
            return
        case "openstack-nova-network":
            bridge = get("flat_network_bridge") if manager() == "FlatDHCP" else None
            # In 2011.3 the EC2 API answers for metadata.
            metadata = get("metadata_host") or get("ec2_dmz_host")
            made = nova_rules.of_network(get("fixed_range"), get("routing_source_ip") or get("my_ip"), metadata, bridge)
        case "openstack-nova-metadata-api":
            made = nova_rules.of_metadata(get("metadata_host"))
        case "openstack-nova-compute" if manager() == "FlatDHCP" and get("host") in machines.hosts(WORLD):
            made = nova_rules.of_bridge(get("flat_network_bridge"))
        case _:
            return
    (FAKE / "live.part").write_text(nova_rules.into(live, nova_rules.BINARIES[service], made))
    (FAKE / "live.part").rename(FAKE / "live")


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
    if name == "nova-rules":
        return rules(*words)
    if name == "nova-targets":
        return machines.exports(WORLD, FAKE)
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
        case ["floating", "list"]:
            pool = (WORLD / "floating").read_text().split() if (WORLD / "floating").exists() else []
            print("\n".join(f"None\t{address}\tNone\tnova\teth0" for address in pool) or "No floating IP addresses have been defined.")
        case ["network", verb, *options]:
            network(database, verb, options)
        case [("user" | "project" | "version") as kind, verb, *more]:
            import diablo

            getattr(diablo, f"{kind}_{verb}")(database, *more)
        case _:
            sys.exit(f"openstack.py: I do not play {name} {words}")


main(sys.argv[1], sys.argv[2:])
