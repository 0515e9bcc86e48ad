"""A controller, the gateway and a compute node, one after the other, against the real behaviour of Nova,
Glance, qpidd and tgtd of Essex. README.md of this folder has a row for each of these."""

import hashlib
import json
import os
import socket

import message_queue
import readers
from harness import equal, holds, part, test
from server import IMAGE
from site_test import site

CONTROLLER = """02-mysql-install 03-mysql-start 04-keystone-install 05-keystone-create-db 07-keystone-config 08-keystone-init-db
    09-keystone-permissions 10-keystone-start 11-keystone-create-users 12-glance-install 13-glance-create-db 14-glance-config
    15-glance-init-db 16-glance-permissions 17-glance-start 18-add-cirros 20-nova-install 21-nova-create-db 22-nova-permissions
    23-nova-config 24-nova-init-db 25-nova-start""".split()
CONF = "etc/nova/nova.conf"


def refused(node, step, text, **env):
    """The step fails, and says why."""
    done = node.run("run", step, RACKSTART_VERIFY_SECONDS=env.pop("seconds", "0"), timeout=200, **env)
    log = next((node.root / "var/log/rackstart").glob(f"*.{step.split('/')[-1]}.log")).read_text()
    holds(done.returncode == 1 and text in log, f"{step}: {done.returncode}, no {text!r} in {log[-3000:]}")


def noted(node):
    saw = node.state / "saw"
    return saw.read_text().splitlines() if saw.exists() else []


@part
def anonymous_gets_into_the_queue_unless_its_mechanisms_are_named(world, controller, compute):
    """D6 and R3: with the package's files any client is admitted; with the step only the right password."""
    who = [(["ANONYMOUS"], None, None), (["PLAIN"], "nova", "wrong"), (["PLAIN"], "nova", world.secrets["QPID_PASSWORD"])]
    sasl, conf = controller.root / "etc/sasl2/qpidd.conf", controller.root / "etc/qpidd.conf"
    ours, listed = sasl.read_text(), conf.read_text()
    unlisted = "".join(l for l in listed.splitlines(True) if "acl-file" not in l)
    every = "mech_list: ANONYMOUS DIGEST-MD5 EXTERNAL PLAIN\n"
    # The files of the step; each of its two fences alone; the package's files, as both of its releases have them.
    for files, expected in ((None, [False, False, True]), ((ours, unlisted), [False, False, True]), ((every, listed), [False, False, True]),
                            (("mech_list: ANONYMOUS\n", unlisted), [True, False, False]), ((every, unlisted), [True, False, True])):
        if files:
            sasl.write_text(files[0])
            conf.write_text(files[1])
            # qpidd does not know this before it restarts.
            equal((files, controller.holds("07-openstack-controller/25-nova-start")), (files, False))
            equal(controller.play("service", "qpidd", "restart").returncode, 0)
        equal((files, [message_queue.lets_in(world.dir, *one) for one in who]), (files, expected))
    equal(controller.holds("07-openstack-controller/23-nova-config"), False)
    controller.steps("23-nova-config")
    equal((sasl.read_text(), conf.read_text()), (ours, listed))
    controller.play("service", "qpidd", "restart")
    # Their clients cannot speak PLAIN without its package.
    packages = compute.fake / "packages"
    holds("cyrus-sasl-plain" in packages.read_text().split(), "the package on a compute node")
    had = packages.read_text()
    packages.write_text(had.replace("cyrus-sasl-plain\n", ""))
    equal(message_queue.service_gets_in(world.dir, compute.root.parent, compute.root / CONF), False)
    packages.write_text(had)
    equal(message_queue.service_gets_in(world.dir, compute.root.parent, compute.root / CONF), True)


@part
def sessions_outlive_a_restart_of_keystone(world, controller):
    """D15."""
    world.cloud.tokens["somebody"] = "admin"
    equal(controller.play("service", "openstack-keystone", "stop").returncode, 0)
    world.wait(lambda: not any(place[0].endswith(":5000") for place in world.listening), 10, "its end")
    equal(controller.play("service", "openstack-keystone", "start").returncode, 0)
    world.wait(lambda: any(place[0].endswith(":5000") for place in world.listening), 10, "its start")
    equal(world.cloud.tokens.get("somebody"), "admin")


@part
def nova_compute_starts_by_what_the_steps_say_of_its_hypervisor(compute):
    """D16: a package may leave out a setting for which Nova has no default."""
    conf = compute.root / CONF
    conf.write_text("".join(l for l in conf.read_text().splitlines(True) if not l.startswith("connection_type")))
    compute.play("service", "openstack-nova-compute", "restart")
    holds(not (compute.fake / "running.openstack-nova-compute").exists(), "it has no default")
    compute.steps("04-nova-config")
    compute.play("service", "openstack-nova-compute", "restart")
    holds((compute.fake / "running.openstack-nova-compute").exists(), "connection_type")


@part
def nova_made_before_its_package_is_in_the_group_nobody_too(compute):
    """D17."""
    made = [c for c in compute.changes() if c.startswith("useradd")]
    equal(made, ["useradd -r -u 162 -g nova -G nobody -d /var/lib/nova -s /sbin/nologin -c OpenStack Nova nova"])


@part
def a_lock_that_a_service_may_hold_stays(gateway, compute):
    """D18: nova-compute of the gateway has the same lock as its nova-network."""
    lock = gateway.root / "var/lib/nova/tmp/nova-iptables.lock"
    lock.mkdir(parents=True)
    gateway.play("service", "openstack-nova-network", "stop")
    (gateway.state / "served/openstack-nova-network").unlink()
    refused(gateway, "09-openstack-gateway/02-nova-start", "")
    holds(lock.exists(), "the lock was taken from nova-compute, which runs")
    # A lock from before this boot is nobody's, even on a node without nova-network.
    for node, step in ((gateway, "09-openstack-gateway/02-nova-start"), (compute, "08-openstack-compute/05-nova-compute-start")):
        lock = node.root / "var/lib/nova/tmp/nova-iptables.lock"
        lock.mkdir(parents=True, exist_ok=True)
        os.utime(lock, (1, 1))
        equal((node.name, node.holds(step)), (node.name, False))
        node.steps(step)
        holds(not lock.exists(), f"the lock on {node.name}")


@part
def the_rules_of_nova_come_back_after_a_reload(world, controller, gateway):
    """D10 and R6: even after a manual reload."""
    def chains(node):
        return {line.split("-INPUT")[0][1:] for line in (node.fake / "live").read_text().splitlines() if line.startswith(":nova-") and "-INPUT" in line}

    watched = ((controller, "07-openstack-controller/25-nova-start", {"nova-api-metadat"}),
               (gateway, "09-openstack-gateway/02-nova-start", {"nova-network"}))
    for node, step, expected in watched:
        node.steps("01-iptables-flush")
        equal((node.name, expected <= chains(node)), (node.name, True))
        equal((node.name, node.holds(step)), (node.name, True))
        equal(node.play("service", "iptables", "restart").returncode, 0)
        equal((node.name, chains(node), node.holds(step)), (node.name, set(), False))
        node.steps(step)
        equal((node.name, expected <= chains(node), node.holds(step)), (node.name, True, True))
        # A step does not wait for something that ends with a boot and does not come back.
        (node.state / f"rules-of-{'openstack-nova-compute'}").write_text("another boot\n")
        equal(node.holds(step), True)
    live = (gateway.fake / "live").read_text()
    equal(live.index("-j nova-network-POSTROUTING") < live.index("rackstart-masquerade-vm"), True)
    holds("-s 10.0.0.0/24 -j SNAT --to-source 203.0.113.2" in live, live)


@part
def another_public_address_is_taken_up(gateway):
    """D4: the address comes by DHCP, late or changed; floating addresses are beside it."""
    step = "09-openstack-gateway/02-nova-start"
    for addresses, expected in (("eth0 203.0.113.9/32\neth0 203.0.113.77/24\n", "203.0.113.77"), ("", "203.0.113.77"), ("eth0 203.0.113.2/24\n", "203.0.113.2")):
        (gateway.fake / "addresses").write_text(addresses)
        equal((addresses, gateway.holds(step)), (addresses, not addresses))
        gateway.steps(step)
        equal(readers.setting(gateway.root / CONF, "DEFAULT", "routing_source_ip"), expected)
        holds(f"--to-source {expected}" in (gateway.fake / "live").read_text(), "nova-network has not been started again")


@part
def an_upload_that_is_cut_never_counts_as_the_image(world, controller):
    """R5: Glance calls an image active that has only a part of the bytes."""
    def cut(**headers):
        token = next(iter(world.cloud.tokens))
        with socket.create_connection((world.address("controller"), 9292), timeout=10) as glance:
            lines = ["POST /v1/images HTTP/1.1", "Host: glance", f"X-Auth-Token: {token}", f"Content-Length: {len(IMAGE)}",
                     "X-Image-Meta-Name: cirros-0.3.0-x86_64", "X-Image-Meta-Is-Public: True", "X-Image-Meta-Disk-Format: qcow2",
                     "X-Image-Meta-Container-Format: bare", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
            glance.sendall("\r\n".join([*lines, "", ""]).encode() + IMAGE[: len(IMAGE) // 2])
            glance.shutdown(socket.SHUT_WR)
            return glance.makefile("rb").read().split()[1]

    right = hashlib.md5(IMAGE).hexdigest()
    world.cloud.images.clear()
    equal(cut(X_Image_Meta_Checksum=right), b"400")
    equal(world.cloud.images, {})
    equal(cut(), b"201")
    equal([i["status"] for i in world.cloud.images.values()], ["active"])
    # As after a kill in the middle of the first upload, and where it was noted what it must be.
    for noted_before in (False, True):
        if not noted_before:
            (controller.state / "image-cirros-0.3.0-x86_64.md5").unlink()
        equal(controller.holds("07-openstack-controller/18-add-cirros"), False)
        controller.steps("18-add-cirros")
        equal([(i["status"], i["checksum"]) for i in world.cloud.images.values()], [("active", right)])
        if not noted_before:
            world.cloud.images.clear()
            cut()


@part
def targets_that_tgtd_forgot_are_exported_again(world, controller):
    """D7: a tgtd that died and was restarted has no targets, until nova-volume starts."""
    targets = controller.fake / "targets"
    before = targets.read_text()
    holds(before, "a volume is exported")
    (controller.fake / "running.tgtd").unlink()
    controller.play("service", "tgtd", "restart")
    holds(not targets.exists(), "tgtd kept its targets")
    # The same holds when a person has restarted it, and when it is down.
    for downs in ("restart", "stop"):
        controller.play("service", "tgtd", downs)
        equal((downs, controller.holds("07-openstack-controller/25-nova-start")), (downs, False))
        controller.steps("25-nova-start")
        equal((targets.read_text(), controller.holds("07-openstack-controller/25-nova-start")), (before, True))


@part
def a_machine_that_failed_or_stays_in_build_is_replaced(world, controller):
    """R7: Nova deletes later than it says, and accepts a second machine of the same name."""
    (world.dir / "fate").write_text("ERROR")
    controller.steps("02-boot-cirros")
    equal([c.split()[1] for c in controller.changes() if c.startswith(("nova boot", "nova delete"))], ["boot", "delete", "boot"])
    # Another machine, whose message was lost on the way.
    (controller.state / "acceptance-machine").unlink()
    (world.dir / "fate").write_text("BUILD")
    refused(controller, "02-boot-cirros", "is BUILD", seconds="2")
    controller.steps("02-boot-cirros")
    machines = json.loads((world.dir / "machines").read_text())["machines"]
    equal([m["fate"] for m in machines.values()], ["ACTIVE"])
    equal((controller.state / "acceptance-machine").read_text().split(), list(machines))
    # With two machines of one name, only an id is unambiguous.
    controller.play("nova", "boot", "--image", "cirros-0.3.0-x86_64", "--flavor", "m1.tiny", "--key_name", "rackstart-acceptance",
                    "rackstart-acceptance", **as_admin(world))
    controller.steps("02-boot-cirros")
    equal((controller.state / "acceptance-machine").read_text().split(), list(machines))
    equal(len(json.loads((world.dir / "machines").read_text())["machines"]), 2)


@part
def a_console_that_does_not_answer_is_named(world, controller, gateway):
    """D19: Nova hands out its address whether or not its proxy is there."""
    def proof():
        done = controller.run("_phase", "10-openstack-controller/02-boot-cirros", "verify", str(os.getpid()))
        return done.returncode, [line for line in done.stdout.splitlines() if line.startswith(("the proxy", "nova get-vnc", "console:"))]

    gateway.play("service", "openstack-nova-novncproxy", "stop")
    world.wait(lambda: not any(place[0] == f"{world.address('compute1')}:6080" for place in world.listening), 10, "its end")
    equal(proof(), (1, ["the proxy of consoles on compute1 (tcp 6080) does not answer"]))
    gateway.play("service", "openstack-nova-novncproxy", "start")
    world.wait(lambda: any(place[0] == f"{world.address('compute1')}:6080" for place in world.listening), 10, "its start")
    # A console that people cannot reach.
    conf = gateway.root / CONF
    had = conf.read_text()
    conf.write_text(had.replace("128.250.26.161:6080", "127.0.0.1:6080"))
    equal(proof(), (1, ["nova get-vnc-console shows no address of the proxy with a token; see /var/log/nova/consoleauth.log"]))
    conf.write_text(had)
    equal(proof(), (0, ["console: http://128.250.26.161:6080/vnc_auto.html?token=..., answered by compute1"]))


def as_admin(world):
    return {"OS_USERNAME": "admin", "OS_PASSWORD": world.secrets["OS_PASSWORD"], "OS_TENANT_NAME": "admin",
            "OS_AUTH_URL": "http://controller:5000/v2.0/"}


@part
def an_ssh_that_is_refused_is_never_a_success(world, controller):
    """R4: a booting machine refuses connections; one that says nothing has not been reached."""
    (world.dir / "ssh.refusals").write_text("1000")
    refused(controller, "05-ssh-into-vm", "does not say its ssh")
    (world.dir / "ssh.refusals").write_text("2")
    controller.steps("05-ssh-into-vm")
    holds("ssh: Linux 3.0.0-12-virtual" in noted(controller), noted(controller))


@part
def the_acceptance_asks_what_people_ask(world, controller):
    """D19: from inside the machine, and by a floating address."""
    for flag, text in (("no.metadata", "does not say its metadata"), ("no.name", "does not find the name controller"),
                       ("no.way.back", "reaches 198.41.0.4 outside, the machine does not; see routing_source_ip")):
        (world.dir / flag).touch()
        refused(controller, "05-ssh-into-vm", text)
        (world.dir / flag).unlink()
    # Without an outside the cloud is not to blame.
    (world.dir / "no.outside").touch()
    (world.dir / "floating").write_text("203.0.113.10\n")
    # The address that answers may belong to another machine.
    for answers, text in (("nothing", "1 packets transmitted, 0 received\nline"), ("ping", "does not say its floating address 203.0.113.10"),
                          ("ssh", "1 packets transmitted, 0 received\nline")):
        (world.dir / "floating.answers").write_text(answers)
        refused(controller, "05-ssh-into-vm", text)
    (world.dir / "floating.answers").unlink()
    controller.steps("05-ssh-into-vm")
    for line in ("metadata: i-00000001", f"name: controller is {world.address('controller')}",
                 "outside: not asked, this node does not reach 198.41.0.4 either", "floating address 203.0.113.10: rackstart-acceptance"):
        holds(line in noted(controller), noted(controller))
    (world.dir / "no.outside").unlink()


@part
def a_move_of_an_earlier_machine_is_none_of_this_one(controller):
    """R4b: the note of where a machine was outlives the machine."""
    (controller.state / "acceptance-host").write_text("0b1c-0 compute2\n")
    controller.forget_changes()
    controller.steps("08-live-migration")
    equal(len([c for c in controller.changes() if c.startswith("nova live-migration")]), 1)
    equal(noted(controller), ["live migration: from compute1 to compute2, ACTIVE"])


@part
def a_volume_that_cannot_be_deleted_is_named(world, controller):
    """R10."""
    (world.dir / "stuck").touch()
    refused(controller, "09-clean-up", "the volume rackstart-acceptance is error_deleting: `nova-manage volume delete 7`")
    holds(not (controller.state / "accepted").exists(), "accepted")
    path = world.dir / "machines"
    path.write_text(json.dumps({**json.loads(path.read_text()), "volumes": {}}))
    controller.steps("09-clean-up")
    left = json.loads(path.read_text())
    equal((left["machines"], left["taken"], left["keys"]), ({}, [], []))


@test
def a_cloud_gets_over_what_the_real_programs_do():
    with site(last_group="10", nodes=["controller", "compute1", "compute2"], values={"computes": "compute1 compute2"}) as world:
        controller, gateway, compute = (world.nodes[name] for name in ("controller", "compute1", "compute2"))
        controller.steps(*CONTROLLER)
        for node in (gateway, compute):
            node.steps("03-libvirt-install", "04-libvirt-config", "05-libvirt-start", "02-install-nova", "04-nova-config")
            with open(node.root / "proc/mounts", "a") as mounts:
                mounts.write("localhost:/vm-instances /var/lib/nova/instances fuse.glusterfs rw 0 0\n")
            node.steps("05-nova-compute-start")
        gateway.steps("09-openstack-gateway/02-nova-start", "03-nova-network-create")
        nova_made_before_its_package_is_in_the_group_nobody_too(compute)
        anonymous_gets_into_the_queue_unless_its_mechanisms_are_named(world, controller, compute)
        sessions_outlive_a_restart_of_keystone(world, controller)
        an_upload_that_is_cut_never_counts_as_the_image(world, controller)
        nova_compute_starts_by_what_the_steps_say_of_its_hypervisor(compute)
        a_lock_that_a_service_may_hold_stays(gateway, compute)
        another_public_address_is_taken_up(gateway)
        the_rules_of_nova_come_back_after_a_reload(world, controller, gateway)
        a_machine_that_failed_or_stays_in_build_is_replaced(world, controller)
        a_console_that_does_not_answer_is_named(world, controller, gateway)
        an_ssh_that_is_refused_is_never_a_success(world, controller)
        the_acceptance_asks_what_people_ask(world, controller)
        controller.steps("06-nova-volume-create")
        targets_that_tgtd_forgot_are_exported_again(world, controller)
        controller.steps("07-nova-volume-attach")
        # It admits machines of other nodes.
        compute.steps("01-iptables-flush")
        a_move_of_an_earlier_machine_is_none_of_this_one(controller)
        a_volume_that_cannot_be_deleted_is_named(world, controller)
