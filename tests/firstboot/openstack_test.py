"""Single OpenStack steps: paper mode, what they refuse, and what they repair."""

import hashlib
import re
import shutil
import time

import readers
from cloud_test import every_key_is_right, read, rows
from harness import equal, holds, test
from lone_controller import a_store_that_is_there, controller
from server import OTHER
from site_test import site

# The steps that write settings, and those that have to be installed for them.
WRITERS = {
    "compute2": ["02-selinux-permissive", "03-libvirt-install", "04-libvirt-config", "06-bridge-filter", "02-install-nova", "03-nova-permissions", "04-nova-config"],
    "compute1": ["02-ip-forward", "02-selinux-permissive", "03-libvirt-install", "04-libvirt-config", "06-bridge-filter", "02-install-nova",
                 "03-nova-permissions", "04-nova-config", "05-dashboard-install", "06-dashboard-config"],
    "controller": ["02-selinux-permissive", "02-mysql-install", "03-mysql-start", "04-keystone-install", "07-keystone-config",
                   "12-glance-install", "14-glance-config", "20-nova-install", "23-nova-config"],
}


@test
def in_paper_mode_every_key_has_the_value_of_the_table_too():
    with site(last_group="09", security="paper", nodes=list(WRITERS)) as world:
        for name, steps in WRITERS.items():
            for step in steps:
                done = world.nodes[name].run("run", step)
                equal((name, step, done.returncode), (name, step, 0))
        every_key_is_right(world)
        conf = world.nodes["compute2"].root / "etc/nova/nova.conf"
        equal(readers.setting(conf, "DEFAULT", "qpid_password"), None)


@test
def a_processor_without_the_extension_gets_emulation_and_amd_its_own_module():
    for flags, module, kind in (("svm", "kvm-amd", "kvm"), ("sse", None, "qemu")):
        with site(last_group="09", nodes=["compute2"]) as world:
            node = world.nodes["compute2"]
            (node.root / "proc/cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
            for step in ("kvm-modprobe", "install-nova", "nova-config"):
                equal((step, node.run("run", f"/{'02-' if step != 'nova-config' else '04-'}{step}").returncode), (step, 0))
            script = (node.root / "etc/sysconfig/modules/kvm.modules").read_text()
            equal(script, "#!/bin/sh\nmodprobe kvm\n" + (f"modprobe {module}\n" if module else ""))
            equal(readers.setting(node.root / "etc/nova/nova.conf", "DEFAULT", "libvirt_type"), kind)


@test
def time_servers_of_the_installation_stay_and_those_of_centos_go():
    for before, expected in (
        ("server 192.168.0.254 iburst\n", ["192.168.0.254"]),
        ("server 0.centos.pool.ntp.org\n# x\nserver 1.centos.pool.ntp.org\n", [f"{n}.pool.ntp.org" for n in (0, 1, 2)]),
        ("driftfile /d\n", [f"{n}.pool.ntp.org" for n in (0, 1, 2)]),
    ):
        with site(last_group="09", nodes=["compute2"]) as world:
            node = world.nodes["compute2"]
            equal(node.run("run", "02-ntp-install").returncode, 0)
            conf = node.root / "etc/ntp.conf"
            conf.write_text(before)
            equal(node.run("run", "03-ntp-config").returncode, 0)
            equal([l.split()[1] for l in conf.read_text().splitlines() if l.startswith("server ")], expected)
            (node.fake / "offset").write_text("12.5\n")
            equal(node.run("run", "04-ntp-start", RACKSTART_VERIFY_SECONDS="0").returncode, 1)
            holds("off by 12.5 s" in world.events("compute2", "step-failed")[-1]["detail"], "the offset")


@test
def a_time_server_that_is_silent_or_unsure_is_waited_for():
    with site(last_group="09", nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.steps("02-ntp-install", "03-ntp-config")
        # First all are behind a gateway that is not there yet; then one does not know the time itself; then one does.
        silent = node.fake / "ntp.silent"
        silent.write_text("all")
        answer = node.play("ntpdate", "-q", "0.pool.ntp.org")
        holds(answer.returncode == 1 and "stratum 0, offset 0.000000" in answer.stdout, answer)
        process = node.start("run", "04-ntp-start")
        world.wait(lambda: world.events("compute2", "waiting"), 60, "the wait")
        holds("a time server to answer (0.pool.ntp.org 1.pool.ntp.org 2.pool.ntp.org)" in world.events("compute2", "waiting")[0]["detail"], "what for")
        silent.write_text("0.pool.ntp.org 1.pool.ntp.org:16 2.pool.ntp.org")
        time.sleep(1)
        equal((process.poll(), world.events("compute2", "step-failed")), (None, []))
        silent.write_text("0.pool.ntp.org 1.pool.ntp.org:16")
        equal(process.wait(120), 0)
        log = next((node.root / "var/log/rackstart").glob("*04-ntp-start.log")).read_text()
        holds("2.pool.ntp.org says that this clock is off by 0.001 s" in log, log)


@test
def a_repository_that_lacks_packages_is_told_before_anything_is_built_on_it():
    with site(last_group="09", nodes=["controller"]) as world:
        node = world.nodes["controller"]
        (node.fake / "yum.missing").write_text("openstack-nova-api\nqpid-cpp-server\n")
        equal(node.run("run", "epel-add-repo", RACKSTART_VERIFY_SECONDS="0").returncode, 1)
        detail = world.events("controller", "step-failed")[0]["detail"]
        holds("no repository of this node has: openstack-nova-api qpid-cpp-server" in detail, detail)
        holds("/tree/centos6" in detail, detail)


@test
def what_a_paste_file_cannot_hold_is_refused_before_anything_is_written():
    with site(last_group="09", nodes=["controller"], secrets={"GLANCE_SERVICE_PASSWORD": "cut ; here"}) as world:
        node = world.nodes["controller"]
        equal(node.run("run", "12-glance-install").returncode, 0)
        before = (node.root / "etc/glance/glance-api.conf").read_text()
        equal(node.run("run", "14-glance-config", RACKSTART_VERIFY_SECONDS="0").returncode, 1)
        detail = world.events("controller", "step-failed")[0]["detail"]
        holds("choose another value" in detail and "cut ; here" not in detail, detail)
        equal((node.root / "etc/glance/glance-api.conf").read_text(), before)


@test
def a_secret_that_was_not_given_is_named():
    with site(last_group="09", nodes=["controller"]) as world:
        node = world.nodes["controller"]
        secrets = node.root / "usr/lib/rackstart/secrets"
        secrets.write_text("".join(l for l in secrets.read_text().splitlines(True) if "KEYSTONE_ADMIN" not in l))
        equal(node.run("run", "generate-admin-token", RACKSTART_VERIFY_SECONDS="0").returncode, 1)
        detail = world.events("controller", "step-failed")[0]["detail"]
        holds("this node was given no KEYSTONE_ADMIN_TOKEN" in detail, detail)


@test
def an_image_whose_checksum_is_wrong_never_gets_into_glance():
    with controller() as world:
        a_store_that_is_there(world)
        node = world.nodes["controller"]
        image = world.server.files["/image/cirros-0.3.0-x86_64"]
        world.server.files["/image/cirros-0.3.0-x86_64"] = image[:-1]
        equal(node.run("start", timeout=400).returncode, 1)
        detail = world.events("controller", "step-failed")[0]["detail"]
        holds("/image/cirros-0.3.0-x86_64 does not have the sha256 of the site file" in detail, detail)
        equal(world.cloud.images, {})
        # Any number of images, and an older kind of checksum.
        env = node.root / "usr/lib/rackstart/env"
        more = f" another|raw|md5|{hashlib.md5(OTHER).hexdigest()}"
        env.write_text(re.sub(r"^IMAGES='?([^'\n]*)'?$", rf"IMAGES='\1{more}'", env.read_text(), flags=re.M))
        world.server.files["/image/cirros-0.3.0-x86_64"] = image
        equal(node.run("resume", timeout=400).returncode, 0)
        found = sorted((i["name"], i["status"], i["meta"]["Disk-Format"]) for i in world.cloud.images.values())
        equal(found, [("another", "active", "raw"), ("cirros-0.3.0-x86_64", "active", "qcow2")])
        mends_what_others_broke(world, node)
        takes_new_passwords(world, node)


def mends_what_others_broke(world, node):
    """A controller that was ready: its rows, its services and its image, each damaged in one way."""
    cloud = world.cloud
    expected = cloud.content()
    next(e for e in cloud.endpoints.values() if "8774" in e["publicurl"])["publicurl"] = "http://elsewhere:8774/"
    glance = cloud.named("users", "glance")["id"]
    cloud.users.pop(glance)
    cloud.grants = {g for g in cloud.grants if g[1] != glance}
    cloud.images.clear()
    # The service died, and left the files that its init script believes.
    for name in ("openstack-nova-api", "openstack-glance-registry"):
        (node.fake / f"running.{name}").unlink()
        (node.fake / f"dead.{name}").touch()
        lock = node.root / f"var/lock/subsys/{name}"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    conf = node.root / "etc/nova/nova.conf"
    conf.write_text(conf.read_text().replace("rpc_backend = nova.rpc.impl_qpid", "rpc_backend = other"))
    node.sql("DROP USER 'nova'@'localhost'; UPDATE keystone.migrate_version SET version = 1;")
    node.forget_changes()
    done = node.run("start", timeout=400)
    equal(done.returncode, 0)
    equal(cloud.content(), expected)
    every_key_is_right(world)
    for name in ("openstack-nova-api", "openstack-glance-registry"):
        holds((node.fake / f"running.{name}").exists() and not (node.root / f"var/lock/subsys/{name}").exists(), name)
    holds(not [c for c in node.changes() if " sync" in c or "yum" in c], node.changes())


def takes_new_passwords(world, node):
    """Every secret is replaced: each file and each service follows, root of MySQL by means of its old password."""
    old = dict(world.secrets)
    secrets = node.root / "usr/lib/rackstart/secrets"
    for name, value in old.items():
        world.secrets[name] = f"new-{value[::-1]}"
        secrets.write_text(secrets.read_text().replace(value, world.secrets[name]))
    shutil.copymode(node.root / "usr/lib/rackstart/env", secrets)
    done = node.run("start", timeout=400)
    equal(done.returncode, 0)
    every_key_is_right(world)
    equal({u["name"]: u["password"] for u in world.cloud.users.values()},
          {"admin": world.secrets["OS_PASSWORD"], "glance": world.secrets["GLANCE_SERVICE_PASSWORD"], "nova": world.secrets["NOVA_SERVICE_PASSWORD"]})
    equal(node.sql("SELECT COUNT(DISTINCT Password) FROM mysql.user WHERE User IN ('nova', 'glance', 'keystone', 'root');").strip(), "4")


@test
def a_schema_that_was_cut_short_begins_again_while_it_holds_nothing():
    with controller() as world:
        node = world.nodes["controller"]
        node.steps("02-mysql-install", "03-mysql-start", "12-glance-install", "13-glance-create-db", "14-glance-config")
        node.sql("CREATE TABLE glance.images (id INT);")
        (node.state / "schema-of-glance-began").touch()
        node.steps("15-glance-init-db")
        equal(node.sql("SELECT version FROM glance.migrate_version;"), "13\n")
        # A database that holds something is never dropped.
        node.sql("INSERT INTO glance.images (id, status) VALUES (7, 'active'); UPDATE glance.migrate_version SET version = 0;")
        (node.state / "schema-of-glance-began").touch()
        equal(node.run("run", "15-glance-init-db", RACKSTART_VERIFY_SECONDS="0").returncode, 1)
        equal(node.sql("SELECT id FROM glance.images;"), "7\n")


@test
def root_of_mysql_with_a_strange_password_is_told_and_nothing_is_broken():
    with controller() as world:
        node = world.nodes["controller"]
        for step in ("02-mysql-install", "03-mysql-start"):
            equal(node.run("run", step).returncode, 0)
        equal(node.sql("SELECT COUNT(*) FROM mysql.user WHERE User = ''; SHOW DATABASES LIKE 'test';"), "0\n")
        node.sql("SET PASSWORD FOR 'root'@'localhost' = PASSWORD('strange');")
        done = node.run("run", "03-mysql-start", RACKSTART_VERIFY_SECONDS="0")
        equal(done.returncode, 1)
        detail = world.events("controller", "step-failed")[0]["detail"]
        holds("neither empty nor one of this site" in detail, detail)


@test
def a_gateway_clears_the_lock_that_a_dead_nova_network_has_left():
    with site(last_group="09", nodes=["compute1"]) as world:
        node = world.nodes["compute1"]
        step = node.root / "usr/lib/rackstart/steps/09-openstack-gateway/02-nova-start.sh"
        # Its needs and its proof involve services of other nodes.
        step.write_text(step.read_text() + "needs() { :; }\nall_alive() { :; }\n")
        (node.fake / "has-database").touch()
        lock = node.root / "var/lib/nova/tmp/nova-iptables.lock"
        lock.mkdir(parents=True)
        for one in ("02-install-nova", "04-nova-config", "09-openstack-gateway/02-nova-start"):
            equal((one, node.run("run", one).returncode), (one, 0))
        holds(not lock.exists() and (node.fake / "running.openstack-nova-network").exists(), "the lock")


@test
def nova_compute_waits_for_the_mount_whatever_else_is_there():
    with site(last_group="09", nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.start("run", "nova-compute-start")
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        detail = world.events("compute2", "waiting")[0]["detail"]
        for what in ("/var/lib/nova/instances to be mounted", "the database of Nova on controller", "tcp 5672"):
            holds(what in detail, detail)
