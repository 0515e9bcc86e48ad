"""The site file for the servers of the rack, made from the one that `rackstart init` writes."""

import re

# The console that the rack reads, and what costs time under emulation without helping a test.
# A busy host misses ticks, and the kernel would take the timer for broken (no_timer_check).
KERNEL_ARGS = "console=ttyS0 quiet mitigations=off nokaslr init_on_alloc=0 randomize_kstack_offset=off no_timer_check"


def sections(text):
    """Split a site file into its parts: everything before the first node, then one text per node."""
    parts = re.split(r"(?m)^(?=\[\[node\]\])", text)
    # Comment lines just before a [[node]] belong to it; they do not matter here.
    return parts[0], parts[1:]


def set_key(text, section, key, value):
    """Give one key of one [section] a value, commented out or not."""
    pattern = rf"(?ms)(^\[{section}\](?: *#[^\n]*)?$.*?)^#? ?{key} = [^\n]*$"
    changed, count = re.subn(pattern, lambda m: f"{m.group(1)}{key} = {value}", text, count=1)
    if not count:
        changed = re.sub(rf"(?m)^\[{section}\].*$", lambda m: f"{m.group(0)}\n{key} = {value}", text, count=1)
    return changed


def node_block(node):
    """One server. The card that the firmware boots from is the LAN card."""
    cards = []
    for nic in node.nics:
        network = {"prov": "lan", "public": "public"}.get(nic.network, "none")
        cards.append(f'  {{ name = "{nic.name}", mac = "{nic.mac}", network = "{network}" }},')
    return "\n".join([
        "[[node]]",
        f'name = "{node.name}"',
        *([f'role = "{node.role}"'] if node.role else []),
        f'address = "{node.address}"',
        f'firmware = "{node.firmware}"',
        node.disk_rule or f'disk = {{ name = "sda", sectors = {node.sectors} }}',
        "nics = [", *cards, "]",
        *([f'layout = "{node.layout}"'] if node.layout else []),
        *([f'release = "{node.release}"'] if node.release else []),
        "",
    ])


def site_file(example, nodes, *, tree, state, socket, interface="prov", kernel_args=KERNEL_ARGS, edit=None):
    """The text of a site file with exactly these nodes."""
    head, _ = sections(example)
    for section, key, value in (
        ("site", "kernel_args", f'"{kernel_args}"'),
        ("server", "interface", f'"{interface}"'),
        ("server", "address", '"192.168.0.254"'),
        ("server", "state", f'"{state}"'),
        ("server", "socket", f'"{socket}"'),
        # The small tree of the rack has no package of a time daemon.
        ("network", "ntp", "[]"),
    ):
        head = set_key(head, section, key, value)
    head = re.sub(r'(?m)^path = "[^"]*"$', f'path = "{tree}"', head, count=1)
    if edit:
        head = edit(head)
    else:
        # The servers of the rack have GlusterFS, but no package of OpenStack.
        head += '[variables]\nlast_group = "04"\n\n'
    return head + "\n".join(node_block(node) for node in nodes)
