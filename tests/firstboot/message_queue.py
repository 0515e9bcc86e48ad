"""Which clients qpidd admits: by the files that it was started with, and by the mechanisms that the client can speak."""

import readers

# The default where the file does not say: every mechanism that the library has.
ALL = ["ANONYMOUS", "DIGEST-MD5", "EXTERNAL", "PLAIN"]


def mechanisms(controller):
    """The mechanisms that qpidd offers. `auth=no` admits everybody, whatever they are."""
    path = controller / "fake/qpidd/etc/sasl2/qpidd.conf"
    for line in path.read_text().splitlines() if path.exists() else []:
        name, _, value = line.partition(":")
        if name.strip() == "mech_list":
            return value.split()
    return ALL


def allowed(controller, user):
    """Decides by the access list, where qpidd was given one."""
    path = readers.plain(controller / "fake/qpidd/etc/qpidd.conf", "acl-file")
    if not path:
        return True
    for line in (controller / "fake/qpidd" / path.lstrip("/")).read_text().splitlines():
        match line.split():
            case ["acl", verdict, who, "all"] if who in (user, "all"):
                return verdict == "allow"
    return False


def lets_in(world, wanted, user, password):
    """Whether a client that would use one of these mechanisms is admitted and may send."""
    controller = world / "nodes/controller"
    if not (controller / "fake/running.qpidd").exists():
        return False
    if readers.plain(controller / "fake/qpidd/etc/qpidd.conf", "auth") != "yes":
        return True
    offered = [m for m in wanted if m in mechanisms(controller)]
    if not offered:
        return False
    if offered[0] == "ANONYMOUS":
        return allowed(controller, "anonymous@QPID")
    accounts = world / "queue.password"
    known = user == "nova" and accounts.exists() and password == accounts.read_bytes().decode()
    return known and allowed(controller, f"{user}@QPID")


def can_speak(node):
    """The mechanisms of the client there. Without the package it cannot speak PLAIN."""
    packages = (node / "fake/packages").read_text().split()
    return [m for m in ALL if m != "PLAIN" or "cyrus-sasl-plain" in packages]


def service_gets_in(world, node, conf):
    """A service of Nova, by its nova.conf."""
    user = readers.setting(conf, "DEFAULT", "qpid_username")
    chosen = readers.setting(conf, "DEFAULT", "qpid_sasl_mechanisms")
    wanted = chosen.split() if chosen else ALL[1:] if user else ALL
    return lets_in(world, [m for m in wanted if m in can_speak(node)], user, readers.setting(conf, "DEFAULT", "qpid_password"))


def rabbit_login(conf):
    """What Nova 2011.3 logs in with."""
    return [readers.setting(conf, "DEFAULT", f"rabbit_{key}") or "guest" for key in ("userid", "password")]


def rabbit_lets_in(world, user, password):
    """Whether RabbitMQ has an account like that: the one that its configuration had when its database was new."""
    account = world / "nodes/controller/fake/rabbit/account"
    return account.exists() and account.read_text().split("\n", 1) == [user, password]


def is_connected(world, node, service):
    """What it was started with counts; who is in stays in, whatever password comes, until one of the two starts anew."""
    broker = world / "nodes/controller/fake"
    queue = "rabbit" if (broker / "rabbit").exists() else "qpidd"
    if not (broker / ("running.rabbitmq-server" if queue == "rabbit" else "running.qpidd")).exists():
        return False
    born, note = (broker / queue / "born").read_text(), node / f"fake/connected.{service}"
    if note.exists() and note.read_text() == born:
        return True
    conf = node / f"fake/started/{service}/nova.conf"
    if not (rabbit_lets_in(world, *rabbit_login(conf)) if queue == "rabbit" else service_gets_in(world, node, conf)):
        return False
    note.write_text(born)
    return True
