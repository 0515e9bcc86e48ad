"""A controller alone, with the rest of its site simulated, and everything that it leaves behind."""

from site_test import site
from world import COMPUTES, NODES


def controller(**how):
    return site(last_group="09", nodes=["controller"], **how)


def a_store_that_is_there(world):
    """The rest of the site, for a controller alone: its peers and their volume."""
    pool = world.dir / "gluster"
    (pool / "volume.vm-instances").mkdir()
    (pool / "volume.vm-instances/.bricks").write_text("".join(f"{c}:/export/gluster/brick\n" for c in COMPUTES))
    (pool / "started").touch()
    (pool / "controller.named").touch()
    for name in NODES:
        (pool / f"member.{name}").touch()
        if name != "controller":
            fake = world.dir / "nodes" / name / "fake"
            fake.mkdir(parents=True)
            (fake / "running.glusterd").touch()
            (world.dir / "listen" / f"{world.address(name)}:24007").touch()


def end_of(world):
    """Everything that a controller leaves behind, wherever its network is."""
    node = world.nodes["controller"]
    files = {}
    for path in sorted((node.root / "etc").rglob("*")):
        if path.is_file() and "rackstart" not in str(path.relative_to(node.root)):
            files[str(path.relative_to(node.root))] = path.read_text().replace(world.prefix, "LAN")
    # The first comment of the rules is a hash of addresses.
    files.pop("etc/sysconfig/iptables", None)
    return {**files, **world.cloud.content(), "databases": databases(world)}


def databases(world):
    asked = world.nodes["controller"].sql(
        "SELECT User, Host FROM mysql.user WHERE User NOT LIKE 'mariadb%' ORDER BY 1, 2;"
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema IN ('keystone', 'glance', 'nova', 'test') ORDER BY 1, 2; SELECT version FROM nova.migrate_version;"
        "SELECT `binary`, host, disabled FROM nova.services ORDER BY 1, 2;")
    return asked.replace(world.prefix, "LAN")
