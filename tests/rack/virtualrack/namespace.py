"""A network of our own: the script starts again inside fresh namespaces, which vanish with it."""

import os
import sys

MARK = "RACKSTART_RACK_NAMESPACE"


def enter():
    """Re-execute this script in its own network and process namespaces; returns once inside.

    Root gets plain namespaces. Anybody else also gets a user namespace, which needs no privileges as long
    as the kernel allows it and /dev/net/tun is open to all. When the script ends, even by kill -9, the
    process namespace ends, and with it every guest and daemon.
    """
    if os.environ.get(MARK):
        return
    command = ["unshare", "--net", "--pid", "--fork", "--kill-child"]
    if os.geteuid() == 0:
        command += ["--mount", "--mount-proc"]
    else:
        command += ["--user", "--map-current-user", "--keep-caps"]
        if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            sys.exit("rack: /dev/net/tun is not open to you; run as root, or: sudo chmod 666 /dev/net/tun")
    os.environ[MARK] = "1"
    os.execvp(command[0], command + [sys.executable, "-u"] + sys.argv)
