"""What is done with the cloud once it is there; each row of the table is something that has to hold."""

import pathlib
import subprocess
import time

from cloudlab import guest, installer
from cloudlab.shell import Failed, say, wait_for

GREETING = "hello from the outside"
CLIENT = pathlib.Path(__file__).resolve().parent.parent / "client/rounds"


def answers(cloud, gateway, address):
    """What the guest serves over HTTP, asked from the gateway; empty when it does not answer."""
    return gateway.sh(f"curl -s -m 10 http://{address}/", check=False).strip()


def boot_guest(cloud, image, place, gateway, outside, table):
    """The guest's own word, by its console and by HTTP."""
    source = cloud.guest_image(*guest.make(image, place))
    began = time.monotonic()
    key = cloud.make("demo", source)
    server = cloud.active(key)
    address = server["addresses"]["public"][0]["addr"]
    table.row("a machine is ACTIVE", True, f"{time.monotonic() - began:.0f} s, on {cloud.node_of(key)}")
    console = wait_for("the guest's own line on its console", 900, lambda: next(
        (line for line in cloud.console(key).splitlines() if line.startswith("GUEST address=")), None), every=3)
    table.row("its console", True, console)
    table.row("its address and metadata", f"address={address} hostname=demo" in console, f"Neutron: {address}; {time.monotonic() - began:.0f} s")
    table.row("it reaches the outside through the gateway", f"outside={GREETING}" in console and set(outside.seen) == {"203.0.113.2"},
              f"the outside saw {', '.join(sorted(set(outside.seen))) or 'nobody'}")
    page = wait_for("HTTP from the guest", 120, lambda: answers(cloud, gateway, address), every=2)
    table.row("HTTP from the guest", f"address={address}" in page, page)
    return key, source


def move(cloud, key, gateway, table, host=None):
    """Live migration over the volume that all nodes share."""
    address = cloud.server(key)["addresses"]["public"][0]["addr"]
    before, tick = cloud.node_of(key), ticks(answers(cloud, gateway, address))
    took = cloud.migrate(key, host)
    page = wait_for("HTTP from the guest after it moved", 300, lambda: answers(cloud, gateway, address), every=2)
    table.row("live migration over GlusterFS", ticks(page) > tick, f"{before} to {cloud.node_of(key)} in {took:.0f} s; tick {tick} before, {ticks(page)} after")


def ticks(page):
    """How long the guest has counted; one that began anew counts from 1."""
    return int(page.rpartition("tick=")[2] or 0)


def kill_and_rejoin(cloud, daemon, key, machines, table):
    """The power of a node without the guest is cut; it comes back by itself."""
    controller, gateway, compute = machines
    if cloud.node_of(key) == compute.name:
        move(cloud, key, gateway, table, gateway.name)
    address = cloud.server(key)["addresses"]["public"][0]["addr"]
    compute.cut_power()
    say(f"the power of {compute.name} is cut")
    wait_for(f"Nova to miss {compute.name}", 300, lambda: cloud.services()[compute.name] == "down", every=3)
    page = answers(cloud, gateway, address)
    table.row(f"the guest while {compute.name} is away", page, page)
    began = time.monotonic()
    compute.power_on()

    def steps():
        return compute.sh("cat /var/log/rackstart/runner.log", check=False)

    def back():
        bricks = controller.sh("gluster --mode=script volume status vm-instances detail | grep -c '^Online *: Y'", check=False).strip()
        return cloud.services()[compute.name] == "up" and cloud.agents()[("neutron-openvswitch-agent", compute.name)] and bricks == "3"

    wait_for(f"{compute.name} to be back in the cloud", 900, back, every=3, moves=steps)
    wait_for("the runner's own word", 600, lambda: "verified; repaired" in steps().splitlines()[-1], every=3, moves=steps)
    table.row(f"{compute.name} is back", daemon.nodes()[compute.name]["state"] == "ready", f"{time.monotonic() - began:.0f} s after its power")
    move(cloud, key, gateway, table, compute.name)


def reimage(cloud, daemon, follow, key, machines, table):
    """A node is installed anew, its brick kept, while a machine that writes runs on it when that is ordered."""
    _, gateway, compute = machines
    address = cloud.server(key)["addresses"]["public"][0]["addr"]
    name = cloud.server(key)["name"]
    words = ("reimage", compute.name, "--keep", "--yes")
    cloud.may_run(gateway.name, False)
    refused = daemon.cli(*words, seconds=900)
    said = [line for line in (refused.stdout + refused.stderr).splitlines() if f"machine {name} " in line]
    table.row("a machine that cannot move stops the order with its name", refused.returncode and said, (said or [refused.stderr])[0])
    cloud.may_run(gateway.name, True)
    wait_for(f"{compute.name} to be enabled again", 120, lambda: cloud.service(compute.name)["status"] == "enabled")

    began, tick = time.monotonic(), ticks(answers(cloud, gateway, address))
    ordered = daemon.cli(*words, seconds=900)
    if ordered.returncode:
        raise Failed(f"the reimage was refused: {ordered.stdout}{ordered.stderr}")
    took = time.monotonic() - began
    page = answers(cloud, gateway, address)
    table.row("the order moves it away first", cloud.node_of(key) == gateway.name and ticks(page) > tick and " lost=0 " in page,
              f"to {cloud.node_of(key)} in {took:.0f} s; {page}")
    before = compute.sh("cat /var/lib/nova/compute_id; sed -n s/UUID=//p /var/lib/glusterd/glusterd.info")
    compute.cut_power()
    compute.wipe()
    compute.power_on()
    installer.install(daemon, compute, keeps=True)
    compute.cut_power()
    compute.power_on()
    follow.until(f"{compute.name} is ready", lambda status: status[compute.name]["state"] == "ready")
    wait_for("Nova to call it enabled and up", 300, lambda: [cloud.service(compute.name)[word] for word in ("status", "state")] == ["enabled", "up"])
    after = compute.sh("cat /var/lib/nova/compute_id; sed -n s/UUID=//p /var/lib/glusterd/glusterd.info")
    known = cloud.hypervisors()
    table.row(f"{compute.name} installed anew, its brick kept", before == after and known == [gateway.name, compute.name],
              f"{time.monotonic() - began:.0f} s after the order, as who it was; hypervisors: {', '.join(known)}")
    healed = wait_for("the bricks to be the same", 300, lambda: machines[0].sh(
        "gluster --mode=script volume heal vm-instances info | sed -n 's/^Number of entries: //p' | sort -u", check=False).strip() == "0")
    move(cloud, key, gateway, table, compute.name)
    page = answers(cloud, gateway, address)
    table.row("no write of the machine is lost", healed and " lost=0 " in page, page)


def use(daemon, controller, table, rounds):
    """The client of the distribution, on the controller because its package is there."""
    account = {"AUTH_URL": "http://controller:5000/v3", "USERNAME": "admin", "PROJECT_NAME": "admin", "USER_DOMAIN_ID": "default",
               "PROJECT_DOMAIN_ID": "default", "REGION_NAME": "RegionOne", "PASSWORD": daemon.secret("OS_PASSWORD")}
    words = controller.words("env", *(f"OS_{name}={value}" for name, value in account.items()), "python3", "-", str(rounds), "demo")
    with open(CLIENT) as script, subprocess.Popen(words, stdin=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        line = ""
        for line in client.stdout:
            say(line.strip())
    table.row("create, list, migrate, delete by openstacksdk", client.returncode == 0, line.strip())
