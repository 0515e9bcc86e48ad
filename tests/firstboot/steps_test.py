"""What single steps leave behind: the packet filter per role and mode, files
that were edited by hand before, and the installation of the runner."""

import configparser
import shutil
import subprocess

from harness import equal, holds, test
from runner_test import volume_is_there
from site_test import site, times
from world import World

PORTS = {
    "ssh": "--dport 22 ",
    "gluster": "24007:24008,24009:24047,49252:49351",
    "database": "3306",
    "dashboard": "80,443",
    "proxies": "6080,6081",
    "libvirt": "16509,49152:49216",
    "consoles": "5900:6400",
}


def rules_of(name, security):
    with site(nodes=[name], security=security) as world:
        node = world.nodes[name]
        equal(node.run("run", "iptables-flush").returncode, 0)
        return (node.fake / "live").read_text().replace(world.prefix + ".", "LAN.")


@test
def in_hardened_mode_a_node_opens_the_ports_of_its_roles_and_no_others():
    expected = {
        "compute1": {"ssh", "gluster", "libvirt", "consoles", "dashboard", "proxies"},
        "compute2": {"ssh", "gluster", "libvirt", "consoles"},
        "controller": {"ssh", "gluster", "database"},
    }
    for name, opened in expected.items():
        rules = rules_of(name, "hardened")
        holds(":INPUT DROP" in rules and ":FORWARD DROP" in rules, rules)
        equal((name, {what for what, port in PORTS.items() if port in rules}), (name, opened))
        holds("--state ESTABLISHED,RELATED -j ACCEPT" in rules and "--sport 67 --dport 68 -j ACCEPT" in rules, rules)
        # Only the dashboard and answers are open to everybody.
        for line in rules.splitlines():
            if line.startswith("-A INPUT") and "-j ACCEPT" in line and "-s " not in line:
                holds(any(w in line for w in ("-i lo", "ESTABLISHED", "icmp", "--sport 67", "-i br100", "80,443", "6080,6081")), line)


@test
def in_paper_mode_every_port_is_open_and_only_the_gateway_translates():
    for name in ("compute2", "controller"):
        rules = rules_of(name, "paper")
        holds(":INPUT ACCEPT" in rules and "-A " not in rules, rules)
    rules = rules_of("compute1", "paper")
    holds(":INPUT ACCEPT" in rules and "-A INPUT" not in rules, rules)
    equal(
        [line.split(" -m comment")[0] for line in rules.splitlines() if "MASQUERADE" in line],
        [f"-A POSTROUTING -s {net} -o eth0 -j MASQUERADE" for net in ("LAN.0/24", "10.0.0.0/24")],
    )


@test
def the_flush_of_all_nodes_leaves_the_translation_of_the_gateway_alone():
    with site(nodes=["compute1"]) as world:
        node = world.nodes["compute1"]
        equal(node.run("run", "iptables-nat").returncode, 0)
        before = (node.fake / "live").read_text()
        equal(node.run("run", "iptables-flush").returncode, 0)
        equal((node.fake / "live").read_text(), before)


def masquerades(node):
    return [l.split(" -o ")[1].split()[0] for l in (node.fake / "live").read_text().splitlines() if "MASQUERADE" in l]


@test
def rules_follow_the_mac_of_a_card_whatever_its_name():
    for security in ("hardened", "paper"):
        with site(nodes=["compute1"], security=security) as world:
            node = world.nodes["compute1"]
            node.cards(eth0="lan", eth1="public")
            equal(node.run("run", "iptables-nat").returncode, 0)
            equal(masquerades(node), ["eth1", "eth1"])
            rules = (node.fake / "live").read_text()
            equal("-A INPUT -i eth1 -s " in rules, security == "hardened")
            holds(" -i eth0 " not in rules and " -o eth0 " not in rules, rules)


@test
def cards_that_change_places_at_a_boot_take_their_rules_along():
    with site(nodes=["compute1"]) as world:
        node = world.nodes["compute1"]
        equal(node.run("skip", "glusterfs-mount").returncode, 0)
        equal(node.run("start").returncode, 0)
        equal(masquerades(node), ["eth0", "eth0"])
        saved = (node.fake / "live").read_text()
        node.power_cut()
        (node.fake / "live").write_text(saved)
        node.cards(eth0="lan", eth1="public")
        equal(node.run("start").returncode, 0)
        equal(masquerades(node), ["eth1", "eth1"])
        # A bridge over the LAN card, as nova-network makes it, is no second card.
        node.forget_changes()
        node.cards(br100="lan", eth0="lan", eth1="public")
        equal(node.run("start").returncode, 0)
        equal((masquerades(node), node.changes()), (["eth1", "eth1"], []))


@test
def a_card_that_is_missing_or_there_twice_fails_by_its_mac():
    cases = {
        "no network card has the MAC 52:54:00:a8:01:00 of the public network": {"eth0": "lan"},
        "more than one network card has the MAC 52:54:00:a8:01:00": {"eth0": "public", "eth1": "lan", "eth2": "public"},
        "no network card has the MAC 52:54:00:a8:01:01 of the LAN network": {"eth0": "public"},
    }
    for reason, cards in cases.items():
        with site(nodes=["compute1"]) as world:
            node = world.nodes["compute1"]
            node.cards(**cards)
            equal(node.run("resume").returncode, 1)
            detail = world.events("compute1", "step-failed")[0]["detail"]
            holds(reason in detail, detail)


def links(node, rows):
    """What /sys/class/net shows: name, MAC, whether it is a card, and the card's own MAC when it is in a bond."""
    net = node.root / "sys/class/net"
    shutil.rmtree(net, ignore_errors=True)
    for name, mac, card, own in rows:
        (net / name / ("device" if card else "power")).mkdir(parents=True)
        (net / name / "address").write_text(mac + "\n")
        if own:
            (net / name / "bonding_slave").mkdir()
            (net / name / "bonding_slave/perm_hwaddr").write_text(own + "\n")


@test
def networks_are_found_by_what_the_kickstart_made_where_several_interfaces_have_one_mac():
    a, b, c = "52:54:00:a8:01:01", "52:54:00:a8:01:00", "52:54:00:a8:01:02"
    bond = [("eth0", a, True, b), ("eth1", a, True, a), ("bond0", a, False, None)]
    cases = [
        # LAN, outside; their MACs; which interfaces exist; the correct names.
        ("bond bond0", "card", a, c, [*bond, ("eth2", c, True, None)], "bond0", "eth2"),
        ("bond bond0", "vlan 100 bond bond0", a, a, [*bond, ("bond0.100", a, False, None)], "bond0", "bond0.100"),
        ("card", "vlan 100 card", a, a, [("em1", a, True, None), ("em1.100", a, False, None)], "em1", "em1.100"),
        ("card", "bond bond1", c, a, [("em1", c, True, None), ("eth0", a, True, b), ("eth1", a, True, a),
                                      ("bond1", a, False, None)], "em1", "bond1"),
        ("card", "vlan 7 card", a, b, [("p1", a, True, None), ("p2", b, True, None), ("p1.7", a, False, None),
                                       ("p2.7", b, False, None)], "p1", "p2.7"),
    ]
    for lan, outside, lan_mac, public_mac, rows, lan_nic, public_nic in cases:
        values = {"lan_link": lan, "public_link": outside, "lan_mac": lan_mac, "public_mac": public_mac}
        with site(nodes=["compute1"], values=values) as world:
            node = world.nodes["compute1"]
            links(node, rows)
            done = node.run("run", "iptables-nat")
            equal(done.returncode, 0)
            equal(masquerades(node), [public_nic, public_nic])
            rules = (node.fake / "live").read_text()
            holds(f"-A INPUT -i {public_nic} -s {world.prefix}.0/24" in rules, rules)
            # Nothing names the card of the LAN, nor a card of its bond.
            for name in {lan_nic, "eth0", "eth1"} - {public_nic}:
                holds(f" -i {name} " not in rules and f" -o {name} " not in rules, rules)


@test
def a_node_whose_outside_is_not_there_gets_no_rules_that_could_lock_it_out():
    a, b = "52:54:00:a8:01:01", "52:54:00:a8:01:00"
    cases = [
        ("card", "vlan 100 card", a, a, [("em1", a, True, None)], "the public network has no interface here: vlan 100 card"),
        ("bond bond0", "card", a, b, [("em1", a, True, None), ("em2", b, True, None)], "the LAN network has no interface here: bond bond0"),
        ("card", "card", a, a, [("em1", a, True, None)], "em1 is the card of the LAN and of the outside"),
    ]
    for lan, outside, lan_mac, public_mac, rows, reason in cases:
        values = {"lan_link": lan, "public_link": outside, "lan_mac": lan_mac, "public_mac": public_mac}
        with site(nodes=["compute1"], values=values) as world:
            node = world.nodes["compute1"]
            links(node, rows)
            equal(node.run("resume").returncode, 1)
            detail = world.events("compute1", "step-failed")[0]["detail"]
            holds(reason in detail, detail)
            rules = (node.fake / "live").read_text() if (node.fake / "live").exists() else ""
            holds("-i em1 " not in rules, rules)


@test
def verify_sees_a_translation_on_the_card_of_the_lan():
    with site(nodes=["compute1"]) as world:
        node = world.nodes["compute1"]
        equal(node.run("run", "iptables-nat").returncode, 0)
        live = node.fake / "live"
        wrong = "-A POSTROUTING -o eth1 -m comment --comment by-hand -j MASQUERADE\nCOMMIT\n"
        live.write_text(live.read_text().removesuffix("COMMIT\n") + wrong)
        step = node.root / "usr/lib/rackstart/steps/01-network-gateway/01-iptables-nat.sh"
        step.write_text(step.read_text() + "check() { false; }\napply() { :; }\n")
        done = node.run("run", "iptables-nat")
        equal(done.returncode, 1)
        detail = world.events("compute1", "step-failed")[0]["detail"]
        holds("eth1 has the MAC 52:54:00:a8:01:01 of the LAN, and addresses are translated there" in detail, detail)


@test
def a_rule_that_somebody_deleted_comes_back():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        live = (node.fake / "live").read_text()
        (node.fake / "live").write_text("".join(l for l in live.splitlines(True) if "gluster" not in l))
        equal(node.run("start").returncode, 0)
        equal((node.fake / "live").read_text(), live)
        # By EL6's init script everybody would be let in for a moment, and every connection be a new one.
        holds(not (node.fake / "was.open").exists(), "the rules were loaded by the init script")


@test
def rules_that_others_add_are_no_reason_to_load_ours_again():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        live = (node.fake / "live").read_text()
        (node.fake / "live").write_text(live.replace("COMMIT", "-A FORWARD -j nova-filter-top\nCOMMIT", 1))
        node.forget_changes()
        equal(node.run("start").returncode, 0)
        equal(node.changes(), [])


@test
def ip_forwarding_is_set_whatever_the_file_held():
    for before in ("", "net.ipv4.ip_forward = 0\n", "net.ipv4.ip_forward=0\nnet.ipv4.ip_forward=0", "# net.ipv4.ip_forward = 1\n"):
        with site(nodes=["compute1"]) as world:
            node = world.nodes["compute1"]
            (node.root / "etc/sysctl.conf").write_text("a.b = 1\n" + before)
            equal(node.run("run", "ip-forward").returncode, 0)
            lines = (node.root / "etc/sysctl.conf").read_text().splitlines()
            equal([l for l in lines if not l.startswith("#")], ["a.b = 1", "net.ipv4.ip_forward = 1"])
            equal((node.fake / "sysctl.net.ipv4.ip_forward").read_text(), "1\n")


@test
def lines_that_the_paper_appended_to_fstab_become_one():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        fstab = node.root / "etc/fstab"
        line = "localhost:/vm-instances /var/lib/nova/instances glusterfs defaults 0 0\n"
        fstab.write_text(fstab.read_text() + line + line + "# the end\n")
        equal(node.run("start").returncode, 0)
        equal([l.split()[3] for l in fstab.read_text().splitlines() if "instances" in l], ["defaults,_netdev"])
        holds(fstab.read_text().endswith("# the end\n"), "the rest of the file changed")


@test
def a_systemd_node_mounts_after_glusterd_and_never_holds_up_its_boot():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        (node.root / "run/systemd/system").mkdir(parents=True)
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        holds("_netdev,nofail,x-systemd.after=glusterd.service 0 0" in (node.root / "etc/fstab").read_text(), "options")


@test
def install_makes_boot_start_the_runner_on_el6_and_on_systemd():
    world = World(nodes=["compute2"])
    try:
        node = world.nodes["compute2"]
        script = node.root / "etc/rc.d/init.d/rackstart-firstboot"
        equal(oct(script.stat().st_mode & 0o777), "0o755")
        holds("# chkconfig: 2345 99 01" in script.read_text() and "### BEGIN INIT INFO" in script.read_text(), "headers")
        equal((node.fake / "enabled.rackstart-firstboot").exists(), True)
        equal(str((node.root / "usr/sbin/rackstart-firstboot").readlink()), "/usr/lib/rackstart/rackstart-firstboot")

        (node.root / "lib/systemd").mkdir(parents=True)
        (node.root / "lib/systemd/systemd").touch()
        (node.root / "sbin").mkdir()
        (node.root / "sbin/init").symlink_to("../lib/systemd/systemd")
        for _ in range(2):
            subprocess.run([node.root / "usr/lib/rackstart/install"], env=node.env(), check=True)
        link = node.root / "etc/systemd/system/multi-user.target.wants/rackstart-firstboot.service"
        holds("ExecStart=/usr/lib/rackstart/rackstart-firstboot start" in link.read_text(), "the unit")
    finally:
        world.close()


@test
def in_image_mode_the_payload_lies_below_var_and_boot_starts_it_by_the_shell():
    world = World(nodes=["compute2"])
    try:
        node = world.nodes["compute2"]
        home, payload = node.root / "var/lib/rackstart/firstboot", node.root / "usr/lib/rackstart"
        shutil.copytree(payload.resolve(), home, symlinks=True)
        shutil.rmtree(node.root / "usr")
        (node.root / "lib/systemd").mkdir(parents=True)
        (node.root / "lib/systemd/systemd").touch()
        (node.root / "sbin").mkdir(exist_ok=True)
        (node.root / "sbin/init").symlink_to("../lib/systemd/systemd")
        for _ in range(2):
            subprocess.run([home / "install"], env=node.env(), check=True)
        equal((str(home.readlink()), payload.exists()), ("firstboot-payloads/installed", False))
        unit = (node.root / "etc/systemd/system/rackstart-firstboot.service").read_text()
        holds("ExecStart=/bin/bash /var/lib/rackstart/firstboot/rackstart-firstboot start\n" in unit, unit)
        holds("Documentation=file:/var/lib/rackstart/firstboot/README.md\n" in unit, unit)
        status = subprocess.run(["bash", home / "rackstart-firstboot", "status"], env=node.env(), capture_output=True, text=True)
        holds(status.returncode == 3 and "compute2" in status.stdout, status.stdout + status.stderr)
    finally:
        world.close()


def enabled(folder):
    found = {}
    for file in sorted(folder.glob("*.repo")):
        repository = configparser.RawConfigParser(strict=True)
        repository.read(file)
        found.update({name: repository[name].get("enabled", "1") for name in repository.sections()})
    return found


@test
def an_el6_node_gets_its_packages_from_the_install_tree():
    world = World(nodes=["compute2"])
    try:
        node = world.nodes["compute2"]
        folder = node.root / "etc/yum.repos.d"
        off = dict.fromkeys(["base", "updates", "centosplus", "c6-media", "old"], "0")
        equal(enabled(folder), {**off, "mine": "1", "rackstart-base": "1", "rackstart-extra": "1"})
        text = (folder / "rackstart.repo").read_text()
        holds(f"baseurl=http://127.0.0.1:{world.server.port}/tree/centos6\ngpgcheck=1\n" in text, text)
        text = (folder / "CentOS-Base.repo").read_text()
        holds("#released updates\n" in text and "#baseurl=http://mirror.centos.org/\n" in text, text)
        # A second run changes nothing, and the former files can be restored.
        before = times(node)
        subprocess.run([node.root / "usr/lib/rackstart/install"], env=node.env(), check=True, stdout=subprocess.DEVNULL)
        equal([p.name for p in folder.iterdir() if times(node)[p] != before[p]], ["rackstart.repo"])
        for file in folder.glob("*.before-rackstart"):
            file.rename(file.with_suffix(""))
        equal({n: v for n, v in enabled(folder).items() if v == "0"}, {"centosplus": "0", "c6-media": "0"})
    finally:
        world.close()


@test
def the_repositories_of_the_site_file_reach_yum_on_every_release():
    for release in ("6.10", "9"):
        world = World(nodes=["compute2"], values={"release": release, "yum_repositories": "essex dvd/AppStream"})
        try:
            node = world.nodes["compute2"]
            payload, folder = node.root / "usr/lib/rackstart", node.root / "etc/yum.repos.d"
            (payload / "keys").mkdir()
            (payload / "keys/essex").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
            subprocess.run([payload / "install"], env=node.env(), check=True, stdout=subprocess.DEVNULL)
            repositories = configparser.RawConfigParser(strict=True)
            repositories.read(folder / "rackstart.repo")
            url = f"http://127.0.0.1:{world.server.port}/repo"
            tree = ["rackstart-base", "rackstart-extra"] if release == "6.10" else []
            equal(repositories.sections(), [*tree, "rackstart-essex", "rackstart-dvd-AppStream"])
            key = "/etc/pki/rpm-gpg/RPM-GPG-KEY-rackstart-essex"
            equal(dict(repositories["rackstart-essex"]), {
                "name": "essex of the site file", "baseurl": f"{url}/essex", "enabled": "1", "gpgcheck": "1", "gpgkey": f"file://{key}"})
            equal((node.root / key[1:]).read_text(), "-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
            other = repositories["rackstart-dvd-AppStream"]
            equal((other["baseurl"], other["gpgcheck"], "gpgkey" in other), (f"{url}/dvd/AppStream", "0", False))
        finally:
            world.close()


@test
def a_later_release_keeps_its_repositories():
    world = World(nodes=["compute2"], values={"release": "9"})
    try:
        folder = world.nodes["compute2"].root / "etc/yum.repos.d"
        equal(sorted(p.name for p in folder.iterdir()), ["CentOS-Base.repo", "CentOS-Media.repo", "mine.repo"])
    finally:
        world.close()


def init_script(world, node, **env):
    (node.root / "var/lock/subsys").mkdir(parents=True)
    text = (node.root / "etc/rc.d/init.d/rackstart-firstboot").read_text()
    for path in ("/usr/lib/rackstart/", "/var/lib/rackstart/", "/var/lock/"):
        text = text.replace(path, f"{node.root}{path}")
    script = world.dir / "init"
    script.write_text(text.replace("/dev/console", "/dev/null"))
    script.chmod(0o755)

    def init(verb):
        return subprocess.run([script, verb], env=node.env(**env), capture_output=True, text=True, timeout=30)

    return init


@test
def the_init_script_starts_stops_and_shows_the_runner():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        init = init_script(world, node)
        equal(init("start").returncode, 0)
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        holds("runs already" in init("start").stdout, "a second start")
        status = init("status")
        holds(status.returncode == 0 and "waits in step 6 of 6" in status.stdout, status.stdout)
        # A restart ends one runner and then starts another.
        before = (node.state / "runner.pid").read_text()
        equal(init("restart").returncode, 0)
        world.wait(lambda: (node.state / "runner.pid").read_text() != before and init("status").returncode == 0, 10, "the restart")
        equal(init("condrestart").returncode, 0)
        world.wait(lambda: init("status").returncode == 0, 10, "another one")
        equal(init("stop").returncode, 0)
        equal(init("status").returncode, 3)
        equal((init("stop").returncode, init("condrestart").returncode, init("status").returncode), (0, 0, 3))


@test
def a_pid_file_that_outlived_its_boot_neither_stops_a_start_nor_ends_a_stranger():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        init = init_script(world, node)
        # As after a power cut: a process of that number which even has our name in its command line.
        stranger = subprocess.Popen(["bash", "-c", "sleep 60; : rackstart-firstboot"], env=node.env())
        try:
            (node.state / "runner.pid").write_text(f"{stranger.pid}\n")
            (node.state / "lock").touch()
            equal((init("status").returncode, init("stop").returncode, stranger.poll()), (3, 0, None))
            started = init("start")
            holds("in the background" in started.stdout, started.stdout)
            world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
            # The pid file of a running runner has another process's number: that process gets no signal.
            right = (node.state / "runner.pid").read_text()
            (node.state / "runner.pid").write_text(f"{stranger.pid}\n")
            stopped = init("stop")
            equal((stopped.returncode, stranger.poll()), (1, None))
            holds("it still runs" in stopped.stdout, stopped.stdout)
            (node.state / "runner.pid").write_text(right)
            equal((init("stop").returncode, init("status").returncode), (0, 3))
        finally:
            stranger.kill()
            stranger.wait()
