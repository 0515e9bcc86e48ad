"""A cloud of three nodes on one machine: namespaces in place of servers, the real daemon, the real runner, real services."""
