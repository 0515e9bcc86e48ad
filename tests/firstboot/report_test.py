"""Reports: queued first, sent in order, and never in the way of a step."""

import re
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
        sequences = [int(r["seq"]) for r in world.events("compute2")]
        equal((len(sequences), sequences), (waiting, sorted(set(sequences))))
        equal(in_queue(node), [])


@test
def a_step_that_fails_while_the_server_is_away_is_done_again_when_it_answers():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        volume_is_there(world)
        world.server.away()
        (node.fake / "yum.broken").write_text("the mirror does not answer")
        node.start()
        world.wait(lambda: "waits in step 3 of 6" in node.run("status").stdout, 30, "the wait for the server")
        holds("to answer" in node.run("status").stdout, node.run("status").stdout)
        (node.fake / "yum.broken").unlink()
        world.server.back()
        equal(node.process.wait(30), 0)
        told = [r["event"] for r in world.events("compute2")]
        equal((told.count("step-failed"), told[-1]), (0, "ready"))


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
        # Where the power went between a report's answer and its end in the queue, it is told again, under its number.
        equal(sequences, sorted(sequences))
        holds(len(sequences) - len(set(sequences)) <= 1, sequences)
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
def the_numbers_go_on_without_their_file_and_with_a_clock_that_was_set_back():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        kept = node.state / "queue/.sequence"
        last = 0

        def numbers_grow():
            nonlocal last
            seen = len(world.events("compute2"))
            equal(node.run("skip", "glusterfs-mount").returncode, 0)
            got = [int(r["seq"]) for r in world.events("compute2")[seen:]]
            holds(got and got == sorted(set(got)) and got[0] > last, f"{got} after {last}")
            last = got[-1]

        numbers_grow()
        holds(int(time.time() - 60) * 1000 < last < 2**63, last)
        for broken in (None, "", "0x10\n", "-5\n", "9" * 30):
            time.sleep(1.1)
            kept.unlink() if broken is None else kept.write_text(broken)
            numbers_grow()
        clock = node.fake / "bin/date"
        clock.write_text('#!/bin/bash\n[ "$1" != +%s ] || { echo 1000000000; exit; }\nexec /bin/date "$@"\n')
        clock.chmod(0o755)
        numbers_grow()
        # The clock was set back and the file is gone: the reports that still wait show the last number.
        world.server.away()
        equal(node.run("skip", "glusterfs-mount").returncode, 0)
        kept.unlink()
        equal(node.run("skip", "glusterfs-mount").returncode, 0)
        queue = [int(n.split(".")[0]) for n in in_queue(node)]
        holds(len(queue) == 2 and last < queue[0] < queue[1], (last, queue))


@test
def an_address_or_a_token_that_the_server_does_not_know_is_given_up_after_some_tries():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        world.server.answer = 404
        equal(node.run("skip", "glusterfs-mount", RACKSTART_NOT_FOUND_LIMIT="60").returncode, 0)
        equal(len(in_queue(node)), 1)
        # Meanwhile somebody corrects the site file.
        world.server.answer = 204
        world.wait(lambda: not in_queue(node), 10, "an empty queue")
        equal(len(world.events("compute2")), 1)
        world.server.answer = 404
        volume_is_there(world)
        equal(node.run("start", RACKSTART_NOT_FOUND_LIMIT="3").returncode, 0)
        equal(in_queue(node), [])
        log = (node.root / "var/log/rackstart/runner.log").read_text()
        holds("(ready): the server answered 404" in log, log)


@test
def a_report_that_the_server_could_not_store_is_sent_again():
    with site(nodes=["compute2"]) as world:
        node = world.nodes["compute2"]
        world.server.answer = 500
        node.start()
        world.wait(lambda: any("waiting" in n for n in in_queue(node)), 30, "the wait")
        world.server.answer = 204
        world.wait(lambda: not in_queue(node), 10, "an empty queue")
        equal(world.events("compute2")[0]["event"], "firstboot-started")


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
        holds(re.search(r"dropped report 0{3}\d{13}: more than 4 wait", log), log)


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


@test
def no_spelling_of_a_secret_leaves_the_node():
    secrets = {"NOVA_MYSQL_PASSWORD": "p@ss/w'o\"r$d\\&%x", "QPID_PASSWORD": "p@ss/w'o\"r$d\\&%x and more"}
    with site(nodes=["compute2"], secrets=secrets) as world:
        node = world.nodes["compute2"]
        step = node.root / "usr/lib/rackstart/steps/02-glusterfs-all/01-iptables-flush.sh"
        step.write_text(
            "check() { false; }\nverify() { :; }\napply() {\n"
            '  for s in "$NOVA_MYSQL_PASSWORD" "$QPID_PASSWORD"; do\n'
            '    printf "<%s> <%s> " "$s" "mysql://nova:$(url_part "$s")@controller/nova"\n'
            '    printf "<%s> <%s> <%s> <%s>\\n" "$(glance_value "$s")" "$(quoted "$s")" "$(sql_string "$s")" "$(python_string "$s")"\n'
            "  done\n  return 1\n}\n"
        )
        equal(node.run("resume").returncode, 1)
        detail = world.events("compute2", "step-failed")[0]["detail"]
        equal(detail.count("[redacted]"), 12)
        for part in ("p@ss", "p%40ss", "ss/w", "and more", "and%20more"):
            equal((part, part in detail), (part, False))
        holds("mysql://nova:[redacted]@controller/nova" in detail, detail)
        holds("ss/w" not in (node.state / "failure").read_text() + node.run("status").stdout, "shown on the node's screen")
