"""The HTTP side of the cloud's services on the controller: Keystone's API 2.0, Glance's API 1, and the first
page of the dashboard. What they hold survives their restarts, like rows in a database."""

import hashlib
import http.server
import itertools
import json
import subprocess
import threading
import urllib.parse

import readers

PORTS = {5000: "keystone", 35357: "keystone", 9292: "glance", 80: "dashboard"}


class Cloud:
    """What Keystone and Glance know."""

    def __init__(self, world):
        self.world, self.numbers = world, itertools.count(1)
        self.tenants, self.users, self.roles, self.services, self.endpoints, self.grants = {}, {}, {}, {}, {}, set()
        self.images, self.tokens, self.changes = {}, {}, []
        self.started_with = ("", "")

    def settings(self):
        """What keystone.conf says: the administrator's token, and where the database is."""
        conf = self.world.nodes["controller"].root / "etc/keystone/keystone.conf"
        return readers.setting(conf, "DEFAULT", "admin_token"), readers.setting(conf, "sql", "connection")

    def has_database(self):
        """Whether the database accepts what Keystone read at its start. This can change only when the file changes."""
        if self.started_with == self.settings():
            return True
        user, password, host, name = readers.connection(self.started_with[1])
        words = ["/usr/bin/mysql", "--no-defaults", "-u", user, "-h", self.world.address(host), "--protocol=tcp", name, "-e", "SELECT 1"]
        env = {"PATH": "/usr/bin:/bin", "MYSQL_PWD": password}
        return subprocess.run(words, env=env, capture_output=True, timeout=20).returncode == 0

    def add(self, kind, values):
        key = f"id{next(self.numbers):04}"
        getattr(self, kind)[key] = {"id": key, **values}
        self.changes.append(f"{kind} {values.get('name', values.get('publicurl'))}")
        return getattr(self, kind)[key]

    def named(self, kind, name):
        return next((v for v in getattr(self, kind).values() if v["name"] == name), None)

    def content(self):
        """The content without the ids, which has to be the same whatever happened on the way."""
        name = lambda kind, key: getattr(self, kind)[key]["name"]  # noqa: E731
        return {
            "tenants": sorted(t["name"] for t in self.tenants.values()),
            "users": sorted((u["name"], u["password"], name("tenants", u["tenantId"])) for u in self.users.values()),
            "roles": sorted(r["name"] for r in self.roles.values()),
            "grants": sorted((name("tenants", t), name("users", u), name("roles", r)) for t, u, r in self.grants),
            "services": sorted((s["name"], s["type"]) for s in self.services.values()),
            "endpoints": sorted((self.services[e["service_id"]]["type"], e["region"], e["publicurl"], e["adminurl"], e["internalurl"])
                                for e in self.endpoints.values()),
            "images": sorted((i["name"], i["status"], i["checksum"]) for i in self.images.values()),
        }

    def keystone(self, method, path, body, headers):
        if method == "GET" and path in ("/", "/v2.0/", "/v2.0"):
            return self.versions(path)
        if not self.has_database():
            return 500, {"error": {"message": "An unexpected error prevented the server from fulfilling your request. "
                                              "(OperationalError) (1045, \"Access denied for user 'keystone'\")"}}
        parts = path.strip("/").split("/")[1:]
        match method, *parts:
            case "GET", "extensions":
                return 200, {"extensions": {"values": []}}
            case "POST", "tokens":
                asked = body["auth"]
                who = asked["passwordCredentials"]
                user, tenant = self.named("users", who["username"]), self.named("tenants", asked["tenantName"])
                if not user or not tenant or user["password"] != who["password"]:
                    return 401, {"error": {"message": "Invalid user / password"}}
                if not any(g[:2] == (tenant["id"], user["id"]) for g in self.grants):
                    return 401, {"error": {"message": "no role in this tenant"}}
                token = f"token-{next(self.numbers)}"
                self.tokens[token] = user["name"]
                return 200, {"access": {"token": {"id": token, "tenant": tenant}}}
        if headers["X-Auth-Token"] != self.started_with[0]:
            return 401, {"error": {"message": "The request you have made requires authentication."}}
        match method, *parts:
            case "GET", ("tenants" | "users" | "endpoints") as kind:
                hidden = {"password"}
                return 200, {kind: [{k: v for k, v in o.items() if k not in hidden} for o in getattr(self, kind).values()]}
            case "POST", ("tenants" | "users" | "endpoints") as kind:
                values = body[kind[:-1]]
                if kind != "endpoints" and self.named(kind, values["name"]):
                    return 409, {"error": {"message": "Conflict"}}
                return 200, {kind[:-1]: self.add(kind, values)}
            case "DELETE", "endpoints", key:
                self.changes.append(f"delete {self.endpoints.pop(key)['publicurl']}")
                return 204, None
            case "GET", "OS-KSADM", ("roles" | "services") as kind:
                return 200, {kind if kind == "roles" else "OS-KSADM:services": list(getattr(self, kind).values())}
            case "POST", "OS-KSADM", "roles":
                return 200, {"role": self.add("roles", body["role"])}
            case "POST", "OS-KSADM", "services":
                return 200, {"OS-KSADM:service": self.add("services", body["OS-KSADM:service"])}
            case "GET", "tenants", tenant, "users", user, "roles":
                return 200, {"roles": [self.roles[r] for t, u, r in self.grants if (t, u) == (tenant, user)]}
            case "PUT", "tenants", tenant, "users", user, "roles", "OS-KSADM", role:
                self.changes.append("grant")
                self.grants.add((tenant, user, role))
                return 200, {"role": self.roles[role]}
            case "PUT", "users", user, "OS-KSADM", "password":
                self.changes.append(f"password {self.users[user]['name']}")
                self.users[user]["password"] = body["user"]["password"]
                return 200, {"user": {"id": user}}
        return 404, {"error": {"message": f"{method} {path}"}}

    def keystone_starts(self):
        """Keystone reads its file once. Sessions that it keeps in memory, as it does by default, are gone."""
        self.started_with = self.settings()
        conf = self.world.nodes["controller"].root / "etc/keystone/keystone.conf"
        if readers.setting(conf, "token", "driver") != "keystone.token.backends.sql.Token":
            self.tokens.clear()

    def versions(self, path):
        """Keystone looks up its own address in the catalog, and answers "not implemented" if it has none."""
        if path == "/v2.0":
            return 500, {"error": {"message": "An unexpected error prevented the server from fulfilling your request."}}
        if not any(self.services[e["service_id"]]["type"] == "identity" for e in self.endpoints.values()):
            return 501, {"error": {"message": "The action you have requested has not been implemented."}}
        return 200, {"version": {"id": "v2.0"}}

    def glance(self, method, path, body, headers):
        if headers["X-Auth-Token"] not in self.tokens:
            return 401, {}
        match method, *path.strip("/").split("/")[1:]:
            case "GET", "images", "detail":
                return 200, {"images": list(self.images.values())}
            case "POST", "images":
                values = {name: headers[f"X-Image-Meta-{name}"] for name in ("Name", "Is-Public", "Disk-Format", "Container-Format")}
                image = self.add("images", {"name": values["Name"], "status": "saving", "checksum": None, "meta": values})
                # An upload whose connection was cut counts too: the image has what arrived until then.
                image.update(status="active", checksum=hashlib.md5(body).hexdigest())
                if headers.get("X-Image-Meta-Checksum", image["checksum"]) != image["checksum"]:
                    del self.images[image["id"]]
                    return 400, {"error": "Supplied checksum and checksum generated from uploaded image did not match"}
                return 201, {"image": image}
            case "DELETE", "images", key:
                self.changes.append(f"delete image {self.images.pop(key)['name']}")
                return 200, {}
        return 404, {}

    def dashboard(self, *_):
        return 200, '<form><input name="username"><input name="password"></form>'


def serve(cloud, address, port):
    """Returns the listener for one port of a service, which has just been started."""
    if PORTS[port] == "keystone":
        cloud.keystone_starts()
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def body(self):
            """Everything that arrives, even if the caller disconnects before its end."""
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            return data

        def answer(self):
            data = self.body()
            is_json = (self.headers.get("content-type") or "").startswith("application/json")
            path = urllib.parse.urlsplit(self.path).path
            with lock:
                status, body = getattr(cloud, PORTS[port])(
                    self.command, path, json.loads(data) if data and is_json else data, self.headers)
            text = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer.allow_reuse_address = True
    server = http.server.ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server
