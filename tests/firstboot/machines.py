"""What the administrator has made in Nova: machines, volumes, keys and floating addresses, in one file. As in
Essex, a request takes effect later than the answer says, and names are ambiguous: only an id identifies a
machine."""

import json
import sys


def table(head, rows):
    print("\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]))


def load(world):
    path = world / "machines"
    return json.loads(path.read_text()) if path.exists() else {"machines": {}, "volumes": {}, "keys": []}


def hosts(world):
    """Compute nodes that have a machine."""
    return {machine["host"] for machine in load(world)["machines"].values()}


def exports(world, fake):
    """What nova-volume does when it starts, because tgtd keeps its targets only in memory."""
    if (fake / "running.tgtd").exists():
        (fake / "targets").write_text("".join(f"{key}\n" for key in load(world)["volumes"]))


def label(world):
    """The network that a project is given: the first one that was made."""
    path = world / "network"
    return path.read_text() if path.exists() else "public"


class Machines:
    def __init__(self, world, fake, token):
        self.world, self.fake, self.token = world, fake, token
        self.all = load(world)

    def keep(self, *words):
        if words:
            with open(self.fake / "changes", "a") as changes:
                changes.write(" ".join(["nova", *words]) + "\n")
        (self.world / "machines").write_text(json.dumps(self.all))

    def computes(self):
        nodes = sorted((self.world / "nodes").iterdir())
        mounted = lambda node: " /var/lib/nova/instances " in (node / "root/proc/mounts").read_text()  # noqa: E731
        return [n.name for n in nodes if (n / "fake/running.openstack-nova-compute").exists() and mounted(n)]

    def controller(self):
        return self.world / "nodes/controller"

    def images(self):
        import urllib.request

        hosts_file = (self.controller() / "root/etc/hosts").read_text().splitlines()
        address = next(line.split()[0] for line in hosts_file if "controller" in line.split()[1:])
        request = urllib.request.Request(f"http://{address}:9292/v1/images/detail", headers={"X-Auth-Token": self.token})
        return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10))["images"]

    def boot(self, image, flavor, key, name):
        if not any(i["name"] == image and i["status"] == "active" for i in self.images()):
            sys.exit(f"ERROR: no image {image}")
        if flavor != "m1.tiny" or key not in self.all["keys"]:
            sys.exit("ERROR: refused")
        # The state that a test wants the next machine to end in.
        fate = self.world / "fate"
        number = self.all.get("booted", 0) + 1
        machine = {"id": f"0b1c-{number}", "name": name, "host": self.computes()[0], "looked": 0, "fate": fate.read_text() if fate.exists() else "ACTIVE"}
        fate.unlink(missing_ok=True)
        self.all["booted"], self.all["machines"][machine["id"]] = number, machine
        table(["Property", "Value"], [["OS-EXT-SRV-ATTR:host", "None"], ["id", machine["id"]], ["status", "BUILD"], ["name", name]])

    def find(self, which):
        """Finds it by id, or by a name that only one machine has."""
        found = [m for m in self.all["machines"].values() if which in (m["id"], m["name"])]
        if len(found) != 1:
            sys.exit(f"ERROR: {'Multiple server matches found' if found else 'No server with a name or ID'} for '{which}'.")
        return found[0]

    def state(self, machine):
        if machine.get("deleting"):
            return "ACTIVE"
        return machine["fate"] if machine["looked"] > 2 else "BUILD"

    def time_passes(self):
        """A machine that was told to go or to come has done so when somebody looks later."""
        for key, machine in list(self.all["machines"].items()):
            if "deleting" in machine:
                machine["deleting"] += 1
                if machine["deleting"] > 2:
                    del self.all["machines"][key]
        for key, volume in list(self.all["volumes"].items()):
            match volume["status"]:
                case "attaching":
                    volume["status"] = "in-use"
                case "detaching" | "creating":
                    volume["status"] = "available"
                case "deleting":
                    stuck = self.world / "stuck"
                    if stuck.exists():
                        volume["status"] = "error_deleting"
                        stuck.unlink()
                    else:
                        del self.all["volumes"][key]
        self.keep()

    def volume(self, key, *states):
        volume = self.all["volumes"].get(key)
        if not volume or volume["status"] not in states:
            sys.exit(f"ERROR: Invalid volume: {volume}")
        return volume

    def do(self, words):
        match words:
            case ["list"]:
                self.time_passes()
                table(["ID", "Name", "Status", "Networks"], [[m["id"], m["name"], self.state(m), "public=10.0.0.2"] for m in self.all["machines"].values()])
            case ["keypair-list"]:
                table(["Name", "Fingerprint"], [[key, "aa:bb"] for key in self.all["keys"]])
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
            case ["show", which]:
                machine = self.find(which)
                machine["looked"] += 1
                self.keep()
                addresses = ["10.0.0.2", *machine.get("floating", [])]
                table(["Property", "Value"], [["status", self.state(machine)], ["id", machine["id"]], ["OS-EXT-SRV-ATTR:host", machine["host"]],
                                              [f"{label(self.world)} network", ", ".join(addresses)]])
            case ["delete", which]:
                self.find(which).setdefault("deleting", 0)
                self.keep("delete", which)
            case ["get-vnc-console", which, "novnc"]:
                self.find(which)
                conf = self.world / "nodes" / self.find(which)["host"] / "root/etc/nova/nova.conf"
                base = next(line.split(" = ")[1] for line in conf.read_text().splitlines() if line.startswith("novncproxy_base_url"))
                table(["Type", "Url"], [["novnc", f"{base}?token=f00d-cafe"]])
            case ["floating-ip-create"]:
                pool = self.world / "floating"
                free = [a for a in (pool.read_text().split() if pool.exists() else []) if a not in self.all.setdefault("taken", [])]
                if not free:
                    sys.exit("ERROR: Zero floating ips available. (HTTP 404)")
                self.all["taken"].append(free[0])
                self.keep(*words)
                table(["Ip", "Instance Id", "Fixed Ip", "Pool"], [[free[0], "None", "None", "nova"]])
            case ["add-floating-ip", which, address] if address in self.all.get("taken", []):
                self.find(which).setdefault("floating", []).append(address)
                self.keep(*words)
            case ["remove-floating-ip", which, address] if address in self.find(which).get("floating", []):
                self.find(which)["floating"].remove(address)
                self.keep(*words)
            case ["floating-ip-delete", address] if address in self.all.get("taken", []):
                self.all["taken"].remove(address)
                self.keep(*words)
            case _:
                self.do_volume(words)

    def moves(self, source, target):
        """libvirtd of the source finds the other by its name, is let in by its packet filter, and speaks to its libvirtd."""
        nodes = self.world / "nodes"
        hosts_ = (line.split() for line in (nodes / source / "root/etc/hosts").read_text().splitlines())
        address = next((words[0] for words in hosts_ if target in words[1:]), None)
        rules = (nodes / target / "fake/live").read_text()
        is_let_in = f"migration-{source}" in rules or ":INPUT ACCEPT" in rules and "-j REJECT" not in rules
        return address and is_let_in and (self.world / f"listen/{address}:16509").exists()

    def do_volume(self, words):
        targets = self.controller() / "fake/targets"
        match words:
            case ["volume-list"]:
                self.time_passes()
                table(["ID", "Status", "Display Name", "Size"], [[key, v["status"], v["name"], 1] for key, v in self.all["volumes"].items()])
            case ["volume-create", "--display_name", name, "1"]:
                key = str(7 + len(self.all["volumes"]))
                self.all["volumes"][key] = {"name": name, "status": "creating"}
                self.keep(*words)
                with open(targets, "a") as exported:
                    exported.write(f"{key}\n")
            case ["volume-attach", which, key, "/dev/vdc"]:
                self.find(which)
                volume = self.volume(key, "available")
                if key not in targets.read_text().split():
                    # The compute node finds no such target, and gives the volume back.
                    sys.exit("ERROR: iscsiadm: no records found!")
                volume["status"] = "attaching"
                self.keep(*words)
            case ["volume-detach", which, key]:
                self.find(which)
                self.volume(key, "in-use")["status"] = "detaching"
                self.keep(*words)
            case ["volume-delete", key]:
                self.volume(key, "available", "error")["status"] = "deleting"
                self.keep(*words)
            case ["live-migration", which, host] if host in self.computes() and not any(v["status"] == "in-use" for v in self.all["volumes"].values()):
                # The migration is accepted; whether it works is between the two nodes, and nobody hears if it does not.
                machine = self.find(which)
                if self.moves(machine["host"], host):
                    machine["host"] = host
                self.keep("live-migration", which, host)
            case _:
                sys.exit(f"ERROR: nova {words} is refused")
