"""One node alone: what the runner does with a step, and what a person sees."""

import shlex
import subprocess
import time

from harness import equal, holds, test
from site_test import site
from world import SECRET, World

FIRST = "02-glusterfs-all/01-iptables-flush"
INSTALL = "02-glusterfs-all/03-glusterfs-install"
START = "02-glusterfs-all/04-glusterfs-start"
MOUNT = "04-glusterfs-all/01-glusterfs-mount"


def volume_is_there(world, node="compute2"):
    """The rest of the site has done its part already."""
    pool = world.dir / "gluster"
    (pool / "volume.vm-instances").mkdir()
    (pool / "volume.vm-instances/.bricks").write_text("compute2:/export/gluster/brick\n")
    (pool / "started").touch()
    (pool / f"member.{node}").touch()
    root = world.nodes[node].root
    if (root / "export/gluster/brick").is_dir():
        # Its glusterd was told, and has started the brick.
        (root / "export/gluster/brick/.glusterfs").mkdir()
        (root / "proc/4242").mkdir()
        (root / "proc/4242/cmdline").write_text(f"glusterfsd\0-s\0{node}\0--brick-name\0/export/gluster/brick\0")


@test
def a_failed_step_is_reported_at_once_and_resume_goes_on_there():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        (node.fake / "yum.broken").write_text(SECRET)
        done = node.run("resume")
        equal(done.returncode, 1)
        began = next(at for _, r, at in world.server.reports if (r["event"], r.get("step")) == ("step-started", INSTALL))
        failed = [(r, at) for _, r, at in world.server.reports if r["event"] == "step-failed"]
        equal(len(failed), 1)
        report, at = failed[0]
        holds(at - began < 30, "reported late")
        equal((report["step"], report["number"], report["total"]), (INSTALL, "3", "6"))
        holds("cannot reach http://mirror/?password=[redacted]" in report["detail"], report)
        holds(SECRET not in str(world.server.reports), "the secret was sent")
        holds(node.token not in report["detail"], "the token was sent")

        status = node.run("status")
        equal(status.returncode, 1)
        holds(f"failed at step 3 of 6, {INSTALL}" in status.stdout, status.stdout)
        holds("cannot reach" in status.stdout and SECRET not in status.stdout, status.stdout)
        holds("help: fix the cause" in status.stdout, status.stdout)

        (node.fake / "yum.broken").unlink()
        node.forget_changes()
        equal(node.run("resume").returncode, 0)
        holds(not any("iptables" in c for c in node.changes()), f"began from the front: {node.changes()}")
        equal(node.run("status").returncode, 0)


@test
def a_failed_step_is_tried_again_after_a_reboot():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        (node.fake / "yum.broken").write_text(SECRET)
        equal(node.run("start").returncode, 1)
        (node.fake / "yum.broken").unlink()
        node.power_cut()
        equal(node.run("start").returncode, 0)


@test
def a_wait_names_its_condition_and_since_when_and_goes_on_by_itself():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.start("start", RACKSTART_WAIT_REPORT="1")
        world.wait(lambda: len(world.events("compute2", "waiting")) >= 3, 30, "three reports of the wait")
        for report in world.events("compute2", "waiting"):
            equal(report["step"], MOUNT)
            holds(report["detail"].startswith("volume vm-instances to be started (by controller) (since 20"), report)
        holds(len({r["detail"].split(",")[0] for r in world.events("compute2", "waiting")}) == 1, "`since` moved")
        status = node.run("status")
        equal(status.returncode, 0)
        holds("waits in step 6 of 6" in status.stdout and "volume vm-instances" in status.stdout, status.stdout)
        volume_is_there(world)
        equal(node.process.wait(30), 0)
        world.wait(lambda: world.events("compute2", "ready"), 5, "ready")


@test
def a_wait_is_reported_once_as_long_as_it_does_not_change():
    with site(nodes=["compute2"]) as world:
        world.nodes["compute2"].start()
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        time.sleep(1)
        equal(len(world.events("compute2", "waiting")), 1)


@test
def a_step_can_be_skipped_while_the_runner_waits_in_it():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.start()
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        equal(node.run("skip", "glusterfs-mount").returncode, 0)
        equal(node.process.wait(30), 0)
        equal(node.entry(MOUNT), "skipped")
        equal(world.events("compute2", "step-done")[-1]["detail"], "skipped by hand")
        # The step stays skipped until somebody runs it.
        equal(node.run("start").returncode, 0)
        equal(node.entry(MOUNT), "skipped")
        volume_is_there(world)
        equal(node.run("run", "04-glusterfs-all/01-glusterfs-mount").returncode, 0)
        equal(node.entry(MOUNT), "done")


@test
def a_second_runner_is_refused_while_the_first_one_works():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.start()
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        done = node.run("resume")
        equal(done.returncode, 1)
        holds(f"runs already (process {node.process.pid})" in done.stderr, done.stderr)


@test
def a_runner_told_to_stop_stops_and_says_where():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        node.start()
        world.wait(lambda: world.events("compute2", "waiting"), 30, "the wait")
        node.process.terminate()
        equal(node.process.wait(5), 1)
        status = node.run("status")
        equal(status.returncode, 3)
        holds(f"stopped at step 6 of 6, {MOUNT}" in status.stdout, status.stdout)
        volume_is_there(world)
        equal(node.run("resume").returncode, 0)


@test
def a_step_is_found_by_any_part_that_fits_only_one():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        done = node.run("run", "iptables-flush")
        equal((done.returncode, node.entry(FIRST)), (0, "done"))
        done = node.run("run", "glusterfs")
        equal(done.returncode, 2)
        holds("fits more than one step" in done.stderr, done.stderr)
        done = node.run("run", "keystone")
        equal(done.returncode, 2)
        holds("no step of this node is called `keystone`" in done.stderr, done.stderr)
        equal(node.run("run").returncode, 2)
        help_text = node.run("--help").stdout
        holds("resume" in help_text and "skip STEP" in help_text, help_text)


@test
def only_the_steps_of_its_roles_run_on_a_node():
    expected = {
        "compute1": ["01-network-gateway"] * 3 + ["02-glusterfs-all"] * 4 + ["04-glusterfs-compute", "04-glusterfs-all"],
        "compute2": ["02-glusterfs-all"] * 4 + ["04-glusterfs-compute", "04-glusterfs-all"],
        "controller": ["02-glusterfs-all"] * 4 + ["03-glusterfs-controller"] * 3 + ["04-glusterfs-all"],
    }
    with site(nodes=list(expected)) as world:
        for name, groups in expected.items():
            lines = world.nodes[name].run("status").stdout.splitlines()
            equal([line.split()[1].split("/")[0] for line in lines if "/" in line], groups)


@test
def changed_inputs_are_looked_at_again():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        env = node.root / "usr/lib/rackstart/env"
        env.write_text(env.read_text().replace("SSH_FROM=", "SSH_FROM='10.9.0.0/16' #"))
        node.forget_changes()
        equal(node.run("start").returncode, 0)
        equal(node.changes(), ["iptables-restore"])
        holds("-s 10.9.0.0/16" in (node.fake / "live").read_text(), "the new rule is not live")
        node.forget_changes()
        equal(node.run("start").returncode, 0)
        equal(node.changes(), [])


@test
def changed_inputs_that_change_nothing_are_proved_and_apply_nothing():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        # A function that no step calls concerns none; a change concerns every step that calls the function.
        with open(node.root / "usr/lib/rackstart/lib/files.sh", "a") as library:
            library.write("# a later release\n")
        before = node.entry(START, "result")
        equal(node.run("start").returncode, 0)
        equal(node.entry(START, "result"), before)
        library = node.root / "usr/lib/rackstart/lib/conditions.sh"
        library.write_text(library.read_text().replace("port_open() {", "port_open() {\n  : a later release"))
        node.forget_changes()
        equal(node.run("start").returncode, 0)
        equal((node.changes(), node.entry(START, "result")), ([], "already true"))
        equal(world.events("compute2")[-1]["detail"], "6 steps verified")


@test
def a_reader_that_goes_away_does_not_end_the_runner():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        words = " ".join(map(shlex.quote, node.command("resume")))
        subprocess.run(["bash", "-c", f"{words} | true"], env=node.env(), timeout=60, check=True)
        world.wait(node.ready, 30, "ready")


@test
def a_repair_that_takes_too_long_is_reported_and_ends_in_ready():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        node.power_cut()
        node.fresh_boot(brick=False)
        (node.fake / "disk.broken").touch()
        node.start("start", RACKSTART_REPAIR_GRACE="1")
        world.wait(lambda: world.events("compute2", "step-failed"), 20, "the report")
        holds("waits for /export/gluster to be mounted" in world.events("compute2", "step-failed")[0]["detail"], "why")
        (node.fake / "disk.broken").unlink()
        equal(node.process.wait(30), 0)
        equal([r["event"] for r in world.events("compute2")][-2:], ["step-failed", "ready"])


def hanging(node, function, how="sleep 300 & sleep 300"):
    """A step whose functions all work, except one that never ends."""
    bodies = {"needs": ":", "check": '[ -e "$ROOT/done" ]', "apply": ': >"$ROOT/done"', "verify": "check"}
    bodies[function] = f'echo "$BASHPID" >>"$ROOT/hanging"; echo "Loaded plugins: fastestmirror"; {how}'
    step = node.root / f"usr/lib/rackstart/steps/{FIRST}.sh"
    step.write_text("".join(f"{name}() {{ {body}; }}\n" for name, body in bodies.items()))


def nothing_hangs(node):
    group = int((node.state / "phase").read_text().split()[0])
    left = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True).stdout.split()
    equal(left, [])


@test
def a_phase_that_hangs_is_ended_and_the_step_fails_with_that_reason():
    for function, how in (("apply", "sleep 300 & sleep 300"), ("verify", "sleep 300"), ("apply", 'bash -c "trap : TERM; while :; do sleep 1; done"')):
        with site(nodes=["compute2"]) as world:
            node = world.nodes["compute2"]
            hanging(node, function, how)
            done = node.run("resume", RACKSTART_LIMIT="2", RACKSTART_VERIFY_SECONDS="1")
            equal(done.returncode, 1)
            detail = world.events("compute2", "step-failed")[0]["detail"]
            equal(detail.splitlines()[0], f"`{function}` of {FIRST} took longer than 2 s and was ended")
            holds("Loaded plugins" in detail, detail)
            nothing_hangs(node)


@test
def a_check_that_hangs_says_that_the_step_is_not_done_and_needs_that_hang_are_waited_for():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        hanging(node, "check", 'n=$(wc -l <"$ROOT/hanging"); [ "$n" -gt 1 ] || sleep 300; [ -e "$ROOT/done" ]')
        step = node.root / f"usr/lib/rackstart/steps/{FIRST}.sh"
        step.write_text("check_limit=1\n" + step.read_text())
        equal((node.run("start").returncode, (node.root / "done").exists()), (0, True))
        (node.root / "hanging").unlink()
        hanging(node, "needs", 'n=$(wc -l <"$ROOT/hanging"); [ "$n" -gt 2 ] || sleep 300')
        node.start("run", "iptables-flush", RACKSTART_LIMIT="2")
        world.wait(lambda: world.events("compute2", "waiting"), 20, "the wait")
        detail = world.events("compute2", "waiting")[0]["detail"]
        holds(detail.startswith("its conditions to answer (they took longer than 2 s)"), detail)
        equal(node.process.wait(40), 0)


@test
def a_step_may_give_itself_more_or_less_time():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        hanging(node, "apply")
        step = node.root / f"usr/lib/rackstart/steps/{FIRST}.sh"
        step.write_text("apply_limit=1\n" + step.read_text())
        equal(node.run("resume").returncode, 1)
        holds("took longer than 1 s" in world.events("compute2", "step-failed")[0]["detail"], "the limit")


@test
def the_copies_of_the_kickstart_that_anaconda_leaves_are_removed_at_the_first_start():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        (node.root / "root").mkdir()
        original, made = node.root / "root/original-ks.cfg", node.root / "root/anaconda-ks.cfg"
        original.write_text(f"# Kickstart of compute2\ntoken='{node.token}'\n")
        made.write_text(f"# Generated by Anaconda\nurl --url=\"http://127.0.0.1:{world.server.port}/tree/centos9\"\n")
        equal(node.run("start").returncode, 0)
        equal((original.exists(), made.exists()), (False, False))
        # A file that somebody puts there later is not ours.
        original.write_text(node.token)
        equal(node.run("start").returncode, 0)
        holds(original.exists(), "removed at the second start")
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        (node.root / "root").mkdir()
        theirs = node.root / "root/anaconda-ks.cfg"
        theirs.write_text("url --url=http://elsewhere/\n")
        equal(node.run("skip", "glusterfs-mount").returncode, 0)
        equal(node.run("start").returncode, 0)
        holds(theirs.exists(), "a file of somebody else was removed")


@test
def a_dead_client_is_unmounted_and_mounted_again():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        equal(node.run("start").returncode, 0)
        node.forget_changes()
        # A dead client leaves a mount point that cannot be looked at.
        instances = node.root / "var/lib/nova/instances"
        instances.rename(instances.with_name("away"))
        equal(node.run("start").returncode, 0)
        equal(node.changes(), ["umount -l /var/lib/nova/instances", "mount /var/lib/nova/instances"])


@test
def the_payload_keeps_its_secrets_from_other_users():
    world = World(nodes=["compute2"])
    try:
        payload = world.nodes["compute2"].root / "usr/lib/rackstart"
        equal(oct(payload.stat().st_mode & 0o777), "0o700")
        equal(oct((payload / "env").stat().st_mode & 0o777), "0o600")
        equal(oct(world.nodes["compute2"].state.stat().st_mode & 0o777), "0o700")
    finally:
        world.close()
