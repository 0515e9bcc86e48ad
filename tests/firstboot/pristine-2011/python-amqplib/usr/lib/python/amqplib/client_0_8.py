"""Plays the library by which Nova 2011.3 talks to RabbitMQ, as far as who is let in."""

import os
import pathlib
import socket
import sys

sys.path.insert(0, os.environ["FAKE_TESTS"])
import message_queue  # noqa: E402


class Connection:
    def __init__(self, host, userid, password, connect_timeout):
        address, port = host.split(":")
        socket.create_connection((address, int(port)), connect_timeout).close()
        if not message_queue.rabbit_lets_in(pathlib.Path(os.environ["FAKE_WORLD"]), userid, password):
            # It closes the connection, and says no more.
            raise IOError("Socket closed")

    def close(self):
        pass
