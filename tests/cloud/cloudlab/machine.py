"""A node: a network namespace with cards on the switch, a PID namespace whose first process is its power, and an overlay over the
package image as its disk. The switch is the network namespace that the demo itself runs in."""

import array
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
from dataclasses import dataclass, field

from cloudlab.shell import Failed, run, wait_for

LAN, DATA, OUTSIDE = "br-lan", "br-data", "br-out"
SERVER = "192.168.0.254"
OUTSIDE_SERVER = "203.0.113.1"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_switch():
    """Bridges for the LAN, for machines and for the outside. Nothing leads from the outside to the others: a gateway has to."""
    run("ip", "link", "set", "lo", "up")
    for bridge, address in ((LAN, f"{SERVER}/24"), (DATA, None), (OUTSIDE, f"{OUTSIDE_SERVER}/24")):
        run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
        if address:
            run("ip", "address", "add", address, "dev", bridge)
        run("ip", "link", "set", bridge, "up")
    without_checksums(DATA)


def without_checksums(card):
    """A switch in user space reads packets whose checksums a virtual card would have left to be filled in. As `ethtool -K CARD tx off
    tso off sg off gso off` (linux/ethtool.h); a bridge has not all of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in (0x17, 0x1F, 0x19, 0x24):  # ETHTOOL_STXCSUM, _STSO, _SSG, _SGSO
            value = array.array("B", struct.pack("II", command, 0))
            with contextlib.suppress(OSError):
                fcntl.ioctl(any_socket, 0x8946, struct.pack("16sP", card.encode(), value.buffer_info()[0]))  # SIOCETHTOOL


@dataclass
class Card:
    """A network card, and the bridge that it is plugged into."""

    name: str
    mac: str
    bridge: str
    address: str = ""


@dataclass
class Machine:
    """One node."""

    name: str
    role: str
    cards: list
    image: str
    place: str
    router: str = ""
    volumes: dict = field(default_factory=dict)  # mount point -> MiB
    power: subprocess.Popen = None

    @property
    def root(self):
        """Its file system, as it looks from here only while it is off: the upper layer."""
        return f"{self.place}/up"

    @property
    def address(self):
        """That of its card on the LAN."""
        return self.cards[0].address.split("/")[0]

    @property
    def mac(self):
        """That of the card it boots from."""
        return self.cards[0].mac

    def make(self):
        """A disk with nothing of its own on it."""
        for name in ("up", "work", "root", "disk"):
            os.makedirs(f"{self.place}/{name}", exist_ok=True)
        for number, size in enumerate(self.volumes.values()):
            run("truncate", "-s", f"{size}M", f"{self.place}/disk/{number}.img")

    def wipe(self):
        """Takes everything off its disk but what lies in its volumes."""
        for name in ("up", "work", "root"):
            shutil.rmtree(f"{self.place}/{name}")
        self.make()

    def power_on(self):
        """Starts its first process, plugs its cards in, and lets it boot."""
        ready = f"{self.place}/plugged"
        if os.path.exists(ready):
            os.unlink(ready)
        with open(f"{self.place}/console", "a") as console:
            self.power = subprocess.Popen(
                ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", self.init()],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        pid = wait_for(f"the first process of {self.name}", 30, self.first, every=0.05)
        for card in self.cards:
            inner, outer = f"{card.name}", f"{self.name}-{card.name}"[-15:]
            run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "address", card.mac, "netns", str(pid))
            run("ip", "link", "set", outer, "master", card.bridge, "up")
            if card.bridge == DATA:
                without_checksums(outer)
        open(ready, "w").close()
        wait_for(f"{self.name} to boot", 60, lambda: self.status("test -e /run/booted") == 0, every=0.1)

    def init(self):
        """What its first process does: the file system, the cards, then whatever was installed. A /dev of its own without
        /dev/kvm: where that is there and does not work, libvirt asks QEMU anew what it can at each start of a machine, 20 s."""
        root = f"{self.place}/root"
        cards = "\n".join(
            f"ip link set {card.name} up" + (f"; ip address add {card.address} dev {card.name}" if card.address else "")
            for card in self.cards)
        mounts = "\n".join(
            f"mkdir -p $R{target} $R/disk; touch $R/disk/{n}.img; mount --bind {self.place}/disk/{n}.img $R/disk/{n}.img"
            for n, target in enumerate(self.volumes))
        return f"""
set -e
mount --make-rprivate /
R={root}
mount -t overlay overlay -o lowerdir={self.image},upperdir={self.place}/up,workdir={self.place}/work $R
hostname {self.name}
while [ ! -e {self.place}/plugged ]; do sleep 0.05; done
mount -t proc proc $R/proc
mount -t sysfs sys $R/sys
mount -t tmpfs dev $R/dev -o mode=755
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fuse /dev/net /dev/loop-control $R/dev/
for n in {{0..63}}; do mknod $R/dev/loop$n b 7 $n; done
mkdir $R/dev/pts $R/dev/shm
ln -s pts/ptmx $R/dev/ptmx
ln -s /proc/self/fd $R/dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${{n%:*}} $R/dev/${{n#*:}}; done
mount -t devpts devpts $R/dev/pts -o newinstance,ptmxmode=0666
mount -t tmpfs shm $R/dev/shm
mount -t tmpfs tmpfs $R/run -o mode=755
mkdir -p $R/run/lock
echo {self.name} >$R/etc/hostname
{mounts}
ip link set lo up
{cards}
{f"ip route add default via {self.router}" if self.router else ""}
for f in all default; do echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done
exec chroot $R /usr/bin/env -i PATH={PATH} HOME=/root LC_ALL=C.UTF-8 /bin/bash -c '
cd /
: >/run/booted
[ ! -x /usr/sbin/rackstart-firstboot ] || setsid rackstart-firstboot start </dev/null >>/var/log/firstboot-console 2>&1 &
while :; do sleep 1000 & wait $!; done'
"""

    def first(self):
        """The number of its first process, as this namespace counts."""
        if self.power is None or self.power.poll() is not None:
            with open(f"{self.place}/console") as console:
                raise Failed(f"{self.name} has no power: {console.read()[-2000:]}")
        with open(f"/proc/{self.power.pid}/task/{self.power.pid}/children") as children:
            return int(children.read().split()[0])

    def words(self, *words):
        """The command line that runs words inside."""
        return ("nsenter", "-t", str(self.first()), "-m", "-u", "-i", "-n", "-p", "-r", "-w",
                "env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb", *words)

    def sh(self, script, seconds=300, check=True, text=None):
        """A script of bash inside; its output."""
        return run(*self.words("bash", "-c", script), seconds=seconds, check=check, text=text)

    def status(self, script):
        """The same; its exit status."""
        return subprocess.run(self.words("bash", "-c", script), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def cut_power(self):
        """kill -9 of the first process: everything inside ends at once, nothing is written any more."""
        os.kill(self.first(), signal.SIGKILL)
        self.power.wait(60)
