"""Two network namespaces and a cable, servers in the one and load generators in the other, and their CPU time."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from . import sites

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PEERS = os.path.join(ROOT, "build", "peers")
LIBRARIES = ":".join(os.path.join(PEERS, folder) for folder in
                     ("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/kea", "lib/x86_64-linux-gnu"))


def run(command, **more):
    """Runs a command and insists that it works."""
    return subprocess.run(command.split() if isinstance(command, str) else command, check=True, **more)


class Group:
    """A control group that counts the CPU time of a server and of all its children, by nanoseconds."""

    def __init__(self, name):
        self.is_old = os.path.isdir("/sys/fs/cgroup/cpuacct")
        self.path = os.path.join("/sys/fs/cgroup/cpuacct" if self.is_old else "/sys/fs/cgroup", f"bench-{os.getpid()}-{name}")
        os.makedirs(self.path, exist_ok=True)

    def enter(self):
        """Called in the child, before it becomes the server."""
        with open(f"{self.path}/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))

    def cpu(self):
        """Seconds so far."""
        if self.is_old:
            with open(f"{self.path}/cpuacct.usage") as file:
                return int(file.read()) / 1e9
        with open(f"{self.path}/cpu.stat") as file:
            return int(file.readline().split()[1]) / 1e6

    def pids(self):
        """What runs in it."""
        with open(f"{self.path}/cgroup.procs") as file:
            return [int(line) for line in file]

    def remove(self):
        """Removes it, once it is empty."""
        for _ in range(100):
            try:
                return os.rmdir(self.path)
            except OSError:
                time.sleep(0.05)


class Lab:
    """The namespaces, a folder, and everything that was started; all of it goes when this ends."""

    def __init__(self, binary, load):
        self.binary, self.load_program = binary, load
        self.server, self.client = f"bench-s{os.getpid()}", f"bench-c{os.getpid()}"
        self.sites = {}

    def __enter__(self):
        # Not in the temporary folder of the system, which may be memory: the store promises durability.
        os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
        self.holder = tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build"), prefix="bench-")
        self.folder = self.holder.name
        os.chmod(self.folder, 0o755)
        self.log = open(os.path.join(self.folder, "log"), "ab")
        for name in (self.server, self.client):
            run(f"ip netns add {name}")
            run(f"ip -n {name} link set lo up")
        run(f"ip link add eth0 netns {self.server} type veth peer name eth0 netns {self.client}")
        for name, own in ((self.server, sites.ADDRESS), (self.client, sites.RELAY)):
            run(f"ip -n {name} address add {own}/{sites.PREFIX} dev eth0")
            run(f"ip -n {name} link set eth0 up")
        # The client has every address of the nodes.
        for block in ("10.32.0.0/13", "10.40.0.0/14", "10.44.0.0/15"):
            run(f"ip -n {self.client} route add local {block} dev eth0 table local")
        return self

    def __exit__(self, *_):
        for name in (self.server, self.client):
            subprocess.run(["ip", "netns", "delete", name], check=False)
        self.log.close()
        self.holder.cleanup()

    def site(self, count):
        """The site file with so many nodes, made once."""
        if count not in self.sites:
            self.sites[count] = sites.write(os.path.join(self.folder, f"site-{count}"), count)
        return self.sites[count]

    def nodes(self, count):
        """The list of nodes of that site."""
        return os.path.join(os.path.dirname(self.site(count)), "nodes")

    def start_load(self, kind, **settings):
        """A load generator of ours that runs meanwhile."""
        words = [f"{key}={value}" for key, value in settings.items() if value is not None]
        command = ["ip", "netns", "exec", self.client, self.load_program, kind] + words
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)

    def load(self, kind, **settings):
        """What a load generator of ours found out."""
        process = self.start_load(kind, **settings)
        text = process.communicate()[0]
        if process.returncode:
            self.log.flush()
            sys.exit(f"bench: load {kind} {settings} failed:\n{open(self.log.name, errors='replace').read()[-2000:]}")
        return json.loads(text)

    def peer(self, program):
        """Where a program of the peers is, or None."""
        for place in ("usr/sbin", "usr/bin"):
            path = os.path.join(PEERS, place, program)
            if os.path.exists(path):
                return path
        return None

    def from_client(self, command, **more):
        """Runs a program of the peers in the client's namespace; returns what it printed."""
        environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)
        return subprocess.run(["ip", "netns", "exec", self.client] + command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment, text=True, check=False, **more).stdout


class Server:
    """A running server."""

    def __init__(self, lab, name, command, ready, environment=None, patience=300):
        self.name, self.lab = name, lab
        self.group = Group("".join(letter for letter in name if letter.isalnum()))
        own = dict(os.environ, **(environment or {}))
        if command[0].startswith(PEERS):
            own["LD_LIBRARY_PATH"] = LIBRARIES
        begin = time.monotonic()
        self.process = subprocess.Popen(["ip", "netns", "exec", lab.server] + command, stdout=lab.log, stderr=lab.log,
                                        stdin=subprocess.DEVNULL, env=own, preexec_fn=self.group.enter)
        while not ready():
            if self.process.poll() is not None or time.monotonic() - begin > patience:
                self.stop()
                lab.log.flush()
                sys.exit(f"bench: {name} does not answer:\n{open(lab.log.name, errors='replace').read()[-3000:]}")
            time.sleep(0.02)
        self.started_in = time.monotonic() - begin

    def cpu(self):
        """Seconds of the server and its children so far."""
        return self.group.cpu()

    def mib(self):
        """What is resident of all its processes, in MiB."""
        total = 0
        for pid in self.group.pids():
            try:
                with open(f"/proc/{pid}/status") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
            except OSError:
                pass
        return total / 1024

    def stop(self):
        """Ends it and whatever it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in self.group.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.group.remove()
