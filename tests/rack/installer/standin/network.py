"""The `network` lines of a kickstart: ifcfg files, host name and names by MAC, as EL6 writes them."""

import os

from standin.console import Stop, say
from standin.target import write


def interfaces():
    """Ethernet interfaces of this machine: name -> MAC address."""
    found = {}
    for name in sorted(os.listdir("/sys/class/net")):
        if name != "lo":
            with open(f"/sys/class/net/{name}/address") as address:
                found[name] = address.read().strip().lower()
    return found


def resolve(device, nics):
    """A network line names its device by name, MAC address, `bootif` or `link`."""
    text = (device or "").lower()
    if text in ("", "bootif", "link"):
        return os.environ.get("STANDIN_NIC", "eth0")
    for name, mac in nics.items():
        if text in (name, mac):
            return name
    raise Stop(f"network --device={device}: this machine has {', '.join(f'{n} {m}' for n, m in nics.items())}")


def configure(handler):
    """Write everything for the new system; an interface without a line stays down, as on EL6."""
    nics = interfaces()
    lines = {}
    hostname = "localhost.localdomain"
    for data in handler.network.network:
        hostname = data.hostname or hostname
        if data.device or data.bootProto or data.ip:
            lines[resolve(data.device, nics)] = data
    for name, mac in nics.items():
        write(f"/etc/sysconfig/network-scripts/ifcfg-{name}", ifcfg(name, mac, lines.get(name)), 0o644)
    write("/etc/sysconfig/network", f"NETWORKING=yes\nHOSTNAME={hostname}\n")
    write("/etc/hostname", f"{hostname}\n")
    rules = [
        f'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{mac}", '
        f'ATTR{{type}}=="1", KERNEL=="eth*", NAME="{name}"'
        for name, mac in nics.items()
    ]
    write("/etc/udev/rules.d/70-persistent-net.rules", "\n".join(rules) + "\n")
    say(f"network: host name {hostname}, " + ", ".join(f"{n} {summary(d)}" for n, d in sorted(lines.items())))


def summary(data):
    """dhcp, or the address."""
    return data.ip or data.bootProto or "dhcp"


def ifcfg(name, mac, data):
    """One ifcfg file."""
    text = [f"DEVICE={name}", f"HWADDR={mac}", "TYPE=Ethernet"]
    if data is None:
        return "\n".join(text + ["ONBOOT=no", "BOOTPROTO=dhcp"]) + "\n"
    text.append(f"ONBOOT={'yes' if data.onboot in (True, None, '') else 'no'}")
    protocol = "static" if data.bootProto == "static" or data.ip else "dhcp"
    text.append(f"BOOTPROTO={protocol}")
    if protocol == "static":
        text += [f"IPADDR={data.ip}", f"NETMASK={data.netmask}"]
        if data.gateway and not data.nodefroute:
            text.append(f"GATEWAY={data.gateway}")
    if data.nodefroute:
        text.append("DEFROUTE=no")
    for number, server in enumerate([s for s in (data.nameserver or "").split(",") if s], 1):
        text.append(f"DNS{number}={server}")
    if data.mtu:
        text.append(f"MTU={data.mtu}")
    return "\n".join(text) + "\n"
