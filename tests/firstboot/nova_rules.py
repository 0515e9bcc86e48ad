"""What Nova's services of 2012.1 do to the packet filter: their rules, and where these go.

They come before all other rules: a jump to a service's own chains stands at the top of each built-in chain,
and everything else is reached from there. Each service removes its own chains and rules, by its name, before
it inserts them again."""

import subprocess

# By the service: the name that its chains begin with, cut at 16 letters as Nova cuts it.
BINARIES = {
    "openstack-nova-network": "nova-network",
    "openstack-nova-compute": "nova-compute",
    "openstack-nova-metadata-api": "nova-api-metadat",
}


def of_network(fixed, source, metadata_host, bridge=None, floating=()):
    """nova-network: init_host, metadata, floating addresses as (outside, inside), and its bridge."""
    nat = [("PREROUTING", f"-s 0.0.0.0/0 -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination {metadata_host}:8775")]
    nat += [("PREROUTING", f"-d {outside} -j DNAT --to-destination {inside}") for outside, inside in floating]
    nat += [("float-snat", f"-s {inside} -j SNAT --to-source {outside}") for outside, inside in floating]
    nat += [("snat", f"-s {fixed} -j SNAT --to-source {source}"), ("POSTROUTING", f"-s {fixed} -d {metadata_host}/32 -j ACCEPT"),
            ("POSTROUTING", f"-s {fixed} -d {fixed} -m conntrack ! --ctstate DNAT -j ACCEPT")]
    return {"filter": of_bridge(bridge)["filter"] if bridge else [], "nat": nat}


def of_bridge(bridge):
    """Whichever service makes the bridge accepts everything into and out of it."""
    return {"filter": [("FORWARD", f"-i {bridge} -j ACCEPT"), ("FORWARD", f"-o {bridge} -j ACCEPT")], "nat": []}


def of_metadata(metadata_host):
    return {"filter": [("INPUT", f"-s 0.0.0.0/0 -d {metadata_host}/32 -p tcp -m tcp --dport 8775 -j ACCEPT")], "nat": []}


BUILT_IN = {"filter": ("INPUT", "OUTPUT", "FORWARD"), "nat": ("PREROUTING", "OUTPUT", "POSTROUTING")}


def applied(saved, table, binary, rules):
    """One table of iptables-save with the rules `[(chain, rule)]` of a service in it."""
    own = [*BUILT_IN[table], *(["local"] if table == "filter" else ["snat", "float-snat"])]
    shared = ["nova-filter-top"] if table == "filter" else ["nova-postrouting-bottom"]
    chains = [f":{binary}-{name} - [0:0]" for name in own] + [f":{name} - [0:0]" for name in shared]
    if table == "filter":
        jumps = [("FORWARD", "nova-filter-top"), ("OUTPUT", "nova-filter-top"), ("nova-filter-top", f"{binary}-local")]
    else:
        jumps = []
    jumps += [(name, f"{binary}-{name}") for name in BUILT_IN[table]]
    if table == "nat":
        jumps += [("POSTROUTING", "nova-postrouting-bottom"), ("nova-postrouting-bottom", f"{binary}-snat"),
                  (f"{binary}-snat", f"{binary}-float-snat")]
    added = [f"-A {chain} -j {target}" for chain, target in jumps] + [f"-A {binary}-{chain} {rule}" for chain, rule in rules]
    kept = [line for line in saved if binary not in line and line not in added and line not in chains]
    at = next((i for i, line in enumerate(kept) if line.startswith("-A")), kept.index("COMMIT") if "COMMIT" in kept else len(kept))
    return kept[:at] + chains + added + kept[at:]


def tables(text):
    """`{table: lines}` of iptables-save, from `*table` to `COMMIT`."""
    found, lines = {}, None
    for line in text.splitlines():
        if line.startswith("*"):
            lines = found.setdefault(line[1:], [])
        if lines is not None and line and not line.startswith("#"):
            lines.append(line)
    return found


def into(text, binary, rules):
    """The whole of iptables-save with a service's rules `{table: [(chain, rule)]}` in it."""
    found = tables(text)
    found.setdefault("filter", ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", "COMMIT"])
    found.setdefault("nat", ["*nat", ":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", "COMMIT"])
    for table in ("filter", "nat"):
        found[table] = applied(found[table], table, binary, rules[table])
    return "".join("\n".join(lines) + "\n" for lines in found.values())


def into_namespace(namespace, binary, rules):
    """Puts the rules into the kernel, as Nova does: with the real iptables-save and iptables-restore."""
    inside = ["ip", "netns", "exec", namespace]
    saved = subprocess.run([*inside, "iptables-save"], capture_output=True, text=True, check=True, timeout=20).stdout
    subprocess.run([*inside, "iptables-restore"], input=into(saved, binary, rules), text=True, check=True, timeout=20)
