"""The Ceph that the operator of the cloud has: one monitor and one OSD on a file, on a machine of its own on the LAN. Real, and as
small as it goes; nothing of it is made by rackstart."""

from cloudlab.machine import LAN, Card, Machine
from cloudlab.shell import wait_for

ADDRESS, POOL, ACCOUNT = "192.168.0.9", "volumes", "cinder"
CONFIG = f"""[global]
fsid = 0c2f4c1e-7f0c-4f43-8f0f-3f6b6b1c9a10
mon_host = {ADDRESS}
mon_initial_members = store
mon_allow_pool_size_one = true
mon_data_avail_warn = 1
mon_data_avail_crit = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_crush_chooseleaf_type = 0
osd_class_dir = /usr/lib/x86_64-linux-gnu/rados-classes
osd_memory_target = 939524096
bluestore_block_size = 4294967296
"""
MAKE = f"""set -e
cd /root
ceph-authtool --create-keyring mon --gen-key -n mon. --cap mon 'allow *'
ceph-authtool --create-keyring /etc/ceph/ceph.client.admin.keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *'
ceph-authtool mon --import-keyring /etc/ceph/ceph.client.admin.keyring
monmaptool --create --add store {ADDRESS} --fsid $(sed -n 's/^fsid = //p' /etc/ceph/ceph.conf) monmap
mkdir -p /var/lib/ceph/mon/ceph-store /var/lib/ceph/osd/ceph-0 /run/ceph
ceph-mon --mkfs -i store --monmap monmap --keyring mon
ceph-mon -i store
id=$(cat /proc/sys/kernel/random/uuid)
timeout 120 ceph osd new $id
timeout 60 ceph auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' -o /var/lib/ceph/osd/ceph-0/keyring
ceph-osd -i 0 --mkfs --osd-uuid $id
ceph-osd -i 0
timeout 60 ceph osd pool create {POOL} 8 8
timeout 60 rbd pool init {POOL}
timeout 60 ceph auth get-or-create client.{ACCOUNT} mon 'profile rbd' osd 'profile rbd pool={POOL}' >/dev/null
"""


def machine(root, place):
    """The machine that it runs on; rackstart does not know it."""
    return Machine("store", "", [Card("eth0", "52:54:00:a8:09:00", LAN, f"{ADDRESS}/24")], root, f"{place}/store")


def start(store):
    """Makes it, and returns the key of the account."""
    store.make()
    store.power_on()
    store.sh("cat >/etc/ceph/ceph.conf", text=CONFIG)
    store.sh(MAKE)
    wait_for("Ceph's pool", 120, lambda: not store.status(f"timeout 20 rbd -p {POOL} create probe --size 1 && timeout 20 rbd -p {POOL} rm probe"))
    return store.sh(f"ceph auth print-key client.{ACCOUNT}").strip()
