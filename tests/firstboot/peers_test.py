"""Which peers stay in the pool, which are removed and how, and which bricks are added.
Only the controller runs; the test makes its pool."""

import contextlib
import shutil

from harness import Story, equal, holds
from site_test import site
from world import COMPUTES

GROW = "03-glusterfs-controller/03-glusterfs-grow"


@contextlib.contextmanager
def a_pool():
    """Four nodes with bricks in two sets; the controller looks at them. Their glusterd are there by what they left."""
    with site(nodes=["controller"], names=[*COMPUTES, "controller"], values={"replica": "2"}) as world:
        for name in [*COMPUTES, "compute5", "compute6", "compute7", "compute8"]:
            (world.dir / f"nodes/{name}/fake").mkdir(parents=True, exist_ok=True)
        (world.dir / "gluster/volume.vm-instances").mkdir()
        (world.dir / "gluster/volume.vm-instances/.copies").write_text("2\n")
        (world.dir / "gluster/started").touch()
        pool(world, *COMPUTES)
        bricks(world, *COMPUTES)
        world.nodes["controller"].steps("03-glusterfs-install", "04-glusterfs-start")
        (world.dir / "gluster/member.controller").touch()
        yield world


def pool(world, *names, down=()):
    for member in (world.dir / "gluster").glob("member.compute*"):
        member.unlink()
    for name in names:
        (world.dir / f"gluster/member.{name}").touch()
        running = world.dir / f"nodes/{name}/fake/running.glusterd"
        running.touch()
        (world.dir / "listen" / f"{world.address(name)}:24007").touch()
        if name in down:
            running.unlink()


def bricks(world, *hosts):
    (world.dir / "gluster/volume.vm-instances/.bricks").write_text("".join(f"{host}:/export/gluster/brick\n" for host in hosts))


def said(world, function, *before):
    controller = world.nodes["controller"]
    script = "\n".join(['. "$PAYLOAD/lib.sh"', *before, function])
    done = controller.play("bash", "-c", script, PAYLOAD=str(controller.root / "usr/lib/rackstart"))
    equal((done.returncode, done.stderr), (0, ""))
    return done.stdout.splitlines()


def applied(world):
    controller = world.nodes["controller"]
    controller.forget_changes()
    controller.steps(GROW)
    return [c.removeprefix("gluster ").strip() for c in controller.changes() if c.startswith("gluster")]


pool_by_hand = Story(a_pool)
GONE = "compute5"


@pool_by_hand.chapter
def a_peer_that_left_may_go_unless_a_brick_is_its_or_nobodys(world):
    strangers = [None, GONE, world.address(GONE), "store5.example"]
    for down, goes in (((), ["up compute5"]), ((GONE,), ["down compute5"]), (("compute2",), []), (("compute2", GONE), ["down compute5"])):
        pool(world, *COMPUTES, GONE, down=down)
        for brick in strangers:
            bricks(world, *COMPUTES, *([brick] * 2 if brick else []))
            equal((down, brick, said(world, "leaving")), (down, brick, [] if brick else goes))
    # Of two that left, the brick is the other's.
    pool(world, *COMPUTES, GONE, "compute6", down=("compute6", GONE))
    bricks(world, *COMPUTES, GONE, GONE)
    equal(said(world, "leaving"), ["down compute6"])
    bricks(world, *COMPUTES)
    equal(said(world, "leaving", 'gluster_do() { [ "$1" != volume ] && timeout 9 gluster --mode=script "$@"; }'), [])


@pool_by_hand.chapter
def force_is_for_a_peer_that_is_down_as_it_asks_nothing_up_to_3_5(world):
    bricks(world, *COMPUTES, GONE, GONE)
    for version, goes in (("3.5.9", True), ("10.3", False)):
        (world.dir / "gluster/version").write_text(version)
        pool(world, *COMPUTES, GONE)
        forced = world.nodes["controller"].play("gluster", "--mode=script", "peer", "detach", GONE, "force")
        equal((version, forced.returncode == 0), (version, goes))
    pool(world, *COMPUTES, GONE)
    equal(applied(world), [])
    bricks(world, *COMPUTES)
    equal(applied(world), [f"peer detach {GONE}"])
    pool(world, *COMPUTES, GONE, down=(GONE,))
    equal(applied(world), [f"peer detach {GONE} force"])


@pool_by_hand.chapter
def an_option_that_the_version_lacks_is_refused_and_a_glusterfs_without_an_owner_is_not_taken(world):
    node = world.nodes["controller"]
    options = ("storage.owner-uid", "cluster.choose-local", "storage.nonsense")
    for version, known in (("3.10.1", options[:2]), ("3.3.1", options[:1]), ("3.3.0", ())):
        (world.dir / "gluster/version").write_text(version)
        taken = [name for name in options if node.play("gluster", "--mode=script", "volume", "set", "vm-instances", name, "1").returncode == 0]
        equal((version, taken), (version, list(known)))
        if version != "3.10.1":
            done = node.run("run", "03-glusterfs-install", RACKSTART_VERIFY_SECONDS="0")
            equal((version, done.returncode), (version, 1 if version == "3.3.0" else 0))
    log = (node.root / "var/log/rackstart/02-glusterfs-all.03-glusterfs-install.log").read_text()
    holds("this is GlusterFS 3.3.0, and the steps need 3.3.1 or later" in log, log)


@pool_by_hand.chapter
def a_volume_of_four_bricks_and_two_copies_has_two_sets(world):
    (world.dir / "gluster/version").unlink(missing_ok=True)
    shutil.rmtree(world.dir / "gluster/volume.vm-instances")
    (world.dir / "gluster/started").unlink()
    pool(world, *COMPUTES)
    for name in COMPUTES:
        mounts = world.dir / f"nodes/{name}/root/proc/mounts"
        mounts.parent.mkdir(parents=True, exist_ok=True)
        mounts.write_text("/dev/vg_gluster/lv_gluster /export/gluster xfs rw 0 0\n")
    world.nodes["controller"].steps("02-glusterfs-create-volume")
    info = world.nodes["controller"].play("gluster", "--mode=script", "volume", "info", "vm-instances").stdout
    holds("Number of Bricks: 2 x 2 = 4\n" in info, info)


@pool_by_hand.chapter
def bricks_are_added_to_what_the_volume_is_and_not_to_what_the_file_would_make(world):
    """The sets were 1 and 2, 3 and 4. The second one has left the file, and 5 and 6 came."""
    world.names = ["compute1", "compute3", "compute4", "compute5", "compute6", "controller"]
    controller = world.nodes["controller"]
    payload = (controller.root / "usr/lib/rackstart").resolve()
    shutil.rmtree(payload)
    controller.write_payload(payload)
    pool(world, *COMPUTES, "compute5")
    equal(said(world, "late_sets"), [])
    pool(world, *COMPUTES, "compute5", "compute6")
    equal([line.split() for line in said(world, "late_sets")], [["compute5:/export/gluster/brick", "compute6:/export/gluster/brick"]])
