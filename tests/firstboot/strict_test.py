"""The stand-ins refuse and answer as the programs of Essex 2012.1 did when they ran for real, and the steps
cope with it. README.md of this folder has a row for each of these."""

import subprocess

from harness import equal, holds, part, test
from lone_controller import controller
from site_test import site

MYSQL = ("02-mysql-install", "03-mysql-start")
GLANCE = ("12-glance-install", "13-glance-create-db", "14-glance-config")


def status_of(world, port, path):
    url = f"http://{world.address('controller')}:{port}{path}"
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url], capture_output=True, text=True, timeout=20)
    return int(done.stdout)


@test
def keystone_has_no_version_until_its_catalog_has_an_identity_service():
    with controller() as world:
        node = world.nodes["controller"]
        node.steps(*MYSQL, "04-keystone-install", "05-keystone-create-db", "07-keystone-config", "08-keystone-init-db",
                   "09-keystone-permissions", "10-keystone-start")
        for port in (5000, 35357):
            equal([status_of(world, port, path) for path in ("/", "/v2.0", "/v2.0/", "/v2.0/extensions")], [501, 500, 501, 200])
        node.steps("11-keystone-create-users")
        equal([status_of(world, port, "/v2.0/") for port in (5000, 35357)], [200, 200])


@test
def keys_end_where_those_of_mysql_5_1_end():
    with controller() as world:
        node = world.nodes["controller"]
        node.steps(*MYSQL)
        node.sql("CREATE DATABASE keys_ DEFAULT CHARACTER SET latin1;")
        for engine, longest in (("InnoDB", 767), ("MyISAM", 1000)):
            node.sql(f"CREATE TABLE keys_.{engine} (k VARCHAR({longest}) PRIMARY KEY) ENGINE={engine};")
            try:
                node.sql(f"CREATE TABLE keys_.longer (k VARCHAR({longest + 1}) PRIMARY KEY) ENGINE={engine};")
            except subprocess.CalledProcessError as refused:
                holds(f" {longest} bytes" in refused.stderr, refused.stderr)
            else:
                raise AssertionError(f"{engine} took a key of {longest + 1} bytes")
        equal(node.sql("SELECT @@default_storage_engine, @@character_set_server, @@sql_mode, @@innodb_strict_mode;"), "MyISAM\tlatin1\t\t0\n")


@part
def sessions_of_a_node_that_left_end_whatever_mysql_calls_it(world):
    """It resolves addresses to names where it can, and one of the sessions may have ended meanwhile."""
    node = world.nodes["controller"]
    words = ["/usr/bin/mysql", "--no-defaults", "-u", "nova", "-h", world.address("controller"), "-BN", "-e", "SELECT SLEEP(60)"]
    sessions = [subprocess.Popen(words, env={"PATH": "/usr/bin:/bin", "MYSQL_PWD": world.secrets["NOVA_MYSQL_PASSWORD"]},
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    ids = lambda: node.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'nova' ORDER BY ID;").split()  # noqa: E731
    world.wait(lambda: len(ids()) == 2, 20, "two sessions")
    stays, goes = ids()
    hosts = {f"{world.address('compute2')}:1": False, "compute2:2": False, "localhost": False, f"controller:{stays}": False,
             f"{world.address('compute8')}:3": True, "compute8:4": True, f"compute8.example:{goes}": True}
    rows = "".join(f"{host.split(':')[-1]}\t{host}\n" for host in hosts)
    script = f'. "$PAYLOAD/lib.sh"; as_root() {{ case $(cat) in *PROCESSLIST*) printf %b {rows!r} ;; *) : ;; esac; }}; strange_sessions nova; drop_former_accounts nova'
    done = node.play("bash", "-c", script, PAYLOAD=str(node.root / "usr/lib/rackstart"))
    equal(done.stdout.split(), [host.split(":")[-1] for host, ends in hosts.items() if ends])
    world.wait(lambda: ids() == [stays], 20, "the end of a session after one that was gone")
    for session in sessions:
        session.kill()
        session.wait()


@test
def nova_makes_no_table_in_a_database_of_utf8():
    with controller() as world:
        node = world.nodes["controller"]
        node.steps(*MYSQL, "20-nova-install", "21-nova-create-db", "22-nova-permissions", "23-nova-config")
        sessions_of_a_node_that_left_end_whatever_mysql_calls_it(world)
        for engine in ("MyISAM", "InnoDB"):
            node.sql(f"SET GLOBAL default_storage_engine={engine}; DROP DATABASE nova; CREATE DATABASE nova DEFAULT CHARACTER SET utf8;")
            done = node.play("nova-manage", "db", "sync")
            holds(done.returncode == 1 and " bytes" in done.stderr, (engine, done))
        for engine in ("InnoDB", "MyISAM"):
            # Begun above and empty: the step starts over.
            (node.state / "schema-of-nova-began").touch()
            node.sql(f"SET GLOBAL default_storage_engine={engine}; DROP DATABASE nova; CREATE DATABASE nova DEFAULT CHARACTER SET utf8;")
            node.steps("24-nova-init-db")
            equal(node.sql("SELECT version FROM nova.migrate_version;"), "82\n")
            charsets = node.sql("SELECT table_name, table_collation FROM information_schema.tables WHERE table_schema = 'nova' ORDER BY 1;")
            equal([row.split("\t")[1][:4] for row in charsets.splitlines()], ["lati" if "dns_" in row else "utf8" for row in charsets.splitlines()])


@test
def glance_makes_no_table_unless_its_versions_begin_at_0():
    with controller() as world:
        node = world.nodes["controller"]
        node.steps(*MYSQL, *GLANCE)
        equal(node.play("glance-manage", "db_sync").returncode, 0)
        equal(node.sql("SHOW TABLES FROM glance; SELECT version FROM glance.migrate_version;"), "migrate_version\n13\n")
        refused = node.play("glance-manage", "version_control", "0")
        holds(refused.returncode == 1 and "already under migration control" in refused.stderr, refused)
        # The same holds where an earlier try has left it so.
        node.steps("15-glance-init-db")
        equal(node.sql("SHOW TABLES FROM glance; SELECT version FROM glance.migrate_version;").split(),
              ["image_members", "image_properties", "images", "migrate_version", "13"])
        # The registry would have made them too, a step later.
        node.sql("DROP TABLE glance.images, glance.image_members, glance.image_properties;")
        equal(node.play("service", "openstack-glance-registry", "start").returncode, 0)
        equal(node.sql("SHOW TABLES FROM glance LIKE 'images';"), "images\n")


@test
def a_log_that_root_has_made_ends_glance_and_keystone():
    with controller() as world:
        node = world.nodes["controller"]
        node.steps(*MYSQL, *GLANCE, "04-keystone-install", "05-keystone-create-db", "07-keystone-config")
        # The packages' files are their own already.
        (node.root / "var/lib/glance/images").mkdir(parents=True, exist_ok=True)
        for name in ("glance", "keystone"):
            node.play("chown", "-R", f"{name}:{name}", f"{node.root}/var/log/{name}", f"{node.root}/var/lib/{name}")
            for conf in (node.root / "etc" / name).iterdir():
                conf.chmod(0o640)
                node.play("chown", f"root:{name}", str(conf))
        for name, manage, service in (("glance", ("glance-manage", "version_control", "0"), "glance-registry"),
                                      ("keystone", ("keystone-manage", "db_sync"), "keystone")):
            equal(node.play(*manage).returncode, 0)
            node.play("service", f"openstack-{service}", "start")
            holds(not (node.fake / f"running.openstack-{service}").exists(), f"{service} wrote to a log of root")
        for step in ("16-glance-permissions", "09-keystone-permissions"):
            equal((step, node.holds(f"07-openstack-controller/{step}")), (step, False))
        node.steps("15-glance-init-db", "16-glance-permissions", "09-keystone-permissions")
        for service in ("glance-registry", "keystone"):
            node.play("service", f"openstack-{service}", "start")
            holds((node.fake / f"running.openstack-{service}").exists(), service)


@test
def libvirtd_is_asked_again_until_its_socket_is_there():
    with site(last_group="05", nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.steps("03-libvirt-install", "04-libvirt-config")
        equal(node.play("service", "libvirtd", "restart").returncode, 0)
        equal([node.play("virsh", "list").returncode for _ in range(2)], [1, 0])
        equal(node.play("service", "libvirtd", "stop").returncode, 0)
        node.steps("05-libvirt-start")
        equal([c for c in node.changes() if c.startswith("virsh")], ["virsh net-autostart default --disable", "virsh net-destroy default"])


@test
def a_nova_that_is_one_package_is_told_by_its_floor():
    with site(last_group="09", nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        (node.fake / "yum.missing").write_text("openstack-nova-compute\n")
        equal(node.run("run", "epel-add-repo", RACKSTART_VERIFY_SECONDS="0").returncode, 1)
        detail = world.events("compute2", "step-failed")[0]["detail"]
        holds("take 2012.1.1-11 or later" in detail, detail)
