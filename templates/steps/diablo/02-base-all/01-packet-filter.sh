# shellcheck shell=bash
# Sets the packet filter of this node: in paper mode every port is open, in hardened mode those of its roles
# (lib/firewall.sh). The manual inserts one rule after the other, which are gone after the next boot.

needs() {
  need_names
}

check() {
  firewall_is_live
}

apply() {
  firewall_apply
}

verify() {
  firewall_is_live
}
