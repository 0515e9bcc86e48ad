"""The virtual rack: emulated servers, their switches and their power buttons, for tests of rackstart."""

from virtualrack.guest import Guest
from virtualrack.node import Nic, Node
from virtualrack.rack import Rack
from virtualrack.waiting import Stalled, wait_until

__all__ = ["Guest", "Nic", "Node", "Rack", "Stalled", "wait_until"]
