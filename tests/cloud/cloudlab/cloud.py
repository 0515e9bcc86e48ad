"""The cloud's APIs, met by a client that shares nothing with the steps."""

import json
import time
import urllib.error
import urllib.request

from cloudlab.shell import Failed, Hopeless, wait_for

# The first version whose services have ids that are no numbers.
OF_PIKE = {"OpenStack-API-Version": "compute 2.53"}
FLAVOR = {"name": "demo.tiny", "ram": 128, "vcpus": 1, "disk": 0, "id": "demo"}


class Cloud:
    """A session of the administrator."""

    def __init__(self, host, password):
        self.host, self.password, self.token, self.catalog = host, password, None, {}

    def call(self, method, url, body=None, headers=None, raw=None, seconds=120):
        """One request: the answer as JSON, and its headers. Anything but a success is a failure."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        if self.token:
            headers["X-Auth-Token"] = self.token
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url.replace("//controller:", f"//{self.host}:"), data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                text = answer.read()
                return (json.loads(text) if text[:1] in (b"{", b"[") else {}), answer.headers
        except urllib.error.HTTPError as error:
            raise Failed(f"{method} {url}: {error.code} {error.read()[:500]!r}") from None
        except OSError as error:
            raise Failed(f"{method} {url}: {error}") from None

    def log_in(self):
        """Takes a token and the catalog."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.password}
        answer, headers = self.call("POST", "http://controller:5000/v3/auth/tokens", {"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}})
        self.token = headers["X-Subject-Token"]
        for entry in answer["token"]["catalog"]:
            for endpoint in entry["endpoints"]:
                if endpoint["interface"] == "public":
                    self.catalog[entry["type"]] = endpoint["url"]

    def api(self, kind, method, path, body=None, **more):
        """One request to the API of that type."""
        return self.call(method, self.catalog[kind] + path, body, **more)[0]

    def image(self, name, path, form, **properties):
        """Uploads an image; its id once Glance calls it active."""
        whole = "bare" if form == "raw" else form
        body = {"name": name, "disk_format": form, "container_format": whole, "visibility": "public", **properties}
        key = self.api("image", "POST", "/v2/images", body)["id"]
        with open(path, "rb") as file:
            self.api("image", "PUT", f"/v2/images/{key}/file", raw=file.read(), headers={"Content-Type": "application/octet-stream"})
        wait_for(f"image {name}", 120, lambda: self.api("image", "GET", f"/v2/images/{key}")["status"] == "active")
        return key

    def guest_image(self, kernel, initrd, disk):
        """The machine's image: a disk that is booted by a kernel of its own."""
        return self.image("demo", disk, "raw", kernel_id=self.image("demo-kernel", kernel, "aki"),
                          ramdisk_id=self.image("demo-initrd", initrd, "ari"), os_command_line="console=ttyS0")

    def make(self, name, image, network="public", **more):
        """Orders a machine; its id."""
        flavors = self.api("compute", "GET", "/flavors")["flavors"]
        if not any(flavor["id"] == FLAVOR["id"] for flavor in flavors):
            self.api("compute", "POST", "/flavors", {"flavor": FLAVOR})
        network_id = self.api("network", "GET", f"/v2.0/networks?name={network}")["networks"][0]["id"]
        body = {"server": {"name": name, "imageRef": image, "flavorRef": FLAVOR["id"], "networks": [{"uuid": network_id}], **more}}
        return self.api("compute", "POST", "/servers", body)["server"]["id"]

    def server(self, key):
        """What Nova says of a machine."""
        return self.api("compute", "GET", f"/servers/{key}")["server"]

    def active(self, key, seconds=900):
        """Waits until it runs; fails at once when it never will."""
        def runs():
            server = self.server(key)
            if server["status"] == "ERROR":
                raise Hopeless(f"the machine failed: {server.get('fault')}")
            return server if server["status"] == "ACTIVE" else None
        return wait_for("the machine to be ACTIVE", seconds, runs, every=2)

    def console(self, key):
        """Its console, as far as it was written."""
        return self.api("compute", "POST", f"/servers/{key}/action", {"os-getConsoleOutput": {"length": 500}})["output"]

    def node_of(self, key):
        """The node that it runs on."""
        return self.server(key)["OS-EXT-SRV-ATTR:host"]

    def migrate(self, key, host=None, seconds=900):
        """Moves it while it runs; the seconds that took."""
        before, began = self.node_of(key), time.monotonic()
        self.api("compute", "POST", f"/servers/{key}/action", {"os-migrateLive": {"host": host, "block_migration": "auto"}},
                 headers={"OpenStack-API-Version": "compute 2.30"})

        def moved():
            server = self.server(key)
            if server["status"] == "ERROR":
                raise Hopeless(f"the machine failed: {server.get('fault')}")
            return server["OS-EXT-STS:task_state"] is None and server["OS-EXT-SRV-ATTR:host"] != before

        wait_for(f"the machine to leave {before}", seconds, moved)
        return time.monotonic() - began

    def hypervisors(self):
        """The names of all that Nova knows."""
        return sorted(row["hypervisor_hostname"] for row in self.api("compute", "GET", "/os-hypervisors")["hypervisors"])

    def may_run(self, host, may):
        """Enables or disables the compute service of a node."""
        service = self.service(host)["id"]
        self.api("compute", "PUT", f"/os-services/{service}", {"status": "enabled" if may else "disabled"}, headers=OF_PIKE)

    def service(self, host):
        """What Nova says of the compute service of a node."""
        return self.api("compute", "GET", f"/os-services?binary=nova-compute&host={host}", headers=OF_PIKE)["services"][0]

    def services(self):
        """Host of each compute service -> up or down."""
        return {row["host"]: row["state"] for row in self.api("compute", "GET", "/os-services?binary=nova-compute")["services"]}

    def agents(self):
        """(binary, host) of each agent of Neutron -> alive."""
        return {(row["binary"], row["host"]): row["alive"] for row in self.api("network", "GET", "/v2.0/agents")["agents"]}
