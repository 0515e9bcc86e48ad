"""QEMU's monitor (QMP)."""

import json
import socket


def qmp(path, command, **arguments):
    """The reply to one command, on a connection of its own to the socket `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(100)  # a machine at load 15 answers late
        client.connect(path)
        stream = client.makefile("rw")
        stream.readline()
        for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            reply = json.loads(stream.readline())
            while "event" in reply:
                reply = json.loads(stream.readline())
        return reply
