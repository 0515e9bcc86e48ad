"""A site on one machine: a directory per node, one shared GlusterFS state, a
server that takes reports, and listeners that appear when a glusterd starts.

The scripts under test are the real ones; only the commands of the node are
played (`stand-in`). Ports are probed over real TCP on loopback addresses.
"""

import atexit
import contextlib
import hashlib
import itertools
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import uuid

import apis
from renewals import seal_folder
from server import IMAGE, Server

HERE = pathlib.Path(__file__).resolve().parent
SHIPPED = HERE.parent.parent / "templates"
PLAYED = (
    "yum rpm service chkconfig iptables iptables-save iptables-restore sysctl getent getenforce setenforce mount umount sync"
    " chown stat groupadd useradd modprobe vgs ping ip brctl"
).split()
COMPUTES = ["compute1", "compute2", "compute3", "compute4"]
NODES = COMPUTES + ["controller"]
# Those that a site has later, with places of their own.
EVERYBODY = NODES + ["compute5", "compute6", "compute7", "compute8"]
TARGETS = {"compute1": "all gateway compute", "controller": "all controller"}
MACS = {"lan": "52:54:00:a8:01:01", "public": "52:54:00:a8:01:00"}
SECRET = "s3cr3t-of-the-mirror"
# What each node is told; the names are the paper's.
SECRETS = {
    "MYSQL_ROOT_PASSWORD": "controller",
    "KEYSTONE_ADMIN_TOKEN": "controller",
    "KEYSTONE_MYSQL_PASSWORD": "controller",
    "GLANCE_MYSQL_PASSWORD": "controller",
    "GLANCE_SERVICE_PASSWORD": "controller",
    "NOVA_SERVICE_PASSWORD": "controller",
    "NOVA_MYSQL_PASSWORD": "controller compute",
    "QPID_PASSWORD": "controller compute",
    "OS_PASSWORD": "controller gateway",
    "DASHBOARD_SECRET_KEY": "gateway",
}
DEFAULT_RULES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""
# The runner syncs what it writes, which takes long on a disk that others use.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
# The steps pause as long between two checks as those of real servers.
REAL_PAUSES = bool(os.environ.get("REAL_PAUSES"))
# Every world gets a network of its own inside 127/8, so that tests which run
# at once never meet on a port.
_networks = itertools.count(os.getpid() % 200 * 250)


def assembled(blueprint):
    """The payload before it is rendered, put together from its folders as rackstart does: the runner, the step sets of the
    blueprint, the blueprint's own files."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payload-", dir=MEMORY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(SHIPPED / "firstboot", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("default"))
    shutil.copytree(SHIPPED / "firstboot" / "default", folder, dirs_exist_ok=True)
    own = SHIPPED / "blueprints" / blueprint
    for name in data_of(blueprint)["steps"]:
        for part in (SHIPPED / "steps" / name).iterdir():
            if part.name == "rules.toml":
                continue
            target = "lib" if part.name == "lib" else f"steps/{part.name}"
            shutil.copytree(part, folder / target, dirs_exist_ok=True)
    (folder / "steps").mkdir(exist_ok=True)
    for name, target in (("env.j2", "env.j2"), ("ports", "ports"), ("order", "steps/order")):
        if (own / name).exists():
            shutil.copy(own / name, folder / target)
    return folder


def data_of(blueprint):
    return tomllib.loads((SHIPPED / "blueprints" / blueprint / "blueprint.toml").read_text())


def added(data, values):
    """What a blueprint adds for its steps, by name in small letters, of a site with these values."""
    wanted = {**data["variables"], **values}
    for word, caller in data["callers"].items():
        match caller:
            case {"bridges": prefix, "first": first, "count": count}:
                numbers = range(int(wanted[first]), int(wanted[first]) + int(wanted[count]))
                wanted[f"from_{word}"] = " ".join(f"{prefix}{number}" for number in numbers)
            case {"network": name} | {"bridge": name}:
                wanted[f"from_{word}"] = wanted[name]
    names = {*data["variables"], *map(str.lower, [*data["nodes"], *data.get("keepsake", {})]), *(f"from_{word}" for word in data["callers"])}
    names |= {data["copies"]["members"].lower()} if "copies" in data else set()
    return {name: wanted[name] for name in sorted(names)}


TEMPLATES = assembled("essex")


def render(text, values):
    """Renders the two templates: `{{ name | sh }}`, one loop over hosts, and one over what the blueprint adds."""

    def loop(match):
        body = match.group(1)
        return "".join(
            re.sub(r"\{\{ host\.(\w+) \}\}", lambda m: host[m.group(1)], body) for host in values["hosts"]
        )

    text = re.sub(r"\{% for host in hosts -%\}\n(.*?)\{% endfor %\}\n?", loop, text, flags=re.S)
    more = "".join(f"{name.upper()}={shlex.quote(value)}\n" for name, value in values["more"].items())
    text = re.sub(r"\{% for name, value in more \| items %\}\n.*?\{% endfor %\}\n", lambda _: more, text, flags=re.S)
    return re.sub(r"\{\{ (\w+) \| sh \}\}", lambda m: shlex.quote(values[m.group(1)]), text)


class World:
    """Goes as far as the shared store unless `last_group` says otherwise."""

    templates, data, told = TEMPLATES, data_of("essex"), SECRETS
    # The files of packages, the later ones before the others.
    pristine = ("pristine",)

    def __init__(self, security="hardened", nodes=NODES, values=None, last_group="04", secrets=None, names=NODES):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="firstboot-", dir=MEMORY))
        # The nodes of the site file, whether they are played or not.
        self.names = list(names)
        for name in ("gluster", "listen", "nodes"):
            (self.dir / name).mkdir()
        for name in ("stand-in", "stand-in-gluster", "openstack.py", "diablo.py"):
            shutil.copy(HERE / name, self.dir / name)
        if len(self.pristine) == 1:
            (self.dir / "pristine").symlink_to(HERE / self.pristine[0])
        else:
            self.packages()
        self.last_group, self.cloud = last_group, apis.Cloud(self)
        # Every secret is another one, and may be part of another.
        self.secrets = {name: f"Secret{number}of{name}" for number, name in enumerate(self.told)}
        self.secrets.update(secrets or {})
        network = next(_networks) % 50000
        self.prefix = f"127.{network // 250 + 1}.{network % 250 + 1}"
        self.server, self.security, self.values = Server(), security, values or {}
        self.listening, self.open = {}, True
        threading.Thread(target=self._listen, daemon=True).start()
        self.nodes = {name: Node(self, name) for name in nodes}

    def packages(self):
        """A package of a later folder is another release of it."""
        (self.dir / "pristine").mkdir()
        for folder in self.pristine:
            for package in (HERE / folder).iterdir():
                place = self.dir / "pristine" / package.name
                place.unlink(missing_ok=True)
                place.symlink_to(package)

    def address(self, name):
        return f"{self.prefix}.{EVERYBODY.index(name) + 1}"

    def _listen(self):
        while self.open:
            # A service that was started again has another file of the same name.
            wanted = {(entry.name, entry.inode()) for entry in os.scandir(self.dir / "listen")}
            for place in self.listening.keys() - wanted:
                self._end(self.listening.pop(place))
            for place in wanted - self.listening.keys():
                address, port = place[0].rsplit(":", 1)
                # A process that is being started has what was open here, until it is another program.
                with contextlib.suppress(OSError):
                    self.listening[place] = self._serve(address, int(port))
            time.sleep(0.05)

    def _serve(self, address, port):
        if port in apis.PORTS:
            return apis.serve(self.cloud, address, port)
        return socket.create_server((address, port))

    def _end(self, listener):
        if hasattr(listener, "shutdown") and not isinstance(listener, socket.socket):
            listener.shutdown()
            listener.server_close()
        else:
            listener.close()

    def events(self, name, *only):
        token = self.nodes[name].token
        return [r for t, r, _ in list(self.server.reports) if t == token and (not only or r["event"] in only)]

    def wait(self, condition, seconds=30, what="condition"):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"{what} did not come true within {seconds} s")
            time.sleep(0.02)

    def close(self):
        for node in self.nodes.values():
            node.kill()
            node.end_mysql()
        self.open = False
        self.server.away()
        for listener in self.listening.values():
            self._end(listener)
        # A sender that just woke up may still write into its log.
        for _ in range(20):
            shutil.rmtree(self.dir, ignore_errors=True)
            if not self.dir.exists():
                break
            time.sleep(0.1)


class Node:
    def __init__(self, world, name):
        self.world, self.name, self.process = world, name, None
        # Changes that a test has seen already.
        self.forgotten = []
        self.token = f"{EVERYBODY.index(name) + 1:032x}"
        self.root = world.dir / "nodes" / name / "root"
        self.fake = world.dir / "nodes" / name / "fake"
        self.state = self.root / "var/lib/rackstart"
        (self.fake / "bin").mkdir(parents=True)
        (self.fake / "installed").mkdir()
        for command in PLAYED:
            (self.fake / "bin" / command).symlink_to(world.dir / "stand-in")
        # The arguments of the real commands that could show a secret.
        for command in ("curl", "mysql"):
            (self.fake / "bin" / command).write_text(
                f'#!/bin/bash\nprintf "%s\\n" "{command} $*" >>"$FAKE/arguments"\nexec {shutil.which(command)} "$@"\n')
            (self.fake / "bin" / command).chmod(0o755)
        # EL6 has one called just so.
        # Without its site-packages, which take longer to look for than all that is played.
        (self.fake / "bin/python").write_text(f'#!/bin/sh\nPYTHONPATH={self.root}/usr/lib/python exec {sys.executable} -S "$@"\n')
        (self.fake / "bin/python").chmod(0o755)
        for place in ("etc/selinux", "etc/sysconfig", "proc", "usr/lib"):
            (self.root / place).mkdir(parents=True)
        (self.root / "etc/fstab").write_text(
            "# made by the installer\n/dev/vg_base/lv_root / ext4 defaults 1 1\n/dev/vg_gluster/lv_gluster /export/gluster xfs defaults 1 2\n"
            if name != "controller"
            else "/dev/vg_base/lv_root / ext4 defaults 1 1\n/dev/vg_images/lv_images /var/lib/glance/images ext4 defaults 1 2\n"
        )
        self.cards(eth0="public", eth1="lan")
        self.fresh_boot(brick=name != "controller")
        (self.root / "etc/sysctl.conf").write_text("# kernel\nnet.ipv4.ip_forward=0\nkernel.sysrq = 0\n\n# Disable netfilter on bridges.\nnet.bridge.bridge-nf-call-ip6tables = 0\n"
            "net.bridge.bridge-nf-call-iptables = 0\nnet.bridge.bridge-nf-call-arptables = 0\n")
        (self.root / "etc/selinux/config").write_text("SELINUX=enforcing\nSELINUXTYPE=targeted\n")
        (self.fake / "sysctl.net.ipv4.ip_forward").write_text("0\n")
        (self.fake / "addresses").write_text("eth0 203.0.113.2/24\n")
        (self.fake / "selinux").write_text("Enforcing\n")
        self.repositories()
        self.unpack()

    def cards(self, **networks):
        """Names the network cards, as drivers do at boot; `br100` becomes a bridge."""
        shutil.rmtree(self.root / "sys/class/net", ignore_errors=True)
        for name, network in networks.items():
            link = self.root / "sys/class/net" / name
            (link / ("bridge" if name == "br100" else "device")).mkdir(parents=True)
            (link / "address").write_text(MACS[network] + "\n")
        # What has no MAC, and what is no interface.
        (self.root / "sys/class/net/lo").mkdir()
        (self.root / "sys/class/net/bonding_masters").touch()

    def fresh_boot(self, brick=True):
        """What a boot leaves of the state of kernel and services."""
        for running in self.fake.glob("running.*"):
            running.unlink()
        self.end_mysql()
        for process in ("4242", "4343"):
            shutil.rmtree(self.root / "proc" / process, ignore_errors=True)
        for place in (self.world.dir / "listen").glob(f"{self.world.address(self.name)}:*"):
            place.unlink(missing_ok=True)
        (self.fake / "live").write_text(DEFAULT_RULES)
        mounts = "/dev/vg_gluster/lv_gluster /export/gluster xfs rw 0 0\n" if brick else ""
        (self.root / "proc/cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu vmx sse\n")
        (self.root / "proc/modules").write_text("ext4 1 0 - Live 0x0\n")
        (self.root / "proc/mounts").write_text("/dev/vg_base/lv_root / ext4 rw 0 0\n" + mounts)

    def sql(self, statements):
        """What root of this node's MySQL gets to see."""
        words = ["/usr/bin/mysql", "--no-defaults", "-u", "root", "-S", str(self.root / "var/lib/mysql/mysql.sock"), "-BN"]
        env = {"PATH": "/usr/bin:/bin", "MYSQL_PWD": self.world.secrets["MYSQL_ROOT_PASSWORD"]}
        return subprocess.run(words, input=statements, env=env, capture_output=True, text=True, check=True, timeout=20).stdout

    def end_mysql(self):
        """As a power cut does."""
        pid = self.fake / "mysqld.pid"
        if pid.exists():
            try:
                os.kill(int(pid.read_text()), signal.SIGKILL)
            except (ProcessLookupError, ValueError):
                pass
            pid.unlink(missing_ok=True)
            (self.root / "var/lib/mysql/mysql.sock").unlink(missing_ok=True)

    def repositories(self):
        """What a fresh CentOS 6 has: some sections say `enabled`, most do not."""
        folder = self.root / "etc/yum.repos.d"
        folder.mkdir()
        dead = "mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo="
        (folder / "CentOS-Base.repo").write_text(
            "# CentOS-Base.repo\n#\n\n"
            f"[base]\nname=CentOS-$releasever - Base\n{dead}os\n#baseurl=http://mirror.centos.org/\ngpgcheck=1\n\n"
            f"#released updates\n[updates]\nenabled = 1\nname=Updates\n{dead}updates\n\n"
            f"[centosplus]\nname=Plus\n{dead}centosplus\nenabled=0\n"
        )
        (folder / "CentOS-Media.repo").write_text("[c6-media]\nbaseurl=file:///media/\nenabled=0\n")
        (folder / "mine.repo").write_text(f"[mine]\nbaseurl=http://mine/\nenabled=1\n\n[old]\n{dead}x\n")

    def host_uuid(self):
        """As rackstart derives it from a MAC; here every node has the same cards, so its name stands for them."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.host.rackstart"))

    def unpack(self):
        """What %post does: extract the payload and run `install`."""
        payload = self.root / "usr/lib/rackstart"
        self.write_payload(payload)
        seal_folder(payload, self.token)
        # The brick of a compute node is a real directory here, below the root.
        (self.root / "export/gluster").mkdir(parents=True, exist_ok=True)
        # There is a systemd on the machine of the tests, not on this node.
        subprocess.run([payload / "install"], env=self.env(), check=True, stdout=subprocess.DEVNULL)

    def write_payload(self, payload):
        """The files that the server has for this node as the site is now."""
        shutil.copytree(self.world.templates, payload, ignore=shutil.ignore_patterns("*.j2"))
        world = self.world
        computes = [name for name in world.names if name.startswith("compute")]
        replica = int(world.values.get("replica", 4))
        values = {
            "server": f"http://127.0.0.1:{world.server.port}",
            "token": self.token,
            "node": self.name,
            "role": {"compute1": "gateway"}.get(self.name, self.name.rstrip("0123456789")),
            "targets": TARGETS.get(self.name, "all compute"),
            "address": world.address(self.name),
            "nodes": " ".join(world.names),
            "computes": " ".join(computes),
            "bricks": " ".join(computes[: len(computes) // replica * replica]),
            "controller": "controller",
            "gateway": "compute1",
            "security": world.security,
            "lan_cidr": f"{world.prefix}.0/24",
            "lan_mac": MACS["lan"],
            "public_mac": MACS["public"] if self.name == "compute1" else "",
            "lan_link": "card",
            "public_link": "card" if self.name == "compute1" else "",
            "release": "6.10",
            "install_tree": "centos6",
            "vm_network": "10.0.0.0/24",
            "vm_bridge": "br100",
            "vm_interface": "",
            "network_manager": "flatdhcp",
            "multi_host": "",
            "vlan_start": "100",
            "num_networks": "1",
            "network_size": "256",
            "ssh_from": f"{world.prefix}.0/24",
            "volume": "vm-instances",
            "replica": "4",
            "brick_mount": "/export/gluster",
            "instances": "/var/lib/nova/instances",
            "host_uuid": self.host_uuid(),
            "gluster_uuid": "",
            "nova_uid": "162",
            "last_group": world.last_group,
            "admin_user": "admin",
            "admin_tenant": "admin",
            "service_tenant": "service",
            "glance_user": "glance",
            "nova_user": "nova",
            "region": "RegionOne",
            "public_address": "128.250.26.161",
            "ntp_servers": "0.pool.ntp.org 1.pool.ntp.org 2.pool.ntp.org",
            "cirros_image": "cirros-0.3.0-x86_64",
            "images": f"cirros-0.3.0-x86_64|qcow2|sha256|{hashlib.sha256(IMAGE).hexdigest()}",
            "yum_repositories": "",
            "acceptance": "services boot ssh volume migration",
            "hosts": [
                {"address": world.address(n), "names": n + (" gateway" if n == "compute1" else "")} for n in world.names
            ],
        }
        values.update(world.values)
        values.setdefault("lan_networks", values["lan_cidr"])
        values["more"] = added(world.data, values)
        for name in ("env", "hosts"):
            (payload / name).write_text(render((self.world.templates / f"{name}.j2").read_text(), values))
        # A secret such as later steps get; no step may ever show it.
        with open(payload / "env", "a") as env:
            env.write(f"MIRROR_PASSWORD={SECRET}\n")
        targets = values["targets"].split()
        (payload / "secrets").write_text("".join(
            f"{name}={shlex.quote(world.secrets[name])}\n" for name, who in world.told.items() if set(who.split()) & set(targets)
        ))

    def env(self, **more):
        return {
            **os.environ,
            "PATH": f"{self.fake}/bin:{self.fake}/installed:{os.environ['PATH']}",
            "RACKSTART_ROOT": str(self.root),
            # Five nodes that look too often keep a machine of two processors from what they wait for.
            **({} if REAL_PAUSES else {"RACKSTART_PAUSE_MIN": "60", "RACKSTART_PAUSE_MAX": "500" if self.world.last_group == "04" else "1000"}),
            # A played service comes up at once; a proof with many questions takes its time where the machine is busy.
            "RACKSTART_VERIFY_SECONDS": "3" if self.world.last_group == "04" else "90",
            "RACKSTART_SEND_PAUSE": "1",
            # `start` ends when the node is ready, but for the tests of what comes then.
            "RACKSTART_HEALTH_PAUSE": "0",
            "FAKE": str(self.fake),
            "FAKE_WORLD": str(self.world.dir),
            "FAKE_TESTS": str(HERE),
            # What a played program has compiled the next one need not.
            "PYTHONPYCACHEPREFIX": str(self.world.dir / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "",
            "FAKE_NODE": self.name,
            "FAKE_ADDRESS": self.world.address(self.name),
            **more,
        }

    def command(self, *words):
        return [str(self.root / "usr/lib/rackstart/rackstart-firstboot"), *words]

    def run(self, *words, timeout=300, **env):
        """Runs the runner to its end."""
        return subprocess.run(
            self.command(*words), env=self.env(**env), text=True, capture_output=True, timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def play(self, *words, stdin=None, **env):
        """Runs one command as a person on the node would."""
        return subprocess.run(words, env=self.env(**env), text=True, capture_output=True, timeout=300, input=stdin)

    def holds(self, step):
        """What the step's `check` says; STEP with its group."""
        return self.run("_phase", step, "check", str(os.getpid())).returncode == 0

    def steps(self, *names, **env):
        """Runs these steps, each of which has to succeed."""
        for name in names:
            done = self.run("run", name, timeout=600, **env)
            log = self.root / "var/log/rackstart"
            tail = "\n".join(p.read_text()[-2000:] for p in log.glob(f"*{name.replace('/', '.')}*")) if done.returncode else ""
            if done.returncode:
                raise AssertionError(f"{name} on {self.name}: {done.stdout}{done.stderr}{tail}")

    def start(self, *words, **env):
        """Starts the runner in the background, as boot does."""
        self.process = subprocess.Popen(
            self.command(*(words or ("start",))), env=self.env(**env), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        return self.process

    def kill(self):
        """kill -9 of the runner alone: what it had started lives on."""
        if self.process:
            try:
                self.process.send_signal(signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def power_cut(self):
        """Everything of the runner dies at once, and the node boots again."""
        self.kill()
        phase = self.state / "phase"
        if phase.exists():
            try:
                os.killpg(int(phase.read_text().split()[0]), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self.end_sender()
        self.fresh_boot(brick=self.name != "controller")

    def end_sender(self):
        """The process that sends reports has a session of its own."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_text()
                if str(self.root) in words and words.endswith("rackstart-firstboot\0_send\0"):
                    os.kill(int(process.name), signal.SIGKILL)
            except (OSError, UnicodeDecodeError):
                pass

    def ready(self):
        return (self.state / "ready").exists()

    def changes(self):
        path = self.fake / "changes"
        return path.read_text().splitlines() if path.exists() else []

    def forget_changes(self):
        self.forgotten += self.changes()
        (self.fake / "changes").unlink(missing_ok=True)

    def entry(self, step, key="state"):
        path = self.state / "journal" / step.replace("/", ".")
        return dict(l.split("=", 1) for l in path.read_text().splitlines())[key] if path.exists() else None

    def files(self):
        """Every file that the steps own, with what it holds."""
        names = ["etc/hosts", "etc/fstab", "etc/sysctl.conf", "etc/selinux/config", "etc/sysconfig/iptables",
                 "etc/glusterfs/glusterd.vol", "proc/mounts"]
        found = {n: (self.root / n).read_text() for n in names if (self.root / n).exists()}
        found["live"] = (self.fake / "live").read_text()
        extra = [str(p.relative_to(self.root)) for p in (self.root / "etc").rglob("*") if "new" in p.name]
        return {**found, "leftovers": extra}
