"""A node that is ready and stays ready: the runner keeps supervising it."""

from harness import equal, holds, test
from runner_test import MOUNT, volume_is_there
from site_test import site
from steps_test import init_script


def healed(world):
    return [r["detail"] for r in world.events("compute2", "ready") if r["detail"].startswith("healed:")]


@test
def a_service_and_a_mount_that_are_lost_later_are_mended_and_told():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        node.start("start", RACKSTART_HEALTH_PAUSE="0.4")
        world.wait(lambda: world.events("compute2", "ready"), 40, "ready")
        node.forget_changes()
        # A crash of glusterd takes its mount with it.
        node.fresh_boot()
        world.wait(lambda: healed(world) and node.changes(), 40, "the repair")
        world.wait(lambda: any(MOUNT in h for h in healed(world)), 40, "the mount")
        holds(not [c for c in node.changes() if c.startswith(("yum", "gluster"))], node.changes())
        # The packet filter is not a watched step: a person may change it for a while.
        holds(not [c for c in node.changes() if "iptables" in c], node.changes())
        equal([r["event"] for r in world.events("compute2")][-1], "ready")
        equal(node.run("run", MOUNT).returncode, 0)
        node.process.terminate()
        equal(node.process.wait(10), 0)


@test
def a_stop_ends_the_one_that_looks_after_the_node_before_services_are_stopped():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        init = init_script(world, node, RACKSTART_HEALTH_PAUSE="0.3")
        equal(init("start").returncode, 0)
        world.wait(lambda: (node.state / "watch.pid").exists(), 40, "the watch")
        holds("runs already" in init("start").stdout, "a second one")
        equal(init("stop").returncode, 0)
        node.forget_changes()
        (node.fake / "running.glusterd").unlink()
        equal((init("stop").returncode, node.changes()), (0, []))
        holds(not (node.fake / "running.glusterd").exists(), "fixed although it was stopped")


@test
def acceptance_can_be_turned_off():
    with site(last_group="10", nodes=["controller"], values={"acceptance": ""}) as world:
        node = world.nodes["controller"]
        for step in ("02-boot-cirros", "05-ssh-into-vm", "06-nova-volume-create", "07-nova-volume-attach", "08-live-migration"):
            equal((step, node.run("run", f"10-openstack-controller/{step}").returncode), (step, 0))
        calls = (node.fake / "calls").read_text().splitlines()
        equal([c for c in calls if c.startswith(("nova", "yum", "ping", "ssh "))], [])
