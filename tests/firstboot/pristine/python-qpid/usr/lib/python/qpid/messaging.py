"""Plays the library by which Nova talks to qpidd, as far as who is let in."""

import os
import pathlib
import socket
import sys

sys.path.insert(0, os.environ["FAKE_TESTS"])
import message_queue  # noqa: E402


class AuthenticationFailure(Exception):
    pass


class Connection:
    """Attributes are set before it is opened, as Nova does it. `reconnect` is off unless it is told otherwise."""

    def __init__(self, broker):
        self.host, port = broker.split(":")
        self.port, self.username, self.password, self.sasl_mechanisms = int(port), None, None, None

    def open(self):
        socket.create_connection((self.host, self.port), timeout=5).close()
        world, node = pathlib.Path(os.environ["FAKE_WORLD"]), pathlib.Path(os.environ["FAKE"]).parent
        wanted = self.sasl_mechanisms.split() if self.sasl_mechanisms else message_queue.ALL
        can = [m for m in wanted if m in message_queue.can_speak(node)]
        if not message_queue.lets_in(world, can, self.username, self.password):
            raise AuthenticationFailure("connection aborted")

    def close(self):
        pass
