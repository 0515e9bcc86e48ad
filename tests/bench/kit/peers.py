"""Starts rackstart, its peers, and the servers that do nothing."""

import os
import subprocess
import time

from . import sites
from .lab import ROOT, Server

FIRMWARE = os.path.join(ROOT, "firmware")
CONFIGURATIONS = os.path.join(ROOT, "tests", "bench", "peers")


def fill(name, target, **values):
    """Writes a peer's configuration with its values."""
    with open(os.path.join(CONFIGURATIONS, name)) as file:
        text = file.read()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    with open(target, "w") as file:
        file.write(text)
    return target


def folder_of(lab, name):
    """An empty folder for a server."""
    path = os.path.join(lab.folder, f"{name.replace(' ', '-')}-{time.monotonic_ns()}")
    os.makedirs(path, mode=0o755)
    return path


def answers_dhcp(lab, count, relayed=True):
    """Whether one node gets its address."""
    relay = sites.RELAY if relayed else None
    return lambda: lab.load("dhcp", nodes=lab.nodes(count), server=sites.ADDRESS, relay=relay, outstanding=1, seconds=0.05,
                            patience=0.1)["done"] > 0


def answers_http(lab):
    """Whether somebody accepts connections."""
    probe = ["ip", "netns", "exec", lab.client, "bash", "-c", f"exec 3<>/dev/tcp/{sites.ADDRESS}/80"]
    return lambda: subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0


def answers_tftp(lab, name, path):
    """Whether a file comes."""
    return lambda: lab.load("tftp", server=sites.ADDRESS, first=sites.address(0), name=name, file=path)["done"] == 1


def rackstart(lab, count, fresh=False):
    """The daemon with a site of so many nodes; its store stays from run to run unless `fresh`. It serves when a node gets its
    address: connections are accepted before that."""
    site = lab.site(count)
    if fresh:
        subprocess.run(["rm", "-rf", os.path.join(os.path.dirname(site), "state")], check=True)
    return Server(lab, "rackstart", [lab.binary, "-c", site, "serve"], answers_dhcp(lab, count))


def kea(lab, count, tuned=True, relayed=True):
    """Kea, with its leases in memory when tuned, and the same reservations."""
    program = lab.peer("kea-dhcp4")
    if not program:
        return None
    folder = folder_of(lab, "kea")
    with open(lab.nodes(count)) as file:
        pairs = [line.split() for line in file]
    reservations = ",\n".join('{"hw-address": "%s", "ip-address": "%s"}' % (mac, address) for mac, address in pairs)
    path = fill("kea-tuned.json" if tuned else "kea-stock.json", os.path.join(folder, "kea.json"), FOLDER=folder,
                RESERVATIONS=reservations, SOCKETS="udp" if relayed else "raw")
    own = {"KEA_LOCKFILE_DIR": folder, "KEA_PIDFILE_DIR": folder, "KEA_LOGGER_DESTINATION": f"{folder}/boot.log",
           "KEA_LFC_EXECUTABLE": lab.peer("kea-lfc") or ""}
    name = "Kea" if tuned else "Kea stock"
    return Server(lab, name, [program, "-c", path], answers_dhcp(lab, count, relayed), own)


def null_dhcp(lab, count):
    """Answers DHCP without any work."""
    command = [lab.load_program, "null-dhcp", f"nodes={lab.nodes(count)}", f"server={sites.ADDRESS}"]
    return Server(lab, "null", command, answers_dhcp(lab, count))


def tftpd_hpa(lab, name):
    """tftpd-hpa: one process for each transfer."""
    program = lab.peer("in.tftpd")
    command = [program, "-L", "-u", "root", "-4", "-a", f"{sites.ADDRESS}:69", "-s", FIRMWARE]
    return program and Server(lab, "tftpd-hpa", command, answers_tftp(lab, name, os.path.join(FIRMWARE, name)))


def atftpd(lab, name):
    """atftpd: one thread for each transfer."""
    program = lab.peer("atftpd")
    command = [program, "--daemon", "--no-fork", "--user", "root", "--group", "root", "--maxthread", "1000",
               "--verbose=0", "--bind-address", sites.ADDRESS, FIRMWARE]
    return program and Server(lab, "atftpd", command, answers_tftp(lab, name, os.path.join(FIRMWARE, name)))


def dnsmasq(lab, name):
    """dnsmasq, TFTP alone."""
    program = lab.peer("dnsmasq")
    command = [program, "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--bind-interfaces", "--user=root",
               "--group=root", "--enable-tftp", "--tftp-max=1000", f"--listen-address={sites.ADDRESS}",
               f"--tftp-root={FIRMWARE}", "--pid-file="]
    return program and Server(lab, "dnsmasq", command, answers_tftp(lab, name, os.path.join(FIRMWARE, name)))


def null_tftp(lab, name, window):
    """Sends a file without any work."""
    path = os.path.join(FIRMWARE, name)
    command = [lab.load_program, "null-tftp", f"file={path}", f"window={window}", f"server={sites.ADDRESS}"]
    return Server(lab, "null", command, answers_tftp(lab, name, path))


def nginx(lab, tree, tuned=True):
    """nginx over a folder."""
    program = lab.peer("nginx")
    if not program:
        return None
    folder = folder_of(lab, "nginx")
    path = fill("nginx.conf" if tuned else "nginx-stock.conf", os.path.join(folder, "nginx.conf"), FOLDER=folder, TREE=tree)
    return Server(lab, "nginx" if tuned else "nginx stock", [program, "-c", path, "-p", folder], answers_http(lab))


def null_http(lab, path):
    """Answers every request with one file."""
    return Server(lab, "null", [lab.load_program, "null-http", f"file={path}", f"server={sites.ADDRESS}"], answers_http(lab))
