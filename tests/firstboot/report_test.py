"""Reports: queued first, sent in order, and never in the way of a step."""

import time

from harness import equal, holds, test
from runner_test import volume_is_there
from site_test import site


def in_queue(node):
    return sorted(p.name for p in (node.state / "queue").glob("[0-9]*"))


@test
def a_server_that_is_away_never_holds_up_a_step_and_gets_all_reports_in_order():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        world.server.away()
        node.start()
        world.wait(lambda: any("ready" in n for n in in_queue(node)), 30, "ready without a server")
        waiting = len(in_queue(node))
        holds(waiting >= 12, in_queue(node))
        holds("reports that wait for http://" in node.run("status").stdout, "status hides the queue")
        world.server.back()
        equal(node.process.wait(20), 0)
        equal([int(r["seq"]) for r in world.events("compute2")], list(range(1, waiting + 1)))
        equal(in_queue(node), [])


@test
def the_queue_and_its_numbers_outlive_a_power_cut():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        world.server.away()
        node.start()
        world.wait(lambda: any("waiting" in n for n in in_queue(node)), 30, "the wait")
        node.power_cut()
        volume_is_there(world)
        world.server.back()
        equal(node.run("start").returncode, 0)
        sequences = [int(r["seq"]) for r in world.events("compute2")]
        equal(sequences, sorted(set(sequences)))
        equal(world.events("compute2")[-1]["event"], "ready")


@test
def a_report_that_the_server_refuses_for_good_is_dropped_with_a_line():
    for answer in (400, 410):
        with site(nodes=["compute2"]) as world:
            node = world.nodes["compute2"]
            volume_is_there(world)
            world.server.answer = answer
            equal(node.run("start").returncode, 0)
            equal(in_queue(node), [])
            log = (node.root / "var/log/rackstart/runner.log").read_text()
            holds(f"(ready): the server answered {answer}" in log, log)


@test
def a_report_that_the_server_could_not_store_is_sent_again():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        world.server.answer = 500
        node.start()
        world.wait(lambda: any("waiting" in n for n in in_queue(node)), 30, "the wait")
        world.server.answer = 204
        world.wait(lambda: not in_queue(node), 10, "an empty queue")
        equal([int(r["seq"]) for r in world.events("compute2")][0], 1)


@test
def unsent_reports_of_one_wait_do_not_pile_up():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        world.server.away()
        node.start("start", RACKSTART_WAIT_REPORT="0")
        world.wait(lambda: any("waiting" in n for n in in_queue(node)), 30, "the wait")
        first = in_queue(node)
        time.sleep(2)
        equal(len(in_queue(node)), len(first))
        holds(in_queue(node) != first, "the newest one is kept")


@test
def a_full_queue_loses_its_oldest_report_and_says_so():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        library = node.root / "usr/lib/rackstart/lib/report.sh"
        library.write_text(library.read_text().replace("QUEUE_LIMIT=500", "QUEUE_LIMIT=4"))
        volume_is_there(world)
        world.server.away()
        node.start()
        world.wait(node.ready, 40, "ready")
        world.wait(lambda: any("ready" in n for n in in_queue(node)), 5, "its report")
        equal(len(in_queue(node)), 4)
        log = (node.root / "var/log/rackstart/runner.log").read_text()
        holds("dropped report 0000000001: more than 4 wait" in log, log)


@test
def the_detail_of_a_report_survives_any_byte_and_any_length():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        hostile = "a&b=c%41+d \"'`$(reboot)` # \\ ü\n" + "x" * 9000 + " the end"
        step = node.root / "usr/lib/rackstart/steps/02-glusterfs-all/01-iptables-flush.sh"
        step.write_text("check() { false; }\napply() { cat \"$ROOT/hostile\"; return 3; }\nverify() { :; }\n")
        (node.root / "hostile").write_text(hostile)
        equal(node.run("resume").returncode, 1)
        detail = world.events("compute2", "step-failed")[0]["detail"]
        holds(len(detail) <= 4000 and detail.rstrip().endswith("failed"), detail[-80:])
        holds("x the end" in detail, detail[-200:])
        (node.root / "hostile").write_text(hostile.replace("x" * 9000, ""))
        equal(node.run("resume").returncode, 1)
        detail = world.events("compute2", "step-failed")[1]["detail"]
        holds("a&b=c%41+d \"'`$(reboot)` # \\ ??\n the end" in detail, detail)
