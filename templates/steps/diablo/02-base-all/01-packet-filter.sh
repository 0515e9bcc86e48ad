# shellcheck shell=bash
# Sets the packet filter of this node: in paper mode every port is open, in hardened mode those of its roles
# (lib/firewall.sh). The manual inserts one rule after the other, which are gone after the next boot.
# Where firewalld owns the rules, this takes its place.
# shellcheck disable=SC2034 # read by lib/firewall.sh
packages_el7="iptables-services"

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
