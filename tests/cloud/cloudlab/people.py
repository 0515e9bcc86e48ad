"""What people do with a cloud beside machines on the provider's network: the dashboard and a console in a browser, a volume, a network
of their own with a floating address, an image that the site file names."""

import base64
import http.cookiejar
import os
import re
import socket
import time
import urllib.parse
import urllib.request
from html.parser import HTMLParser

from cloudlab.shell import Failed, wait_for

GATEWAY_OUTSIDE = "203.0.113.2"


class Form(HTMLParser):
    """The fields of the page's form, with their values."""

    def __init__(self, page):
        super().__init__()
        self.fields = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        words = dict(attrs)
        if tag == "input" and words.get("name"):
            self.fields[words["name"]] = words.get("value") or ""


def dashboard(daemon, name, table):
    """Logs in to the dashboard from the outside, and finds a machine in its list."""
    url = f"http://{GATEWAY_OUTSIDE}/horizon"
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def page(path, form=None):
        body = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(f"{url}{path}", data=body, headers={"Referer": f"{url}{path}"})
        with browser.open(request, timeout=120) as answer:
            return answer.geturl(), answer.read().decode()

    began = time.monotonic()
    fields = Form(page("/auth/login/")[1]).fields
    form = {**fields, "username": "admin", "password": daemon.secret("OS_PASSWORD")}
    refused, _ = page("/auth/login/", {**form, "password": "wrong"})
    fields = Form(page("/auth/login/")[1]).fields
    came, _ = page("/auth/login/", {**fields, "username": form["username"], "password": form["password"]})
    _, machines = page("/project/instances/")
    table.row("the dashboard, from the outside", "/auth/login" in refused and "/auth/login" not in came and f">{name}<" in machines,
              f"login at {url}, and {name} in its list; {time.monotonic() - began:.0f} s")


def console(cloud, key, table):
    """The console in a browser: its page, and the first word of the machine's screen over the connection that the page opens."""
    body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    url = cloud.api("compute", "POST", f"/servers/{key}/remote-consoles", body, headers={"OpenStack-API-Version": "compute 2.6"})["remote_console"]["url"]
    with urllib.request.urlopen(url, timeout=60) as answer:
        page = answer.read().decode()
    place = urllib.parse.urlsplit(url)
    path = urllib.parse.parse_qs(place.query)["path"][0]
    good, bad = (screen(place, path.replace("token=", f"token={wrong}")) for wrong in ("", "0"))
    table.row("a console in a browser", "noVNC" in page and good.startswith(b"RFB 003") and not bad, f"{place.netloc}: {good.strip().decode()}")


def screen(place, path):
    """What the other side says first over a WebSocket (RFC 6455); empty when it does not let us in."""
    with socket.create_connection((place.hostname, place.port), timeout=60) as line:
        line.sendall((f"GET /{path} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Origin: http://{place.netloc}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n"
                      f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode())
        text = b""
        while True:
            found = re.search(rb"\r\n\r\n[\x81\x82](.)(RFB \d+\.\d+\n)", text, re.S)
            if found or not (more := line.recv(4096)):
                return found[2] if found and text.startswith(b"HTTP/1.1 101") else b""
            text += more


def volume(cloud, key, reads, table):
    """A volume for the machine, which writes to it and reads that again."""
    began = time.monotonic()
    volume_id = cloud.api("volumev3", "POST", "/volumes", {"volume": {"name": "data", "size": 1}})["volume"]["id"]

    def is_now(status):
        found = cloud.api("volumev3", "GET", f"/volumes/{volume_id}")["volume"]
        if found["status"].startswith("error"):
            raise Failed(f"the volume is {found['status']}")
        return found if found["status"] == status else None

    wait_for("the volume to be available", 300, lambda: is_now("available"))
    cloud.api("compute", "POST", f"/servers/{key}/os-volume_attachments", {"volumeAttachment": {"volumeId": volume_id}})
    found = wait_for("the volume to be in use", 300, lambda: is_now("in-use"))
    page = wait_for("the machine to write to it", 300, lambda: (lambda page: page if written(page) else None)(reads()), every=2)
    table.row("a volume of Cinder", found["os-vol-host-attr:host"].endswith("@ceph#ceph"),
              f"1 GB of {found['os-vol-host-attr:host']}, attached after {time.monotonic() - began:.0f} s; {page}")


def written(page):
    """How many sectors of the volume the machine has written and read again."""
    return int((re.search(r" volume=(\d+)", page) or [0, 0])[1])


def own_network(cloud, image, gateway, host, reads, table):
    """A machine in a network of tunnels, on a node without the router, reached by a floating address."""
    began = time.monotonic()
    key = cloud.make("tenant", image, network="private", availability_zone=f"nova:{host}")
    address = cloud.active(key)["addresses"]["private"][0]["addr"]
    port = cloud.api("network", "GET", f"/v2.0/ports?device_id={key}")["ports"][0]["id"]
    public = cloud.api("network", "GET", "/v2.0/networks?name=public")["networks"][0]["id"]
    made = cloud.api("network", "POST", "/v2.0/floatingips", {"floatingip": {"floating_network_id": public, "port_id": port}})["floatingip"]
    page = wait_for("the machine behind the floating address", 600, lambda: (lambda page: page if "address=" in page else None)(reads(made["floating_ip_address"])), every=3)
    kind = cloud.api("network", "GET", "/v2.0/networks?name=private")["networks"][0]["provider:network_type"]
    table.row("a network of its own, a router, a floating address", f"address={address} hostname=tenant" in page and "outside=hello" in page,
              f"{kind}, {cloud.node_of(key)} to {gateway.name}; {made['floating_ip_address']} after {time.monotonic() - began:.0f} s: {page}")
    cloud.api("network", "DELETE", f"/v2.0/floatingips/{made['id']}")
    cloud.api("compute", "DELETE", f"/servers/{key}")


def site_image(cloud, daemon, table):
    """The image of the site file, as Glance has it."""
    found = cloud.api("image", "GET", "/v2/images?name=site")["images"]
    with urllib.request.urlopen(urllib.request.Request(
            f"{cloud.catalog['image']}/v2/images/{found[0]['id']}/file".replace("//controller:", f"//{cloud.host}:"),
            headers={"X-Auth-Token": cloud.token}), timeout=60) as answer:
        text = answer.read()
    with open(f"{daemon.place}/site.img", "rb") as file:
        table.row("the image of the site file is in Glance", len(found) == 1 and found[0]["status"] == "active" and text == file.read(), f"{len(text)} bytes")
