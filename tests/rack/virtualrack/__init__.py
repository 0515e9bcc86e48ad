"""The virtual rack: emulated servers, their switches and their power buttons, for tests of rackstart."""

from virtualrack.daemon import Daemon
from virtualrack.guest import Guest
from virtualrack.node import Nic, Node, paper
from virtualrack.rack import Rack
from virtualrack.waiting import Stalled, wait_until

__all__ = ["Daemon", "Guest", "Nic", "Node", "Rack", "Stalled", "paper", "wait_until"]
